"""Levels of a pyramid: means of pixels, any size, the same rows as the source's."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from case import small_images
from scipy import stats

from ganapp.training.data.levels import LevelSource, down, mean_matrix, sides_of, spec_at_level
from ganapp.training.data.source import ArraySource


def source(height=5, width=8, examples=12, held_out=4):
    draw = np.random.default_rng(0)
    train, rest = (
        draw.integers(0, 256, (count, height, width, 2), np.uint8) for count in (examples, held_out)
    )
    import dataclasses

    spec = dataclasses.replace(small_images(examples, held_out, "ab"), shape=(height, width, 2))
    return ArraySource(spec, train, rest, np.arange(examples) % 2, np.arange(held_out) % 2)


def test_even_sides_are_means_of_blocks():
    images = np.random.default_rng(0).normal(size=(3, 4, 6, 2)).astype(np.float32)
    expected = images.reshape(3, 2, 2, 3, 2, 2).mean((2, 4))
    np.testing.assert_allclose(down(tf.constant(images), [(4, 6), (2, 3)]), expected, atol=1e-6)


def test_odd_sides_share_a_pixel():
    matrix = mean_matrix(2, 3)
    np.testing.assert_allclose(matrix, [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]], atol=1e-7)
    for size, given in ((3, 5), (4, 7), (1, 2), (14, 27)):
        np.testing.assert_allclose(mean_matrix(size, given).sum(1), 1, atol=1e-6)
        # Every given pixel counts as much: the mean of an image is that of its coarser one.
        np.testing.assert_allclose(mean_matrix(size, given).sum(0), size / given, atol=1e-6)


def test_sides():
    assert sides_of((28, 27, 1), 3) == [(28, 27), (14, 14), (7, 7), (4, 4)]
    with pytest.raises(ValueError, match="end before an image of one pixel"):
        sides_of((2, 2, 1), 2)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_rows_are_those_of_the_source_at_another_scale(level):
    whole, there = source(), LevelSource(source(), level, coarse=True)
    where = {"step": tf.constant(1, tf.int64), "first": tf.constant(2, tf.int64), "count": 3}
    real, found = (each.rows(**where, batch_size=6, seed=5) for each in (whole, there))
    sides = sides_of((5, 8, 2), level + 1)
    np.testing.assert_allclose(found["x"], down(real["x"], sides[: level + 1]), atol=1e-6)
    np.testing.assert_allclose(found["coarse"], down(real["x"], sides), atol=1e-6)
    np.testing.assert_array_equal(found["label"], real["label"])
    assert there.spec.shape == found["x"].shape[1:]
    assert there.spec.conditions == {"coarse": tuple(found["coarse"].shape[1:])}


def test_examples_and_observations_belong_together():
    there = LevelSource(source(), 1, coarse=True)
    images, labels = there.held_out_examples(3)
    assert images.dtype == np.uint8
    assert images.shape == (3, 3, 4, 2)
    np.testing.assert_array_equal(labels, [0, 1, 0])
    again = down(there.spec.to_model_units(images), [(3, 4), (2, 2)])
    # Apart by the rounding to levels alone.
    np.testing.assert_allclose(there.held_out_observations(3)["coarse"], again, atol=1 / 255)
    assert len(there.training_observations()["coarse"]) == 12


def test_noise_is_on_the_observation_in_training_alone():
    """Normal, of the deviation asked for, and each row's own whoever asks for the row."""
    clean, noisy = (
        LevelSource(source(28, 28, 256), 0, coarse=True, noise=noise) for noise in (0.0, 0.3)
    )

    def rows(of, step=3, first=0, count=256, seed=5):
        where = tf.constant(step, tf.int64), tf.constant(first, tf.int64)
        return of.rows(*where, count, batch_size=256, seed=seed)

    real, found = rows(clean), rows(noisy)
    np.testing.assert_array_equal(found["x"], real["x"])
    noise = (found["coarse"] - real["coarse"]).numpy().ravel()
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.3, rel=4 / np.sqrt(2 * noise.size))
    assert stats.kstest(noise / 0.3, "norm").pvalue > 1e-3
    part = rows(noisy, first=64, count=32)
    np.testing.assert_array_equal(part["coarse"], found["coarse"][64:96])
    for other in (rows(noisy, step=4), rows(noisy, seed=6)):
        again = (other["coarse"] - found["coarse"]).numpy()
        assert (np.abs(again).max(axis=(1, 2, 3)) > 0.1).all()
    for observe in ("held_out_observations", "training_observations"):
        given = getattr(noisy, observe)(4)["coarse"]
        np.testing.assert_array_equal(given, getattr(clean, observe)(4)["coarse"])


def test_the_coarsest_level_observes_nothing():
    there = LevelSource(source(), 2, coarse=False)
    assert there.spec.conditions == {}
    assert there.held_out_observations() == {}
    rows = there.rows(tf.constant(0, tf.int64), tf.constant(0, tf.int64), 2, batch_size=2, seed=0)
    assert set(rows) == {"x", "label"}


def test_only_images_have_levels():
    from ganapp.training.data import SOURCES

    with pytest.raises(ValueError, match=r"`data.level` is for images.*'ring'"):
        LevelSource(SOURCES["ring"](), 0, coarse=True)


def test_other_observations_are_not_forgotten_in_silence():
    spec = dataclasses.replace(source().spec, conditions={"frames": (5, 8, 4)})
    with pytest.raises(ValueError, match=r"without other observations. Received: 'frames'"):
        spec_at_level(spec, 1, coarse=False)
