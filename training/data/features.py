"""What a network says of each example as an observation of it, for reconstruction from features.

Dosovitskiy and Brox, 2016, "Generating images with perceptual similarity metrics based on deep
networks", arXiv:1602.02644.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from ganapp.models.tensors import FEATURES
from ganapp.training.data.source import Source

AT_ONCE = 256  # images through the network


class FeatureSource(Source):
    """Images of a source, each with what a network says of it as an observation `features`.

    Args:
        source: of images.
        network: from images in model units, `(batch, *shape)`, to features `(batch, ...)`; it draws
            nothing and is never trained.
        note: a sentence on it, for the plan of a run.
    """

    def __init__(self, source: Source, network: keras.Model, note: str = "") -> None:
        shape = tuple(network.outputs[0].shape[1:])
        conditions = {**source.spec.conditions, FEATURES: shape}
        self.spec = dataclasses.replace(source.spec, conditions=conditions)
        self._source, self.network = source, network
        # Constants: in a dataset's function a variable would have to be on the dataset's device.
        with tf.device("CPU:0"):
            self._state = [
                [tf.constant(np.asarray(v), v.dtype) for v in variables]
                for variables in (network.trainable_variables, network.non_trainable_variables)
            ]
        self.bad_files, self.notes = source.bad_files, source.notes
        if note:
            self.notes = (*source.notes, note)
        self.metrics, self.channel_images = source.metrics, source.channel_images
        self.in_cache = source.in_cache

    def rows(self, step, first, count, *, batch_size, seed):
        found = self._source.rows(step, first, count, batch_size=batch_size, seed=seed)
        return found | {FEATURES: self._features(found["x"])}

    def training_examples(self, count=None):
        return self._source.training_examples(count)

    def held_out_examples(self, count=None):
        return self._source.held_out_examples(count)

    def training_observations(self, count=None):
        found = self._source.training_observations(count)
        return found | self.observe(self._source.training_examples(count)[0])

    def held_out_observations(self, count=None):
        found = self._source.held_out_observations(count)
        return found | self.observe(self._source.held_out_examples(count)[0])

    def observe(self, images: np.ndarray) -> dict[str, np.ndarray]:
        parts = [
            self._features(self.spec.to_model_units(images[start : start + AT_ONCE])).numpy()
            for start in range(0, len(images), AT_ONCE)
        ]
        empty = np.empty((0, *self.spec.conditions[FEATURES]), np.float32)
        return {FEATURES: np.concatenate(parts or [empty])}

    def held_out_factors(self, count=None):
        return self._source.held_out_factors(count)

    @property
    def original(self):
        source = self._source.original
        return self if source is self._source else FeatureSource(source, self.network)

    def training_labels(self):
        return self._source.training_labels()

    def fingerprint(self):
        return self._source.fingerprint()

    def _features(self, images: tf.Tensor) -> tf.Tensor:
        features, _ = self.network.stateless_call(*self._state, images, training=False)
        return tf.cast(features, tf.float32)
