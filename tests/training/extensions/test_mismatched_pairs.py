"""Mismatched pairs: a real example beside the observations of another row counts as generated."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from extension_case import normal_rows

from ganapp.models import GAN
from ganapp.models.critic import Critic
from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.training.objectives import NonSaturating
from ganapp.training.priors import Normal
from ganapp.training.terms import MismatchedPairs
from ganapp.training.terms.mismatched_pairs import neighbours


def batch(count=5):
    return {
        "x": tf.constant(normal_rows(count, 3)),
        "frames": tf.constant(normal_rows(count, 3, seed=1)),
        "label": tf.eye(count),
    }


def critic_of_products(rows):
    """Scores are inner products of example and observation, at two scales."""

    def discriminate(given):
        product = tf.reduce_sum(given["x"] * given["frames"], axis=1, keepdims=True)
        return {"scores": tf.concat([product, 2 * product], axis=1)}

    return Critic(discriminate, rows=rows, takes=("x", "frames"))


@pytest.mark.parametrize("relative", [False, True])
def test_value_by_hand(relative):
    rows = batch()
    x, frames = rows["x"].numpy(), rows["frames"].numpy()
    wrong = (x * np.roll(frames, 1, axis=0)).sum(1)
    own = (x * frames).sum(1) if relative else 0.0
    expected = (np.logaddexp(0, wrong - own) + np.logaddexp(0, 2 * (wrong - own))) / 2
    term = MismatchedPairs(relative=relative)
    found = term.discriminator_term(critic_of_products(rows), rows, {}, None)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_latents_stay_with_their_example():
    rows = batch() | {"z": tf.constant(normal_rows(5, 2, seed=4))}
    assert set(neighbours(rows, ["z"])) == {"frames"}
    assert set(neighbours(rows)) == {"frames", "z"}


def test_a_discriminator_that_observes_nothing_is_refused():
    rows = batch()
    critic = Critic(lambda given: {"scores": given["x"][:, :1]}, rows=rows, takes=("x",))
    with pytest.raises(ValueError, match=r"must take an observation .* Received: 'x'"):
        MismatchedPairs().discriminator_term(critic, rows, {}, None)


def trained(terms, strategy=None, steps=60, learning_rate=0.05):
    keras.utils.set_random_seed(0)
    shapes = {"z": (1,), "frames": (6, 6, 1)}
    with (strategy or tf.distribute.get_strategy()).scope():
        generator = GENERATORS["mlp"](shapes, (6, 6, 1), units=(4,))
        discriminator = DISCRIMINATORS["mlp"]({"x": (6, 6, 1), "frames": (6, 6, 1)}, units=(32,))
        gan = GAN(generator, discriminator, Normal(size=1), ema_half_life=None)
        optimizers = (keras.optimizers.SGD(rate) for rate in (0.0, learning_rate))
        gan.compile(*optimizers, objective=NonSaturating(terms=terms))
    frames = normal_rows(64, 6, 6, 1)
    data = {"x": frames + 0.1 * normal_rows(64, 6, 6, 1, seed=1), "frames": frames}
    dataset = tf.data.Dataset.from_tensor_slices(data).batch(16).repeat()
    history = gan.fit(dataset, steps_per_epoch=steps, verbose=0).history
    return gan, data, history


def test_it_makes_the_discriminator_look_at_the_observations():
    """The example goes on as its row's observation: pairs that do not belong together score low."""
    gaps = []
    for terms in ((), (MismatchedPairs(weight=1.0),)):
        gan, data, _ = trained(terms, steps=400)
        right = gan.scores(data["x"], frames=data["frames"])
        wrong = gan.scores(data["x"], frames=np.roll(data["frames"], 7, axis=0))
        gaps.append(np.mean(right - wrong))
    assert gaps[1] > gaps[0] + 1


def test_two_replicas_pair_the_rows_of_the_global_batch(two_replicas):
    term = MismatchedPairs(weight=1.0)
    (alone, _, history), (shared, _, others) = (
        trained((term,), strategy, steps=4) for strategy in (None, two_replicas)
    )
    for a, b in zip(alone.discriminator.variables, shared.discriminator.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6)
    found = [each["penalty/mismatched_pairs"][-1] for each in (history, others)]
    assert found[0] > 0
    assert found[1] == pytest.approx(found[0], rel=1e-5)


def test_without_observations_it_is_refused():
    generator = GENERATORS["mlp"]({"z": (1,)}, (2,), units=(4,))
    discriminator = DISCRIMINATORS["mlp"]({"x": (2,)}, units=(4,))
    gan = GAN(generator, discriminator, Normal(size=1))
    with pytest.raises(ValueError, match=r"terms on pairs.*Received: mismatched_pairs"):
        gan.compile(objective=NonSaturating(terms=(MismatchedPairs(),)))
