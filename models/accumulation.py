"""Gradient accumulation of Keras's optimizers, made to work on several replicas.

Keras decides within each replica whether an update is due, and TensorFlow lets no branch of such a
decision talk to the other replicas, as every assignment to a mirrored variable must.
"""

from typing import Any

import keras
import tensorflow as tf


def accumulate_across_replicas(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes `optimizer` decide once for all replicas; on one device it would do the same.

    As in Keras: gradients are summed up over `gradient_accumulation_steps` calls, and the last of
    them clips the mean, decays the weights and updates them.

    Args:
        optimizer: not a wrapper; built, with `gradient_accumulation_steps`. The gradients it gets
            must be those of the global batch, the same on every replica.
    """
    steps = optimizer.gradient_accumulation_steps

    def held_for(variables: list) -> list:
        places = [optimizer._get_variable_index(variable) for variable in variables]
        return [optimizer._accumulated_gradients[place] for place in places]

    def add(gradients: list, variables: list) -> None:
        optimizer._backend_increment_gradient_accumulators(gradients, held_for(variables))

    def update(gradients: list, variables: list) -> None:
        sums = [held.value + new for held, new in zip(held_for(variables), gradients, strict=True)]
        means = optimizer._clip_gradients([total / steps for total in sums])
        optimizer._apply_weight_decay(variables)
        optimizer._backend_update_step(means, variables, optimizer.learning_rate)
        add([-held.value for held in held_for(variables)], variables)  # back to 0

    def decide(strategy: tf.distribute.Strategy, gradients: list, variables: list) -> None:
        def on_replicas(what: Any):
            return lambda: strategy.extended.call_for_each_replica(what, (gradients, variables))

        due = tf.equal((optimizer._iterations.value + 1) % steps, 0)
        keras.ops.cond(due, on_replicas(update), on_replicas(add))

    def apply_gradients(gradients: list, variables: list) -> None:
        context = tf.distribute.get_replica_context()
        context.merge_call(decide, args=(list(gradients), list(variables)))

    optimizer._backend_apply_gradients = apply_gradients
