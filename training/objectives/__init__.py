"""Objectives: one small file a family, one line here each."""

from training.objectives.base import Objective
from training.objectives.energy import BEGAN, EBGAN
from training.objectives.f_divergence import (
    FGAN,
    FKL,
    FHellinger,
    FJeffreys,
    FJensenShannon,
    FPearson,
    FReverseKL,
    FSkewedJensenShannon,
    FTotalVariation,
)
from training.objectives.hinge import Hinge
from training.objectives.least_squares import LeastSquares
from training.objectives.logistic import Minimax, NonSaturating
from training.objectives.relativistic import (
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticAverageLeastSquares,
    RelativisticHinge,
    RelativisticLeastSquares,
    RelativisticPairing,
)
from training.objectives.wasserstein import WGAN, WGANGP, WGANLP
from training.registry import Registry

OBJECTIVES = Registry(
    "objective",
    [
        *(Minimax, NonSaturating),
        LeastSquares,
        *(WGAN, WGANGP, WGANLP),
        Hinge,
        *(RelativisticPairing, RelativisticHinge, RelativisticLeastSquares),
        *(RelativisticAverage, RelativisticAverageHinge, RelativisticAverageLeastSquares),
        *(FKL, FReverseKL, FJensenShannon, FGAN, FPearson, FHellinger, FJeffreys),
        *(FTotalVariation, FSkewedJensenShannon),
        *(EBGAN, BEGAN),
    ],
)

__all__ = [
    "BEGAN",
    "EBGAN",
    "FGAN",
    "FKL",
    "OBJECTIVES",
    "WGAN",
    "WGANGP",
    "WGANLP",
    "FHellinger",
    "FJeffreys",
    "FJensenShannon",
    "FPearson",
    "FReverseKL",
    "FSkewedJensenShannon",
    "FTotalVariation",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "RelativisticAverage",
    "RelativisticAverageHinge",
    "RelativisticAverageLeastSquares",
    "RelativisticHinge",
    "RelativisticLeastSquares",
    "RelativisticPairing",
]
