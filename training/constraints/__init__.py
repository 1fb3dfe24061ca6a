"""Constraints on the discriminator's weights: inert, the GAN assigns what they compute."""

from ganapp.training.constraints.base import Constraint, Unconstrained
from ganapp.training.constraints.spectral import SpectralNorm
from ganapp.training.constraints.weight_clip import WeightClip
from ganapp.training.registry import Registry

CONSTRAINTS = Registry("constraint", [Unconstrained, WeightClip, SpectralNorm])

__all__ = ["CONSTRAINTS", "Constraint", "SpectralNorm", "Unconstrained", "WeightClip"]
