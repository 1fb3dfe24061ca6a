"""log p / q from the scores of an optimal discriminator."""

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.objectives import (
    OBJECTIVES,
    FSkewedJensenShannon,
    LeastSquares,
    Minimax,
    NonSaturating,
)

WITH_A_RATIO = [
    *("minimax", "non_saturating", "least_squares"),
    *(f"f_{name}" for name in ("kl", "reverse_kl", "jensen_shannon", "gan", "pearson")),
    *(f"f_{name}" for name in ("hellinger", "jeffreys", "skewed_jensen_shannon")),
]


def test_which_objectives_know_a_density_ratio():
    one = tf.ones(1)
    known = {name for name in OBJECTIVES if OBJECTIVES[name]().log_density_ratio(one) is not None}
    assert known == set(WITH_A_RATIO)


@pytest.mark.parametrize("ratio", [0.3, 2.5])
@pytest.mark.parametrize(
    "objective",
    [
        *(OBJECTIVES[name]() for name in WITH_A_RATIO),
        Minimax(label_smoothing=0.1),
        NonSaturating(label_smoothing=0.2),
        LeastSquares(real_target=3.0, fake_target=-1.0, generator_target=0.0),
        FSkewedJensenShannon(skew=0.2),
    ],
    ids=lambda objective: objective.name,
)
def test_log_density_ratio_of_the_optimal_discriminator(objective, ratio):
    """The score that minimises p D-loss(real) + q D-loss(fake), found by trying, gives log p / q.

    D-loss(r, f) = a(r) + b(f) for all of them, so the other score may rest at 0.
    """
    candidates = tf.linspace(tf.constant(-6.0, tf.float64), tf.constant(6.0, tf.float64), 120001)
    zero = tf.zeros_like(candidates)
    on_real = objective.discriminator_loss(candidates, zero)
    on_fake = objective.discriminator_loss(zero, candidates)
    best = candidates[int(tf.argmin(ratio * on_real + on_fake))]
    found = float(objective.log_density_ratio(best))
    assert found == pytest.approx(np.log(ratio), abs=2e-4)


@pytest.mark.parametrize("name", WITH_A_RATIO)
def test_log_density_ratio_rises_and_is_finite(name):
    extremes = OBJECTIVES[name]().log_density_ratio(tf.linspace(-50.0, 50.0, 1001)).numpy()
    assert np.isfinite(extremes).all()
    assert (np.diff(extremes) >= 0).all()
    assert extremes[0] < -3 < 3 < extremes[-1]
