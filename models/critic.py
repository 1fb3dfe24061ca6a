"""The discriminator as penalties and stabilisers see it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

SCORES, FEATURES = "scores", "features"


@dataclasses.dataclass
class Pass:
    """One tensor on its way through the critic.

    Args:
        examples: kept so that no other tensor takes over their id.
        tape: of all that became of them.
        seen: the augmented examples.
        scores: theirs, once somebody has asked.
    """

    examples: tf.Tensor
    tape: tf.GradientTape
    seen: tf.Tensor
    scores: tf.Tensor | None = None


class Critic:
    """Scores examples and gives the gradient of the scores by the examples.

    Each distinct input is augmented and goes forward once: a penalty at the very tensor that the
    loss has scored (R1 on real, R2 on fake examples) reuses that pass, and features are those of
    the augmented examples that were scored. One `Critic` lives for one loss.

    Args:
        score: maps augmented examples `(batch, *shape)` to raw float32 scores `(batch, ...)`.
        network: the discriminator itself, for what looks at its weights or features.
        augment: maps examples to what the network sees of them, same shape; default: themselves.
    """

    def __init__(
        self,
        score: Callable[[tf.Tensor], tf.Tensor],
        network: keras.Model | None = None,
        augment: Callable[[tf.Tensor], tf.Tensor] = lambda examples: examples,
    ) -> None:
        self._score, self.network, self._augment = score, network, augment
        self._passes: dict[int, Pass] = {}

    def __call__(self, examples: tf.Tensor) -> tf.Tensor:
        """Raw scores of `examples`."""
        return self._forward(examples).scores

    def gradient(self, examples: tf.Tensor) -> tf.Tensor:
        """Gradient of each example's score by that example before augmentation, `(batch, *shape)`.

        Correct only where one example's score does not depend on another's: a discriminator with
        batch normalisation has no such gradient.
        """
        found = self._forward(examples)
        return found.tape.gradient(found.scores, examples)

    def features(self, examples: tf.Tensor) -> tf.Tensor:
        """What the discriminator knows of `examples` before it scores them: float32 `(batch, d)`.

        They are augmented as for the scores: of others the discriminator has learnt nothing, and
        their features would be no part of the game (Zhao et al., 2020, arXiv:2006.10738, augment
        whatever it sees, in the generator's loss too).

        Raises:
            ValueError: the discriminator is not functional or sequential.
        """
        found = features_of(self.network)(self._augmented(examples).seen, training=True)
        return tf.cast(tf.reshape(found, (tf.shape(found)[0], -1)), tf.float32)

    def fresh(self) -> "Critic":
        """The same without the passes so far."""
        return Critic(self._score, self.network, self._augment)

    def within(self, context: Callable[[], Any]) -> "Critic":
        """The same without the passes so far, each pass to come within a context of its own."""

        def score(examples: tf.Tensor) -> tf.Tensor:
            with context():
                return self._score(examples)

        return Critic(score, self.network, self._augment)

    def _augmented(self, examples: tf.Tensor) -> Pass:
        if id(examples) not in self._passes:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(examples)
                seen = self._augment(examples)
            self._passes[id(examples)] = Pass(examples, tape, seen)
        return self._passes[id(examples)]

    def _forward(self, examples: tf.Tensor) -> Pass:
        found = self._augmented(examples)
        if found.scores is None:
            with found.tape:
                found.scores = self._score(found.seen)
        return found


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
