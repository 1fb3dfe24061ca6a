"""Simple predictors of an example from what is observed of it, beside which a generator stands.

By the name of the observation, a line in `PREDICTORS`. Each is given training examples and their
observations, and draws examples for other observations: pixels in levels 0 to 255, not rounded.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganapp.training.evaluation.frames import copied, with_constant_velocity

MOST_FITTED = 10_000
HALF = 127.5  # levels of one unit of an observation, which is in [-1, 1]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """Real examples with what is observed of them.

    Args:
        examples: `(n, height, width, channels)` in levels.
        observations: in model units `(n, ...)`.
    """

    examples: np.ndarray
    observations: np.ndarray


Predictor = Callable[[Observed, np.ndarray, int, int], np.ndarray]
"""`(training, observations (n, ...), draws, seed) -> (n, draws, height, width, channels)`."""


def enlarge(coarse: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Coarse images in model units by linear interpolation, in levels `(n, *sides, channels)`."""
    return HALF * (tf.image.resize(coarse, sides).numpy().astype(np.float64) + 1)


def zero_residual(training: Observed, coarse: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The coarse image enlarged; nothing is drawn."""
    return enlarge(coarse, training.examples.shape[1:3])[:, None]


def gaussian_residual(training: Observed, coarse: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The coarse image enlarged, and Gaussian details of the training data's covariance."""
    sides = training.examples.shape[1:3]
    some = slice(None, MOST_FITTED)
    details = training.examples[some] - enlarge(training.observations[some], sides)
    flat = details.reshape(len(details), -1)
    mean = flat.mean(axis=0)
    # By the singular values of what there is: with fewer examples than pixels, too.
    _, scales, directions = np.linalg.svd(flat - mean, full_matrices=False)
    scales /= np.sqrt(max(1, len(flat) - 1))
    noise = np.random.default_rng(seed).normal(size=(len(coarse) * draws, len(scales)))
    drawn = (mean + noise * scales @ directions).reshape(len(coarse), draws, *details.shape[1:])
    return enlarge(coarse, sides)[:, None] + drawn


def last_frame(training: Observed, frames: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """The last of the past frames; nothing is drawn."""
    return copied(_past(training, frames), 1)


def constant_velocity(training: Observed, frames: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Each block of the last frame moved on as it came; nothing is drawn."""
    past = _past(training, frames)
    if past.shape[1] < 2:
        return copied(past, 1)
    return with_constant_velocity(past, 1)


def _past(training: Observed, frames: np.ndarray) -> np.ndarray:
    """Frames side by side in the channels as clips in levels, with the frames before height."""
    channels = training.examples.shape[-1]
    apart = frames.reshape(*frames.shape[:3], -1, channels)
    levels = np.round(HALF * (apart + 1)).clip(0, 255).astype(np.uint8)
    return np.moveaxis(levels, 3, 1)


PREDICTORS: dict[str, dict[str, Predictor]] = {
    "coarse": {"zero residual": zero_residual, "Gaussian residual": gaussian_residual},
    "frames": {"last frame": last_frame, "constant velocity": constant_velocity},
}
