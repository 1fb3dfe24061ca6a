"""Every family takes latents, classes, vectors and maps by name, and all of them matter."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.models.tensors import apply

CLASSES, ROWS = 3, 2
INPUTS = {
    "z": (4,),
    "label": (CLASSES,),
    "code": (2,),  # a further latent
    "features": (5,),  # a vector
    "frames": (7, 5, 2),  # a map of the example's sides
    "coarse": (4, 3, 1),  # and one of others
    "clip": (2, 7, 5, 1),
}
# Small, and nothing of it starts as zero or the identity.
SMALL = {
    "mlp": {"units": (6,)},
    "dcgan": {"channels": (4, 3)},
    "resnet": {"channels": (4, 3), "block": "sngan"},
    "style": {"channels": (4, 3)},
    "autoencoder": {"widths": (4,), "code": 3},
    "recurrent": {"channels": (4, 3), "hidden": 5, "steps": 2},
    "multi_scale": {"channels": (4, 3), "scales": 2},
}


def rows(shapes, seed=0):
    random = np.random.default_rng(seed)
    values = {
        name: random.normal(size=(ROWS, *shape)).astype("float32") for name, shape in shapes.items()
    }
    if "label" in shapes:
        values["label"] = np.eye(CLASSES, dtype="float32")[[0, 1]]
    return values


def check_every_input_matters(network, shapes, takes, gives):
    given = rows(shapes)
    found = apply(network, given, takes=takes, gives=gives)[gives].numpy()
    for name in shapes:
        other = given | {name: given[name][::-1]}
        changed = apply(network, other, takes=takes, gives=gives)[gives].numpy()
        assert np.abs(changed - found).max() > 1e-7, name
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    np.testing.assert_array_equal(apply(copy, given, takes=takes, gives=gives)[gives], found)
    return found


@pytest.mark.parametrize("shape", [(7, 5, 1), (3, 7, 5, 2)], ids=["image", "clip"])
@pytest.mark.parametrize("family", sorted(GENERATORS.keys() - {"keras"}))
def test_generators(family, shape):
    keras.utils.set_random_seed(0)
    generator = GENERATORS[family](INPUTS, shape, **SMALL[family])
    examples = check_every_input_matters(generator, INPUTS, "z", "x")
    assert examples.shape == (ROWS, *shape)
    assert np.abs(examples).max() <= 1


@pytest.mark.parametrize("shape", [(7, 5, 1), (3, 7, 5, 2)], ids=["image", "clip"])
@pytest.mark.parametrize("family", sorted(DISCRIMINATORS.keys() - {"keras"}))
def test_discriminators(family, shape):
    keras.utils.set_random_seed(0)
    shapes = INPUTS | {"x": shape}
    del shapes["z"], shapes["code"]
    network = DISCRIMINATORS[family](shapes, heads={"code": 2}, **SMALL[family])
    scores = check_every_input_matters(network, shapes, "x", "scores")
    assert scores.shape == (ROWS, {"multi_scale": 2}.get(family, 1))  # one for each scale
    assert apply(network, rows(shapes), takes="x")["code"].shape == (ROWS, 2)


@pytest.mark.parametrize("shape", [(7, 5, 1), (3, 7, 5, 2)], ids=["image", "clip"])
@pytest.mark.parametrize("family", sorted(DISCRIMINATORS.keys() - {"keras"}))
def test_discriminators_of_pairs(family, shape):
    """Latents become as many maps as an image has channels, whatever their size."""
    keras.utils.set_random_seed(0)
    shapes = {"x": shape, "z": (90,)}
    network = DISCRIMINATORS[family](shapes, latents=("z",), **SMALL[family])
    check_every_input_matters(network, shapes, "x", "scores")
    (dense,) = [x for x in network.layers if getattr(x, "kernel", None) is not None][:1]
    channels = shape[-1] * (shape[0] if len(shape) == 4 else 1)
    assert tuple(dense.kernel.shape) == (90, 7 * 5 * max(channels, 3))


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_vectors_take_maps_too(kind):
    keras.utils.set_random_seed(0)
    shapes = {"z" if kind == "generator" else "x": (6,), "frames": (4, 4, 1)}
    if kind == "generator":
        network, names = GENERATORS["mlp"](shapes, (6,), units=(5,)), ("z", "x")
    else:
        network, names = DISCRIMINATORS["mlp"](shapes, units=(5,)), ("x", "scores")
    check_every_input_matters(network, shapes, *names)


@pytest.mark.parametrize("family", ["dcgan", "resnet"])
def test_a_generator_can_copy_what_it_sees(family):
    """The finest map of an observation reaches the image without passing through the coarse."""
    keras.utils.set_random_seed(0)
    shapes = {"z": (4,), "frames": (8, 8, 1)}
    generator = GENERATORS[family](shapes, (8, 8, 1), **SMALL[family])
    frames = tf.random.stateless_normal((1, 8, 8, 1), (1, 2))
    with tf.GradientTape() as tape:
        tape.watch(frames)
        x = generator({"z": tf.zeros((1, 4)), "frames": frames})
        pixel = x[0, 3, 4, 0]
    slopes = np.abs(tape.gradient(pixel, frames)[0, :, :, 0])
    assert slopes[2:5, 3:6].max() > 2 * np.delete(slopes, slice(1, 7), axis=0).max()


def test_an_input_of_another_network_is_refused_by_name():
    generator = GENERATORS["mlp"]({"z": (4,), "frames": (2, 2, 1)}, (2,), units=(5,))
    with pytest.raises(ValueError, match="takes 'z', 'frames', but there is no 'frames'"):
        apply(generator, {"z": tf.zeros((1, 4))})


def test_a_single_input_of_another_name_keeps_it():
    generator = GENERATORS["mlp"]({"code": (4,)}, (2,), units=(5,))
    assert apply(generator, {"code": tf.zeros((1, 4))})["x"].shape == (1, 2)
    assert GENERATORS["mlp"]({"z": (4,)}, (2,), units=(5,))(tf.zeros((1, 4))).shape == (1, 2)
