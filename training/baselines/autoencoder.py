"""An autoencoder, and a Gaussian mixture of what it makes of the training data.

Reference: Ghosh et al., 2020, arXiv:1903.12436 (From variational to deterministic autoencoders),
whose decoder is regularised; this one is small and stopped early instead.
"""

import dataclasses
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganapp.training.baselines.base import (
    Baseline,
    Fitted,
    RealData,
    Units,
    check_count,
    check_differ,
)
from ganapp.training.baselines.learning import minimise
from ganapp.training.baselines.mixture import MOST_EXAMPLES, drawn_from, fitted_mixture
from ganapp.training.baselines.networks import decoder, encoder

BLOCK = 500  # examples that go through a network together


class FittedAutoencoder(Fitted):
    """Decodes draws from a mixture of latents.

    Args:
        units: of the features.
        encode: from examples `(n, *units.shape)` to latents.
        decode: from latents to examples.
        mixture: scikit-learn's, of the latents.
    """

    def __init__(self, units: Units, encode: keras.Model, decode: keras.Model, mixture: Any):
        self._units, self._mixture = units, mixture
        self._encode, self._decode = encode, decode
        self.name = f"autoencoder with a {mixture.n_components}-component mixture of latents"

    def sample(self, count, seed=0):
        check_count(count)
        latents = drawn_from(self._mixture, count, seed)
        return self._units.to_samples(through(self._decode, latents))

    def facts(self, held_out):
        """How far held-out examples come out of the autoencoder from where they went in."""
        examples = self._units.to_examples(held_out)
        again = through(self._decode, through(self._encode, examples))
        errors = again - examples.reshape(len(examples), -1)
        return {"held_out_squared_error": float(np.mean(np.square(errors)))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoencoderMixture(Baseline):
    """A small autoencoder and a full-covariance Gaussian mixture in its latent space.

    Args:
        latent: size of a latent; at most that of an example.
        mixture_components: Gaussians in the latent space; as many as known modes when not given,
            10 where none are.
        units: of the encoder's dense layers; the decoder has them in reverse.
        steps: of training.
        batch_size: examples a step.
        learning_rate: of Adam at the start.
    """

    name = "autoencoder_mixture"
    reference = "Ghosh et al., 2020, arXiv:1903.12436"
    formula = "min |x - D(E(x))|^2;  E(x) ~ sum_k w_k N(m_k, S_k);  samples D(z)"
    latent: int = 16
    mixture_components: int | None = None
    units: tuple[int, ...] = (256, 128)
    steps: int = 3_000
    batch_size: int = 64
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        given = self.mixture_components
        self.refuse("mixture_components", "at least 1", given is None or given >= 1)
        check_network_options(self)

    def fit(self, data: RealData, *, seed: int = 0) -> FittedAutoencoder:
        check_differ(data.train)
        units = Units(data.spec)
        examples = units.to_examples(data.train)
        latent = min(self.latent, units.dimensions)
        encode = encoder(units.shape, latent, units=self.units, seed=seed)
        decode = decoder(latent, units.shape, units=self.units, seed=seed + 1)

        def loss(batch: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
            return tf.reduce_mean(tf.square(batch - decode(encode(batch))))

        minimise(
            loss,
            [*encode.trainable_variables, *decode.trainable_variables],
            examples,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            seed=seed,
        )
        latents = through(encode, examples[:MOST_EXAMPLES])
        modes = 10 if data.modes is None else len(data.modes.centres)
        mixture = fitted_mixture(latents, self.mixture_components or modes, seed)
        return FittedAutoencoder(units, encode, decode, mixture)


def through(network: keras.Model, values: np.ndarray) -> np.ndarray:
    """What a network makes of `(n, ...)` values, flattened: float64 `(n, d)`."""
    values = np.asarray(values, np.float32)
    parts = [
        np.asarray(network(values[start : start + BLOCK], training=False))
        for start in range(0, len(values), BLOCK)
    ]
    return np.concatenate(parts).reshape(len(values), -1).astype(np.float64)


def check_network_options(member: Any) -> None:
    """Refuses options of a network and its training that are out of range."""
    for name in ("latent", "steps", "batch_size"):
        member.refuse(name, "at least 1", getattr(member, name) >= 1)
    member.refuse("units", "numbers of at least 1", all(width >= 1 for width in member.units))
    member.refuse("learning_rate", "above 0", member.learning_rate > 0)
