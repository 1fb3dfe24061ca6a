"""One forward pass a tensor, and float32 where penalties are computed."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import critic_of, mlp_networks, rows, tiny_gan, train

from ganapp.models.critic import Critic, float32_compute
from ganapp.training.objectives import NonSaturating, RelativisticPairing
from ganapp.training.terms import R1, R2, GradientPenalty


def counting(score):
    calls = []

    def counted(x):
        calls.append(x)
        return score(x)

    return critic_of(counted), calls


def test_scores_and_gradient_share_a_pass():
    critic, calls = counting(lambda x: tf.reduce_sum(x**3, axis=-1, keepdims=True))
    x, y = tf.constant(rows(4)), tf.constant(rows(4))  # equal values, distinct tensors
    critic({"x": x})
    np.testing.assert_allclose(critic.gradient({"x": x}), 3 * x**2, rtol=1e-6)
    np.testing.assert_allclose(critic.gradient({"x": x, "z": y}), 3 * x**2, rtol=1e-6)
    assert len(calls) == 1
    critic.gradient({"x": y})
    assert len(calls) == 2
    assert calls[0] is x
    assert calls[1] is y


@pytest.mark.parametrize(
    ("objective", "passes"),
    [
        (NonSaturating(), 3),  # real, fake; the generator's fake
        (NonSaturating(terms=(R1(), R2())), 3),
        (NonSaturating(terms=(GradientPenalty(),)), 4),  # and the points between
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


def test_rows_complete_what_tensors_leave_out():
    """Of a generated example the discriminator is told the class of its row, which may be none."""
    told = []

    def discriminate(tensors):
        told.append(tensors)
        return {"scores": tensors["x"][:, :1]}

    known, requested, other = tf.zeros((4, 3)), tf.eye(3)[:1], tf.eye(3)[1:2]
    rows_of = {"label": known, "frames": tf.ones((4, 2))}
    critic = Critic(discriminate, rows=rows_of, requested=requested, takes=("x", "label", "frames"))
    x = tf.constant(rows(4))
    critic({"x": x})
    critic({"x": x, "label": requested, "z": other})
    assert len(told) == 1
    critic({"x": x, "label": other})
    assert [each["label"] is known for each in told] == [True, False]
    assert told[1]["label"] is other
    assert all(each["frames"] is rows_of["frames"] for each in told)


def test_one_augmentation_serves_every_pass_of_an_example():
    """A discriminator of pairs is asked once for each latent, always beside the same view."""
    seen, views = [], []

    def discriminate(tensors):
        seen.append(tensors["x"])
        return {"scores": tf.reduce_sum(tensors["x"] * tensors["z"], axis=1, keepdims=True)}

    def augment(x):
        views.append(2.0 * x)
        return views[-1]

    critic = Critic(discriminate, augment=augment, takes=("x", "z"))
    x, z, w = (tf.constant(rows(4, seed=seed)) for seed in range(3))
    np.testing.assert_allclose(critic.gradient({"x": x, "z": z}), 2.0 * z, rtol=1e-6)
    np.testing.assert_allclose(critic.gradient({"x": x, "z": w}), 2.0 * w, rtol=1e-6)
    critic({"x": x, "z": z})
    assert len(views) == 1
    assert len(seen) == 2
    assert all(each is views[0] for each in seen)


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
