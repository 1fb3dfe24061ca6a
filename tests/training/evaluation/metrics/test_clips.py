"""Figures of clips against cases whose answer is known."""

import io
import json

import numpy as np
import PIL.Image
import pytest
from evaluation_cases import make_evaluator, moments

from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import chunks, features_of
from ganapp.training.evaluation.metrics.clips import Changes, Frames, components_of, motion
from ganapp.training.evaluation.metrics.frechet_distance import frechet_distance
from ganapp.training.evaluation.pictures import animated, clip_grid, film_strips, films

CLIPS = {"frame_distance", "change_distance", "motion", "autocorrelation_distance"}


def walks(correlation, *, count=400, frames=12, seed=0, scale=1.0, shift=0.0):
    """2x2 grey pixels: independent AR(1) series of variance 1 where networks see [-1, 1]."""
    random = np.random.default_rng(seed)
    values = [random.normal(size=(count, 2, 2, 1))]
    for _ in range(frames - 1):
        noise = random.normal(size=(count, 2, 2, 1))
        values.append(correlation * values[-1] + np.sqrt(1 - correlation**2) * noise)
    return (scale * np.stack(values, axis=1) + shift + 1.0) * 127.5


def bright(correlation, **options):
    """The same as uint8, a fifth as lively, so that hardly any is clipped."""
    return np.rint(walks(correlation, scale=0.2, **options)).clip(0, 255).astype(np.uint8)


def distance(pieces, real, fake):
    space = components_of(pieces, real)
    return frechet_distance(*(moments(space(clips)) for clips in (real, fake)))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_motion_of_a_known_series(correlation):
    found = motion(walks(correlation))
    expected = correlation ** np.arange(1, 12)
    np.testing.assert_allclose(found.autocorrelation[:5], expected[:5], atol=0.05)
    assert found.change == pytest.approx(2 * (1 - correlation), rel=0.05)


def test_still_pictures_stay_themselves():
    clips = np.repeat(np.random.default_rng(0).integers(0, 256, (9, 1, 4, 4, 3)), 6, axis=1)
    found = motion(clips.astype(np.uint8))
    np.testing.assert_allclose(found.autocorrelation, 1.0)
    assert found.change == 0.0
    assert motion(np.full((3, 5, 4, 4, 1), 7, np.uint8)).autocorrelation is None


def test_motion_is_the_same_clip_by_clip(monkeypatch):
    clips = bright(0.5)
    whole, features = motion(clips), features_of(Changes(), clips)
    monkeypatch.setattr("ganapp.training.evaluation.features.spaces.CHUNK_BYTES", 8 * 12 * 4 * 7)
    assert len(list(chunks(Frames(), clips))) == 58  # of seven clips
    assert motion(clips).change == pytest.approx(whole.change)
    np.testing.assert_allclose(motion(clips).autocorrelation, whole.autocorrelation)
    np.testing.assert_array_equal(features_of(Changes(), clips), features)
    assert features.shape == (400 * 11, 4)


def test_the_distance_of_frames_is_that_of_gaussians():
    """All four components: |shift|^2 + sum (s1 - s2)^2 of independent pixels."""
    real, fake = walks(0.0, count=3000), walks(0.0, count=3000, seed=1, scale=2.0, shift=0.5)
    expected = 4 * 0.5**2 + 4 * (2 - 1) ** 2
    assert distance(Frames(), real, fake) == pytest.approx(expected, rel=0.03)


def test_the_distance_of_changes_is_that_of_gaussians():
    """Differences of an AR(1) series have the variance 2 (1 - correlation)."""
    real, fake = walks(0.5, count=3000), walks(-0.28, count=3000, seed=1)
    expected = 4 * (np.sqrt(2 * 1.28) - np.sqrt(2 * 0.5)) ** 2
    assert distance(Changes(), real, fake) == pytest.approx(expected, rel=0.05)
    assert distance(Frames(), real, fake) < 0.01


def clip_evaluator(train, held_out=()):
    spec = DataSpec(
        name="walks",
        kind="video",
        shape=train.shape[1:],
        examples=len(train),
        held_out=len(held_out),
    )
    return make_evaluator(spec, train=train, held_out=held_out)


def test_shuffled_frames_are_seen_by_motion_alone():
    clips = bright(0.9)
    evaluator = clip_evaluator(clips, bright(0.9, count=100, seed=1))
    order = np.random.default_rng(1).permuted(np.tile(np.arange(12), (400, 1)), axis=1)
    shuffled = np.take_along_axis(clips, order[..., None, None, None], axis=1)
    report = evaluator.report(shuffled).as_dict()
    figures = report["figures"]
    assert figures.keys() >= CLIPS
    assert figures["frame_distance"]["matched"] < figures["frame_distance"]["floor"] + 1e-3
    assert figures["frame_distance"]["space"] == "PCA-4 of frames"
    assert figures["change_distance"]["matched"] > 10 * figures["change_distance"]["floor"]
    assert figures["autocorrelation_distance"]["matched"] > 0.15
    assert figures["autocorrelation_distance"]["floor"] < 0.1
    assert figures["motion"]["matched"] > 2
    assert figures["motion"]["floor"] == pytest.approx(1, abs=0.05)
    assert len(report["details"]["motion"]["autocorrelation"]) == 11
    assert figures["motion"]["generated"] == 400


def test_the_same_clips_are_at_no_distance():
    clips = bright(0.5, count=60)
    found = clip_evaluator(clips).evaluate(clips)
    assert found["frame_distance"] == pytest.approx(0, abs=1e-9)
    assert found["change_distance"] == pytest.approx(0, abs=1e-9)
    assert found["autocorrelation_distance"] == 0
    assert found["motion"] == 1


def test_real_clips_that_do_not_move_have_no_motion():
    still = np.repeat(bright(0.0, count=40, frames=1), 5, axis=1)
    report = clip_evaluator(still).report(bright(0.5, count=40, frames=5)).as_dict()
    reasons = {key: report["figures"][key]["reasons"] for key in CLIPS}
    assert report["figures"]["frame_distance"]["value"] > 0
    assert "do not move" in reasons["motion"]["value"]
    assert "changes of the real clips are all the same" in reasons["change_distance"]["value"]
    json.dumps(report, allow_nan=False)


def test_bad_clips_are_refused():
    with pytest.raises(ValueError, match="at least 2 frames"):
        motion(np.zeros((3, 1, 4, 4, 1)))
    with pytest.raises(NotComputable, match="frames of the real clips are all the same"):
        components_of(Frames(), np.zeros((3, 5, 2, 2, 1)))


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
    wide = films(clips)
    assert wide.shape == (4, 6, 3 * 6 + 2 * 2, 1)
    assert (wide[:, :, 8:14] == 200).all()
    assert (wide[:, :, [6, 7, 14, 15]] == 255).all()
