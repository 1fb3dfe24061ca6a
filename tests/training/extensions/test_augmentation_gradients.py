"""Gradients through augmentations, first and second order, against finite differences.

A gradient penalty on an augmented discriminator needs both; bilinear resizing, for one, gives
wrong second-order gradients without a word.
"""

import numpy as np
import pytest
import tensorflow as tf
from case import numeric_gradient
from extension_case import STEP, Numbers

from ganapp.training.augmentations import AdaptiveAugment, DiffAugment, InstanceNoise
from ganapp.training.augmentations.adaptive_augment import GEOMETRIC, PIXELWISE

ADAPTIVE = {"initial_probability": 1.0, "maximum": 1.0}
# All changes at once, and those that a grey image has nothing to show of.
MEMBERS = {
    "instance_noise": InstanceNoise(),
    "diff_augment": DiffAugment(translation_ratio=0.5),
    "diff_colour": DiffAugment(policy=("colour",)),
    "adaptive_augment": AdaptiveAugment(policy=(*GEOMETRIC, *PIXELWISE), **ADAPTIVE),
    "ada_colour": AdaptiveAugment(policy=("colour",), **ADAPTIVE),
}


def functions(member, shape):
    """A curved, augmented discriminator in float64 and where it is looked at.

    Returns:
        The variables (images, kernel), how far to go in a random direction of each, and by name
        the sum of the scores and the gradient penalty there.
    """
    draws = np.random.default_rng(0)
    size = int(np.prod(shape))
    starts = draws.normal(size=(2, *shape)), draws.normal(size=(size, 3)) / np.sqrt(size)
    variables = [tf.Variable(start) for start in starts]
    directions = [tf.constant(draws.normal(size=start.shape)) for start in starts]
    distances = [tf.Variable(np.zeros(1)) for _ in starts]
    state = member.make_state(None, None)

    def place():
        lines = zip(variables, distances, directions, strict=True)
        return [start + distance * direction for start, distance, direction in lines]

    def scores(images, kernel):
        seen = member.augment(images, Numbers(2, seed=3), STEP, state)
        return tf.reduce_sum(tf.tanh(tf.reshape(seen, (2, -1)) @ kernel) ** 2, axis=1)

    def total():
        return tf.reduce_sum(scores(*place()))

    def penalty():
        images, kernel = place()
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = scores(images, kernel)
        return tf.reduce_sum(tape.gradient(value, images) ** 2)

    # Eagerly: ten values of each take less time than tracing them.
    values = {"scores": total, "penalty": penalty}
    return variables, list(zip(distances, directions, strict=True)), values


@pytest.mark.parametrize("name", MEMBERS)
def test_gradients(name):
    shape = (4, 4, 1) if name.endswith("augment") else (3, 3, 3)
    variables, lines, values = functions(MEMBERS[name], shape)
    for function in values.values():
        with tf.GradientTape() as tape:
            value = function()
        gradients = tape.gradient(value, variables, unconnected_gradients="zero")
        for gradient, (distance, direction) in zip(gradients, lines, strict=True):
            slope = np.sum(tf.convert_to_tensor(gradient).numpy() * direction.numpy())
            expected = numeric_gradient(function, distance)
            np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-8)
            assert abs(slope) > 1e-4


def test_cut_and_moved_pixels_have_no_gradient():
    images = tf.Variable(np.ones((1, 4, 4, 1)))
    half = DiffAugment(policy=("cutout",))
    with tf.GradientTape() as tape:
        seen = half.augment(images, lambda: tf.constant([0.5]), STEP, None)
        value = tf.reduce_sum(seen)
    expected = np.ones((4, 4))
    expected[1:3, 1:3] = 0
    np.testing.assert_array_equal(tape.gradient(value, images)[0, :, :, 0], expected)
