"""What the tests of extensions share: draws, a critic, halves on two replicas."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FEATURES = 3
STEP = tf.constant(0, tf.int64)


class Numbers:
    """Uniform numbers for `rows` rows; every call gives others, the same ones for a seed.

    In a replica they are its part of the numbers of the global batch.
    """

    def __init__(self, rows: int, seed: int = 0) -> None:
        self.rows, self.seed, self.calls = rows, seed, 0

    def __call__(self, *shape: int) -> tf.Tensor:
        self.calls += 1
        context = tf.distribute.get_replica_context()
        count, first = self.rows * context.num_replicas_in_sync, context.replica_id_in_sync_group
        everyone = tf.random.stateless_uniform((count, *shape), (self.seed, self.calls))
        return everyone[first * self.rows :][: self.rows]


def always(value: float, rows: int) -> Callable[..., tf.Tensor]:
    """A draw of one value only."""
    return lambda *shape: tf.fill((rows, *shape), tf.constant(value, tf.float32))


def script(*values: Any) -> Callable[..., tf.Tensor]:
    """A draw that gives these arrays, one a call, and checks the shapes that are asked for."""
    rest = iter(values)

    def draw(*shape: int) -> tf.Tensor:
        value = np.asarray(next(rest), np.float32)
        assert value.shape[1:] == shape
        return tf.constant(value)

    return draw


class FixedDraws:
    """The `draw` of a term: each call gives numbers of its own, the same in every instance.

    The first rows do not depend on how many rows there are. What was drawn is kept in `drawn`.

    Args:
        rows: examples in the batch.
        seed: of all the calls.
        dtype: of the numbers.
    """

    def __init__(self, rows: int, *, seed: int = 0, dtype: str = "float32") -> None:
        self.rows, self.seed, self.dtype = rows, seed, dtype
        self.drawn: list[np.ndarray] = []

    def __call__(self, *shape: int) -> tf.Tensor:
        generator = np.random.default_rng([self.seed, len(self.drawn)])
        self.drawn.append(generator.random((self.rows, *shape)).astype(self.dtype))
        return tf.constant(self.drawn[-1])


class FakeCritic:
    """A small discriminator as terms see it, with a pass of its own for every call.

    An observation `frame`, where there is one, is added to the example.

    Args:
        shape: of an example.
        generator: the other player.
    """

    takes = ("x", "frame")
    latents = ()

    def __init__(self, shape: tuple[int, ...] = (2,), generator: keras.Model | None = None) -> None:
        inputs = keras.Input(shape)
        hidden = keras.layers.Dense(FEATURES, activation="tanh", name="features")
        features = hidden(keras.layers.Flatten()(inputs))
        scores = keras.layers.Dense(1, name="scores")(features)
        self.network = keras.Model(inputs, {"scores": scores, "features": features})
        self.networks = {"discriminator": self.network, "generator": generator}
        self.companions = {"comparator": lambda tensors: {"features": tf.sin(tensors["x"])}}
        self.gradients = 0  # asked for

    def __call__(self, tensors: dict) -> dict:
        said = self.network(tensors["x"] + tensors.get("frame", 0.0), training=True)
        return said | dict.fromkeys(("class_logits", "code"), said["features"][:, :2])

    def gradient(self, tensors: dict) -> tf.Tensor:
        self.gradients += 1
        with tf.GradientTape() as tape:
            tape.watch(tensors["x"])
            scores = self(tensors)["scores"]
        return tape.gradient(scores, tensors["x"])


def first_class(examples: tf.Tensor | np.ndarray) -> dict:
    """Examples of the first of two classes, as tensors by name."""
    return {"x": tf.convert_to_tensor(examples), "label": tf.eye(2)[:1]}


def linear_generator(latent: int = 3, shape: tuple[int, ...] = (2,)) -> keras.Model:
    """One dense layer."""
    latents = keras.Input((latent,))
    flat = keras.layers.Dense(int(np.prod(shape)))(latents)
    return keras.Model(latents, keras.layers.Reshape(shape)(flat))


def normal_rows(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float32 `(count, *shape)`."""
    return np.random.default_rng(seed).normal(size=(count, *shape)).astype(np.float32)


def on_two_replicas(strategy: Any, function: Callable, *arrays: np.ndarray) -> list:
    """What `function` gives on each replica for its half of the rows, as numpy.

    Two arrays, or two lists of them where `function` gives several tensors.
    """

    @tf.function(autograph=False)
    def run():
        def replica():
            place = tf.distribute.get_replica_context().replica_id_in_sync_group
            parts = [tf.reshape(a, (2, len(a) // 2, *a.shape[1:]))[place] for a in arrays]
            return tf.nest.flatten(function(*parts))

        return strategy.run(replica)

    values = [strategy.experimental_local_results(value) for value in run()]
    halves = [[pair[replica].numpy() for pair in values] for replica in range(2)]
    return [half[0] if len(half) == 1 else half for half in halves]


def state_values(state: keras.layers.Layer | None) -> list[np.ndarray]:
    """Copies of all weights of a state."""
    return [] if state is None else [np.array(v) for v in state.get_weights()]


def apply(assignments: list) -> None:
    """Assigns what a hook returned."""
    for variable, value in assignments:
        variable.assign(value)
