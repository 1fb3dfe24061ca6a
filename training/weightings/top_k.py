"""The generator learns from its best examples only."""

import dataclasses

import tensorflow as tf

from ganapp.models.replicas import gather_rows
from ganapp.training.extensions import Scheduled, Weighting, check_range, present


@dataclasses.dataclass(frozen=True, kw_only=True)
class TopK(Weighting):
    """Only the generated examples with the highest scores of the global batch count.

    The others give the generator no gradient. Where a loss takes an average over the batch
    (relativistic averages) their scores stay in it as constants.

    The paper lets the fraction fall from 1 to 0.5: anneal it. An example with several patch
    scores is judged by their mean.

    Args:
        fraction: of the batch that counts, 0 to 1; at least one example does.
    """

    fraction: Scheduled = 0.5
    name = "top_k"
    reference = "Sinha et al., 2020, arXiv:2002.06224"
    formula = "loss_G over the k largest D(G(z))"

    def __post_init__(self) -> None:
        check_range("fraction", self.fraction, 0.0, 1.0)

    def generator_weights(self, fake_scores, step):
        """Weights `(batch, 1, ...)` of as many dimensions as the scores."""
        rank = fake_scores.shape.rank
        scores = tf.stop_gradient(tf.reduce_mean(fake_scores, axis=list(range(1, rank))))
        everyone = tf.sort(gather_rows(scores), direction="DESCENDING")
        size = tf.cast(tf.size(everyone), tf.float32)
        count = tf.maximum(tf.round(present(self, "fraction", step) * size), 1.0)
        last = everyone[tf.cast(count, tf.int32) - 1]
        # Equal scores at the limit share what is left, so that no order between them matters.
        above = tf.reduce_sum(tf.cast(everyone > last, tf.float32))
        equal = tf.reduce_sum(tf.cast(everyone == last, tf.float32))
        shares = tf.where(scores == last, (count - above) / equal, 0.0)
        weights = (tf.cast(scores > last, tf.float32) + shares) * size / count
        return tf.reshape(weights, [-1] + [1] * (rank - 1))

    def logs(self, step, state):
        return {"fraction": present(self, "fraction", step)}
