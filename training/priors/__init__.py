"""Latent priors: which distribution the generator is fed with; one line here each."""

from training.priors.base import Prior
from training.priors.conditional import Conditional
from training.priors.continuous import Normal, Sphere, TruncatedNormal, Uniform
from training.priors.discrete import Bernoulli, Categorical
from training.priors.learnable import LearnableMixture, MixtureMeans
from training.priors.mixture import GaussianMixture
from training.registry import Registry

PRIORS = Registry(
    "prior",
    [
        Normal,
        TruncatedNormal,
        Uniform,
        Sphere,
        GaussianMixture,
        LearnableMixture,
        Bernoulli,
        Categorical,
    ],
)

__all__ = [
    "PRIORS",
    "Bernoulli",
    "Categorical",
    "Conditional",
    "GaussianMixture",
    "LearnableMixture",
    "MixtureMeans",
    "Normal",
    "Prior",
    "Sphere",
    "TruncatedNormal",
    "Uniform",
]
