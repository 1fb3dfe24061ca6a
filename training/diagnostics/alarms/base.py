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
    """

    name: str
    seen: str
    meaning: str
    remedy: str

    @property
    def sentence(self) -> str:
        """All of it, to be printed."""
        return f"{self.seen}: {self.meaning}; {self.remedy}."
