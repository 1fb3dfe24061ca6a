"""Wrong labels for the discriminator."""

import dataclasses

import tensorflow as tf

from ganapp.training.extensions import Scheduled, Weighting, check_range, present


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelNoise(Weighting):
    """Swaps the scores of a real and a generated example in the discriminator's loss.

    A swap gives both examples the wrong label. All patch scores of an example go together.

    Args:
        probability: of a swap, for each pair; 0 to 0.5.
    """

    probability: Scheduled = 0.05
    name = "label_noise"
    reference = (
        "Salimans et al., 2016, arXiv:1606.03498; Chintala et al., 2016, How to Train a GAN?"
    )
    formula = "(D(x), D(G(z))) swapped with probability p"

    def __post_init__(self) -> None:
        # Above a half most labels are wrong and the discriminator learns the opposite.
        check_range("probability", self.probability, 0.0, 0.5)

    def discriminator_scores(self, real_scores, fake_scores, draw, step):
        uniform = tf.reshape(draw(), [-1] + [1] * (real_scores.shape.rank - 1))
        swapped = uniform < present(self, "probability", step)
        return (
            tf.where(swapped, fake_scores, real_scores),
            tf.where(swapped, real_scores, fake_scores),
        )

    def logs(self, step, state):
        return {"probability": present(self, "probability", step)}
