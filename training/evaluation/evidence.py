"""The real data a judge compares with, and everything worked out from them once."""

import dataclasses
import functools
from pathlib import Path
from typing import Protocol

import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable, check_samples
from ganapp.training.evaluation.choices import Choice, RealData
from ganapp.training.evaluation.classes import ClassJudge
from ganapp.training.evaluation.classifier import ClassifierSpace
from ganapp.training.evaluation.clips import Changes, Frames, components_of
from ganapp.training.evaluation.distances import Moments
from ganapp.training.evaluation.feature_rows import FeatureRows
from ganapp.training.evaluation.feature_store import FeatureStore
from ganapp.training.evaluation.features import FeatureSpace, make_space
from ganapp.training.evaluation.memorisation import MemorisationTest, NearestExamples
from ganapp.training.evaluation.neighbours import NeighbourBalls
from ganapp.training.evaluation.path_length import Paths
from ganapp.training.evaluation.stacks import Singles, StackJudge
from ganapp.training.rows_on_disk import Joined, joined, taken

IN_A_TREE = 15  # dimensions up to which scikit-learn searches a tree, which has all of them
MOST_HELD = 10_000  # rows: of more samples the features are not kept for the moments alone


class Modes(Protocol):
    """A known mixture: `centres (m, 2)` and `sigma` in user units."""

    centres: np.ndarray
    sigma: float


class Batch:
    """Samples in user units, with what figures need of them worked out at most once.

    Args:
        samples: `(n, *shape)`, already checked.
        neighbours: k of the nearest-neighbour figures.
        store: keeps on disk what is worked out; for real data, which come again.
        labels: int `(n,)`: of real examples their classes (below 0 where not known), of generated
            ones those that were asked for; `None` without classes.
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
        self._store = store or FeatureStore(None)
        self._features: dict[str, np.ndarray] = {}
        self._balls: dict[str, NeighbourBalls] = {}
        self._moments: dict[str, Moments] = {}
        self._parts: dict[tuple[int, int], Batch] = {}

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labelled(self) -> int:
        """How many of them have a label that is known."""
        return 0 if self.labels is None else int(np.count_nonzero(self.labels >= 0))

    def at_most(self, most: int, seed: int) -> "Batch":
        """These samples, or `most` of them drawn without replacement if there are more."""
        if len(self) <= most:
            return self
        if (most, seed) not in self._parts:
            self._parts[most, seed] = self.drawn(most, seed, paths=self.paths)
        return self._parts[most, seed]

    def drawn(self, count: int, seed: int, *, paths: Paths | None = None) -> "Batch":
        """`count` of these samples: drawn, because samples may come sorted by class or mode."""
        chosen = np.random.default_rng(seed).choice(len(self), count, replace=False)
        return Batch(
            taken(self.samples, chosen),
            neighbours=self.neighbours,
            store=self._store,
            labels=None if self.labels is None else self.labels[chosen],
            paths=paths,
        )

    def features(self, space: FeatureSpace) -> np.ndarray:
        """`(n, d)` in the given space; float32 if float64 would take more than 256 MiB."""
        if space.name not in self._features:
            self._features[space.name] = self._store.features(space, self.samples)
        return self._features[space.name]

    def nearest(self, space: FeatureSpace) -> NearestExamples:
        """What finds the nearest of these samples; of many the features are not held.

        Args:
            space: a plain one, quick to work out again.
        """
        rows = FeatureRows(space, self.samples)
        many = rows.dtype == np.float32 and rows.shape[1] > IN_A_TREE
        many = many and space.name not in self._features
        return NearestExamples(rows if many else self.features(space))

    def balls(self, space: FeatureSpace) -> NeighbourBalls:
        """The samples' balls to their k-th neighbour in the given space."""
        if space.name not in self._balls:
            features = self.features(space)
            self._balls[space.name] = NeighbourBalls(features, neighbours=self.neighbours)
        return self._balls[space.name]

    def moments(self, space: FeatureSpace) -> Moments:
        """Mean and covariance in the given space; features of many samples are not held."""
        if space.name not in self._moments:
            known = self._features.get(space.name)
            if known is None and len(self) <= MOST_HELD:
                known = self.features(space)
            found = self._store.statistics(space, self.samples, known)
            self._moments[space.name] = found.moments()
        return self._moments[space.name]


class Evidence:
    """Real data, feature spaces and the tests that are fitted on real data only.

    Args:
        spec: the source's description.
        train: training examples in user units.
        held_out: real examples not trained on, or `None`.
        train_labels: int `(n,)` or `None`.
        held_out_labels: int `(h,)` or `None`.
        modes: the known mixture, or `None`.
        singles: the grey images that the channels of a stack are drawn from, or `None`.
        neighbours: k of the nearest-neighbour figures.
        components: principal components of the `pca` space.
        features: the feature space that was chosen.
        cache: folder for what takes long to work out, or `None`.
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
        singles: Singles | None,
        neighbours: int,
        components: int,
        features: Choice,
        cache: Path | None,
        seed: int,
    ) -> None:
        self.spec, self.modes, self.seed = spec, modes, seed
        self._components = components
        self.train_labels, self.held_out_labels = train_labels, held_out_labels
        self.singles = singles
        if singles is not None:
            single = dataclasses.replace(spec, shape=(*spec.shape[:-1], 1))
            check_samples(single, "singles", singles.train)
        store = FeatureStore(cache)
        self.train = Batch(train, neighbours=neighbours, store=store, labels=train_labels)
        self.held_out, self.everything = None, self.train
        if held_out is not None:
            self.held_out = Batch(
                held_out, neighbours=neighbours, store=store, labels=held_out_labels
            )
            # Figures of tables take columns apart.
            both = np.concatenate([train, held_out]) if spec.table else joined(train, held_out)
            labels = None
            if train_labels is not None and held_out_labels is not None:
                labels = np.concatenate([train_labels, held_out_labels])
            self.everything = Batch(both, neighbours=neighbours, store=store, labels=labels)
        plain = "pixels" if spec.pixels else "standardised"
        plain = plain if modes is None else "coordinates"
        plain = plain if spec.table is None else "columns"
        self.plain_space = make_space(plain, spec, train)
        features.check(spec)
        self.distance_space = features.build(
            RealData(
                spec=spec,
                train=train,
                labels=train_labels,
                plain=plain,
                components=components,
                cache=cache,
                seed=seed,
            )
        )
        self.neighbour_space = self.distance_space if features.for_neighbours else self.plain_space
        self.label_space = self.distance_space

    @functools.cached_property
    def frame_space(self) -> FeatureSpace:
        """Principal components of single frames; only for clips."""
        return self._pieces(Frames())

    @functools.cached_property
    def change_space(self) -> FeatureSpace:
        """Principal components of what changes between frames; NotComputable if nothing does."""
        return self._pieces(Changes())

    def _pieces(self, pieces: Frames | Changes) -> FeatureSpace:
        clips = self.train.samples
        return components_of(pieces, clips, components=self._components, seed=self.seed)

    @functools.cached_property
    def classifier(self) -> ClassJudge | ClassifierSpace:
        """Tells classes by features of the label space; NotComputable without labels.

        The network whose features they are, or else a classifier fitted on those of the training
        data.
        """
        if isinstance(self.label_space, ClassifierSpace):
            return self.label_space
        if self.train_labels is None:
            raise NotComputable("Class figures need `train_labels`, and none were given")
        known = self.train_labels >= 0
        features = self.train.features(self.label_space)[known]
        return ClassJudge(features, self.train_labels[known], seed=self.seed)

    @functools.cached_property
    def classifier_accuracy(self) -> float | None:
        """On the held-out examples; `None` without them or their labels."""
        if self.held_out is None or self.held_out_labels is None:
            return None
        known = self.held_out_labels >= 0
        if not known.any():
            return None
        features = self.held_out.features(self.label_space)[known]
        return self.classifier.accuracy(features, self.held_out_labels[known])

    def class_name(self, label: int) -> str:
        """The name of a class, or its number where classes have no names."""
        names = self.spec.classes
        return names[label] if 0 <= label < len(names) else str(label)

    @functools.cached_property
    def stack_judge(self) -> StackJudge:
        """Fitted on the training singles; only for sources that have them."""
        return StackJudge(self.singles, seed=self.seed)

    @functools.cached_property
    def memorisation_test(self) -> MemorisationTest:
        """NotComputable for sources that never repeat an example, or without held-out data."""
        if self.spec.examples is None:
            raise NotComputable(
                "The source never repeats an example, so there is nothing to memorise"
            )
        if self.held_out is None:
            raise NotComputable("A memorised share needs `held_out`, and none was given")
        held_out = self.held_out.features(self.plain_space)
        return MemorisationTest(self.training_neighbours, held_out)

    @functools.cached_property
    def training_neighbours(self) -> NearestExamples:
        """Finds the nearest training examples among plain values."""
        return self.train.nearest(self.plain_space)
