"""All alarms that one look at a run can give."""

import dataclasses
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from training.diagnostics.alarms import (
    Alarm,
    discriminator_overfitting,
    duplicates,
    gradient_norms,
    low_coverage,
    low_precision,
    missing_modes,
    oscillation,
    saturation,
    wandering,
)
from training.evaluation.checks import NotComputable
from training.evaluation.modes import count_modes
from training.evaluation.neighbours import NeighbourBalls, neighbour_figures

NEIGHBOURS = 5
# Coverage costs the square of the examples, and a look must not be felt in the training's time.
COVERED = 1000
PLAYERS = ("generator", "discriminator")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """A run at one moment.

    Args:
        training: examples that were trained on, `(n, *shape)`, as all examples in user units.
        held_out: real examples that were not, `(m, *shape)`.
        fake: generated ones, `(k, *shape)`, always of the same latents.
        training_scores: raw scores, one for each example (or for each pack of them).
        held_out_scores: likewise.
        fake_scores: likewise.
        series: what the run has recorded up to now, by name, evenly spaced.
        every: steps between two of its values.
        objective: that is played, to know where the generator's loss is flat.
        modes: the known mixture of the data (`centres`, `sigma`), if there is one.
        ruled_out: names of the remedies that the run uses already or that are not for it.
        features: maps examples to `(n, d)`, where they are compared; as they are when `None`.
    """

    training: np.ndarray
    held_out: np.ndarray
    fake: np.ndarray
    training_scores: np.ndarray
    held_out_scores: np.ndarray
    fake_scores: np.ndarray
    series: Mapping[str, Sequence[float]]
    every: float = 1.0
    objective: Any = None
    modes: Any = None
    ruled_out: Container[str] = ()
    features: Callable[[np.ndarray], np.ndarray] | None = None


def alarms_of(look: Look) -> list[Alarm]:
    """What is wrong, if anything is."""
    groups = (_of_scores(look), _of_series(look), _of_samples(look))
    found = [alarm for group in groups for alarm in group if alarm is not None]
    return [alarm.without(look.ruled_out) for alarm in found]


def _of_scores(look: Look) -> Iterator[Alarm | None]:
    yield discriminator_overfitting(look.training_scores, look.held_out_scores, look.fake_scores)
    if look.objective is not None:
        yield saturation(look.objective, look.training_scores, look.fake_scores)


def _of_series(look: Look) -> Iterator[Alarm | None]:
    if "score_gap" in look.series:
        yield oscillation(look.series["score_gap"], every=look.every)
    for player in PLAYERS:
        norms = look.series.get(f"{player}_gradient_norm", [])
        if len(norms) > 1:
            yield gradient_norms(norms, player=player)
        yield wandering(look.series.get(f"{player}_distance", []), player=player)


def _of_samples(look: Look) -> Iterator[Alarm | None]:
    features = look.features or _flat
    training, held_out, fake = map(features, (look.training, look.held_out, look.fake))
    yield duplicates(fake, training)
    yield _of_neighbours(training, held_out, fake)
    if look.modes is not None:
        counted = count_modes(fake, centres=look.modes.centres, sigma=look.modes.sigma)
        # Of a sample without any good point the coverage says enough.
        yield missing_modes(counted.histogram) if counted.histogram.any() else None


def _of_neighbours(training: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> Alarm | None:
    """Generated and held-out examples, as many of each, against the same training examples.

    What lies nowhere near the data cannot cover them either; that is then said alone.
    """
    count = min(len(held_out), len(fake), COVERED)
    real = training[:COVERED]
    try:
        balls = NeighbourBalls(real, neighbours=NEIGHBOURS)
        found, floor = (
            neighbour_figures(balls, NeighbourBalls(some[:count], neighbours=NEIGHBOURS))
            for some in (fake, held_out)
        )
    except NotComputable:  # too few examples for neighbours
        return None
    counts = {"generated": count, "real": len(real)}
    far = low_precision(found.precision, floor.precision, **counts)
    return far or low_coverage(found.coverage, floor.coverage, **counts)


def _flat(examples: np.ndarray) -> np.ndarray:
    return np.reshape(examples, (len(examples), -1)).astype(np.float64)
