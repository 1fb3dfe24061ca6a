"""Networks of every kind that Keras has: trained, averaged, sampled, saved and loaded."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, LATENT, SHAPE, rows, weights

from ganapp.models import GAN
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Normal

layers = keras.layers


def discriminator():
    return keras.Sequential([keras.Input(SHAPE), layers.Dense(4, "relu"), layers.Dense(1)])


def generator():
    return keras.Sequential([keras.Input((LATENT,)), layers.Dense(4, "relu"), layers.Dense(2)])


@keras.saving.register_keras_serializable("tests")
class Layered(keras.Model):
    """A subclass of layers, with batch normalisation."""

    def __init__(self, width, outputs, **options):
        super().__init__(**options)
        self.hidden, self.normalise = layers.Dense(width), layers.BatchNormalization()
        self.last = layers.Dense(outputs)

    def get_config(self):
        return {"name": self.name, "width": self.hidden.units, "outputs": self.last.units}

    def call(self, inputs, training=False):
        return self.last(self.normalise(self.hidden(inputs), training=training))


@keras.saving.register_keras_serializable("tests")
class Wrapped(keras.Model):
    """A subclass that holds another network and writes its configuration itself."""

    def __init__(self, body, **options):
        super().__init__(**options)
        self.body = body

    def call(self, inputs, training=False):
        return 2.0 * self.body(inputs, training=training)

    def get_config(self):
        return {"name": self.name, "body": keras.saving.serialize_keras_object(self.body)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["body"]), name=config["name"])


@keras.saving.register_keras_serializable("tests")
class Named(keras.Model):
    """A subclass of several inputs and outputs by name."""

    def __init__(self, takes, gives, **options):
        super().__init__(**options)
        self.takes, self.gives, self.input_names = list(takes), gives, list(takes)
        self.parts = [layers.Dense(4) for _ in takes]
        self.last = layers.Dense(2 if gives == "x" else 1)

    def call(self, inputs):
        parts = zip(self.takes, self.parts, strict=True)
        hidden = sum(layer(inputs[name]) for name, layer in parts)
        return {self.gives: self.last(tf.nn.relu(hidden)), "hidden": hidden}

    def get_config(self):
        return {"takes": list(self.takes), "gives": self.gives, "name": self.name}


def functional(shape, outputs):
    x = keras.Input(shape)
    hidden = layers.Dense(4, "relu")(x)
    return keras.Model(x, layers.Dense(outputs)(layers.Concatenate()([x, hidden])))


def nested(shape, outputs):
    x = keras.Input(shape)
    inner = keras.Sequential([keras.Input(shape), layers.Dense(4), layers.ReLU()])
    return keras.Model(x, layers.Dense(outputs)(functional((4,), 3)(inner(x))))


def preprocessing():
    """One layer for two inputs, with weights and without."""
    x, frame = keras.Input(SHAPE, name="x"), keras.Input(SHAPE, name="frame")
    scale, look = layers.Rescaling(0.5), layers.Dense(4, "relu")
    seen = layers.Concatenate()([look(scale(x)), look(scale(frame))])
    return keras.Model([x, frame], layers.Dense(1)(seen))


def of_observation():
    z, frame = keras.Input((LATENT,), name="z"), keras.Input(SHAPE, name="frame")
    joined = layers.Concatenate()([z, frame])
    return keras.Model({"z": z, "frame": frame}, {"x": layers.Dense(2)(joined)})


def normalised(shape, outputs, **options):
    x = keras.Input(shape)
    hidden = layers.BatchNormalization(**options)(layers.Dense(4)(x))
    return keras.Model(x, layers.Dense(outputs)(layers.Dropout(0.2)(layers.ReLU()(hidden))))


def unbuilt(outputs):
    return keras.Sequential([layers.Dense(4, "relu"), layers.Dense(outputs)])


def called(network, **sizes):
    network({name: np.zeros((1, size), np.float32) for name, size in sizes.items()})
    return network


# Each kind is once a generator and once a discriminator.
PAIRS = {
    "sequential, functional": lambda: (generator(), functional(SHAPE, 1)),
    "functional, nested": lambda: (functional((LATENT,), 2), nested(SHAPE, 1)),
    "nested, subclassed": lambda: (nested((LATENT,), 2), Layered(4, 1)),
    "subclassed, without an input": lambda: (Layered(4, 2), unbuilt(1)),
    "without an input, around another": lambda: (unbuilt(2), Wrapped(discriminator())),
    "around another, sequential": lambda: (Wrapped(generator()), discriminator()),
    "batch normalisation": lambda: (normalised((LATENT,), 2), normalised(SHAPE, 1)),
    "shared preprocessing": lambda: (of_observation(), preprocessing()),
    "several inputs by name": lambda: (
        called(Named(("z", "frame"), "x"), z=LATENT, frame=2),
        called(Named(("x", "frame"), "scores"), x=2, frame=2),
    ),
}
CASES = [(name, 50.0) for name in PAIRS] + [("subclassed, without an input", None)]


@pytest.mark.parametrize(("name", "half_life"), CASES)
def test_two_steps_samples_and_both_ways_of_saving(name, half_life, tmp_path):
    def fresh():
        gan = GAN(*PAIRS[name](), Normal(size=LATENT), ema_half_life=half_life)
        gan.compile("adam", "adam", objective=NonSaturating(), run_eagerly=True)
        return gan

    gan = fresh()
    start = weights(gan)
    examples, frames = rows(2 * BATCH), rows(2 * BATCH, seed=1)
    observed = {"frame": frames} if gan.conditions else {}
    data = tf.data.Dataset.from_tensor_slices({"x": examples} | observed).batch(BATCH, True)
    gan.fit(data, verbose=0)
    assert int(gan.step) == 2
    for part in ("generator", "discriminator"):
        assert any(np.any(a != b) for a, b in zip(start[part], weights(gan)[part], strict=True))
    observed = {"frame": frames[:5]} if gan.conditions else {}
    samples = gan.generate(5, **observed)
    assert samples.shape == (5, 2)
    assert np.isfinite(samples).all()
    gan.summary(print_fn=lambda text: None, expand_nested=True)

    gan.save_weights(tmp_path / "gan.weights.h5")
    gan.save(tmp_path / "gan.keras")
    other, loaded = fresh(), keras.models.load_model(tmp_path / "gan.keras")
    other.load_weights(tmp_path / "gan.weights.h5")
    assert_equal(gan, other)
    batch = next(iter(data))
    logs = [each.train_on_batch(batch) for each in (gan, loaded)]
    assert logs[0] == logs[1]
    assert_equal(gan, loaded)
    np.testing.assert_array_equal(loaded.generate(5, **observed), gan.generate(5, **observed))


def assert_equal(gan, other):
    for part, arrays in weights(gan).items():
        for ours, theirs in zip(weights(other)[part], arrays, strict=True):
            np.testing.assert_array_equal(ours, theirs, part)


def test_a_subclass_that_does_not_say_its_shapes_is_refused():
    with pytest.raises(
        ValueError, match=r"`generator\({'z': ..., 'frame': ...}\)`.*'frame' of unknown"
    ):
        GAN(Named(("z", "frame"), "x"), discriminator(), Normal(size=LATENT))
