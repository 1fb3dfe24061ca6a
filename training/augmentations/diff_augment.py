"""The same differentiable augmentations for real and generated images, all of the time."""

import dataclasses
from typing import Literal

import tensorflow as tf

from ganapp.training.augmentations import pictures
from ganapp.training.augmentations.base import Augmentation, box_start, check_images, whole
from ganapp.training.extensions import Draw, check_choices, check_range
from ganapp.training.registry import Registry


def colour(images: tf.Tensor, draw: Draw, ratios: "DiffAugment") -> tf.Tensor:
    """Brightness, saturation of images with three channels, and contrast."""
    images = images + pictures.per_image(draw() - 0.5, images)
    if images.shape[3] == 3:  # of others nobody knows which channels make a colour
        images = pictures.saturated(images, 2.0 * draw())
    return pictures.contrasted(images, draw() + 0.5)


def translation(images: tf.Tensor, draw: Draw, ratios: "DiffAugment") -> tf.Tensor:
    """A shift by whole pixels, equally likely each way."""
    distances = []
    for size in images.shape[1:3]:
        most = pictures.part(size, ratios.translation_ratio)
        distances.append(whole(draw(), 2 * most + 1) - most)
    return pictures.shifted(images, *distances)


def cutout(images: tf.Tensor, draw: Draw, ratios: "DiffAugment") -> tf.Tensor:
    """A box of zeros, mid-grey, whose centre lies anywhere in the image."""
    shape = images.shape[1:3]
    sizes = [pictures.part(size, ratios.cutout_ratio) for size in shape]
    firsts = [box_start(draw(), size, box) for size, box in zip(shape, sizes, strict=True)]
    return images * pictures.outside_box(images, *firsts, sizes)


CHANGES = (colour, translation, cutout)
POLICIES = Registry("augmentation", [(each.__name__, each) for each in CHANGES])


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiffAugment(Augmentation):
    """Differentiable augmentation of whatever the discriminator sees, each image its own.

    Images of any size and number of channels in [-1, 1]; the saturation part of `"colour"` acts
    on three channels only.

    Args:
        policy: which augmentations, in order.
        translation_ratio: largest shift as a part of the image's height and width, 0 to 1.
        cutout_ratio: height and width of the box as a part of the image's, 0 to 1.
    """

    policy: tuple[Literal["colour", "translation", "cutout"], ...] = (
        "colour",
        "translation",
        "cutout",
    )
    translation_ratio: float = 0.125
    cutout_ratio: float = 0.5
    name = "diff_augment"
    reference = "Zhao et al., 2020, arXiv:2006.10738"
    formula = "D(T(x)), D(T(G(z)))"
    images_only = True

    def __post_init__(self) -> None:
        check_choices("policy", self.policy, tuple(POLICIES))
        check_range("translation_ratio", self.translation_ratio, 0.0, 1.0)
        check_range("cutout_ratio", self.cutout_ratio, 0.0, 1.0)

    def augment(self, examples, draw, step, state):
        check_images(self.name, examples)
        for name in self.policy:
            examples = POLICIES[name](examples, draw, self)
        return examples
