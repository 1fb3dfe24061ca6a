"""Sprites: every level of every factor shows, and nothing else differs."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.data import SOURCES
from ganapp.training.data.sprites import LEVELS, SHAPES, draw_sprites

MIDDLE = {"shape": 0, "size": 2, "angle": 3, "across": 4, "down": 4}


def sprite(side=32, **factors):
    chosen = {name: tf.constant([each]) for name, each in (MIDDLE | factors).items()}
    return draw_sprites(chosen, side).numpy()[0, ..., 0].astype(float)


def moments(picture):
    """Area in pixels, middle (row, column), and the two variances along the axes."""
    weight, places = picture / 255, np.arange(len(picture)) + 0.5
    area = weight.sum()
    middle = np.array([(weight.sum(1) @ places), (weight.sum(0) @ places)]) / area
    return area, middle


def test_areas_are_those_of_the_shapes():
    half = 0.22 * 64
    found = [moments(sprite(64, shape=each, size=3))[0] for each in range(3)]
    square, ellipse, triangle = (
        4 * half**2,
        np.pi / 1.8 * half**2,
        3 * np.sqrt(3) * (0.7 * half) ** 2,
    )
    np.testing.assert_allclose(found, [square, ellipse, triangle], rtol=0.03)


@pytest.mark.parametrize("shape", range(3))
@pytest.mark.parametrize("side", [12, 16, 32])
def test_every_level_shows_and_no_sprite_is_cut(shape, side):
    for name, count in LEVELS.items():
        if name == "shape":
            continue
        pictures = [sprite(side, **({"shape": shape} | {name: each})) for each in range(count)]
        apart = [np.abs(a - b).max() for a, b in itertools.pairwise(pictures)]
        assert min(apart) > 10, name
    for corner in ({"across": 0, "down": 0}, {"across": 7, "down": 7}):
        for angle in range(LEVELS["angle"]):
            picture = sprite(side, shape=shape, size=3, angle=angle, **corner)
            whole = sprite(side, shape=shape, size=3, angle=angle)
            assert picture.sum() == pytest.approx(whole.sum(), rel=0.04)


def test_places_are_where_they_are_said_to_be():
    for level, expected in ((0, -0.17), (7, 0.17)):
        _, middle = moments(sprite(64, across=level, down=4))
        assert middle[1] / 64 - 0.5 == pytest.approx(expected, abs=0.005)
        _, middle = moments(sprite(64, across=4, down=level))
        assert middle[0] / 64 - 0.5 == pytest.approx(expected, abs=0.005)


def test_a_source_gives_its_factors_and_the_shape_as_label():
    source = SOURCES["sprites"](size=16)
    examples, labels = source.held_out_examples(200)
    factors = source.held_out_factors(200)
    assert examples.shape == (200, 16, 16, 1)
    assert source.spec.classes == SHAPES
    np.testing.assert_array_equal(factors["shape"], labels)
    tensors = {name: tf.constant(each) for name, each in factors.items()}
    np.testing.assert_array_equal(draw_sprites(tensors, 16), examples)
    for name, each in source.held_out_factors().items():
        counts = np.bincount(each, minlength=LEVELS[name])
        assert len(counts) == LEVELS[name]
        assert counts.min() > 0.8 * len(each) / LEVELS[name]
    assert (source.training_examples(200)[0] != examples).any()


def test_a_slice_of_a_batch_is_the_same_whoever_asks():
    source = SOURCES["sprites"](size=12)
    step = tf.constant(3, tf.int64)
    whole = source.rows(step, tf.constant(0, tf.int64), 8, batch_size=8, seed=1)
    part = source.rows(step, tf.constant(4, tf.int64), 4, batch_size=8, seed=1)
    np.testing.assert_array_equal(whole["x"][4:], part["x"])
    np.testing.assert_array_equal(whole["label"][4:], part["label"])
