"""Weights held near their past mean."""

import numpy as np
import pytest
import tensorflow as tf
from case import numeric_gradient
from extension_case import FakeCritic, apply, linear_generator, on_two_replicas

from ganapp.training.terms import HistoricalAverage

PLAYERS = ("generator", "discriminator")


class Players:
    """A generator, a critic and the state of `member`, with both hooks by the player's name."""

    def __init__(self, member):
        self.generator = linear_generator()
        self.critic = FakeCritic(generator=self.generator)
        self.member = member
        self.state = member.make_state(self.generator, self.critic.network)

    def variables(self, player):
        network = self.generator if player == "generator" else self.critic.network
        return network.trainable_variables

    def term(self, player):
        term = getattr(self.member, f"{player}_term")
        values = term(self.critic, None, None, None, self.state)
        assert values.shape == (1,)
        return self.member.weight * tf.reduce_mean(values)

    def after(self, player):
        if player == "generator":
            return self.member.after_generator_update(self.generator, self.state)
        return self.member.after_discriminator_update(None, None, self.critic.network, self.state)


def move(variables, seed):
    draws = np.random.default_rng(seed)
    for variable in variables:
        variable.assign(draws.normal(size=variable.shape))


def flat(variables):
    return np.concatenate([np.ravel(v.numpy()) for v in variables]).astype(np.float64)


@pytest.mark.parametrize("player", PLAYERS)
def test_the_mean_of_the_past_weights(player):
    players = Players(HistoricalAverage(weight=0.3))
    variables, past = players.variables(player), []
    assert float(players.term(player)) == 0.0  # no past yet
    for update in range(5):
        move(variables, update)
        apply(players.after(player))
        past.append(flat(variables))
        move(variables, 100 + update)
        expected = 0.3 * np.sum((flat(variables) - np.mean(past, axis=0)) ** 2)
        assert float(players.term(player)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("player", PLAYERS)
def test_gradient_is_twice_the_distance(player):
    players = Players(HistoricalAverage(weight=0.5))
    variables = players.variables(player)
    apply(players.after(player))
    before = [v.numpy() for v in variables]
    move(variables, 3)
    with tf.GradientTape() as tape:
        value = players.term(player)
    gradients = tape.gradient(value, [v.value for v in variables])
    for gradient, variable, mean in zip(gradients, variables, before, strict=True):
        np.testing.assert_allclose(gradient, variable.numpy() - mean, rtol=1e-5)
    numeric = numeric_gradient(lambda: players.term(player), variables[0], step=1e-2)
    np.testing.assert_allclose(gradients[0], numeric, rtol=1e-2, atol=1e-3)


def test_without_a_past_there_is_no_gradient_either():
    players = Players(HistoricalAverage())
    variables = players.variables("generator")
    with tf.GradientTape() as tape:
        value = players.term("generator")
    for gradient in tape.gradient(value, [v.value for v in variables]):
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))


@pytest.mark.parametrize("player", PLAYERS)
def test_one_player_alone(player):
    players = Players(HistoricalAverage(players=(player,)))
    other = PLAYERS[1 - PLAYERS.index(player)]
    assert players.member.players == (player,)
    assert players.after(other) == []
    assert players.term(player) is not None
    assert len(players.state.variables) == 1 + len(players.variables(player))


def test_the_state_costs_the_weights_once_and_is_not_trained():
    players = Players(HistoricalAverage())
    weights = players.variables("generator") + players.variables("discriminator")
    assert len(players.state.variables) == len(weights) + 2
    assert players.state.trainable_variables == []


def test_two_replicas_are_one(two_replicas):
    with two_replicas.scope():
        mirrored = Players(HistoricalAverage())
    single = Players(HistoricalAverage())
    for player in PLAYERS:
        for update in range(3):
            for players in (mirrored, single):
                move(players.variables(player), update)
            apply(single.after(player))

            def update_state(rows, player=player):
                apply(mirrored.after(player))
                return tf.reduce_sum(rows)

            on_two_replicas(two_replicas, update_state, np.zeros((2, 1), np.float32))
    for a, b in zip(mirrored.state.variables, single.state.variables, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
        assert np.any(b.numpy())
    move(mirrored.variables("generator"), 9)
    move(single.variables("generator"), 9)
    expected = float(single.term("generator"))
    rows = np.zeros((2, 1), np.float32)
    halves = on_two_replicas(two_replicas, lambda _: mirrored.term("generator"), rows)
    np.testing.assert_allclose(halves, [expected] * 2, rtol=1e-6)
