"""A player's weights are drawn towards what they have been on average."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

import keras
import tensorflow as tf

from ganapp.training.extensions import Assignments, check_choices
from ganapp.training.terms.base import Critic, Term

PLAYERS = ("generator", "discriminator")


class History(keras.layers.Layer):
    """The mean of the past trainable weights of each player, and of how many updates it is."""

    def __init__(self, networks: Mapping[str, keras.Model]) -> None:
        super().__init__(name="history", dtype="float32")
        self.updates, self.means = {}, {}
        for player, network in networks.items():
            self.updates[player] = self._zeros(f"{player}_updates", (), "float32")
            self.means[player] = [
                self._zeros(f"{player}_mean_{place}", variable.shape, variable.dtype)
                for place, variable in enumerate(network.trainable_variables)
            ]
        self.built = True

    def squared_distance(self, player: str, variables: Sequence[keras.Variable]) -> tf.Tensor:
        """Squared Euclidean distance of the weights from their past mean; 0 without a past."""
        differences = [
            variable.value - mean.value
            for variable, mean in zip(variables, self.means[player], strict=True)
        ]
        total = sum(tf.cast(tf.reduce_sum(d**2), tf.float32) for d in differences)
        return total * tf.cast(self.updates[player].value > 0, tf.float32)

    def after_update(self, player: str, variables: Sequence[keras.Variable]) -> Assignments:
        updates = self.updates[player].value + 1.0
        pairs = [(self.updates[player], updates)]
        for variable, mean in zip(variables, self.means[player], strict=True):
            change = (variable.value - mean.value) / tf.cast(updates, mean.dtype)
            pairs.append((mean, mean.value + change))
        return pairs

    def _zeros(self, name: str, shape: tuple[int, ...], dtype: str) -> keras.Variable:
        return self.add_weight(
            name=name, shape=shape, dtype=dtype, initializer="zeros", trainable=False
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HistoricalAverage(Term):
    """Squared distance of the weights from the mean of all past weights, in a player's loss.

    The mean is over the weights after each of the player's updates; it costs the memory of the
    weights once more.

    Args:
        players: whose weights.
    """

    players: tuple[Literal["generator", "discriminator"], ...] = PLAYERS
    name = "historical_average"
    reference = "Salimans et al., 2016, arXiv:1606.03498"
    formula = "weight * |theta - 1/t sum_{i <= t} theta_i|^2"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choices("players", self.players, PLAYERS)

    def make_state(self, generator, discriminator):
        networks = {"generator": generator, "discriminator": discriminator}
        return History({player: networks[player] for player in self.players})

    def discriminator_term(self, critic, real, fake, draw, state=None):
        return self._term("discriminator", critic, state)

    def generator_term(self, critic, real, fake, draw, state=None):
        return self._term("generator", critic, state)

    def after_discriminator_update(self, real_scores, fake_scores, discriminator, state):
        return self._after("discriminator", discriminator, state)

    def after_generator_update(self, generator, state):
        return self._after("generator", generator, state)

    def _term(self, player: str, critic: Critic, state: History) -> tf.Tensor:
        variables = critic.networks[player].trainable_variables
        return state.squared_distance(player, variables)[None]

    def _after(self, player: str, network: keras.Model, state: History) -> Assignments:
        if player not in self.players:
            return []
        return state.after_update(player, network.trainable_variables)
