"""Baselines: simple models of the same data, so that a figure means something.

A baseline is a frozen dataclass of options with `fit(data, seed=...)`; one line here names it.
"""

from training.baselines.autoencoder import AutoencoderMixture
from training.baselines.base import Baseline, Fitted, RealData
from training.baselines.gaussian import Gaussian, PcaGaussian
from training.baselines.kernel_density import KernelDensity
from training.baselines.metropolis import Metropolis
from training.baselines.mixture import Mixture, MixtureBaseline
from training.baselines.vae import Vae
from training.registry import Registry

BASELINES = Registry(
    "baseline",
    [Gaussian, Mixture, KernelDensity, PcaGaussian, AutoencoderMixture, Vae, Metropolis],
)

__all__ = ["BASELINES", "Baseline", "Fitted", "MixtureBaseline", "RealData"]
