"""Terms of the generator's loss on what the discriminator knows of a batch.

The features are what the critic's `features(x)` gives, `(batch, d)`. With an augmentation or
instance noise they are those of augmented examples, with the draws of the scores: the papers take
the features from the game that the discriminator plays, and it has been shown no others. For
feature matching, equal distributions of augmented examples are what the game itself asks for; for
the pulling-away term, different draws only add to the differences that the generator makes.
"""

import dataclasses

import tensorflow as tf

from ganapp.training.replicas import gather, global_row_mean
from ganapp.training.stabilisers.base import Stabiliser
from ganapp.training.stabilisers.settings import check_range


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureMatching(Stabiliser):
    """Squared distance between the mean features of the real and the generated global batch.

    In the paper the term replaces the generator's objective; here it is added to it.

    Args:
        weight: factor of the term, at least 0.
    """

    weight: float = 1.0
    name = "feature_matching"
    reference = "Salimans et al., 2016, arXiv:1606.03498"
    formula = "weight * |E f(x) - E f(G(z))|^2"

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)

    def generator_term(self, critic, real, fake, generator, state):
        wanted = tf.stop_gradient(global_row_mean(critic.features(real)))
        difference = wanted - global_row_mean(critic.features(fake))
        return self.weight * tf.reduce_sum(difference**2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PullingAway(Stabiliser):
    """Mean squared cosine between the features of different generated examples.

    Over all pairs of the global batch: 0 for orthogonal features, 1 for parallel ones.

    Args:
        weight: factor of the term, at least 0.
    """

    weight: float = 0.1
    name = "pulling_away"
    reference = "Zhao et al., 2017, arXiv:1609.03126"
    formula = "weight / (N (N - 1)) * sum_{i != j} cos^2(f(G(z_i)), f(G(z_j)))"

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)

    def generator_term(self, critic, real, fake, generator, state):
        directions = tf.math.l2_normalize(gather(critic.features(fake)), axis=1)
        squares = tf.matmul(directions, directions, transpose_b=True) ** 2
        size = tf.cast(tf.shape(directions)[0], squares.dtype)
        different = 1.0 - tf.eye(tf.shape(directions)[0], dtype=squares.dtype)
        pairs = tf.maximum(size * (size - 1.0), 1.0)  # a batch of one has no pairs and no term
        return self.weight * tf.reduce_sum(squares * different) / pairs
