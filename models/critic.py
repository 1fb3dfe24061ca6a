"""The discriminator as penalties see it."""

from collections.abc import Callable

import tensorflow as tf


class Critic:
    """Scores examples and gives the gradient of the scores by the examples.

    Each distinct input goes forward once: a penalty at the very tensor that the loss has scored
    (R1 on real, R2 on fake examples) reuses that pass. One `Critic` lives for one loss.

    Args:
        score: maps examples `(batch, *shape)` to raw float32 scores `(batch, ...)`.
    """

    def __init__(self, score: Callable[[tf.Tensor], tf.Tensor]) -> None:
        self._score = score
        self._passes: dict[int, tuple] = {}

    def __call__(self, examples: tf.Tensor) -> tf.Tensor:
        """Raw scores of `examples`."""
        return self._forward(examples)[2]

    def gradient(self, examples: tf.Tensor) -> tf.Tensor:
        """Gradient of each example's score by that example, `(batch, *shape)`.

        Correct only where one example's score does not depend on another's: a discriminator with
        batch normalisation has no such gradient.
        """
        _, tape, scores = self._forward(examples)
        return tape.gradient(scores, examples)

    def _forward(self, examples: tf.Tensor) -> tuple:
        # Keyed by identity; the tensor is kept in the entry so that its id is not reused.
        if id(examples) not in self._passes:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(examples)
                scores = self._score(examples)
            self._passes[id(examples)] = (examples, tape, scores)
        return self._passes[id(examples)]
