"""The duality gap, the distance of a game from its equilibrium, by short training of copies.

With a value M(G, D) that G lowers and D raises, the gap is max_D' M(G, D') - min_G' M(G', D). It is
0 at an equilibrium and nowhere else, falls when a GAN improves, and stays up when modes are
missing. Both ends are approached by a few steps from where the players are, so what is found is
the local gap, a lower bound of the gap but for the noise of the examples it is measured on.

Reference: Grnarova et al., 2019, arXiv:1811.05512.
"""

import dataclasses
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.objectives.base import Objective
from ganapp.training.optimizers import OptimizerConfig, adam

OPTIMIZER = adam(1e-3, 0.5, 0.999)  # faster than most GANs' own: the copies have few steps

GAIN = {"generator": -1.0, "discriminator": 1.0}  # which way of the value is each player's own

Value = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DualityGap:
    """The result of `duality_gap`; values are means over `judged` examples no copy was trained on.

    `gap` = `worst_case` - `best_response`. `worst_case`: the value against the discriminator that
    the generator fears most; `best_response`: that of the generator which the discriminator fears
    most; `value`: that of the players themselves, which lies between them. `standard_error` of the
    gap. `overshot`: the players whose copy ended worse than it began; what they could gain is
    undecided, and counts as nothing. `steps` of each copy, `trained` examples they were taken on.
    """

    gap: float
    standard_error: float
    overshot: tuple[str, ...]
    worst_case: float
    best_response: float
    value: float
    steps: int
    trained: int
    judged: int


def duality_gap(
    generator: keras.Model,
    discriminator: keras.Model,
    *,
    objective: Objective,
    real: ArrayLike,
    latents: ArrayLike,
    value: Value | None = None,
    steps: int = 50,
    batch_size: int = 128,
    optimizer: OptimizerConfig = OPTIMIZER,
    seed: int = 0,
) -> DualityGap:
    """Trains a copy of each player against the other as it is; neither original is touched.

    The first half of the examples trains the copies, the second gives the values. Networks run in
    inference mode, so that dropout, moving statistics and power iterations play no part. Penalties
    and constraints are left out: without them some values (WGAN's) have no upper end, and the gap
    is then what so many steps gain and is comparable between runs of the same `steps` and
    `optimizer` only.

    Args:
        generator: maps latents to examples.
        discriminator: maps examples to raw scores.
        objective: gives the value.
        real: examples in model units `(n, *shape)`, at least 4.
        latents: `(n, size)`, as many.
        value: of real and generated scores, per score; minus the objective's discriminator loss
            when not given, which is the value of the game for `minimax`, `wgan` and the bound of
            the f-divergences.
        steps: updates of each copy, at least 1.
        batch_size: examples of an update; all of the half when it has fewer.
        optimizer: of the copies.
        seed: of the order of the examples.

    Raises:
        NotComputable: a network cannot be copied.
    """
    real, latents = (np.asarray(values, dtype=np.float32) for values in (real, latents))
    if len(real) != len(latents) or len(real) < 4:
        raise ValueError(
            "`real` and `latents` must hold the same number of rows, at least 4. "
            f"Received: {len(real)} and {len(latents)} rows"
        )
    if min(steps, batch_size) < 1:
        raise ValueError(
            "`steps` and `batch_size` must be at least 1. "
            f"Received: steps={steps}, batch_size={batch_size}"
        )
    half = len(real) // 2
    training, held_back = (real[:half], latents[:half]), (real[half:], latents[half:])
    playing = objective.with_state(objective.initial_state())
    game = _Game(
        value=value or (lambda *scores: -playing.discriminator_loss(*scores)),
        examples=training,
        steps=steps,
        batch_size=batch_size,
        optimizer=optimizer,
        seed=seed,
    )
    players = {"generator": generator, "discriminator": discriminator}
    present, ends = game.values(players, *held_back), {}
    for role, network in players.items():
        one_copied = players | {role: copy_network(network)}
        game.train(one_copied, role)
        ends[role] = game.values(one_copied, *held_back)
    # Each extreme is over all networks, these among them: training can have overshot.
    with np.errstate(over="ignore", invalid="ignore"):  # of copies that diverged
        gains = {role: GAIN[role] * float(np.mean(end - present)) for role, end in ends.items()}
        overshot = tuple(role for role, gain in gains.items() if gain < 0)
        ends |= dict.fromkeys(overshot, present)
        worst_case, best_response = ends["discriminator"], ends["generator"]
        error = float(np.std(worst_case - best_response) / np.sqrt(len(present)))
    return DualityGap(
        gap=float(worst_case.mean() - best_response.mean()),
        standard_error=error,
        overshot=overshot,
        worst_case=float(worst_case.mean()),
        best_response=float(best_response.mean()),
        value=float(present.mean()),
        steps=steps,
        trained=half,
        judged=len(real) - half,
    )


def copy_network(network: keras.Model) -> keras.Model:
    """A network of the same layers with the same weights, all its own.

    Raises:
        NotComputable: it is not functional or sequential, or a layer cannot be made again.
    """
    try:
        copy = keras.models.clone_model(network)
        copy.set_weights(network.get_weights())
    except (ValueError, TypeError, NotImplementedError) as error:
        raise NotComputable(
            "A network must be functional or sequential, of layers with a `get_config`, to be "
            f"copied. Received: {network.name!r}: {str(error).splitlines()[0]}"
        ) from error
    return copy


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Game:
    """The value of two networks, and one of them trained for it on examples and latents."""

    value: Value
    examples: tuple[np.ndarray, np.ndarray]
    steps: int
    batch_size: int
    optimizer: OptimizerConfig
    seed: int

    def values(
        self, players: dict[str, keras.Model], real: ArrayLike, latents: ArrayLike
    ) -> np.ndarray:
        """The value at each pair of examples, float64 `(n,)`, in batches."""
        parts = []
        for start in range(0, len(real), self.batch_size):
            rows = slice(start, start + self.batch_size)
            found = self._score(players, tf.constant(real[rows]), tf.constant(latents[rows]))
            found = np.asarray(found, np.float64)
            count = len(real[rows])
            # One value for the whole batch stands for each of its pairs.
            each = (
                found.reshape(count, -1).mean(axis=1) if found.size % count == 0 else found.mean()
            )
            parts.append(np.broadcast_to(each, (count,)))
        return np.concatenate(parts)

    def train(self, players: dict[str, keras.Model], role: str) -> None:
        """Raises the value by the discriminator's weights, or lowers it by the generator's."""
        sign = -GAIN[role]
        variables = players[role].trainable_variables
        optimizer = self.optimizer.build(self.steps)
        optimizer.build(variables)

        @tf.function(autograph=False)
        def step(real: tf.Tensor, latents: tf.Tensor) -> None:
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([variable.value for variable in variables])
                loss = sign * tf.reduce_mean(self._score(players, real, latents))
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            # A weight that no score depends on (a bias under WGAN) has none.
            pairs = zip(gradients, variables, strict=True)
            optimizer.apply([tf.zeros_like(v.value) if g is None else g for g, v in pairs])

        for real, latents in self._batches():
            step(tf.constant(real), tf.constant(latents))

    def _score(
        self, players: dict[str, keras.Model], real: tf.Tensor, latents: tf.Tensor
    ) -> tf.Tensor:
        fake = players["generator"](latents, training=False)
        scores = [
            tf.cast(players["discriminator"](examples, training=False), tf.float32)
            for examples in (real, fake)
        ]
        return self.value(*scores)

    def _batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """As many minibatches as steps; each pass over the examples in another order."""
        real, latents = self.examples
        random, size = np.random.default_rng(self.seed), min(self.batch_size, len(real))
        order = np.empty(0, dtype=int)
        for _ in range(self.steps):
            if len(order) < size:
                order = random.permutation(len(real))
            rows, order = order[:size], order[size:]
            yield real[rows], latents[rows]
