"""The discriminator also says of which class an example is."""

import dataclasses

import tensorflow as tf

from ganapp.training.replicas import global_mean
from ganapp.training.stabilisers.base import Stabiliser
from ganapp.training.stabilisers.settings import check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class AuxiliaryClassifier(Stabiliser):
    """AC-GAN: cross-entropy of the classes in both losses.

    The discriminator learns to classify real examples whose class is known and, as in the paper,
    generated ones by the class that was asked for; the generator learns to be classified so. Real
    examples without a label (below 0) only take part in the game itself: semi-supervised learning.

    Args:
        weight: factor of both terms, at least 0.
        on_fake: whether the discriminator learns from generated examples, too. Without, it is a
            classifier of the data alone, which early, poor examples cannot confuse.
    """

    weight: float = 1.0
    on_fake: bool = True
    name = "auxiliary_classifier"
    reference = "Odena et al., 2017, arXiv:1610.09585"
    formula = "weight * (-E log C(y | x) - E log C(y | G(z, y))) for D; its second part for G"
    classifies = True
    reads = ("class_logits",)

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)

    def discriminator_term(self, critic, real, fake, draw, step, state):
        term = self._mean_of_known(critic.labels, critic.class_logits(real))
        if self.on_fake:
            term += self._mean_of_known(critic.requested, critic.class_logits(fake))
        return self.weight * term

    def generator_term(self, critic, real, fake, generator, state):
        return self.weight * self._mean_of_known(critic.requested, critic.class_logits(fake))

    @staticmethod
    def _mean_of_known(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Over the examples of the global batch whose label is known; 0 if there is none."""
        each = tf.nn.softmax_cross_entropy_with_logits(labels, logits)
        known = tf.cast(tf.reduce_any(labels != 0, axis=-1), each.dtype)
        # A replica may have more labels than another: its mean alone would weigh them less.
        share = global_mean(known)
        return tf.math.divide_no_nan(tf.reduce_mean(each * known), share)
