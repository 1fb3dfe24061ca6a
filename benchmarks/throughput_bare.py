"""The step as one writes it by hand: what `GAN.fit` is measured against.

Deliberately shares nothing with `models/gan.py` but the networks' builders, the losses, the
optimizers and the prior.
"""

from typing import Any

import keras
import tensorflow as tf

from benchmarks.throughput_cases import Case
from ganapp.training.objectives import WGANGP, RelativisticPairing
from ganapp.training.priors import Normal

HALF_LIFE = 10_000.0  # images, as in `GAN`


def _squared_norm(gradient: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(gradient**2, axis=list(range(1, gradient.shape.rank)))


class BareStep:
    """Networks, optimizers and one update of each, without logs, hooks or replicas.

    Args:
        case: what to build.
        ema: keep a moving average of the generator.
    """

    def __init__(self, case: Case, *, ema: bool) -> None:
        self.objective, self.batch = case.objective, case.batch
        self.generator, self.discriminator = case.networks()
        self.average = keras.models.clone_model(self.generator) if ema else None
        self.prior = Normal(size=self.generator.input_shape[1])
        self.optimizers = [
            self.objective.generator_optimizer.build(),
            self.objective.discriminator_optimizer.build(),
        ]
        self.optimizers[0].build(self.generator.trainable_variables)
        self.optimizers[1].build(self.discriminator.trainable_variables)
        self.step = tf.Variable(0, dtype=tf.int64)

    def __call__(self, real: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One discriminator and one generator update: their losses."""
        seeds = [tf.stack([tf.constant(stream, tf.int64), self.step]) for stream in range(3)]
        losses = (
            self._discriminator_update(real, seeds[0], seeds[1]),
            self._generator_update(real, seeds[2]),
        )
        if self.average is not None:
            decay = 0.5 ** (self.batch / HALF_LIFE)
            for mean, value in zip(self.average.variables, self.generator.variables, strict=True):
                mean.assign(value + (mean - value) * decay)
        self.step.assign_add(1)
        return losses

    def _discriminator_update(self, real, latent_seed, penalty_seed) -> tf.Tensor:
        fake = self._fake(latent_seed)
        variables = self.discriminator.trainable_variables
        with tf.GradientTape() as tape:
            if isinstance(self.objective, WGANGP):
                scores = self._score(real), self._score(fake)
                penalty = self._gradient_penalty(real, fake, penalty_seed)
            elif isinstance(self.objective, RelativisticPairing):
                scores, penalty = self._zero_centred_penalties(real, fake)
            else:
                scores, penalty = (self._score(real), self._score(fake)), 0.0
            loss = tf.reduce_mean(self.objective.discriminator_loss(*scores)) + penalty
        self.optimizers[1].apply(tape.gradient(loss, variables), variables)
        return loss

    def _generator_update(self, real, latent_seed) -> tf.Tensor:
        real_scores = self._score(real) if self.objective.relativistic else None
        variables = self.generator.trainable_variables
        with tf.GradientTape() as tape:
            fake_scores = self._score(self._fake(latent_seed))
            loss = tf.reduce_mean(self.objective.generator_loss(real_scores, fake_scores))
        self.optimizers[0].apply(tape.gradient(loss, variables), variables)
        return loss

    def _gradient_penalty(self, real, fake, seed) -> tf.Tensor:
        position = tf.random.stateless_uniform((self.batch, 1, 1, 1), seed)
        between = real + position * (fake - real)
        with tf.GradientTape() as tape:
            tape.watch(between)
            scores = self._score(between)
        norm = tf.sqrt(_squared_norm(tape.gradient(scores, between)) + 1e-12)
        return self.objective.terms[0].weight * tf.reduce_mean((norm - 1.0) ** 2)

    def _zero_centred_penalties(self, real, fake) -> tuple[tuple, tf.Tensor]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([real, fake])
            scores = self._score(real), self._score(fake)
        norms = [
            _squared_norm(tape.gradient(score, examples))
            for score, examples in zip(scores, (real, fake), strict=True)
        ]
        return scores, 0.5 * tf.reduce_mean(norms[0] + norms[1])

    def _fake(self, seed) -> tf.Tensor:
        latents = self.prior.sample(self.batch, seed)
        return tf.cast(self.generator(latents, training=True), tf.float32)

    def _score(self, examples) -> tf.Tensor:
        return tf.cast(self.discriminator(examples, training=True), tf.float32)


def compiled_loop(step: BareStep, steps: int) -> Any:
    """A `tf.function` that takes `steps` steps from an iterator and gives the last losses."""

    @tf.function
    def run(iterator):
        losses = step(next(iterator))
        if steps > 1:
            for _ in tf.range(steps - 1):
                losses = step(next(iterator))
        return losses

    return run
