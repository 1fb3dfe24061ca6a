"""Categories from uniform numbers, in arithmetic that every runtime has."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def category_of(uniform: tf.Tensor, shares: Sequence[float]) -> tf.Tensor:
    """The category in whose part of [0, 1) each number lies.

    Args:
        uniform: float32 `(n, 1)`.
        shares: probability of each category, of sum 1.

    Returns:
        one-hot float32 `(n, categories)`.
    """
    bounds = np.cumsum(shares)[:-1].astype(np.float32)
    # The ends are out of reach, so that the rounding of a sum leaves no number without a category.
    lower, upper = np.append(np.float32(-1), bounds), np.append(bounds, np.float32(2))
    return tf.cast((uniform >= lower) & (uniform < upper), tf.float32)
