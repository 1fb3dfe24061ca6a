"""The devices of a run: one, several of this machine, or several machines."""

import os
from collections.abc import Callable

import tensorflow as tf


def make_strategy(replicas: int = 0) -> tf.distribute.Strategy:
    """The strategy for this process; call it before anything else touches a device.

    With `TF_CONFIG` in the environment the run spans its workers. Otherwise several GPUs, or
    several logical devices on one CPU, make a MirroredStrategy.

    Args:
        replicas: devices to use; 0 for every GPU of this machine, or one CPU.

    Raises:
        ValueError: if the machine has GPUs but fewer than `replicas`.
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    gpus = tf.config.list_physical_devices("GPU")
    if replicas > len(gpus) > 0:
        raise ValueError(
            f"`replicas` must not exceed the {len(gpus)} GPUs of this machine. "
            f"Received: replicas={replicas}"
        )
    if gpus:
        devices = [f"GPU:{i}" for i in range(replicas or len(gpus))]
    else:
        devices = _logical_cpus(max(replicas, 1))
    return (
        tf.distribute.get_strategy()
        if len(devices) == 1
        else tf.distribute.MirroredStrategy(devices)
    )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes what all workers share."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    return resolver.task_type == "chief" or (
        resolver.task_type == "worker"
        and resolver.task_id == 0
        and "chief" not in resolver.cluster_spec().jobs
    )


def agreement(strategy: tf.distribute.Strategy) -> Callable[[bool], bool]:
    """A vote of all workers: true on each of them as soon as one votes for it.

    Workers must stop at the same step, or the others wait for ever in their next reduction. The
    vote is a reduction itself, so every worker has to take part in each.
    """
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return bool

    @tf.function
    def votes(wish: tf.Tensor) -> tf.Tensor:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(tf.identity, (wish,)), None)

    return lambda wish: bool(votes(tf.constant(int(wish))) > 0)


def _logical_cpus(count: int) -> list[str]:
    cpu = tf.config.list_physical_devices("CPU")[0]
    configured = tf.config.get_logical_device_configuration(cpu)
    if count > 1 and len(configured or ()) < count:
        try:
            tf.config.set_logical_device_configuration(
                cpu, [tf.config.LogicalDeviceConfiguration()] * count
            )
        except RuntimeError as error:
            raise ValueError(
                "`replicas` on one CPU must be set before TensorFlow has used it. "
                f"Received: replicas={count}"
            ) from error
    return [f"CPU:{i}" for i in range(count)]
