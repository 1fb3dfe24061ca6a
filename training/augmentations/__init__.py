"""Augmentations of what the discriminator sees: a file each, one line here each."""

from ganapp.training.augmentations.adaptive_augment import AdaptiveAugment
from ganapp.training.augmentations.base import Augmentation
from ganapp.training.augmentations.diff_augment import DiffAugment
from ganapp.training.augmentations.instance_noise import InstanceNoise
from ganapp.training.registry import Registry

AUGMENTATIONS = Registry(
    "augmentation", [InstanceNoise, DiffAugment, AdaptiveAugment], base=Augmentation
)
