"""What the scores of a step say, as scalars for the logs."""

from typing import Any

import tensorflow as tf


def score_statistics(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Means, spreads and probabilities of raw scores.

    Args:
        real_scores: float32 `(batch, ...)`.
        fake_scores: float32, same shape.

    Returns:
        Scalars. `real_probability` and `fake_probability` are the means of the sigmoid, D(x) and
        D(G(z)) of Goodfellow et al. (2014); for a critic without that reading they are only a
        squashed score. On several replicas the standard deviations are those within a replica.
    """
    return {
        "real_score": tf.reduce_mean(real_scores),
        "fake_score": tf.reduce_mean(fake_scores),
        "score_gap": tf.reduce_mean(real_scores) - tf.reduce_mean(fake_scores),
        "real_score_std": tf.math.reduce_std(real_scores),
        "fake_score_std": tf.math.reduce_std(fake_scores),
        "real_probability": tf.reduce_mean(tf.sigmoid(real_scores)),
        "fake_probability": tf.reduce_mean(tf.sigmoid(fake_scores)),
    }


def mean_losses(
    objective: Any, real_scores: tf.Tensor, fake_scores: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Both losses of `objective` at given scores, averaged: scalars."""
    scores = real_scores, fake_scores
    return {
        "discriminator_loss": tf.reduce_mean(objective.discriminator_loss(*scores)),
        "generator_loss": tf.reduce_mean(objective.generator_loss(*scores)),
    }
