"""An encoder of a finished generator: a network that says which latents make an example."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.companions import ENCODER
from ganapp.models.contracts import Array
from ganapp.models.inference import Inference, apply_in_batches
from ganapp.models.noise import Stream, stateless_seed
from ganapp.models.tensors import EXAMPLE, LATENT, Tensors, apply

LAST = 0.1  # share of the steps whose mean loss is reported


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderTraining:
    """How an encoder of a fixed generator is trained.

    The loss is latent_weight * E_z mean (E(G(z)) - z)^2 plus example_weight * E_x mean
    (G(E(x)) - x)^2. The first part alone knows what the generator makes and no real example, which
    always lies a little beside that; the second alone may answer with latents that the prior never
    draws. They are the arrangements `ziz` and `izi` of Schlegl et al., 2019 (f-AnoGAN,
    doi:10.1016/j.media.2019.01.010).

    Args:
        steps: updates, at least 1.
        batch_size: examples in each, and as many drawn latents.
        learning_rate: of Adam, at the start; it falls to 0 along a cosine.
        latent_weight: of the latents' part, at least 0.
        example_weight: of the examples' part, in model units; one of the two is above 0.
        seed: of all that is drawn.
    """

    steps: int = 3000
    batch_size: int = 64
    learning_rate: float = 1e-3
    latent_weight: float = 1.0
    example_weight: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in ("steps", "batch_size"):
            if getattr(self, field) < 1:
                raise ValueError(f"`{field}` must be at least 1. Received: {getattr(self, field)}")
        weights = self.latent_weight, self.example_weight
        if not (min(weights) >= 0 and max(weights) > 0 and np.isfinite(weights).all()):
            raise ValueError(
                "`latent_weight` and `example_weight` must not be negative, and one of them above "
                f"0. Received: {weights[0]:g} and {weights[1]:g}"
            )
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"`learning_rate` must be above 0. Received: {self.learning_rate}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(
                f"`seed` must be at least 0 and below 2147483648. Received: {self.seed}"
            )


def train_encoder(
    gan: Inference,
    encoder: keras.Model,
    rows: Mapping[str, Array],
    how: EncoderTraining | None = None,
    *,
    units: Callable[[tf.Tensor], tf.Tensor] = tf.identity,
) -> dict[str, float]:
    """Trains an encoder of the averaged generator of a GAN, in which nothing changes.

    The same seed, data and weights give the same encoder.

    Args:
        gan: whose generator and prior.
        encoder: maps `x`, and observations if it names any, to every latent of the prior.
        rows: training examples `x` `(n, ...)`, and for each what else the generator takes: `label`,
            one-hot, and observations.
        how: the settings.
        units: maps examples to model units, batch by batch.

    Returns:
        `latents` and `examples`: both losses before their weights, means of the last tenth.
    """
    how = how or EncoderTraining()
    data = {name: tf.convert_to_tensor(each) for name, each in rows.items()}
    schedule = keras.optimizers.schedules.CosineDecay(how.learning_rate, how.steps)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(encoder.trainable_variables)

    @tf.function(autograph=False)
    def update(step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real, drawn = _minibatch(gan, data, how, step)
        real[EXAMPLE] = units(real[EXAMPLE])
        with tf.GradientTape() as tape:
            both = inversion_losses(gan, encoder, real, drawn)
            loss = how.latent_weight * both[0] + how.example_weight * both[1]
        gradients = tape.gradient(loss, encoder.trainable_variables)
        optimizer.apply_gradients(zip(gradients, encoder.trainable_variables, strict=True))
        return both

    losses = [update(tf.constant(step, tf.int64)) for step in range(how.steps)]
    last = np.mean(np.asarray(losses[-max(1, int(LAST * how.steps)) :]), axis=0)
    return {"latents": float(last[0]), "examples": float(last[1])}


def inversion_losses(
    gan: Inference, encoder: keras.Model, real: Tensors, drawn: Tensors
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean (E(G(z)) - z)^2 over all coordinates, and mean (G(E(x)) - x)^2, before their weights.

    Args:
        gan: whose averaged generator.
        encoder: in training mode.
        real: examples in model units and what belongs to them, by name.
        drawn: as many latents by name; their examples are made for what belongs to the real ones.
    """

    def encode(tensors: Tensors) -> Tensors:
        return apply(encoder, tensors, takes=EXAMPLE, gives=LATENT, training=True)

    made = apply(gan.ema_generator, real | drawn)[EXAMPLE]
    found = encode(real | {EXAMPLE: made})
    differences = [found[name] - each for name, each in drawn.items()]
    again = apply(gan.ema_generator, real | encode(real))[EXAMPLE]
    return (
        tf.reduce_mean(tf.concat(differences, axis=1) ** 2),
        tf.reduce_mean((again - real[EXAMPLE]) ** 2),
    )


def _minibatch(
    gan: Inference, data: Tensors, how: EncoderTraining, step: tf.Tensor
) -> tuple[Tensors, Tensors]:
    """Rows of the data and latents, functions of the seed and the step."""
    count = len(data[EXAMPLE])
    places, latents = (stateless_seed(how.seed, Stream.ENCODER, step, n) for n in range(2))
    index = tf.random.stateless_uniform((how.batch_size,), places, 0, count, tf.int32)
    real = {name: tf.gather(each, index) for name, each in data.items()}
    return real, gan.draw_latents(how.batch_size, latents)


def own_encoder(gan: Inference) -> keras.Model | None:
    """The averaged encoder that was trained with the generator; `None` where there is none."""
    if ENCODER not in gan.companions:
        return None
    return gan.ema_companions.get(ENCODER, gan.companion_networks[ENCODER])


def encode(encoder: keras.Model, **named: Array) -> dict[str, np.ndarray]:
    """Latents of examples by name, float32 `(n, size)`, in inference mode.

    Args:
        encoder: a network of `x` and perhaps observations.
        **named: its inputs, `(n, ...)`, in model units.
    """
    return apply_in_batches(encoder, named, takes=EXAMPLE, gives=LATENT)
