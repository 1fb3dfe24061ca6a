"""A mixture of normals whose means are trained with the generator."""

import dataclasses

import keras
import tensorflow as tf

from ganapp.training.priors.base import Prior
from ganapp.training.priors.discrete import Categorical
from ganapp.training.priors.mixture import check_mixture, mixture_means
from ganapp.training.priors.paths import straight


@keras.saving.register_keras_serializable("ganapp")
class MixtureMeans(keras.layers.Layer):
    """Turns (component, noise) into a latent: the component's mean + sigma x noise.

    Args:
        components: width of the one-hot block that comes first.
        dimension: of the noise behind it and of the means.
        radius: typical length of a mean at the start of training.
        sigma: standard deviation within a component; not trained.
        seed: of the means at the start of training.
    """

    def __init__(
        self,
        *,
        components: int,
        dimension: int,
        radius: float,
        sigma: float,
        seed: int,
        **options,
    ) -> None:
        super().__init__(**options)
        self.components, self.dimension = components, dimension
        self.radius, self.sigma, self.seed = radius, sigma, seed

    def build(self, input_shape) -> None:
        start = mixture_means(self.components, self.dimension, self.radius, self.seed)
        self.means = self.add_weight(
            name="means",
            shape=start.shape,
            initializer=lambda shape, dtype=None: tf.constant(start, dtype),
        )

    def call(self, inputs):
        weights, noise = tf.split(inputs, [self.components, self.dimension], axis=-1)
        return tf.matmul(weights, tf.convert_to_tensor(self.means)) + self.sigma * noise

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.dimension)

    def get_config(self):
        keys = ("components", "dimension", "radius", "sigma", "seed")
        return super().get_config() | {key: getattr(self, key) for key in keys}


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearnableMixture(Prior):
    """Equally likely round normals around means that are trained with the generator.

    What is drawn is a one-hot component followed by standard normal noise, `components +
    dimension` wide; `prepare` puts the layer with the means in front of the generator, which takes
    `dimension`. Truncation shrinks the noise, so that each latent moves towards its mean.

    Args:
        components: how many normals, at least 2.
        dimension: of the means and of the noise, at least 1.
        radius: typical length of a mean (the root of the mean square) at the start, above 0.
        sigma: standard deviation of each normal in every coordinate, above 0; not trained.
        seed: of the means at the start, 0 to 2**32 - 1.
    """

    components: int = 10
    dimension: int = 64
    radius: float = 4.0
    sigma: float = 1.0
    seed: int = 0
    name = "learnable_mixture"
    reference = "Gurumurthy et al., 2017, arXiv:1706.02071"
    formula = "z ~ 1/components sum_k N(m_k, sigma^2 I), every m_k trained"

    def __post_init__(self) -> None:
        if self.components < 2:
            raise ValueError(
                "`components` must be at least 2: the mean of a single one is a bias of the "
                f"generator. Received: components={self.components}"
            )
        check_mixture(self.components, self.radius, self.sigma, self.seed)
        if self.dimension < 1:
            raise ValueError(
                f"`dimension` must be at least 1. Received: dimension={self.dimension}"
            )

    @property
    def size(self) -> int:
        """Dimension of what is drawn."""
        return self.components + self.dimension

    @property
    def noise_size(self) -> int:
        return self.draws.noise_size

    @property
    def continuous_mask(self):
        return self.draws.continuous_mask

    @property
    def generator_size(self) -> int:
        """Dimension of a latent behind the layer with the means."""
        return self.dimension

    @property
    def draws(self) -> Categorical:
        """The distribution of (component, noise)."""
        return Categorical(
            categories=(self.components,), continuous=self.dimension, distribution="normal"
        )

    def prepare(self, generator):
        """`generator` behind the layer with the means; unchanged if it has one already.

        Raises:
            ValueError: if it takes another dimension.
        """
        if any(isinstance(layer, MixtureMeans) for layer in generator.layers):
            return generator
        shape = getattr(generator, "input_shape", (None, self.dimension))
        if tuple(shape[1:]) != (self.dimension,):
            raise ValueError(
                f"`generator` must take latents of the mixture's dimension {self.dimension}. "
                f"Received: a network for inputs of shape {tuple(shape[1:])}"
            )
        draws = keras.Input((self.size,))
        layer = MixtureMeans(
            components=self.components,
            dimension=self.dimension,
            radius=self.radius,
            sigma=self.sigma,
            seed=self.seed,
            name="mixture_means",
        )
        return keras.Model(draws, generator(layer(draws)), name=generator.name)

    def sample(self, count, seed):
        return self.draws.sample(count, seed)

    def from_uniform(self, noise):
        return self.draws.from_uniform(noise)

    def numpy_code(self, count):
        return self.draws.numpy_code(count)

    def log_density(self, latents):
        """Of component and noise, not of the latents behind the layer with the means."""
        return self.draws.log_density(latents)

    def interpolate(self, start, end, fraction):
        """Straight from component to component: behind the layer, from mean to mean.

        In between, the one-hot block holds two weights that sum to 1.
        """
        (first, noise), (last, other) = self.draws.split(start), self.draws.split(end)
        noise = self.draws.remainder.interpolate(noise, other, fraction)
        return tf.concat([straight(first, last, fraction), noise], axis=-1)

    def centre(self, latents):
        return self.draws.centre(latents)
