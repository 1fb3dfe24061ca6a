"""The recurrent generator: shared weights, its sum of increments, and its stages."""

import keras
import numpy as np
import pytest
from case import rows

from ganapp.models.networks.recurrent import recurrent_generator
from ganapp.models.stages import stages

SHAPE = (8, 8, 1)
SMALL = {"channels": (4, 3), "hidden": 5}


def generator(**options):
    keras.utils.set_random_seed(0)
    return recurrent_generator({"z": (6,)}, SHAPE, **SMALL | options)


def test_steps_share_their_weights():
    two, five = (generator(steps=n, normalisation="none") for n in (2, 5))
    assert two.count_params() == five.count_params()


def test_batch_normalisation_has_statistics_for_each_step():
    norms = [x for x in generator(steps=3, normalisation="batch").layers if "batch_norm" in x.name]
    assert len(norms) == 3 * 3


@pytest.mark.parametrize("sees", ["increment", "canvas"])
@pytest.mark.parametrize("noise", ["shared", "fresh"])
def test_the_image_is_the_sum_of_the_increments(noise, sees):
    """Every step by the layers themselves: what one says is what the next hears."""
    network = generator(steps=3, noise=noise, sees=sees, normalisation="none")
    z = rows(4, (6,))
    layers = {layer.name: layer for layer in network.layers}
    doublings = [x for x in network.layers if "upsampling" in x.name]
    halvings = [
        x for x in network.layers if x.__class__.__name__ == "Conv2D" and x.name != "increment"
    ]
    parts = [z] * 3 if noise == "shared" else np.split(z, 3, axis=1)
    relu = keras.layers.LeakyReLU(negative_slope=0.2)
    canvas, said = 0.0, np.zeros((4, 5), np.float32)
    made = stages(network)(z)
    for step, part in enumerate(parts, 1):
        heard = layers["noise"](part)
        x = layers["decoder_start"](np.concatenate([heard, said], axis=1))
        x = relu(np.reshape(x, (4, 2, 2, 4)))
        for double in doublings:
            x = relu(double(x))
        increment = layers["increment"](x)
        canvas = canvas + increment
        np.testing.assert_allclose(made[f"stage_{step}"], np.tanh(canvas), atol=2e-6)
        x = increment if sees == "increment" else np.tanh(canvas)
        for halve in halvings:
            x = relu(halve(x))
        said = layers["canvas"](np.reshape(x, (4, -1)))
    np.testing.assert_allclose(network(z), np.tanh(canvas), atol=2e-6)


def test_fresh_noise_needs_a_part_for_each_step():
    with pytest.raises(ValueError, match=r"multiple of the 4 parts.*size=6"):
        generator(steps=4, noise="fresh")


def test_classes_and_observations_are_heard_in_every_step():
    inputs = {"z": (6,), "label": (3,), "coarse": SHAPE}
    network = recurrent_generator(inputs, SHAPE, steps=2, **SMALL)
    given = {name: rows(2, shape) for name, shape in inputs.items()}
    whole = stages(network)(given)
    for name in ("label", "coarse"):
        other = stages(network)(given | {name: rows(2, inputs[name], seed=9)})
        for stage, image in whole.items():
            assert np.abs(image - other[stage]).max() > 1e-4, (name, stage)


def test_a_network_that_makes_its_example_at_once_has_no_stages():
    assert stages(generator(steps=1)) is None
    assert stages(keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])) is None


def test_a_copy_and_a_saved_file_paint_the_same(tmp_path):
    network = generator(steps=3)
    z = rows(3, (6,))
    network.save(tmp_path / "generator.keras")
    again = keras.models.load_model(tmp_path / "generator.keras")
    np.testing.assert_array_equal(network(z), again(z))
    np.testing.assert_array_equal(stages(network)(z)["stage_2"], stages(again)(z)["stage_2"])
