"""Terms of the generator's loss on what the discriminator knows of a batch.

The features are the critic's output of that name, flattened to `(batch, d)`. With an augmentation
they are those of the augmented examples that were scored: the discriminator has seen no others.
"""

import dataclasses

import tensorflow as tf

from ganapp.models.replicas import gather_rows, global_row_mean
from ganapp.training.extensions import Scheduled
from ganapp.training.terms.base import Critic, Tensors, Term


def features(critic: Critic, tensors: Tensors) -> tf.Tensor:
    """What the discriminator knows of the examples before it scores them: `(batch, d)`."""
    found = critic(tensors)["features"]
    return tf.reshape(found, (tf.shape(found)[0], -1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeatureMatching(Term):
    """Squared distance between the mean features of the real and the generated global batch.

    In the paper the term replaces the generator's objective; here it is added to it.
    """

    name = "feature_matching"
    reference = "Salimans et al., 2016, arXiv:1606.03498"
    players = ("generator",)
    reads = ("features",)
    formula = "weight * |E f(x) - E f(G(z))|^2"

    def per_example(self, critic, real, fake, draw, state=None):
        wanted = tf.stop_gradient(global_row_mean(features(critic, real)))
        difference = wanted - global_row_mean(features(critic, fake))
        return tf.reduce_sum(difference**2)[None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PullingAway(Term):
    """Mean squared cosine between the features of different generated examples.

    Over all pairs of the global batch: 0 for orthogonal features, 1 for parallel ones.
    """

    weight: Scheduled = 0.1
    name = "pulling_away"
    reference = "Zhao et al., 2017, arXiv:1609.03126"
    players = ("generator",)
    reads = ("features",)
    formula = "weight / (N (N - 1)) * sum_{i != j} cos^2(f(G(z_i)), f(G(z_j)))"

    def per_example(self, critic, real, fake, draw, state=None):
        directions = tf.math.l2_normalize(gather_rows(features(critic, fake)), axis=1)
        squares = tf.matmul(directions, directions, transpose_b=True) ** 2
        size = tf.cast(tf.shape(directions)[0], squares.dtype)
        different = 1.0 - tf.eye(tf.shape(directions)[0], dtype=squares.dtype)
        pairs = tf.maximum(size * (size - 1.0), 1.0)  # a batch of one has no pairs and no term
        return (tf.reduce_sum(squares * different) / pairs)[None]
