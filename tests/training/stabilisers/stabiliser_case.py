"""What the stabilisers' tests share: draws, a critic with features, halves on two replicas."""

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


class FakeCritic:
    """A small discriminator as stabilisers see it.

    Args:
        shape: of an example.
    """

    def __init__(self, shape: tuple[int, ...] = (2,)) -> None:
        inputs = keras.Input(shape)
        hidden = keras.layers.Dense(FEATURES, activation="tanh", name="features")
        features = hidden(keras.layers.Flatten()(inputs))
        scores = keras.layers.Dense(1, name="scores")(features)
        self.network = keras.Model(inputs, scores)
        self._features = keras.Model(inputs, features)
        self.labels = self.requested = tf.eye(2)[:1]  # every example is of the first class

    def __call__(self, examples: tf.Tensor) -> tf.Tensor:
        return self.network(examples, training=True)

    def features(self, examples: tf.Tensor) -> tf.Tensor:
        return self._features(examples, training=True)

    def class_logits(self, examples: tf.Tensor) -> tf.Tensor:
        return self.features(examples)[:, :2]


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
