"""Callbacks that evaluate the generator and the discriminator while they train."""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import PIL.Image
from numpy.typing import ArrayLike

from ganapp.training.callbacks.step_callback import Logs, StepCallback
from ganapp.training.diagnostics.alarms import PLAYERS, Alarm, Snapshot, WeightHistory, find_alarms
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.rows_on_disk import generated_rows

# The share of a run before which an alarm means nothing: what the generator makes is poor in the
# first quarter of any, and weights still move as long as their learning rates have not fallen.
EARLIEST = {
    "duplicates": 0.25,
    "low_coverage": 0.25,
    "missing_modes": 0.25,
    "low_precision": 0.5,
    "lost_tails": 0.5,
    "wandering": 1.0,
}

UnitsConversion = Callable[[ArrayLike], ArrayLike]
Figures = Mapping[str, float]
Observations = Mapping[str, np.ndarray]
EvaluationSink = Callable[[int, Figures], object]
AlarmSink = Callable[[int, Figures, Sequence[Alarm] | None], object]
TheorySink = Callable[[int, Figures, PIL.Image.Image], object]


class Evaluate(StepCallback):
    """Draws samples from the EMA generator, evaluates them and passes the figures on.

    The seed is fixed, so that figures of two steps differ because the generator does.

    Args:
        evaluate: takes samples `(count, *shape)` in user units and returns named figures, `None`
            for one that these samples do not have; it is passed on as NaN.
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
        evaluate: Callable[[np.ndarray], Mapping[str, float | None]],
        every: int,
        *,
        count: int,
        to_user_units: UnitsConversion,
        sinks: Sequence[EvaluationSink] = (),
        seed: int = 0,
        last: int | None = None,
    ) -> None:
        super().__init__(every, last=last)
        if count < 1:
            raise ValueError(f"`count` must be at least 1 sample. Received: count={count}")
        self.evaluate, self.count, self.to_user_units = evaluate, count, to_user_units
        self.sinks, self.seed = tuple(sinks), seed

    def on_step(self, step: int, logs: Logs) -> None:
        units = self.to_user_units
        samples = generated_rows(self.model, self.count, seed=self.seed, units=units)
        values = self.evaluate(samples)
        figures = {n: math.nan if value is None else float(value) for n, value in values.items()}
        for sink in self.sinks:
            sink(step, figures)


class CompareWithTheory(StepCallback):
    """Compares the discriminator with the optimal one for the raw generator.

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
        compare: Callable[[np.ndarray], tuple[Figures, PIL.Image.Image]],
        every: int,
        *,
        count: int,
        to_user_units: UnitsConversion,
        sinks: Sequence[TheorySink] = (),
        seed: int = 0,
        last: int | None = None,
    ) -> None:
        super().__init__(every, last=last)
        self.compare, self.count, self.to_user_units = compare, count, to_user_units
        self.sinks, self.seed = tuple(sinks), seed

    def on_step(self, step: int, logs: Logs) -> None:
        fake = self.model.generate(self.count, seed=self.seed, ema=False)
        try:
            figures, picture = self.compare(np.asarray(self.to_user_units(fake)))
        except NotComputable:  # of a generator that makes one point there is no density
            return
        for sink in self.sinks:
            sink(step, figures, picture)


class RaiseAlarms(StepCallback):
    """Raises alarms, each with what was seen, what it means and what to try.

    The raw generator is examined, against which the discriminator plays, at fixed latents. The
    weights cost next to nothing; examples take as long as several training steps, so only some
    calls examine those.

    Args:
        every: steps between two records of the weights.
        examine_every: calls from one that examines examples to the next; the last of a run does.
        training: examples that are trained on `(n, *shape)` in user units.
        held_out: real ones that are not `(m, *shape)`.
        labels: of both, for a discriminator that goes by classes: a pair of int arrays.
        observations: of both, for one that takes some, by name.
        count: how many examples to generate.
        to_user_units: maps model units to user units.
        to_model_units: the other way.
        series: what the run has recorded up to now, by name, this callback's own distances (see
            `sinks`) among it.
        recorded_every: steps between two values of the series.
        histories: of the players' weights; their state belongs into the checkpoints.
        sinks: called in turn with `(step, distances, alarms)`; the distances of the players'
            weights from their average over the training are named `<player>_distance`, and
            `alarms` is `None` where no examples were examined.
        histograms: called with `(step, scores)`, those of held-out and generated examples by the
            tag that they are shown under.
        context: further arguments of `Snapshot` (`objective`, `modes`, `ruled_out`, `table`,
            `features`).
        seed: of the latents.
        last: total steps of the run, at which examples are examined, too.
    """

    def __init__(
        self,
        every: int,
        *,
        examine_every: int = 1,
        training: np.ndarray,
        held_out: np.ndarray,
        labels: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
        observations: tuple[Observations, Observations] = ({}, {}),
        count: int,
        to_user_units: UnitsConversion,
        to_model_units: UnitsConversion,
        series: Callable[[], Mapping[str, Sequence[float]]],
        recorded_every: int,
        histories: Mapping[str, WeightHistory],
        sinks: Sequence[AlarmSink] = (),
        histograms: Callable[[int, Mapping[str, np.ndarray]], object] | None = None,
        context: Mapping[str, object] | None = None,
        seed: int = 0,
        last: int,
    ) -> None:
        super().__init__(every, last=last)
        self.training, self.held_out = np.asarray(training), np.asarray(held_out)
        self.count, self.seed, self.to_user_units = count, seed, to_user_units
        self.series, self.recorded_every = series, recorded_every
        self.histories, self.sinks, self.context = histories, tuple(sinks), dict(context or {})
        self.examine_every, self.histograms = examine_every, histograms
        inputs = [np.asarray(to_model_units(x)) for x in (self.training, self.held_out)]
        self._real = list(zip(inputs, labels, observations, strict=True))

    def on_step(self, step: int, logs: Logs) -> None:
        distances = {f"{player}_distance": self.histories[player].record() for player in PLAYERS}
        number = step // self.every
        examines = number % self.examine_every == 0 or step >= self.last
        alarms = self._alarms(step, distances) if examines else None
        for sink in self.sinks:
            sink(step, distances, alarms)

    def _alarms(self, step: int, distances: Figures) -> list[Alarm]:
        snapshot = self._snapshot(distances)
        if self.histograms is not None:
            scores = {"real": snapshot.held_out_scores, "fake": snapshot.fake_scores}
            self.histograms(step, {f"scores/{k}_histogram": v for k, v in scores.items()})
        return [
            alarm
            for alarm in find_alarms(snapshot)
            if step >= EARLIEST.get(alarm.name, 0.0) * self.last
        ]

    def _snapshot(self, distances: Figures) -> Snapshot:
        recorded = self.series()
        own = {name: [*recorded.get(name, []), value] for name, value in distances.items()}
        fake = self.model.generate(self.count, seed=self.seed, ema=False)
        labels = self.model.requested_labels(self.count, seed=self.seed)
        scored = [*self._real, (fake, labels, self.model.observation_rows(self.count))]
        scores = [self.model.scores(x, labels, **seen) for x, labels, seen in scored]
        return Snapshot(
            training=self.training,
            held_out=self.held_out,
            fake=np.asarray(self.to_user_units(fake)),
            training_scores=scores[0],
            held_out_scores=scores[1],
            fake_scores=scores[2],
            series={**recorded, **own},
            every=self.recorded_every,
            **self.context,
        )
