"""What one training step does, and to what."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    linear_networks,
    plain_batches,
    relative_error,
    restore,
    rows,
    tiny_gan,
    train,
    weights,
)
from recording import RecordingGAN

from ganapp.models import GAN
from ganapp.models.noise import Stream, stateless_seed
from ganapp.training.objectives import OBJECTIVES, NonSaturating
from ganapp.training.terms import R1

LOGS = {
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
    "score_gap",
    "real_score_std",
    "fake_score_std",
    "real_probability",
    "fake_probability",
    "generator_gradient_norm",
    "discriminator_gradient_norm",
    "generator_learning_rate",
    "discriminator_learning_rate",
}


def sgd(rate=0.1):
    return lambda: keras.optimizers.SGD(rate)


def eager_gan(*args, **options):
    """To compile a step takes longer than all steps of these tests."""
    return tiny_gan(*args, run_eagerly=True, **options)


@pytest.mark.parametrize("k", [1, 5])
def test_every_update_sees_its_own_examples_and_noise(k):
    gan = eager_gan(NonSaturating(discriminator_steps=k), gan=RecordingGAN)
    train(gan, 2, plain_batches(2, k * BATCH))
    seen = gan.of("real")
    assert [len(x) for x in seen] == [BATCH] * (2 * k)
    given = rows(2 * k * BATCH)
    for step in range(2):  # each step consumes its own element, every row once
        used = np.concatenate(seen[step * k : (step + 1) * k])
        element = given[step * k * BATCH : (step + 1) * k * BATCH]
        assert sorted(map(tuple, used)) == sorted(map(tuple, element))
    drawn = gan.of("latents")
    assert len(drawn) == 2 * (k + 1)  # k discriminator updates and one of the generator
    assert len(np.unique(np.concatenate(drawn)[:, 0])) == 2 * (k + 1) * BATCH


def test_noise_is_a_function_of_seed_and_step():
    first, again, other = (eager_gan(gan=RecordingGAN, seed=seed) for seed in (3, 3, 4))
    for gan in (first, again, other):
        train(gan, 2)
    np.testing.assert_array_equal(first.of("latents"), again.of("latents"))
    assert not np.isclose(first.of("latents"), other.of("latents")).any()
    resumed = eager_gan(gan=RecordingGAN, seed=3)
    resumed.step.assign(1)
    train(resumed, 1)
    np.testing.assert_array_equal(resumed.of("latents"), first.of("latents")[2:])


def test_a_batch_that_k_does_not_divide_is_refused():
    gan = eager_gan(NonSaturating(discriminator_steps=2))
    with pytest.raises(ValueError, match="a multiple of 2 and"):
        train(gan, 1, plain_batches(1, 7))


def test_logs_are_those_of_the_contract():
    """Penalties beside the losses, not within them."""
    plain = train(eager_gan(), 1).history
    assert set(plain) == LOGS
    history = train(eager_gan(NonSaturating(terms=(R1(weight=9.0),))), 1).history
    assert set(history) == LOGS | {"penalty/r1", "penalty_weight/r1"}
    assert history["score_gap"][0] == pytest.approx(
        history["real_score"][0] - history["fake_score"][0], abs=1e-6
    )
    assert history["penalty/r1"][0] > 0
    assert history["discriminator_loss"] == pytest.approx(plain["discriminator_loss"])


def test_step_counts_generator_updates():
    gan = eager_gan(NonSaturating(discriminator_steps=2))
    train(gan, 3)
    assert int(gan.step.numpy()) == 3
    assert int(gan.generator_optimizer.iterations.numpy()) == 3
    assert int(gan.discriminator_optimizer.iterations.numpy()) == 6


@pytest.mark.parametrize("frozen", ["generator", "discriminator"])
def test_an_optimizer_updates_only_its_own_network(frozen):
    moving = "discriminator" if frozen == "generator" else "generator"
    rates = {frozen: 0.0, moving: 0.1}
    gan = eager_gan(**{f"{name}_optimizer": keras.optimizers.SGD(rates[name]) for name in rates})
    before = weights(gan)
    train(gan, 2)
    after = weights(gan)
    assert relative_error(after[frozen], before[frozen]) == 0
    assert relative_error(after[moving], before[moving]) > 0
    owned = {id(v) for v in getattr(gan, f"{moving}_optimizer")._trainable_variables}
    assert owned == {id(v) for v in getattr(gan, moving).trainable_variables}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_generator_update_is_the_hand_written_one(name):
    """SGD at rate 0.5 moves each weight by half the gradient of E[loss] at the step's noise."""
    objective = OBJECTIVES[name](discriminator_steps=1, terms=())
    still = keras.optimizers.SGD(0.0)
    gan = eager_gan(
        objective,
        networks=linear_networks,
        generator_optimizer=keras.optimizers.SGD(0.5),
        discriminator_optimizer=still,
    )
    train(gan, 1)  # with weight clipping or power iterations, the discriminator has settled
    generator, discriminator = gan.generator, gan.discriminator
    before = weights(gan)
    real = rows(BATCH, seed=5)
    latents = gan.prior.sample(BATCH, stateless_seed(7, Stream.GENERATOR, 1))
    for variable, value in objective.constraint.before_update(discriminator):
        variable.assign(value)
    with tf.GradientTape() as tape:
        scores = discriminator(generator(latents, training=True), training=True)
        loss = tf.reduce_mean(objective.generator_loss(discriminator(real), scores))
    gradients = tape.gradient(loss, generator.trainable_variables)
    expected = [b - 0.5 * g.numpy() for b, g in zip(before["generator"], gradients, strict=True)]
    # `u` moved once above; put it back so that the step makes that move itself.
    restored = zip(discriminator.variables, before["discriminator"], strict=True)
    for variable, value in restored:
        variable.assign(value)
    train(gan, 1, tf.data.Dataset.from_tensors(real))
    assert relative_error(weights(gan)["generator"], expected) < 1e-6
    assert relative_error(before["generator"], expected) > 1e-4


def test_discriminator_update_is_the_hand_written_one():
    objective = NonSaturating(terms=(R1(weight=2.0),))
    gan = eager_gan(objective, networks=linear_networks, optimizer=sgd(0.5))
    real = rows(BATCH, seed=5)
    fake = gan.generator(gan.prior.sample(BATCH, stateless_seed(7, Stream.DISCRIMINATOR, 0)))
    kernel, bias = (v.numpy() for v in gan.discriminator.trainable_variables)
    with tf.GradientTape() as tape:
        w, b = tf.Variable(kernel), tf.Variable(bias)
        loss = tf.reduce_mean(
            tf.nn.softplus(-(real @ w + b)) + tf.nn.softplus(tf.convert_to_tensor(fake) @ w + b)
        )
        loss += 2.0 * 0.5 * tf.reduce_sum(w**2)  # R1 of a linear critic
    gradients = tape.gradient(loss, [w, b])
    history = train(gan, 1, tf.data.Dataset.from_tensors(real)).history
    expected = [v - 0.5 * g.numpy() for v, g in zip((kernel, bias), gradients, strict=True)]
    assert relative_error(weights(gan)["discriminator"], expected) < 1e-5
    assert history["discriminator_gradient_norm"][0] == pytest.approx(
        float(tf.linalg.global_norm(gradients)), rel=1e-5
    )


def test_extra_terms_shape_the_loss_and_the_logs():
    class Extended(GAN):
        def extra_discriminator_terms(self, critic, real, fake):
            return {"drift": 0.5 * tf.reduce_mean(critic.scores(real) ** 2)}

        def extra_generator_terms(self, critic, real, fake):
            return {"size": 0.5 * tf.reduce_mean(fake["x"] ** 2)}

    plain, extended = (eager_gan(gan=g, optimizer=sgd()) for g in (GAN, Extended))
    train(plain, 1)
    history = train(extended, 1).history
    assert history["penalty/drift"][0] > 0
    assert history["generator_term/size"][0] > 0
    for part in ("generator", "discriminator"):
        assert relative_error(weights(extended)[part], weights(plain)[part]) > 1e-4


def test_labels_beside_the_examples_are_ignored():
    data = plain_batches(2, BATCH)
    labelled = data.map(lambda x: (x, tf.zeros(tf.shape(x)[0], tf.int32)))
    first, second = eager_gan(), eager_gan()
    train(first, 2, data)
    train(second, 2, labelled)
    assert relative_error(weights(first)["generator"], weights(second)["generator"]) == 0


def test_a_discriminator_replaced_by_its_constraint_is_no_layer_any_more():
    gan = eager_gan(OBJECTIVES["hinge"]())
    assert gan.discriminator in gan.layers
    assert sum(layer.name == gan.discriminator.name for layer in gan.layers) == 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class LinearInReal(NonSaturating):
    """Its gradient by the real scores is a constant: nothing but the loss itself needs them."""

    name = "linear_in_real"

    def discriminator_loss(self, real_scores, fake_scores):
        return tf.nn.softplus(fake_scores) - real_scores


def test_an_update_waits_for_the_forward_pass():
    """The graph's optimiser let it overtake in one run of five before: real scores of new weights.

    The order is chosen for each graph, so the step is traced anew each time. The chance that
    ten graphs of the old code agree is about one in ten.
    """
    gan = tiny_gan(LinearInReal(), optimizer=sgd(0.5))
    start, seen = weights(gan), set()
    for _ in range(10):
        gan._one_step = None
        for _ in range(3):
            restore(gan, start)
            seen.add(float(gan.train_on_batch(rows(BATCH))["real_score"]))
    assert len(seen) == 1
