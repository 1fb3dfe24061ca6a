"""Networks of the user's own, from `.keras` files."""

import keras
import numpy as np
import pytest

from ganapp.models.networks import DISCRIMINATORS, GENERATORS

INPUTS = {"z": (3,), "label": (2,)}


def two_inputs(path):
    z, label = keras.Input((3,), name="z"), keras.Input((2,), name="label")
    joined = keras.layers.Concatenate()([z, label])
    keras.Model([z, label], keras.layers.Dense(4)(joined)).save(path)
    return path


def one_input(path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)]).save(path)
    return path


def test_it_is_the_network_that_was_saved(tmp_path):
    saved = keras.models.load_model(two_inputs(tmp_path / "g.keras"))
    network = GENERATORS["keras"](INPUTS, (4,), file=tmp_path / "g.keras")
    for a, b in zip(saved.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert network.trainable_variables


def test_a_discriminator_may_leave_observations_aside_and_names_what_is_asked_for(tmp_path):
    file = one_input(tmp_path / "d.keras")
    assert DISCRIMINATORS["keras"]({"x": (3,), "frames": (2,)}, file=file)
    with pytest.raises(ValueError, match=r"must name the outputs 'code'.* Received: 'scores'"):
        DISCRIMINATORS["keras"]({"x": (3,)}, heads={"code": 2}, file=file)


@pytest.mark.parametrize(
    ("make", "inputs", "sentence"),
    [
        (one_input, INPUTS, r"`generator.condition=none` is for one that takes 'z'"),
        (two_inputs, {"z": (3,)}, r"`generator.condition=own` is for one that takes"),
        (lambda path: path, INPUTS, "must be a `.keras` file that exists"),
        (lambda path: path.write_text("no model"), INPUTS, "that Keras can read by itself"),
    ],
    ids=["no label", "a label", "missing", "damaged"],
)
def test_what_does_not_fit_is_a_sentence(tmp_path, make, inputs, sentence):
    make(tmp_path / "g.keras")
    with pytest.raises(ValueError, match=sentence):
        GENERATORS["keras"](inputs, (4,), file=tmp_path / "g.keras")


def test_code_in_a_file_is_not_run(tmp_path):
    layers = [keras.Input((3,)), keras.layers.Lambda(lambda x: x + 1)]
    keras.Sequential(layers).save(tmp_path / "g.keras")
    with pytest.raises(ValueError, match="a Lambda layer is not trusted"):
        GENERATORS["keras"]({"z": (3,)}, (3,), file=tmp_path / "g.keras")
