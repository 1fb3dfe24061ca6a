"""The examples of a source with other labels."""

import numpy as np
import tensorflow as tf

from ganapp.training.data.source import FiniteSource, Source, head


class Relabelled(Source):
    """What is said of the data stays as it is.

    Args:
        source: where the examples come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.spec, self.metrics, self.bad_files = source.spec, source.metrics, source.bad_files
        self.notes = source.notes
        self.density, self.modes, self.singles = source.density, source.modes, source.singles
        self.notes = source.notes

    def fingerprint(self):
        return self._source.fingerprint()

    def held_out_examples(self, count=None):
        return self._source.held_out_examples(count)


class RelabelledExamples(Relabelled, FiniteSource):
    """Examples with an end, the same labels in every epoch.

    Args:
        source: where the examples come from.
        labels: int32 `(n,)` of its training examples, below 0 where not known.
    """

    def __init__(self, source: FiniteSource, labels: np.ndarray) -> None:
        super().__init__(source)
        self._labels = labels
        # Made once: in a dataset's function, an array would become a constant of its graph.
        with tf.device("CPU:0"):
            self._label_tensor = tf.constant(labels, tf.int32)

    def at(self, index):
        found = self._source.at(index)
        examples = found[0] if isinstance(found, tuple) else found
        return examples, tf.gather(self._label_tensor, index)

    def training_labels(self):
        return self._labels

    def training_examples(self, count=None):
        examples, _ = self._source.training_examples(count)
        return examples, head(self._labels, count)
