"""EBGAN's margin and BEGAN's balance, by hand."""

import dataclasses
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.objectives import BEGAN, EBGAN

# Errors of reconstruction (0.5, 1.5) and (2, 4), means 1 and 3, as scores.
REAL = [-0.5, -1.5]
FAKE = [-2.0, -4.0]


def scores(values):
    return tf.constant(values, tf.float32)


def values(state):
    return {name: float(value) for name, value in state.items()}


def test_margin_leaves_high_energies_alone():
    """Generated examples beyond the margin give the discriminator no gradient, real ones do."""
    objective = EBGAN(margin=3.0)
    real, fake = scores(REAL), scores(FAKE)
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        loss = objective.discriminator_loss(real, fake)
    on_real, on_fake = tape.gradient(loss, (real, fake))
    np.testing.assert_allclose(loss, [1.5, 1.5])  # 0.5 + (3 - 2) and 1.5 + 0
    np.testing.assert_allclose(on_real, [-1.0, -1.0])
    np.testing.assert_allclose(on_fake, [1.0, 0.0])
    np.testing.assert_allclose(objective.generator_loss(real, fake), [2.0, 4.0])


def test_ebgan_keeps_no_state():
    objective = EBGAN()
    assert objective.initial_state() == {}
    assert objective.next_state(scores(REAL), scores(FAKE)) == {}
    assert objective.with_state({}) is objective


def test_balance_weighs_the_generated_error():
    """L(x) - k L(G(z)): with k = 0.25, 0.5 - 0.25 * 2 and 1.5 - 0.25 * 4."""
    began = BEGAN().with_state({"balance": 0.25})
    loss = began.discriminator_loss(scores(REAL), scores(FAKE))
    np.testing.assert_allclose(loss, [0.0, 0.5])
    np.testing.assert_allclose(began.generator_loss(scores(REAL), scores(FAKE)), [2.0, 4.0])


def test_balance_moves_by_the_imbalance():
    """k + rate (gamma E L(x) - E L(G(z))) with means 1 and 3."""
    began = BEGAN(diversity=0.5, balance_rate=0.1)
    assert began.initial_state() == {"balance": 0.0}
    higher = began.with_state({"balance": 0.4}).next_state(scores(FAKE), scores(REAL))
    assert values(higher) == pytest.approx({"balance": 0.4 + 0.1 * (0.5 * 3 - 1)})
    lower = began.with_state({"balance": 0.4}).next_state(scores(REAL), scores(FAKE))
    assert values(lower) == pytest.approx({"balance": 0.4 + 0.1 * (0.5 * 1 - 3)})


@pytest.mark.parametrize(
    ("start", "real", "fake", "expected"),
    [(0.0, REAL, FAKE, 0.0), (0.1, REAL, FAKE, 0.0), (0.9, FAKE, [0.0, 0.0], 1.0)],
)
def test_balance_stays_between_zero_and_one(start, real, fake, expected):
    began = BEGAN(balance_rate=0.5).with_state({"balance": start})
    assert values(began.next_state(scores(real), scores(fake))) == {"balance": expected}


def test_measures():
    """Convergence L(x) + |gamma L(x) - L(G(z))| = 1 + |0.75 - 3|."""
    began = BEGAN().with_state({"balance": 0.25})
    measures = values(began.measures(scores(REAL), scores(FAKE)))
    assert measures == pytest.approx({"convergence": 3.25, "balance": 0.25})
    equal = scores([-1.0, -1.0])
    assert values(BEGAN(diversity=1.0).measures(equal, equal)) == {
        "convergence": 1.0,
        "balance": 0.0,
    }


@pytest.mark.parametrize("variable", [keras.Variable, tf.Variable])
def test_state_is_read_when_the_loss_is_computed(variable):
    """A variable that changes between two runs of one graph changes the loss."""
    balance = variable(0.0, dtype="float32")
    began = BEGAN(balance_rate=0.1).with_state({"balance": balance})

    @tf.function(autograph=False)
    def update(real, fake):
        loss = tf.reduce_mean(began.discriminator_loss(real, fake))
        balance.assign(began.next_state(real, fake)["balance"])
        return loss

    real, fake = scores([-4.0, -4.0]), scores([-1.0, -1.0])
    # Each update adds 0.1 (0.75 * 4 - 1) = 0.2 to k, so the loss 4 - k falls by 0.2.
    losses = [float(update(real, fake)) for _ in range(3)]
    assert losses == pytest.approx([4.0, 3.8, 3.6])
    assert float(tf.convert_to_tensor(balance)) == pytest.approx(0.6)


def test_balance_is_no_option():
    parameters = inspect.signature(BEGAN).parameters
    assert {"diversity", "balance_rate"} <= set(parameters)
    assert "balance" not in parameters
    with pytest.raises(TypeError, match="balance"):
        BEGAN(balance=0.5)


def test_with_state_is_a_copy():
    began = BEGAN(diversity=0.3)
    reader = began.with_state({"balance": 0.5})
    assert began.balance == 0.0
    assert reader.diversity == 0.3
    assert reader == began  # the same objective, read elsewhere
    with pytest.raises(dataclasses.FrozenInstanceError):
        reader.balance = 0.1


def test_two_replicas_move_the_balance_alike(two_replicas):
    """By the mean of both halves, not by each one's own."""
    began = BEGAN(diversity=0.5, balance_rate=0.1).with_state({"balance": 0.4})
    real, fake = scores(FAKE), scores(REAL)

    @tf.function(autograph=False)
    def states():
        def each():
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            rows = tf.gather(real, [index]), tf.gather(fake, [index])
            return began.next_state(*rows)["balance"], began.measures(*rows)["convergence"]

        return two_replicas.run(each)

    whole = began.next_state(real, fake)["balance"], began.measures(real, fake)["convergence"]
    for value, expected in zip(states(), whole, strict=True):
        for copy in two_replicas.experimental_local_results(value):
            assert float(copy) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("objective", "options", "message"),
    [
        (EBGAN, {"margin": 0.0}, "`margin` must be above 0.*margin=0.0"),
        (BEGAN, {"diversity": 0.0}, "`diversity` must be above 0 and at most 1.*diversity=0.0"),
        (BEGAN, {"diversity": 1.5}, "`diversity` must be above 0 and at most 1.*diversity=1.5"),
        (BEGAN, {"balance_rate": 0.0}, "`balance_rate` must be above 0.*balance_rate=0.0"),
    ],
)
def test_refusals(objective, options, message):
    with pytest.raises(ValueError, match=message):
        objective(**options)
