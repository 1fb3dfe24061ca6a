"""Running rows in batches of one fixed size."""

from collections.abc import Callable

import numpy as np


def in_blocks(run: Callable[[np.ndarray], np.ndarray], z: np.ndarray, size: int) -> np.ndarray:
    """Calls `run` with batches of exactly `size` rows, the last filled up with zeros.

    Args:
        run: rows `(size, ...)` -> `(size, ...)`.
        z: rows `(n, ...)`, at least one.
        size: of a batch.

    Returns:
        what `run` makes of the n rows.
    """
    parts = []
    for start in range(0, len(z), size):
        rows = z[start : start + size]
        filled = np.zeros((size, *z.shape[1:]), z.dtype)
        filled[: len(rows)] = rows
        parts.append(run(filled)[: len(rows)])
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
