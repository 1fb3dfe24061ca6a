"""Judges the averaged generator while it trains."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganapp.training.callbacks.cadence import StepCallback
from ganapp.training.rows_on_disk import generated_rows

Sink = Callable[[int, Mapping[str, float]], Any]


class Evaluate(StepCallback):
    """Draws samples from the EMA generator, has them judged and passes the figures on.

    The seed is fixed, so that figures of two steps differ because the generator does.

    Args:
        judge: takes samples `(count, *shape)` in user units and returns named figures, `None` for
            one that these samples do not have; it is passed on as NaN.
        every: steps between two evaluations.
        count: how many samples to draw.
        to_user_units: maps model units to user units.
        sinks: called in turn with `(step, figures)`, e.g. `MetricsLog.evaluation`,
            `Board.evaluation` and, last, `BestCheckpoint.offer`.
        seed: of the latents.
        last: total steps of the run, which are evaluated, too.
    """

    def __init__(
        self,
        judge: Callable[[np.ndarray], Mapping[str, float]],
        every: int,
        *,
        count: int,
        to_user_units: Callable[[Any], Any],
        sinks: Sequence[Sink] = (),
        seed: int = 0,
        last: int | None = None,
    ) -> None:
        super().__init__(every, last=last)
        if count < 1:
            raise ValueError(f"`count` must be at least 1 sample. Received: count={count}")
        self.judge, self.count, self.to_user_units = judge, count, to_user_units
        self.sinks, self.seed = tuple(sinks), seed

    def on_step(self, step: int, logs: dict[str, Any]) -> None:
        units = self.to_user_units
        samples = generated_rows(self.model, self.count, seed=self.seed, units=units)
        values = self.judge(samples)
        figures = {n: math.nan if value is None else float(value) for n, value in values.items()}
        for sink in self.sinks:
            sink(step, figures)
