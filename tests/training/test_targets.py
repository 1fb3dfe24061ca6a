"""Targets that a configuration may move: label smoothing and least squares."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.objectives import LeastSquares, Minimax, NonSaturating

REAL = [1.0, -2.0, 0.0, 3.0]
FAKE = [-1.0, 0.5, 2.0, 0.0]


def scores(values):
    return tf.constant(values, tf.float32)


def test_label_smoothing():
    """The real target is 0.9, the generated one stays 0, and the generator sees no difference."""
    plain, smooth = NonSaturating(), NonSaturating(label_smoothing=0.1)
    # 0.9 softplus(-1) + 0.1 softplus(1) + softplus(-1) and so on
    loss = smooth.discriminator_loss(scores(REAL), scores(FAKE))
    np.testing.assert_allclose(loss, [0.726523, 2.901005, 2.820075, 1.041735], atol=1e-6)
    # least at D = sigmoid(log 9) = 0.9
    best = smooth.discriminator_loss(scores([2.1, np.log(9), 2.3]), scores([0.0]))
    assert int(tf.argmin(best)) == 1
    np.testing.assert_array_equal(
        smooth.generator_loss(scores(REAL), scores(FAKE)),
        plain.generator_loss(scores(REAL), scores(FAKE)),
    )
    # D = 0.45 is where p = q, and D = 0.9 is certainty
    even = scores(np.log(0.45 / 0.55))
    assert float(smooth.log_density_ratio(even)) == pytest.approx(0.0, abs=1e-6)
    assert float(smooth.log_density_ratio(scores(np.log(9)))) > 13.0
    exact = scores([-80.0, 80.0])
    np.testing.assert_array_equal(plain.log_density_ratio(exact), exact)


@pytest.mark.parametrize("smoothing", [-0.1, 0.5])
def test_label_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=r"`label_smoothing` must be at least 0 and below 0\.5"):
        Minimax(label_smoothing=smoothing)


def test_least_squares_with_other_targets():
    objective = LeastSquares(real_target=1.0, fake_target=-1.0, generator_target=0.0)
    loss = objective.discriminator_loss(scores(REAL), scores(FAKE))
    np.testing.assert_allclose(loss, [0.0, 5.625, 5.0, 2.5])
    loss = objective.generator_loss(scores(REAL), scores(FAKE))
    np.testing.assert_allclose(loss, [0.5, 0.125, 2.0, 0.0])
    certain = objective.log_density_ratio(scores([-7.0, -1.0, 0.0, 1.0, 7.0]))
    np.testing.assert_allclose(certain, [-13.8155, -13.8155, 0.0, 13.8155, 13.8155], atol=0.1)


@pytest.mark.parametrize("field", ["real_target", "generator_target"])
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_least_squares_targets_in_order(field, value):
    with pytest.raises(ValueError, match=f"`{field}` must be above `fake_target`.*={value}"):
        LeastSquares(**{field: value})
