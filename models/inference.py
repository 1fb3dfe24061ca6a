"""What a GAN gives outside its update: latents, samples, scores, and its state."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.heads import judged, takes_labels
from models.noise import Stream, stateless_seed
from models.packing import packed, packed_shape

BATCH = 256  # bounds the memory of `generate` and `scores`, whatever is asked for


class Inference(keras.Model):
    """Generation and scoring for callbacks, evaluation and people."""

    def sample_latents(
        self, count: int, *, seed: int = 0, labels: np.ndarray | None = None
    ) -> tf.Tensor:
        """Latents `(count, prior.size)`, a function of the arguments alone.

        Args:
            count: how many.
            seed: of the draw.
            labels: int `(count,)`, classes to ask for instead of those drawn, where the prior has
                classes; below 0 for the one drawn.
        """
        latents = self.prior.sample(count, stateless_seed(seed, Stream.SAMPLE, 0))
        if labels is None:
            return latents
        return self.prior.with_labels(latents, tf.one_hot(labels, self.classes))

    def asked(self, count: int, *, seed: int = 0) -> np.ndarray | None:
        """The classes of `generate(count, seed=seed)`, int `(count,)`; `None` without classes."""
        if not self.classes:
            return None
        return np.argmax(self.prior.labels(self.sample_latents(count, seed=seed)), axis=1)

    def generate(
        self,
        count: int | None = None,
        *,
        latents: tf.Tensor | np.ndarray | None = None,
        seed: int = 0,
        ema: bool = True,
        units: Callable[[tf.Tensor], Any] | None = None,
    ) -> np.ndarray:
        """Draws samples; the same weights and arguments give the same samples.

        Args:
            count: how many samples of the prior, when no latents are given.
            latents: float32 `(n, prior.size)` to map instead.
            seed: of the latents that `count` draws.
            ema: use the averaged generator rather than the one being trained.
            units: maps samples to other units, batch by batch: of many images only uint8 pixels
                are then ever held.

        Returns:
            float32 `(n, *shape)` in model units, images in [-1, 1], vectors standardised; or what
            `units` makes of them.
        """
        if (count is None) == (latents is None):
            raise ValueError(
                "`generate` takes either `count` or `latents`. "
                f"Received: count={count}, latents={'given' if latents is not None else None}"
            )
        if latents is None:
            latents = self.sample_latents(count, seed=seed)
        network = self.ema_generator if ema else self.generator
        return self._in_batches(network, latents, units=units)

    def scores(
        self, examples: tf.Tensor | np.ndarray, labels: np.ndarray | None = None
    ) -> np.ndarray:
        """Raw discriminator scores in inference mode: `(n,)`, patch scores averaged.

        With packing there is one score a pack, and examples that fill none are left out.

        Args:
            examples: in model units.
            labels: int `(n,)`, for a discriminator that goes by them; below 0 (and `None`) where
                the class is not known.
        """
        whole = len(examples) // self.packing * self.packing
        examples = packed(tf.cast(examples[:whole], tf.float32), self.packing)
        if takes_labels(self.discriminator):
            given = -tf.ones(whole, tf.int32) if labels is None else labels
            scores = self._in_batches(self.discriminator, examples, tf.one_hot(given, self.classes))
        else:
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

    def _in_batches(
        self,
        network: keras.Model,
        *inputs: tf.Tensor | np.ndarray,
        units: Callable[[tf.Tensor], Any] | None = None,
    ) -> np.ndarray:
        if not len(inputs[0]):
            raise ValueError("There must be at least one row to compute. Received: none")
        forward = self._forward_function(network)
        inputs = [tf.cast(each, tf.float32) for each in inputs]
        count, whole = inputs[0].shape[0], None
        for start in range(0, count, BATCH):
            part = forward(*(each[start : start + BATCH] for each in inputs))
            part = np.asarray(part if units is None else units(part))
            if whole is None:  # filled in place: parts and their concatenation would be twice that
                whole = np.empty((count, *part.shape[1:]), part.dtype)
            whole[start : start + len(part)] = part
        return whole

    def _forward_function(self, network: keras.Model):
        # Compiled once per network, for any number of rows: callbacks call it again and again.
        functions = self.__dict__.setdefault("_forward_functions", {})
        if id(network) not in functions:
            of_examples = network is self.discriminator
            shape = packed_shape(self.example_shape, self.packing)
            shapes = [shape if of_examples else (self.prior.size,)]
            if of_examples and takes_labels(network):
                shapes.append((self.classes,))
            functions[id(network)] = tf.function(
                lambda x, label=None: judged(network, x, label, training=False),
                input_signature=[tf.TensorSpec((None, *each), tf.float32) for each in shapes],
                autograph=False,
            )
        return functions[id(network)]
