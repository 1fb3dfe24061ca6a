"""Stabilisers: remedies beside the objective, one small file a family, one line here each."""

from training.registry import Registry
from training.stabilisers.adaptive_augment import AdaptiveAugment
from training.stabilisers.auxiliary_classifier import AuxiliaryClassifier
from training.stabilisers.base import Stabiliser
from training.stabilisers.diff_augment import DiffAugment
from training.stabilisers.features import FeatureMatching, PullingAway
from training.stabilisers.historical_average import HistoricalAverage
from training.stabilisers.labels import LabelNoise
from training.stabilisers.noise import InstanceNoise
from training.stabilisers.top_k import TopK

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
