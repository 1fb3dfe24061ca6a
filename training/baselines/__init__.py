"""Baselines: simple models of the same data, so that a figure means something.

A baseline is a frozen dataclass of options with `fit(data, seed=...)`; one line here names it.
"""

from ganapp.training.baselines.autoencoders import AutoencoderMixture, Vae
from ganapp.training.baselines.base import Baseline, Fitted, RealData
from ganapp.training.baselines.gaussian import (
    Gaussian,
    KernelDensity,
    Mixture,
    MixtureBaseline,
    PcaGaussian,
)
from ganapp.training.baselines.metropolis import Metropolis
from ganapp.training.registry import Registry

BASELINES = Registry(
    "baseline",
    [Gaussian, Mixture, KernelDensity, PcaGaussian, AutoencoderMixture, Vae, Metropolis],
    base=Baseline,
)

__all__ = ["BASELINES", "Baseline", "Fitted", "MixtureBaseline", "RealData"]
