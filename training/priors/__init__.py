"""Latent priors: which distribution the generator is fed with; one line here each."""

from ganapp.training.priors.base import DRAWS_VERSION, Prior
from ganapp.training.priors.continuous import Normal, Sphere, TruncatedNormal, Uniform
from ganapp.training.priors.discrete import Bernoulli, Categorical
from ganapp.training.priors.mixture import GaussianMixture, LearnableMixture, MixtureMeans
from ganapp.training.priors.product import Product
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
        Product,
    ],
    base=Prior,
)
