"""Autoencoders: one with a Gaussian mixture of its latents, and a variational one.

Encoders and decoders have convolutions for images of at least 16 pixels a side, and dense layers
alone for everything else.

References:
    Ghosh et al., 2020, arXiv:1903.12436 (From variational to deterministic autoencoders), whose
    decoder is regularised; this one is small and stopped early instead;
    Kingma and Welling, 2014, arXiv:1312.6114; the learnt noise of the decoder is that of Rybkin et
    al., 2021, arXiv:2006.13202 (sigma-VAE).
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np
import tensorflow as tf

from ganapp.training.baselines.base import (
    DENSITY_EXAMPLES,
    Baseline,
    Fitted,
    RealData,
    Units,
    check_count,
    check_differ,
)
from ganapp.training.baselines.gaussian import MOST_EXAMPLES, draw_samples, fit_mixture

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

CONVOLVED_SIDE = 16  # pixels: smaller images are learnt as well, and faster, by dense layers
CHANNELS = (32, 64)  # each after halving the sides
BLOCK = 500  # examples that go through a network together
STEPS_A_CALL = 100  # of TensorFlow; between two of them Ctrl-C is heard
DRAWS = 2**43  # added to the seed: keys of their own beside data and latents
LEAST_NOISE = 1e-3  # standard deviation in features, of vectors: the bound could grow for ever
BOUND_DRAWS = 16  # latents of every example that the bound is averaged over


class FittedAutoencoder(Fitted):
    """Decodes draws from a mixture of latents."""

    def __init__(
        self, units: Units, encode: keras.Model, decode: keras.Model, mixture: "GaussianMixture"
    ):
        self._units, self._mixture = units, mixture
        self._encode, self._decode = encode, decode
        self.name = f"autoencoder with a {mixture.n_components}-component mixture of latents"

    def sample(self, count, seed=0):
        check_count(count)
        latents = draw_samples(self._mixture, count, seed)
        return self._units.to_samples(_run(self._decode, latents))

    def facts(self, held_out):
        """The mean squared error of the reconstruction of held-out examples."""
        examples = self._units.to_examples(held_out)
        decoded = _run(self._decode, _run(self._encode, examples))
        errors = decoded - examples.reshape(len(examples), -1)
        return {"held_out_squared_error": float(np.mean(np.square(errors)))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainedBaseline(Baseline):
    """Options of networks and of their training.

    Args:
        latent: size of a latent.
        units: of the encoder's dense layers; the decoder has them in reverse. None make both
            linear.
        steps: of training.
        batch_size: examples a step.
        learning_rate: of Adam at the start.
    """

    latent: int = 16
    units: tuple[int, ...] = (256, 128)
    steps: int = 3_000
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("latent", "steps", "batch_size"):
            self.refuse(name, "at least 1", getattr(self, name) >= 1)
        self.refuse("units", "numbers of at least 1", all(width >= 1 for width in self.units))
        self.refuse("learning_rate", "above 0", self.learning_rate > 0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderMixture(TrainedBaseline):
    """A small autoencoder and a full-covariance Gaussian mixture in its latent space.

    Args:
        mixture_components: Gaussians in the latent space; as many as known modes when not given,
            10 where none are.
    """

    name = "autoencoder_mixture"
    reference = "Ghosh et al., 2020, arXiv:1903.12436"
    formula = "min |x - D(E(x))|^2;  E(x) ~ sum_k w_k N(m_k, S_k);  samples D(z)"
    mixture_components: int | None = None

    def __post_init__(self) -> None:
        given = self.mixture_components
        self.refuse("mixture_components", "at least 1", given is None or given >= 1)
        super().__post_init__()

    def fit(self, data: RealData, *, seed: int = 0) -> FittedAutoencoder:
        check_differ(data.train)
        units = Units(data.spec)
        examples = units.to_examples(data.train)
        latent = min(self.latent, units.dimensions)
        encode = encoder(units.shape, latent, units=self.units, seed=seed)
        decode = decoder(latent, units.shape, units=self.units, seed=seed + 1)

        def loss(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.square(batch - decode(encode(batch))))

        variables = [*encode.trainable_variables, *decode.trainable_variables]
        _minimise(loss, variables, examples, options=self, seed=seed)
        latents = _run(encode, examples[:MOST_EXAMPLES])
        modes = 10 if data.modes is None else len(data.modes.centres)
        mixture = fit_mixture(latents, self.mixture_components or modes, seed)
        return FittedAutoencoder(units, encode, decode, mixture)


class FittedVae(Fitted):
    """Networks and noise of a variational autoencoder."""

    name = "variational autoencoder"

    def __init__(
        self, units: Units, *, latent: int, hidden: tuple[int, ...], noisy: bool, seed: int
    ) -> None:
        shape = units.shape
        self.units, self.latent, self._noisy = units, latent, noisy
        self.encode = encoder(shape, 2 * latent, units=hidden, seed=seed)
        self.decode = decoder(latent, shape, units=hidden, seed=seed + 1)
        self._log_noise = keras.Variable(0.0, name="log_noise")
        variance = units.rounding_variance
        self._least = float(np.sqrt(variance)) if variance else LEAST_NOISE

    @property
    def variables(self) -> list[keras.Variable]:
        networks = (self.encode, self.decode)
        return [*(v for n in networks for v in n.trainable_variables), self._log_noise]

    @property
    def noise(self) -> tf.Tensor:
        """Standard deviation of the decoder's noise in features, a scalar."""
        return self._least + tf.exp(self._log_noise.value)

    def bounds(self, examples: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One draw of the evidence lower bound, in nats of features, and its KL divergence, `(n,)`
        each.

        log N(x; D(z), s^2 I) - KL(N(m, v) || N(0, I)) with z ~ N(m, v) from the encoder, of
        examples float32 `(n, *units.shape)` and an int64 key `(2,)`.
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
        """The evidence lower bound of each example in nats and user units, and the KL in it, `(n,)`
        each.

        Averaged over so many `draws` of the latents; pixels may be any real numbers.
        """
        examples = tf.constant(self.units.to_examples(samples))
        keys = (tf.constant([-1 - DRAWS - seed, draw], tf.int64) for draw in range(draws))
        found = [
            [part.numpy().astype(np.float64) for part in self.bounds(examples, key)] for key in keys
        ]
        bounds, divergences = np.mean(found, axis=0)
        return bounds + self.units.log_volume, divergences

    def sample(self, count, seed=0):
        check_count(count)
        random = np.random.default_rng(seed)
        values = _run(self.decode, random.normal(size=(count, self.latent)))
        if self._noisy:
            values += float(self.noise) * random.normal(size=values.shape)
        return self.units.to_samples(values)

    def facts(self, held_out):
        """The bound of held-out examples in nats and user units, and its KL divergence.

        Where features have no density, the divergence alone: nats that the latents carry.
        """
        bounds, divergences = self.bound(self.units.dequantise(held_out[:DENSITY_EXAMPLES]))
        bound = {"held_out_elbo": float(bounds.mean())} if self.units.continuous else {}
        return bound | {"held_out_kl": float(divergences.mean())}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vae(TrainedBaseline):
    """A variational autoencoder; its evidence lower bound is measured on held-out data.

    Args:
        noise: whether samples have the decoder's noise; vectors have and pixels have not when it
            is not given.
    """

    name = "vae"
    reference = "Kingma and Welling, 2014, arXiv:1312.6114"
    formula = "max E_q log N(x; D(z), s^2 I) - KL(q(z | x) || N(0, I));  samples D(z)"
    noise: bool | None = None

    def fit(self, data: RealData, *, seed: int = 0) -> FittedVae:
        check_differ(data.train)
        units = Units(data.spec)
        noisy = not data.spec.pixels if self.noise is None else self.noise
        fitted = FittedVae(units, latent=self.latent, hidden=self.units, noisy=noisy, seed=seed)

        def loss(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            return -tf.reduce_mean(fitted.bounds(batch, key)[0]) / units.dimensions

        examples = units.to_examples(data.train)
        _minimise(loss, fitted.variables, examples, options=self, seed=seed)
        return fitted


def encoder(
    shape: tuple[int, ...], outputs: int, *, units: tuple[int, ...], seed: int
) -> keras.Model:
    """From examples `(n, *shape)` to `(n, outputs)`, without an activation.

    `units` are of the dense layers before; none make it a linear map. The same seed gives the same
    weights.
    """
    layers = _Layers(seed)
    values = inputs = keras.Input(shape)
    if units and _convolved(shape):
        for channels in CHANNELS:
            values = layers.convolution(channels, strides=2)(values)
    values = keras.layers.Flatten()(values)
    for width in units:
        values = layers.dense(width, "relu")(values)
    return keras.Model(inputs, layers.dense(outputs)(values))


def decoder(
    latent: int, shape: tuple[int, ...], *, units: tuple[int, ...], seed: int
) -> keras.Model:
    """From latents `(n, latent)` to examples `(n, *shape)`, not clipped; `units` as of the encoder,
    reversed.
    """
    layers = _Layers(seed)
    values = inputs = keras.Input((latent,))
    for width in reversed(units):
        values = layers.dense(width, "relu")(values)
    if not (units and _convolved(shape)):
        values = layers.dense(int(np.prod(shape)))(values)
        return keras.Model(inputs, keras.layers.Reshape(shape)(values))
    height, width, channels = shape
    small = [-(-side // 2 ** len(CHANNELS)) for side in (height, width)]
    values = layers.dense(int(np.prod(small)) * CHANNELS[-1], "relu")(values)
    values = keras.layers.Reshape((*small, CHANNELS[-1]))(values)
    for narrower in reversed((channels, *CHANNELS[:-1])):
        values = keras.layers.UpSampling2D()(values)
        last = narrower is channels
        values = layers.convolution(narrower, activation=None if last else "relu")(values)
    # Sides that are no multiple of four came out a little too long.
    extra = [side * 2 ** len(CHANNELS) - wanted for side, wanted in zip(small, shape, strict=False)]
    return keras.Model(inputs, keras.layers.Cropping2D([(0, each) for each in extra])(values))


def _minimise(
    loss: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    variables: Sequence[keras.Variable],
    examples: np.ndarray,
    *,
    options: TrainedBaseline,
    seed: int,
) -> None:
    """Takes steps of Adam, with a learning rate that falls to 0 like a cosine.

    `loss` is a scalar of examples `(batch_size, *shape)`, drawn with replacement, and an int64 key
    `(2,)` for whatever it draws.
    """
    steps = options.steps
    rate = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(variables)
    with tf.device("CPU:0"):
        data = tf.constant(examples)

    @tf.autograph.experimental.do_not_convert
    def one(step: tf.Tensor) -> None:
        key = tf.stack([tf.constant(DRAWS + seed, tf.int64), step])
        # A key of its own for the batch: the step is never negative.
        index = tf.random.stateless_uniform(
            (options.batch_size,), -1 - key, minval=0, maxval=len(examples), dtype=tf.int32
        )
        with tf.GradientTape() as tape:
            value = loss(tf.gather(data, index), key)
        values = [variable.value for variable in variables]
        optimizer.apply(tape.gradient(value, values), variables)

    @tf.function
    def several(first: tf.Tensor, count: tf.Tensor) -> None:
        for step in tf.range(first, first + count):
            one(step)

    for first in range(0, steps, STEPS_A_CALL):
        count = min(STEPS_A_CALL, steps - first)
        several(tf.constant(first, tf.int64), tf.constant(count, tf.int64))


class _Layers:
    """Layers whose first weights are a function of a seed, whatever was drawn before."""

    def __init__(self, seed: int) -> None:
        self._seeds: Iterator[int] = iter(np.random.SeedSequence(seed).generate_state(64).tolist())

    def dense(self, units: int, activation: str | None = None) -> keras.layers.Layer:
        return keras.layers.Dense(units, activation, kernel_initializer=self._weights())

    def convolution(self, channels: int, strides: int = 1, activation: str | None = "relu"):
        return keras.layers.Conv2D(
            channels, 3, strides, "same", activation=activation, kernel_initializer=self._weights()
        )

    def _weights(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=next(self._seeds))


def _convolved(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and min(shape[:2]) >= CONVOLVED_SIDE


def _run(network: keras.Model, values: np.ndarray) -> np.ndarray:
    """Outputs of a network for `(n, ...)` values, flattened: float64 `(n, d)`."""
    values = np.asarray(values, np.float32)
    parts = [
        np.asarray(network(values[start : start + BLOCK], training=False))
        for start in range(0, len(values), BLOCK)
    ]
    return np.concatenate(parts).reshape(len(values), -1).astype(np.float64)
