"""Named feature spaces: where distances between samples are measured.

A space maps samples in user units to float64 `(n, d)`. Here are those that need nothing but the
samples; what a user may choose is in `choices.py`.
"""

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import storage_type
from ganapp.training.evaluation.table_space import TableColumns
from ganapp.training.rows_on_disk import forget, taken

CHUNK_BYTES = 2**26  # of float64: what is worked on at once
# More examples hardly turn the leading directions, but all pixels of 50,000 would take 5 GB.
MOST_FOR_COMPONENTS = 10_000


class FeatureSpace(Protocol):
    """`name` as printed beside every figure, and the map itself."""

    name: str

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Maps samples `(n, *shape)` in user units to float64 `(n, d)`.

        Of pieces of samples it gives several rows for each, as many for all.
        """
        ...


class Pixels:
    """Images flattened, 0 to 255 scaled to [-1, 1], the range the networks see."""

    name = "pixels"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return _flat(samples) / 127.5 - 1.0


class Coordinates:
    """Vectors as they are, in user units."""

    name = "coordinates"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return _flat(samples)


class Standardised:
    """Vectors with the source's mean and scale taken out.

    The columns of a table have different units; without this the one with the largest numbers
    decides every distance.

    Args:
        mean: `(d,)` in user units.
        scale: `(d,)` in user units; a zero (a constant column) counts as 1.
    """

    name = "standardised"

    def __init__(self, mean: tuple[float, ...], scale: tuple[float, ...]) -> None:
        self.mean = np.asarray(mean, dtype=np.float64)
        scales = np.asarray(scale, dtype=np.float64)
        self.scale = np.where(scales > 0, scales, 1.0)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return (_flat(samples) - self.mean) / self.scale

    def inverse(self, features: np.ndarray) -> np.ndarray:
        """Maps `(n, d)` back to user units."""
        return features * self.scale + self.mean


class PrincipalComponents:
    """Another space projected on the directions in which the training data vary most.

    Args:
        base: the space to project.
        train: training examples `(n, *shape)` in user units, at least 2 that differ; at most
            10,000 of them are used, drawn if there are more.
        components: how many directions; capped by the dimension and by `n - 1`.
        seed: of the randomised solver that scikit-learn takes for large data.
        of: what is projected, for the name, where that is not whole examples.

    Raises:
        ValueError: the training examples do not differ, or there is only one.
    """

    def __init__(
        self,
        base: FeatureSpace,
        train: np.ndarray,
        *,
        components: int = 32,
        seed: int = 0,
        of: str = "",
    ) -> None:
        from sklearn.decomposition import PCA

        if len(train) > MOST_FOR_COMPONENTS:
            generator = np.random.default_rng(seed)
            train = taken(train, generator.choice(len(train), MOST_FOR_COMPONENTS, replace=False))
        features = features_of(base, train)
        if len(features) < 2 or not np.ptp(features, axis=0).any():
            raise ValueError(
                "`train` must hold at least 2 examples that differ. "
                f"Received: {len(features)} examples, all the same"
            )
        self.base = base
        count = min(components, features.shape[1], len(features) - 1)
        self.model = PCA(n_components=count, random_state=seed).fit(features)
        self.name = f"PCA-{count}{of}"

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return self.model.transform(self.base(samples))

    def inverse(self, features: np.ndarray) -> np.ndarray:
        """Maps `(n, components)` back to the base space, `(n, d)`."""
        return self.model.inverse_transform(features)


def plain_space(spec: DataSpec) -> Pixels | Standardised | TableColumns:
    """The space in which examples of a source are compared if nothing better is known of them."""
    if spec.table is not None:
        return TableColumns(spec)
    return Pixels() if spec.pixels else Standardised(spec.mean, spec.scale)


def compared_in(spec: DataSpec) -> Callable[[np.ndarray], np.ndarray] | None:
    """Where alarms compare examples: for a table its columns, which have units and gaps."""
    return None if spec.table is None else TableColumns(spec)


SPACES: dict[str, Callable[[DataSpec, np.ndarray, int, int], FeatureSpace]] = {
    "pixels": lambda spec, train, components, seed: Pixels(),
    "coordinates": lambda spec, train, components, seed: Coordinates(),
    "standardised": lambda spec, train, components, seed: Standardised(spec.mean, spec.scale),
    "columns": lambda spec, train, components, seed: TableColumns(spec),
    "pca": lambda spec, train, components, seed: PrincipalComponents(
        plain_space(spec),
        train,
        components=components,
        seed=seed,
    ),
}


def make_space(
    name: str, spec: DataSpec, train: np.ndarray, *, components: int = 32, seed: int = 0
) -> FeatureSpace:
    """Makes the space called `name` for one source.

    Args:
        name: a key of `SPACES`.
        spec: the source's description.
        train: training examples in user units; only `pca` looks at them.
        components: of `pca`.
        seed: of `pca`.

    Raises:
        ValueError: no such space.
    """
    if name not in SPACES:
        raise ValueError(f"`name` must be one of {sorted(SPACES)}. Received: name={name!r}")
    return SPACES[name](spec, train, components, seed)


def chunks(space: FeatureSpace, samples: np.ndarray) -> Iterator[np.ndarray]:
    """Features `(k, d)` of consecutive samples, in chunks of bounded memory."""
    rows = rows_at_once(samples)
    for start in range(0, len(samples), rows):
        yield space(samples[start : start + rows])
        forget(samples)


def features_of(space: FeatureSpace, samples: np.ndarray) -> np.ndarray:
    """All features `(n, d)`: float64, or float32 where that would take more than 256 MiB."""
    parts = chunks(space, samples)
    first = next(parts)
    used = min(len(samples), rows_at_once(samples))
    if used == len(samples):
        return first
    shape = (len(samples) * (len(first) // used), *first.shape[1:])
    features = np.empty(shape, storage_type(math.prod(shape)))
    features[: len(first)] = first
    done = len(first)
    for part in parts:
        features[done : done + len(part)] = part
        done += len(part)
    return features


def rows_at_once(samples: np.ndarray) -> int:
    """How many of these samples are worked on at once."""
    return max(1, CHUNK_BYTES // (8 * max(1, int(np.prod(samples.shape[1:])))))


def _flat(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)
