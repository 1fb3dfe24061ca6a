"""Small priors that the tests share."""

import tensorflow as tf

from training.priors import (
    Bernoulli,
    Categorical,
    GaussianMixture,
    LearnableMixture,
    Normal,
    Sphere,
    TruncatedNormal,
    Uniform,
)

SEED = tf.constant([3, 4])
CASES = {
    "normal": Normal(size=3),
    "truncated_normal": TruncatedNormal(size=3, bound=1.5),
    "uniform": Uniform(size=3),
    "sphere": Sphere(size=3),
    "gaussian_mixture": GaussianMixture(size=3, components=4, radius=3.0, sigma=0.5, seed=1),
    "learnable_mixture": LearnableMixture(components=3, dimension=2),
    "bernoulli": Bernoulli(size=6, probability=0.3),
    "categorical": Categorical(categories=(3, 2), continuous=2),
    "categorical with a normal": Categorical(categories=(2,), continuous=2, distribution="normal"),
    "categorical alone": Categorical(categories=(2, 3), continuous=0),
}
