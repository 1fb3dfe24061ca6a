"""The global batch as one replica sees it.

Every replica must call these functions in the same order. Without a strategy, and while a network
is only being put together, the local batch is the global one. What gives values of the global
batch is differentiable: a row's gradient is the sum of what it does to every replica's loss.
"""

import tensorflow as tf


def replica_count() -> int:
    """The number of replicas that compute together."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def sum_over_replicas(values: tf.Tensor | list[tf.Tensor]) -> tf.Tensor | list[tf.Tensor]:
    """The sum of every replica's value, of a list each."""
    if replica_count() == 1:
        return values
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean of all entries: float32 scalar. Every replica has as many of them."""
    return sum_over_replicas(tf.reduce_mean(values)) / replica_count()


def global_row_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean of the rows `(batch, ...)`: `(...)`."""
    return sum_over_replicas(tf.reduce_mean(values, axis=0)) / replica_count()


def gather_rows(rows: tf.Tensor) -> tf.Tensor:
    """Rows of all replicas, in their order: `(batch, ...)` to `(batch * replicas, ...)`."""
    if replica_count() == 1:
        return rows
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def own_rows(rows: tf.Tensor, count: int | tf.Tensor) -> tf.Tensor:
    """This replica's `count` rows of the `(count * replicas, ...)` of the global batch."""
    if replica_count() == 1:
        return rows
    index = tf.distribute.get_replica_context().replica_id_in_sync_group
    first = tf.cast(index, tf.int32) * count
    return rows[first : first + count]
