"""The distance of weights from their average over the training, from sketches of the weights.

The weights at each recorded moment are pressed into a thousand sums of randomly signed weights (a
count sketch), which keeps distances to a few percent whatever the number of weights; so the
running average costs a thousand numbers in a checkpoint, not a third copy of the networks.

Reference: Charikar, Chen and Farach-Colton, 2002, "Finding frequent items in data streams".
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

SUMS = 1024  # relative standard error of a distance: about 1 / sqrt(2 * SUMS), 2 %
SEED = 0x5EED  # of the signs and places; another one gives other distances


class WeightHistory:
    """The running average of a network's weights, and the distance from it.

    Args:
        variables: the network's, at least one.
    """

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        self._variables = list(variables)
        self._count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._mean = tf.Variable(np.zeros(SUMS), dtype=tf.float64, trainable=False)

    @property
    def state(self) -> list[tf.Variable]:
        """The variables that a checkpoint must hold for an exact resume."""
        return [self._count, self._mean]

    def record(self) -> float:
        """Adds the present weights to the average; returns about their distance from it (L2)."""
        present = sketch([variable.numpy() for variable in self._variables])
        count = int(self._count.assign_add(1).numpy())
        mean = self._mean.numpy()
        mean += (present - mean) / count
        self._mean.assign(mean)
        return float(np.linalg.norm(present - mean))


def sketch(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Sums of randomly signed entries, float64 `(1024,)`: linear, and about keeping distances.

    Args:
        arrays: of any shapes; the same shapes give the same signs and places.
    """
    random, sums = np.random.default_rng(SEED), np.zeros(SUMS)
    for array in arrays:
        entries = np.asarray(array, dtype=np.float64).reshape(-1)
        drawn = random.integers(2 * SUMS, size=len(entries), dtype=np.uint16)
        signed = np.where(drawn & 1, entries, -entries)
        sums += np.bincount(drawn >> 1, weights=signed, minlength=SUMS)
    return sums
