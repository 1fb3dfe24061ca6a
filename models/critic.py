"""The discriminator as penalties and stabilisers see it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from ganapp.models.tensors import FEATURES, LABEL, LOGITS, SCORES, Tensors


@dataclasses.dataclass
class Pass:
    """One tensor on its way through the critic.

    Args:
        examples: kept so that no other tensor takes over their id.
        tape: of all that became of them.
        seen: the augmented examples.
        outputs: what the discriminator says of them by name, once somebody has asked.
    """

    examples: tf.Tensor
    tape: tf.GradientTape
    seen: tf.Tensor
    outputs: Tensors | None = None

    @property
    def scores(self) -> tf.Tensor:
        """Theirs."""
        return self.outputs[SCORES]


class Critic:
    """Scores examples and gives the gradient of the scores by the examples.

    Each distinct input is augmented and goes forward once: a penalty at the very tensor that the
    loss has scored (R1 on real, R2 on fake examples) reuses that pass, and features are those of
    the augmented examples that were scored. One `Critic` lives for one loss.

    Args:
        score: maps augmented examples `(batch, *shape)` to raw float32 scores `(batch, ...)`, or
            to all that the discriminator says by name, `scores` among it.
        network: the discriminator itself, for what looks at its weights or features.
        augment: maps examples to what the network sees of them, same shape; default: themselves.
        beside: what belongs to the rows of the minibatch and `score` goes by, the same for every
            tensor: observations, and the label, one-hot `(batch, classes)`. The generated example
            of a row was asked to be of the real one's class, and what lies between the two is of
            that class, too; zeros where the real example's class is not known.
        requested: the classes that the generated examples were asked to be of, one-hot; none of
            them is unknown.
    """

    def __init__(
        self,
        score: Callable[[tf.Tensor], tf.Tensor | Tensors],
        network: keras.Model | None = None,
        augment: Callable[[tf.Tensor], tf.Tensor] = lambda examples: examples,
        beside: Tensors | None = None,
        requested: tf.Tensor | None = None,
    ) -> None:
        self._score, self.network, self._augment = score, network, augment
        self.beside, self.requested = beside or {}, requested
        self._passes: dict[int, Pass] = {}

    @property
    def labels(self) -> tf.Tensor | None:
        """The labels of the rows, one-hot `(batch, classes)`, zeros where they are not known."""
        return self.beside.get(LABEL)

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
        """
        found = self._forward(examples).outputs[FEATURES]
        return tf.reshape(found, (tf.shape(found)[0], -1))

    def class_logits(self, examples: tf.Tensor) -> tf.Tensor:
        """What the discriminator's class head says of `examples`: float32 `(batch, classes)`."""
        return self._forward(examples).outputs[LOGITS]

    def fresh(self) -> "Critic":
        """The same without the passes so far."""
        return Critic(self._score, self.network, self._augment, self.beside, self.requested)

    def within(self, context: Callable[[], Any]) -> "Critic":
        """The same without the passes so far, each pass to come within a context of its own."""

        def score(examples: tf.Tensor) -> tf.Tensor | Tensors:
            with context():
                return self._score(examples)

        return Critic(score, self.network, self._augment, self.beside, self.requested)

    def _augmented(self, examples: tf.Tensor) -> Pass:
        if id(examples) not in self._passes:
            with tf.GradientTape(persistent=True) as tape:
                tape.watch(examples)
                seen = self._augment(examples)
            self._passes[id(examples)] = Pass(examples, tape, seen)
        return self._passes[id(examples)]

    def _forward(self, examples: tf.Tensor) -> Pass:
        found = self._augmented(examples)
        if found.outputs is None:
            with found.tape:
                said = self._score(found.seen)
            found.outputs = said if isinstance(said, dict) else {SCORES: said}
        return found
