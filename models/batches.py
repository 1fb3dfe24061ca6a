"""Elements of the dataset as named tensors, their minibatches, and packs of examples.

Packs: the discriminator judges several examples at once, so that a lack of variety shows
(Lin et al., 2018, "PacGAN", arXiv:1712.04086).
"""

from collections.abc import Mapping

import tensorflow as tf

from ganapp.models.contracts import Array, Element
from ganapp.models.tensors import EXAMPLE, LABEL, Tensors


def as_tensors(data: Element, *, classes: int = 0, conditions: tuple[str, ...] = ()) -> Tensors:
    """The named tensors of one element of the dataset.

    Args:
        data: examples `(k * batch, *shape)`, `(examples, labels)`, or a dict with `x` and perhaps
            `label` and observations.
        classes: how many there are; labels are left out where there are none.
        conditions: names of the observations that the networks take.

    Returns:
        `x` as float32; `label` as of `one_hot_labels`; observations, floats as float32.
    """
    named = dict(data) if isinstance(data, Mapping) else _of_pair(data)
    missing = [name for name in (EXAMPLE, *conditions) if name not in named]
    if missing:
        raise ValueError(
            f"The dataset must yield dicts with {', '.join(map(repr, (EXAMPLE, *conditions)))}, "
            "the examples and what the networks take beside them. "
            f"Received: elements with {', '.join(map(repr, named))}"
        )
    examples = named[EXAMPLE]
    if not tf.is_tensor(examples):
        raise ValueError(
            "The dataset must yield batches of examples, (examples, labels) pairs, or dicts of "
            "tensors with the examples as 'x'; map others to one of these. Received: elements of "
            f"type {type(examples).__name__}"
        )
    if not examples.dtype.is_floating:
        raise ValueError(
            "The examples must be floating-point numbers in the range that the generator makes "
            "(pixels by `x / 127.5 - 1` for a tanh; other integers by `tf.cast(x, tf.float32)`). "
            f"Received: dtype {examples.dtype.name}"
        )
    found = {EXAMPLE: tf.cast(examples, tf.float32)}
    if classes:
        if not tf.is_tensor(named.get(LABEL)):
            raise ValueError(
                "Networks that take 'label' need a dataset of (examples, integer labels), or "
                f"of dicts with 'label'. Received: elements of type {type(data).__name__} without "
                "labels"
            )
        found[LABEL] = one_hot_labels(named[LABEL], classes)
    found |= {name: _float32(named[name]) for name in conditions}
    rows = {name: each.shape[0] for name, each in found.items()}
    if len(set(rows.values()) - {None}) > 1:
        raise ValueError(
            "The tensors of one element of the dataset must have as many rows. "
            f"Received: {', '.join(f'{name!r} {count}' for name, count in rows.items())}"
        )
    return found


def one_hot_labels(labels: Array, classes: int) -> tf.Tensor:
    """Labels as one-hot float32 `(n, classes)`, rows of zeros for those below 0.

    Args:
        labels: integers `(n,)` or `(n, 1)`, or one-hot `(n, classes)` of any type.
        classes: how many there are.

    Raises:
        ValueError: they are neither, or (outside of graphs) beyond the classes, which would
            otherwise pass for labels that are not known.
    """
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank == 2 and labels.shape[1] == classes > 1:
        return tf.cast(labels, tf.float32)
    if not labels.dtype.is_integer:
        raise ValueError(
            f"Labels must be integers, or one-hot (batch, {classes}). "
            f"Received: dtype {labels.dtype.name} of shape {tuple(labels.shape)}"
        )
    labels = tf.reshape(labels, [-1])
    if tf.executing_eagerly() and len(labels) and (most := int(tf.reduce_max(labels))) >= classes:
        raise ValueError(
            f"Labels must be below {classes}, the number of classes of the networks, "
            f"or below 0 where a class is not known. Received: a label of {most}"
        )
    return tf.one_hot(labels, classes)


def minibatches(tensors: Tensors, k: int) -> list[Tensors]:
    """Splits an element into `k` minibatches of different examples.

    Strided rather than contiguous: the rows of a replica then hold its slice of *each* global
    minibatch, so N replicas make the updates of one.

    Raises:
        ValueError: the rows are no multiple of `k`; tf.errors.InvalidArgumentError where they are
            not known before the step runs.
    """
    sentence = (
        f"Each batch must hold `discriminator_steps` x batch_size examples, a multiple of {k} and "
        "at least one on every replica: use drop_remainder=True"
    )
    real = tensors[EXAMPLE]
    rows = real.shape[0]
    if rows is None:
        count = tf.shape(real)[0]
        fits = tf.logical_and(count > 0, count % k == 0)
        with tf.control_dependencies([tf.debugging.Assert(fits, [sentence, count])]):
            tensors = tensors | {EXAMPLE: tf.identity(real)}
    elif rows == 0 or rows % k:
        raise ValueError(f"{sentence}. Received: a batch of {rows} examples")
    if k == 1:
        return [tensors]
    return [{name: each[index::k] for name, each in tensors.items()} for index in range(k)]


def packed_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Shape of `size` examples of `shape` put together along their last axis."""
    return (*shape[:-1], shape[-1] * size)


def pack_examples(examples: tf.Tensor, size: int) -> tf.Tensor:
    """Puts every `size` neighbouring examples together along their last axis.

    Neighbours, so that a replica's rows make its share of the global packs.

    Args:
        examples: `(batch, *shape)`; the batch is a multiple of `size`.
        size: examples in a pack; 1 changes nothing.
    """
    if size == 1:
        return examples
    shape = tuple(examples.shape[1:])
    groups = tf.reshape(examples, (-1, size, *shape))
    last = groups.shape.rank - 1
    order = [0, *range(2, last), 1, last]  # the members' axis goes next to the channels
    return tf.reshape(tf.transpose(groups, order), (-1, *packed_shape(shape, size)))


def unpack_examples(packs: tf.Tensor, size: int) -> tf.Tensor:
    """Takes packs apart, the inverse of `pack_examples`: `(batch * size, *shape)`."""
    if size == 1:
        return packs
    *sides, channels = packs.shape[1:]
    members = tf.reshape(packs, (-1, *sides, size, channels // size))
    place = members.shape.rank - 2
    order = [0, place, *range(1, place), place + 1]
    return tf.reshape(tf.transpose(members, order), (-1, *sides, channels // size))


def _of_pair(data: Element) -> dict[str, Array]:
    if not isinstance(data, tuple | list):
        return {EXAMPLE: data}
    if len(data) > 2 and data[2] is not None:
        raise ValueError(
            "The dataset must yield examples, (examples, labels), or dicts: weights of examples "
            "have no effect on a GAN; map it to leave them out. "
            f"Received: {len(data)} elements"
        )
    first, *others = data
    named = dict(first) if isinstance(first, Mapping) else {EXAMPLE: first}
    return named | ({LABEL: others[0]} if others and others[0] is not None else {})


def _float32(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32) if values.dtype.is_floating else values
