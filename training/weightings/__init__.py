"""Weightings of scores: a file each, one line here each."""

from ganapp.training.extensions import Weighting
from ganapp.training.registry import Registry
from ganapp.training.weightings.label_noise import LabelNoise
from ganapp.training.weightings.top_k import TopK

WEIGHTINGS = Registry("weighting", [LabelNoise, TopK], base=Weighting)
