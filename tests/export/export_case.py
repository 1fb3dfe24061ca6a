"""Tiny generators and bundles to export."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ganapp.export.bundle import Bundle
from ganapp.models.layers import Gain

SCALE, MEAN = (3.0, 0.5), (100.0, -2.0)
REPORT = {
    "best": {
        "step": 1500,
        "figures": {
            "precision": {
                "name": "precision",
                "value": 0.9375,
                "better": "higher",
                "space": "pixels | raw",
                "generated": 1000,
                "real": 900,
                "floor": 0.9625,
                "matched": None,
                "baseline": 0.5,
            }
        },
    },
    "last": None,
}


@dataclasses.dataclass(frozen=True)
class NormalPrior:
    """The part of a prior that artefacts use."""

    size: int
    name: str = "normal"
    truncates: bool = True
    path: str = "arc"

    @property
    def noise_size(self):
        return self.size

    @property
    def continuous_mask(self):
        return np.ones(self.size, bool)

    def from_uniform(self, noise):
        return 2.0 * noise - 1.0  # uniform will do

    def sample(self, count, seed):
        return self.from_uniform(tf.random.stateless_uniform((count, self.noise_size), seed))

    def truncate(self, latents, amount):
        return amount * latents

    def numpy_code(self, count):
        return f"z = random.normal(size=({count}, {self.size}))"


def to_levels(samples):
    levels = tf.round((samples + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(levels, 0.0, 255.0), tf.uint8)


def levels_judge(samples):
    """Figures that change when the grey levels do."""
    levels = samples.astype("float64") / 255.0
    return {"coverage": float(levels.mean()), "frechet_distance": float(levels.var())}


def to_units(samples):
    return samples * tf.constant(SCALE) + tf.constant(MEAN)


def image_generator(dtype="float32", seed=0):
    """The layers of a DCGAN-like generator for 8x8x1, with moving statistics that matter.

    One of its layers is ours.
    """
    keras.utils.set_random_seed(seed)
    z = keras.Input((8,))
    x = layers.Dense(2 * 2 * 8, dtype=dtype)(z)
    x = layers.Reshape((2, 2, 8), dtype=dtype)(x)
    x = layers.BatchNormalization(dtype=dtype)(x)
    x = layers.LeakyReLU(dtype=dtype)(x)
    x = layers.UpSampling2D(dtype=dtype)(x)
    x = layers.Conv2D(8, 3, padding="same", dtype=dtype)(x)
    x = layers.UpSampling2D(dtype=dtype)(x)
    x = layers.Conv2D(4, 3, padding="same", dtype=dtype)(x)
    x = layers.LayerNormalization(dtype=dtype)(x)
    gain = Gain(dtype=dtype)
    x = gain(x)
    gain.gamma.assign(0.9)
    x = layers.LeakyReLU(dtype=dtype)(x)
    x = layers.Conv2DTranspose(1, 3, padding="same", activation="tanh", dtype=dtype)(x)
    model = keras.Model(z, x)
    model(np.random.default_rng(1).normal(size=(64, 8)).astype("float32"), training=True)
    return model


def dense_image_generator(seed=0):
    """Two layers for 8x8x1, for what has nothing to do with the network."""
    keras.utils.set_random_seed(seed)
    dense = layers.Dense(64, activation="tanh", kernel_initializer="he_normal")
    return keras.Sequential([keras.Input((8,)), dense, layers.Reshape((8, 8, 1))])


def labelled_image_generator(classes, seed=0):
    """The same of a latent and a class."""
    keras.utils.set_random_seed(seed)
    given = {"z": keras.Input((8,), name="z"), "label": keras.Input((classes,), name="label")}
    x = layers.Concatenate()([*given.values()])
    x = layers.Dense(64, activation="tanh", kernel_initializer="he_normal")(x)
    return keras.Model(given, layers.Reshape((8, 8, 1))(x))


def vector_generator():
    keras.utils.set_random_seed(1)
    z = keras.Input((2,))
    x = layers.LeakyReLU()(layers.Dense(16)(z))
    return keras.Model(z, layers.Dense(2)(layers.LeakyReLU()(layers.Dense(16)(x))))


def make_image_bundle(**changes):
    data = {"name": "digits", "description": "small | digits", "licence": "CC0", "examples": 1500}
    facts = {
        "manifest": {"data": data | {"held_out": 297, "classes": ["0", "1"]}, "seed": 3},
        "configuration": {"training": {"batch_size": 64, "stabilisers": ["r1"]}},
        "report": REPORT,
        "step": 2000,
    }
    fields = {
        "name": "digits-run",
        "prior": NormalPrior(8),
        "to_user_units": to_levels,
        "kind": "image",
        "transform": {"levels": True},
        "facts": facts,
    }
    return Bundle(**({"generator": dense_image_generator()} | fields | changes))


def make_vector_bundle(**changes):
    fields = {
        "name": "ring-run",
        "prior": NormalPrior(2),
        "to_user_units": to_units,
        "kind": "vector",
        "transform": {"mean": MEAN, "scale": SCALE},
        "facts": {"manifest": {"data": {"name": "ring", "mean": MEAN, "scale": SCALE}}},
    }
    return Bundle(**({"generator": vector_generator()} | fields | changes))


def make_labelled_bundle(classes, **changes):
    """An image bundle whose generator takes one of as many classes, all alike likely."""
    labelled = {"generator": labelled_image_generator(classes)}
    return make_image_bundle(**(labelled | {"class_shares": (1 / classes,) * classes} | changes))
