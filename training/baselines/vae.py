"""A variational autoencoder with a Gaussian decoder whose noise is learnt.

References: Kingma and Welling, 2014, arXiv:1312.6114; the learnt noise is that of Rybkin et al.,
2021, arXiv:2006.13202 (sigma-VAE).
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from ganapp.training.baselines.autoencoder import check_network_options, through
from ganapp.training.baselines.base import (
    JUDGED,
    Baseline,
    Fitted,
    RealData,
    Units,
    check_count,
    check_differ,
)
from ganapp.training.baselines.learning import DRAWS, minimise
from ganapp.training.baselines.networks import decoder, encoder

LEAST_NOISE = 1e-3  # standard deviation in features, of vectors: the bound could grow for ever
BOUND_DRAWS = 16  # latents of every example that the bound is averaged over


class FittedVae(Fitted):
    """Networks and noise of a variational autoencoder.

    Args:
        units: of the features.
        latent: size of a latent.
        hidden: units of the dense layers.
        noisy: whether samples have the decoder's noise.
        seed: of the weights.
    """

    name = "variational autoencoder"

    def __init__(
        self, units: Units, *, latent: int, hidden: tuple[int, ...], noisy: bool, seed: int
    ) -> None:
        shape = units.shape
        self.units, self.latent, self._noisy = units, latent, noisy
        self.encode = encoder(shape, 2 * latent, units=hidden, seed=seed)
        self.decode = decoder(latent, shape, units=hidden, seed=seed + 1)
        self._log_noise = keras.Variable(0.0, name="log_noise")
        self._least = float(np.sqrt(units.grain)) if units.grain else LEAST_NOISE

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that is learnt."""
        networks = (self.encode, self.decode)
        return [*(v for n in networks for v in n.trainable_variables), self._log_noise]

    @property
    def noise(self) -> tf.Tensor:
        """Standard deviation of the decoder's noise in features, a scalar."""
        return self._least + tf.exp(self._log_noise.value)

    def bounds(self, examples: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One draw of the evidence lower bound, in nats of features, and its KL divergence.

        log N(x; D(z), s^2 I) - KL(N(m, v) || N(0, I)) with z ~ N(m, v) from the encoder.

        Args:
            examples: float32 `(n, *units.shape)`.
            key: int64 `(2,)` of the latents.

        Returns:
            Both float32 `(n,)`.
        """
        mean, log_variance = tf.split(self.encode(examples), 2, axis=1)
        log_variance = tf.clip_by_value(log_variance, -20.0, 20.0)
        normal = tf.random.stateless_normal(tf.shape(mean), key)
        decoded = self.decode(mean + tf.exp(0.5 * log_variance) * normal)
        axes = list(range(1, len(examples.shape)))
        squares = tf.reduce_sum(tf.square(examples - decoded), axes) / self.noise**2
        constant = np.log(2 * np.pi) + 2 * tf.math.log(self.noise)
        likelihood = -0.5 * (squares + self.units.dimensions * constant)
        divergence = 0.5 * tf.reduce_sum(
            tf.exp(log_variance) + tf.square(mean) - 1 - log_variance, axis=1
        )
        return likelihood - divergence, divergence

    def bound(self, samples: np.ndarray, *, draws: int = BOUND_DRAWS, seed: int = 0):
        """The evidence lower bound of each example in nats and user units, and the KL in it.

        Args:
            samples: `(n, *shape)` in user units; pixels may be any real numbers.
            draws: of the latents, averaged.
            seed: of the latents.

        Returns:
            Both float64 `(n,)`.
        """
        examples = tf.constant(self.units.to_examples(samples))
        found = [
            [part.numpy().astype(np.float64) for part in self.bounds(examples, _key(seed, draw))]
            for draw in range(draws)
        ]
        bounds, divergences = np.mean(found, axis=0)
        return bounds + self.units.log_volume, divergences

    def sample(self, count, seed=0):
        check_count(count)
        random = np.random.default_rng(seed)
        values = through(self.decode, random.normal(size=(count, self.latent)))
        if self._noisy:
            values += float(self.noise) * random.normal(size=values.shape)
        return self.units.to_samples(values)

    def facts(self, held_out):
        """The bound of held-out examples in nats and user units, and its KL divergence.

        Where features have no density, the divergence alone: nats that the latents carry.
        """
        bounds, divergences = self.bound(self.units.dequantised(held_out[:JUDGED]))
        bound = {"held_out_elbo": float(bounds.mean())} if self.units.continuous else {}
        return bound | {"held_out_kl": float(divergences.mean())}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vae(Baseline):
    """A variational autoencoder; its evidence lower bound is measured on held-out data.

    Args:
        latent: size of a latent.
        units: of the encoder's dense layers; the decoder has them in reverse. None make both
            linear.
        noise: whether samples have the decoder's noise; vectors have and pixels have not when it
            is not given.
        steps: of training.
        batch_size: examples a step.
        learning_rate: of Adam at the start.
    """

    name = "vae"
    reference = "Kingma and Welling, 2014, arXiv:1312.6114"
    formula = "max E_q log N(x; D(z), s^2 I) - KL(q(z | x) || N(0, I));  samples D(z)"
    latent: int = 16
    units: tuple[int, ...] = (256, 128)
    noise: bool | None = None
    steps: int = 3_000
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        check_network_options(self)

    def fit(self, data: RealData, *, seed: int = 0) -> FittedVae:
        check_differ(data.train)
        units = Units(data.spec)
        noisy = not data.spec.pixels if self.noise is None else self.noise
        fitted = FittedVae(units, latent=self.latent, hidden=self.units, noisy=noisy, seed=seed)

        def loss(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            return -tf.reduce_mean(fitted.bounds(batch, key)[0]) / units.dimensions

        minimise(
            loss,
            fitted.variables,
            units.to_examples(data.train),
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
        )
        return fitted


def _key(seed: int, draw: int) -> tf.Tensor:
    return tf.constant([-1 - DRAWS - seed, draw], tf.int64)
