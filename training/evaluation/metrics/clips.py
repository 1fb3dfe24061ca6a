"""Clips: Fréchet distances of their frames and of their changes, and how they move.

References: the idea of judging frames and motion apart is that of Unterthiner et al., 2018,
arXiv:1812.01717 (Frechet video distance), here without a network: in principal components of
pixels and of their differences.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import (
    MOST_FOR_COMPONENTS,
    Pixels,
    PrincipalComponents,
    chunks,
)
from ganapp.training.evaluation.metric import (
    Comparison,
    Computed,
    Details,
    EvaluationData,
    Figure,
    Metric,
    Values,
)
from ganapp.training.evaluation.metrics.frechet_distance import frechet_distance, sample_moments
from ganapp.training.rows_on_disk import Joined

MOST_CLIPS = 2000  # their frames are many more


class Frames(Pixels):
    """Every frame by itself: clips `(n, t, height, width, channels)` to `(n t, pixels)`."""

    name = "frames"

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        return super().__call__(clips.reshape(-1, *clips.shape[2:]))


class Changes:
    """Every frame less the one before it: clips of t frames to `(n (t - 1), pixels)`."""

    name = "changes"

    def __call__(self, clips: np.ndarray) -> np.ndarray:
        frames = Frames()(clips).reshape(*clips.shape[:2], -1)
        return np.diff(frames, axis=1).reshape(-1, frames.shape[-1])


def components_of(
    pieces: Frames | Changes, clips: np.ndarray, *, components: int = 32, seed: int = 0
) -> PrincipalComponents:
    """The directions in which pieces of uint8 training clips vary most, as a space.

    Clips are drawn from if they have more than 10,000 frames. NotComputable where the pieces are
    all the same.
    """
    most = max(2, MOST_FOR_COMPONENTS // clips.shape[1])
    if len(clips) > most:
        clips = np.random.default_rng(seed).choice(clips, most, replace=False)
    try:
        return PrincipalComponents(
            pieces, clips, components=components, seed=seed, of=f" of {pieces.name}"
        )
    except ValueError as error:
        raise NotComputable(f"The {pieces.name} of the real clips are all the same") from error


@dataclasses.dataclass(frozen=True, kw_only=True)
class Motion:
    """The change of clips in time.

    `change`: mean square of what a pixel in [-1, 1] changes from a frame to the next; 0 for still
    pictures. `autocorrelation`: float64 `(t - 1,)`, how much of a pixel's variance is still there
    after 1, 2, ... frames: 1 for still pictures, 0 for noise that is new in every frame; `None`
    if no pixel ever changes, in time or from clip to clip.
    """

    change: float
    autocorrelation: np.ndarray | None


def motion(clips: np.ndarray | Joined) -> Motion:
    """Measures the motion in clips; of only a part of them are pixels float64 at once.

    The autocorrelation is, for each lag, the covariance of pixels with themselves that much later,
    averaged over pixels, over the mean of their variances (about each pixel's mean over all clips
    and frames).

    Args:
        clips: `(n, t, height, width, channels)` of 0 to 255, t at least 2.
    """
    clips = clips if isinstance(clips, Joined) else np.asarray(clips)
    if clips.ndim != 5 or clips.shape[1] < 2 or 0 in clips.shape:
        raise ValueError(
            "`clips` must have the shape (n, frames, height, width, channels) with at least 2 "
            f"frames. Received: shape={clips.shape}"
        )
    count, frames = clips.shape[:2]
    mean = sum(part.sum(axis=(0, 1)) for part in _parts(clips)) / (count * frames)
    products, changed = np.zeros(frames), 0.0
    for part in _parts(clips):
        changed += float(np.square(np.diff(part, axis=1)).sum())
        centred = part - mean
        for lag in range(frames):
            products[lag] += np.vdot(centred[:, lag:], centred[:, : frames - lag])
    pairs = count * (frames - np.arange(frames)) * len(mean)
    variance, *covariances = products / pairs
    return Motion(
        change=changed / pairs[1],
        # Rounding leaves a trace where all pixels are alike.
        autocorrelation=np.array(covariances) / variance if variance > 1e-12 else None,
    )


def _parts(clips: np.ndarray) -> Iterator[np.ndarray]:
    """float64 `(k, t, pixels)` in [-1, 1]."""
    for rows in chunks(Frames(), clips):
        yield rows.reshape(-1, clips.shape[1], rows.shape[1])


def _is_video(data: EvaluationData) -> bool:
    return data.spec.kind == "video"


def _piece_distance(key: str, figure: Figure, pieces: Frames | Changes) -> Metric:

    def space(data: EvaluationData) -> PrincipalComponents:
        options = {"components": data.components, "seed": data.seed}
        return data.cache.once(
            pieces.name, lambda: components_of(pieces, data.train.samples, **options)
        )

    def compute(given: Comparison) -> Computed:
        sides = (given.reference, given.samples)
        first, second = (sample_moments(side, space(given.data)) for side in sides)
        return {key: frechet_distance(first, second)}, {"dimension": len(first.mean)}

    return Metric(
        figures={key: figure}, compute=compute, applies=_is_video, space=space, most=MOST_CLIPS
    )


def _compute_motion(given: Comparison) -> Computed:
    real, found = motion(given.reference.samples), motion(given.samples.samples)
    values: Values = {
        "motion": NotComputable("The real clips do not move"),
        "autocorrelation_distance": NotComputable("Either side's pixels are all the same"),
    }
    details: Details = {"change": found.change, "real_change": real.change}
    if real.change > 0:
        values["motion"] = found.change / real.change
    if real.autocorrelation is not None and found.autocorrelation is not None:
        difference = found.autocorrelation - real.autocorrelation
        values["autocorrelation_distance"] = float(np.sqrt(np.mean(np.square(difference))))
        details["autocorrelation"] = found.autocorrelation.tolist()
        details["real_autocorrelation"] = real.autocorrelation.tolist()
    return values, details


FRAME_DISTANCE = _piece_distance(
    "frame_distance", Figure("lower", "Fréchet distance of frames"), Frames()
)
CHANGE_DISTANCE = _piece_distance(
    "change_distance", Figure("lower", "Fréchet distance of changes", group="movement"), Changes()
)
MOTION = Metric(
    figures={
        "motion": Figure("one", group="movement"),
        "autocorrelation_distance": Figure("lower", group="movement"),
    },
    compute=_compute_motion,
    applies=_is_video,
    most=MOST_CLIPS,
)
