"""What is learned: the networks and the `GAN` that owns their update."""

import training.kernels  # noqa: F401  (fast CPU kernels, before TensorFlow is imported)
from models.gan import GAN

__all__ = ["GAN"]
