"""Terms, augmentations, weightings and objectives with state, as the step runs them."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from case import (
    BATCH,
    any_combination,
    critic_of,
    restore,
    rows,
    same_networks,
    tiny_gan,
    train,
    weights,
)

from ganapp.models.noise import DRAWS_OF_A_TERM, Draws, Stream
from ganapp.models.replicas import global_mean
from ganapp.models.tensors import with_outputs
from ganapp.training.augmentations import Augmentation, InstanceNoise
from ganapp.training.objectives import OBJECTIVES, NonSaturating, Objective
from ganapp.training.terms import R1, Term
from ganapp.training.weightings import TopK, Weighting


class Counter(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EveryTerm(Term):
    """Uses each hook in a way that shows in the update."""

    name = "everything"
    players = ("generator", "discriminator")
    reads = ("features",)

    def make_state(self, generator, discriminator):
        return Counter()

    def discriminator_term(self, critic, real, fake, draw, state=None):
        return 0.1 * tf.reduce_mean(critic(real)["scores"] ** 2, axis=1) + state.count

    def generator_term(self, critic, real, fake, draw, state=None):
        return 0.1 * draw() + 0.1 * tf.reduce_mean(critic(fake)["features"] ** 2, axis=1)

    def after_discriminator_update(self, real_scores, fake_scores, discriminator, state):
        return [(state.count, state.count + global_mean(tf.ones_like(real_scores)))]

    def logs(self, step, state):
        return {"count": state.count.value}


class Noise(Augmentation):
    name = "noise"

    def augment(self, examples, draw, step, state):
        return examples + 0.1 * draw(*examples.shape[1:])


class Halves(Weighting):
    name = "halves"

    def discriminator_scores(self, real_scores, fake_scores, draw, step):
        return real_scores * 0.5, fake_scores

    def generator_weights(self, fake_scores, step):
        return 0.5 * tf.ones_like(fake_scores)


EVERYTHING = {"terms": (EveryTerm(),), "augmentations": (Noise(),), "weightings": (Halves(),)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balanced(NonSaturating):
    """An objective with a state that its loss reads and each update moves."""

    balance: object = dataclasses.field(default=0.0, init=True)
    name = "balanced"

    def initial_state(self):
        return {"balance": 0.5}

    def with_state(self, state):
        return dataclasses.replace(self, **state)

    def next_state(self, real_scores, fake_scores):
        return {"balance": self.balance + 0.1 * global_mean(real_scores - fake_scores)}

    def measures(self, real_scores, fake_scores):
        return {"balance": tf.convert_to_tensor(self.balance)}

    def discriminator_loss(self, real_scores, fake_scores):
        return super().discriminator_loss(real_scores, fake_scores) * self.balance


def sgd():
    return keras.optimizers.SGD(0.05)


STATEFUL = Balanced(**EVERYTHING | {"terms": (R1(interval=2), EveryTerm())})


def test_two_replicas_train_as_one(two_replicas):
    """The same noise too, in both discriminator updates and in the lazy penalty."""
    objective = dataclasses.replace(
        STATEFUL, discriminator_steps=2, augmentations=(Noise(), InstanceNoise(sigma=0.5))
    )
    gans = [
        tiny_gan(objective, optimizer=sgd, strategy=strategy, run_eagerly=strategy is None)
        for strategy in (None, two_replicas)
    ]
    logs = [train(gan, 4).history for gan in gans]
    assert same_networks(gans[1], gans[0]) < 1e-5
    for key, value in logs[0].items():
        if not key.endswith("_std"):
            assert logs[1][key] == pytest.approx(value, rel=1e-4, abs=1e-6), key
    states = [[v.numpy() for v in gan.state()["terms"]] for gan in gans]
    np.testing.assert_allclose(states[0], states[1], rtol=1e-5)
    assert 8.0 in states[0]  # eight updates counted
    assert 0.5 not in states[0]  # the balance moved


@pytest.mark.parametrize("name", ["non_saturating", "relativistic", "relativistic_average"])
def test_examples_of_no_weight_teach_the_generator_nothing(name):
    """Not through the average of the batch either."""
    gan = tiny_gan(OBJECTIVES[name](weightings=(TopK(fraction=0.5),)))
    real, fake = tf.constant(rows(BATCH)), tf.constant(rows(BATCH, seed=1))
    critic = critic_of(lambda x: gan.score({"x": x}))
    with tf.GradientTape() as tape:
        tape.watch(fake)
        given = {"x": real}, {"x": fake}
        scores = critic.scores(given[1])
        loss, _ = gan._generator_loss(critic, *given, critic.scores(given[0]))
    learnt = np.abs(tape.gradient(loss, fake)).sum(axis=1)
    best = np.argsort(-scores.numpy()[:, 0])
    assert (learnt[best[: BATCH // 2]] > 0).all()
    assert (learnt[best[BATCH // 2 :]] == 0).all()


def test_every_hook_shows():
    plain, stabilised = (
        tiny_gan(objective, optimizer=sgd, run_eagerly=True)
        for objective in (None, NonSaturating(**EVERYTHING))
    )
    logs = [train(gan, 1).history for gan in (plain, stabilised)]
    assert set(logs[1]) - set(logs[0]) == {
        "penalty/everything",
        "penalty_weight/everything",
        "generator_term/everything",
        "everything/count",
    }
    assert logs[1]["everything/count"] == [1.0]
    assert logs[1]["real_score"] != logs[0]["real_score"]  # augmented
    assert logs[1]["generator_loss"][0] < 0.6 * logs[0]["generator_loss"][0]  # weighted by half


def test_states_are_in_the_checkpoint_and_restore_the_next_step():
    gan = tiny_gan(STATEFUL, optimizer=sgd, run_eagerly=True)
    train(gan, 1)
    saved = weights(gan)
    train(gan, 1)
    expected = weights(gan)
    restore(gan, saved)
    train(gan, 1)
    for part, arrays in expected.items():
        for ours, theirs in zip(weights(gan)[part], arrays, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=part)


def test_a_second_compile_starts_the_states_afresh():
    gan = tiny_gan(STATEFUL, optimizer=sgd, run_eagerly=True)
    train(gan, 2)
    with any_combination():
        gan.compile(objective=STATEFUL)
    states = [float(v.numpy()) for v in gan.state()["terms"]]
    assert sorted(states) == [0.0, 0.5]


def test_a_lazy_penalty_is_paid_at_its_updates_only():
    def paid(steps, eager=True, k=1, interval=1):
        terms = (R1(weight=2.0, interval=interval),)
        gan = tiny_gan(
            NonSaturating(discriminator_steps=k, terms=terms),
            optimizer=lambda: keras.optimizers.SGD(0.0),
            run_eagerly=eager,
        )
        return [train(gan, 1).history["penalty/r1"][0] for _ in range(steps)]

    # Logs are of the last of two updates a step: counts 1, 3, 5, ... are never due.
    assert paid(1, k=2, interval=4) == [0.0]
    always = paid(5)
    for eager in (True, False):
        seen = paid(5, eager, interval=4)
        np.testing.assert_allclose(seen, [4 * always[0], 0, 0, 0, 4 * always[4]], rtol=1e-5)


def test_a_lazy_penalty_moves_the_weights_as_a_heavier_one():
    """At a step where it is due, interval 3 at weight 1 is the penalty at weight 3."""
    lazy, heavy = (
        tiny_gan(NonSaturating(terms=(penalty,)), optimizer=sgd, run_eagerly=True)
        for penalty in (R1(weight=1.0, interval=3), R1(weight=3.0))
    )
    for gan in (lazy, heavy):
        train(gan, 1)
    assert same_networks(lazy, heavy) < 1e-6


def test_a_lazy_term_of_the_generator_is_paid_at_its_steps_only():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class One(Term):
        name = "one"
        players = ("generator",)

        def per_example(self, critic, real, fake, draw, state=None):
            return tf.ones((BATCH,)) + 0.0 * fake["x"][:, 0]

    for eager in (True, False):
        gan = tiny_gan(NonSaturating(terms=(One(weight=0.5, interval=3),)), run_eagerly=eager)
        seen = [train(gan, 1).history["generator_term/one"][0] for _ in range(4)]
        np.testing.assert_allclose(seen, [1.5, 0, 0, 1.5], rtol=1e-6)


def test_a_term_sees_what_an_example_was_made_of():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Reconstruction(Term):
        name = "reconstruction"
        players = ("generator",)

        def per_example(self, critic, real, fake, draw, state=None):
            assert {"x"} == set(real)
            assert {"x", "z"} == set(fake)
            return tf.reduce_mean(tf.abs(fake["x"] - real["x"]), axis=1)

    gan = tiny_gan(NonSaturating(terms=(Reconstruction(weight=2.0),)), run_eagerly=True)
    assert train(gan, 1).history["generator_term/reconstruction"][0] > 0


def test_terms_of_one_name_add_up():
    one, two = (
        train(tiny_gan(NonSaturating(terms=terms), run_eagerly=True), 1).history
        for terms in ((R1(weight=3.0),), (R1(weight=1.0), R1(weight=2.0)))
    )
    assert two["penalty/r1"][0] == pytest.approx(one["penalty/r1"][0], rel=1e-6)


def test_states_of_one_name_are_refused():
    with pytest.raises(ValueError, match="Received: 'everything' twice"):
        tiny_gan(NonSaturating(terms=(EveryTerm(), EveryTerm())))


def test_draws_differ_by_call_term_and_step_and_have_an_end():
    def draws(step=0, place=0):
        return Draws(3, Stream.DISCRIMINATOR_TERMS, tf.constant(step, tf.int64), place, 4)

    first = draws()
    numbers = [first().numpy(), first().numpy(), draws(place=1)().numpy(), draws(1)().numpy()]
    assert len(np.unique(np.stack(numbers))) == 16
    np.testing.assert_array_equal(draws()().numpy(), numbers[0])
    assert draws()(2, 3).shape == (4, 2, 3)
    for _ in range(DRAWS_OF_A_TERM - 2):
        first()
    with pytest.raises(RuntimeError, match="may draw"):
        first()


def test_features_are_what_the_last_layer_gets():
    gan = tiny_gan()
    x = rows(BATCH)
    critic = critic_of(with_outputs(gan.discriminator, ["features"]))
    features = critic({"x": tf.constant(x)})["features"]
    kernel, bias = gan.discriminator.layers[-1].get_weights()
    np.testing.assert_allclose(
        features.numpy() @ kernel + bias, gan.discriminator(x, training=True), rtol=1e-5
    )
    named = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3, name="features"), keras.layers.Dense(1)]
    )
    assert with_outputs(named, ["features"]).output["features"].shape == (None, 3)


def test_features_of_a_subclassed_discriminator_are_refused():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match=r"must return a dict.*Received: Subclassed"):
        with_outputs(Subclassed(), ["features"])


def test_an_objective_has_no_state_by_default():
    objective = Objective()
    assert objective.initial_state() == {}
    assert objective.with_state({}) is objective
