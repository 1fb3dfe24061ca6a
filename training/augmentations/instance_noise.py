"""Noise on what the discriminator sees."""

import dataclasses

import tensorflow as tf

from ganapp.training.augmentations.base import Augmentation, normal
from ganapp.training.extensions import Scheduled, check_range, present


@dataclasses.dataclass(frozen=True, kw_only=True)
class InstanceNoise(Augmentation):
    """Adds normal noise to real and generated examples, so that their supports overlap.

    The papers let the noise die out: anneal `sigma` to 0 over the run.

    Args:
        sigma: standard deviation of the noise in model units, at least 0.
    """

    sigma: Scheduled = 0.1
    name = "instance_noise"
    reference = (
        "Sønderby et al., 2017, arXiv:1610.04490; Arjovsky and Bottou, 2017, arXiv:1701.04862"
    )
    formula = "D(x + sigma * N(0, 1))"

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0.0)

    def augment(self, examples, draw, step, state):
        numbers = normal(draw(*examples.shape[1:])) * present(self, "sigma", step)
        return examples + tf.cast(numbers, examples.dtype)

    def logs(self, step, state):
        return {"sigma": present(self, "sigma", step)}
