"""Alarms: pure functions that return `None`, or an `Alarm` with a remedy."""

from ganapp.training.diagnostics.alarms.base import Alarm, Remedy
from ganapp.training.diagnostics.alarms.dynamics import (
    gradient_norms,
    oscillation,
    wandering,
)
from ganapp.training.diagnostics.alarms.samples import (
    duplicates,
    lost_tails,
    low_coverage,
    low_precision,
    missing_modes,
)
from ganapp.training.diagnostics.alarms.scores import discriminator_overfitting, saturation

__all__ = [
    "Alarm",
    "Remedy",
    "discriminator_overfitting",
    "duplicates",
    "gradient_norms",
    "lost_tails",
    "low_coverage",
    "low_precision",
    "missing_modes",
    "oscillation",
    "saturation",
    "wandering",
]
