"""All alarms that one look at a run can give."""

import dataclasses
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.diagnostics.alarms import (
    Alarm,
    discriminator_overfitting,
    duplicates,
    gradient_norms,
    lost_tails,
    low_coverage,
    low_precision,
    missing_modes,
    oscillation,
    saturation,
    wandering,
)
from ganapp.training.diagnostics.alarms.dynamics import LEAST_DISTANCES, LEAST_NORMS
from ganapp.training.diagnostics.alarms.samples import LEAST_SAMPLES
from ganapp.training.diagnostics.spectrum import LEAST as LEAST_GAPS
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics.lost_tails import LEAST as LEAST_ROWS
from ganapp.training.evaluation.metrics.lost_tails import find_lost_tails
from ganapp.training.evaluation.metrics.modes import count_modes
from ganapp.training.evaluation.metrics.precision_recall import NeighbourBalls, neighbour_figures

NEIGHBOURS = 5
# Coverage costs the square of the examples, and a look must not be felt in the training's time.
COVERED = 1000
# Of a look that finds a lost tail where there is none: a run has many looks.
TAIL_CHANCE = 1e-3
TAIL_COLUMNS = 200  # a look at more takes a second; the report looks at all
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
        table: the codec of a table.
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
    table: TableCodec | None = None
    features: Callable[[np.ndarray], np.ndarray] | None = None


def alarms_of(look: Look) -> list[Alarm]:
    """What is wrong, if anything is."""
    groups = (_of_scores(look), _of_series(look), _of_samples(look))
    found = [alarm for group in groups for alarm in group if alarm is not None]
    return [alarm.without(look.ruled_out) for alarm in found]


def undecided_alarms(
    series: Mapping[str, Sequence[float]],
    *,
    training: int,
    held_out: int,
    fake: int,
    columns: int = 0,
) -> dict[str, str]:
    """The alarms that could not be raised, whatever is the matter, with the reason.

    Args:
        series: what the run has recorded.
        training: examples of a look that were trained on.
        held_out: real ones that were not.
        fake: generated ones.
        columns: of vectors and tables.
    """
    lengths = {
        "oscillation": ("the score gap", len(series.get("score_gap", ())), LEAST_GAPS),
        "vanishing and exploding gradients": (
            "gradient norms",
            min(len(series.get(f"{player}_gradient_norm", ())) for player in PLAYERS),
            LEAST_NORMS,
        ),
        "wandering": (
            "distances of the weights",
            min(len(series.get(f"{player}_distance", ())) for player in PLAYERS),
            LEAST_DISTANCES,
        ),
    }
    found = {
        name: f"{count} values of {what}, {least} are needed"
        for name, (what, count, least) in lengths.items()
        if count < least
    }
    fewest = min(training, fake)
    if fewest < LEAST_SAMPLES:
        found["duplicates"] = f"{fewest} examples, {LEAST_SAMPLES} are needed"
    if (fewest := min(training, held_out, fake)) <= NEIGHBOURS:
        found["low_coverage and low_precision"] = f"{fewest} examples, {NEIGHBOURS + 1} are needed"
    if columns and min(training + held_out, fake) < LEAST_ROWS:
        found["lost_tails"] = f"fewer than {LEAST_ROWS} rows"
    if columns > TAIL_COLUMNS:
        found["lost_tails"] = f"{columns} columns, looked at in the report only"
    return found


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
    far = _of_neighbours(training, held_out, fake)
    yield far
    # What is far from the data, or leaves out whole parts of them, has their tails neither.
    few = look.fake.ndim == 2 and look.fake.shape[1] <= TAIL_COLUMNS
    if far is None and few and look.modes is None:
        yield _of_tails(look)
    if look.modes is not None:
        counted = count_modes(fake, centres=look.modes.centres, sigma=look.modes.sigma)
        # Of a sample without any good point the coverage says enough.
        yield missing_modes(counted.histogram) if counted.histogram.any() else None


def _of_tails(look: Look) -> Alarm | None:
    """Spread, extremes, rare categories and missing shares, column by column."""
    real = np.concatenate([look.training, look.held_out])
    try:
        found = find_lost_tails(look.fake, real, table=look.table, chance=TAIL_CHANCE)
    except NotComputable:
        return None
    return lost_tails(found, generated=len(look.fake))


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
