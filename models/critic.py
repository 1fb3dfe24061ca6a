"""The discriminator as penalties and stabilisers see it."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

SCORES, FEATURES = "scores", "features"


class Critic:
    """Scores examples and gives the gradient of the scores by the examples.

    Each distinct input goes forward once: a penalty at the very tensor that the loss has scored
    (R1 on real, R2 on fake examples) reuses that pass. One `Critic` lives for one loss.

    Args:
        score: maps examples `(batch, *shape)` to raw float32 scores `(batch, ...)`.
        network: the discriminator itself, for what looks at its weights or features.
    """

    def __init__(
        self, score: Callable[[tf.Tensor], tf.Tensor], network: keras.Model | None = None
    ) -> None:
        self._score, self.network = score, network
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

    def features(self, examples: tf.Tensor) -> tf.Tensor:
        """What the discriminator knows of `examples` before it scores them: float32 `(batch, d)`.

        Raises:
            ValueError: the discriminator is not functional or sequential.
        """
        found = features_of(self.network)(examples, training=True)
        return tf.cast(tf.reshape(found, (tf.shape(found)[0], -1)), tf.float32)

    def fresh(self) -> "Critic":
        """The same without the passes so far."""
        return Critic(self._score, self.network)

    def within(self, context: Callable[[], Any]) -> "Critic":
        """The same without the passes so far, each pass to come within a context of its own."""

        def score(examples: tf.Tensor) -> tf.Tensor:
            with context():
                return self._score(examples)

        return Critic(score, self.network)

    def _forward(self, examples: tf.Tensor) -> tuple:
        # Keyed by identity; the tensor is kept in the entry so that its id is not reused.
        if id(examples) not in self._passes:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(examples)
                scores = self._score(examples)
            self._passes[id(examples)] = (examples, tape, scores)
        return self._passes[id(examples)]


def features_of(network: keras.Model) -> keras.Model:
    """The part of a discriminator that ends in its features; it shares all weights.

    The output of the layer named `features` if there is one, else the input of the last layer.

    Raises:
        ValueError: the network has no graph to cut.
    """
    layers = getattr(network, "layers", [])
    try:
        named = [layer.output for layer in layers if layer.name == FEATURES]
        (examples,) = network.inputs
        return keras.Model(examples, named[0] if named else layers[-1].input)
    except (AttributeError, ValueError, IndexError) as error:
        raise ValueError(
            "Features need a functional or sequential discriminator, whose last layer's input they "
            f"are. Received: {type(network).__name__}"
        ) from error
