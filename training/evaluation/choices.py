"""The feature spaces that a user may choose, each with its options.

A member is a frozen dataclass: `check` refuses at once what cannot work, `build` makes the space
(which may take a minute). A new one is a class here or in a file of its own, and its name in
`FEATURES`.
"""

import dataclasses
from pathlib import Path
from typing import ClassVar

import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.classifier import ClassifierSpace
from ganapp.training.evaluation.features import FeatureSpace, Pixels, make_space
from ganapp.training.evaluation.inception import InceptionSpace
from ganapp.training.evaluation.keras_features import KerasSpace, Values
from ganapp.training.registry import Registry


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealData:
    """What a feature space may be made from.

    Args:
        spec: the source's description.
        train: training examples in user units.
        labels: theirs, int `(n,)`, or `None`.
        plain: name of the space of plain values: `pixels`, `standardised` or `coordinates`.
        components: principal components.
        cache: folder for what takes long to make, or `None`.
        seed: of everything drawn.
    """

    spec: DataSpec
    train: np.ndarray
    labels: np.ndarray | None = None
    plain: str = "pixels"
    components: int = 32
    cache: Path | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """Base of the members: which data it is for, and whether it serves every figure."""

    name: ClassVar[str]
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    images_only: ClassVar[bool] = True
    # Whether nearest neighbours are looked for in this space, too, or among plain values.
    for_neighbours: ClassVar[bool] = True

    def check(self, spec: DataSpec) -> None:
        """Raises a ValueError where the space makes no sense for such data."""
        if self.images_only and spec.kind != "image":
            raise ValueError(
                f"`evaluation.features` can be {self.name!r} only for images. "
                f"Received: data of kind {spec.kind!r}"
            )

    def build(self, real: RealData) -> FeatureSpace:
        """The space; ValueError where it cannot be made."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrincipalPixels(Choice):
    """Distances in `evaluation.components` principal components, neighbours among the pixels.

    Vectors are compared as they are, or standardised when their columns have different units.
    """

    name = "pca"
    images_only = False
    for_neighbours = False

    def build(self, real: RealData) -> FeatureSpace:
        space = "pca" if real.spec.pixels else real.plain
        return make_space(space, real.spec, real.train, components=real.components, seed=real.seed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlainPixels(Choice):
    """Every pixel, in [-1, 1], for all figures. Costly for large images."""

    name = "pixels"

    def build(self, real: RealData) -> FeatureSpace:
        return Pixels()


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnClassifier(Choice):
    """128 features of a small network trained on the data's own labels; it judges classes, too."""

    name = "classifier"

    def check(self, spec: DataSpec) -> None:
        super().check(spec)
        if len(spec.classes) < 2:
            raise ValueError(
                "`evaluation.features` can be 'classifier' only for data with labels of at least 2 "
                f"classes. Received: {len(spec.classes)} classes"
            )

    def build(self, real: RealData) -> FeatureSpace:
        train, labels = real.train, real.labels
        if labels is not None and (labels < 0).any():  # not everybody's class is known
            train, labels = train[labels >= 0], labels[labels >= 0]
        return ClassifierSpace(real.spec, train, labels, cache=real.cache, seed=real.seed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inception(Choice):
    """InceptionV3's 2,048 pool features; not comparable with published FIDs (other weights).

    Args:
        weights: path of the weights without the top layer, or `"imagenet"` to download them.
    """

    weights: str = "imagenet"
    name = "inception"
    reference = "Heusel et al., 2017, arXiv:1706.08500; Parmar et al., 2022, arXiv:2104.11222"

    def check(self, spec: DataSpec) -> None:
        super().check(spec)
        if spec.shape[-1] not in (1, 3):
            raise ValueError(
                "`evaluation.features` can be 'inception' only for images of 1 or 3 channels. "
                f"Received: {spec.shape[-1]} channels"
            )
        if self.weights != "imagenet" and not Path(self.weights).expanduser().is_file():
            raise ValueError(
                "`evaluation.features.weights` must be 'imagenet' or a file of InceptionV3's "
                f"weights. Received: weights={self.weights!r}, which does not exist"
            )

    def build(self, real: RealData) -> FeatureSpace:
        return InceptionSpace(self.weights)


@dataclasses.dataclass(frozen=True, kw_only=True)
class KerasModel(Choice):
    """The output, or a layer, of a `.keras` file or SavedModel of your own.

    Args:
        path: the file, or the SavedModel's folder.
        layer: name of a layer (SavedModel: of an output); the model's output when empty.
        values: range of images that the model expects: `symmetric` [-1, 1], `unit` [0, 1] or
            `user` [0, 255].
        batch: examples at a time.
    """

    path: str = ""
    layer: str = ""
    values: Values = "symmetric"
    batch: int = 64
    name = "keras"
    images_only = False

    def __post_init__(self) -> None:
        if not self.path:
            raise ValueError(
                "`evaluation.features.path` must name a `.keras` file or a SavedModel's folder. "
                "Received: path=''"
            )
        if self.batch < 1:
            raise ValueError(
                f"`evaluation.features.batch` must be at least 1. Received: batch={self.batch}"
            )

    def check(self, spec: DataSpec) -> None:
        if not Path(self.path).expanduser().exists():
            raise ValueError(
                "`evaluation.features.path` must be a `.keras` file or a SavedModel's folder. "
                f"Received: path={self.path!r}, which does not exist"
            )

    def build(self, real: RealData) -> FeatureSpace:
        return KerasSpace(self.path, layer=self.layer, values=self.values, batch=self.batch)


FEATURES = Registry(
    "feature space", [PrincipalPixels, PlainPixels, OwnClassifier, Inception, KerasModel]
)
