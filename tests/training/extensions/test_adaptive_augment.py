"""How often ADA augments, and what it makes that follow."""

import numpy as np
import pytest
import tensorflow as tf
from extension_case import (
    STEP,
    Numbers,
    apply,
    normal_rows,
    on_two_replicas,
    state_values,
)

from ganapp.training.augmentations import AdaptiveAugment

FAKE = tf.zeros((8, 1))


def started(**options):
    """A member that moves by 8 * 2 / 64 = 0.25 every second update of 8 rows, and its state."""
    options = {"interval": 2, "adjustment_images": 64, "maximum": 1.0} | options
    member = AdaptiveAugment(**options)
    return member, member.make_state(None, None)


def update(member, state, real_scores):
    apply(member.after_discriminator_update(real_scores, FAKE, None, state))
    return tuple(float(value) for value in member.logs(STEP, state).values())


def signs(positive):
    """Scores of 8 rows, so many of them above 0."""
    return tf.constant([[3.0]] * positive + [[-0.5]] * (8 - positive))


def test_hand_computed():
    member, state = started()
    # (scores above 0, probability, overfitting) after each update; r = (positive - negative) / 8.
    history = [
        (8, 0.0, 0.0),
        (8, 0.25, 1.0),  # (1 + 1) / 2 > 0.6
        (4, 0.25, 1.0),
        (8, 0.0, 0.5),  # (0 + 1) / 2 < 0.6
        (0, 0.0, 0.5),
        (0, 0.0, -1.0),  # not below 0
        (8, 0.0, -1.0),
        (8, 0.25, 1.0),
    ]
    for positive, probability, overfitting in history:
        assert update(member, state, signs(positive)) == (probability, overfitting)


def test_the_probability_ends_at_the_maximum():
    member, state = started(maximum=0.6, interval=1)
    reached = [update(member, state, signs(8))[0] for _ in range(6)]
    np.testing.assert_allclose(reached, [0.125, 0.25, 0.375, 0.5, 0.6, 0.6], rtol=1e-6)


def test_at_the_target_nothing_moves():
    member, state = started(target=0.5, initial_probability=0.5, interval=1)
    assert update(member, state, signs(6)) == (0.5, 0.5)


def test_the_papers_pace():
    """500,000 images from never to always: 128 rows every 4 updates are 0.001 a time."""
    member = AdaptiveAugment()
    state = member.make_state(None, None)
    for _ in range(8):
        apply(member.after_discriminator_update(tf.ones((128, 1)), None, None, state))
    assert float(state.probability.value) == pytest.approx(2 * 128 * 4 / 500_000, rel=1e-5)


def test_patch_scores_count_each():
    member, state = started(interval=1)
    scores = tf.constant([1.0, 1.0, 1.0, -1.0] * 8, shape=(8, 2, 2, 1))
    assert update(member, state, scores) == (0.0, 0.5)


def test_the_state_is_what_is_applied():
    images = tf.constant(normal_rows(16, 8, 8, 3))
    member, state = started()
    untouched = member.augment(images, Numbers(16), STEP, state)
    np.testing.assert_array_equal(untouched, images)
    state.probability.assign(1.0)
    changed = member.augment(images, Numbers(16), STEP, state)
    assert np.any(changed != images, axis=(1, 2, 3)).all()


def test_the_probability_may_start_above_zero():
    _, state = started(initial_probability=0.3)
    assert float(state.probability.value) == pytest.approx(0.3)


def test_two_replicas_are_one(two_replicas):
    scores = normal_rows(8, 1) + np.float32(0.6)
    member, single = started(interval=3, target=0.2)
    with two_replicas.scope():
        _, mirrored = started(interval=3, target=0.2)

    def update_state(rows):
        apply(member.after_discriminator_update(rows, None, None, mirrored))
        return tf.identity(mirrored.probability.value)

    for count in range(7):
        rows = np.roll(scores, count) - np.float32(0.1 * count)
        apply(member.after_discriminator_update(tf.constant(rows), None, None, single))
        first, second = on_two_replicas(two_replicas, update_state, rows)
        assert first == second == pytest.approx(float(single.probability.value), rel=1e-6)
        for a, b in zip(state_values(mirrored), state_values(single), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)
    assert float(single.probability.value) > 0


def test_quarter_turns_of_oblong_images_are_refused_before_training():
    turning = AdaptiveAugment(policy=("quarter_turn",))
    turning.check_shape((4, 4, 1))
    AdaptiveAugment().check_shape((4, 6, 1))
    with pytest.raises(ValueError, match=r"square images only.*Received: images of shape=\(4, 6\)"):
        turning.check_shape((4, 6, 1))
