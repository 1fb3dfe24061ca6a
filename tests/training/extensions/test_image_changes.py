"""Changes of single images against numpy and scipy."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from extension_case import normal_rows
from scipy.spatial.transform import Rotation

from ganapp.training.augmentations import pictures

SHAPE = (5, 7, 3)
IMAGES = normal_rows(4, *SHAPE)
FACTORS = tf.constant([0.0, 1.0, 0.5, 2.0])


def moved(image, row, column):
    """`image` shifted in numpy: pixel by pixel."""
    result = np.zeros_like(image)
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            if 0 <= r - row < image.shape[0] and 0 <= c - column < image.shape[1]:
                result[r, c] = image[r - row, c - column]
    return result


def test_shifts():
    rows, columns = [0, 2, -3, 9], [0, -1, 6, 0]
    result = pictures.shifted(tf.constant(IMAGES), tf.constant(rows), tf.constant(columns))
    for place in range(4):
        expected = moved(IMAGES[place], rows[place], columns[place])
        np.testing.assert_array_equal(result[place], expected)
    assert not np.any(result[3])  # moved out altogether


def test_reading_at_other_places_against_scipy():
    matrix = np.eye(3) + 0.6 * np.random.default_rng(0).normal(size=(4, 3, 3))
    matrix[:, :2, 2] *= 8  # far beyond the borders
    matrix[:, 2] = [0, 0, 1]
    result = pictures.resampled(tf.constant(IMAGES), tf.constant(matrix, tf.float32))
    centre = (np.array(SHAPE[:2]) - 1) / 2
    grid = np.stack(np.meshgrid(range(5), range(7), indexing="ij")) - centre[:, None, None]
    for place in range(4):
        linear, offset = matrix[place, :2, :2], matrix[place, :2, 2]
        source = np.einsum("ij,jrc->irc", linear, grid) + (offset + centre)[:, None, None]
        for channel in range(3):
            expected = scipy.ndimage.map_coordinates(
                IMAGES[place, :, :, channel], source, order=1, mode="mirror"
            )
            np.testing.assert_allclose(result[place, :, :, channel], expected, atol=1e-4)


@pytest.mark.parametrize("shape", [(5, 7, 3), (4, 4, 1), (1, 6, 2), (6, 1, 2), (1, 1, 1)])
def test_whole_pixels_are_copied_exactly(shape):
    images = normal_rows(2, *shape)
    identity = tf.eye(3, batch_shape=[2])
    np.testing.assert_array_equal(pictures.resampled(tf.constant(images), identity), images)
    mirror = tf.constant([[[1.0, 0, 0], [0, -1, 0], [0, 0, 1]]] * 2)
    expected = images[:, :, ::-1]
    np.testing.assert_array_equal(pictures.resampled(tf.constant(images), mirror), expected)


def test_contrast_keeps_the_mean_of_each_image():
    result = pictures.contrasted(tf.constant(IMAGES), FACTORS).numpy()
    np.testing.assert_allclose(result.mean((1, 2, 3)), IMAGES.mean((1, 2, 3)), atol=1e-6)
    np.testing.assert_allclose(result.std((1, 2, 3)), IMAGES.std((1, 2, 3)) * FACTORS, atol=1e-5)
    np.testing.assert_allclose(result[1], IMAGES[1], atol=1e-6)


def test_saturation_keeps_the_grey_of_each_pixel():
    result = pictures.saturated(tf.constant(IMAGES), FACTORS).numpy()
    np.testing.assert_allclose(result.mean(3), IMAGES.mean(3), atol=1e-6)
    np.testing.assert_allclose(result.std(3), IMAGES.std(3) * FACTORS[:, None, None], atol=1e-5)


def test_hue_is_a_rotation_about_grey():
    angles = np.float32([0.0, 1.0, -2.0, np.pi])
    result = pictures.hue_turned(tf.constant(IMAGES), tf.constant(angles))
    for place, angle in enumerate(angles):
        rotation = Rotation.from_rotvec(angle * np.ones(3) / np.sqrt(3))
        expected = rotation.apply(IMAGES[place].reshape(-1, 3)).reshape(SHAPE)
        np.testing.assert_allclose(result[place], expected, atol=1e-5)


def test_a_third_of_a_turn_exchanges_the_colours():
    result = pictures.hue_turned(tf.constant(IMAGES), tf.fill([4], 2 * np.pi / 3))
    np.testing.assert_allclose(result, np.roll(IMAGES, 1, axis=3), atol=1e-5)


def test_luma_mirror_negates_grey_and_keeps_colour():
    result = pictures.luma_mirrored(tf.constant(IMAGES), tf.constant([0.0, 1, 1, 0])).numpy()
    grey = IMAGES.mean(3, keepdims=True)
    np.testing.assert_array_equal(result[0], IMAGES[0])
    np.testing.assert_allclose(result[1:3].mean(3), -grey[1:3, ..., 0], atol=1e-6)
    np.testing.assert_allclose(result - result.mean(3, keepdims=True), IMAGES - grey, atol=1e-6)


def test_box():
    rows, columns = tf.constant([0, -1, 4, 9]), tf.constant([0, 5, 6, 0])
    result = pictures.outside_box(tf.constant(IMAGES), rows, columns, (2, 3))
    expected = np.ones((4, 5, 7, 1))
    expected[0, 0:2, 0:3] = 0
    expected[1, 0:1, 5:7] = 0
    expected[2, 4:5, 6:7] = 0
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("size", "ratio", "expected"), [(8, 0.125, 1), (28, 0.125, 4), (5, 0.5, 3), (4, 0.1, 0)]
)
def test_a_part_is_rounded_half_up(size, ratio, expected):
    assert pictures.part(size, ratio) == expected
