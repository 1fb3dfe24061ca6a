"""Objectives: one small file a family, one line here each."""

from training.objectives.base import Objective
from training.objectives.hinge import Hinge
from training.objectives.logistic import Minimax, NonSaturating
from training.objectives.relativistic import RelativisticPairing
from training.objectives.wasserstein import WGAN, WGANGP
from training.registry import Registry

OBJECTIVES = Registry(
    "objective", [Minimax, NonSaturating, WGAN, WGANGP, Hinge, RelativisticPairing]
)

__all__ = [
    "OBJECTIVES",
    "WGAN",
    "WGANGP",
    "Hinge",
    "Minimax",
    "NonSaturating",
    "Objective",
    "RelativisticPairing",
]
