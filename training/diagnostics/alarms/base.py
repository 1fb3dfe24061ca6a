"""What an alarm says: what was seen, what it means, what to try."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alarm:
    """One finding, for the user.

    Args:
        name: of the kind of alarm, e.g. `"saturation"`.
        seen: the figures, with their counts.
        meaning: what they say about the training.
        remedy: which settings to try, as they are written in a configuration.
        player: `"generator"` or `"discriminator"` where the other may raise the same alarm.
    """

    name: str
    seen: str
    meaning: str
    remedy: str
    player: str = ""

    @property
    def key(self) -> str:
        """What tells it from every other alarm of the same moment."""
        return f"{self.name} ({self.player})" if self.player else self.name

    @property
    def sentence(self) -> str:
        """All of it, to be printed."""
        return f"{self.seen}: {self.meaning}; {self.remedy}."
