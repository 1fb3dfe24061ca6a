"""Augmentation whose strength follows how much the discriminator overfits.

Each image gets each of the augmentations with the same probability. Numbers and order follow
Karras et al., 2020, arXiv:2006.06676, appendix B, with three differences: images are read
bilinearly where the paper filters with wavelets, there is no amplification of frequency bands, and
the cut-out box has whole pixels.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import tensorflow as tf

from ganapp.models.replicas import global_mean, sum_over_replicas
from ganapp.training.augmentations import pictures
from ganapp.training.augmentations.base import (
    Augmentation,
    box_start,
    check_images,
    normal,
    where_chosen,
    whole,
)
from ganapp.training.extensions import Draw, check_above, check_choices, check_range
from ganapp.training.registry import Registry

# Of the paper: parts of the image's size, standard deviations, and of base-two logarithms.
TRANSLATION, CUTOUT = 0.125, 0.5
SCALE_DEVIATION, FRACTIONAL_DEVIATION = 0.2, 0.125
BRIGHTNESS_DEVIATION, CONTRAST_DEVIATION, SATURATION_DEVIATION = 0.2, 0.5, 1.0
NOISE_DEVIATION = 0.1


def augmented(
    images: tf.Tensor, draw: Draw, probability: tf.Tensor, policy: Sequence[str]
) -> tf.Tensor:
    """Images after every augmentation of `policy`, in the paper's order."""
    moves = []
    for name, move in GEOMETRIC.items():
        if name in policy:
            moves += move(draw, probability, images.shape[1:3])
    if moves:  # all in one reading, which blurs once
        images = pictures.resampled(images, _product(moves))
    for name, change in PIXELWISE.items():
        if name in policy:
            images = change(images, draw, probability)
    return images


def check_square(shape: Sequence[int]) -> None:
    """Refuses quarter turns of images whose height (first) and width (second) differ."""
    if shape[0] != shape[1]:
        raise ValueError(
            "`policy` may have 'quarter_turn' for square images only; leave it out. "
            f"Received: images of shape={tuple(shape[:2])}"
        )


# Moves: matrices from places in the result to places in the image ---------------------------------


def flip(draw: Draw, probability: tf.Tensor, shape: Sequence[int]) -> list[tf.Tensor]:
    """Left and right exchanged in half of the chosen images."""
    amount = _chosen(draw, probability, lambda u: tf.cast(whole(u, 2), tf.float32))
    return [_matrix([1, 0, 0], [0, 1 - 2 * amount, 0])]


def quarter_turn(draw: Draw, probability: tf.Tensor, shape: Sequence[int]) -> list[tf.Tensor]:
    """0 to 3 quarter turns of square images."""
    check_square(shape)
    turns = _chosen(draw, probability, lambda u: whole(u, 4), neutral=0)
    # From a table: the cosine of pi / 2 is not quite 0, and pixels would no longer be whole.
    cosine = tf.gather(tf.constant([1.0, 0.0, -1.0, 0.0]), turns)
    sine = tf.gather(tf.constant([0.0, 1.0, 0.0, -1.0]), turns)
    return [_matrix([cosine, -sine, 0], [sine, cosine, 0])]


def translation(draw: Draw, probability: tf.Tensor, shape: Sequence[int]) -> list[tf.Tensor]:
    """A shift by whole pixels up to an eighth of the size."""
    down, right = _distances(draw, probability, shape, lambda u: 2 * u - 1, TRANSLATION)
    return [_matrix([1, 0, tf.round(down)], [0, 1, tf.round(right)])]


def geometry(draw: Draw, probability: tf.Tensor, shape: Sequence[int]) -> list[tf.Tensor]:
    """Scale, rotation, scale of one axis against the other, rotation, and a shift."""
    # Two rotations, one of which is enough to be chosen.
    either = 1.0 - tf.sqrt(1.0 - probability)
    scale = _chosen(draw, probability, lambda u: 2.0 ** (SCALE_DEVIATION * normal(u)), 1.0)
    before = _rotation(draw, either)
    stretch = _chosen(draw, probability, lambda u: 2.0 ** (SCALE_DEVIATION * normal(u)), 1.0)
    after = _rotation(draw, either)
    down, right = _distances(draw, probability, shape, normal, FRACTIONAL_DEVIATION)
    return [
        _matrix([1 / scale, 0, 0], [0, 1 / scale, 0]),
        before,
        _matrix([stretch, 0, 0], [0, 1 / stretch, 0]),
        after,
        _matrix([1, 0, down], [0, 1, right]),
    ]


MOVES = (flip, quarter_turn, translation, geometry)
GEOMETRIC = Registry("augmentation", [(each.__name__, each) for each in MOVES])


# Changes of pixel values --------------------------------------------------------------------------


def colour(images: tf.Tensor, draw: Draw, probability: tf.Tensor) -> tf.Tensor:
    """Brightness and contrast; with three channels also luma flip, hue and saturation."""

    def chosen(values: Callable[[tf.Tensor], tf.Tensor], neutral: float = 0.0) -> tf.Tensor:
        return _chosen(draw, probability, values, neutral)

    brightness = chosen(lambda u: BRIGHTNESS_DEVIATION * normal(u))
    contrast = chosen(lambda u: 2.0 ** (CONTRAST_DEVIATION * normal(u)), 1.0)
    images = images + pictures.per_image(brightness, images)
    images = images * pictures.per_image(contrast, images)
    if images.shape[3] != 3:
        return images
    amount = chosen(lambda u: tf.cast(whole(u, 2), tf.float32))
    images = pictures.luma_mirrored(images, amount)
    images = pictures.hue_turned(images, chosen(lambda u: math.pi * (2 * u - 1)))
    saturation = chosen(lambda u: 2.0 ** (SATURATION_DEVIATION * normal(u)), 1.0)
    return pictures.saturated(images, saturation)


def noise(images: tf.Tensor, draw: Draw, probability: tf.Tensor) -> tf.Tensor:
    """Normal noise; its standard deviation is half-normal."""
    sigma = _chosen(draw, probability, lambda u: NOISE_DEVIATION * tf.abs(normal(u)))
    numbers = tf.cast(normal(draw(*images.shape[1:])), images.dtype)
    return images + numbers * pictures.per_image(sigma, images)


def cutout(images: tf.Tensor, draw: Draw, probability: tf.Tensor) -> tf.Tensor:
    """A box of zeros of half the size, whose centre lies anywhere in the image."""
    numbers, firsts, sizes = draw(3), [], []
    for place, size in enumerate(images.shape[1:3], start=1):
        box = pictures.part(size, CUTOUT)
        first = box_start(numbers[:, place], size, box)
        # An image that is not chosen has its box beyond the border.
        firsts.append(where_chosen(numbers[:, 0], probability, first, size))
        sizes.append(box)
    return images * pictures.outside_box(images, *firsts, sizes)


PIXELWISE = Registry("augmentation", [(each.__name__, each) for each in (colour, noise, cutout)])


def _chosen(
    draw: Draw,
    probability: tf.Tensor,
    values: Callable[[tf.Tensor], tf.Tensor],
    neutral: float = 0.0,
) -> tf.Tensor:
    """`values` of a uniform number for each image that is chosen, else `neutral`: `(batch,)`."""
    numbers = draw(2)
    return where_chosen(numbers[:, 0], probability, values(numbers[:, 1]), neutral)


def _distances(
    draw: Draw, probability: tf.Tensor, shape: Sequence[int], values: Callable, part: float
) -> list[tf.Tensor]:
    """How far each chosen image moves along each axis, else 0: `(batch,)` each."""
    numbers = draw(3)
    return [
        where_chosen(numbers[:, 0], probability, values(u), 0.0) * part * size
        for size, u in zip(shape, (numbers[:, 1], numbers[:, 2]), strict=True)
    ]


def _rotation(draw: Draw, probability: tf.Tensor) -> tf.Tensor:
    angle = _chosen(draw, probability, lambda u: math.pi * (2 * u - 1))
    return _matrix([tf.cos(angle), -tf.sin(angle), 0], [tf.sin(angle), tf.cos(angle), 0])


def _matrix(*rows: Sequence[float | tf.Tensor]) -> tf.Tensor:
    """`(batch, 3, 3)` of two rows of numbers and tensors `(batch,)`; the third row is (0, 0, 1)."""
    entries = [tf.convert_to_tensor(x, tf.float32) for row in (*rows, [0, 0, 1]) for x in row]
    shape = tf.shape(next(entry for entry in entries if entry.shape.rank == 1))
    entries = [tf.broadcast_to(entry, shape) for entry in entries]
    return tf.reshape(tf.stack(entries, axis=1), (-1, 3, 3))


def _product(matrices: Sequence[tf.Tensor]) -> tf.Tensor:
    # Not `tf.matmul`, which rounds to ten bits on newer GPUs: a tenth of a pixel.
    product = matrices[0]
    for matrix in matrices[1:]:
        terms = product[:, :, :, tf.newaxis] * matrix[:, tf.newaxis]
        product = tf.reduce_sum(terms, axis=2)
    return product


class AugmentationState(keras.layers.Layer):
    """The probability of each augmentation and what it is adjusted by, float32 scalars."""

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
class AdaptiveAugment(Augmentation):
    """ADA: augmentations of real and generated images, as often as overfitting asks for.

    Overfitting is r_t = E[sign(D(x))] over the real, augmented images of the last `interval`
    discriminator updates: the score's sign must mean real or generated (`score_sign_means_real`).
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
