"""From a source to what `fit` takes: batches for every replica, from any step on."""

import tensorflow as tf

from ganapp.training.data.source import Source

FOREVER = 2**62  # steps; `fit` is told how many to take


def training_batches(
    source: Source,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    strategy: tf.distribute.Strategy | None = None,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
    """Endless training batches; the element of a step is a pure function of (seed, step).

    The global batch of a step is the same however many replicas share it: replica r of N gets
    rows r * batch_size / N onwards, on whichever worker it lives.

    Args:
        source: where the examples come from.
        batch_size: rows of the global batch, k x the minibatch for k discriminator updates.
        seed: of the order.
        start_step: first step; a resumed run starts where the lost one stopped.
        strategy: the distribution strategy; the current one when `None`.

    Returns:
        A dataset, distributed when there are several replicas.

    Raises:
        ValueError: if the replicas cannot share the batch evenly, or one epoch holds no batch.
    """
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            "`batch_size` must be a multiple of the number of replicas. "
            f"Received: batch_size={batch_size}, {replicas} replicas"
        )
    if source.steps_per_epoch(batch_size) == 0:
        raise ValueError(
            "`batch_size` times the discriminator steps must not exceed the "
            f"{source.spec.examples} training examples of {source.spec.name!r}. "
            f"Received: {batch_size}"
        )

    def for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = replicas // context.num_input_pipelines
        first_replica = context.input_pipeline_id * local
        rows = batch_size // replicas

        def element(number: tf.Tensor):
            replica = first_replica + number % local
            return source.rows(
                number // local, replica * rows, rows, batch_size=batch_size, seed=seed
            )

        numbers = tf.data.Dataset.range(start_step * local, FOREVER)
        return numbers.map(element, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    if replicas == 1:
        return for_worker(tf.distribute.InputContext())
    return strategy.distribute_datasets_from_function(for_worker)
