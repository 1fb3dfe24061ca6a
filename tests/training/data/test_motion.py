"""The law of bouncing images: what may follow is drawn as often as it does follow."""

import numpy as np
import pytest

from ganapp.training.data import SOURCES
from ganapp.training.data.motion import BouncingLaw, mirrored

LAW = BouncingLaw(room=5, slowest=0.5, fastest=2.0, frames=6)
PAST = 3


def motions(count, seed=0, law=LAW):
    """Places int `(count, frames, 2)` by the words of the law."""
    random = np.random.default_rng(seed)
    start = law.room * random.random((count, 1, 2))
    turn, speed = 2 * np.pi * random.random(count), random.uniform(law.slowest, law.fastest, count)
    velocity = (speed * np.stack([np.sin(turn), np.cos(turn)])).T[:, None]
    line = start + velocity * np.arange(law.frames)[:, None]
    return np.rint(mirrored(line, law.room)).astype(int)


def test_mirrors():
    np.testing.assert_allclose(mirrored(np.array([-1.0, 0, 4, 6, 11]), 5), [1, 0, 4, 4, 1])


def test_futures_are_drawn_as_often_as_they_come():
    """Against counting: of a million motions those that were seen as this one was."""
    everything = motions(1_000_000)
    seen = np.array([[2, 2], [3, 2], [4, 3]])
    alike = everything[(everything[:, :PAST] == seen).all((1, 2))][:, PAST:]
    assert len(alike) > 150
    drawn = LAW.future_places(seen[None], 20_000)[0]
    assert drawn.shape == (20_000, 3, 2)
    for step in range(3):
        shares = [
            np.bincount(each[:, step, 0] * 6 + each[:, step, 1], minlength=36) / len(each)
            for each in (alike, drawn)
        ]
        # Four standard errors of the smaller sample, and nothing that never comes.
        error = 4 * np.sqrt(shares[1] * (1 - shares[1]) / len(alike)) + 5 / len(alike)
        assert (np.abs(shares[0] - shares[1]) < error).all(), step
    np.testing.assert_array_less(drawn.max(), LAW.room + 1)


def test_the_truth_is_among_what_may_follow():
    places = motions(60, seed=1)
    drawn = LAW.future_places(places[:, :PAST], 500)
    same = (drawn == places[:, None, PAST:]).all((2, 3))
    assert same.any(axis=1).mean() > 0.9
    assert (drawn[:, :, 0] == places[:, None, PAST]).all(-1).any(1).mean() > 0.97


def test_no_predictor_is_better_than_the_mean_of_the_law():
    """In expectation: also not one that knows the velocity's sign or copies the last place."""
    places = motions(300, seed=2).astype(float)
    past, truth = places[:, :PAST], places[:, PAST]
    mean = LAW.future_places(past.astype(int), 300)[:, :, 0].mean(axis=1)
    line = np.clip(2 * past[:, -1] - past[:, -2], 0, LAW.room)
    half = (line + past[:, -1]) / 2
    # The best linear prediction from both past places, with the answers known.
    design = np.concatenate([past.reshape(len(past), -1), np.ones((len(past), 1))], axis=1)
    fitted = design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    errors = [np.mean((each - truth) ** 2) for each in (mean, past[:, -1], line, half, fitted)]
    assert errors[0] < 0.95 * min(errors[1:])
    # And its own spread is the error that is left.
    spread = LAW.future_places(past.astype(int), 300, seed=1)[:, :, 0].var(axis=1).mean()
    assert errors[0] == pytest.approx(spread, rel=0.2)


def test_the_seed_decides():
    seen = motions(3)[:, :PAST]
    np.testing.assert_array_equal(LAW.future_places(seen, 9), LAW.future_places(seen, 9))
    assert (LAW.future_places(seen, 9) != LAW.future_places(seen, 9, seed=1)).any()


def test_what_this_law_does_not_do():
    with pytest.raises(ValueError, match=r"moves straight and bounces. Received: \[0, 5, 0, 5\]"):
        LAW.future_places(np.array([[[0, 1], [5, 1], [0, 1], [5, 1]]]), 2)


def test_futures_of_clips():
    """What is known of one digit is all of it: the truth is among the futures, and they differ."""
    source = SOURCES["moving_digits"](frames=6, size=14, digits=1)
    clips = source.held_out_examples(5)[0]
    futures = list(source.futures(5, 4, 200))
    assert [each.shape for each in futures] == [(200, 2, 14, 14, 1)] * 5
    for clip, drawn in zip(clips, futures, strict=True):
        assert (drawn[:, 0] == clip[4]).all((1, 2, 3)).any()
        assert len(np.unique(drawn.reshape(200, -1), axis=0)) > 1
        np.testing.assert_array_equal(np.sort(clip[0].ravel()), np.sort(drawn[0, 0].ravel()))


def test_two_digits_go_their_own_ways():
    source = SOURCES["moving_digits"](frames=5, size=20, digits=2)
    clips = source.held_out_examples(8)[0]
    hits = [
        (drawn[:, 0] == clip[4]).all((1, 2, 3)).any()
        for clip, drawn in zip(clips, source.futures(8, 4, 300), strict=True)
    ]
    assert np.mean(hits) > 0.7  # of places of both digits at once


def test_nothing_is_known_of_other_data():
    assert SOURCES["digits"]().futures(2, 1, 3) is None


def test_a_long_past_is_not_forgotten():
    """All of it: as one number it does not fit into 64 bits."""
    law = BouncingLaw(room=31, slowest=0.5, fastest=2.0, frames=16)
    known = np.arange(14)
    start, velocity = 7.3, 1.21
    places = np.rint(mirrored(start + velocity * known, law.room)).astype(int)
    starts, velocities = law._consistent(places)
    assert starts.size
    seen = np.rint(mirrored(starts[:, None] + velocities[:, None] * known, law.room))
    np.testing.assert_array_equal(seen, np.broadcast_to(places, seen.shape))
