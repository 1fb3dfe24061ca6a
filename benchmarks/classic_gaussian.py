"""A GAN on a line whose generator is `mean + sigma z`, one dense layer: it can make Gaussians only.

The discriminator is free, so in the limit the generator minimises the objective's divergence over
all Gaussians, and its end can be held against the calculated one.
"""

import dataclasses
import time

import keras
import numpy as np
import tensorflow as tf

from ganapp.models import GAN
from ganapp.models.networks import mlp_discriminator
from ganapp.training.objectives import FSkewedJensenShannon
from ganapp.training.optimizers import adam
from ganapp.training.priors import Normal
from ganapp.training.schedules import Anneal

SHARES, MEANS, SIGMAS = (0.6, 0.4), (-2.0, 2.5), (0.6, 0.9)  # of the density to be learnt
BATCH, STEPS, DISCRIMINATOR_STEPS = 512, 2000, 5
CALL = 50  # steps in one call of the compiled function
UNITS = (64, 64)  # of the discriminator
# The discriminator must keep up with the generator, else the generator follows no divergence.
GENERATOR_RATE = Anneal(start=2e-3, end=2e-5)
DISCRIMINATOR_RATE = Anneal(start=4e-3, end=2e-4)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Learnt:
    """What one training found.

    Args:
        start: `(mean, sigma)` of the untrained generator.
        mean: of the averaged generator.
        sigma: likewise, at least 0.
        seconds: of the training, compilation included.
    """

    start: tuple[float, float]
    mean: float
    sigma: float
    seconds: float


def moments() -> tuple[float, float]:
    """Mean and standard deviation of the density."""
    shares, means, sigmas = map(np.array, (SHARES, MEANS, SIGMAS))
    mean = float(shares @ means)
    return mean, float(np.sqrt(shares @ (sigmas**2 + means**2) - mean**2))


def learn(skew: float, start: tuple[float, float], *, seed: int = 0, steps: int = STEPS) -> Learnt:
    """Trains the generator on the skewed Jensen-Shannon game.

    Args:
        skew: share of the data in the middle, in (0, 1).
        start: `(mean, sigma)` of the untrained generator.
        seed: of data, noise and the discriminator's weights.
        steps: of the generator, a multiple of 50; learning rates fall over them.
    """
    gan = _gan(skew, start, seed, steps)
    began = time.perf_counter()
    gan.fit(_batches(seed), steps_per_epoch=steps, epochs=1, verbose=0)
    seconds = time.perf_counter() - began
    kernel, bias = (float(np.squeeze(weight)) for weight in gan.ema_generator.get_weights())
    mean, scale = moments()
    sigma = scale * abs(kernel)
    return Learnt(start=start, mean=mean + scale * bias, sigma=sigma, seconds=seconds)


def _gan(skew: float, start: tuple[float, float], seed: int, steps: int) -> GAN:
    keras.utils.set_random_seed(seed)
    latents = keras.Input((1,), name="z")
    dense = keras.layers.Dense(1)
    generator = keras.Model(latents, dense(latents), name="generator")
    mean, scale = moments()  # training sees standardised values, as everywhere
    dense.set_weights([np.array([[start[1] / scale]]), np.array([(start[0] - mean) / scale])])
    # Averaged over a twentieth of the run: the last steps still move with every minibatch.
    half_life = 0.05 * steps * BATCH
    discriminator = mlp_discriminator({"x": (1,)}, units=UNITS)
    gan = GAN(generator, discriminator, Normal(size=1), seed=seed, ema_half_life=half_life)
    gan.compile(
        adam(GENERATOR_RATE, 0.0, 0.99).build(steps),
        adam(DISCRIMINATOR_RATE, 0.0, 0.99).build(steps * DISCRIMINATOR_STEPS),
        objective=FSkewedJensenShannon(skew=skew, discriminator_steps=DISCRIMINATOR_STEPS),
        steps_per_execution=CALL,
    )
    return gan


def _batches(seed: int) -> tf.data.Dataset:
    """Endless fresh draws of the density, standardised: float32 `(count, 1)`."""
    count = DISCRIMINATOR_STEPS * BATCH
    mean, scale = moments()
    means, sigmas = (tf.constant(values, tf.float32) for values in (MEANS, SIGMAS))

    def element(step: tf.Tensor) -> tf.Tensor:
        key = tf.stack([tf.constant(seed, tf.int64), step])
        first = tf.random.stateless_uniform((count, 1), key) < SHARES[0]
        part = tf.where(first, 0, 1)
        noise = tf.random.stateless_normal((count, 1), key + tf.constant([2**40, 0], tf.int64))
        return (tf.gather(means, part) + tf.gather(sigmas, part) * noise - mean) / scale

    return tf.data.Dataset.counter().map(element).prefetch(4)
