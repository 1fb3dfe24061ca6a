"""Half precision: finite, loss-scaled where needed, penalties in float32."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import BATCH, mlp_networks, rows, tiny_gan, train, weights

from ganapp.training.objectives import Hinge, NonSaturating
from ganapp.training.terms import R1, R2, GradientPenalty

POLICIES = ["mixed_bfloat16", "mixed_float16"]
PENALISED = NonSaturating(terms=(R1(), R2(), GradientPenalty(weight=1.0)))


def gan_under(policy, objective=PENALISED, **options):
    keras.config.set_dtype_policy(policy)
    return tiny_gan(objective, **options)


def assert_trains_finitely(gan, policy):
    """Logs of the first of five steps."""
    before = weights(gan)
    first = train(gan, 1).history
    logs = train(gan, 4).history
    for each in (first, logs):
        assert np.isfinite([value[0] for value in each.values()]).all()
    after = weights(gan)
    for part in ("generator", "discriminator", "ema_generator"):
        assert all(np.isfinite(a).all() for a in after[part])
        assert any(not np.array_equal(a, b) for a, b in zip(after[part], before[part], strict=True))
    assert {v.dtype for v in gan.generator.variables} == {"float32"}
    assert gan.generate(2).dtype == np.float32
    assert gan.score({"x": tf.ones((2, 2))}).dtype == tf.float32
    for optimizer in (gan.generator_optimizer, gan.discriminator_optimizer):
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        assert scaled == (policy == "mixed_float16")
    return first


@pytest.mark.parametrize("policy", POLICIES)
def test_training_stays_finite(policy):
    assert_trains_finitely(gan_under(policy, Hinge(discriminator_steps=1)), policy)


def test_a_scaled_optimizer_is_not_scaled_twice():
    given = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1))
    gan = gan_under("mixed_float16", generator_optimizer=given)
    assert gan.generator_optimizer is given
    assert isinstance(given.inner_optimizer, keras.optimizers.SGD)


@pytest.fixture(scope="module")
def in_float32():
    """Logs of the first step."""
    return train(gan_under("float32", run_eagerly=True), 1).history


@pytest.mark.parametrize("policy", POLICIES)
def test_penalties_are_those_of_float32(policy, in_float32):
    """Half precision would miss by 4e-3 (bfloat16) or so; the first step starts from one point."""
    expected = in_float32
    actual = assert_trains_finitely(gan_under(policy), policy)
    # R1 depends on real examples and weights alone, which are the same to the last bit.
    assert actual["penalty/r1"][0] == pytest.approx(expected["penalty/r1"][0], rel=1e-6)
    for name in ("r2", "gradient_penalty"):
        key = f"penalty/{name}"
        assert actual[key][0] == pytest.approx(expected[key][0], rel=2e-2)
    assert actual["discriminator_loss"] == pytest.approx(expected["discriminator_loss"], rel=2e-2)
    assert actual["discriminator_loss"] != expected["discriminator_loss"]  # it was half precision


def test_large_gradients_do_not_overflow_a_penalty():
    """A squared slope beyond float16's 65,504 and its gradient are those of float32."""
    objective = NonSaturating(terms=(R1(weight=1e-6),))
    gans = [
        gan_under(policy, objective, run_eagerly=True) for policy in ("float32", "mixed_float16")
    ]
    for gan in gans:
        for variable in gan.discriminator.trainable_variables:
            variable.assign(100.0 * variable)
    expected, actual = (train(gan, 1).history["penalty/r1"][0] for gan in gans)
    assert expected / 1e-6 > 65_504
    assert actual == pytest.approx(expected, rel=1e-6)


def test_gradient_norm_is_unscaled(two_replicas):
    """Also in the very step in which the loss scale grows."""
    expected = train(gan_under("float32", NonSaturating(), run_eagerly=True), 1).history

    def optimizer():
        return keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.0), initial_scale=1024.0, dynamic_growth_steps=1
        )

    for strategy in (None, two_replicas):
        options = {"strategy": strategy, "run_eagerly": strategy is None}
        gan = gan_under("mixed_float16", NonSaturating(), optimizer=optimizer, **options)
        actual = train(gan, 1).history
        for key in ("generator_gradient_norm", "discriminator_gradient_norm"):
            assert actual[key][0] == pytest.approx(expected[key][0], rel=2e-2)
        assert float(gan.generator_optimizer.dynamic_scale.numpy()) == 2048.0  # it did grow


def test_an_overflow_skips_the_update_and_lowers_the_scale():
    gan = gan_under("mixed_float16", NonSaturating(), networks=mlp_networks)
    before = weights(gan)
    scale = float(gan.generator_optimizer.dynamic_scale.numpy())
    huge = tf.data.Dataset.from_tensors(1e30 * rows(BATCH))
    train(gan, 1, huge)
    after = weights(gan)
    for a, b in zip(after["discriminator"], before["discriminator"], strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(gan.discriminator_optimizer.dynamic_scale.numpy()) < scale
