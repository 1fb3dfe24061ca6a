"""Both losses of one update, with every term that is added to them."""

from typing import Any

import tensorflow as tf

from ganapp.models.critic import Critic
from ganapp.models.noise import Draws, Stream
from ganapp.models.precision import computes_in, float32_compute
from ganapp.models.statistics import own_losses
from ganapp.models.tensors import Tensors

# Terms of one discriminator update that draw numbers: each penalty one, the stabilisers two.
PLACES = 2**5


def discriminator_loss(
    gan: Any, critic: Critic, examples: tuple, scores: tuple, index: int
) -> tuple[tf.Tensor, dict, dict]:
    """The discriminator's loss, its further terms and the weights of its penalties, by name.

    Args:
        gan: a `GAN`.
        critic: its discriminator within this update.
        examples: real and generated.
        scores: theirs.
        index: which discriminator update of the step this is.
    """
    step, rows = gan.step.value, tf.shape(examples[0])[0]

    def draw(place: int) -> Draws:
        return Draws(gan.seed, Stream.PENALTY, step, index * PLACES + place, rows)

    told = gan.stabilisation.scores(scores, draw(PLACES - 1), step)
    loss = tf.reduce_mean(gan.objective.discriminator_loss(*told))
    terms, weights = {}, {}
    for place, penalty in enumerate(gan.objective.penalties):
        weights[penalty.name] = tf.cast(penalty.weight_at(step), tf.float32)
        value = _penalty(gan, penalty, critic, examples, draw(place), index)
        terms[penalty.name] = weights[penalty.name] * value
    terms |= gan.stabilisation.discriminator_terms(critic, *examples, draw(PLACES - 2), step)
    terms |= gan.extra_discriminator_terms(critic, *examples)
    return loss, terms | own_losses(gan.discriminator), weights


def generator_loss(
    gan: Any, critic: Critic, examples: tuple, real_scores: tf.Tensor, latents: Tensors
) -> tuple[tf.Tensor, dict]:
    """The generator's loss and its further terms by name; arguments as above."""
    scores = critic(examples[1])
    weights = gan.stabilisation.generator_weights(scores, gan.step.value)
    if weights is None:
        loss = tf.reduce_mean(gan.objective.generator_loss(real_scores, scores))
    else:
        # An example of no weight teaches nothing through an average of the batch's scores either.
        counted = tf.where(weights > 0, scores, tf.stop_gradient(scores))
        loss = tf.reduce_mean(weights * gan.objective.generator_loss(real_scores, counted))
    terms = gan.stabilisation.generator_terms(critic, *examples, gan.generator)
    terms |= gan.extra_generator_terms(latents, examples[1])
    return loss, terms | own_losses(gan.generator)


def _penalty(gan, penalty, critic, examples, draw, index) -> tf.Tensor:
    """Mean of a penalty, in float32; with an interval, that many times it or nothing."""
    if not computes_in(gan.discriminator, "float32"):
        critic = critic.within(lambda: float32_compute(gan.discriminator))
    if penalty.interval == 1:
        return tf.reduce_mean(penalty.per_example(critic, *examples, draw))
    count = gan.step.value * gan.objective.discriminator_steps + index
    due = tf.equal(count % penalty.interval, 0)

    def value(own: Critic) -> tf.Tensor:
        return penalty.interval * tf.reduce_mean(penalty.per_example(own, *examples, draw))

    if gan.distribute_strategy.num_replicas_in_sync > 1:
        # Replicas cannot talk to each other within a condition; so it costs as much as ever. What
        # stabilisers draw is drawn again, as below. (Dropout counts this pass even when it is not
        # due, so its masks are not those of one device.)
        own = critic.fresh() if gan.stabilisation.members else critic
        return tf.where(due, value(own), 0.0)
    # A pass of its own: one outside of the condition would be paid for at every update.
    return tf.cond(due, lambda: value(critic.fresh()), lambda: 0.0)
