"""Objectives: one small file a family, one line here each."""

from ganapp.training.objectives.base import Objective
from ganapp.training.objectives.energy import BEGAN, EBGAN
from ganapp.training.objectives.f_divergence import (
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
from ganapp.training.objectives.hinge import Hinge
from ganapp.training.objectives.least_squares import LeastSquares
from ganapp.training.objectives.logistic import Minimax, NonSaturating
from ganapp.training.objectives.relativistic import (
    RelativisticAverage,
    RelativisticAverageHinge,
    RelativisticAverageLeastSquares,
    RelativisticHinge,
    RelativisticLeastSquares,
    RelativisticPairing,
)
from ganapp.training.objectives.wasserstein import WGAN, WGANGP, WGANLP
from ganapp.training.registry import Registry

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
    base=Objective,
)
