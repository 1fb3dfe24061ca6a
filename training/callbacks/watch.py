"""Looks at the run for the reasons why GANs fail, while it trains."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ganapp.training.callbacks.cadence import StepCallback
from ganapp.training.diagnostics.alarms import Alarm
from ganapp.training.diagnostics.history import WeightHistory
from ganapp.training.diagnostics.watch import PLAYERS, Look, alarms_of

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
Sink = Callable[[int, Mapping[str, float], Sequence[Alarm] | None], Any]
Series = Mapping[str, Sequence[float]]


class Watch(StepCallback):
    """Raises alarms: each says what was seen, what it means and what to try.

    It looks at the raw generator, against which the discriminator plays, at fixed latents. A look
    at the weights costs next to nothing; one at examples takes as long as several training steps,
    so only some looks examine those.

    Args:
        every: steps between two looks.
        examine_every: looks from one at examples to the next; the last of a run is one.
        training: examples that are trained on `(n, *shape)` in user units.
        held_out: real ones that are not `(m, *shape)`.
        labels: of both, for a discriminator that goes by classes: a pair of int arrays.
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
        about: what else a `Look` knows (`objective`, `modes`, `ruled_out`, `table`,
            `features`).
        seed: of the latents.
        last: total steps of the run, at which it looks, too.
    """

    def __init__(
        self,
        every: int,
        *,
        examine_every: int = 1,
        training: np.ndarray,
        held_out: np.ndarray,
        labels: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
        count: int,
        to_user_units: Callable[[Any], Any],
        to_model_units: Callable[[Any], Any],
        series: Callable[[], Series],
        recorded_every: int,
        histories: Mapping[str, WeightHistory],
        sinks: Sequence[Sink] = (),
        histograms: Callable[[int, Mapping[str, np.ndarray]], Any] | None = None,
        about: Mapping[str, Any] | None = None,
        seed: int = 0,
        last: int,
    ) -> None:
        super().__init__(every, last=last)
        self.training, self.held_out = np.asarray(training), np.asarray(held_out)
        self.count, self.seed, self.to_user_units = count, seed, to_user_units
        self.series, self.recorded_every = series, recorded_every
        self.histories, self.sinks, self.about = histories, tuple(sinks), dict(about or {})
        self.examine_every, self.histograms = examine_every, histograms
        inputs = [np.asarray(to_model_units(x)) for x in (self.training, self.held_out)]
        self._real = list(zip(inputs, labels, strict=True))

    def on_step(self, step: int, logs: dict[str, Any]) -> None:
        distances = {f"{player}_distance": self.histories[player].record() for player in PLAYERS}
        number = step // self.every
        examines = number % self.examine_every == 0 or step >= self.last
        alarms = self._alarms(step, distances) if examines else None
        for sink in self.sinks:
            sink(step, distances, alarms)

    def _alarms(self, step: int, distances: Mapping[str, float]) -> list[Alarm]:
        look = self._look(distances)
        if self.histograms is not None:
            scores = {"real": look.held_out_scores, "fake": look.fake_scores}
            self.histograms(step, {f"scores/{k}_histogram": v for k, v in scores.items()})
        return [
            alarm for alarm in alarms_of(look) if step >= EARLIEST.get(alarm.name, 0.0) * self.last
        ]

    def _look(self, distances: Mapping[str, float]) -> Look:
        recorded = self.series()
        own = {name: [*recorded.get(name, []), value] for name, value in distances.items()}
        fake = self.model.generate(self.count, seed=self.seed, ema=False)
        judged = [*self._real, (fake, self.model.asked(self.count, seed=self.seed))]
        scores = [self.model.scores(examples, labels) for examples, labels in judged]
        return Look(
            training=self.training,
            held_out=self.held_out,
            fake=np.asarray(self.to_user_units(fake)),
            training_scores=scores[0],
            held_out_scores=scores[1],
            fake_scores=scores[2],
            series={**recorded, **own},
            every=self.recorded_every,
            **self.about,
        )
