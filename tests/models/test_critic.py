"""One forward pass a tensor, and float32 where penalties are computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import mlp_networks, rows, tiny_gan, train

from ganapp.models.critic import Critic
from ganapp.models.precision import float32_compute
from ganapp.training.objectives import NonSaturating, RelativisticPairing
from ganapp.training.penalties import R1, R2, GradientPenalty


def counting(score):
    calls = []

    def counted(x):
        calls.append(x)
        return score(x)

    return Critic(counted), calls


def test_scores_and_gradient_share_a_pass():
    critic, calls = counting(lambda x: tf.reduce_sum(x**3, axis=-1, keepdims=True))
    x, y = tf.constant(rows(4)), tf.constant(rows(4))  # equal values, distinct tensors
    critic(x)
    np.testing.assert_allclose(critic.gradient(x), 3 * x**2, rtol=1e-6)
    np.testing.assert_allclose(critic.gradient(x), 3 * x**2, rtol=1e-6)
    assert len(calls) == 1
    critic.gradient(y)
    assert len(calls) == 2
    assert calls[0] is x
    assert calls[1] is y


@pytest.mark.parametrize(
    ("objective", "passes"),
    [
        (NonSaturating(), 3),  # real, fake; the generator's fake
        (NonSaturating(penalties=(R1(), R2())), 3),
        (NonSaturating(penalties=(GradientPenalty(),)), 4),  # and the points between
        (RelativisticPairing(), 4),  # and real for the generator
    ],
    ids=["plain", "r1 r2", "gradient penalty", "relativistic"],
)
def test_passes_of_the_discriminator_in_a_step(objective, passes):
    gan = tiny_gan(objective, run_eagerly=True)
    scored, score = [], gan.discriminate
    gan.discriminate = lambda x, **options: scored.append(x) or score(x, **options)
    train(gan, 1)
    assert len(scored) == passes


def test_float32_compute_restores_policies():
    keras.config.set_dtype_policy("mixed_float16")
    _, network = mlp_networks()
    before = [layer.dtype_policy.name for layer in network._flatten_layers()]
    assert "mixed_float16" in before
    assert "float32" in before  # the layer of scores

    def check():
        with float32_compute(network):
            assert {x.dtype_policy.name for x in network._flatten_layers()} == {"float32"}
            raise RuntimeError("an error within")

    with pytest.raises(RuntimeError, match="within"):
        check()
    assert [layer.dtype_policy.name for layer in network._flatten_layers()] == before
