"""ADA's augmentations: each against numpy or scipy, from the same draws."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import tensorflow as tf
from extension_case import Numbers, normal_rows, script

from ganapp.training.augmentations.adaptive_augment import GEOMETRIC, PIXELWISE, augmented

EVERYTHING = (*GEOMETRIC, *PIXELWISE)
ONE_SIGMA = scipy.stats.norm.cdf(1.0)
NEVER, SURE, MIDDLE = 0.9, 0.0, 0.5  # uniform numbers: not chosen, chosen, neutral value


def result(images, draw, *policy, probability=0.8):
    return augmented(tf.constant(images), draw, tf.constant(probability), policy).numpy()


@pytest.mark.parametrize("shape", [(6, 6, 3), (5, 5, 1), (4, 4, 2)])
def test_probability_zero_leaves_every_pixel(shape):
    images = normal_rows(4, *shape)
    draw = Numbers(4)
    np.testing.assert_array_equal(result(images, draw, *EVERYTHING, probability=0.0), images)
    assert draw.calls > 10  # everything was asked


@pytest.mark.parametrize("name", EVERYTHING)
def test_the_share_of_changed_images(name):
    images = np.tile(normal_rows(1, 6, 6, 1), (4000, 1, 1, 1))
    changed = result(images, Numbers(4000), name, probability=0.5) != images
    share = changed.any((1, 2, 3)).mean()
    # Of the chosen ones some stay: half the flips, a quarter of the turns, a ninth of the shifts
    # (by -1, 0 or 1 pixel, of which 0 has a third: 0.125 * 6 = 0.75).
    parts = {"flip": 0.5, "quarter_turn": 0.75, "translation": 1 - (2 / 3) ** 2}
    # Four and two independent choices.
    several = {"geometry": 1 - 0.5**4, "colour": 1 - 0.5**2}
    expected = several.get(name, 0.5 * parts.get(name, 1.0))
    assert abs(share - expected) < 4 * np.sqrt(0.25 / 4000)


def test_flip():
    images = normal_rows(3, 4, 5, 2)
    draws = script([[SURE, 0.2], [SURE, 0.7], [NEVER, 0.7]])
    expected = [images[0], images[1][:, ::-1], images[2]]
    np.testing.assert_array_equal(result(images, draws, "flip"), expected)


def test_quarter_turns_of_square_images():
    images = normal_rows(5, 5, 5, 2)
    draws = script([[SURE, 0.0], [SURE, 0.3], [SURE, 0.6], [SURE, 0.9], [NEVER, 0.9]])
    turned = result(images, draws, "quarter_turn")
    turns = [
        next(k for k in range(4) if np.array_equal(turned[place], np.rot90(images[place], k)))
        for place in range(5)
    ]
    assert turns[0] == turns[4] == 0
    assert turns[2] == 2
    assert sorted((turns[1], turns[3])) == [1, 3]


def test_quarter_turns_need_square_images():
    with pytest.raises(ValueError, match=r"`policy`.*square.*shape=\(4, 5\)"):
        result(normal_rows(2, 4, 5, 1), Numbers(2), "quarter_turn")


def test_translation_by_whole_pixels_reflects_at_the_border():
    images = normal_rows(2, 8, 16, 1)
    draws = script([[SURE, 1.0 - 1e-6, 0.0], [NEVER, 0.9, 0.9]])
    moved = result(images, draws, "translation")
    wide = np.pad(images[0], [(1, 1), (2, 2), (0, 0)], mode="reflect")
    np.testing.assert_array_equal(moved[0], wide[2:10, 0:16])  # read one down and two left
    np.testing.assert_array_equal(moved[1], images[1])


def neutral_geometry(**changes):
    """Draws of one image for the five parts of the geometry: (chosen, values...)."""
    names = ("scale", "before", "stretch", "after", "shift")
    values = {name: [[NEVER] + [MIDDLE] * (2 if name == "shift" else 1)] for name in names}
    return script(*(values | {k: [v] for k, v in changes.items()}).values())


def read_at(image, linear, offset=(0, 0)):
    """`image` `(h, w, 1)` read at linear @ (place - centre) + centre + offset."""
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = centre - linear @ centre + offset
    return scipy.ndimage.affine_transform(
        image[:, :, 0], linear, offset=offset, order=1, mode="mirror"
    )[..., None]


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


FACTOR = 2**0.2  # one standard deviation


@pytest.mark.parametrize(
    ("changes", "linear", "offset"),
    [
        ({}, np.eye(2), (0, 0)),
        ({"scale": [SURE, ONE_SIGMA]}, np.eye(2) / FACTOR, (0, 0)),
        ({"before": [SURE, 0.6]}, rotation(0.2 * np.pi), (0, 0)),
        ({"after": [SURE, 0.6]}, rotation(0.2 * np.pi), (0, 0)),
        ({"stretch": [SURE, ONE_SIGMA]}, np.diag([FACTOR, 1 / FACTOR]), (0, 0)),
        ({"shift": [SURE, ONE_SIGMA, MIDDLE]}, np.eye(2), (0.125 * 6, 0)),
        ({"shift": [SURE, MIDDLE, ONE_SIGMA]}, np.eye(2), (0, 0.125 * 9)),
        (
            {"scale": [SURE, ONE_SIGMA], "before": [SURE, 0.6], "stretch": [SURE, ONE_SIGMA]},
            np.eye(2) / FACTOR @ rotation(0.2 * np.pi) @ np.diag([FACTOR, 1 / FACTOR]),
            (0, 0),
        ),
    ],
)
def test_geometry(changes, linear, offset):
    image = normal_rows(1, 6, 9, 1)
    moved = result(image, neutral_geometry(**changes), "geometry")[0]
    np.testing.assert_allclose(moved, read_at(image[0], linear, offset), atol=1e-4)


@pytest.mark.parametrize(("chosen", "turned"), [(0.49, True), (0.51, False)])
def test_one_of_two_rotations_is_chosen_with_the_probability(chosen, turned):
    # 1 - sqrt(1 - 0.75) = 0.5 for each, so that 0.75 of all images are rotated at all.
    image = normal_rows(1, 6, 6, 1)
    draws = neutral_geometry(before=[chosen, 0.6])
    moved = result(image, draws, "geometry", probability=0.75)
    assert np.allclose(moved, image, atol=1e-4) is not turned


def test_colour_of_one_channel():
    image = normal_rows(1, 3, 4, 1)
    changed = result(image, script([[SURE, ONE_SIGMA]], [[SURE, ONE_SIGMA]]), "colour")
    np.testing.assert_allclose(changed, (image + 0.2) * 2**0.5, rtol=1e-4, atol=1e-5)


def test_colour_of_three_channels():
    image = normal_rows(1, 3, 4, 3)
    unchanged = [[NEVER, 0.7]]
    saturation = result(image, script(*[unchanged] * 4, [[SURE, ONE_SIGMA]]), "colour")
    grey = image.mean(-1, keepdims=True)
    np.testing.assert_allclose(saturation, grey + 2 * (image - grey), rtol=1e-4, atol=1e-5)
    third = [[SURE, 0.5 + 1 / 3]]
    hue = result(image, script(*[unchanged] * 3, third, unchanged), "colour")
    np.testing.assert_allclose(hue, np.roll(image, 1, axis=3), atol=1e-5)
    flips = script(*[unchanged] * 2, [[SURE, 0.5]], *[unchanged] * 2)
    np.testing.assert_allclose(result(image, flips, "colour"), image - 2 * grey, atol=1e-5)


def test_noise():
    images, uniform = normal_rows(2, 3, 4, 1), np.random.default_rng(0).random((2, 3, 4, 1))
    draws = script([[SURE, 1 - ONE_SIGMA], [NEVER, ONE_SIGMA]], uniform)  # |-1| sigma
    expected = images[0] + 0.1 * scipy.stats.norm.ppf(uniform[0])
    changed = result(images, draws, "noise")
    np.testing.assert_allclose(changed[0], expected, atol=1e-4)
    np.testing.assert_array_equal(changed[1], images[1])


def test_cutout():
    images = 1 + normal_rows(2, 4, 6, 1) ** 2
    changed = result(images, script([[SURE, 0.5, 0.5], [NEVER, 0.5, 0.5]]), "cutout")
    expected = images.copy()
    expected[0, 1:3, 2:5] = 0
    np.testing.assert_array_equal(changed, expected)


def test_all_moves_are_read_in_one_go():
    """Two bilinear readings would blur twice; the moves' product is exact for whole pixels."""
    image = normal_rows(1, 7, 7, 1)
    draws = script([[SURE, 0.9]], [[SURE, 0.6]], [[SURE, 1.0 - 1e-6, 0.5]])
    both = result(image, draws, "translation", "quarter_turn", "flip")
    # Read in the order flip, half turn, translation: the result's place is moved first.
    expected = np.rot90(image[0][:, ::-1], 2)
    expected = np.pad(expected, [(1, 1), (0, 0), (0, 0)], mode="reflect")[2:9]
    np.testing.assert_array_equal(both[0], expected)
