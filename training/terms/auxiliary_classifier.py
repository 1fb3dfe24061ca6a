"""The discriminator also says of which class an example is."""

import dataclasses

import tensorflow as tf

from ganapp.models.replicas import global_mean
from ganapp.training.terms.base import Critic, Tensors, Term


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuxiliaryClassifier(Term):
    """AC-GAN: cross-entropy of the classes in both losses.

    The discriminator learns to classify real examples whose class is known and, as in the paper,
    generated ones by the class that was asked for; the generator learns to be classified so. Real
    examples without a label (below 0) only take part in the game itself: semi-supervised learning.

    Args:
        on_fake: whether the discriminator learns from generated examples, too. Without, it is a
            classifier of the data alone, which early, poor examples cannot confuse.
    """

    on_fake: bool = True
    name = "auxiliary_classifier"
    reference = "Odena et al., 2017, arXiv:1610.09585"
    formula = "weight * (-E log C(y | x) - E log C(y | G(z, y))) for D; its second part for G"
    players = ("generator", "discriminator")
    classifies = True
    reads = ("class_logits",)

    def discriminator_term(self, critic, real, fake, draw, state=None):
        values = self._cross_entropy(critic, real)
        return values + self._cross_entropy(critic, fake) if self.on_fake else values

    def generator_term(self, critic, real, fake, draw, state=None):
        return self._cross_entropy(critic, fake)

    @staticmethod
    def _cross_entropy(critic: Critic, given: Tensors) -> tf.Tensor:
        """Of each example `(batch,)`, 0 without a label: their mean is that over known labels."""
        labels = given["label"]
        each = tf.nn.softmax_cross_entropy_with_logits(labels, critic(given)["class_logits"])
        known = tf.cast(tf.reduce_any(labels != 0, axis=-1), each.dtype)
        # A replica may have more labels than another: its mean alone would weigh them less.
        return tf.math.divide_no_nan(each * known, global_mean(known))
