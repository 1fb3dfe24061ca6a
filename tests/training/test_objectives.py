"""Values, signs and the contract of every objective."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from training.constraints import SpectralNorm, Unconstrained, WeightClip
from training.objectives import OBJECTIVES, WGAN, WGANGP, Hinge, RelativisticPairing
from training.optimizers import OptimizerConfig
from training.penalties import R1, R2, GradientPenalty

REAL = [1.0, -2.0, 0.0, 3.0]
FAKE = [-1.0, 0.5, 2.0, 0.0]
# By hand, from the formulas of the papers; softplus(x) = log(1 + e^x).
GOLDEN = {
    "minimax": (
        [0.626523, 3.101005, 2.820075, 0.741735],
        [-0.313262, -0.974077, -2.126928, -0.693147],
    ),
    "non_saturating": (
        [0.626523, 3.101005, 2.820075, 0.741735],
        [1.313262, 0.474077, 0.126928, 0.693147],
    ),
    "wgan": ([-2.0, 2.5, 2.0, -3.0], [1.0, -0.5, -2.0, 0.0]),
    "wgan_gp": ([-2.0, 2.5, 2.0, -3.0], [1.0, -0.5, -2.0, 0.0]),
    "hinge": ([0.0, 4.5, 4.0, 1.0], [1.0, -0.5, -2.0, 0.0]),
    "relativistic": (
        [0.126928, 2.578889, 2.126928, 0.048587],
        [2.126928, 0.078889, 0.126928, 3.048587],
    ),
}
NAMES = sorted(OBJECTIVES)
SIDES = ["discriminator_loss", "generator_loss"]


def scores(values):
    return tf.constant(values, tf.float32)


def test_every_objective_has_golden_values():
    assert sorted(GOLDEN) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_golden_values(name):
    objective = OBJECTIVES[name]()
    for side, expected in zip(SIDES, GOLDEN[name], strict=True):
        actual = getattr(objective, side)(scores(REAL), scores(FAKE))
        np.testing.assert_allclose(actual, expected, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_discriminator_loss_falls_when_the_gap_grows(name):
    objective = OBJECTIVES[name]()
    losses = [
        float(objective.discriminator_loss(scores([gap / 2]), scores([-gap / 2]))[0])
        for gap in (-1.5, -0.5, 0.5, 1.5)
    ]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("name", NAMES)
def test_generator_gains_by_higher_scores_of_its_examples(name):
    real, fake = scores(REAL), scores(FAKE)
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = OBJECTIVES[name]().generator_loss(real, fake)
    assert (tape.gradient(loss, fake).numpy() < 0).all()


def test_only_the_saturating_generator_loses_its_gradient():
    """At fake scores of -10 Goodfellow's first loss is flat and the second is not."""
    slopes = {}
    for name in ("minimax", "non_saturating"):
        fake = scores([-10.0])
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = OBJECTIVES[name]().generator_loss(scores([0.0]), fake)
        slopes[name] = abs(float(tape.gradient(loss, fake)[0]))
    assert slopes["minimax"] == pytest.approx(4.54e-5, rel=1e-2)
    assert slopes["non_saturating"] == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_relativistic_losses_depend_on_differences_only(name):
    """And the others say that they are not relativistic: their generator ignores real scores."""
    objective = OBJECTIVES[name]()
    base = objective.generator_loss(scores(REAL), scores(FAKE)).numpy()
    other_real = objective.generator_loss(scores(REAL) + 1.0, scores(FAKE)).numpy()
    assert objective.relativistic == (not np.array_equal(base, other_real))
    if objective.relativistic:
        for side in SIDES:
            loss = getattr(objective, side)
            shifted = loss(scores(REAL) + 5.0, scores(FAKE) + 5.0)
            np.testing.assert_allclose(shifted, loss(scores(REAL), scores(FAKE)), atol=1e-5)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", NAMES)
def test_contract_of_a_loss(name, side):
    loss = getattr(OBJECTIVES[name](), side)
    for shape in [(4,), (4, 1), (4, 3, 3, 1)]:  # patch scores too
        real, fake = (tf.random.stateless_normal(shape, (i, 0)) for i in (1, 2))
        value = loss(real, fake)
        assert value.shape == shape
        assert value.dtype == tf.float32
        np.testing.assert_array_equal(value, loss(real, fake))  # pure
        # per score: the value of one is unmoved by the others
        np.testing.assert_allclose(value[1:], loss(real[1:], fake[1:]), rtol=1e-6)
    extreme = scores([-50.0, 50.0])
    with tf.GradientTape() as tape:
        tape.watch(extreme)
        value = loss(extreme, extreme[::-1]) + loss(extreme[::-1], extreme[::-1])
    assert np.isfinite(value).all()
    assert np.isfinite(tape.gradient(value, extreme)).all()


@pytest.mark.parametrize("name", NAMES)
def test_contract_of_the_settings(name):
    objective = OBJECTIVES[name]()
    assert objective.name == name
    assert "arXiv:" in objective.reference
    assert objective.formula
    assert objective.discriminator_steps >= 1
    for configuration in (objective.generator_optimizer, objective.discriminator_optimizer):
        assert isinstance(configuration, OptimizerConfig)
        assert configuration.build() is not configuration.build()  # a configuration, no instance
    ratio = objective.log_density_ratio(tf.ones((4, 3, 3, 1)))
    assert ratio is None or ratio.shape == (4, 3, 3, 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        objective.discriminator_steps = 3
    with pytest.raises(TypeError):
        OBJECTIVES[name](2)
    with pytest.raises(ValueError, match="`discriminator_steps` must be at least 1"):
        OBJECTIVES[name](discriminator_steps=0)


@pytest.mark.parametrize("name", ["minimax", "non_saturating"])
def test_log_density_ratio_of_the_optimal_discriminator(name):
    """D = p / (p + q) minimises p D-loss(real) + q D-loss(fake), so its score is log p / q."""
    objective = OBJECTIVES[name]()
    p, q = 0.8, 0.3
    candidates = tf.linspace(-3.0, 3.0, 6001)
    zero = tf.zeros_like(candidates)
    # D-loss(r, f) = a(r) + b(f): isolate a and b by holding the other score at 0.
    constant = objective.discriminator_loss(zero, zero)[0] / 2
    on_real = objective.discriminator_loss(candidates, zero) - constant
    on_fake = objective.discriminator_loss(zero, candidates) - constant
    best = candidates[int(tf.argmin(p * on_real + q * on_fake))]
    assert float(objective.log_density_ratio(best)) == pytest.approx(np.log(p / q), abs=2e-3)


def rates(configuration):
    return configuration.name, configuration.learning_rate, dict(configuration.options)


def test_settings_of_the_papers():
    wgan, gp, hinge, relativistic = WGAN(), WGANGP(), Hinge(), RelativisticPairing()
    assert wgan.discriminator_steps == gp.discriminator_steps == hinge.discriminator_steps == 5
    assert wgan.constraint == WeightClip(limit=0.01)
    assert wgan.penalties == ()
    assert rates(wgan.generator_optimizer) == ("rmsprop", 5e-5, {})
    assert rates(wgan.discriminator_optimizer) == ("rmsprop", 5e-5, {})
    assert gp.constraint == Unconstrained()
    assert gp.penalties == (GradientPenalty(weight=10.0),)
    assert rates(gp.discriminator_optimizer) == ("adam", 1e-4, {"beta_1": 0.5, "beta_2": 0.9})
    assert hinge.constraint == SpectralNorm()
    assert rates(hinge.generator_optimizer) == ("adam", 2e-4, {"beta_1": 0.0, "beta_2": 0.9})
    assert relativistic.discriminator_steps == 1
    assert [type(p) for p in relativistic.penalties] == [R1, R2]
    assert rates(relativistic.generator_optimizer) == (
        "adam",
        2e-4,
        {"beta_1": 0.0, "beta_2": 0.99},
    )
