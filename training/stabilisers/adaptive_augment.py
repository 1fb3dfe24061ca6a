"""Augmentation whose strength follows how much the discriminator overfits."""

import dataclasses
from typing import Literal

import keras
import tensorflow as tf

from ganapp.training.replicas import global_mean, sum_over_replicas
from ganapp.training.stabilisers.base import Stabiliser
from ganapp.training.stabilisers.pipeline import GEOMETRIC, PIXELWISE, augmented, check_square
from ganapp.training.stabilisers.settings import (
    check_above,
    check_choices,
    check_images,
    check_range,
)


class AugmentationState(keras.layers.Layer):
    """The probability of each augmentation and what it is adjusted by, float32 scalars.

    Args:
        probability: at the start.
    """

    def __init__(self, probability: float) -> None:
        super().__init__(name="augmentation", dtype="float32")
        self.probability = self._scalar("probability", probability)
        self.overfitting = self._scalar("overfitting")  # r_t of the last whole interval
        self.signs = self._scalar("signs")  # sum of the updates' mean signs since then
        self.updates = self._scalar("updates")  # since then
        self.built = True

    def _scalar(self, name: str, value: float = 0.0) -> keras.Variable:
        initializer = keras.initializers.Constant(value)
        return self.add_weight(name=name, shape=(), initializer=initializer, trainable=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdaptiveAugment(Stabiliser):
    """ADA: augmentations of real and generated images, as often as overfitting asks for.

    Overfitting is r_t = E[sign(D(x))] over the real, augmented images of the last `interval`
    discriminator updates. The score's sign must mean real or generated, as with the
    (non-)saturating and hinge losses and least squares with opposite targets; that of a
    Wasserstein critic, of relative scores and of energies does not.
    Saturation, hue and luma flips act on images with three channels only.

    Args:
        policy: which augmentations: `"flip"` (left and right), `"quarter_turn"` (square images),
            `"translation"`, `"geometry"` (scale, rotation, fractional shift), `"colour"`,
            `"noise"`, `"cutout"`. Flips and quarter turns are left out by default: digits and
            letters lose their meaning.
        target: r_t above which the probability rises, 0 to 1.
        interval: discriminator updates between adjustments.
        adjustment_images: real images in which the probability moves by 1; the paper's 500,000
            suits millions of images, shorter runs need fewer.
        initial_probability: at the start, 0 to `maximum`.
        maximum: largest probability, 0 to 1. Above about 0.8, says the paper, the generator may
            learn to make augmented images.
    """

    policy: tuple[
        Literal["flip", "quarter_turn", "translation", "geometry", "colour", "noise", "cutout"],
        ...,
    ] = ("translation", "geometry", "colour")
    target: float = 0.6
    interval: int = 4
    adjustment_images: float = 500_000
    initial_probability: float = 0.0
    maximum: float = 0.8
    name = "adaptive_augment"
    reference = "Karras et al., 2020, arXiv:2006.06676"
    formula = "p += sign(E[sign D(x)] - target) * images / adjustment_images"
    images_only = True
    by_score_sign = True

    def __post_init__(self) -> None:
        check_choices("policy", self.policy, (*GEOMETRIC, *PIXELWISE))
        check_range("target", self.target, 0.0, 1.0)
        check_range("interval", self.interval, 1)
        check_above("adjustment_images", self.adjustment_images, 0)
        check_range("maximum", self.maximum, 0.0, 1.0)
        check_range("initial_probability", self.initial_probability, 0.0, self.maximum)

    def check_shape(self, shape):
        if "quarter_turn" in self.policy:
            check_square(shape)

    def make_state(self, generator, discriminator):
        return AugmentationState(self.initial_probability)

    def augment(self, examples, draw, step, state):
        check_images(self.name, examples)
        return augmented(examples, draw, tf.identity(state.probability.value), self.policy)

    def after_discriminator_update(self, real_scores, fake_scores, discriminator, state):
        signs = state.signs.value + global_mean(tf.sign(real_scores))
        updates = state.updates.value + 1.0
        due = updates >= self.interval
        overfitting = tf.where(due, signs / updates, state.overfitting.value)
        rows = sum_over_replicas(tf.cast(tf.shape(real_scores)[0], tf.float32))
        change = tf.sign(overfitting - self.target) * rows * updates / self.adjustment_images
        probability = state.probability.value + tf.where(due, change, 0.0)
        return [
            (state.probability, tf.clip_by_value(probability, 0.0, self.maximum)),
            (state.overfitting, overfitting),
            (state.signs, tf.where(due, 0.0, signs)),
            (state.updates, tf.where(due, 0.0, updates)),
        ]

    def logs(self, step, state):
        return {
            "probability": tf.identity(state.probability.value),
            "overfitting": tf.identity(state.overfitting.value),
        }
