"""Weightings of scores: a file each, one line here each."""

from ganapp.training.registry import Registry
from ganapp.training.weightings.base import Weighting
from ganapp.training.weightings.label_noise import LabelNoise
from ganapp.training.weightings.top_k import TopK

WEIGHTINGS = Registry("weighting", [LabelNoise, TopK])

__all__ = ["WEIGHTINGS", "LabelNoise", "TopK", "Weighting"]
