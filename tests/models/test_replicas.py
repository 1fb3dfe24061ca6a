"""Two replicas make the update of one, for every objective and every way in."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    linear_networks,
    mlp_networks,
    plain_batches,
    relative_error,
    rows,
    same_networks,
    tiny_gan,
    train,
    weights,
)

from ganapp.training.constraints import SpectralNorm, WeightClip
from ganapp.training.data import training_batches
from ganapp.training.data.densities import ring
from ganapp.training.objectives import BEGAN, OBJECTIVES, WGAN, NonSaturating, RelativisticAverage
from ganapp.training.terms import R1, R2, GradientPenalty

STEPS = 5


def sgd():
    # Not Adam: its step does not change with the scale of the gradients, so it would hide a
    # loss that is not divided by the number of replicas.
    return keras.optimizers.SGD(0.02)


def assert_replicas_hold_the_same(gan, strategy):
    for variables in gan.state().values():
        for variable in variables:
            copies = strategy.experimental_local_results(variable)
            assert len(copies) == 2
            np.testing.assert_array_equal(copies[0].numpy(), copies[1].numpy())


def objective(name):
    """With two discriminator updates where the paper has more: enough to tell splits apart."""
    default = OBJECTIVES[name]()
    return dataclasses.replace(default, discriminator_steps=min(2, default.discriminator_steps))


# One for each way in which the step uses losses, and whatever some objective brings besides them:
# terms, constraints and states that do not touch one another are in one training.
TRAINED = {
    "non_saturating": objective("non_saturating"),
    "relativistic_average": RelativisticAverage(terms=(R1(), R2()), discriminator_steps=2),
    "wgan": WGAN(
        discriminator_steps=2,
        # Clips some of the weights, not all: those would no longer tell anything.
        constraint=WeightClip(limit=0.3),
        terms=(*objective("wgan_gp").terms, *objective("wgan_lp").terms),
    ),
    "began": BEGAN(terms=objective("ebgan").terms),
}


def test_whatever_an_objective_brings_is_trained():
    """Spectral normalisation: `test_default_optimizers_agree_too`, here and in layers' tests."""

    def brought(chosen):
        return {*map(type, (*chosen.extensions, chosen.constraint))}

    trained = set().union(*map(brought, TRAINED.values())) | {SpectralNorm}
    for name in OBJECTIVES:
        assert brought(objective(name)) <= trained, name
        assert not objective(name).initial_state() or name in TRAINED, name


def test_losses_of_every_objective(two_replicas):
    """Values and gradients of a replica's rows are those rows of one device's."""
    scores = tf.constant(rows(BATCH, (2, 1), seed=4))

    def losses(scores):
        real, fake = scores[:, 0], scores[:, 1]
        found = {}
        for name in OBJECTIVES:
            for player in ("discriminator", "generator"):
                loss_of = getattr(objective(name), f"{player}_loss")
                with tf.GradientTape() as tape:
                    tape.watch((real, fake))
                    loss = loss_of(real, fake)
                    total = tf.reduce_sum(loss)
                slopes = tape.gradient(total, (real, fake), unconnected_gradients="zero")
                found[name, player] = tf.concat([loss, *slopes], axis=1)
        return found

    expected = losses(scores)
    shares = two_replicas.experimental_distribute_values_from_function(
        lambda context: scores[BATCH // 2 * context.replica_id_in_sync_group :][: BATCH // 2]
    )
    found = tf.function(lambda: two_replicas.run(losses, args=(shares,)))()
    for key, whole in expected.items():
        parts = [x.numpy() for x in two_replicas.experimental_local_results(found[key])]
        np.testing.assert_allclose(
            np.concatenate(parts), whole, rtol=1e-5, atol=1e-6, err_msg=str(key)
        )


@pytest.mark.parametrize("name", sorted(TRAINED))
def test_two_replicas_train_as_one(name, two_replicas):
    # Eager: nothing to trace for what is compared with.
    single = tiny_gan(TRAINED[name], optimizer=sgd, run_eagerly=True)
    double = tiny_gan(TRAINED[name], optimizer=sgd, strategy=two_replicas)
    start = weights(single)
    assert same_networks(double, single) == 0
    logs = []
    for gan, strategy in ((single, None), (double, two_replicas)):
        batch_size = BATCH * gan.objective.discriminator_steps
        data = training_batches(ring(), batch_size=batch_size, seed=3, strategy=strategy)
        logs.append(train(gan, STEPS, data).history)
    error = same_networks(double, single)
    assert error < 1e-5
    for part in ("generator", "discriminator", "ema_generator"):  # they did move, and by far more
        assert relative_error(weights(single)[part], start[part]) > 20 * error
    for key, value in logs[0].items():
        if not key.endswith("_std"):  # within a replica, by definition
            assert logs[1][key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    assert_replicas_hold_the_same(double, two_replicas)


def test_default_optimizers_agree_too(two_replicas):
    """Moments, spectral vectors and counters included: the state of a checkpoint.

    Adam divides each gradient by its own size, rounding included, hence the wider tolerance; the
    weights themselves move by 1e-3.
    """
    chosen = dataclasses.replace(objective("hinge"), terms=(GradientPenalty(),))
    single = tiny_gan(chosen, run_eagerly=True)
    double = tiny_gan(chosen, strategy=two_replicas)
    for gan in (single, double):
        train(gan, STEPS)
    for part, arrays in weights(single).items():
        assert relative_error(weights(double)[part], arrays) < 1e-4
    assert_replicas_hold_the_same(double, two_replicas)


def test_evaluate_agrees(two_replicas):
    logs = [
        tiny_gan(strategy=strategy).evaluate(plain_batches(3, BATCH), verbose=0, return_dict=True)
        for strategy in (None, two_replicas)
    ]
    for key, value in logs[0].items():
        if not key.endswith("_std"):
            assert logs[1][key] == pytest.approx(value, rel=1e-5, abs=1e-7), key


def test_synchronised_batch_normalisation(two_replicas):
    """Statistics are those of the global batch; E[x^2] - E[x]^2 costs some digits."""

    def networks():
        return mlp_networks(normalisation="batch")

    options = {"networks": networks, "optimizer": sgd}
    single = tiny_gan(NonSaturating(), run_eagerly=True, **options)
    double = tiny_gan(NonSaturating(), strategy=two_replicas, **options)
    for gan in (single, double):
        train(gan, 3)
    assert same_networks(double, single) < 1e-4
    assert_replicas_hold_the_same(double, two_replicas)


@dataclasses.dataclass(frozen=True)
class Waves:
    """A prior that is a plain function of its seed: XLA's random numbers are others."""

    size: int

    def sample(self, count, seed):
        places = tf.range(count * self.size, dtype=tf.float32)
        phase = tf.cast(tf.reduce_sum(seed) % 1000, tf.float32)
        return tf.reshape(tf.sin(12.9 * places + phase), (count, self.size))


def test_xla_agrees_and_is_a_function_of_the_seed():
    options = {"optimizer": sgd, "networks": linear_networks}
    waves, plain = (
        tiny_gan(objective("relativistic"), jit_compile=jit, run_eagerly=not jit, **options)
        for jit in (True, False)
    )
    for gan in (waves, plain):
        gan.prior = Waves(3)
        train(gan, 3)
    assert same_networks(waves, plain) < 1e-5

    gans = [tiny_gan(seed=seed, jit_compile=True, **options) for seed in (1, 1, 2)]
    for gan in gans:
        train(gan, 2)
    assert same_networks(gans[1], gans[0]) == 0
    assert same_networks(gans[2], gans[0]) > 1e-5


def test_xla_is_refused_on_two_replicas(two_replicas):
    with pytest.raises(
        ValueError, match=r"one device only.*Received: jit_compile=True on 2 replicas"
    ):
        tiny_gan(strategy=two_replicas, jit_compile=True)


def test_everything_outlives_the_strategy_scope(two_replicas):
    """Generation and scores on two replicas are those of one."""
    single, double = tiny_gan(), tiny_gan(strategy=two_replicas)
    np.testing.assert_array_equal(single.generate(4), double.generate(4))
    examples = tf.ones((3, 2))
    np.testing.assert_array_equal(single.scores(examples), double.scores(examples))
