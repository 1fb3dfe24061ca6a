"""Figures of clips: single frames, and how they change in time; pure functions.

References: the idea of judging frames and motion apart is that of Unterthiner et al., 2018,
arXiv:1812.01717 (Frechet video distance), here without a network: in principal components of
pixels and of their differences.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from training.evaluation.checks import NotComputable
from training.evaluation.distances import frechet_distance, moments

MOST_FRAMES = 10_000  # of a side, drawn if there are more: they hardly move the moments


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClipFigures:
    """What `clip_figures` found; all lower is better, and 0 for the same clips.

    `frame_distance`: Frechet distance of single frames; blind to their order. `change_distance`:
    of differences between one frame and the next. `autocorrelation_distance`: root mean square,
    over lags, of the difference of both autocorrelations.
    """

    frame_distance: float
    change_distance: float
    autocorrelation_distance: float


def clip_figures(
    real: ArrayLike, generated: ArrayLike, *, components: int = 32, seed: int = 0
) -> ClipFigures:
    """All figures of two sets of clips.

    Args:
        real: uint8 `(m, frames, height, width, channels)`.
        generated: uint8 `(n, frames, height, width, channels)`.
        components: principal components of the real frames, and of the real changes.
        seed: of the frames that are drawn when there are more than 10,000.
    """
    real, generated = _pixels("real", real), _pixels("generated", generated)
    same_clips(real, generated)
    curves = [autocorrelation(clips) for clips in (real, generated)]
    return ClipFigures(
        frame_distance=frame_distance(real, generated, components=components, seed=seed),
        change_distance=change_distance(real, generated, components=components, seed=seed),
        autocorrelation_distance=float(np.sqrt(np.mean(np.square(curves[0] - curves[1])))),
    )


def frame_distance(
    real: ArrayLike, generated: ArrayLike, *, components: int = 32, seed: int = 0
) -> float:
    """Squared Frechet distance of single frames in principal components of the real frames.

    Args: as for `clip_figures`; pixels in [-1, 1] when they are float.
    """
    real, generated = _pixels("real", real), _pixels("generated", generated)
    same_clips(real, generated)
    return _distance(_rows(real), _rows(generated), components, seed)


def change_distance(
    real: ArrayLike, generated: ArrayLike, *, components: int = 32, seed: int = 0
) -> float:
    """The same of the differences of every frame and the one before it: the motion.

    Args: as for `clip_figures`; pixels in [-1, 1] when they are float.
    """
    real, generated = _pixels("real", real), _pixels("generated", generated)
    same_clips(real, generated)
    changes = [_rows(np.diff(clips, axis=1)) for clips in (real, generated)]
    return _distance(*changes, components, seed)


def autocorrelation(clips: ArrayLike, *, lags: int | None = None) -> np.ndarray:
    """How much of a pixel's variance is still there after 1, 2, ... frames.

    For each lag the covariance of pixels with themselves that much later, summed over pixels,
    over the sum of their variances (about each pixel's mean over all clips and frames): 1 for
    still pictures, 0 for noise that is new in every frame.

    Args:
        clips: `(n, frames, height, width, channels)`.
        lags: how many; one less than there are frames when not given.

    Returns:
        float64 `(lags,)`.

    Raises:
        NotComputable: no pixel ever changes, in time or from clip to clip.
    """
    clips = _pixels("clips", clips)
    most = clips.shape[1] - 1
    lags = most if lags is None else lags
    if not 1 <= lags <= most:
        raise ValueError(
            f"`lags` must be at least 1 and below the {most + 1} frames. Received: lags={lags}"
        )
    centred = clips - clips.mean(axis=(0, 1))
    variance = np.mean(np.square(centred))
    if variance == 0:
        raise NotComputable("An autocorrelation needs pixels that differ, and none does")
    products = [np.mean(centred[:, lag:] * centred[:, :-lag]) for lag in range(1, lags + 1)]
    return np.array(products) / variance


def same_clips(first: np.ndarray, second: np.ndarray) -> None:
    """Raises a ValueError unless clips of both sets have the same shape."""
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(
            "Both sets must hold clips of the same shape. "
            f"Received: shapes {first.shape[1:]} and {second.shape[1:]}"
        )


def _distance(real: np.ndarray, generated: np.ndarray, components: int, seed: int) -> float:
    from sklearn.decomposition import PCA

    if components < 1:
        raise ValueError(f"`components` must be at least 1. Received: components={components}")
    random = np.random.default_rng(seed)
    real, generated = (
        rows if len(rows) <= MOST_FRAMES else random.choice(rows, MOST_FRAMES, replace=False)
        for rows in (real, generated)
    )
    if not np.ptp(real, axis=0).any():
        raise NotComputable("Principal components need real clips that differ, and none does")
    count = min(components, real.shape[1], len(real) - 1)
    model = PCA(n_components=count, random_state=seed).fit(real)
    sides = (moments(model.transform(rows)) for rows in (real, generated))
    return frechet_distance(*sides)


def _rows(frames: np.ndarray) -> np.ndarray:
    """Each frame a row: `(n, t, height, width, channels)` to `(n t, height width channels)`."""
    return frames.reshape(frames.shape[0] * frames.shape[1], -1)


def _pixels(name: str, clips: ArrayLike) -> np.ndarray:
    """float64 in [-1, 1], the range that networks see."""
    clips = np.asarray(clips)
    if clips.ndim != 5 or clips.shape[1] < 2 or 0 in clips.shape:
        raise ValueError(
            f"`{name}` must have the shape (n, frames, height, width, channels) with at least 2 "
            f"frames. Received: shape={clips.shape}"
        )
    if clips.dtype == np.uint8:
        return clips / 127.5 - 1.0
    clips = clips.astype(np.float64)
    if not np.isfinite(clips).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinite values")
    return clips
