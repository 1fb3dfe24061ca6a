"""Penalties on the discriminator: one small file a family, one line here each."""

from ganapp.training.penalties.base import Penalty, squared_norm
from ganapp.training.penalties.consistency import Consistency
from ganapp.training.penalties.lipschitz import Dragan, GradientPenalty
from ganapp.training.penalties.weights import Orthogonal
from ganapp.training.penalties.zero_centred import R1, R2, ZeroCentred
from ganapp.training.registry import Registry

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
