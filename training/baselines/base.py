"""The contract of a baseline: a simple model, fitted on the same data, that gives samples."""

import abc
import dataclasses
from typing import ClassVar

import numpy as np

from ganapp.training.data.densities import Mixture
from ganapp.training.data.source import Density
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.columns import Numeric
from ganapp.training.evaluation.features.spaces import plain_space

# Held-out examples behind a log-density: its standard error is small by then.
DENSITY_EXAMPLES = 1_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class RealData:
    """The data, in user units, that a baseline is fitted on, with the exact density and the modes
    where they are known.
    """

    spec: DataSpec
    train: np.ndarray
    density: Density | None = None
    modes: Mixture | None = None


class Fitted(abc.ABC):
    """A baseline fitted on its data. `name` is what a report calls it."""

    name: str

    @abc.abstractmethod
    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """`count` samples in user units, in random order; a pure function of the seed.

        Returns:
            uint8 `(count, *shape)` of images and clips, clipped and rounded, or float32
            `(count, d)`.
        """

    def facts(self, held_out: np.ndarray) -> dict[str, float]:
        """Figures of its own beside those of its samples, by name.

        Args:
            held_out: real examples `(m, *shape)` in user units that it was not fitted on.
        """
        return {}


class FittedDensity(Fitted):
    """A baseline whose density is known: pixels are taken as real numbers then.

    Args:
        units: between the user's units and the features it was fitted on.
    """

    def __init__(self, units: "Units") -> None:
        self.units = units

    @abc.abstractmethod
    def log_density_of_features(self, features: np.ndarray) -> np.ndarray:
        """Log-density in nats of features `(n, d)`, in their units: float64 `(n,)`."""

    def log_density(self, samples: np.ndarray) -> np.ndarray:
        """Log-density in nats and user units (of pixels: grey levels): `(n, *shape)` to `(n,)`.

        Args:
            samples: in user units; pixels may be any real numbers, see `Units.dequantise`.
        """
        features = self.units.to_features(samples)
        return self.log_density_of_features(features) + self.units.log_volume

    def facts(self, held_out):
        """The mean log-density of held-out examples; nothing where there is none."""
        if not self.units.continuous:
            return {}
        samples = self.units.dequantise(held_out[:DENSITY_EXAMPLES])
        return {"held_out_log_density": float(self.log_density(samples).mean())}


class Baseline(abc.ABC):
    """The options of a baseline, a frozen dataclass, before it is fitted."""

    name: ClassVar[str]
    reference: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    needs_density: ClassVar[bool] = False

    @abc.abstractmethod
    def fit(self, data: RealData, *, seed: int = 0) -> Fitted:
        """Fits the baseline; a pure function of data and seed.

        Raises:
            ValueError: the data are not for it.
        """

    def refuse(self, name: str, expected: str, condition: bool) -> None:
        """Raises a ValueError about an option unless the condition holds."""
        if not condition:
            raise ValueError(
                f"`{name}` must be {expected}. Received: {name}={getattr(self, name)!r}"
            )


class Units:
    """Conversion between the user's units and flat float64 features of about unit size.

    `shape` is that of an example whose features are not flat (what networks take), `dimensions` the
    number of its features.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.base = plain_space(spec)
        # Features of a row are not the entries that a generator makes of it.
        self.shape = spec.shape if spec.table is None else (self.base.width,)
        self.dimensions = int(np.prod(self.shape))

    @property
    def log_volume(self) -> float:
        """The term that turns a log-density of features into one in user units."""
        if self.spec.pixels:
            return -self.dimensions * float(np.log(127.5))
        scale = self.base.scale if self.spec.table is None else self.spec.scale
        return -float(np.log(scale).sum())

    @property
    def continuous(self) -> bool:
        """Whether a density of features means anything.

        Not where some are one-hot, nor where numbers are rounded to few decimals, as whole ones
        are: these lie on points, whose density is whatever the least variance of a model lets it
        be. Nor where values are missing, which is a one-hot feature, too.
        """
        table = self.spec.table
        return table is None or all(
            isinstance(column, Numeric) and not column.rounded and not column.missing
            for column in table.varying
        )

    @property
    def rounding_variance(self) -> float:
        """Variance that rounding to grey levels hides, in features; 0 for vectors."""
        return 1 / (12 * 127.5**2) if self.spec.pixels else 0.0

    def to_features(self, samples: np.ndarray) -> np.ndarray:
        """float64 `(n, d)`: pixels in [-1, 1], vectors standardised."""
        return self.base(samples)

    def to_examples(self, samples: np.ndarray) -> np.ndarray:
        """The features as networks take them: float32 `(n, *self.shape)`."""
        return self.to_features(samples).astype(np.float32).reshape(-1, *self.shape)

    def to_samples(self, values: np.ndarray) -> np.ndarray:
        """Features `(n, d)` back in user units: uint8 `(n, *shape)` or float32 `(n, d)`."""
        if self.spec.pixels:
            levels = np.rint((np.clip(values, -1.0, 1.0) + 1.0) * 127.5).astype(np.uint8)
            return levels.reshape(len(values), *self.spec.shape)
        return self.base.inverse(values).astype(np.float32)

    def dequantise(self, samples: np.ndarray, seed: int = 0) -> np.ndarray:
        """Pixels with the uniform noise of a grey level that rounding took, vectors as they are.

        A density of pixels that only take 256 values could be as high as it likes; of these it
        cannot, and its mean is at most the log-probability of the pixels (Theis et al., 2016,
        arXiv:1511.01844).
        """
        if not self.spec.pixels:
            return samples
        return samples + np.random.default_rng(seed).uniform(-0.5, 0.5, samples.shape)


def check_count(count: int) -> None:
    if count < 1:
        raise ValueError(f"`count` must be at least 1. Received: count={count}")


def check_differ(train: np.ndarray) -> None:
    if len(train) < 2 or not np.ptp(np.reshape(train, (len(train), -1)), axis=0).any():
        raise ValueError(
            "`train` must hold at least 2 examples that differ. "
            f"Received: {len(train)} examples, all the same"
        )
