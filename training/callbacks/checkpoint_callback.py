"""Saves the run at a cadence."""

from collections.abc import Callable
from typing import Any

from ganapp.training.callbacks.cadence import StepCallback


class CheckpointEvery(StepCallback):
    """Calls `save(step)` at multiples of `every` and at the run's last step.

    Put it after whatever records the same step: a step that can be restored must have been
    recorded in full, because a resumed run does not go through it again.

    Args:
        save: e.g. `Checkpoints.save`.
        every: steps between two checkpoints.
        last: total steps of the run, which are saved, too.
    """

    def __init__(self, save: Callable[[int], Any], every: int, *, last: int | None = None) -> None:
        super().__init__(every, last=last)
        self.save = save

    def on_step(self, step: int, logs: dict[str, Any]) -> None:
        self.save(step)
