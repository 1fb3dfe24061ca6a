"""Figures of predicted frames in moving pixels, and the predictors they are compared with."""

import numpy as np
import pytest

from ganapp.training.evaluation.frames import (
    copied,
    moving_pixels,
    psnr,
    sharpness,
    ssim,
    with_constant_velocity,
)

EVERYWHERE = np.ones((2, 12, 12), bool)


def frames(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (2, 12, 12, 1), np.uint8)


def test_psnr_golden():
    """A constant difference of 16 levels: 20 log10(255 / 16)."""
    real = np.full((2, 12, 12, 1), 100.0)
    np.testing.assert_allclose(psnr(real, real + 16, EVERYWHERE), 20 * np.log10(255 / 16))
    assert np.isinf(psnr(real, real, EVERYWHERE)).all()


def test_only_moving_pixels_count():
    real, made = frames().astype(float), frames().astype(float)
    moving = np.zeros((2, 12, 12), bool)
    moving[0, 2:4, 5] = True
    made[0, 2:4, 5] += 10
    made[:, 6:] = 0
    found = psnr(real, made, moving)
    assert found[0] == pytest.approx(20 * np.log10(25.5))
    assert np.isnan(found[1])
    assert np.isnan(sharpness(real, made, moving)[1])
    assert np.isnan(ssim(real, made, moving)[1])


def test_what_moves_is_what_changes_and_its_neighbours():
    before, after = np.zeros((1, 6, 6, 1), np.uint8), np.zeros((1, 6, 6, 1), np.uint8)
    after[0, 2, 3] = 200
    after[0, 5, 5] = 3  # noise
    expected = np.zeros((6, 6), bool)
    expected[1:4, 2:5] = True
    np.testing.assert_array_equal(moving_pixels(before, after)[0], expected)


def test_sharpness_knows_blur_and_not_brightness():
    edge = np.zeros((1, 12, 12, 1))
    edge[:, :, 6:] = 200
    blurred = edge.copy()
    blurred[:, :, 5:7] = 100
    everywhere = EVERYWHERE[:1]
    # |200 - 0| at one column of twelve, |100 - 0| at two others... as a mean of twelve columns.
    assert np.isinf(sharpness(edge, edge + 30, everywhere)).all()
    expected = 10 * np.log10(255 / ((100 + 200 + 100) / 12))
    np.testing.assert_allclose(sharpness(edge, blurred, everywhere), expected)


def test_ssim_is_that_of_the_definition():
    real = frames().astype(float)
    made = np.clip(real + np.random.default_rng(1).normal(0, 30, real.shape), 0, 255)
    window = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2

    def mean(values):
        patches = np.lib.stride_tricks.sliding_window_view(values[..., 0], (11, 11), (1, 2))
        return (patches * window).sum((-2, -1))

    a, b, c1, c2 = mean(real), mean(made), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    covariance = mean(real * made) - a * b
    variances = mean(real**2) - a**2 + mean(made**2) - b**2
    maps = (2 * a * b + c1) * (2 * covariance + c2) / ((a**2 + b**2 + c1) * (variances + c2))
    np.testing.assert_allclose(ssim(real, made, EVERYWHERE), maps.mean((1, 2)), rtol=1e-3)
    np.testing.assert_allclose(ssim(real, real, EVERYWHERE), 1, atol=1e-5)


def moving_square(steps, velocity, start=(4, 4), size=16):
    clip = np.zeros((1, steps, size, size, 1), np.uint8)
    for step in range(steps):
        y, x = start[0] + step * velocity[0], start[1] + step * velocity[1]
        clip[0, step, max(0, y) : max(0, y + 4), max(0, x) : max(0, x + 4)] = 250
    return clip


@pytest.mark.parametrize("velocity", [(1, 1), (0, 2), (-1, 0)])
def test_constant_velocity_continues_what_moves_straight(velocity):
    clip = moving_square(5, velocity)
    made = with_constant_velocity(clip[:, :2], 3)
    before = clip[0, 1:4]
    moving = moving_pixels(before, clip[0, 2:])
    better = psnr(clip[0, 2:], made[0], moving)
    worse = psnr(clip[0, 2:], copied(clip[:, :2], 3)[0], moving)
    assert (better > worse + 5).all()


def test_nothing_that_stands_still_moves():
    clip = np.repeat(moving_square(1, (0, 0)), 2, axis=1)
    np.testing.assert_array_equal(with_constant_velocity(clip, 2), copied(clip, 2))
