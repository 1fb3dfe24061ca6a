"""Layers of networks as functions of images in model units."""

import dataclasses

import keras
import numpy as np
import pytest
from case import small_images

from ganapp.training.data.source import ArraySource
from ganapp.training.evaluation.features.classifier import ClassifierSpace
from ganapp.training.evaluation.features.layer import (
    Layer,
    network_bytes,
    network_from,
    standardised,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
LABELS = np.arange(60) % 3


def source(labels=LABELS, images=IMAGES, names="abc"):
    spec = dataclasses.replace(
        small_images(len(images), 10, names if labels is not None else ""), shape=images.shape[1:]
    )
    held_out = None if labels is None else labels[:10]
    return ArraySource(spec, images, images[:10], labels, held_out)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A model of batch statistics and dropout, which are off, and of a hidden layer."""
    keras.utils.set_random_seed(0)
    x = keras.Input((8, 8, 1))
    maps = keras.layers.Conv2D(3, 3, padding="same", activation="relu", name="maps")(x)
    hidden = keras.layers.BatchNormalization(name="hidden")(maps)
    hidden = keras.layers.Dropout(0.5)(hidden)
    out = keras.layers.Dense(4, name="out")(keras.layers.Flatten(name="flat")(hidden))
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    keras.Model(x, out).save(path)
    return path


def made(**options):
    given = options.pop("source", None) or source()
    return Layer(**options).network(given, folder=None, key="data.features")


@pytest.mark.parametrize(
    ("values", "given"),
    [("symmetric", IMAGES / 127.5 - 1), ("unit", IMAGES / 255), ("user", IMAGES.astype(float))],
)
def test_the_model_gets_images_in_its_range(file, values, given):
    model = keras.models.load_model(file)
    expected = keras.Model(model.inputs[0], model.get_layer("flat").output)(given, training=False)
    network = made(model=str(file), layer="flat", values=values)
    found = network(source().spec.to_model_units(IMAGES), training=False)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert network.trainable_variables == []


def test_the_output_without_a_layer_and_maps_of_one(file):
    assert made(model=str(file)).output_shape == (None, 4)
    assert made(model=str(file), layer="maps").output_shape == (None, 8, 8, 3)


def test_the_classifier_is_the_one_of_the_feature_space(tmp_path):
    """Of the images whose label is known."""
    known = np.arange(60) < 30
    given = source(np.where(known, LABELS, -1))
    network = Layer(layer="features").network(given, folder=tmp_path, key="data.features")
    (kept,) = tmp_path.iterdir()
    space = ClassifierSpace(given.spec, IMAGES[known], LABELS[known], cache=tmp_path)
    logits = Layer(layer="logits").network(given, folder=tmp_path, key="data.features")
    assert list(tmp_path.iterdir()) == [kept]  # it was read
    found = network(given.spec.to_model_units(IMAGES), training=False)
    np.testing.assert_allclose(found, space(IMAGES), atol=1e-5)
    assert logits.output_shape == (None, 3)


def refused(match, **options):
    with pytest.raises(ValueError, match=match):
        made(**options)


def test_what_cannot_be_is_refused_in_a_sentence(file, tmp_path):
    name = str(file)
    refused(
        r"`data.features.layer` must be one of \[.*'maps'.*\]. Received: layer='mops'",
        model=name,
        layer="mops",
    )
    refused(r"`data.features.model` must be a `.keras` file that exists", model="gone.keras")
    (tmp_path / "damaged.keras").write_bytes(b"no")
    refused(
        "`data.features.model` must be a whole `.keras` file", model=f"{tmp_path}/damaged.keras"
    )
    wide = source(images=np.zeros((60, 8, 9, 1), np.uint8))
    refused(
        r"must take the images as they are, \(8, 9, 1\).*inputs \(8, 8, 1\)",
        model=name,
        source=wide,
    )
    refused(r"can be 'classifier' only for data with labels.* 0 classes", source=source(None))
    refused(r"`data.features.values` must be 'symmetric' for the classifier", values="unit")
    a, b = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    keras.Model([a, b], keras.layers.Add()([a, b])).save(tmp_path / "two.keras")
    refused("one input and one output. Received: 2 inputs", model=str(tmp_path / "two.keras"))


def test_a_model_within_the_model_is_no_layer(tmp_path):
    x = keras.Input((8, 8, 1))
    inner = keras.Model(x, keras.layers.Flatten()(x), name="inner")
    keras.Sequential([keras.Input((8, 8, 1)), inner]).save(tmp_path / "nested.keras")
    nested = str(tmp_path / "nested.keras")
    refused(
        r"a layer of the model's own graph. .*'inner', a Functional", model=nested, layer="inner"
    )


def test_only_images_have_layers():
    from ganapp.training.data import SOURCES

    refused(r"`data.features` is for images.*'ring'", source=SOURCES["ring"]())


def test_each_channel_is_standardised(file):
    x = source().spec.to_model_units(IMAGES)
    network = standardised(made(model=str(file), layer="maps"), x)
    maps = np.asarray(network(x)).reshape(-1, 3)
    np.testing.assert_allclose(maps.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(maps.std(axis=0), 1, atol=1e-3)


def test_a_channel_that_never_varied_is_not_blown_up():
    x = keras.Input((2,))
    images = np.random.default_rng(0).normal(size=(100, 2)).astype("float32") * [1.0, 0.0]
    network = standardised(keras.Model(x, keras.layers.Identity()(x)), images)
    found = np.asarray(network(np.array([[0.0, 0.1]], "float32")))
    assert abs(found[0, 1]) < 11  # a hundredth of the other's deviation


def test_a_network_is_the_same_after_its_file(file):
    x = source().spec.to_model_units(IMAGES)
    network = standardised(made(model=str(file), layer="hidden", values="unit"), x)
    again = network_from(network_bytes(network))
    np.testing.assert_array_equal(again(x, training=False), network(x, training=False))
    assert not again.trainable
