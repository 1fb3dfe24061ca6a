"""Values, signs and the contract of every objective."""

import dataclasses
import inspect

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.constraints import SpectralNorm, Unconstrained, WeightClip
from ganapp.training.objectives import (
    OBJECTIVES,
    WGAN,
    WGANGP,
    Hinge,
    RelativisticPairing,
)
from ganapp.training.optimizers import OptimizerConfig
from ganapp.training.terms import R1, R2, GradientPenalty, PullingAway

REAL = [1.0, -2.0, 0.0, 3.0]
FAKE = [-1.0, 0.5, 2.0, 0.0]
# By hand, from the formulas of the papers; softplus(x) = log(1 + e^x). Those of f-GAN are from its
# tables: f*(g(v)) with f* and g one after the other. The means of REAL and FAKE are 0.5 and 0.375.
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
    "wgan_lp": ([-2.0, 2.5, 2.0, -3.0], [1.0, -0.5, -2.0, 0.0]),
    "hinge": ([0.0, 4.5, 4.0, 1.0], [1.0, -0.5, -2.0, 0.0]),
    "relativistic": (
        [0.126928, 2.578889, 2.126928, 0.048587],
        [2.126928, 0.078889, 0.126928, 3.048587],
    ),
    "least_squares": (
        [0.5, 4.625, 2.5, 2.0],
        [2.0, 0.125, 0.5, 0.5],
    ),
    "f_kl": (
        [-0.864665, 2.606531, 2.718282, -2.632121],
        [-0.135335, -0.606531, -2.718282, -0.367879],
    ),
    "f_reverse_kl": (
        [-1.632121, 6.889056, 2.0, -0.950213],
        [2.0, 0.5, -1.0, 1.0],
    ),
    "f_jensen_shannon": (
        [-0.759771, 1.714711, 1.433781, -0.64456],
        [0.379885, -0.28093, -1.433781, 0.0],
    ),
    "f_gan": (
        [0.626523, 3.101005, 2.820075, 0.741735],
        [-0.313262, -0.974077, -2.126928, -0.693147],
    ),
    "f_pearson": (
        [-1.75, 2.5625, 3.0, -3.0],
        [0.75, -0.5625, -3.0, 0.0],
    ),
    "f_hellinger": (
        [-1.264241, 7.037777, 6.389056, -0.950213],
        [0.632121, -0.648721, -6.389056, 0.0],
    ),
    "f_jeffreys": (
        [-1.800654, 2.571308, 3.869586, -3.0],
        [0.800654, -0.571308, -3.869586, 0.0],
    ),
    "f_total_variation": (
        [-0.761594, 0.713072, 0.482014, -0.497527],
        [0.380797, -0.231059, -0.482014, 0.0],
    ),
    "f_skewed_jensen_shannon": (
        [-0.379885, 0.857355, 0.71689, -0.32228],
        [0.189943, -0.140465, -0.71689, 0.0],
    ),
    "ebgan": (
        [-1.0, 3.5, 3.0, -2.0],
        [1.0, -0.5, -2.0, 0.0],
    ),
    "began": (
        [-1.0, 2.0, 0.0, -3.0],
        [1.0, -0.5, -2.0, 0.0],
    ),
    "relativistic_hinge": (
        [0.0, 3.5, 3.0, 0.0],
        [3.0, 0.0, 0.0, 4.0],
    ),
    "relativistic_least_squares": (
        [1.0, 12.25, 9.0, 4.0],
        [9.0, 2.25, 1.0, 16.0],
    ),
    "relativistic_average": (
        [0.630114, 3.157087, 2.599537, 0.544013],
        [2.755114, 0.782087, 0.724537, 3.669013],
    ),
    "relativistic_average_hinge": (
        [0.375, 4.375, 3.875, 0.5],
        [4.125, 1.0, 0.625, 5.125],
    ),
    "relativistic_average_least_squares": (
        [0.390625, 12.390625, 8.140625, 2.890625],
        [8.890625, 2.890625, 0.640625, 15.390625],
    ),
}
NAMES = sorted(OBJECTIVES)
SIDES = ["discriminator_loss", "generator_loss"]
AVERAGES = [name for name in NAMES if name.startswith("relativistic_average")]


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
    """Up to a gap of 1, where least squares have what they want."""
    objective = OBJECTIVES[name]()
    losses = [
        float(objective.discriminator_loss(scores([gap / 2]), scores([-gap / 2]))[0])
        for gap in (-1.5, -0.5, 0.3, 0.9)
    ]
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == len(losses)


@pytest.mark.parametrize("name", NAMES)
def test_generator_gains_by_higher_scores_of_its_examples(name):
    """Generated scores are below 1 and less than 1 above the real ones: least squares, again."""
    real, fake = scores([1.0, 0.5, 0.0, 3.0]), scores([-1.0, 0.25, 0.5, -0.5])
    with tf.GradientTape() as tape:
        tape.watch(fake)
        loss = OBJECTIVES[name]().generator_loss(real, fake)
    assert (tape.gradient(loss, fake).numpy() < 0).all()


def test_only_the_saturating_generator_loses_its_slope():
    """At fake scores of -10 Goodfellow's first loss is flat and the second is not."""
    slopes = {
        name: float(OBJECTIVES[name]().generator_slope([0.0], [-10.0])[0])
        for name in ("minimax", "non_saturating")
    }
    assert slopes["minimax"] == pytest.approx(4.54e-5, rel=1e-2)
    assert slopes["non_saturating"] == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_slopes_are_those_of_the_loss(name):
    """Finite differences of the sum: an average feels every score."""
    objective, step = OBJECTIVES[name](), 1e-2
    slopes = objective.generator_slope(REAL, FAKE)
    assert slopes.dtype == tf.float32
    for place in range(4):
        moved = [
            tf.reduce_sum(objective.generator_loss(scores(REAL), scores(FAKE) + sign * move))
            for move in [step * tf.one_hot(place, 4)]
            for sign in (1, -1)
        ]
        expected = abs(float(moved[0] - moved[1])) / (2 * step)
        assert float(slopes[place]) == pytest.approx(expected, rel=5e-3, abs=5e-3)


# The optimal score of real and generated examples that are equally likely is 0; elsewhere it is
# another (f_kl: 1; least squares: halfway between the targets), any (a critic's, or relative
# scores, which count by differences), or scores are never positive (energies).
SIGNED = {
    *("minimax", "non_saturating", "hinge", "f_reverse_kl", "f_jensen_shannon", "f_gan"),
    *("f_pearson", "f_hellinger", "f_jeffreys", "f_total_variation", "f_skewed_jensen_shannon"),
}


@pytest.mark.parametrize("name", NAMES)
def test_which_signs_mean_real(name):
    assert OBJECTIVES[name]().score_sign_means_real == (name in SIGNED)
    assert OBJECTIVES[name].energy == (name in ("ebgan", "began"))


def test_options_decide_what_a_sign_means():
    symmetric = OBJECTIVES["least_squares"](real_target=1.0, fake_target=-1.0)
    assert symmetric.score_sign_means_real
    for smoothing, meant in ((0.1, True), (0.2, True), (0.3, False)):
        assert OBJECTIVES["minimax"](label_smoothing=smoothing).score_sign_means_real == meant
    for skew, meant in ((0.1, False), (0.4, True), (0.9, False)):
        skewed = OBJECTIVES["f_skewed_jensen_shannon"](skew=skew)
        assert skewed.score_sign_means_real == meant


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
        if name in AVERAGES:  # the others move it through their mean alone
            twice = loss(tf.concat([real] * 2, 0), tf.concat([fake] * 2, 0))
            np.testing.assert_allclose(twice, tf.concat([value] * 2, 0), rtol=1e-5, atol=1e-6)
        else:  # per score: the value of one is unmoved by the others
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


def rates(configuration):
    return configuration.name, configuration.learning_rate, dict(configuration.options)


def test_arguments_by_their_former_names_are_refused():
    with pytest.raises(ValueError, match=r"`penalties` of an objective is now `terms`"):
        OBJECTIVES["hinge"](penalties=())
    with pytest.raises(ValueError, match=r"is now `terms`, `augmentations` and `weightings`"):
        dataclasses.replace(OBJECTIVES["hinge"](), stabilisers=())
    fields = [field.name for field in dataclasses.fields(OBJECTIVES["hinge"])]
    assert list(inspect.signature(OBJECTIVES["hinge"]).parameters) == fields


def test_settings_of_the_papers():
    wgan, gp, hinge, relativistic = WGAN(), WGANGP(), Hinge(), RelativisticPairing()
    assert wgan.discriminator_steps == gp.discriminator_steps == hinge.discriminator_steps == 5
    assert wgan.constraint == WeightClip(limit=0.01)
    assert wgan.terms == ()
    assert rates(wgan.generator_optimizer) == ("rmsprop", 5e-5, {})
    assert rates(wgan.discriminator_optimizer) == ("rmsprop", 5e-5, {})
    assert gp.constraint == Unconstrained()
    assert gp.terms == (GradientPenalty(weight=10.0),)
    assert rates(gp.discriminator_optimizer) == ("adam", 1e-4, {"beta_1": 0.5, "beta_2": 0.9})
    lp = OBJECTIVES["wgan_lp"]()
    assert lp.terms == (GradientPenalty(weight=10.0, one_sided=True),)
    assert (lp.discriminator_steps, lp.constraint) == (5, Unconstrained())
    assert rates(lp.generator_optimizer) == rates(gp.generator_optimizer)
    assert hinge.constraint == SpectralNorm()
    assert rates(hinge.generator_optimizer) == ("adam", 2e-4, {"beta_1": 0.0, "beta_2": 0.9})
    assert rates(OBJECTIVES["began"]().generator_optimizer) == (
        "adam",
        1e-4,
        {"beta_1": 0.5, "beta_2": 0.999},
    )
    for name in ("least_squares", "ebgan", "f_kl", "relativistic_hinge", "relativistic_average"):
        paper = OBJECTIVES[name]()
        assert paper.discriminator_steps == 1
        assert paper.terms == ((PullingAway(weight=0.1),) if name == "ebgan" else ())
        for optimizer in (paper.generator_optimizer, paper.discriminator_optimizer):
            assert rates(optimizer) == ("adam", 2e-4, {"beta_1": 0.5, "beta_2": 0.999})
    assert relativistic.discriminator_steps == 1
    assert [type(p) for p in relativistic.terms] == [R1, R2]
    assert rates(relativistic.generator_optimizer) == (
        "adam",
        2e-4,
        {"beta_1": 0.0, "beta_2": 0.99},
    )
