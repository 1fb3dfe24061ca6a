"""What a weighting of scores is."""

import dataclasses

import tensorflow as tf

from ganapp.training.extensions import Draw, Extension


@dataclasses.dataclass(frozen=True, kw_only=True)
class Weighting(Extension):
    """Decides how much each score counts in a loss, and as what it counts."""

    def discriminator_scores(
        self, real_scores: tf.Tensor, fake_scores: tf.Tensor, draw: Draw, step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The scores that count as real and as generated in the discriminator's loss."""
        return real_scores, fake_scores

    def generator_weights(self, fake_scores: tf.Tensor, step: tf.Tensor) -> tf.Tensor | None:
        """A weight for each generated example's loss, of mean 1 over the global batch.

        Where it is 0 the example's score is a constant to the whole loss; `None` for 1 each.
        """
        return None
