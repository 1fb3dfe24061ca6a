"""Feature spaces: where distances between samples are measured, and what a user may choose.

A space maps samples in user units to float64 `(n, d)`. Here are those without a network; each of
the others is a file of its own. A member of `FEATURES` is a frozen dataclass of options: `check`
refuses at once what cannot work, `build` makes the space (which may take a minute).
"""

import dataclasses
import hashlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.array_files import UNREADABLE
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import LARGE, NotComputable, as_features, storage_type
from ganapp.training.files import write_atomically
from ganapp.training.rows_on_disk import forget, take_rows

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
    """Vectors with the source's mean and scale, `(d,)` each, taken out; a zero scale counts as 1.

    The columns of a table have different units; without this the one with the largest numbers
    decides every distance.
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
        train: examples in user units, at least 2 that differ; at most 10,000 are used, drawn if
            there are more.
        components: how many directions; capped by the dimension and by `n - 1`.
        seed: of the randomised solver that scikit-learn takes for large data.
        of: what is projected, for the name, where that is not whole examples.
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
            train = take_rows(
                train, generator.choice(len(train), MOST_FOR_COMPONENTS, replace=False)
            )
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


class TableColumns:
    """Rows of a table as vectors in which every column counts about the same.

    Two draws of a standardised number differ by 2 in the mean square, and so do two different
    one-hot categories: no column decides the distances because of its unit. A missing number is at
    the mean, with an indicator; a missing category is a category. A label that not every row has is
    left out.
    """

    name = "columns"

    def __init__(self, spec: DataSpec) -> None:
        self._table = spec.table
        # Whether a row has a label says nothing of what it is like.
        self._left_out = self._table.label_place if self._table.partly_labelled else None
        self._mean, self._scale = np.asarray(spec.mean), np.asarray(spec.scale)

    @property
    def width(self) -> int:
        return self(np.zeros((1, len(self._table.varying)))).shape[1]

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        return np.concatenate(self.by_column(samples), axis=1)

    def by_column(self, samples: np.ndarray) -> list[np.ndarray]:
        """The features of each column, `(n, width)`."""
        samples = np.asarray(samples, np.float64)
        parts = []
        for place, column in enumerate(self._table.varying):
            values = samples[:, place]
            if place == self._left_out:
                parts.append(np.empty((len(samples), 0)))
                continue
            missing = np.isnan(values)
            if column.kind == "categorical":
                count = len(column.categories)
                codes = np.where(missing, count, values).astype(int)
                parts.append(np.eye(count + column.missing)[codes])
                continue
            standard = (values - self._mean[place]) / self._scale[place]
            part = [np.where(missing, 0.0, standard)]
            parts.append(np.stack([*part, missing] if column.missing else part, axis=1))
        return parts

    def inverse(self, features: np.ndarray) -> np.ndarray:
        """Maps `(n, d)` to the rows `(n, columns)` that are nearest, as a table may hold them.

        The largest entry decides the category, 1/2 what is missing; numbers get the decimals and
        keep the range of their column.
        """
        columns, start = [], 0
        for place, column in enumerate(self._table.varying):
            if place == self._left_out:
                columns.append(np.full(len(features), np.nan))
                continue
            if column.kind == "categorical":
                count = len(column.categories)
                part = features[:, start : (start := start + count + column.missing)]
                codes = part.argmax(axis=1)
                columns.append(np.where(codes == count, np.nan, codes))
                continue
            values = features[:, start] * self._scale[place] + self._mean[place]
            values = column.on_grid(values)
            if column.missing:
                values = np.where(features[:, start + 1] > 0.5, np.nan, values)
            start += 1 + column.missing
            columns.append(values)
        return np.stack(columns, axis=1)


def plain_space(spec: DataSpec) -> Pixels | Standardised | TableColumns:
    """The space in which examples of a source are compared if nothing better is known of them."""
    if spec.table is not None:
        return TableColumns(spec)
    return Pixels() if spec.pixels else Standardised(spec.mean, spec.scale)


def alarm_space(spec: DataSpec) -> TableColumns | None:
    """The space in which alarms compare examples: of a table, whose columns have units and gaps."""
    return None if spec.table is None else TableColumns(spec)


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
    """The number of these samples that are worked on at once."""
    return max(1, CHUNK_BYTES // (8 * max(1, int(np.prod(samples.shape[1:])))))


class FeatureRows:
    """Features `(n, d)` of samples, as `features_of` gives them, computed where they are used.

    Neighbours are looked for among all training examples, and their pixels as float32 take four
    times the room of the examples themselves, which lie on the disk where they are many. The space
    must give one row for each sample, the same whichever others come with it.
    """

    def __init__(self, space: FeatureSpace, samples: np.ndarray) -> None:
        self._space, self._samples = space, samples
        self.shape = (len(samples), space(samples[:1]).shape[1])
        self.dtype = np.dtype(storage_type(self.shape[0] * self.shape[1]))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: np.ndarray | slice) -> np.ndarray:
        return features_of(self._space, self._samples[places]).astype(self.dtype, copy=False)

    def parts(self) -> Iterator[np.ndarray]:
        """All rows in their order, in parts of bounded memory."""
        size = rows_at_once(self._samples)
        for start in range(0, len(self), size):
            yield self[start : start + size]


def _flat(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples, dtype=np.float64).reshape(len(samples), -1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The training data, in user units, that a feature space may be made from."""

    spec: DataSpec
    train: np.ndarray
    plain: FeatureSpace
    labels: np.ndarray | None = None
    components: int = 32
    cache: Path | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureChoice:
    """Base of the members of `FEATURES`: for which data a space is, and for which metrics."""

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

    def build(self, real: TrainingData) -> FeatureSpace:
        """The space; ValueError where it cannot be made."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrincipalPixels(FeatureChoice):
    """Distances in `evaluation.components` principal components, neighbours among the pixels.

    Vectors are compared as they are, or standardised when their columns have different units.
    """

    name = "pca"
    images_only = False
    for_neighbours = False

    def build(self, real: TrainingData) -> FeatureSpace:
        if not real.spec.pixels:
            return real.plain
        return PrincipalComponents(
            plain_space(real.spec), real.train, components=real.components, seed=real.seed
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlainPixels(FeatureChoice):
    """Every pixel, in [-1, 1], for all figures. Costly for large images."""

    name = "pixels"

    def build(self, real: TrainingData) -> FeatureSpace:
        return Pixels()


class FeatureStatistics:
    """Count, mean and covariance of features of `dimension` d, gathered batch by batch in float64.

    Batches are merged by the formula of Chan, Golub and LeVeque, 1983, which stays exact where the
    spread is small beside the mean; sums of squares would not. The order and size of the batches
    change the result by rounding only.
    """

    def __init__(self, dimension: int) -> None:
        self.count = 0
        self.mean = np.zeros(dimension)
        self.scatter = np.zeros((dimension, dimension))

    def update(self, features: ArrayLike) -> "FeatureStatistics":
        """Adds a batch `(n, d)`, n at least 1, finite; returns itself."""
        features = as_features("features", features).astype(np.float64, copy=False)
        mean = features.mean(axis=0)
        centred = features - mean
        return self.merge(len(features), mean, centred.T @ centred)

    def covariance(self) -> np.ndarray:
        """The unbiased covariance, float64 `(d, d)`; NotComputable for fewer than 2 samples."""
        if self.count < 2:
            raise NotComputable(
                f"A covariance needs at least 2 samples. Received: {self.count} samples"
            )
        return self.scatter / (self.count - 1)

    def merge(self, count: int, mean: np.ndarray, scatter: np.ndarray) -> "FeatureStatistics":
        """Adds `count` features with this mean and sum of squares about it; returns itself."""
        total = self.count + count
        shift = mean - self.mean
        self.scatter += scatter
        self.scatter += np.outer(shift, shift) * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total
        return self


def array_hash(settings: str, rows: np.ndarray) -> "hashlib._Hash":
    """The sha256 of settings and rows; a memory-mapped array is read piece by piece."""
    digest = hashlib.sha256(settings.encode())
    for start in range(0, len(rows), 1000):
        digest.update(np.ascontiguousarray(rows[start : start + 1000]))
        forget(rows)
    return digest


def save_arrays(path: Path | None, *arrays: np.ndarray, **named: np.ndarray) -> None:
    """Writes an `.npz`, whole or not at all; nothing without a path.

    A full disk makes the next evaluation slower, and this one no less right.
    """
    if path is None:
        return
    buffer = io.BytesIO()
    np.savez(buffer, *arrays, **named)
    try:
        write_atomically(path, buffer.getvalue())
    except OSError as error:
        logging.getLogger("ganapp").warning("%s is not kept: %s.", path, error.strerror)


def load_arrays(path: Path | None, names: Sequence[str]) -> dict[str, np.ndarray] | None:
    """These arrays of an `.npz`, in this order; `None` where one is missing or damaged."""
    if path is None:
        return None
    try:
        content = io.BytesIO(path.read_bytes())  # of a damaged file numpy leaves the handle open
        saved = np.load(content, allow_pickle=False)
        return {name: saved[name] for name in names}
    except (OSError, ValueError, LookupError, *UNREADABLE):  # IndexError: a single array
        return None


class FeatureStore:
    """Works features and statistics out, or finds them again under a hash of samples and space.

    Only what a space with an `identity` (a network) says is kept, in `folder` if there is one; the
    others are quick.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def features(self, space: FeatureSpace, samples: np.ndarray) -> np.ndarray:
        """All features `(n, d)`, float64 or, where that would take more than 256 MiB, float32."""
        path = self._path("features", space, samples)
        kept = load_arrays(path, ["features"])
        if kept is not None and len(kept["features"]) == len(samples):
            return as_features("features", kept["features"])
        features = features_of(space, samples)
        if features.nbytes <= LARGE:
            save_arrays(path, features=features)
        return as_features("features", features)

    def statistics(
        self, space: FeatureSpace, samples: np.ndarray, features: np.ndarray | None = None
    ) -> FeatureStatistics:
        """Mean and covariance of the features, from `features` if they are known already."""
        path = self._path("statistics", space, samples)
        if (kept := load_arrays(path, ["count", "mean", "scatter"])) is not None:
            kept["count"] = int(kept["count"])
            return FeatureStatistics(len(kept["mean"])).merge(**kept)
        parts = chunks(space, samples) if features is None else iter([features])
        first = next(parts)
        found = FeatureStatistics(np.shape(first)[1]).update(first)
        for part in parts:
            found.update(part)
        save_arrays(path, count=found.count, mean=found.mean, scatter=found.scatter)
        return found

    def _path(self, what: str, space: FeatureSpace, samples: np.ndarray) -> Path | None:
        identity = getattr(space, "identity", None)
        if self.folder is None or identity is None:
            return None
        digest = array_hash(f"{space.name} {identity} {samples.shape}", samples)
        return self.folder / f"{what}-{digest.hexdigest()[:32]}.npz"
