"""Penalties on the discriminator: one small file a family, one line here each."""

from training.penalties.base import Penalty, squared_norm
from training.penalties.consistency import Consistency
from training.penalties.lipschitz import Dragan, GradientPenalty
from training.penalties.weights import Orthogonal
from training.penalties.zero_centred import R1, R2, ZeroCentred
from training.registry import Registry

PENALTIES = Registry(
    "penalty", [R1, R2, ZeroCentred, GradientPenalty, Dragan, Orthogonal, Consistency]
)

__all__ = [
    "PENALTIES",
    "R1",
    "R2",
    "Consistency",
    "Dragan",
    "GradientPenalty",
    "Orthogonal",
    "Penalty",
    "ZeroCentred",
    "squared_norm",
]
