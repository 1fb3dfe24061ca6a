"""Differences between a generated example and the row's own, at one scale and at several."""

import numpy as np
import pytest
import tensorflow as tf
from case import numeric_gradient
from extension_case import normal_rows

from ganapp.training.terms import GradientDifference, Reconstruction
from ganapp.training.terms.reconstruction import averaged_down


def each(term, real, fake, **scales):
    made = {"x": fake} | {f"x_{name}": value for name, value in scales.items()}
    return np.asarray(term.generator_term(None, {"x": tf.constant(real)}, made, None))


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("shape", [(3,), (4, 6, 2), (2, 4, 6, 1)], ids=str)
def test_reconstruction_is_the_mean_of_a_power(power, shape):
    real, fake = normal_rows(5, *shape), normal_rows(5, *shape, seed=1)
    expected = (np.abs(real - fake) ** power).reshape(5, -1).mean(1)
    np.testing.assert_allclose(each(Reconstruction(power=power), real, fake), expected, rtol=1e-5)


def test_scales_are_compared_with_means_of_blocks():
    real, fake = normal_rows(3, 4, 6, 2), normal_rows(3, 4, 6, 2, seed=1)
    coarse = normal_rows(3, 2, 3, 2, seed=2)
    blocks = real.reshape(3, 2, 2, 3, 2, 2).mean((2, 4))
    np.testing.assert_allclose(averaged_down(tf.constant(real), (2, 3)), blocks, rtol=1e-5)
    expected = ((real - fake) ** 2).mean((1, 2, 3)) + ((blocks - coarse) ** 2).mean((1, 2, 3))
    found = each(Reconstruction(), real, fake, half=tf.constant(coarse))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_clip_keeps_its_frames_at_a_coarser_scale():
    clip = normal_rows(2, 3, 4, 4, 1)
    expected = clip.reshape(2, 3, 2, 2, 2, 2, 1).mean((3, 5))
    np.testing.assert_allclose(averaged_down(tf.constant(clip), (2, 2)), expected, rtol=1e-5)


def test_a_scale_must_divide_the_sides():
    with pytest.raises(ValueError, match=r"or divide them.*3 x 2 of 4 x 4"):
        averaged_down(tf.zeros((1, 4, 4, 1)), (3, 2))


def by_loops(real, fake, alpha):
    """The paper's sum, pixel by pixel, as a mean of each direction."""
    rows, columns = real.shape[1:3]
    down = [
        np.abs(np.abs(real[:, i] - real[:, i - 1]) - np.abs(fake[:, i] - fake[:, i - 1])) ** alpha
        for i in range(1, rows)
    ]
    across = [
        np.abs(
            np.abs(real[:, :, j] - real[:, :, j - 1]) - np.abs(fake[:, :, j] - fake[:, :, j - 1])
        )
        ** alpha
        for j in range(1, columns)
    ]
    return np.mean(down, axis=(0, 2, 3)) + np.mean(across, axis=(0, 2, 3))


@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_gradient_difference_golden(alpha):
    real, fake = normal_rows(4, 3, 5, 2), normal_rows(4, 3, 5, 2, seed=1)
    found = each(GradientDifference(alpha=alpha), real, fake)
    np.testing.assert_allclose(found, by_loops(real, fake, alpha), rtol=1e-4)


def test_gradient_difference_knows_edges_and_not_levels():
    real = normal_rows(2, 4, 4, 1)
    np.testing.assert_allclose(each(GradientDifference(), real, real + 0.3), 0, atol=1e-6)
    np.testing.assert_allclose(each(GradientDifference(), real, -real), 0, atol=1e-6)
    step = np.zeros((1, 4, 4, 1), np.float32)
    step[:, 2:] = 1.0  # one edge of four pixels among twelve differences down
    assert each(GradientDifference(), step, np.zeros_like(step))[0] == pytest.approx(4 / 12)


@pytest.mark.parametrize("term", [Reconstruction(power=2), GradientDifference(alpha=2.0)])
def test_gradients_by_the_generated_examples(term):
    real = tf.constant(normal_rows(2, 3, 3, 1), tf.float64)
    made = tf.Variable(tf.constant(normal_rows(2, 3, 3, 1, seed=1), tf.float64))

    def value():
        fake = {"x": tf.convert_to_tensor(made)}
        return tf.reduce_sum(term.generator_term(None, {"x": real}, fake, None))

    with tf.GradientTape() as tape:
        loss = value()
    np.testing.assert_allclose(
        tape.gradient(loss, made), numeric_gradient(value, made), rtol=1e-5, atol=1e-8
    )


@pytest.mark.parametrize(
    "make", [lambda: Reconstruction(power=3), lambda: GradientDifference(alpha=0.5)]
)
def test_options_out_of_range(make):
    with pytest.raises(ValueError, match="must be"):
        make()


def test_points_have_no_neighbours():
    with pytest.raises(ValueError, match="`gradient_difference` compares neighbouring pixels"):
        GradientDifference().check_shape((2,))
