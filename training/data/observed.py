"""Examples with what they were observed with: further arrays, a row for each example."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import fingerprint_of
from ganapp.training.data.source import FiniteSource


class ObservedSource(FiniteSource):
    """A source whose examples come with observations, in training and in evaluations.

    Args:
        source: of the examples.
        observations: by name, floats `(n, ...)` in model units, those of the training examples
            and after them those of the held-out ones.

    Raises:
        ValueError: an observation has another number of rows, no axis beside them, or no floats.
    """

    def __init__(self, source: FiniteSource, observations: Mapping[str, np.ndarray]) -> None:
        count = source.spec.examples + source.spec.held_out
        for name, rows in observations.items():
            if rows.ndim < 2 or len(rows) != count or rows.dtype.kind != "f":
                raise ValueError(
                    f"The observation {name!r} must be floats as the networks are to see them, a "
                    f"row of shape (n, ...) for each of the {count:,} examples. "
                    f"Received: {rows.dtype} {rows.shape}"
                )
            if not np.isfinite(rows).all():
                raise ValueError(f"The observation {name!r} must be finite. Received: NaN or inf")
        self._source = source
        self._rows = {name: np.asarray(each, np.float32) for name, each in observations.items()}
        shapes = {name: each.shape[1:] for name, each in self._rows.items()}
        self.spec = dataclasses.replace(
            source.spec, conditions={**source.spec.conditions, **shapes}
        )
        self.metrics, self.bad_files, self.notes = source.metrics, source.bad_files, source.notes
        self.in_cache = source.in_cache
        # Made once: in a dataset's function, an array would become a constant of its graph.
        with tf.device("CPU:0"):
            self._tensors = {
                name: tf.constant(each[: self.spec.examples]) for name, each in self._rows.items()
            }

    def at(self, index):
        found = {name: tf.gather(each, index) for name, each in self._tensors.items()}
        return self._source.at(index) | found

    def training_examples(self, count=None):
        return self._source.training_examples(count)

    def held_out_examples(self, count=None):
        return self._source.held_out_examples(count)

    def training_observations(self, count=None):
        return {name: each[: self.spec.examples][:count] for name, each in self._rows.items()}

    def held_out_observations(self, count=None):
        return {name: each[self.spec.examples :][:count] for name, each in self._rows.items()}

    def training_labels(self):
        return self._source.training_labels()

    def fingerprint(self):
        rows = fingerprint_of(*(self._rows[name] for name in sorted(self._rows)))
        return f"{self._source.fingerprint()} observed {rows}"
