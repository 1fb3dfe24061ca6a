"""Latent priors: which distribution the generator is fed with; one line here each."""

from ganapp.training.priors.base import Prior
from ganapp.training.priors.conditional import Conditional
from ganapp.training.priors.continuous import Normal, Sphere, TruncatedNormal, Uniform
from ganapp.training.priors.discrete import Bernoulli, Categorical
from ganapp.training.priors.learnable import LearnableMixture, MixtureMeans
from ganapp.training.priors.mixture import GaussianMixture
from ganapp.training.registry import Registry

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
