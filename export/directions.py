"""Directions of the latent space along which a generator changes most.

Reference: Wang and Ponce, 2021, "The geometry of deep generative image models and its
applications", arXiv:2101.06006: eigenvectors of the mean of J^T J, J the Jacobian of the generator.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganapp.export.bundle import Bundle
from ganapp.export.sampling import uniform_noise

COUNT, LATENTS = 8, 64
SEED = 0x5A14
STEP = 0.05  # of a central difference: an error of its square, and no rounding of float32
AT_ONCE = 2**24  # numbers of samples that are held at a time


@dataclasses.dataclass(frozen=True)
class Directions:
    """Principal directions, the one of the largest change first.

    Args:
        vectors: float32 `(k, prior.size)`, of length 1 and at right angles.
        spread: float32 `(k,)`, root mean square change of an entry of the sample, in model units,
            for a step of length 1 along each.
    """

    vectors: np.ndarray
    spread: np.ndarray


def principal_directions(
    bundle: Bundle, *, count: int = COUNT, latents: int = LATENTS
) -> Directions:
    """The directions in which the generator changes most, on average over the prior's latents.

    Coordinates that cannot change a little, such as a class, are 0 in all of them.

    Args:
        bundle: what is exported.
        count: how many; fewer where the latent has fewer such coordinates.
        latents: how many latents the average is over.
    """
    places = np.flatnonzero(bundle.prior.continuous_mask)
    size, entries = bundle.prior.size, int(np.prod(bundle.shape))
    if not len(places):
        return Directions(np.zeros((0, size), np.float32), np.zeros(0, np.float32))
    drawn = np.asarray(bundle.prior.from_uniform(uniform_noise(bundle, latents, SEED)))
    steps = STEP * np.eye(size, dtype=np.float32)[places]
    rows = max(1, AT_ONCE // (2 * entries))
    generate = tf.function(lambda z: _flat(bundle, z), reduce_retracing=True, autograph=False)
    total = np.zeros((len(places), len(places)))
    for latent in drawn:
        change = np.concatenate([_change(generate, latent, s) for s in _parts(steps, rows)])
        total += change @ change.T
    values, vectors = np.linalg.eigh(total / (latents * entries))
    order = np.argsort(values)[::-1][:count]
    found = np.zeros((len(order), size), np.float32)
    found[:, places] = (vectors * _signs(vectors)).T[order]
    return Directions(found, np.sqrt(np.maximum(values[order], 0)).astype(np.float32))


def _flat(bundle: Bundle, latents: tf.Tensor) -> tf.Tensor:
    samples = tf.cast(bundle.generator(latents, training=False), tf.float32)
    return tf.reshape(samples, (tf.shape(samples)[0], -1))


def _change(generate, latent: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Derivatives of the sample along each step's coordinate: float64 `(steps, entries)`."""
    ends = generate(tf.constant(np.concatenate([latent + steps, latent - steps])))
    ahead, behind = np.split(ends.numpy().astype(np.float64), 2)
    return (ahead - behind) / (2 * STEP)


def _parts(steps: np.ndarray, rows: int) -> list[np.ndarray]:
    return np.split(steps, range(rows, len(steps), rows))


def _signs(vectors: np.ndarray) -> np.ndarray:
    """1 or -1 for each column, so that its largest entry becomes positive: `(columns,)`."""
    largest = np.abs(vectors).argmax(axis=0)
    return np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1.0, 1.0)
