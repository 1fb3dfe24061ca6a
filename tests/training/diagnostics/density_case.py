"""How far an estimated density is from a known one."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from ganapp.training.diagnostics.optimal_discriminator import KernelDensity


class DensityError(NamedTuple):
    """`kl`: mean of log p - log q in nats; `absolute`: its mean size; `discriminator`: mean
    |p / (p + q) - 1/2|, what the estimate alone moves an optimal discriminator by."""

    kl: float
    absolute: float
    discriminator: float


def density_error(log_density, samples, fresh):
    """Of the estimate from `samples`, at `fresh` draws of the same density."""
    difference = log_density(fresh) - KernelDensity(samples)(fresh)
    return DensityError(
        kl=difference.mean(),
        absolute=np.abs(difference).mean(),
        discriminator=np.abs(expit(difference) - 0.5).mean(),
    )
