"""Consistency under shifts and flips: the transform against numpy, the penalty by hand."""

import numpy as np
import pytest
import tensorflow as tf
from case import critic_of, rows
from extension_case import FixedDraws
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.terms import Consistency
from ganapp.training.terms.consistency import shifted

SHAPE = (4, 5, 2)


def by_numpy(image, down, right, largest):
    """Padded with reflection, then cropped."""
    pads = ((largest, largest), (largest, largest), (0, 0))
    height, width, _ = image.shape
    top, left = largest - down, largest - right
    return np.pad(image, pads, mode="reflect")[top : top + height, left : left + width]


@settings(max_examples=30, deadline=None)
@given(
    pixels=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_shifts_are_reflect_padding_and_cropping(pixels, seed):
    images = rows(len(pixels), SHAPE, seed)
    down, right = (tf.constant(list(axis), tf.int32) for axis in zip(*pixels, strict=True))
    moved = shifted(shifted(tf.constant(images), down, 1), right, 2).numpy()
    for image, result, (y, x) in zip(images, moved, pixels, strict=True):
        np.testing.assert_array_equal(result, by_numpy(image, y, x, 3))


def test_transform_mirrors_every_other_image_on_average():
    images, draw = rows(200, SHAPE), FixedDraws(200)
    result = Consistency(shift=0, flip=True).transform(tf.constant(images), draw).numpy()
    mirrored = draw.drawn[0] < 0.5
    assert 70 < mirrored.sum() < 130
    expected = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
    np.testing.assert_array_equal(result, expected)


def test_transform_does_both():
    images, draw = rows(20, SHAPE), FixedDraws(20)
    result = Consistency(shift=2, flip=True).transform(tf.constant(images), draw).numpy()
    flips, downs, rights = draw.drawn
    for i in range(20):
        image = images[i][:, ::-1] if flips[i] < 0.5 else images[i]
        down, right = (int(np.floor(u[i] * 5)) - 2 for u in (downs, rights))
        np.testing.assert_array_equal(result[i], by_numpy(image, down, right, 2))
    assert len({tuple(np.floor(u * 5)) for u in (downs, rights)}) == 2  # axes of their own


def value(term, score, real, fake, draw=None):
    """Of each pair of examples."""
    given = {"x": tf.constant(real)}, {"x": tf.constant(fake)}
    return term.per_example(critic_of(score), *given, draw or FixedDraws(len(real)))


def test_value_is_the_squared_change_of_the_score():
    """A linear critic: its change is that of the image, weighted."""
    penalty, draw = Consistency(shift=1, real_weight=2.0, fake_weight=3.0), FixedDraws(4)
    real, fake, slope = rows(4, SHAPE), rows(4, SHAPE, 1), rows(1, SHAPE, 2)[0]

    def score(x):
        return tf.reduce_sum(x * slope, axis=[1, 2, 3])[:, None]

    found = value(penalty, score, real, fake, draw)
    expected = np.zeros(4)
    for weight, images, draws in ((2.0, real, draw.drawn[:2]), (3.0, fake, draw.drawn[2:])):
        for i in range(4):
            down, right = (int(np.floor(u[i] * 3)) - 1 for u in draws)
            change = images[i] - by_numpy(images[i], down, right, 1)
            expected[i] += weight * np.sum(change.astype(np.float64) * slope) ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert expected.max() > 1e-2


def test_a_critic_that_cannot_tell_pays_nothing():
    """The mean over pixels is the same after a flip."""
    real, fake = (tf.constant(rows(4, SHAPE, seed)) for seed in (0, 1))
    found = value(
        Consistency(shift=0, flip=True),
        lambda x: tf.reduce_mean(x, axis=[1, 2, 3])[:, None],
        *(real, fake),
    )
    np.testing.assert_allclose(found, 0.0, atol=1e-10)


@pytest.mark.parametrize("scores", [(), (1,), (2, 3, 1)])
def test_scores_of_any_shape(scores):
    """Patch scores count by their mean, so that their number is no weight."""

    def score(x):
        return tf.ones((1, *scores)) * tf.reshape(x[:, 0, 0, 0], [-1] + [1] * len(scores))

    real, fake = (tf.constant(rows(4, SHAPE, seed)) for seed in (0, 1))
    found = value(Consistency(shift=1), score, real, fake)
    once = value(Consistency(shift=1), lambda x: x[:, 0, 0, :1], real, fake)
    np.testing.assert_allclose(found, once, rtol=1e-6)


def test_gradient_by_the_image_is_exact():
    """What other terms may ask for: the transform is linear, so its gradient is a constant."""
    images, draws = tf.constant(rows(3, SHAPE)), FixedDraws(3)
    with tf.GradientTape() as tape:
        tape.watch(images)
        moved = Consistency(shift=2, flip=True).transform(images, draws)
        value = tf.reduce_sum(moved**2)
    gradient = tape.gradient(value, images).numpy()
    # Each pixel's gradient is twice itself, as often as it was copied: never, once or twice.
    times = gradient / (2 * images.numpy())
    np.testing.assert_allclose(times, np.round(times), atol=1e-4)
    assert np.round(times).sum() == images.numpy().size


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"shift": -1}, r"`shift` must not be negative. Received: shift=-1"),
        ({"shift": 0}, r"`shift` must be at least 1, or `flip` true.*flip=False"),
        ({"real_weight": -1.0}, r"must not be negative.*real_weight=-1.0, fake_weight=10.0"),
        ({"fake_weight": -1.0}, r"must not be negative.*real_weight=10.0, fake_weight=-1.0"),
    ],
)
def test_impossible_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Consistency(**options)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2,), r"`consistency` shifts images.*Received: examples of shape \(2,\)"),
        ((4, 5, 1), r"`shift` must be less than the shorter side.*shift=4 for images of 4 x 5"),
    ],
)
def test_examples_that_cannot_be_shifted_are_refused(shape, sentence):
    x = {"x": tf.zeros((3, *shape))}
    with pytest.raises(ValueError, match=sentence):
        Consistency().per_example(critic_of(lambda x: x), x, x, FixedDraws(3))
