"""The contract of a metric: the samples and real data that it is given, and its description."""

import dataclasses
import math
import operator
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.data.densities import Mixture
from ganapp.training.data.source import ArraySource
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable, check_labels, check_samples
from ganapp.training.evaluation.features.spaces import (
    Coordinates,
    FeatureChoice,
    FeatureRows,
    FeatureSpace,
    FeatureStatistics,
    FeatureStore,
    PrincipalPixels,
    TrainingData,
    plain_space,
)
from ganapp.training.priors.base import Prior
from ganapp.training.rows_on_disk import Joined, join_rows, take_rows

Values = dict[str, float | NotComputable]
Details = dict[str, object]
Computed = tuple[Values, Details]
Resampled = dict[str, np.ndarray]
ReportData = Mapping[str, Any]  # the dictionary of a `Report`, or a part of it: JSON
When = Literal["always", "end", "request"]
Direction = Literal["higher", "lower", "one", "half"]
T = TypeVar("T")

IN_A_TREE = 15  # dimensions up to which scikit-learn searches a tree, which has all of them
MOST_HELD = 10_000  # rows: of more samples the features are not kept for the statistics alone
# Samples of a side in the neighbour metrics, whose cost grows with the square: 4 s at 10,000.
MOST_NEIGHBOURS = 10_000
CERTAIN = 4.0  # standard errors from the floor of what decides alone


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paths:
    """A generator, as a path length needs it.

    Args:
        inputs: `(count, seed)` -> inputs of the generator, `count` rows.
        interpolate: `(start, end, fraction (count, 1))` -> inputs that far along the path, by the
            prior's own way.
        generate: inputs -> samples in user units, not rounded: a small step must not vanish in the
            256 levels of an image.
    """

    inputs: Callable[[int, int], object]
    interpolate: Callable[[object, object, np.ndarray], object]
    generate: Callable[[object], np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """Real examples with what is observed of them.

    Args:
        examples: `(n, *shape)` in user units.
        observations: by name, in model units `(n, ...)`.
    """

    examples: np.ndarray
    observations: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conditional:
    """A generator that makes examples for observations, beside what was really observed.

    Args:
        held_out: observations that training never saw, with the one true example of each.
        draw: `(count, seed)` -> `(n, count, *shape)` in user units, images not rounded: so many
            examples for each of the held-out observations.
        training: `count` -> at most so many training examples, for simple predictors.
        observe: examples in user units -> what would be observed of them, as far as an example
            alone tells that.
    """

    held_out: Observed
    draw: Callable[[int, int], np.ndarray]
    training: Callable[[int], Observed]
    observe: Callable[[np.ndarray], dict[str, np.ndarray]] = lambda examples: {}

    def __len__(self) -> int:
        return len(self.held_out.examples)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Codes:
    """The codes of a generator and the network that reads them back.

    Args:
        priors: of each code by name.
        draw: `(count, seed)` -> codes by name `(count, size)` and the samples made of them, in user
            units.
        guess: samples in user units -> the likeliest codes by name.
        bounds: samples and their codes -> log Q(c | x) + H(c) by name, nats `(n,)`.
        model_units: samples in user units -> as networks take them.
    """

    priors: Mapping[str, Prior]
    draw: Callable[[int, int], tuple[dict[str, np.ndarray], np.ndarray]]
    guess: Callable[[np.ndarray], dict[str, np.ndarray]]
    bounds: Callable[[np.ndarray, Mapping[str, np.ndarray]], dict[str, np.ndarray]]
    model_units: Callable[[np.ndarray], np.ndarray]


class Cache(dict[Hashable, object]):
    """Values that are computed at most once, by key."""

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `compute()`, from the first call with this key; an error is not kept."""
        if key not in self:
            self[key] = compute()
        return self[key]


class SampleSet:
    """Samples in user units, generated or real, with what metrics compute of them kept.

    Args:
        samples: `(n, *shape)`, already checked.
        neighbours: k of the nearest-neighbour metrics.
        store: keeps features and statistics of real data, which come again, on disk.
        labels: int `(n,)`, the classes of real examples (below 0 where not known) or those that
            were requested.
        paths: of the samples' generator.
        conditional: likewise, of one that makes examples for observations.
        codes: likewise, where a network reads them.
    """

    def __init__(
        self,
        samples: np.ndarray | Joined,
        *,
        neighbours: int,
        store: FeatureStore | None = None,
        labels: np.ndarray | None = None,
        paths: Paths | None = None,
        conditional: Conditional | None = None,
        codes: Codes | None = None,
    ) -> None:
        self.samples, self.labels = samples, labels
        self.neighbours = neighbours
        self.paths, self.conditional, self.codes = paths, conditional, codes
        self.cache = Cache()
        self._store = store or FeatureStore(None)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> int:
        return 0 if self.labels is None else int(np.count_nonzero(self.labels >= 0))

    def at_most(self, most: int, seed: int) -> "SampleSet":
        """These samples, or `most` of them at random if there are more."""
        if len(self) <= most:
            return self
        return self.cache.once(
            ("part", most, seed),
            lambda: self.drawn(most, seed, paths=self.paths, codes=self.codes),
        )

    def drawn(self, count: int, seed: int, **generator: object) -> "SampleSet":
        """`count` of these samples at random: they may come sorted by class or mode.

        `generator`: what they keep of theirs, `paths` and `codes`; nothing where none is given.
        """
        chosen = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return SampleSet(
            take_rows(self.samples, chosen),
            neighbours=self.neighbours,
            store=self._store,
            labels=None if self.labels is None else self.labels[chosen],
            **generator,
        )

    def features(self, space: FeatureSpace) -> np.ndarray:
        """`(n, d)` in the given space; float32 if float64 would take more than 256 MiB."""
        return self.cache.once(
            ("features", space.name), lambda: self._store.features(space, self.samples)
        )

    def features_or_rows(self, space: FeatureSpace) -> np.ndarray | FeatureRows:
        """The features in a plain space, computed where they are used if all take much memory."""
        rows = FeatureRows(space, self.samples)
        many = rows.dtype == np.float32 and rows.shape[1] > IN_A_TREE
        held = ("features", space.name) in self.cache
        return rows if many and not held else self.features(space)

    def statistics(self, space: FeatureSpace) -> FeatureStatistics:
        """Mean and covariance in the given space; features of many samples are not held."""

        def compute() -> FeatureStatistics:
            held = ("features", space.name) in self.cache or len(self) <= MOST_HELD
            features = self.features(space) if held else None
            return self._store.statistics(space, self.samples, features)

        return self.cache.once(("statistics", space.name), compute)


class EvaluationData:
    """Real data, the feature spaces, and what metrics fit on real data only.

    Args:
        spec: the source's description.
        train: training examples in user units, uint8 `(n, h, w, c)` or float32 `(n, d)`; of a
            source without end one fresh draw.
        held_out: real examples not trained on; without any there is no floor and no memorised
            share.
        train_labels: int `(n,)`, for the class figures; below 0 where not known.
        held_out_labels: int `(h,)`, for the classifier's accuracy.
        held_out_factors: what is known of the held-out examples, the level of each factor int
            `(h,)` by name.
        modes: of a known mixture.
        channel_images: the grey images that the channels of a stack are drawn from.
        neighbours: k of the nearest-neighbour metrics.
        components: principal components of the `pca` space.
        features: the feature space; PCA for distances and plain values for neighbours by default.
        folder: for what takes long to compute.
        seed: of everything drawn.

    Raises:
        ValueError: an argument is not as described, or the training examples do not differ.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        train: ArrayLike,
        held_out: ArrayLike | None = None,
        train_labels: ArrayLike | None = None,
        held_out_labels: ArrayLike | None = None,
        held_out_factors: Mapping[str, np.ndarray] | None = None,
        modes: Mixture | None = None,
        channel_images: ArraySource | None = None,
        neighbours: int = 5,
        components: int = 32,
        features: FeatureChoice | None = None,
        folder: Path | None = None,
        seed: int = 0,
    ) -> None:
        for name, value in {"neighbours": neighbours, "components": components}.items():
            if value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
        self.spec, self.modes, self.channel_images, self.seed = spec, modes, channel_images, seed
        self.neighbours, self.components = neighbours, components
        self.held_out_factors = dict(held_out_factors or {})
        self.cache = Cache()
        store = FeatureStore(folder)

        def real(name: str, examples: ArrayLike, labels: ArrayLike | None) -> SampleSet:
            examples = check_samples(spec, name, examples)
            labels = check_labels(f"{name}_labels", labels, len(examples))
            return SampleSet(examples, neighbours=neighbours, store=store, labels=labels)

        self.train = real("train", train, train_labels)
        self.held_out, self.everything = None, self.train
        if held_out is not None and len(held_out):  # a source may give an empty array
            self.held_out = real("held_out", held_out, held_out_labels)
            sides = self.train, self.held_out
            # Metrics of tables take columns apart.
            join = np.concatenate if spec.table else lambda parts: join_rows(*parts)
            known = all(side.labels is not None for side in sides)
            self.everything = SampleSet(
                join([side.samples for side in sides]),
                neighbours=neighbours,
                store=store,
                labels=np.concatenate([side.labels for side in sides]) if known else None,
            )
        if channel_images is not None:
            single = dataclasses.replace(spec, shape=(*spec.shape[:-1], 1))
            check_samples(single, "channel_images", channel_images.train)
        coordinates = modes is not None and spec.table is None
        self.plain_space = Coordinates() if coordinates else plain_space(spec)
        features = features or PrincipalPixels()
        features.check(spec)
        self.distance_space = features.build(
            TrainingData(
                spec=spec,
                train=self.train.samples,
                labels=self.train.labels,
                plain=self.plain_space,
                components=components,
                cache=folder,
                seed=seed,
            )
        )
        self.neighbour_space = self.distance_space if features.for_neighbours else self.plain_space
        self.label_space = self.distance_space

    def class_name(self, label: int) -> str:
        """The name of a class, or its number where classes have no names."""
        names = self.spec.classes
        return names[label] if 0 <= label < len(names) else str(label)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The input of a metric: samples, the real examples beside them, and all real data."""

    data: EvaluationData
    samples: SampleSet
    reference: SampleSet

    def features(self, space: FeatureSpace) -> tuple[np.ndarray, np.ndarray]:
        """Features of the real examples `(m, d)` and of the samples `(n, d)`."""
        return self.reference.features(space), self.samples.features(space)


# The spaces that metrics are computed in.
PLAIN, DISTANCES, NEIGHBOURS, LABELS = (
    operator.attrgetter(f"{kind}_space") for kind in ("plain", "distance", "neighbour", "label")
)


def every_source(data: EvaluationData) -> bool:
    return True


def reference_count(data: EvaluationData, reference: SampleSet) -> int:
    """How many real examples: those that samples are compared with."""
    return len(reference)


def training_count(data: EvaluationData, reference: SampleSet) -> int:
    """How many real examples: all training examples, whatever the reference is."""
    return len(data.train)


def no_count(data: EvaluationData, reference: SampleSet) -> None:
    """None: it depends on no real examples."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One value of a metric, as reports and verdicts take it.

    Args:
        better: `"higher"`, `"lower"`, `"one"` (both sides of 1 are worse) or `"half"`.
        name: as printed; the key with spaces when empty.
        group: figures of one group say the same and count once in a verdict; a figure without is
            a group of its own.
        share: a share of the samples, with the binomial error where no other is known.
        capped: more than real data reach is no merit.
        essential: no verdict where the data have this figure but it has no value: without it the
            others may flatter.
    """

    better: Direction
    name: str = ""
    _: dataclasses.KW_ONLY
    group: str = ""
    share: bool = False
    capped: bool = False
    essential: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """Figures that are computed together, with all that evaluator, report and verdict need.

    Args:
        figures: by key, as columns of logs and reports name them; the first is that of the details.
        compute: the value of each figure (or the reason why it has none) and JSON-ready details.
            May raise NotComputable for all of them.
        resample: of weights int `(r, n)`, how often each sample occurs in each of r resamples: the
            values `(r,)` of the figures that have a bootstrap error. `None` where it costs too
            much.
        applies: whether a source has these figures at all.
        space: the feature space they are computed in.
        real: the number of real examples that the figures depend on, if on any.
        most: samples of each side that are used, drawn if there are more.
        when: `"always"`, also along the training; `"end"`, in a report only; `"request"`, in a
            report that asks for it.
        costly: takes longer than a short training; along it computed on request only.
        needs: what of a `SampleSet` beside its samples it is computed from; a report on samples
            without has no such figures.
        perfect: the real examples that stand for a perfect sampler in the floor, of which matched
            uses as many; the held-out ones by default.
        note: of a report: sentences to read beside the table; none where it has not its figures.
        veto: of a report: a sentence that comes first in the verdict because no other figure makes
            good what this one found.
    """

    figures: Mapping[str, Figure]
    compute: Callable[[Comparison], Computed]
    resample: Callable[[Comparison, np.ndarray], Resampled] | None = None
    applies: Callable[[EvaluationData], bool] = every_source
    space: Callable[[EvaluationData], FeatureSpace] = PLAIN
    real: Callable[[EvaluationData, SampleSet], int | None] = reference_count
    most: int | None = None
    when: When = "always"
    costly: bool = False
    needs: Literal["paths", "labels", "conditional", "codes"] | None = None
    perfect: Callable[[EvaluationData], SampleSet] | None = None
    note: Callable[[ReportData], Sequence[str]] | None = None
    veto: Callable[[ReportData], str | None] | None = None

    @property
    def key(self) -> str:
        return next(iter(self.figures))

    def can_use(self, samples: SampleSet) -> bool:
        """Whether the samples have all that it needs."""
        return self.needs is None or getattr(samples, self.needs) is not None

    def used(self, samples: SampleSet, seed: int) -> SampleSet:
        """The samples that the figures are computed from."""
        return samples if self.most is None else samples.at_most(self.most, seed)

    def used_count(self, count: int | None) -> int | None:
        """The number of samples used of `count`; `None` stays `None`."""
        return count if None in (count, self.most) else min(count, self.most)

    def wanted(self, *, report: bool, requested: Collection[str]) -> bool:
        """Whether it is computed: in a report or without one, with these figures requested."""
        is_requested = not self.figures.keys().isdisjoint(requested)
        return self.when == "always" or is_requested or (report and self.when == "end")


def number(value: float | None) -> str:
    """Three digits, or a dash where there is no value."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def cautious_error(share: float, count: int) -> float:
    """Binomial standard error by Agresti and Coull: 0 of 300 is no proof of 0."""
    middle = (share * count + 2.0) / (count + 4.0)
    return math.sqrt(middle * (1.0 - middle) / (count + 4.0))


def far_from_floor(
    report: ReportData, key: str, *, usual: float, limit: Callable[[float], float]
) -> tuple[float, float] | None:
    """A share and its floor where they are far apart beyond their errors, else `None`.

    `usual` is the floor where the report has none; `limit` gives, for a floor, the share from which
    on the difference matters.
    """
    figure = report["figures"].get(key)
    if figure is None:
        return None
    share, floor, count = figure["value"], usual, figure["generated"]
    if None not in (figure["matched"], figure["floor"]):  # then both are of as many samples
        share, floor, count = figure["matched"], figure["floor"], figure["matched_generated"]
    if share is None:
        return None
    reached = share >= limit(floor) if limit(floor) > floor else share <= limit(floor)
    if not reached:
        return None
    error = math.hypot(*(cautious_error(each, max(1, count)) for each in (share, floor)))
    return (share, floor) if abs(share - floor) >= CERTAIN * error else None


def excess_veto(key: str, sentence: str, *, usual: float) -> Callable[[ReportData], str | None]:
    """The veto of a share far above its floor: a sentence with `{share}` and `{floor}`."""

    def veto(report: ReportData) -> str | None:
        found = far_from_floor(
            report, key, usual=usual, limit=lambda floor: max(2.0 * floor, floor + 0.05)
        )
        if found is None:
            return None
        share, floor = map(number, found)
        return sentence.format(share=share, floor=floor)

    return veto
