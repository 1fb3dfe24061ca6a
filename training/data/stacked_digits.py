"""Three digits in three colour channels: an image distribution with 1,000 modes to count.

Reference: Metz et al., 2016, arXiv:1611.02163 (stacked MNIST); the protocol of
Lin et al., 2018, arXiv:1712.04086 (PacGAN).

Here with the 8x8 digits, and every digit equally likely whatever its number of examples, so that
the 1,000 triples are exactly uniform.
"""

import itertools

import numpy as np
import tensorflow as tf

from ganapp.training.data.cache import CacheDir
from ganapp.training.data.digits import digits
from ganapp.training.data.source import (
    HELD_OUT_VIEW,
    TRAINING_DRAWS,
    TRAINING_VIEW,
    ArraySource,
    Source,
)
from ganapp.training.data.spec import DataSpec

VIEW = 26_000  # examples in a view unless asked for fewer: as many as the protocol judges


class _Deck:
    """Labelled single examples, ready to be drawn by class.

    Args:
        examples: uint8 `(n, height, width, 1)`.
        labels: int `(n,)`, every one of 0 to `classes - 1` at least once.
        classes: how many.
    """

    def __init__(self, examples: np.ndarray, labels: np.ndarray, classes: int) -> None:
        counts = np.bincount(labels, minlength=classes)
        if len(counts) != classes or not counts.all():
            raise ValueError(
                f"`labels` must hold each of 0 to {classes - 1} and nothing else. "
                f"Received: {counts.tolist()} examples per label"
            )
        # Tensors made once: in a dataset's function, arrays would become constants of its graph.
        with tf.device("CPU:0"):
            self._examples = tf.constant(examples[np.argsort(labels, kind="stable")])
            self._counts = tf.constant(counts, tf.int32)
            self._starts = tf.constant(np.cumsum(counts) - counts, tf.int32)

    def draw(self, count: int, channels: int, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Classes and, within each, examples, uniformly; a pure function of the arguments.

        Args:
            count: how many stacks.
            channels: examples in a stack.
            seed: int64 `(2,)`.

        Returns:
            Classes and places of the examples, both int32 `(count, channels)`.
        """
        # The remainder of 31 random bits is uniform to one part in ten million.
        bits = tf.random.stateless_uniform(
            (2, count, channels), seed, minval=0, maxval=tf.int32.max, dtype=tf.int32
        )
        classes = bits[0] % len(self._counts)
        within = bits[1] % tf.gather(self._counts, classes)
        return classes, tf.gather(self._starts, classes) + within

    def stacks(self, places: tf.Tensor) -> tf.Tensor:
        """The examples at `places (count, channels)`: uint8 `(count, height, width, channels)`."""
        singles = tf.gather(self._examples, places)[..., 0]
        return tf.transpose(singles, (0, 2, 3, 1))


class StackedSource(Source):
    """Stacks of independent single-channel examples, drawn on the fly from (seed, step).

    Args:
        name: of the source.
        singles: grey images with labels 0 to the number of its classes, less one.
        channels: examples in a stack.
        description: one sentence for the model card.
    """

    metrics = ("mode_kl",)

    def __init__(self, name: str, singles: ArraySource, *, channels: int, description: str) -> None:
        names = singles.spec.classes
        self.singles = singles
        self._channels = channels
        self._train = _Deck(singles.train, singles.train_labels, len(names))
        self._held_out = _Deck(singles.held_out, singles.held_out_labels, len(names))
        # A stack's label reads its classes as the digits of a number, first channel first.
        self._place_values = tf.constant(len(names) ** np.arange(channels)[::-1], tf.int32)
        self.spec = DataSpec(
            name=name,
            kind="image",
            shape=(*singles.spec.shape[:2], channels),
            examples=None,
            held_out=VIEW,
            classes=tuple("".join(stack) for stack in itertools.product(names, repeat=channels)),
            description=description,
            licence=singles.spec.licence,
        )

    def rows(self, step, first, count, *, batch_size, seed):
        key = tf.stack([tf.constant(TRAINING_DRAWS + seed, tf.int64), step])
        classes, places = (
            # The slice's length is a Python number; the shape says so to whoever compiles it.
            tf.ensure_shape(part[first : first + count], (count, self._channels))
            for part in self._train.draw(batch_size, self._channels, key)
        )
        examples = self.spec.to_model_units(self._train.stacks(places))
        return {"x": examples, "label": self._labels(classes)}

    def training_examples(self, count=None):
        return self._view(self._train, count, TRAINING_VIEW)

    def held_out_examples(self, count=None):
        return self._view(self._held_out, count, HELD_OUT_VIEW)

    def _view(self, deck: _Deck, count: int | None, seed: int):
        key = tf.constant([seed, 0], tf.int64)
        classes, places = (part[:count] for part in deck.draw(VIEW, self._channels, key))
        return deck.stacks(places).numpy(), self._labels(classes).numpy()

    def _labels(self, classes: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(classes * self._place_values, axis=1)


def stacked_digits(*, cache_dir: CacheDir = "") -> StackedSource:
    """Three of scikit-learn's 8x8 digits as the channels of an image; label 100 a + 10 b + c.

    Training stacks are made of the training digits, held-out stacks of the held-out digits.

    Args:
        cache_dir: without effect, as for `digits`.
    """
    return StackedSource(
        "stacked_digits",
        digits(cache_dir=cache_dir),
        channels=3,
        description="Three handwritten digits in the channels of an 8x8 image: 1,000 triples.",
    )
