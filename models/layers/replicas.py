"""The global batch as a layer on one replica sees it.

Every replica must call these functions in the same order. Without a strategy, and while a network
is only being put together, the local batch is the global one.
"""

import tensorflow as tf


def replicas() -> int:
    """The number of replicas that compute together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def gather_rows(rows: tf.Tensor) -> tf.Tensor:
    """Rows of all replicas, in their order: `(batch, ...)` to `(batch * replicas, ...)`.

    Differentiable: a row's gradient is the sum of what it does to every replica's loss.
    """
    if replicas() == 1:
        return rows
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def own_rows(rows: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """This replica's part of something that has a row for each example of the global batch.

    Args:
        rows: `(count * replicas, ...)`.
        count: rows of this replica; equal on every replica.
    """
    if replicas() == 1:
        return rows
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    first = tf.cast(index, tf.int32) * count
    return rows[first : first + count]
