"""What an alarm says: what was seen, what it means, what to try."""

import dataclasses
from collections.abc import Container

EXHAUSTED = (
    "what ganapp knows against it is in use already, so try other weights and learning rates, "
    "another network or a longer training"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing to try.

    Args:
        name: of the member or option, by which a run says what it uses already; empty for advice
            that always holds.
        setting: what to try in words, with options of the command line in backticks.
    """

    name: str = ""
    setting: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alarm:
    """One finding, for the user.

    Args:
        name: of the kind of alarm, e.g. `"saturation"`.
        seen: the figures, with their counts.
        meaning: what they say about the training.
        remedies: what to try, the first first.
        player: `"generator"` or `"discriminator"` where the other may raise the same alarm.
    """

    name: str
    seen: str
    meaning: str
    remedies: tuple[Remedy, ...]
    player: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other alarm of the same moment."""
        return f"{self.name} ({self.player})" if self.player else self.name

    @property
    def advice(self) -> str:
        """Which settings to try, in words."""
        settings = [remedy.setting for remedy in self.remedies]
        if not settings:
            return EXHAUSTED
        return f"try {', '.join(settings[:-1])}{' or ' if settings[:-1] else ''}{settings[-1]}"

    @property
    def sentence(self) -> str:
        """All of it, to be printed."""
        return f"{self.seen}: {self.meaning}; {self.advice}."

    def without(self, names: Container[str]) -> "Alarm":
        """The same finding without the remedies of these names."""
        left = tuple(remedy for remedy in self.remedies if remedy.name not in names)
        return dataclasses.replace(self, remedies=left)
