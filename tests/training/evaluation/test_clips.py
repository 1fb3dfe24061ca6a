"""Figures of clips against cases whose answer is known."""

import io

import numpy as np
import PIL.Image
import pytest

from training.evaluation.checks import NotComputable
from training.evaluation.clip_pictures import animated, clip_grid, film_strips
from training.evaluation.clips import (
    autocorrelation,
    change_distance,
    clip_figures,
    frame_distance,
)


def walks(correlation, *, count=400, frames=12, seed=0):
    """Pixels that are AR(1) series of variance 1, independent of each other: 2x2 pixels, grey."""
    random = np.random.default_rng(seed)
    values = [random.normal(size=(count, 2, 2, 1))]
    for _ in range(frames - 1):
        noise = random.normal(size=(count, 2, 2, 1))
        values.append(correlation * values[-1] + np.sqrt(1 - correlation**2) * noise)
    return np.stack(values, axis=1)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_autocorrelation_of_a_known_series(correlation):
    found = autocorrelation(walks(correlation), lags=5)
    np.testing.assert_allclose(found, correlation ** np.arange(1, 6), atol=0.05)


def test_still_pictures_stay_themselves():
    clips = np.repeat(np.random.default_rng(0).integers(0, 256, (9, 1, 4, 4, 3)), 6, axis=1)
    np.testing.assert_allclose(autocorrelation(clips.astype(np.uint8)), 1.0)


def test_the_same_clips_are_at_no_distance():
    clips = np.random.default_rng(0).integers(0, 256, (30, 4, 5, 5, 1)).astype(np.uint8)
    found = clip_figures(clips, clips)
    assert found.frame_distance == pytest.approx(0, abs=1e-9)
    assert found.change_distance == pytest.approx(0, abs=1e-9)
    assert found.autocorrelation_distance == 0


def test_the_distance_of_frames_is_that_of_gaussians():
    """All four components: |shift|^2 + sum (s1 - s2)^2 of independent pixels."""
    real, fake = walks(0.0, count=3000), 2 * walks(0.0, count=3000, seed=1) + 0.5
    expected = 4 * 0.5**2 + 4 * (2 - 1) ** 2
    assert frame_distance(real, fake) == pytest.approx(expected, rel=0.03)


def test_the_distance_of_changes_is_that_of_gaussians():
    """Differences of an AR(1) series have the variance 2 (1 - correlation)."""
    real, fake = walks(0.5, count=3000), walks(-0.28, count=3000, seed=1)
    expected = 4 * (np.sqrt(2 * 1.28) - np.sqrt(2 * 0.5)) ** 2
    assert change_distance(real, fake) == pytest.approx(expected, rel=0.05)
    assert frame_distance(real, fake) < 0.01


def test_shuffled_frames_are_seen_by_motion_alone():
    clips = walks(0.9)
    order = np.random.default_rng(1).permuted(np.tile(np.arange(12), (400, 1)), axis=1)
    shuffled = np.take_along_axis(clips, order[..., None, None, None], axis=1)
    found = clip_figures(clips, shuffled)
    assert found.frame_distance == pytest.approx(0, abs=1e-9)
    assert found.change_distance > 0.5
    assert found.autocorrelation_distance > 0.2


def test_bad_clips_are_refused():
    with pytest.raises(ValueError, match="at least 2 frames"):
        autocorrelation(np.zeros((3, 1, 4, 4, 1)))
    with pytest.raises(NotComputable, match="pixels that differ"):
        autocorrelation(np.zeros((3, 5, 4, 4, 1)))
    with pytest.raises(ValueError, match="below the 12 frames"):
        autocorrelation(walks(0.5), lags=12)
    with pytest.raises(ValueError, match="the same shape"):
        frame_distance(walks(0.5), walks(0.5, frames=3))
    with pytest.raises(NotComputable, match="real clips that differ"):
        frame_distance(np.zeros((3, 5, 2, 2, 1)), walks(0.5, frames=5))
    with pytest.raises(ValueError, match="must be finite"):
        autocorrelation(np.full((3, 5, 2, 2, 1), np.nan))


def test_pictures_of_clips():
    clips = np.zeros((4, 3, 6, 6, 1), np.uint8)
    clips[:, 1] = 200
    strips = np.asarray(film_strips(clips))
    assert strips.shape[1] > strips.shape[0] * 0.7  # three frames wide, four clips high
    moving = clip_grid(clips)
    assert len(moving) == 3
    assert np.asarray(moving[1]).mean() > np.asarray(moving[0]).mean()
    with PIL.Image.open(io.BytesIO(animated(moving))) as opened:
        assert opened.n_frames >= 2
        assert opened.size == moving[0].size
