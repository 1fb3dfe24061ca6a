"""Examples that stay on the disk: a memory-mapped array, read a batch at a time."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganapp.training.data.fingerprints import fingerprint_of
from ganapp.training.data.source import FiniteSource, head
from ganapp.training.data.spec import DataSpec

SPLIT_SEED = 20140610  # of which examples are held out; the same in every run
MOST_HELD_OUT = 10_000


def split_order(count: int, share: float) -> tuple[np.ndarray, int]:
    """Which examples train and which are held out, the same for every run on the same data.

    Args:
        count: how many examples there are.
        share: of them that is held out; at least 1 example and at most 10,000.

    Returns:
        int64 `(count,)`, indices of the training examples and after them of those held out, in a
        random order; and how many are held out.
    """
    # Not `default_rng`: numpy may change its streams between releases, and never this one.
    order = np.random.RandomState(SPLIT_SEED).permutation(count)
    return order, min(max(round(share * count), 1), MOST_HELD_OUT, count)


class MemmapSource(FiniteSource):
    """Examples in a memory-mapped array, the training ones first or where `order` says.

    Args:
        spec: what the examples are; `spec.examples` train, and `spec.held_out` follow them.
        examples: uint8 `(n, height, width, channels)` or float32 `(n, d)` in user units.
        labels: int `(n,)` in the order of `examples`, or `None`.
        order: int64 `(n,)`, which example comes when; as they lie when `None`, and then examples
            for evaluation are slices of the file that are read only when they are used.
        bad_files: those that were left out, by name with the reason of each.
        notes: sentences on what was assumed.
        fingerprint: of the content where it is known already; else it is read.
    """

    def __init__(
        self,
        spec: DataSpec,
        examples: np.ndarray,
        labels: np.ndarray | None = None,
        *,
        order: np.ndarray | None = None,
        bad_files: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
        fingerprint: str = "",
    ) -> None:
        if len(examples) != spec.examples + spec.held_out:
            raise ValueError(
                f"`examples` must hold {spec.examples} training and {spec.held_out} held-out "
                f"examples. Received: {len(examples)}"
            )
        self.spec, self._examples, self._order = spec, examples, order
        self._labels = labels if labels is None or order is None else labels[order]
        self._fingerprint = fingerprint
        self.bad_files, self.notes = dict(bad_files or {}), notes
        if labels is not None:
            # Made once: in a dataset's function, an array would become a constant of its graph.
            with tf.device("CPU:0"):
                self._label_tensor = tf.constant(self._labels[: spec.examples], tf.int32)

    def at(self, index):
        # Stateless, which it is: so several batches may be read at once, in any order.
        examples = tf.numpy_function(self._read, [index], self._examples.dtype, stateful=False)
        examples.set_shape((*index.shape, *self.spec.shape))
        examples = self.spec.to_model_units(examples)
        if self._labels is None:
            return examples
        return examples, tf.gather(self._label_tensor, index)

    def training_examples(self, count=None):
        last = min(self.spec.examples, math.inf if count is None else count)
        return self._between(0, last)

    def held_out_examples(self, count=None):
        first = self.spec.examples
        last = first + min(self.spec.held_out, math.inf if count is None else count)
        return self._between(first, last)

    def fingerprint(self):
        return self._fingerprint or fingerprint_of(self._examples, self._labels)

    def training_labels(self):
        return head(self._labels, self.spec.examples)  # without reading the examples

    def _between(self, first: int, last: int):
        labels = head(self._labels, last)
        labels = None if labels is None else labels[first:]
        if self._order is None:
            return self._examples[first:last], labels
        return self._examples[self._order[first:last]], labels

    def _read(self, index: np.ndarray) -> np.ndarray:
        return np.asarray(self._examples[index if self._order is None else self._order[index]])
