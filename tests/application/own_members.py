"""The plugin of `test_plugins.py`: one member of each kind that a training needs.

Reference: Hjelm et al., 2018, arXiv:1702.08431.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from ganapp import DISCRIMINATORS, GENERATORS, METRICS, OBJECTIVES, SOURCES, TERMS
from ganapp.training.data import ArraySource, DataSpec
from ganapp.training.evaluation.metric import Figure, Metric
from ganapp.training.objectives import Objective
from ganapp.training.terms import Term


@OBJECTIVES.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class BoundarySeeking(Objective):
    """Samples on the decision boundary."""

    name = "boundary_seeking"

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(-real_scores) + tf.nn.softplus(fake_scores)

    def generator_loss(self, real_scores, fake_scores):
        return 0.5 * fake_scores**2


@TERMS.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallScores(Term):
    """Mean square of the scores of real examples about an offset."""

    name = "small_scores"
    offset: float = 0.0

    def per_example(self, critic, real, fake, draw, state=None):
        return tf.reduce_mean((critic(real)["scores"] - self.offset) ** 2, axis=-1)


@keras.saving.register_keras_serializable("own_members")
class Sine(keras.layers.Layer):
    """The sine of what it is given."""

    def call(self, x):
        return tf.sin(x)


@GENERATORS.register("sines")
def sines(inputs, shape, *, width: int = 16) -> keras.Model:
    """One layer of sines."""
    z = keras.Input(inputs["z"], name="z")
    return keras.Model(z, keras.layers.Dense(shape[0])(Sine()(keras.layers.Dense(width)(z))))


@DISCRIMINATORS.register("one_layer")
def one_layer(inputs, *, width: int = 16) -> keras.Model:
    """One hidden layer."""
    x = keras.Input(inputs["x"], name="x")
    return keras.Model(x, keras.layers.Dense(1)(keras.layers.Dense(width, "relu")(x)))


@SOURCES.register("spiral_arm")
def spiral_arm(*, turns: float = 1.0, examples: int = 400) -> ArraySource:
    """Points along one arm of a spiral."""
    random = np.random.default_rng(0)
    angle = turns * 2 * np.pi * np.sqrt(random.random(examples))
    points = np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1)
    points = (points + 0.1 * random.normal(size=points.shape)).astype("float32")
    held_out, train = np.split(points, [examples // 5])
    spec = DataSpec(
        name="spiral_arm",
        kind="vector",
        shape=(2,),
        examples=len(train),
        held_out=len(held_out),
        mean=tuple(train.mean(axis=0).tolist()),
        scale=tuple(train.std(axis=0).tolist()),
    )
    return ArraySource(spec, train, held_out)


def mean_shift(given):
    """The largest distance between the means of a column."""
    real, generated = given.features(given.data.plain_space)
    return {"mean_shift": float(np.abs(real.mean(axis=0) - generated.mean(axis=0)).max())}, {}


METRICS.register(
    Metric(figures={"mean_shift": Figure("lower", "largest shift of a mean")}, compute=mean_shift)
)
