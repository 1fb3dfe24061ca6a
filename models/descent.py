"""One optimizer step on one network, the same on every replica."""

from typing import Any

import keras
import tensorflow as tf

from ganapp.models.distributed import sum_over_replicas


def descended(
    tape: tf.GradientTape, scaled_loss: tf.Tensor, optimizer: Any, network: keras.Model
) -> tf.Tensor:
    """One optimizer step on `network`; returns the norm of the global, unscaled gradient."""
    variables = network.trainable_variables
    # `.value`: run eagerly, "zero" does not understand a Keras variable.
    sources = [variable.value for variable in variables]
    gradients = tape.gradient(scaled_loss, sources, unconnected_gradients="zero")
    gradients = sum_over_replicas(gradients)
    # Before the update, which may change the loss scale these gradients carry.
    norm = tf.linalg.global_norm(gradients) / optimizer.scale_loss(1.0)
    # Where a gradient does not need the scores (a loss linear in them), the graph's optimiser
    # was seen to let the update overtake the forward pass that still reads the weights.
    with tf.control_dependencies([scaled_loss]):
        optimizer.apply(gradients, variables)
    return norm
