"""The networks, and the `GAN` that owns their update."""

from ganapp.models.gan import GAN

__all__ = ["GAN"]
