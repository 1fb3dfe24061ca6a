"""Values of the global batch, the same on every replica.

Outside a distribution strategy the local batch is the global one. Everything here must be called
by every replica, in the same order.
"""

import tensorflow as tf


def global_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean of all entries over the global batch: float32 scalar, differentiable.

    Equal numbers of entries on every replica are taken for granted.
    """
    return sum_over_replicas(tf.reduce_mean(values)) / _replicas()


def global_row_mean(values: tf.Tensor) -> tf.Tensor:
    """Mean of the rows `(batch, ...)` over the global batch: `(...)`, differentiable."""
    return sum_over_replicas(tf.reduce_mean(values, axis=0)) / _replicas()


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The sum of every replica's value, differentiable."""
    if _replicas() == 1:
        return value
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def gather(values: tf.Tensor) -> tf.Tensor:
    """Rows of all replicas, in their order: `(batch, ...)` to `(batch * replicas, ...)`."""
    if _replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_gather(values, axis=0)


def _replicas() -> int:
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync
