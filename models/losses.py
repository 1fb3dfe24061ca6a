"""The losses of both players: the objective's, by its weightings, with every term added to them."""

import math
from collections.abc import Callable
from typing import Protocol

import keras
import tensorflow as tf

from ganapp.models.contracts import Member, Objective, Scores, Term
from ganapp.models.critic import Critic, computes_in, float32_compute
from ganapp.models.noise import Draws, Stream
from ganapp.models.packing import pack_examples, unpack_examples
from ganapp.models.tensors import EXAMPLE, Tensors

# Terms of one update that draw numbers; the last place is that of the weightings.
PLACES = 2**5


class Extensions(keras.layers.Layer):
    """The states of an objective and of what extends it, so that checkpoints hold them.

    Args:
        objective: see `ganapp.training.objectives.base`.
        generator: of the GAN, for members that keep something of its weights.
        discriminator: likewise.
        packing: examples that the discriminator judges together; each is augmented by itself.

    Raises:
        ValueError: two members with a state have the same name.
    """

    def __init__(
        self,
        objective: Objective,
        generator: keras.Model,
        discriminator: keras.Model,
        packing: int = 1,
    ) -> None:
        super().__init__(name="extensions", dtype="float32")
        self.augmentations, self.packing = tuple(objective.augmentations), packing
        self.objective_state = {
            name: self.add_weight(
                name=name,
                shape=(),
                initializer=keras.initializers.Constant(value),
                trainable=False,
            )
            for name, value in objective.initial_state().items()
        }
        states = {}
        for member in objective.extensions:
            state = member.make_state(generator, discriminator)
            if state is not None and member.name in states:
                raise ValueError(
                    "Of the members of an objective that have a state each may be there once. "
                    f"Received: {member.name!r} twice"
                )
            if state is not None:
                states[member.name] = state
        self.states = states  # tracked by Keras
        self.built = True

    def state(self, member: Member) -> keras.layers.Layer | None:
        """The state of a member of the objective."""
        return self.states.get(member.name)

    def augment(self, packs: tf.Tensor, draw: Draws, step: tf.Tensor) -> tf.Tensor:
        """Augments packs, in which each example has draws of its own.

        Args:
            packs: what it judges, `(batch, *packed_shape)`.
            draw: uniform numbers for each of the `batch * packing` examples.
            step: completed generator updates.
        """
        if not self.augmentations:
            return packs
        examples = unpack_examples(packs, self.packing)
        for member in self.augmentations:
            examples = member.augment(examples, draw, step, self.state(member))
        return pack_examples(examples, self.packing)

    def after_discriminator_update(
        self, objective: Objective, scores: Scores, discriminator: keras.Model
    ) -> None:
        """Brings the states up to date, those of the objective too."""
        for name, value in objective.next_state(*scores).items():
            self.objective_state[name].assign(value)
        if self.packing > 1:  # members count examples, each of which has its pack's score
            scores = tuple(tf.repeat(score, self.packing, axis=0) for score in scores)
        for member in objective.extensions:
            state = self.state(member)
            _assign(member.after_discriminator_update(*scores, discriminator, state))

    def after_generator_update(self, objective: Objective, generator: keras.Model) -> None:
        """Brings the states up to date."""
        for member in objective.extensions:
            _assign(member.after_generator_update(generator, self.state(member)))

    def logs(self, objective: Objective, step: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scalars `<member>/<name>`."""
        return {
            f"{member.name}/{name}": value
            for member in objective.extensions
            for name, value in member.logs(step, self.state(member)).items()
        }


class AdversarialModel(Protocol):
    """The part of a `GAN` that its losses read."""

    objective: Objective
    extensions: Extensions
    discriminator: keras.Model
    step: keras.Variable
    seed: int
    distribute_strategy: tf.distribute.Strategy

    def team(self, player: str) -> list[keras.Model]: ...

    def extra_discriminator_terms(self, critic: Critic, real: Tensors, fake: Tensors) -> dict: ...

    def extra_generator_terms(self, critic: Critic, real: Tensors, fake: Tensors) -> dict: ...


def discriminator_loss(
    gan: AdversarialModel, critic: Critic, real: Tensors, fake: Tensors, index: int
) -> tuple[tf.Tensor, dict, dict]:
    """The discriminator's loss, its further terms and their weights by name.

    Args:
        gan: a `GAN`.
        critic: its discriminator within this update.
        real: the minibatch.
        fake: generated for the same rows.
        index: which discriminator update of the step this is.
    """
    objective, step = gan.objective, gan.step.value
    draw = _draws(gan, Stream.DISCRIMINATOR_TERMS, real, index)
    scores, numbers = (critic.scores(real), critic.scores(fake)), draw(PLACES - 1)
    for weighting in objective.weightings:
        scores = weighting.discriminator_scores(*scores, numbers, step)
    loss = tf.reduce_mean(objective.discriminator_loss(*scores))
    terms, weights = {}, {}
    count = step * objective.discriminator_steps + index
    for place, term in enumerate(_terms_of(objective, "discriminator")):
        weights[term.name] = tf.cast(term.weight_at(step), tf.float32)
        given = real, fake, draw(place), gan.extensions.state(term)
        value = _mean_term(gan, term, term.discriminator_term, critic, given, count)
        terms[term.name] = terms.get(term.name, 0.0) + weights[term.name] * value
    terms |= gan.extra_discriminator_terms(critic, real, fake)
    return loss, terms | _own_losses(gan.team("discriminator")), weights


def generator_loss(
    gan: AdversarialModel, critic: Critic, real: Tensors, fake: Tensors, real_scores: tf.Tensor
) -> tuple[tf.Tensor, dict]:
    """The generator's loss and its further terms by name; arguments as above."""
    objective, step = gan.objective, gan.step.value
    scores = critic.scores(fake)
    given = [weighting.generator_weights(scores, step) for weighting in objective.weightings]
    given = [weights for weights in given if weights is not None]
    if not given:
        loss = tf.reduce_mean(objective.generator_loss(real_scores, scores))
    else:
        # An example of no weight teaches nothing through an average of the batch's scores either.
        weights = math.prod(given)
        counted = tf.where(weights > 0, scores, tf.stop_gradient(scores))
        loss = tf.reduce_mean(weights * objective.generator_loss(real_scores, counted))
    terms, draw = {}, _draws(gan, Stream.GENERATOR_TERMS, real)
    for place, term in enumerate(_terms_of(objective, "generator")):
        given = real, fake, draw(place), gan.extensions.state(term)
        value = _mean_term(gan, term, term.generator_term, critic, given, step)
        weight = tf.cast(term.weight_at(step), tf.float32)
        terms[term.name] = terms.get(term.name, 0.0) + weight * value
    terms |= gan.extra_generator_terms(critic, real, fake)
    return loss, terms | _own_losses(gan.team("generator"))


def score_statistics(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Means, spreads and probabilities of raw scores.

    Args:
        real_scores: float32 `(batch, ...)`.
        fake_scores: float32, same shape.

    Returns:
        Scalars. `real_probability` and `fake_probability` are the means of the sigmoid, D(x) and
        D(G(z)) of Goodfellow et al. (2014); for a critic without that reading they are only a
        squashed score. On several replicas the standard deviations are those within a replica.
    """
    return {
        "real_score": tf.reduce_mean(real_scores),
        "fake_score": tf.reduce_mean(fake_scores),
        "score_gap": tf.reduce_mean(real_scores) - tf.reduce_mean(fake_scores),
        "real_score_std": tf.math.reduce_std(real_scores),
        "fake_score_std": tf.math.reduce_std(fake_scores),
        "real_probability": tf.reduce_mean(tf.sigmoid(real_scores)),
        "fake_probability": tf.reduce_mean(tf.sigmoid(fake_scores)),
    }


def mean_losses(
    objective: Objective, real_scores: tf.Tensor, fake_scores: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Both losses of `objective` at given scores, averaged: scalars."""
    scores = real_scores, fake_scores
    return {
        "discriminator_loss": tf.reduce_mean(objective.discriminator_loss(*scores)),
        "generator_loss": tf.reduce_mean(objective.generator_loss(*scores)),
    }


def _terms_of(objective: Objective, player: str) -> list[Term]:
    return [term for term in objective.terms if player in term.players]


def _draws(
    gan: AdversarialModel, stream: Stream, real: Tensors, index: int = 0
) -> Callable[[int], Draws]:
    """The draws of each place of an update."""
    step, rows = gan.step.value, tf.shape(real[EXAMPLE])[0]
    return lambda place: Draws(gan.seed, stream, step, index * PLACES + place, rows)


def _mean_term(
    gan: AdversarialModel,
    term: Term,
    hook: Callable,
    critic: Critic,
    given: tuple,
    count: tf.Tensor,
) -> tf.Tensor:
    """Mean of a term's values before its weight; with an interval, that many times it or nothing.

    Args:
        gan: a `GAN`.
        term: one of its objective's.
        hook: the term's in this player's loss.
        critic: of this loss.
        given: the hook's further arguments.
        count: of the player's updates so far.
    """
    if term.in_float32 and not computes_in(gan.discriminator, "float32"):
        critic = critic.within(lambda: float32_compute(gan.discriminator))
    if term.interval == 1:
        return tf.reduce_mean(hook(critic, *given))
    due = tf.equal(count % term.interval, 0)

    def value(own: Critic) -> tf.Tensor:
        return term.interval * tf.reduce_mean(hook(own, *given))

    if gan.distribute_strategy.num_replicas_in_sync > 1:
        # Replicas cannot talk to each other within a condition; so it costs as much as ever. What
        # augmentations draw is drawn again, as below. (Dropout counts this pass even when it is
        # not due, so its masks are not those of one device.)
        own = critic.fresh() if gan.extensions.augmentations else critic
        return tf.where(due, value(own), 0.0)
    # A pass of its own: one outside of the condition would be paid for at every update.
    return tf.cond(due, lambda: value(critic.fresh()), lambda: 0.0)


def _own_losses(networks: list[keras.Model]) -> dict[str, tf.Tensor]:
    """Regularisers and `add_loss` terms of networks' own layers, summed; empty without any."""
    losses = [loss for network in networks for loss in network.losses]
    return {"own_losses": tf.add_n([tf.cast(x, tf.float32) for x in losses])} if losses else {}


def _assign(assignments: list[tuple[keras.Variable, tf.Tensor]]) -> None:
    for variable, value in assignments:
        variable.assign(value)
