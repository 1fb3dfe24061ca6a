"""Alarms: what was seen in a run, what it means and what to try.

Each alarm is a pure function that returns `None` or an `Alarm`; `find_alarms` calls all of them on
a `Snapshot` of a run.
"""

import dataclasses
import shlex
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist
from scipy.stats import binom

from ganapp.training.data.densities import Mixture
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.diagnostics.spectrum import LEAST as LEAST_GAPS
from ganapp.training.diagnostics.spectrum import spectrum
from ganapp.training.evaluation.checks import NotComputable, as_features, same_width
from ganapp.training.evaluation.metrics.lost_tails import LEAST as LEAST_ROWS
from ganapp.training.evaluation.metrics.lost_tails import LostTail, find_lost_tails
from ganapp.training.evaluation.metrics.modes import FAIR_PART, count_modes
from ganapp.training.evaluation.metrics.precision_recall import NeighbourBalls, neighbour_figures
from ganapp.training.objectives.base import Objective


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remedy:
    """One thing to try.

    Args:
        name: of the member or option, to be ruled out where a run uses it already; empty for advice
            that always holds.
        setting: in words, with options of the command line in backticks.
    """

    name: str = ""
    setting: str


def _set(*settings: str) -> str:
    """Settings as a shell takes them."""
    return f"`{' '.join(f'--set {shlex.quote(setting)}' for setting in settings)}`"


def _of_both(setting: str) -> str:
    """A setting of both optimizers."""
    return _set(*(f"{player}.optimizer.{setting}" for player in ("generator", "discriminator")))


def _remedy(name: str, setting: str) -> Remedy:
    return Remedy(name=name, setting=_set(setting))


PACKING = _remedy("packing", "discriminator.packing=2")
MINIBATCH = _remedy("minibatch", "discriminator.minibatch=standard_deviation")
RELATIVISTIC = _remedy("relativistic", "objective.name=relativistic")
NON_SATURATING = _remedy("non_saturating", "objective.name=non_saturating")
WGAN_GP = _remedy("wgan_gp", "objective.name=wgan_gp")
ALTERNATIVE_GOAL = _remedy("alternative_goal", "objective.generator_goal=alternative")
R1 = _remedy("r1", "objective.terms.r1.weight=1.0")
STRONGER_PENALTY = Remedy(setting="a larger weight of the gradient penalty")
SPECTRAL_NORM = _remedy("spectral_norm", "objective.constraint.name=spectral_norm")
PULLING_AWAY = _remedy("pulling_away", "objective.terms.pulling_away={}")
INSTANCE_NOISE = _remedy("instance_noise", "objective.augmentations.instance_noise.sigma=0.1")
HISTORICAL_AVERAGE = _remedy("historical_average", "objective.terms.historical_average={}")
ADAPTIVE_AUGMENT = _remedy("adaptive_augment", "objective.augmentations.adaptive_augment={}")
DIFF_AUGMENT = _remedy("diff_augment", "objective.augmentations.diff_augment={}")
MORE_DATA = Remedy(setting="more data")
SMALLER_DISCRIMINATOR = Remedy(setting="a smaller discriminator")
SMALLER_RATES = Remedy(setting=f"smaller learning rates, such as {_of_both('learning_rate=5e-5')}")
FALLING_RATES = Remedy(
    name="falling_rates",
    setting=f"falling learning rates, {_of_both('learning_rate={start=2e-4, end=1e-5}')}",
)
CLIPNORM = Remedy(name="clipnorm", setting=_of_both("clipnorm=1.0"))
FEWER_DISCRIMINATOR_STEPS = _remedy("one_discriminator_step", "objective.discriminator_steps=1")
COMPONENTS = _remedy("components", "data.components=20")
LONGER = Remedy(setting="a longer training")

MORE_INFORMATION = _remedy("more_information", "objective.terms.mutual_information.weight=4.0")
NUMBERS_WEIGH_MORE = _remedy(
    "numbers_weigh_more", "objective.terms.mutual_information.continuous_weight=1.0"
)
SMALLER_LATENT = Remedy(setting="a smaller rest of the latent, `generator.prior.parts.z.size`")

AGAINST_COLLAPSE = (PACKING, MINIBATCH, RELATIVISTIC, R1)


SUMS = 1024  # relative standard error of a distance: about 1 / sqrt(2 * SUMS), 2 %
SEED = 0x5EED  # of the signs and places; another one gives other distances


class WeightHistory:
    """The running average of a network's weights over the training, and the distance from it.

    The weights at each recorded moment are pressed into a thousand sums of randomly signed weights
    (a count sketch: Charikar, Chen and Farach-Colton, 2002, "Finding frequent items in data
    streams"), which keeps distances to a few percent whatever the number of weights; so the average
    costs a thousand numbers in a checkpoint, not a third copy of the networks.

    Args:
        variables: the network's, at least one.
    """

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        self._variables = list(variables)
        self._count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._mean = tf.Variable(np.zeros(SUMS), dtype=tf.float64, trainable=False)

    @property
    def state(self) -> list[tf.Variable]:
        """The variables that a checkpoint must hold for an exact resume."""
        return [self._count, self._mean]

    def record(self) -> float:
        """Adds the present weights to the average; returns about their distance from it (L2)."""
        present = sketch([variable.numpy() for variable in self._variables])
        count = int(self._count.assign_add(1).numpy())
        mean = self._mean.numpy()
        mean += (present - mean) / count
        self._mean.assign(mean)
        return float(np.linalg.norm(present - mean))


def sketch(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of randomly signed entries, float64 `(1024,)`: linear, and about keeping distances.

    Arrays of the same shapes have the same signs and places.
    """
    random, sums = np.random.default_rng(SEED), np.zeros(SUMS)
    for array in arrays:
        entries = np.asarray(array, dtype=np.float64).reshape(-1)
        drawn = random.integers(2 * SUMS, size=len(entries), dtype=np.uint16)
        signed = np.where(drawn & 1, entries, -entries)
        sums += np.bincount(drawn >> 1, weights=signed, minlength=SUMS)
    return sums


EXHAUSTED = (
    "what ganapp knows against it is in use already, so try other weights and learning rates, "
    "another network or a longer training"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alarm:
    """One finding, for the user.

    Args:
        name: of the kind of alarm, e.g. `"saturation"`.
        seen: the figures, with their counts.
        meaning: what they say about the training.
        remedies: what to try, the first first.
        player: `"generator"` or `"discriminator"` where the other may raise the same alarm.
    """

    name: str
    seen: str
    meaning: str
    remedies: tuple[Remedy, ...]
    player: str = ""

    @property
    def key(self) -> str:
        """The name with the player, unique among the alarms of one moment."""
        return f"{self.name} ({self.player})" if self.player else self.name

    @property
    def advice(self) -> str:
        settings = [remedy.setting for remedy in self.remedies]
        if not settings:
            return EXHAUSTED
        return f"try {', '.join(settings[:-1])}{' or ' if settings[:-1] else ''}{settings[-1]}"

    @property
    def sentence(self) -> str:
        return f"{self.seen}: {self.meaning}; {self.advice}."

    def without(self, names: Container[str]) -> "Alarm":
        """The same finding without the remedies of these names."""
        left = tuple(remedy for remedy in self.remedies if remedy.name not in names)
        return dataclasses.replace(self, remedies=left)


# Alarms on scores

# Of the generator's slope where all scores are 0. Of the loss log(1 - D) the slope is D, so this
# is D(G(z)) below 0.01 instead of the 1/2 of the equilibrium.
SATURATED = 0.02
# One half: below it most of a minibatch still teaches the generator.
SATURATED_SHARE = 0.5
# Standard errors of the difference between training and held-out scores. Two thousand snapshots in
# a long run then raise less than one false alarm in ten runs (one-sided 3e-5 each).
OVERFIT_ERRORS = 4.0
# Of the way from generated to training scores. A difference can be significant and of no
# consequence; a quarter of all that separates the two is memory, not knowledge.
OVERFIT_SHARE = 0.25


def saturation(objective: Objective, real: ArrayLike, fake: ArrayLike) -> Alarm | None:
    """Most generated examples are rejected with a certainty that leaves no gradient.

    Rejected: by a score below 0, of relativistic objectives below that of a real example. A loss
    that is flat where the generator has won (-log D near D = 1) does not count. Raw scores of real
    and generated examples are taken in pairs; beyond the shorter of the two none count.
    """
    real, fake = _finite_vector("real", real), _finite_vector("fake", fake)
    count = min(len(real), len(fake))
    real, fake = real[:count], fake[:count]
    reference = np.asarray(objective.generator_slope(np.zeros(1), np.zeros(1)))[0]
    flat = np.asarray(objective.generator_slope(real, fake)) < SATURATED * reference
    rejected = fake < (real if objective.relativistic else 0.0)
    share = float(np.mean(flat & rejected))
    if share <= SATURATED_SHARE:
        return None
    return Alarm(
        name="saturation",
        seen=f"{share:.0%} of {count} generated examples are rejected with scores at which the "
        f"generator's loss is less than {SATURATED:.0%} as steep as at 0",
        meaning="its loss saturates and leaves the generator almost no gradient there",
        remedies=(ALTERNATIVE_GOAL, NON_SATURATING, INSTANCE_NOISE),
    )


def discriminator_overfitting(
    train: ArrayLike, held_out: ArrayLike, fake: ArrayLike
) -> Alarm | None:
    """The discriminator knows its training examples by heart: unseen real ones score lower.

    Decided by the difference of raw scores in pooled standard errors, and as a share of the way
    from generated to training scores (the quantity r_v of Karras et al., 2020, arXiv:2006.06676).
    Of real examples at least two scores of each kind are needed.
    """
    train = _finite_vector("train", train, least=2)
    held_out = _finite_vector("held_out", held_out, least=2)
    fake = _finite_vector("fake", fake)
    difference = train.mean() - held_out.mean()
    error = np.sqrt(train.var(ddof=1) / len(train) + held_out.var(ddof=1) / len(held_out))
    if not difference > OVERFIT_ERRORS * error:
        return None
    # When the generated ones score no lower than the held-out, all that separates them is memory.
    share = difference / max(train.mean() - fake.mean(), difference)
    if share <= OVERFIT_SHARE:
        return None
    errors = f"{difference / error:.1f} standard errors" if error > 0 else "a certain difference"
    return Alarm(
        name="discriminator_overfitting",
        seen=f"{len(train)} training examples score {difference:.3g} higher than {len(held_out)} "
        f"held-out ones ({errors}), {share:.0%} of what separates them from generated ones",
        meaning="the discriminator has memorised its training examples, and the generator will "
        "be pulled towards them",
        remedies=(
            ADAPTIVE_AUGMENT,
            DIFF_AUGMENT,
            R1,
            STRONGER_PENALTY,
            MORE_DATA,
            SMALLER_DISCRIMINATOR,
        ),
    )


# Alarms on series recorded along the training

# Of the variance about a straight line, in the dominant frequency and its neighbours: less is
# seen in noise with a long memory, too.
OSCILLATING_SHARE = 0.4
# Fewer turns than this can be the slow drift of any noise.
OSCILLATING_CYCLES = 4.0
# Noise with memory is not exactly the autoregression it is compared with. Measured on 400 series
# each of 64, 200 and 1,000 values: white noise, random walks and autoregressions of .5 to .98
# gave 2 false alarms in 6,000 at this level, 27 at 1e-3.
OSCILLATING_CHANCE = 1e-6
# Distance to the historical average at the end over that at half of the run. A run that
# converges moves away from its average like 1 / t, which halves it; one that circles keeps it.
WANDERING_RATIO = 0.9
LEAST_DISTANCES = 20
# Present gradient norms (the last tenth) over those before. Healthy runs lose and gain one or
# two orders of magnitude when penalties are annealed; float32 keeps seven.
VANISHED, EXPLODED = 1e-4, 1e3
LEAST_NORMS = 20


def oscillation(score_gap: ArrayLike, *, every: float = 1.0) -> Alarm | None:
    """The two players chase each other: the score gap swings with one frequency.

    The gap, mean score of real less that of generated examples, is recorded at every so many steps
    and not smoothed. `None` for fewer than 32 values, and for a gap that is a straight line.
    """
    gap = _finite_vector("score_gap", score_gap)
    try:
        found = spectrum(gap, every=every)
    except NotComputable:
        return None
    swings = (
        found.share >= OSCILLATING_SHARE
        and found.cycles >= OSCILLATING_CYCLES
        and found.p_value < OSCILLATING_CHANCE
    )
    if not swings:
        return None
    return Alarm(
        name="oscillation",
        seen=f"the score gap swings with a period of {found.period:,.0f} steps, which holds "
        f"{found.share:.0%} of its variance in {len(gap)} values",
        meaning="the players go round their equilibrium instead of into it",
        remedies=(R1, HISTORICAL_AVERAGE, SMALLER_RATES),
    )


def wandering(distances: ArrayLike, *, player: str) -> Alarm | None:
    """The weights do not settle: they stay as far from their own average as at half of the run.

    Distances from the average are evenly recorded from the start of the training on. `None` for
    fewer than 20, and where the weights never moved.
    """
    distances = _finite_vector("distances", distances, least=0)
    if len(distances) < LEAST_DISTANCES:
        return None
    part = max(len(distances) // 10, 2)
    middle = len(distances) // 2
    before = float(np.median(distances[middle - part // 2 : middle + part - part // 2]))
    now = float(np.median(distances[-part:]))
    if before <= 0 or now < WANDERING_RATIO * before:
        return None
    return Alarm(
        name="wandering",
        player=player,
        seen=f"the {player}'s weights are {now:.3g} from their historical average, "
        f"{now / before:.2f} times as far as at half of the run ({len(distances)} values)",
        meaning="they circle or drift instead of settling",
        remedies=(FALLING_RATES, HISTORICAL_AVERAGE),
    )


def gradient_norms(norms: ArrayLike, *, player: str) -> Alarm | None:
    """The gradients have vanished or exploded, compared with those of the run so far.

    Euclidean norms, evenly recorded, may be infinite or NaN, which is an explosion. `None` for
    fewer than 20.
    """
    norms = np.asarray(norms, dtype=np.float64).reshape(-1)
    broken = int(np.count_nonzero(~np.isfinite(norms)))
    if broken:
        return _explosion(player, f"is not finite in {broken} of {len(norms)} values")
    if len(norms) < LEAST_NORMS:
        return None
    part = max(len(norms) // 10, 5)
    # Medians: a single large step is no explosion, and a single small one no standstill.
    before, now = float(np.median(norms[:-part])), float(np.median(norms[-part:]))
    if now > EXPLODED * before > 0:
        return _explosion(player, f"is {now:.2g} after {before:.2g} before")
    if now >= VANISHED * before and now > 0:
        return None
    return Alarm(
        name="vanishing_gradients",
        player=player,
        seen=f"the gradient norm of the {player} is {now:.2g} (median of {part} values) after "
        f"{before:.2g} before",
        meaning="it no longer learns",
        remedies=(NON_SATURATING, WGAN_GP, FEWER_DISCRIMINATOR_STEPS, INSTANCE_NOISE),
    )


def _explosion(player: str, seen: str) -> Alarm:
    return Alarm(
        name="exploding_gradients",
        player=player,
        seen=f"the gradient norm of the {player} {seen}",
        meaning="the next steps will throw the weights far out",
        remedies=(SMALLER_RATES, CLIPNORM, R1, SPECTRAL_NORM),
    )


# Alarms on generated samples

# Pairs of real examples this near are its near-duplicates: one in a thousand of them, so that a
# few hundred examples already have some.
NEAR_QUANTILE = 1e-3
# Times as many among generated pairs. Halving the width of every mode in the plane gives four;
# chance, between two draws of 500 of the same data, gave at most 1.7 in 800 trials, but up to 6
# between draws of 100, whose thousandth is five pairs.
DUPLICATE_RATIO = 3.0
LEAST_SAMPLES, MOST_SAMPLES = 300, 2000  # pairs grow with the square
# Of the coverage that held-out real data reach. Coverage of two draws of the same data differs
# by a few hundredths; what is lost below this is whole regions.
COVERAGE_SHARE = 0.7
# Of the precision of held-out examples: below it most samples are no sketch of the data even.
PRECISION_SHARE = 0.5
# Chance that a perfect sampler has as poor a mode somewhere, over all modes together.
MODE_CHANCE = 1e-4
MOST_TAILS = 3  # findings that an alarm names


def duplicates(generated: ArrayLike, real: ArrayLike, *, seed: int = 0) -> Alarm | None:
    """Generated samples resemble each other more often than real ones do.

    The birthday test of Arora and Zhang, 2017 (arXiv:1706.08224), with a measured instead of a seen
    resemblance: a pair of the features `(n, d)` counts when it is nearer than the nearest
    thousandth of all pairs of real examples. `None` for fewer than 300 of either; 2,000 are
    compared when there are more.
    """
    generated = _some(as_features("generated", generated), seed)
    real = _some(as_features("real", real), seed)
    same_width(generated, real)
    count = min(len(generated), len(real))
    if count < LEAST_SAMPLES:
        return None
    among_real, among_generated = pdist(real), pdist(generated)
    near = float(np.quantile(among_real, NEAR_QUANTILE))
    expected = float(np.mean(among_real <= near))  # more than the quantile where distances tie
    share = float(np.mean(among_generated <= near))
    if share <= DUPLICATE_RATIO * expected:
        return None
    return Alarm(
        name="duplicates",
        seen=f"{share:.2%} of the pairs of {len(generated)} generated samples are nearer than "
        f"{near:.3g} ({near / float(np.median(among_real)):.2g} of the median distance of real "
        f"ones), as only {expected:.2%} of real pairs are",
        meaning="the generator makes few different samples, or some far too often",
        remedies=(*AGAINST_COLLAPSE, PULLING_AWAY),
    )


def low_coverage(coverage: float, floor: float, *, generated: int, real: int) -> Alarm | None:
    """Whole regions of the data have no generated sample.

    Args:
        coverage: share of `real` examples with a generated one in their neighbourhood.
        floor: what as many held-out real examples reach.
        generated: samples behind `coverage`.
        real: examples behind it.
    """
    if coverage >= COVERAGE_SHARE * floor:
        return None
    return Alarm(
        name="low_coverage",
        seen=f"{generated} generated samples cover {coverage:.2f} of {real} real examples, where "
        f"held-out ones cover {floor:.2f}",
        meaning="parts of the data are never generated",
        remedies=AGAINST_COLLAPSE,
    )


def low_precision(precision: float, floor: float, *, generated: int, real: int) -> Alarm | None:
    """Most samples lie nowhere near the data; arguments as for `low_coverage`."""
    if precision >= PRECISION_SHARE * floor:
        return None
    return Alarm(
        name="low_precision",
        seen=f"{precision:.0%} of {generated} generated samples lie near one of {real} real "
        f"examples, where {floor:.0%} of held-out ones do",
        meaning="most of what is generated resembles nothing in the data, because the generator "
        "has not learnt yet or has lost its way",
        remedies=(LONGER, R1, SPECTRAL_NORM, RELATIVISTIC, SMALLER_RATES),
    )


def missing_modes(
    histogram: ArrayLike,
    shares: ArrayLike | None = None,
    *,
    kind: str = "modes",
    names: Sequence[str] = (),
) -> Alarm | None:
    """Known modes or classes have fewer samples than a perfect sampler would give them.

    A mode is missing with less than 20 % of its share and fewer samples than chance explains.

    Args:
        histogram: generated samples per mode, int `(m,)`, at least one in total.
        shares: of the data per mode `(m,)`, summing to 1; equal when not given.
        kind: `"modes"` or `"classes"`, for the sentence.
        names: of the modes; their numbers when there are none.
    """
    histogram = np.asarray(histogram)
    count = len(histogram)
    shares = np.full(count, 1 / count) if shares is None else np.asarray(shares, np.float64)
    total = int(histogram.sum())
    poor = histogram < FAIR_PART * shares * total
    unlikely = binom.cdf(histogram, total, shares) < MODE_CHANCE / count
    missing = np.flatnonzero(poor & unlikely)
    if len(missing) == 0:
        return None
    named = [names[place] if len(names) else str(place) for place in missing[:8]]
    shown = ", ".join(named) + (", ..." if len(missing) > 8 else "")
    return Alarm(
        name="missing_modes",
        seen=f"{len(missing)} of {count} {kind} ({shown}) have less than {FAIR_PART:.0%} of their "
        f"share of {total} samples",
        meaning="the generator has dropped them",
        remedies=AGAINST_COLLAPSE,
    )


def lost_tails(found: Sequence[LostTail], *, generated: int) -> Alarm | None:
    """Columns whose spread, extremes, rare categories or missing shares are not the data's."""
    if not found:
        return None
    columns = len({each.column for each in found})
    shown = "; ".join(each.sentence for each in found[:MOST_TAILS])
    more = f"; and {len(found) - MOST_TAILS} more" if len(found) > MOST_TAILS else ""
    numbers = any(each.kind.endswith("tail") or each.kind == "spread" for each in found)
    return Alarm(
        name="lost_tails",
        seen=f"of {generated} samples {columns} column{'s are' if columns > 1 else ' is'} not like "
        f"the data beyond chance ({shown}{more})",
        meaning="averages hide that the rarest values are missing or too many",
        remedies=(*([COMPONENTS] if numbers else []), PACKING, MINIBATCH, LONGER),
    )


# Nats: of a normal number 18 % of its variance, of one of ten categories hardly more than chance.
IGNORED = 0.1
# Standard errors that the bound must be below it.
IGNORED_ERRORS = 3.0


def ignored_codes(bounds: Mapping[str, ArrayLike]) -> Alarm | None:
    """Codes that cannot be read of the samples: the generator makes the same of all their values.

    Args:
        bounds: log Q(c | x) + H(c) of generated examples by the code's name, nats, `(n,)` of at
            least 2; their mean is a lower bound of the information between code and example.
    """
    found = {}
    for name, values in bounds.items():
        values = _finite_vector(name, values, least=2)
        mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(values))
        if mean + IGNORED_ERRORS * error < IGNORED:
            found[name] = f"{name!r} {mean:.2g} nats (standard error {error:.1g})"
    if not found:
        return None
    count = len(next(iter(bounds.values())))
    many = len(found) > 1
    return Alarm(
        name="ignored_codes",
        seen=f"of {count} generated examples the reader learns of the code{'s' if many else ''} "
        f"{', '.join(found.values())}, less than {IGNORED} nats",
        meaning=f"the generator makes the same of all {'their' if many else 'its'} values, or the "
        "reader does not see the difference",
        remedies=(MORE_INFORMATION, NUMBERS_WEIGH_MORE, SMALLER_LATENT, LONGER),
    )


def _some(features: np.ndarray, seed: int) -> np.ndarray:
    if len(features) <= MOST_SAMPLES:
        return features
    return np.random.default_rng(seed).choice(features, MOST_SAMPLES, replace=False)


# All alarms of one moment

NEIGHBOURS = 5
# Coverage costs the square of the examples, and alarms must not slow the training down.
COVERED = 1000
# Of finding a lost tail where there is none: a run is examined many times.
TAIL_CHANCE = 1e-3
TAIL_COLUMNS = 200  # more take a second; the report examines all
PLAYERS = ("generator", "discriminator")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A run at one moment; examples are in user units, scores raw, one for each example or pack.

    Args:
        training: examples that were trained on, `(n, *shape)`.
        held_out: real examples that were not, `(m, *shape)`.
        fake: generated ones, `(k, *shape)`, always of the same latents.
        series: what the run has recorded up to now, by name, evenly spaced.
        every: steps between two of its values.
        ruled_out: names of the remedies that the run uses already or that are not for it.
        features: maps examples to `(n, d)`, where they are compared; as they are when `None`.
        code_bounds: of the generated ones, see `ignored_codes`; empty without codes.
    """

    training: np.ndarray
    held_out: np.ndarray
    fake: np.ndarray
    training_scores: np.ndarray
    held_out_scores: np.ndarray
    fake_scores: np.ndarray
    series: Mapping[str, Sequence[float]]
    every: float = 1.0
    objective: Objective | None = None
    modes: Mixture | None = None
    ruled_out: Container[str] = ()
    table: TableCodec | None = None
    features: Callable[[np.ndarray], np.ndarray] | None = None
    code_bounds: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


def find_alarms(snapshot: Snapshot) -> list[Alarm]:
    """The alarms of one moment, without the remedies that are ruled out."""
    found = (*_recorded_alarms(snapshot), *_sample_alarms(snapshot))
    return [alarm.without(snapshot.ruled_out) for alarm in found if alarm is not None]


def undecided_alarms(
    series: Mapping[str, Sequence[float]],
    *,
    training: int,
    held_out: int,
    fake: int,
    columns: int = 0,
) -> dict[str, str]:
    """The alarms that could not be raised for want of values or examples, with the reason.

    Args:
        series: what the run has recorded.
        training, held_out, fake: examples of a snapshot.
        columns: of vectors and tables.
    """
    norms, distances = (
        [f"{player}_{kind}" for player in PLAYERS] for kind in ("gradient_norm", "distance")
    )
    found = {}
    for name, what, keys, least in (
        ("oscillation", "the score gap", ["score_gap"], LEAST_GAPS),
        ("vanishing and exploding gradients", "gradient norms", norms, LEAST_NORMS),
        ("wandering", "distances of the weights", distances, LEAST_DISTANCES),
    ):
        count = min(len(series.get(key, ())) for key in keys)
        if count < least:
            found[name] = f"{count} values of {what}, {least} are needed"
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


def _recorded_alarms(snapshot: Snapshot) -> Iterator[Alarm | None]:
    """Of scores, and of series along the training."""
    training, fake = snapshot.training_scores, snapshot.fake_scores
    yield discriminator_overfitting(training, snapshot.held_out_scores, fake)
    if snapshot.objective is not None:
        yield saturation(snapshot.objective, training, fake)
    if "score_gap" in snapshot.series:
        yield oscillation(snapshot.series["score_gap"], every=snapshot.every)
    for player in PLAYERS:
        norms = snapshot.series.get(f"{player}_gradient_norm", [])
        if len(norms) > 1:
            yield gradient_norms(norms, player=player)
        yield wandering(snapshot.series.get(f"{player}_distance", []), player=player)


def _sample_alarms(snapshot: Snapshot) -> Iterator[Alarm | None]:
    features = snapshot.features or _flat
    training, held_out, fake = map(features, (snapshot.training, snapshot.held_out, snapshot.fake))
    yield duplicates(fake, training)
    yield ignored_codes(snapshot.code_bounds)
    far = _neighbour_alarm(training, held_out, fake)
    yield far
    # What is far from the data, or leaves out whole parts of them, has their tails neither.
    few = snapshot.fake.ndim == 2 and snapshot.fake.shape[1] <= TAIL_COLUMNS
    if far is None and few and snapshot.modes is None:
        yield _tail_alarm(snapshot)
    if snapshot.modes is not None:
        counted = count_modes(fake, centres=snapshot.modes.centres, sigma=snapshot.modes.sigma)
        # A sample without any good point has its alarm by the coverage.
        yield missing_modes(counted.histogram) if counted.histogram.any() else None


def _tail_alarm(snapshot: Snapshot) -> Alarm | None:
    real = np.concatenate([snapshot.training, snapshot.held_out])
    try:
        found = find_lost_tails(snapshot.fake, real, table=snapshot.table, chance=TAIL_CHANCE)
    except NotComputable:
        return None
    return lost_tails(found, generated=len(snapshot.fake))


def _neighbour_alarm(training: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> Alarm | None:
    """Generated and held-out examples, as many of each, against the same training examples.

    What lies nowhere near the data cannot cover them either; then it is the only alarm.
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


def _finite_vector(name: str, values: ArrayLike, *, least: int = 1) -> np.ndarray:
    """float64 `(n,)` of finite values; NotComputable for fewer than `least`."""
    values = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(values) < least:
        raise NotComputable(
            f"`{name}` must hold at least {least} values. Received: {len(values)} values"
        )
    broken = np.count_nonzero(~np.isfinite(values))
    if broken:
        raise ValueError(
            f"`{name}` must be finite. Received: {broken} of {len(values)} values NaN or infinite"
        )
    return values
