"""Terms of the players' losses: a file a family, one line here each."""

from ganapp.training.registry import Registry
from ganapp.training.terms.auxiliary_classifier import AuxiliaryClassifier
from ganapp.training.terms.base import Critic, Tensors, Term
from ganapp.training.terms.consistency import Consistency
from ganapp.training.terms.features import FeatureMatching, PullingAway
from ganapp.training.terms.gradient_penalties import (
    R1,
    R2,
    Dragan,
    GradientPenalty,
    ZeroCentred,
    squared_norm,
)
from ganapp.training.terms.historical_average import HistoricalAverage
from ganapp.training.terms.mismatched_pairs import MismatchedPairs
from ganapp.training.terms.mutual_information import MutualInformation
from ganapp.training.terms.orthogonal import Orthogonal
from ganapp.training.terms.real_codes import RealCodes
from ganapp.training.terms.reconstruction import (
    FeatureReconstruction,
    GradientDifference,
    Reconstruction,
)

TERMS = Registry(
    "term",
    [
        *(R1, R2, ZeroCentred, GradientPenalty, Dragan),
        Orthogonal,
        Consistency,
        *(FeatureMatching, PullingAway),
        HistoricalAverage,
        AuxiliaryClassifier,
        *(Reconstruction, FeatureReconstruction, GradientDifference),
        *(MutualInformation, RealCodes),
        MismatchedPairs,
    ],
    base=Term,
)
