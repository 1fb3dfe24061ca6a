"""Stabilisers: remedies beside the objective, one small file a family, one line here each."""

from ganapp.training.registry import Registry
from ganapp.training.stabilisers.adaptive_augment import AdaptiveAugment
from ganapp.training.stabilisers.auxiliary_classifier import AuxiliaryClassifier
from ganapp.training.stabilisers.base import Stabiliser
from ganapp.training.stabilisers.diff_augment import DiffAugment
from ganapp.training.stabilisers.features import FeatureMatching, PullingAway
from ganapp.training.stabilisers.historical_average import HistoricalAverage
from ganapp.training.stabilisers.labels import LabelNoise
from ganapp.training.stabilisers.noise import InstanceNoise
from ganapp.training.stabilisers.top_k import TopK

STABILISERS = Registry(
    "stabiliser",
    [
        InstanceNoise,
        LabelNoise,
        DiffAugment,
        AdaptiveAugment,
        TopK,
        FeatureMatching,
        PullingAway,
        HistoricalAverage,
        AuxiliaryClassifier,
    ],
)

__all__ = [
    "STABILISERS",
    "AdaptiveAugment",
    "AuxiliaryClassifier",
    "DiffAugment",
    "FeatureMatching",
    "HistoricalAverage",
    "InstanceNoise",
    "LabelNoise",
    "PullingAway",
    "Stabiliser",
    "TopK",
]
