"""Figures of arrays, as a report says them, where nobody has made a run.

Every figure of a report is here by its key, those of a user's plugins too:
`ganapp.metrics.frechet_distance(real, fake)`, `ganapp.metrics.coverage(real, fake)`.
"""

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.data.arrays import SLACK, levels_of
from ganapp.training.data.checks import check_finite
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.features import FEATURES
from ganapp.training.evaluation.features.keras_model import KerasModel
from ganapp.training.evaluation.features.spaces import FeatureChoice
from ganapp.training.evaluation.metric import EvaluationData
from ganapp.training.evaluation.metrics import METRICS

NORMAL_95 = 1.96
Features = str | FeatureChoice | keras.Model


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArrayFigure:
    """A figure with what it is of; `float(figure)` is its value.

    Args:
        key: in reports.
        name: as printed.
        value: the figure.
        standard_error: over the generated samples (bootstrap), the real ones as they are; `None`
            where that is too costly or the resamples do not vary.
        generated, real: how many were compared.
        space: the feature space.
        better: `"higher"`, `"lower"`, `"one"` or `"half"`.
    """

    key: str
    name: str
    value: float
    standard_error: float | None
    generated: int
    real: int | None
    space: str
    better: str

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval: 1.96 standard errors to either side."""
        if self.standard_error is None:
            return None
        reach = NORMAL_95 * self.standard_error
        return self.value - reach, self.value + reach

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        error = f" ± {self.standard_error:.2g}" if self.standard_error is not None else ""
        counts = f"{self.generated:,} generated"
        counts += f", {self.real:,} real" if self.real is not None else ""
        return f"{self.name} {self.value:.4g}{error} ({self.space}; {counts})"


def figure(
    key: str,
    real: ArrayLike,
    fake: ArrayLike,
    *,
    features: Features | None = None,
    held_out: ArrayLike | None = None,
    real_labels: ArrayLike | None = None,
    fake_labels: ArrayLike | None = None,
    neighbours: int = 5,
    components: int = 32,
    seed: int = 0,
) -> ArrayFigure:
    """A figure of samples beside real examples.

    Args:
        key: one of `METRICS.figures`.
        real, fake: images `(n, height, width[, channels])`, uint8, or floats of one range, 0 to 1
            or -1 to 1; or vectors `(n, d)`.
        features: a name in `FEATURES` (`"inception"`, `"classifier"`, ...), one of its members
            with options, or a Keras model of images in -1 to 1 or of vectors; as in a report by
            default.
        held_out: real examples that training did not see, for figures of memorisation.
        real_labels, fake_labels: int `(n,)`, the classes, and those that were requested.
        neighbours: k of nearest-neighbour figures.
        components: of the principal components' space.
        seed: of everything drawn.

    Raises:
        ValueError: no such figure, or not of such arrays; the sentence says why.
    """
    if key not in METRICS.figures:
        raise ValueError(
            f"There is no figure {key!r}; there are {', '.join(sorted(METRICS.figures))}."
        )
    given = {"real": real, "fake": fake} | ({} if held_out is None else {"held_out": held_out})
    arrays = in_user_units({name: np.asarray(each) for name, each in given.items()})
    data = EvaluationData(
        _spec(arrays, real_labels),
        train=arrays["real"],
        held_out=arrays.get("held_out"),
        train_labels=None if real_labels is None else np.asarray(real_labels),
        neighbours=neighbours,
        components=components,
        features=_choice(features),
        seed=seed,
    )
    evaluator = Evaluator(data, figures=(key,), training_figures=(key,), reference="train")
    labels = None if fake_labels is None else np.asarray(fake_labels)
    try:
        found = evaluator.figure(key, arrays["fake"], labels=labels)
    except NotComputable as reason:
        raise ValueError(f"The figure {key!r} cannot be computed: {reason}.") from reason
    return ArrayFigure(**found)


def __getattr__(name: str) -> Callable[..., ArrayFigure]:
    if name not in METRICS.figures:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return functools.partial(figure, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *METRICS.figures})


def in_user_units(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Images as 256 levels, by one range of all of them; vectors as float32.

    Raises:
        ValueError: the arrays are of several shapes, or images of several ranges.
    """
    shapes = {name: each.shape[1:] for name, each in arrays.items()}
    if len(set(shapes.values())) > 1:
        said = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"Arrays must hold examples of one shape. Received: {said}")
    names = " and ".join(arrays)
    shape = shapes["real"]
    if len(shape) not in (1, 2, 3):
        raise ValueError(
            f"{names} must be images (n, height, width[, channels]) or vectors (n, d). "
            f"Received: shape=(n, {', '.join(map(str, shape))})"
        )
    if len(shape) == 1:
        found = {name: np.asarray(each, np.float32) for name, each in arrays.items()}
        for name, each in found.items():
            check_finite(each, 0, name)
        return found
    kinds = {name: each.dtype.kind for name, each in arrays.items()}
    if len(set(kinds.values())) > 1:
        raise ValueError(
            f"{names} must be images of one range, uint8 or floats. Received: "
            f"{', '.join(f'{name} {each.dtype}' for name, each in arrays.items())}"
        )
    form = levels_of(list(arrays.values()), names)
    lowest = {name: float(each.min()) for name, each in arrays.items()}
    if min(lowest.values()) < -SLACK and lowest["real"] >= -SLACK and kinds["real"] == "f":
        raise ValueError(
            f"{names} must be images of one range. Received: real from {lowest['real']:g}, "
            f"which looks like 0 to 1, and fake from {lowest['fake']:g}"
        )
    return {name: form.convert(each) for name, each in arrays.items()}


def _spec(arrays: dict[str, np.ndarray], labels: ArrayLike | None) -> DataSpec:
    real = arrays["real"]
    shape = tuple(real.shape[1:])
    classes = () if labels is None else tuple(map(str, range(int(np.max(labels)) + 1)))
    moments = {}
    if len(shape) == 1:
        mean, scale = real.mean(axis=0, dtype=np.float64), real.std(axis=0, dtype=np.float64)
        moments = {"mean": tuple(mean), "scale": tuple(np.where(scale > 0, scale, 1.0))}
    return DataSpec(
        name="arrays",
        kind="vector" if len(shape) == 1 else "image",
        shape=shape,
        examples=len(real),
        held_out=len(arrays.get("held_out", ())),
        classes=classes,
        **moments,
    )


def _choice(features: Features | None) -> FeatureChoice | None:
    if features is None or isinstance(features, FeatureChoice):
        return features
    if isinstance(features, str):
        return FEATURES[features]()
    return OwnModel(model=features)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnModel(FeatureChoice):
    """A Keras model that is in memory, as `KerasModel` takes one from a file."""

    model: keras.Model
    images_only = False
    name = "model"

    def build(self, real):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{self.model.name}.keras"
            self.model.save(path)
            return KerasModel(path=str(path)).build(real)
