"""What the tests of penalties share: numbers that are drawn alike every time."""

import numpy as np
import tensorflow as tf


class FixedDraws:
    """The `draw` of a penalty: each call gives numbers of its own, the same in every instance.

    The first rows do not depend on how many rows there are. What was drawn is kept in `drawn`.

    Args:
        rows: examples in the batch.
        seed: of all the calls.
        dtype: of the numbers.
    """

    def __init__(self, rows: int, *, seed: int = 0, dtype: str = "float32") -> None:
        self.rows, self.seed, self.dtype = rows, seed, dtype
        self.drawn: list[np.ndarray] = []

    def __call__(self, *shape: int) -> tf.Tensor:
        generator = np.random.default_rng([self.seed, len(self.drawn)])
        self.drawn.append(generator.random((self.rows, *shape)).astype(self.dtype))
        return tf.constant(self.drawn[-1])
