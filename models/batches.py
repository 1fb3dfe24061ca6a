"""The real examples of one element of the dataset, and their split into minibatches."""

from typing import Any

import tensorflow as tf


def real_examples(data: Any) -> tf.Tensor:
    """The examples in `x` or `(x, label)`, float32 `(k * batch, *shape)`.

    Raises:
        ValueError: if the element is neither, or holds integers: images must have been scaled to
            the range the generator makes.
    """
    if isinstance(data, tuple | list) and len(data) > 2 and data[2] is not None:
        raise ValueError(
            "The dataset must yield examples, or (examples, labels): weights of examples have no "
            f"effect on a GAN; map it to leave them out. Received: {len(data)} elements"
        )
    examples = data[0] if isinstance(data, tuple | list) else data
    if not tf.is_tensor(examples):
        raise ValueError(
            "The dataset must yield batches of examples, or (examples, labels) pairs; map others "
            f"to one of these. Received: elements of type {type(examples).__name__}"
        )
    if not examples.dtype.is_floating:
        raise ValueError(
            "The examples must be floating-point numbers in the range that the generator makes "
            "(pixels by `x / 127.5 - 1` for a tanh; other integers by `tf.cast(x, tf.float32)`). "
            f"Received: dtype {examples.dtype.name}"
        )
    return tf.cast(examples, tf.float32)


def label_rows(data: Any, classes: int) -> tf.Tensor | None:
    """The labels of an element `(x, label)`, one-hot float32 `(k * batch, classes)`.

    Rows of zeros stand for labels below 0: examples whose class is not known. `None` where there
    are no classes to tell apart.

    Raises:
        ValueError: if there are classes and the element has no integer labels.
    """
    if not classes:
        return None
    label = data[1] if isinstance(data, tuple | list) and len(data) > 1 else None
    if not tf.is_tensor(label) or not label.dtype.is_integer:
        raise ValueError(
            "A prior with classes needs a dataset of (examples, integer labels). Received: "
            f"elements of type {type(data).__name__} without such labels"
        )
    return tf.one_hot(tf.reshape(label, [-1]), classes)


def minibatches(real: tf.Tensor, k: int) -> list[tf.Tensor]:
    """Splits an element into `k` minibatches of different examples.

    Strided rather than contiguous: the rows of a replica then hold its slice of *each* global
    minibatch, so N replicas make the updates of one.

    Raises:
        ValueError: if the rows, when known, are no multiple of `k`; where they are not known
            until the step runs, it fails with tf.errors.InvalidArgumentError instead.
    """
    sentence = (
        f"Each batch must hold `discriminator_steps` x batch_size examples, a multiple of {k} and "
        "at least one on every replica: use drop_remainder=True"
    )
    rows = real.shape[0]
    if rows is None:
        count = tf.shape(real)[0]
        fits = tf.logical_and(count > 0, count % k == 0)
        with tf.control_dependencies([tf.debugging.Assert(fits, [sentence, count])]):
            real = tf.identity(real)
    elif rows == 0 or rows % k:
        raise ValueError(f"{sentence}. Received: a batch of {rows} examples")
    return [real] if k == 1 else [real[index::k] for index in range(k)]
