"""How well examples are made again from their latents, beside what simpler means make of them."""

import math
from collections.abc import Mapping

import numpy as np

from ganapp.training.evaluation.frames import decibels
from ganapp.training.evaluation.metrics.energy_distance import energy_distance

WHITE = 255.0  # of uint8 pixels
Figures = dict[str, float | None]


def simple_reconstructions(
    train: np.ndarray, examples: np.ndarray, components: int
) -> dict[str, np.ndarray]:
    """What is made of examples without a generator, float32 `(n, ...)` by what made it.

    The mean training example; the nearest one; and as many principal components of the training
    examples as there are latents, the best that linear maps can do with as many numbers.

    Args:
        train: training examples `(m, ...)`.
        examples: `(n, ...)`, in the same units.
        components: how many numbers an encoder says of an example.
    """
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    known, flat = (each.reshape(len(each), -1).astype(np.float32) for each in (train, examples))
    components = min(components, *known.shape)
    linear = PCA(components, random_state=0).fit(known)
    nearest = NearestNeighbors(n_neighbors=1).fit(known).kneighbors(flat, return_distance=False)
    made = {
        "the mean example": np.broadcast_to(known.mean(axis=0), flat.shape),
        f"{components} principal components": linear.inverse_transform(linear.transform(flat)),
        "the nearest training example": known[nearest[:, 0]],
    }
    if train.dtype == np.uint8:  # as pictures they would be stored so
        made = {name: np.clip(np.round(each), 0.0, WHITE) for name, each in made.items()}
    return {name: each.reshape(examples.shape) for name, each in made.items()}


def reconstruction_figures(examples: np.ndarray, made: np.ndarray) -> Figures:
    """The mean squared error of an entry, its standard error over examples, and the PSNR in dB.

    Args:
        examples: `(n, ...)`, uint8 pixels or float vectors.
        made: what was made of each, in the same units.

    Returns:
        `mean_squared_error`, `error`; and `psnr`, 10 log10(255^2 / mean squared error), which is
        `None` of vectors, and of pixels that are equal.
    """
    differences = examples.astype(np.float64) - made.astype(np.float64)
    each = (differences.reshape(len(examples), -1) ** 2).mean(axis=1)
    mean = float(each.mean())
    error = float(each.std(ddof=1) / math.sqrt(len(each))) if len(each) > 1 else None
    pixels = examples.dtype == np.uint8 and mean > 0
    psnr = float(decibels(mean)) if pixels else None
    return {"mean_squared_error": mean, "error": error, "psnr": psnr}


def latent_figures(
    codes: Mapping[str, np.ndarray],
    drawn: Mapping[str, np.ndarray],
    others: Mapping[str, np.ndarray],
) -> Figures:
    """How the latents of real examples are distributed, beside the prior.

    Args:
        codes: of real examples `(n, size)` by name.
        drawn: as many of the prior.
        others: further ones of the prior, for the floor.

    Returns:
        `mean`: the largest absolute mean of a coordinate, less the prior's; `deviation`, the mean
        over coordinates of their deviations, in those of the prior; `energy_distance` to the
        prior, all coordinates together, and its `floor` between two draws of the prior.
    """
    found, first, second = (
        np.concatenate([each[name] for name in drawn], axis=1).astype(np.float64)
        for each in (codes, drawn, others)
    )
    prior = np.concatenate([first, second])
    return {
        "mean": float(np.abs(found.mean(axis=0) - prior.mean(axis=0)).max()),
        "deviation": float(np.mean(found.std(axis=0) / np.maximum(prior.std(axis=0), 1e-12))),
        "energy_distance": energy_distance(found, first),
        "floor": energy_distance(second, first),
    }


def latents_read_back(drawn: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray]) -> float:
    """Share of the latents' variance that is read back from their examples, at most 1.

    1 - mean (E(G(z)) - z)^2 / var z; 0 for an encoder that always says the prior's mean.
    """
    true, said = (
        np.concatenate([each[name] for name in drawn], axis=1).astype(np.float64)
        for each in (drawn, found)
    )
    return float(1.0 - np.mean((said - true) ** 2) / np.mean(true.var(axis=0)))
