"""Simple predictors of an example from what is observed of it, beside which a generator stands.

By the name of the observation, a line in `PREDICTORS`. Each draws examples for observations after
it has seen training examples: in levels 0 to 255, not rounded.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganapp.training.evaluation.frames import with_constant_velocity
from ganapp.training.evaluation.metric import Observed

MOST_FITTED = 5000
HALF = 127.5  # levels of one unit of an observation, which is in [-1, 1]

Predictor = Callable[[Callable[[int], Observed], np.ndarray, int, int], np.ndarray]
"""`(training, observations (n, ...), draws, seed) -> (n, draws, height, width, channels)`.

`training` gives at most so many training examples. A predictor that draws nothing gives one.
"""


def enlarge(coarse: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Coarse images in model units by linear interpolation, in levels `(n, *sides, channels)`."""
    return HALF * (tf.image.resize(coarse, sides).numpy() + 1)


def zero_residual(
    training: Callable[[int], Observed], coarse: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """The coarse image enlarged; nothing is drawn."""
    return enlarge(coarse, training(1).examples.shape[1:3])[:, None]


def gaussian_residual(
    training: Callable[[int], Observed], coarse: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """The coarse image enlarged, and Gaussian details of the training data's covariance."""
    fitted = training(MOST_FITTED)
    sides = fitted.examples.shape[1:3]
    details = np.float32(fitted.examples - enlarge(fitted.observations["coarse"], sides))
    mean, shape = details.mean(axis=0), details.shape[1:]
    spread = (details - mean).reshape(len(details), -1) / np.sqrt(max(1, len(details) - 1))
    # Sums of the examples with normal weights have their covariance, which need not be made.
    weights = np.random.default_rng(seed).normal(size=(len(coarse) * draws, len(spread)))
    drawn = (weights.astype(np.float32) @ spread).reshape(len(coarse), draws, *shape)
    return np.clip(enlarge(coarse, sides)[:, None] + mean + drawn, 0.0, 255.0)


def last_frame(
    training: Callable[[int], Observed], frames: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """The last of the past frames; nothing is drawn."""
    return _past(training, frames)[:, -1:]


def constant_velocity(
    training: Callable[[int], Observed], frames: np.ndarray, draws: int, seed: int
) -> np.ndarray:
    """Each block of the last frame moved on as it came; nothing is drawn."""
    past = _past(training, frames)
    return past if past.shape[1] < 2 else with_constant_velocity(past, 1)


def _past(training: Callable[[int], Observed], frames: np.ndarray) -> np.ndarray:
    """Frames side by side in the channels as clips in levels, with the frames before height."""
    channels = training(1).examples.shape[-1]
    apart = frames.reshape(*frames.shape[:3], -1, channels)
    levels = np.round(HALF * (apart + 1)).clip(0, 255).astype(np.uint8)
    return np.moveaxis(levels, 3, 1)


PREDICTORS: dict[str, dict[str, Predictor]] = {
    "coarse": {"zero residual": zero_residual, "Gaussian residual": gaussian_residual},
    "frames": {"last frame": last_frame, "constant velocity": constant_velocity},
}
"""By the name of an observation and that of the predictor."""
