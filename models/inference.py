"""What a GAN gives outside its update: latents, samples, scores, and its state."""

import keras
import numpy as np
import tensorflow as tf

from models.noise import Stream, stateless_seed
from models.packing import packed, packed_shape

BATCH = 256  # bounds the memory of `generate` and `scores`, whatever is asked for


class Inference(keras.Model):
    """Generation and scoring for callbacks, evaluation and people."""

    def sample_latents(self, count: int, *, seed: int = 0) -> tf.Tensor:
        """Latents `(count, prior.size)`, a function of `count` and `seed` alone."""
        return self.prior.sample(count, stateless_seed(seed, Stream.SAMPLE, 0))

    def generate(
        self,
        count: int | None = None,
        *,
        latents: tf.Tensor | np.ndarray | None = None,
        seed: int = 0,
        ema: bool = True,
    ) -> np.ndarray:
        """Draws samples; the same weights and arguments give the same samples.

        Args:
            count: how many samples of the prior, when no latents are given.
            latents: float32 `(n, prior.size)` to map instead.
            seed: of the latents that `count` draws.
            ema: use the averaged generator rather than the one being trained.

        Returns:
            float32 `(n, *shape)` in model units: images in [-1, 1], vectors standardised.
        """
        if (count is None) == (latents is None):
            raise ValueError(
                "`generate` takes either `count` or `latents`. "
                f"Received: count={count}, latents={'given' if latents is not None else None}"
            )
        if latents is None:
            latents = self.sample_latents(count, seed=seed)
        return self._in_batches(self.ema_generator if ema else self.generator, latents)

    def scores(self, examples: tf.Tensor | np.ndarray) -> np.ndarray:
        """Raw discriminator scores in inference mode: `(n,)`, patch scores averaged.

        With packing there is one score a pack, and examples that fill none are left out.
        """
        whole = len(examples) // self.packing * self.packing
        examples = packed(tf.cast(examples[:whole], tf.float32), self.packing)
        scores = self._in_batches(self.discriminator, examples)
        return scores.reshape(len(scores), -1).mean(axis=1)

    def state(self) -> dict[str, list[tf.Variable]]:
        """Every variable that training changes, by part: what a checkpoint must hold."""
        parts = {
            "generator": [v.value for v in self.generator.variables],
            "discriminator": [v.value for v in self.discriminator.variables],
            "ema_generator": [v.value for v in self.ema_generator.variables],
            "generator_optimizer": [v.value for v in self.generator_optimizer.variables],
            "discriminator_optimizer": [v.value for v in self.discriminator_optimizer.variables],
            "counters": [self.step.value],
        }
        known = {id(v) for variables in parts.values() for v in variables}
        transient = id(self.test_batch.value)
        others = [v.value for v in self.variables if id(v.value) not in known | {transient}]
        return parts | ({"terms": others} if others else {})  # of a subclass with weights

    def _in_batches(self, network: keras.Model, inputs: tf.Tensor | np.ndarray) -> np.ndarray:
        forward = self._forward_function(network)
        inputs = tf.cast(inputs, tf.float32)
        parts = [forward(inputs[i : i + BATCH]) for i in range(0, inputs.shape[0], BATCH)]
        return np.concatenate([part.numpy() for part in parts])

    def _forward_function(self, network: keras.Model):
        # Compiled once per network, for any number of rows: callbacks call it again and again.
        functions = self.__dict__.setdefault("_forward_functions", {})
        if id(network) not in functions:
            of_examples = network is self.discriminator
            judged = packed_shape(self.example_shape, self.packing)
            shape = judged if of_examples else (self.prior.size,)
            rows = tf.TensorSpec((None, *shape), tf.float32)
            functions[id(network)] = tf.function(
                lambda x: tf.cast(network(x, training=False), tf.float32), input_signature=[rows]
            )
        return functions[id(network)]
