"""What every alarm asks of its input."""

import numpy as np
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable


def finite_vector(name: str, values: ArrayLike, *, least: int = 1) -> np.ndarray:
    """float64 `(n,)` of values of any shape with `n` entries.

    Raises:
        NotComputable: fewer than `least` values.
        ValueError: some are NaN or infinite.
    """
    values = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(values) < least:
        raise NotComputable(
            f"`{name}` must hold at least {least} values. Received: {len(values)} values"
        )
    broken = np.count_nonzero(~np.isfinite(values))
    if broken:
        raise ValueError(
            f"`{name}` must be finite. Received: {broken} of {len(values)} values NaN or infinite"
        )
    return values
