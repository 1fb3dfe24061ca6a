"""Small priors that the tests share."""

import tensorflow as tf

from ganapp.training.priors import (
    Bernoulli,
    Categorical,
    GaussianMixture,
    LearnableMixture,
    Normal,
    Product,
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
# Options at the ends of their ranges, and odd numbers of normal numbers.
MORE_CASES = {
    "hardly anything left": TruncatedNormal(size=2, bound=0.01),
    "nothing cut off": TruncatedNormal(size=2, bound=12.0),
    "one component": GaussianMixture(size=2, components=1, radius=1, sigma=2, seed=9),
    "one dimension": Normal(size=1),
    "defaults": Categorical(),
}
PRODUCT = Product(
    parts={
        "z": Normal(size=3),
        "digit": Categorical(categories=(4,), continuous=0),
        "slant": Uniform(size=2),
    },
    codes=("digit", "slant"),
)


def noise_of(prior, count):
    """The uniform numbers of `SEED`."""
    return tf.random.stateless_uniform((count, prior.noise_size), SEED, alg="philox")
