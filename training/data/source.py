"""The contract of a data source, and the one for examples that fit in memory."""

import abc
import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf

from ganapp.training.data.fingerprints import fingerprint_of
from ganapp.training.data.spec import DataSpec

# Bytes of vectors that are kept as the networks see them: encoding rows of a table anew in every
# batch takes longer than a small network takes to learn from them.
MOST_ENCODED = 2**28
ENCODED_AT_ONCE = 4096  # rows

Arrays = tuple[np.ndarray, np.ndarray | None]


class Source(abc.ABC):
    """Where examples come from. Subclasses set `spec`.

    What evaluation may know besides: `density`, with the exact `log_density(points)` of the data;
    `modes`, the centres and the sigma of a mixture whose modes are counted; `singles`, the source
    of labelled grey images that the channels of a stack are drawn from. `metrics` are figures that
    only such sources have and that may choose the best checkpoint. `clips` tells sources of clips,
    which no network makes, before anything is read. `bad_files` are those that were
    left out, by name with the reason of each. `notes` are sentences on what was assumed of the
    user's data, each with the setting that says otherwise.
    """

    spec: DataSpec
    metrics: tuple[str, ...] = ()
    clips: bool = False
    density: Any = None
    modes: Any = None
    singles: Any = None
    bad_files: Mapping[str, str] = MappingProxyType({})
    notes: tuple[str, ...] = ()

    @abc.abstractmethod
    def rows(
        self, step: tf.Tensor, first: tf.Tensor, count: int, *, batch_size: int, seed: int
    ) -> Any:
        """Rows `first` to `first + count` of the global batch of one step, in model units.

        Args:
            step: int64 scalar.
            first: int64 scalar, first row of the slice.
            count: rows in the slice.
            batch_size: rows of the global batch, all discriminator updates of the step together.
            seed: of the order or the draw.

        Returns:
            `x`, or `(x, label)` when there are labels: a pure function of the arguments.
        """

    @abc.abstractmethod
    def training_examples(self, count: int | None = None) -> Arrays:
        """Training examples in user units with their labels, all of them or at most `count`."""

    @abc.abstractmethod
    def held_out_examples(self, count: int | None = None) -> Arrays:
        """Examples that training never sees, in user units, with their labels."""

    def training_labels(self) -> np.ndarray | None:
        """Labels of the training examples, int `(n,)`, below 0 where not known, or `None`."""
        return self.training_examples()[1]

    @property
    def judged(self) -> "Source":
        """What samples are judged against: the same examples with the labels that people gave."""
        return self

    def fingerprint(self) -> str:
        """What changes when the content of the data does; empty where they are drawn."""
        return ""

    def steps_per_epoch(self, batch_size: int) -> int | None:
        """Full global batches in one pass; `None` if the source never ends."""
        return None if self.spec.examples is None else self.spec.examples // batch_size


class FiniteSource(Source):
    """Examples with an end; each epoch has its own order, a function of (seed, epoch)."""

    @abc.abstractmethod
    def at(self, index: tf.Tensor) -> Any:
        """`x` or `(x, label)` of the training examples at `index`, int64 `(count,)`.

        Returns:
            Examples in model units with a static shape but for their count, and int32 labels.
        """

    def rows(self, step, first, count, *, batch_size, seed):
        steps = self.steps_per_epoch(batch_size)
        epoch, within = step // steps, step % steps
        position = within * batch_size + first + tf.range(count, dtype=tf.int64)
        # A stateless permutation: no shuffle buffer to save, and any position can be asked for.
        key = tf.stack([tf.constant(seed % 2**31, tf.int64), epoch])
        index = tf.random.experimental.index_shuffle(
            position, tf.cast(key, tf.uint32), self.spec.examples - 1
        )
        return self.at(index)


@dataclasses.dataclass
class ArraySource(FiniteSource):
    """Examples held in memory.

    Args:
        spec: what the examples are; `spec.examples` is the length of `train`.
        train: training examples in user units.
        held_out: held-out examples in user units.
        train_labels: int labels, or `None`.
        held_out_labels: likewise.
        notes: sentences on what was assumed of the user's data.
    """

    spec: DataSpec
    train: np.ndarray
    held_out: np.ndarray
    train_labels: np.ndarray | None = None
    held_out_labels: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Tensors made once: in a dataset's function, arrays would become constants of its graph.
        with tf.device("CPU:0"):
            encoded = 4 * len(self.train) * math.prod(self.spec.shape)
            self._encoded = not self.spec.pixels and encoded <= MOST_ENCODED
            self._examples = tf.constant(_encode(self) if self._encoded else self.train)
            if self.train_labels is not None:
                self._labels = tf.constant(self.train_labels, tf.int32)

    def at(self, index):
        examples = tf.gather(self._examples, index)
        if not self._encoded:
            examples = self.spec.to_model_units(examples)
        if self.train_labels is None:
            return examples
        return examples, tf.gather(self._labels, index)

    def fingerprint(self):
        return fingerprint_of(self.train, self.train_labels, self.held_out, self.held_out_labels)

    def training_examples(self, count=None):
        return self.train[:count], head(self.train_labels, count)

    def held_out_examples(self, count=None):
        return self.held_out[:count], head(self.held_out_labels, count)


def _encode(source: ArraySource) -> np.ndarray:
    """The training examples in model units, a part at a time: what is between takes more room."""
    encoded = np.empty((len(source.train), *source.spec.shape), np.float32)
    for start in range(0, len(encoded), ENCODED_AT_ONCE):
        part = slice(start, start + ENCODED_AT_ONCE)
        encoded[part] = source.spec.to_model_units(source.train[part])
    return encoded


def head(labels: np.ndarray | None, count: int | None) -> np.ndarray | None:
    """The first `count` labels, all of them for `None`; `None` where there are none."""
    return None if labels is None else labels[:count]
