"""Packing: the discriminator judges several examples at once, so that a lack of variety shows.

Reference: Lin et al., 2018, "PacGAN", arXiv:1712.04086.
"""

import tensorflow as tf


def packed_shape(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """Shape of `size` examples of `shape` put together along their last axis."""
    return (*shape[:-1], shape[-1] * size)


def pack_examples(examples: tf.Tensor, size: int) -> tf.Tensor:
    """Puts every `size` neighbouring examples together along their last axis.

    Neighbours, so that a replica's rows make its share of the global packs.

    Args:
        examples: `(batch, *shape)`; the batch is a multiple of `size`.
        size: examples in a pack; 1 changes nothing.

    Returns:
        `(batch / size, *packed_shape(shape, size))`.
    """
    if size == 1:
        return examples
    shape = tuple(examples.shape[1:])
    groups = tf.reshape(examples, (-1, size, *shape))
    last = groups.shape.rank - 1
    order = [0, *range(2, last), 1, last]  # the members' axis goes next to the channels
    return tf.reshape(tf.transpose(groups, order), (-1, *packed_shape(shape, size)))


def unpack_examples(packs: tf.Tensor, size: int) -> tf.Tensor:
    """Takes packs apart, the inverse of `packed`.

    Args:
        packs: `(batch, *packed_shape(shape, size))`.
        size: examples in a pack; 1 changes nothing.

    Returns:
        `(batch * size, *shape)`, neighbours from one pack.
    """
    if size == 1:
        return packs
    *sides, channels = packs.shape[1:]
    members = tf.reshape(packs, (-1, *sides, size, channels // size))
    place = members.shape.rank - 2
    order = [0, place, *range(1, place), place + 1]
    return tf.reshape(tf.transpose(members, order), (-1, *sides, channels // size))
