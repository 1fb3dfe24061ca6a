"""Differentiable augmentation: each policy against numpy, from the same draws."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from extension_case import STEP, Numbers, normal_rows, on_two_replicas, script

from ganapp.training.augmentations import DiffAugment


def augmented(images, draw, *policy, **options):
    member = DiffAugment(policy=policy, **options)
    return member.augment(tf.constant(images), draw, STEP, None).numpy()


def contrasted(image, factor):
    return image.mean() + (image - image.mean()) * factor


def test_colour_of_three_channels():
    images = normal_rows(2, 3, 4, 3)
    brightness, saturation, contrast = [0.1, 0.9], [0.25, 0.75], [0.0, 0.5]
    result = augmented(images, script(brightness, saturation, contrast), "colour")
    for place in range(2):
        expected = images[place] + brightness[place] - 0.5
        grey = expected.mean(-1, keepdims=True)
        expected = grey + (expected - grey) * 2 * saturation[place]
        expected = contrasted(expected, contrast[place] + 0.5)
        np.testing.assert_allclose(result[place], expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_colour_of_other_channels_has_no_saturation(channels):
    images = normal_rows(2, 3, 4, channels)
    result = augmented(images, script([0.1, 0.9], [0.0, 0.5]), "colour")
    np.testing.assert_allclose(result[0], contrasted(images[0] - 0.4, 0.5), atol=1e-5)
    np.testing.assert_allclose(result[1], images[1] + 0.4, atol=1e-5)


def test_translation():
    images = normal_rows(3, 8, 16, 2)  # at most 1 row and 2 columns
    result = augmented(images, script([0.0, 0.5, 0.99], [0.99, 0.5, 0.0]), "translation")
    expected = np.zeros_like(images)
    expected[0, :-1, 2:] = images[0, 1:, :-2]  # up by 1, right by 2
    expected[1] = images[1]
    expected[2, 1:, :-2] = images[2, :-1, 2:]
    np.testing.assert_array_equal(result, expected)


def test_every_translation_is_equally_likely():
    # One bright pixel in the middle says where the image went.
    image = np.zeros((8, 8, 1), np.float32)
    image[4, 4] = 1
    images = np.tile(image, (5000, 1, 1, 1))
    result = augmented(images, Numbers(5000), "translation", translation_ratio=0.25)
    total = result.sum(0)[:, :, 0]
    assert np.count_nonzero(total) == 25
    assert scipy.stats.chisquare(total[2:7, 2:7].ravel()).pvalue > 1e-3


def test_cutout():
    images = 1 + normal_rows(3, 4, 6, 2) ** 2  # nothing is 0 by itself
    result = augmented(images, script([0.0, 0.5, 0.99], [0.0, 0.5, 0.99]), "cutout")
    # A box of 2 x 3 pixels; its middle from -0.5 to 3.5 and from 0 to 5.
    expected = images.copy()
    expected[0, 0:1, 0:2] = 0
    expected[1, 1:3, 2:5] = 0
    expected[2, 3:4, 4:6] = 0
    np.testing.assert_array_equal(result, expected)


def test_every_policy_acts_in_order():
    images = normal_rows(2, 8, 8, 1)
    # A shift by one pixel brings in zeros, which brightness changes only if it comes after.
    shift, colours = ([0.99] * 2, [0.5] * 2), ([1.0] * 2, [0.5] * 2)
    first = augmented(images, script(*shift, *colours), "translation", "colour")
    second = augmented(images, script(*colours, *shift), "colour", "translation")
    np.testing.assert_allclose(first[:, 0], 0.5)
    np.testing.assert_array_equal(second[:, 0], 0.0)


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3), (1, 9, 2), (16, 4, 6)])
def test_each_image_and_each_call_is_changed_in_its_own_way(shape):
    images = np.tile(normal_rows(1, *shape), (6, 1, 1, 1))
    draw, member = Numbers(6), DiffAugment()
    results = [member.augment(tf.constant(images), draw, STEP, None).numpy() for _ in range(2)]
    different = np.unique(np.concatenate(results).reshape(12, -1), axis=0)
    assert len(different) == 12
    assert results[0].shape == images.shape


@pytest.mark.parametrize(
    ("field", "policy"), [("translation_ratio", "translation"), ("cutout_ratio", "cutout")]
)
def test_ratio_zero_changes_nothing(field, policy):
    images = normal_rows(3, 8, 8, 1)
    np.testing.assert_array_equal(augmented(images, Numbers(3), policy, **{field: 0.0}), images)


def test_two_replicas_augment_as_one(two_replicas):
    images = normal_rows(6, 8, 8, 3)
    expected = DiffAugment().augment(tf.constant(images), Numbers(6), STEP, None)
    halves = on_two_replicas(
        two_replicas, lambda x: DiffAugment().augment(x, Numbers(3), STEP, None), images
    )
    np.testing.assert_allclose(np.concatenate(halves), expected, atol=1e-6)
