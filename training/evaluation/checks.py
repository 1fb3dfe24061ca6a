"""Checks of the input of metrics, and the error of a figure that has no value."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.codec import TableCodec

# Bytes of float64 above which sets of features are kept in float32: 50,000 images of 64x64x3 pixels
# would be 5 GB. What is computed from them is still accumulated in float64.
LARGE = 2**28


class NotComputable(ValueError):
    """This figure has no value for this input; the message is the sentence that says why.

    A report prints the sentence in place of the number. Any other `ValueError` is a mistake of
    the caller and is not caught.
    """


def as_features(name: str, values: ArrayLike, *, least: int = 1) -> np.ndarray:
    """Checks a set of feature vectors `(n, d)`, finite, n at least `least`.

    Returns:
        float64 `(n, d)`; float32 stays float32 where float64 would take more than 256 MiB.

    Raises:
        ValueError: not a matrix, or a value is not finite.
        NotComputable: too few rows.
    """
    features = np.asarray(values)
    if features.dtype != storage_type(features.size):
        features = features.astype(np.float64, copy=False)
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(
            f"`{name}` must be a matrix of shape (n, d). Received: shape={features.shape}"
        )
    if len(features) < least:
        raise NotComputable(
            f"`{name}` must hold at least {least} samples. Received: {len(features)} samples"
        )
    if not np.isfinite(features).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {_not_finite_rows(features)} of {len(features)} "
            "samples with NaN or infinite values"
        )
    return features


def error_of_share(share: float, count: int) -> float:
    """Binomial standard error of a share of `count` independent examples."""
    return math.sqrt(share * (1.0 - share) / count)


def as_feature_pair(*, least: int = 1, **sides: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Checks two sets of feature vectors, `(n, d)` and `(m, d)` by name, as `as_features` does."""
    first, second = (as_features(name, values, least=least) for name, values in sides.items())
    same_width(first, second)
    return first, second


def storage_type(values: int) -> type:
    """float64 for so many values, float32 if they would take more than 256 MiB."""
    return np.float64 if values * 8 <= LARGE else np.float32


def same_width(first: np.ndarray, second: np.ndarray) -> None:
    """Raises a ValueError unless both `(n, d)` sets have the same `d`."""
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            "Both sets must have the same number of features. "
            f"Received: shapes {first.shape} and {second.shape}"
        )


def check_samples(spec: DataSpec, name: str, samples: ArrayLike) -> np.ndarray:
    """Checks samples in user units against what their source promised.

    At least one, uint8 `(n, height, width, channels)` or float `(n, d)`, finite; rows of a table
    may have NaN where a value may be missing.

    Raises:
        ValueError: wrong shape or type, no samples, or values that are not finite.
    """
    samples = np.asarray(samples)
    if samples.shape[1:] != tuple(spec.user_shape) or samples.ndim != len(spec.user_shape) + 1:
        raise ValueError(
            f"`{name}` must have the shape (n, {', '.join(map(str, spec.user_shape))}). "
            f"Received: shape={samples.shape}"
        )
    if len(samples) == 0:
        raise ValueError(f"`{name}` must hold at least one sample. Received: shape={samples.shape}")
    if spec.pixels and samples.dtype != np.uint8:
        raise ValueError(
            f"`{name}` must be uint8 {spec.kind}s in user units, 0 to 255. "
            f"Received: dtype={samples.dtype}"
        )
    if spec.table is not None:
        return _check_rows(spec.table, name, samples)
    if not np.isfinite(samples).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {_not_finite_rows(samples)} of {len(samples)} "
            "samples with NaN or infinite values"
        )
    return samples


def _check_rows(table: TableCodec, name: str, rows: np.ndarray) -> np.ndarray:
    for place, column in enumerate(table.varying):
        values = rows[:, place]
        missing = np.isnan(values)
        present = values[~missing]
        possible = np.isfinite(present)
        if column.kind == "categorical":
            possible &= (present >= 0) & (present < len(column.categories))
            possible &= present == np.floor(present)
        may_miss = column.missing or (table.partly_labelled and place == table.label_place)
        wrong = int(np.count_nonzero(~possible)) + (0 if may_miss else int(missing.sum()))
        if wrong:
            expected = (
                "codes of its categories" if column.kind == "categorical" else "finite numbers"
            )
            raise ValueError(
                f"`{name}` must hold {expected} in the column {column.name!r}"
                f"{' or NaN' if may_miss else ''}. "
                f"Received: {wrong} of {len(rows)} rows with other values"
            )
    return rows


def check_labels(name: str, labels: ArrayLike | None, count: int) -> np.ndarray | None:
    """Checks one integer label for each of `count` examples; `None` passes through."""
    if labels is None:
        return None
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`{name}` must hold {count} integers, one per example. "
            f"Received: shape={labels.shape}, dtype={labels.dtype}"
        )
    return labels


def _not_finite_rows(values: np.ndarray) -> int:
    finite = np.isfinite(values.reshape(len(values), -1)).all(axis=1)
    return int(np.count_nonzero(~finite))
