"""Constraints on the discriminator's weights: inert, the GAN assigns what they compute."""

from training.constraints.base import Constraint, Unconstrained
from training.constraints.spectral import SpectralNorm
from training.constraints.weight_clip import WeightClip
from training.registry import Registry

CONSTRAINTS = Registry("constraint", [Unconstrained, WeightClip, SpectralNorm])

__all__ = ["CONSTRAINTS", "Constraint", "SpectralNorm", "Unconstrained", "WeightClip"]
