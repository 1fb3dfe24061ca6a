"""Random bounces: the motion in both forms, its law given a past, and what the law is worth."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.data import SOURCES
from ganapp.training.data.digits import redrawn_places
from ganapp.training.data.motion import BouncingLaw, RandomBouncingLaw, most_bounces, redrawn
from ganapp.training.evaluation.metrics.conditional_energy import energy_scores
from ganapp.training.evaluation.rollouts import (
    BEST,
    COPY,
    ENERGY,
    LAW,
    MEAN,
    VELOCITY,
    law_predictions,
    rollout_figures,
    simple_predictions,
)

SLOWEST, FASTEST = 0.5, 2.0
FIVE = RandomBouncingLaw(room=5, slowest=SLOWEST, fastest=FASTEST, frames=6)
PAST = 3


def motions(count, law, seed=0):
    """Places `(count, frames, 2)` by the words of the law, from one event to the next."""
    random = np.random.default_rng(seed)
    shape = (count, 2)
    place = law.room * random.random(shape)
    # The inverse of the distribution function of a density in proportion to 1 / speed.
    speed = law.slowest * (law.fastest / law.slowest) ** random.random(shape)
    velocity = np.where(random.random(shape) < 0.5, speed, -speed)
    found = [place]
    for _ in range(law.frames - 1):
        left = np.ones(shape)
        while True:
            wall = np.where(velocity > 0, law.room, 0.0)
            until = (wall - place) / velocity
            hit = until < left
            if not hit.any():
                break
            place = np.where(hit, wall, place)
            left = np.where(hit, left - until, left)
            anew = random.uniform(law.slowest, law.fastest, shape)
            velocity = np.where(hit, -np.sign(velocity) * anew, velocity)
        place = place + velocity * left
        found.append(place)
    return np.stack(found, axis=1)


def given(count, law, seed):
    """Starts, velocities and speeds of motions on a line."""
    random = np.random.default_rng(seed)
    velocities = random.uniform(law.slowest, law.fastest, count) * random.choice([-1, 1], count)
    most = most_bounces(law.room, law.fastest, law.frames - 1)
    return (
        law.room * random.random(count),
        velocities,
        random.uniform(law.slowest, law.fastest, (count, most)),
    )


def test_a_motion_by_hand():
    """Up at 2 from 2: the wall at 5 after 1.5; down at 1: the wall at 0 after 6.5; then at .5."""
    times = np.array([0, 1, 1.5, 2, 6.5, 8.5])
    places, velocities = redrawn(
        np.array([2.0, 3.0]), np.array([2.0, -2.0]), np.array([[1.0, 0.5]] * 2), times, 5
    )
    np.testing.assert_allclose(places[0], [2, 4, 5, 4.5, 0, 1])
    np.testing.assert_allclose(velocities[0], [2, 2, -1, -1, 0.5, 0.5])
    np.testing.assert_allclose(places[1], 5 - places[0])
    np.testing.assert_allclose(velocities[1], -velocities[0])


@pytest.mark.parametrize("room", [1, 12])
def test_data_and_law_move_alike(room):
    law = RandomBouncingLaw(room, SLOWEST, FASTEST, frames=40)
    starts, velocities, speeds = given(2_000, law, seed=0)
    places, later = redrawn(starts, velocities, speeds, np.arange(40), room)
    arrays = (np.float32(each.reshape(500, 2, 2, *each.shape[1:])) for each in given(2_000, law, 0))
    found = redrawn_places(*map(tf.constant, arrays), 40, float(room)).numpy()
    np.testing.assert_allclose(found.reshape(places.shape), places, atol=1e-3)
    # Straight lines between walls: they are inside, and no faster than the fastest.
    assert 0 <= places.min() <= places.max() <= room
    assert SLOWEST <= np.abs(later).min() <= np.abs(later).max() <= FASTEST
    if room == 12:
        turned = np.sign(later[:, 1:]) != np.sign(later[:, :-1])
        assert (np.abs(later[:, 1:]) == np.abs(later[:, :-1]))[~turned].all()
        assert (np.abs(later[:, 1:]) != np.abs(later[:, :-1]))[turned].all()
        assert turned.any()


def shares(places, room):
    """How often two places follow each other along either axis."""
    pairs = places[:, 0] * (room + 1) + places[:, 1]
    return np.bincount(pairs.ravel(), minlength=(room + 1) ** 2) / pairs.size


def test_clips_are_of_the_law_at_any_time():
    """So any frame may be the first one: its places come as often as those of the first."""
    source = SOURCES["moving_digits"](frames=12, size=13, digits=2, bounce="random")
    _, corners = source._motion(10_000, tf.constant([3, 4], tf.int64), 1)
    corners = corners.numpy().reshape(-1, 12, 2)
    law = RandomBouncingLaw(5, SLOWEST, FASTEST, frames=12)
    simulated = np.rint(motions(100_000, law)).astype(int)
    expected = shares(simulated[:, :2], 5)
    error = 4 * np.sqrt(expected * (1 - expected) / 40_000) + 1e-4
    for start in (0, 4, 10):
        assert (np.abs(shares(corners[:, start : start + 2], 5) - expected) < error).all(), start
        assert (np.abs(shares(simulated[:, start : start + 2], 5) - expected) < error).all(), start


@pytest.mark.parametrize(
    "seen", [[[2, 2], [3, 2], [4, 3]], [[4, 1], [5, 0], [4, 1]]], ids=["straight", "at the walls"]
)
def test_futures_are_drawn_as_often_as_they_come(seen):
    """Against counting: of two million motions those that were seen as this one was."""
    everything = np.rint(motions(2_000_000, FIVE, seed=1)).astype(int)
    alike = everything[(everything[:, :PAST] == seen).all((1, 2))][:, PAST:]
    assert len(alike) > 300
    drawn = FIVE.future_places(np.array([seen]), 20_000)[0]
    assert drawn.shape == (20_000, 3, 2)
    for step in range(3):
        found, expected = (
            np.bincount(each[:, step, 0] * 6 + each[:, step, 1], minlength=36) / len(each)
            for each in (drawn, alike)
        )
        # Four standard errors of the smaller sample, and what comes hardly ever.
        error = 4 * np.sqrt(found * (1 - found) / len(alike)) + 5 / len(alike)
        assert (np.abs(expected - found) < error).all(), step


@pytest.mark.parametrize(("room", "past"), [(12, 4), (6, 12)])
def test_the_truth_is_one_more_draw(room, past):
    """Given what was seen, the truth and draws of the law are alike, so any figure of two is.

    In the smaller room several walls lie in what was seen.
    """
    law = RandomBouncingLaw(room, SLOWEST, FASTEST, frames=past + 4)
    places = np.rint(motions(60, law, seed=2)).astype(int)
    drawn = law.future_places(places[:, :past], 40)
    truth = places[:, None, past:]
    first, second = drawn[:, :20], drawn[:, 20:]
    for step in range(4):
        for figure in (
            lambda a, b: (a == b).all(-1),
            lambda a, b: ((a - b) ** 2).sum(-1),
            lambda a, b: (np.abs(a - b) <= 1).all(-1),
        ):
            real = figure(truth[:, :, step], drawn[:, :, step]).mean(axis=1)
            made = figure(first[:, :, step], second[:, :, step]).mean(axis=1)
            gap = real - made
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            assert abs(gap.mean()) < 4 * error + 1e-9, step
    # And it says something: by far more often right than one of all places would be.
    right = (truth[:, :, 0] == drawn[:, :, 0]).all(-1).mean()
    assert right > 8 / (room + 1) ** 2


def test_a_long_past_of_a_large_room():
    law = RandomBouncingLaw(248, SLOWEST, FASTEST, frames=256)
    places = np.rint(motions(1, law, seed=3)).astype(int)
    drawn = law.future_places(places[:, :250], 30)
    assert (np.abs(drawn[:, :, 0] - places[:, None, 250]).max(axis=-1) <= 2).all()


def test_the_seed_decides_and_other_places_are_refused():
    seen = np.rint(motions(3, FIVE)).astype(int)[:, :PAST]
    np.testing.assert_array_equal(FIVE.future_places(seen, 9), FIVE.future_places(seen, 9))
    assert (FIVE.future_places(seen, 9) != FIVE.future_places(seen, 9, seed=1)).any()
    assert FIVE.future_places(np.repeat(seen, 2, axis=1), 9).shape == (3, 9, 0, 2)
    for wrong in ([0, 5, 0, 5], [7, 6, 5]):
        with pytest.raises(ValueError, match=r"moves straight and bounces\. Received: "):
            FIVE.future_places(np.array([[[place, 1] for place in wrong]]), 2)


@pytest.fixture(scope="module")
def moving():
    return SOURCES["moving_digits"](frames=9, size=14, digits=1, bounce="random")


def test_random_clips_are_a_function_of_seed_and_step(moving):
    def rows(first, count, step=2, seed=5):
        arguments = (tf.constant(step, tf.int64), tf.constant(first, tf.int64), count)
        return moving.rows(*arguments, batch_size=6, seed=seed)["x"].numpy()

    whole = rows(0, 6)
    np.testing.assert_array_equal(rows(2, 3), whole[2:5])
    np.testing.assert_array_equal(rows(0, 6), whole)
    assert (rows(0, 6, step=3) != whole).any()
    assert (rows(0, 6, seed=6) != whole).any()


def test_mirrors_stay_as_they_were():
    """Pinned when there was nothing else: places of clips, and draws of their law."""
    source = SOURCES["moving_digits"](frames=12, size=14)
    assert not source.random_futures
    chosen, corners = source._motion(3, tf.constant([7, 1], tf.int64), 100)
    assert chosen.numpy().tolist() == [[89, 16], [27, 72], [17, 70]]
    assert corners[0, 0].numpy().tolist() == [
        *([5, 4], [6, 4], [5, 4], [5, 4], [4, 4], [4, 4]),
        *([3, 3], [2, 3], [2, 3], [1, 3], [1, 3], [0, 3]),
    ]
    law = BouncingLaw(room=5, slowest=SLOWEST, fastest=FASTEST, frames=6)
    assert law.future_places(np.array([[[2, 2], [3, 2], [4, 3]]]), 3, seed=5).tolist() == [
        [[[5, 4], [4, 5], [2, 5]], [[5, 3], [3, 4], [2, 4]], [[4, 3], [5, 3], [4, 3]]]
    ]
    named = SOURCES["moving_digits"](frames=12, size=14, bounce="mirror")
    clips = source.training_examples(5)[0]
    np.testing.assert_array_equal(clips, named.training_examples(5)[0])
    other = SOURCES["moving_digits"](frames=12, size=14, bounce="random")
    assert (other.training_examples(5)[0] != clips).any()
    assert other.random_futures
    assert "another speed" in other.spec.description
    assert "another speed" not in source.spec.description


def test_the_law_has_the_least_energy_score(moving):
    """On held-out clips, below every predictor that always says the same, its own mean too."""
    clips = moving.held_out_examples(80)[0]
    past, truth = clips[:, :4], clips[:, 4:]
    law = law_predictions(past, moving.futures(80, 4, 40), 6)
    mean = law[LAW].mean(axis=1, keepdims=True)
    predictions = {
        LAW: law[LAW],
        BEST: law[BEST],
        MEAN: mean,
        "one future": law[LAW][:, :1],
        "futures of others": np.roll(law[LAW], 1, axis=0),
        **simple_predictions(past, 5),
    }
    found = rollout_figures(past, truth, predictions)[ENERGY]
    assert {COPY, VELOCITY, BEST, MEAN} < set(found)
    for step in range(5):
        scores = {name: values[step] for name, values in found.items()}
        assert min(scores, key=scores.get) == LAW, step
    # By more than chance, clip by clip, where walls have been met.
    own, *others = (
        energy_scores(each[:, :, 4].reshape(80, each.shape[1], -1), truth[:, 4].reshape(80, -1))[0]
        for each in predictions.values()
    )
    for each in others:
        gap = each - own
        assert gap.mean() > 3 * gap.std(ddof=1) / np.sqrt(len(gap))
