"""The contract of a metric: the samples and real data that it is given, and its description."""

import dataclasses
import math
import operator
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable, check_samples
from ganapp.training.evaluation.features.spaces import (
    Coordinates,
    FeatureChoice,
    FeatureRows,
    FeatureSpace,
    TrainingData,
    plain_space,
)
from ganapp.training.evaluation.features.store import FeatureStatistics, FeatureStore
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


class Modes(Protocol):
    """A known mixture: `centres (m, 2)` and `sigma` in user units."""

    centres: np.ndarray
    sigma: float


class ChannelImages(Protocol):
    """Real grey images that stacks are made of: uint8 `(n, height, width, 1)`, int labels `(n,)`.

    The held-out ones may be none; they only tell how often the classifier is right.
    """

    train: np.ndarray
    train_labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paths:
    """A generator, as a path length needs it.

    Args:
        inputs: `(count, seed)` -> inputs of the generator, `count` rows.
        interpolate: `(start, end, fraction (count, 1))` -> inputs that far along the path; the
            prior's own way, an arc for normal latents.
        generate: inputs -> samples in user units, not rounded: a small step must not vanish in
            the 256 levels of an image.
    """

    inputs: Callable[[int, int], object]
    interpolate: Callable[[object, object, np.ndarray], object]
    generate: Callable[[object], np.ndarray]


class Cache:
    """Values that are computed at most once, by key."""

    def __init__(self) -> None:
        self._values: dict[Hashable, object] = {}

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """The value of `compute()`, from the first call with this key; an error is not kept."""
        if key not in self._values:
            self._values[key] = compute()
        return self._values[key]

    def __contains__(self, key: Hashable) -> bool:
        return key in self._values


class SampleSet:
    """Samples in user units, generated or real, with what metrics compute of them kept.

    Args:
        samples: `(n, *shape)`, already checked.
        neighbours: k of the nearest-neighbour metrics.
        store: keeps features and statistics on disk; for real data, which come again.
        labels: int `(n,)`: of real examples their classes (below 0 where not known), of generated
            ones those that were requested; `None` without classes.
        paths: what the samples' generator draws between two latents, if there is a generator.
    """

    def __init__(
        self,
        samples: np.ndarray | Joined,
        *,
        neighbours: int,
        store: FeatureStore | None = None,
        labels: np.ndarray | None = None,
        paths: Paths | None = None,
    ) -> None:
        self.samples, self.labels = samples, labels
        self.neighbours = neighbours
        self.paths = paths
        self.cache = Cache()
        self._store = store or FeatureStore(None)

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> int:
        """The number of samples whose label is known."""
        return 0 if self.labels is None else int(np.count_nonzero(self.labels >= 0))

    def at_most(self, most: int, seed: int) -> "SampleSet":
        """These samples, or `most` of them drawn without replacement if there are more."""
        if len(self) <= most:
            return self
        return self.cache.once(
            ("part", most, seed), lambda: self.drawn(most, seed, paths=self.paths)
        )

    def drawn(self, count: int, seed: int, *, paths: Paths | None = None) -> "SampleSet":
        """`count` of these samples: drawn, because samples may come sorted by class or mode."""
        chosen = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return SampleSet(
            take_rows(self.samples, chosen),
            neighbours=self.neighbours,
            store=self._store,
            labels=None if self.labels is None else self.labels[chosen],
            paths=paths,
        )

    def features(self, space: FeatureSpace) -> np.ndarray:
        """`(n, d)` in the given space; float32 if float64 would take more than 256 MiB."""
        return self.cache.once(
            ("features", space.name), lambda: self._store.features(space, self.samples)
        )

    def features_or_rows(self, space: FeatureSpace) -> np.ndarray | FeatureRows:
        """The features, or rows computed where they are used if all would take much memory.

        Args:
            space: a plain one, quick to compute again.
        """
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
        train: training examples in user units.
        held_out: real examples not trained on, or `None`.
        train_labels: int `(n,)` or `None`.
        held_out_labels: int `(h,)` or `None`.
        modes: the known mixture, or `None`.
        channel_images: the grey images that the channels of a stack are drawn from, or `None`.
        neighbours: k of the nearest-neighbour metrics.
        components: principal components of the `pca` space.
        features: the feature space that was chosen.
        folder: for what takes long to compute, or `None`.
        seed: of everything drawn.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        train: np.ndarray,
        held_out: np.ndarray | None,
        train_labels: np.ndarray | None,
        held_out_labels: np.ndarray | None,
        modes: Modes | None,
        channel_images: ChannelImages | None,
        neighbours: int,
        components: int,
        features: FeatureChoice,
        folder: Path | None,
        seed: int,
    ) -> None:
        self.spec, self.modes, self.channel_images, self.seed = spec, modes, channel_images, seed
        self.components = components
        self.cache = Cache()
        if channel_images is not None:
            single = dataclasses.replace(spec, shape=(*spec.shape[:-1], 1))
            check_samples(single, "channel_images", channel_images.train)
        store = FeatureStore(folder)

        def real(examples: np.ndarray | Joined, labels: np.ndarray | None) -> SampleSet:
            return SampleSet(examples, neighbours=neighbours, store=store, labels=labels)

        self.train = real(train, train_labels)
        self.held_out, self.everything = None, self.train
        if held_out is not None:
            self.held_out = real(held_out, held_out_labels)
            # Metrics of tables take columns apart.
            both = np.concatenate([train, held_out]) if spec.table else join_rows(train, held_out)
            labels = None
            if train_labels is not None and held_out_labels is not None:
                labels = np.concatenate([train_labels, held_out_labels])
            self.everything = real(both, labels)
        coordinates = modes is not None and spec.table is None
        self.plain_space = Coordinates() if coordinates else plain_space(spec)
        features.check(spec)
        self.distance_space = features.build(
            TrainingData(
                spec=spec,
                train=train,
                labels=train_labels,
                plain=self.plain_space,
                components=components,
                cache=folder,
                seed=seed,
            )
        )
        self.neighbour_space = self.distance_space if features.for_neighbours else self.plain_space
        self.label_space = self.distance_space

    @property
    def has_known_modes(self) -> bool:
        """Whether the modes of the data can be counted."""
        return self.modes is not None or self.channel_images is not None

    def class_name(self, label: int) -> str:
        """The name of a class, or its number where classes have no names."""
        names = self.spec.classes
        return names[label] if 0 <= label < len(names) else str(label)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The input of a metric: samples, real examples beside them, and all real data.

    Args:
        data: the real data with what is fitted on them.
        samples: the samples to evaluate.
        reference: the real examples that they are compared with.
    """

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
    """Applies to every source."""
    return True


def reference_count(data: EvaluationData, reference: SampleSet) -> int:
    """Real examples of a metric that depends on those that samples are compared with."""
    return len(reference)


def training_count(data: EvaluationData, reference: SampleSet) -> int:
    """Real examples of a metric that depends on the training data, whatever the reference is."""
    return len(data.train)


def no_count(data: EvaluationData, reference: SampleSet) -> None:
    """Real examples of a metric that depends on none."""


@dataclasses.dataclass(frozen=True)
class Figure:
    """One value of a metric, as reports and verdicts take it.

    Args:
        better: `"higher"`, `"lower"`, `"one"` when both sides of 1 are worse, or `"half"` when both
            sides of 0.5 are.
        name: as printed; the key with spaces when empty.
        group: figures of one group say the same in other numbers and count once in a verdict; a
            figure without is a group of its own.
        share: whether it is a share of the samples, which has the binomial error where no other is
            known.
        capped: whether more than real data reach is no merit: fewer copies, or more crowding.
        essential: whether there is no verdict where the data have this figure but it has no value,
            because without it the others may flatter.
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
        figures: by key, as columns of logs and reports name them. The first key is that of the
            details.
        compute: the value of each figure (or the reason why it has none) and JSON-ready details.
            May raise NotComputable for all of them.
        resample: of weights int `(r, n)`, how often each of the samples occurs in each of r
            resamples: the values `(r,)` by figure, of those that have a bootstrap error. `None`
            where that would cost too much.
        applies: whether a source has these figures at all; every source when not given.
        space: the feature space they are computed in.
        real: how many real examples the figures depend on; `None` when on none.
        most: samples of each side that are used, drawn if there are more; all when `None`.
        when: `"always"`, also along the training; `"end"`, in a report only; `"request"`, in a
            report that asks for it.
        costly: whether it takes longer than a short training; along the training it is then
            computed only where it was asked for.
        needs: what of a `SampleSet` beside its samples it is computed from (`"paths"`,
            `"labels"`); a report on samples without has no such figures.
        perfect: the real examples that stand for a perfect sampler in the floor; the held-out ones
            when `None`. Matched uses as many samples.
        note: of a report: sentences that a reader needs beside the table; none where the report
            has not its figures.
        veto: of a report: a sentence that comes first in the verdict because no other figure makes
            good what this one found, or `None`.
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
    needs: Literal["paths", "labels"] | None = None
    perfect: Callable[[EvaluationData], SampleSet] | None = None
    note: Callable[[ReportData], Sequence[str]] | None = None
    veto: Callable[[ReportData], str | None] | None = None

    @property
    def key(self) -> str:
        """The key of the first figure, which is that of the details."""
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

    Args:
        report: the dictionary of a `Report`.
        key: of the share.
        usual: the floor where the report has none.
        limit: of the floor: the share from which on the difference matters.
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
    """The veto of a share that is far above its floor.

    Args:
        key: of the share.
        sentence: with `{share}` and `{floor}`.
        usual: the floor where a report has none.
    """

    def veto(report: ReportData) -> str | None:
        found = far_from_floor(
            report, key, usual=usual, limit=lambda floor: max(2.0 * floor, floor + 0.05)
        )
        if found is None:
            return None
        share, floor = map(number, found)
        return sentence.format(share=share, floor=floor)

    return veto
