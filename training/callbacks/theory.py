"""The learnt discriminator beside the optimal one, while it trains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import PIL.Image

from ganapp.training.callbacks.cadence import StepCallback
from ganapp.training.evaluation.checks import NotComputable

Sink = Callable[[int, Mapping[str, float], PIL.Image.Image], Any]


class CompareWithTheory(StepCallback):
    """Has the discriminator compared with what theory says is best for the raw generator.

    Args:
        compare: takes generated points `(count, d)` in user units; returns figures by name and a
            picture. A `NotComputable` that it raises means no comparison at this step.
        every: steps between two comparisons.
        count: how many points to generate, always of the same latents.
        to_user_units: maps model units to user units.
        sinks: called in turn with `(step, figures, picture)`.
        seed: of the latents.
        last: total steps of the run, which are compared, too.
    """

    def __init__(
        self,
        compare: Callable[[np.ndarray], tuple[Mapping[str, float], PIL.Image.Image]],
        every: int,
        *,
        count: int,
        to_user_units: Callable[[Any], Any],
        sinks: Sequence[Sink] = (),
        seed: int = 0,
        last: int | None = None,
    ) -> None:
        super().__init__(every, last=last)
        self.compare, self.count, self.to_user_units = compare, count, to_user_units
        self.sinks, self.seed = tuple(sinks), seed

    def on_step(self, step: int, logs: dict[str, Any]) -> None:
        fake = self.model.generate(self.count, seed=self.seed, ema=False)
        try:
            figures, picture = self.compare(np.asarray(self.to_user_units(fake)))
        except NotComputable:  # of a generator that makes one point there is no density
            return
        for sink in self.sinks:
            sink(step, figures, picture)
