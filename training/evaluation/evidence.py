"""The real data a judge compares with, and everything worked out from them once."""

import dataclasses
import functools
from typing import Protocol

import numpy as np

from training.data.spec import DataSpec
from training.evaluation.checks import NotComputable, check_samples
from training.evaluation.classes import ClassJudge
from training.evaluation.distances import Moments, moments
from training.evaluation.features import FeatureSpace, make_space
from training.evaluation.memorisation import MemorisationTest
from training.evaluation.neighbours import NeighbourBalls
from training.evaluation.stacks import Singles, StackJudge


class Modes(Protocol):
    """A known mixture: `centres (m, 2)` and `sigma` in user units."""

    centres: np.ndarray
    sigma: float


class Batch:
    """Samples in user units, with what figures need of them worked out at most once.

    Args:
        samples: `(n, *shape)`, already checked.
        neighbours: k of the nearest-neighbour figures.
    """

    def __init__(self, samples: np.ndarray, *, neighbours: int) -> None:
        self.samples = samples
        self.neighbours = neighbours
        self._features: dict[str, np.ndarray] = {}
        self._balls: dict[str, NeighbourBalls] = {}
        self._moments: dict[str, Moments] = {}
        self._parts: dict[tuple[int, int], Batch] = {}

    def __len__(self) -> int:
        return len(self.samples)

    def at_most(self, most: int, seed: int) -> "Batch":
        """These samples, or `most` of them drawn without replacement if there are more."""
        if len(self) <= most:
            return self
        if (most, seed) not in self._parts:
            drawn = np.random.default_rng(seed).choice(self.samples, most, replace=False)
            self._parts[most, seed] = Batch(drawn, neighbours=self.neighbours)
        return self._parts[most, seed]

    def features(self, space: FeatureSpace) -> np.ndarray:
        """float64 `(n, d)` in the given space."""
        if space.name not in self._features:
            self._features[space.name] = space(self.samples)
        return self._features[space.name]

    def balls(self, space: FeatureSpace) -> NeighbourBalls:
        """The samples' balls to their k-th neighbour in the given space."""
        if space.name not in self._balls:
            features = self.features(space)
            self._balls[space.name] = NeighbourBalls(features, neighbours=self.neighbours)
        return self._balls[space.name]

    def moments(self, space: FeatureSpace) -> Moments:
        """Mean and covariance in the given space."""
        if space.name not in self._moments:
            self._moments[space.name] = moments(self.features(space))
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
        seed: int,
    ) -> None:
        self.spec, self.modes, self.seed = spec, modes, seed
        self.train_labels, self.held_out_labels = train_labels, held_out_labels
        self.singles = singles
        if singles is not None:
            single = dataclasses.replace(spec, shape=(*spec.shape[:-1], 1))
            check_samples(single, "singles", singles.train)
        self.train = Batch(train, neighbours=neighbours)
        self.held_out = None if held_out is None else Batch(held_out, neighbours=neighbours)
        self.everything = (
            self.train
            if held_out is None
            else Batch(np.concatenate([train, held_out]), neighbours=neighbours)
        )

        def space(name: str) -> FeatureSpace:
            return make_space(name, spec, train, components=components, seed=seed)

        image = spec.kind == "image"
        vectors = "standardised" if modes is None else "coordinates"
        vectors = vectors if spec.table is None else "columns"
        self.neighbour_space = space("pixels" if image else vectors)
        self.distance_space = space("pca") if image else self.neighbour_space
        self.label_space = self.distance_space

    @functools.cached_property
    def classifier(self) -> ClassJudge:
        """Fitted on the training data; NotComputable without labels."""
        if self.train_labels is None:
            raise NotComputable("Class figures need `train_labels`, and none were given")
        features = self.train.features(self.label_space)
        return ClassJudge(features, self.train_labels, seed=self.seed)

    @functools.cached_property
    def classifier_accuracy(self) -> float | None:
        """On the held-out examples; `None` without them or their labels."""
        if self.held_out is None or self.held_out_labels is None:
            return None
        features = self.held_out.features(self.label_space)
        return self.classifier.accuracy(features, self.held_out_labels)

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
        space = self.neighbour_space
        return MemorisationTest(self.train.features(space), self.held_out.features(space))
