"""A Laplacian pyramid: exact for any size, and its levels as one generator."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import rows

from ganapp.models.layers.resampling import LinearResizing, linear_matrix
from ganapp.models.networks import GENERATORS
from ganapp.models.networks.pyramid import composed
from ganapp.models.stages import stages
from ganapp.training.data.levels import down, sides_of


@pytest.mark.parametrize("sides", [(8, 8), (28, 28), (27, 13), (5, 1), (3, 7)])
def test_the_pyramid_is_exact_for_any_size(sides):
    """I_k = u(d(I_k)) + h_k: what the levels are to paint puts the image together again."""
    images = tf.constant(rows(4, (*sides, 3)))
    levels = sides_of(sides, 2)
    pyramid = [images]
    for place in (0, 1):
        pyramid.append(down(pyramid[-1], levels[place : place + 2]))
    details = [
        image - LinearResizing(*side)(coarser)
        for image, coarser, side in zip(pyramid, pyramid[1:], levels, strict=False)
    ]
    made = pyramid[-1]
    for detail, side in zip(reversed(details), reversed(levels[:-1]), strict=True):
        made = LinearResizing(*side)(made) + detail
    np.testing.assert_allclose(made, images, atol=1e-6)


@pytest.mark.parametrize(("given", "size"), [((4, 4), (8, 8)), ((3, 5), (5, 9)), ((6, 4), (3, 3))])
def test_resizing_is_that_of_keras(given, size):
    images = tf.constant(rows(2, (*given, 3)))
    expected = keras.layers.Resizing(*size)(images)
    for training in (True, False):
        found = LinearResizing(*size)(images, training=training)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_have_the_sum_one():
    for size, given in ((8, 4), (27, 14), (1, 1), (3, 1), (2, 7)):
        np.testing.assert_allclose(linear_matrix(size, given).sum(1), 1, atol=1e-6)


def test_a_penalty_through_resizing_has_its_second_order_gradient():
    """d/dw |d/dx sum(w resize(x)^2)|^2 against finite differences."""
    resize = LinearResizing(4, 4)
    x = tf.constant(rows(1, (2, 2, 1)))

    def penalty(weight):
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.reduce_sum(weight * resize(x, training=True) ** 2)
        return tf.reduce_sum(tape.gradient(score, x) ** 2)

    weight = tf.constant(0.7)
    with tf.GradientTape() as tape:
        tape.watch(weight)
        value = penalty(weight)
    numeric = (penalty(weight + 1e-2) - penalty(weight - 1e-2)) / 2e-2
    np.testing.assert_allclose(tape.gradient(value, weight), numeric, rtol=1e-3)
    # Also by x, where TensorFlow's own bilinear resizing is wrong: the penalty is 4th order.
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = penalty(weight)
    np.testing.assert_allclose(tf.reduce_sum(tape.gradient(value, x) * x), 2 * value, rtol=1e-4)


def level(name, sides, observes=None, classes=0):
    inputs = {"z": keras.Input((3,), name="z")}
    parts = [keras.layers.Dense(sides[0] * sides[1])(inputs["z"])]
    if classes:
        inputs["label"] = keras.Input((classes,), name="label")
        parts.append(keras.layers.Dense(sides[0] * sides[1])(inputs["label"]))
    x = keras.layers.Add()(parts) if len(parts) > 1 else parts[0]
    x = keras.layers.Reshape((*sides, 1))(x)
    if observes:
        inputs["coarse"] = keras.Input((*observes, 1), name="coarse")
        x = keras.layers.Add()([x, LinearResizing(*sides)(inputs["coarse"])])
    return keras.Model(inputs if len(inputs) > 1 else inputs["z"], x, name=name)


@pytest.mark.parametrize("classes", [0, 3])
def test_levels_paint_upon_each_other(classes):
    coarse = level("coarse", (2, 2), classes=classes)
    fine = level("fine", (4, 3), observes=(2, 2))
    whole = composed([fine, coarse])
    given = {"z_0": rows(5, (3,)), "z_1": rows(5, (3,), seed=1)}
    label = {"label": rows(5, (3,), seed=2)} if classes else {}
    first = coarse({"z": given["z_1"]} | label if classes else given["z_1"])
    expected = fine({"z": tf.constant(given["z_0"]), "coarse": first})
    np.testing.assert_allclose(whole(given | label), expected, atol=1e-6)
    made = stages(whole)(given | label)
    np.testing.assert_allclose(made["stage_1"], first, atol=1e-6)
    np.testing.assert_allclose(made["stage_2"], expected, atol=1e-6)
    assert whole.count_params() == fine.count_params() + coarse.count_params()


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet", "style", "recurrent"])
def test_every_family_paints_upon_an_observation(family):
    """With a last layer of zeros what comes out is the observation, resized."""
    inputs = {"z": (3,), "coarse": (3, 2, 2)}
    network = GENERATORS[family](inputs, (6, 4, 2), residual="coarse")
    coarse = tf.constant(3 * rows(2, (3, 2, 2)))  # beyond [-1, 1]: nothing bounds the sum
    given = {"z": tf.constant(rows(2, (3,))), "coarse": coarse}
    assert np.abs(network(given) - LinearResizing(6, 4)(coarse)).max() > 1e-3
    last = [x for x in network.layers if x.weights and "class" not in x.name][-1]
    for layer in network.layers:
        to_image = layer.name == "increment" or not getattr(layer, "demodulate", True)
        if layer is last or to_image:
            layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    np.testing.assert_allclose(network(given), LinearResizing(6, 4)(coarse), atol=1e-6)


def test_a_frame_is_made_upon_the_last_one():
    network = GENERATORS["dcgan"]({"z": (3,), "frames": (8, 8, 4)}, (8, 8, 1), residual="frames")
    given = {"z": tf.constant(rows(1, (3,))), "frames": tf.constant(rows(1, (8, 8, 4)))}
    (last,) = [x for x in network.layers if getattr(x, "filters", 0) == 1]
    last.set_weights([np.zeros_like(w) for w in last.get_weights()])
    np.testing.assert_allclose(network(given), given["frames"][..., -1:], atol=1e-6)


@pytest.mark.parametrize("residual", ["z", "other"])
def test_only_an_image_is_painted_upon(residual):
    with pytest.raises(ValueError, match=r"`generator.residual` must be.*there are: coarse"):
        GENERATORS["dcgan"]({"z": (3,), "coarse": (2, 2, 1)}, (4, 4, 1), residual=residual)
