"""Tiny GANs and comparisons that the tests share: `from case import tiny_gan`."""

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganapp.models import GAN
from ganapp.models.batches import packed_shape
from ganapp.models.critic import Critic
from ganapp.models.networks import mlp_discriminator, mlp_generator
from ganapp.models.rules import CombinationWarning
from ganapp.models.tensors import apply, input_shapes, with_outputs
from ganapp.training.data.spec import DataSpec
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Normal

SHAPE = (2,)  # of an example
LATENT = 3  # size of a latent
BATCH = 8  # rows of a minibatch


def small_images(examples: int, held_out: int, classes: str = "", name: str = "small") -> DataSpec:
    """Grey images of 8 x 8 pixels; each letter of `classes` is the name of one."""
    return DataSpec(
        name=name,
        kind="image",
        shape=(8, 8, 1),
        examples=examples,
        held_out=held_out,
        classes=tuple(classes),
    )


def linear_networks(shape=SHAPE, latent=LATENT) -> tuple[keras.Model, keras.Model]:
    """One dense layer each: gradients can be written down by hand."""
    z, x = keras.Input((latent,)), keras.Input(shape)
    flat = keras.layers.Dense(int(np.prod(shape)))(z)
    generator = keras.Model(z, keras.layers.Reshape(shape)(flat))
    return generator, keras.Model(x, keras.layers.Dense(1)(keras.layers.Flatten()(x)))


def mlp_networks(shape=SHAPE, latent=LATENT, **options: Any) -> tuple[keras.Model, keras.Model]:
    """One hidden layer of 8 units each."""
    options = {"units": (8,)} | options
    return mlp_generator({"z": (latent,)}, shape, **options), mlp_discriminator(
        {"x": shape}, **options
    )


@contextlib.contextmanager
def any_combination() -> Iterator[None]:
    """Lets a test combine what is advised against: it may be exact, and still train badly."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CombinationWarning)
        yield


def one_each(generator: Callable, discriminator: Callable) -> Callable:
    """Makes the optimizer of the generator, then that of the discriminator (`tiny_gan`)."""
    makers = iter((generator, discriminator))
    return lambda: next(makers)()


def tiny_gan(
    objective: Any = None,
    *,
    strategy: tf.distribute.Strategy | None = None,
    networks: Callable[[], tuple[keras.Model, keras.Model]] = mlp_networks,
    gan: type[GAN] = GAN,
    optimizer: Callable[[], keras.optimizers.Optimizer] | None = None,
    seed: int = 7,
    ema_half_life: float | None = 100.0,
    **compile_options: Any,
) -> GAN:
    """A compiled GAN on points with the same initial weights every time.

    Args:
        objective: default non-saturating.
        strategy: the scope everything is made in; the current one when `None`.
        networks: makes generator and discriminator.
        gan: the class, e.g. a subclass that records.
        optimizer: makes one optimizer for each network; the objective's own when `None`.
        seed: of the noise.
        ema_half_life: in examples.
        **compile_options: passed to `GAN.compile`.
    """
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        generator, discriminator = networks()
        prior = Normal(size=generator.input_shape[1])
        model = gan(generator, discriminator, prior, seed=seed, ema_half_life=ema_half_life)
        if optimizer is not None:
            compile_options["generator_optimizer"] = optimizer()
            compile_options["discriminator_optimizer"] = optimizer()
        with any_combination():
            model.compile(objective=objective or NonSaturating(), **compile_options)
    return model


def rows(count: int, shape=SHAPE, seed: int = 0) -> np.ndarray:
    """Distinct float32 examples `(count, *shape)` around 1."""
    draw = np.random.default_rng(seed).normal(1.0, 0.5, (count, *shape))
    return draw.astype(np.float32)


def plain_batches(steps: int, batch_size: int, shape=SHAPE) -> tf.data.Dataset:
    """`steps` different batches as an ordinary dataset."""
    data = tf.data.Dataset.from_tensor_slices(rows(steps * batch_size, shape))
    return data.batch(batch_size, drop_remainder=True)


def train(gan: GAN, steps: int, data: Any = None, **options: Any) -> keras.callbacks.History:
    """Fits quietly on `data` (default: plain batches of the objective's k x `BATCH` rows)."""
    k = gan.objective.discriminator_steps
    shape = tuple(gan.discriminator.input_shape[1:])
    data = plain_batches(steps, k * BATCH, shape) if data is None else data
    return gan.fit(data, steps_per_epoch=steps, epochs=1, verbose=0, **options)


def weights(gan: GAN) -> dict[str, list[np.ndarray]]:
    """Copies of everything a checkpoint holds."""
    return {part: [v.numpy() for v in variables] for part, variables in gan.state().items()}


def restore(gan: GAN, saved: dict[str, list[np.ndarray]]) -> None:
    """Puts back what `weights` gave."""
    for part, variables in gan.state().items():
        for variable, value in zip(variables, saved[part], strict=True):
            variable.assign(value)


def relative_error(actual: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Euclidean norm of all differences over that of all expected values.

    Over all, because some weights have no gradient but rounding (a bias before batch
    normalisation, the critic's last bias in WGAN) and agree with nothing on their own scale.
    """
    assert [np.shape(a) for a in actual] == [np.shape(b) for b in expected]

    def norm(arrays):
        return np.sqrt(sum(np.sum(np.square(a, dtype=np.float64)) for a in arrays))

    differences = [
        np.subtract(a, b, dtype=np.float64) for a, b in zip(actual, expected, strict=True)
    ]
    return float(norm(differences) / norm(expected))


def same_networks(actual: GAN, expected: GAN) -> float:
    """Largest relative error over the weights of G, D and the averaged G."""
    left, right = weights(actual), weights(expected)
    parts = ("generator", "discriminator", "ema_generator")
    return max(relative_error(left[part], right[part]) for part in parts)


def numeric_gradient(
    function: Callable[[], Any], variable: keras.Variable, step: float = 1e-5
) -> np.ndarray:
    """Central finite differences of a scalar function by every entry of `variable`.

    Use float64 variables (`keras.config.set_floatx("float64")`) with the default step.
    """
    start = np.asarray(variable.numpy())
    gradient = np.zeros_like(start)
    for index in np.ndindex(start.shape):
        values = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * step
            variable.assign(moved)
            values.append(float(function()))
        gradient[index] = (values[0] - values[1]) / (2 * step)
    variable.assign(start)
    return gradient


def historical_distances(snapshots: np.ndarray) -> np.ndarray:
    """Distance of the weights at each time from the mean of those before and at it.

    Args:
        snapshots: `(t, d)`, the flattened weights at equal intervals.

    Returns:
        float64 `(t,)`, the first 0.
    """
    snapshots = np.asarray(snapshots, dtype=np.float64)
    means = np.cumsum(snapshots, axis=0) / np.arange(1, len(snapshots) + 1)[:, None]
    return np.linalg.norm(snapshots - means, axis=1)


def critic_of(score: Callable, **options: Any) -> Critic:
    """The critic of a network, or of a function of the examples alone.

    Args:
        score: gives scores, or all outputs by name.
        **options: of `Critic`.
    """

    def discriminate(tensors):
        said = score(tensors["x"])
        return said if isinstance(said, dict) else {"scores": said}

    if isinstance(score, keras.Model):
        options.setdefault("networks", {"discriminator": score})
    return Critic(discriminate, **options)


def assert_exact_through_a_penalty(generator: keras.Model, network: keras.Model) -> None:
    """The generator's gradient through scores and an R2 term is that of finite differences.

    Args:
        generator: takes latents `(batch, 2)`, in float64.
        network: a discriminator of its examples, in float64.
    """
    latents = tf.constant(np.random.default_rng(3).normal(size=(3, 2)))

    @tf.function
    def value():
        fake = generator(latents, training=True)
        critic, fake = critic_of(network), {"x": fake}
        return tf.reduce_mean(critic.scores(fake)) + tf.reduce_mean(critic.gradient(fake) ** 2)

    with tf.GradientTape() as tape:
        result = value()
    variables = generator.trainable_variables
    exact = [g.numpy() for g in tape.gradient(result, variables)]
    numeric = [numeric_gradient(value, v) for v in variables]
    assert relative_error(exact, numeric) < 1e-5


def in_float64(network: keras.Model) -> keras.Model:
    """The same network throughout in float64 with weights away from every kink and zero.

    The last layer of ours is pinned to float32, and zero biases sit on the kink of the leaky ReLU
    for zero inputs.
    """

    def clone(layer: keras.Layer) -> keras.Layer:
        return layer.__class__.from_config(layer.get_config() | {"dtype": "float64"})

    copy = keras.models.clone_model(network, clone_function=clone)
    generator = np.random.default_rng(0)
    for variable in copy.trainable_variables:
        variable.assign(generator.normal(0.0, 0.5, variable.shape))
    return copy


def packing_gan(
    objective: Any, strategy: Any = None, *, shape=SHAPE, size: int = 2, run_eagerly: bool = False
) -> GAN:
    """A compiled GAN whose discriminator scores packs of `size`."""
    keras.utils.set_random_seed(1)
    with (strategy or tf.distribute.get_strategy()).scope():
        generator = mlp_generator({"z": (LATENT,)}, shape, units=(8,))
        discriminator = mlp_discriminator({"x": packed_shape(shape, size)}, units=(8,))
        gan = GAN(generator, discriminator, Normal(size=LATENT), packing=size)
        with any_combination():
            optimizers = keras.optimizers.SGD(0.05), keras.optimizers.SGD(0.05)
            gan.compile(*optimizers, objective=objective, run_eagerly=run_eagerly)
    return gan


def output_of(network, x, labels=None, *, output="scores", training=False):
    """What a discriminator says of examples by that name; of unknown class without labels."""
    network = with_outputs(network, [] if output == "scores" else [output])
    shapes = input_shapes(network, "x")
    if labels is None and "label" in shapes:
        labels = tf.zeros((len(x), *shapes["label"]))
    tensors = {"x": tf.convert_to_tensor(x)}
    if labels is not None:
        tensors["label"] = tf.cast(labels, tf.float32)
    return apply(network, tensors, takes="x", gives="scores", training=training)[output]
