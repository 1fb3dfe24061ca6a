"""What a format costs in evaluation figures, beside those of the Keras generator."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.differences import keras_samples

JUDGED = 1500  # samples of the same latents for every format
SEEDS = ((0x5A14, 0), (0x5A14, 1))
COVERAGE_LOST = 0.05  # a twentieth of the data that is no longer reached
FRECHET_GAINED = 0.5  # half as far again from the data


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figures:
    """The Keras generator's figures, and how far they move by chance.

    Args:
        latents: float32 `(JUDGED, size)`, the same for every format.
        values: figures by key, of the generator in float32.
        noise: by key, the absolute difference to the same figures of other latents.
    """

    latents: np.ndarray
    values: Mapping[str, float]
    noise: Mapping[str, float]


def judged(bundle: Bundle, samples: np.ndarray) -> dict[str, float]:
    """Figures of samples in model units, `(n, *shape)`."""
    return dict(bundle.judge(np.asarray(bundle.to_user_units(samples))))


def figures_of_keras(bundle: Bundle) -> Figures | None:
    """The Keras generator's own figures; `None` where the bundle has no judge.

    Args:
        bundle: what is exported, computing in float32.
    """
    if bundle.judge is None:
        return None
    latents = [
        np.asarray(bundle.prior.sample(JUDGED, tf.constant(seed)), "float32") for seed in SEEDS
    ]
    values, others = (judged(bundle, keras_samples(bundle, z)) for z in latents)
    noise = {key: abs(values[key] - others[key]) for key in values.keys() & others.keys()}
    return Figures(latents=latents[0], values=values, noise=noise)


def loss(figures: Mapping[str, float], keras: Figures) -> str | None:
    """What an artefact lost beyond what is allowed, as a part of a sentence; `None` if nothing.

    Coverage may fall by `COVERAGE_LOST` and the Fréchet distance rise by `FRECHET_GAINED` of
    itself, each and what it moves by chance.

    Args:
        figures: of the artefact, by key.
        keras: of the generator.
    """
    found = []
    for key, name, lowest, highest in (
        ("coverage", "coverage", lambda value: value - COVERAGE_LOST, None),
        ("frechet_distance", "Fréchet distance", None, lambda value: value * (1 + FRECHET_GAINED)),
    ):
        if key not in figures or key not in keras.values:
            continue
        own, value, noise = keras.values[key], figures[key], keras.noise.get(key, 0.0)
        lost = lowest is not None and not value >= lowest(own) - noise
        gained = highest is not None and not value <= highest(own) + noise
        if lost or gained:
            found.append(f"{name} {value:.3g} where the Keras generator has {own:.3g}")
    return " and ".join(found) or None
