"""Callbacks that evaluate the generator and the discriminator while they train."""

import math
from collections.abc import Callable, Container, Mapping, Sequence

import keras
import numpy as np
import PIL.Image
from numpy.typing import ArrayLike

from ganapp.training.callbacks import Logs, StepCallback
from ganapp.training.data import DataSpec, Source
from ganapp.training.diagnostics.alarms import PLAYERS, Alarm, Snapshot, WeightHistory, find_alarms
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import alarm_space
from ganapp.training.rows_on_disk import generated_rows

# The share of a run before which an alarm means nothing: what the generator makes is poor in the
# first quarter of any, and weights still move as long as their learning rates have not fallen.
EARLIEST = {
    "duplicates": 0.25,
    "low_coverage": 0.25,
    "missing_modes": 0.25,
    "low_precision": 0.5,
    "lost_tails": 0.5,
    "ignored_codes": 0.25,
    "wandering": 1.0,
}

CodeBounds = Callable[[np.ndarray, Mapping[str, ArrayLike]], Mapping[str, np.ndarray]]
UnitsConversion = Callable[[ArrayLike], ArrayLike]
Figures = Mapping[str, float]
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
        last: see `StepCallback`.
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
        compare: takes points `(count, d)` in user units, always of the same latents; returns
            figures by name and a picture, or raises `NotComputable`, and nothing is passed on.
        every: steps between two comparisons.
        count: how many points to generate.
        to_user_units: maps model units to user units.
        sinks: called in turn with `(step, figures, picture)`.
        last: see `StepCallback`.
    """

    def __init__(
        self,
        compare: Callable[[np.ndarray], tuple[Figures, PIL.Image.Image]],
        every: int,
        *,
        count: int,
        to_user_units: UnitsConversion,
        sinks: Sequence[TheorySink],
        last: int,
    ) -> None:
        super().__init__(every, last=last)
        self.compare, self.count, self.to_user_units = compare, count, to_user_units
        self.sinks = tuple(sinks)

    def on_step(self, step: int, logs: Logs) -> None:
        fake = self.model.generate(self.count, seed=0, ema=False)
        try:
            figures, picture = self.compare(np.asarray(self.to_user_units(fake)))
        except NotComputable:  # of a generator that makes one point there is no density
            return
        for sink in self.sinks:
            sink(step, figures, picture)


class Examiner:
    """Looks at examples, their scores and what a run has recorded, as alarms need them.

    The raw generator is examined, against which the discriminator plays, at fixed latents.

    Args:
        model: the GAN.
        source: its data.
        spec: the units of the networks.
        count: examples of each kind.
        series: what the run has recorded up to now, by name.
        every: steps between two values of the series.
        ruled_out: see `Snapshot`.
        seed: of the latents.
        code_bounds: of generated examples in model units and what they were made of, by name, how
            well codes are read of them, see `ignored_codes`; `None` without codes.
    """

    def __init__(
        self,
        model: keras.Model,
        source: Source,
        spec: DataSpec,
        *,
        count: int,
        series: Callable[[], Mapping[str, Sequence[float]]],
        every: int,
        ruled_out: Container[str] = (),
        seed: int = 0,
        code_bounds: CodeBounds | None = None,
    ) -> None:
        self.model, self.spec, self.count, self.seed = model, spec, count, seed
        self.code_bounds = code_bounds
        self.series, self.every, self.ruled_out, self.modes = series, every, ruled_out, source.modes
        self.training, training_labels = source.training_examples(count)
        self.held_out, held_out_labels = source.held_out_examples(count)
        inputs = [np.asarray(spec.to_model_units(x)) for x in (self.training, self.held_out)]
        labels = labels_of_both(training_labels, held_out_labels)
        seen = source.training_observations(count), source.held_out_observations(count)
        self._real = list(zip(inputs, labels, seen, strict=True))

    def snapshot(self, distances: Figures | None = None) -> Snapshot:
        """The run at this moment; `distances` are what it has yet to record."""
        recorded = self.series()
        own = {name: [*recorded.get(name, []), each] for name, each in (distances or {}).items()}
        fake = self.model.generate(self.count, seed=self.seed, ema=False)
        latents = {}
        if judged := self.model.judged_latents:  # then of what they were made
            drawn = self.model.inputs(self.count, seed=self.seed)
            latents = {name: drawn[name] for name in judged}
        labels = self.model.requested_labels(self.count, seed=self.seed)
        scored = [*self._real, (fake, labels, self.model.observation_rows(self.count) | latents)]
        scores = [self.model.scores(x, labels, **seen) for x, labels, seen in scored]
        return Snapshot(
            training=self.training,
            held_out=self.held_out,
            fake=np.asarray(self.spec.to_user_units(fake)),
            training_scores=scores[0],
            held_out_scores=scores[1],
            fake_scores=scores[2],
            series={**recorded, **own},
            every=self.every,
            objective=self.model.objective,
            modes=self.modes,
            ruled_out=self.ruled_out,
            table=self.spec.table,
            features=alarm_space(self.spec),
            code_bounds=self._code_bounds(fake),
        )

    def _code_bounds(self, fake: np.ndarray) -> Mapping[str, np.ndarray]:
        if self.code_bounds is None:
            return {}
        try:
            return self.code_bounds(fake, self.model.inputs(self.count, seed=self.seed))
        except NotComputable:  # the reader is told more than the example
            return {}


def labels_of_both(
    training: np.ndarray | None, held_out: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels int `(n,)` of training and held-out examples, of neither side if some are unknown.

    A discriminator scores an example by its class, too, if it is given: with classes on one side
    only, the two sides' scores would say nothing of memory.
    """
    unknown = training is None or held_out is None or min(training.min(), held_out.min()) < 0
    return (None, None) if unknown else (training, held_out)


class RaiseAlarms(StepCallback):
    """Raises alarms, each with what was seen, what it means and what to try.

    The weights cost next to nothing; examples take as long as several training steps, so only some
    calls examine those.

    Args:
        every: steps between two records of the weights.
        examine_every: calls from one that examines examples to the next; the last of a run does.
        examine: takes the distances (see `sinks`) and returns a snapshot, see `Examiner`.
        histories: of the players' weights; their state belongs into the checkpoints.
        sinks: called in turn with `(step, distances, alarms)`; the distances of the players'
            weights from their average over the training are named `<player>_distance`, and
            `alarms` is `None` where no examples were examined.
        histograms: called with `(step, scores)`, those of held-out and generated examples by the
            tag that they are shown under.
        last: total steps of the run, at which examples are examined, too.
    """

    def __init__(
        self,
        every: int,
        *,
        examine_every: int = 1,
        examine: Callable[[Figures], Snapshot],
        histories: Mapping[str, WeightHistory],
        sinks: Sequence[AlarmSink],
        histograms: Callable[[int, Mapping[str, np.ndarray]], object] | None = None,
        last: int,
    ) -> None:
        super().__init__(every, last=last)
        self.examine_every, self.examine, self.histories = examine_every, examine, histories
        self.sinks, self.histograms = tuple(sinks), histograms

    def on_step(self, step: int, logs: Logs) -> None:
        distances = {f"{player}_distance": self.histories[player].record() for player in PLAYERS}
        examines = step // self.every % self.examine_every == 0 or step >= self.last
        alarms = self._alarms(step, distances) if examines else None
        for sink in self.sinks:
            sink(step, distances, alarms)

    def _alarms(self, step: int, distances: Figures) -> list[Alarm]:
        snapshot = self.examine(distances)
        if self.histograms is not None:
            scores = {"real": snapshot.held_out_scores, "fake": snapshot.fake_scores}
            self.histograms(step, {f"scores/{k}_histogram": v for k, v in scores.items()})
        return [
            alarm
            for alarm in find_alarms(snapshot)
            if step >= EARLIEST.get(alarm.name, 0.0) * self.last
        ]
