"""Figures of clips that are predicted frame by frame, by the step of the prediction.

All are of the pixels that move in the true clip. A figure of a step is that of the mean error over
all clips' pixels together (SSIM: the mean over clips), so that a frame which is predicted exactly
does not count without bound.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from ganapp.training.evaluation.frames import (
    copied,
    moving_pixels,
    psnr,
    sharpness,
    ssim,
    with_constant_velocity,
)
from ganapp.training.evaluation.metrics.conditional_energy import energy_scores

PREDICTION, MEAN = "prediction", "mean of its draws"
COPY, VELOCITY = "last frame", "constant velocity"
BEST, LAW = "best possible mean", "draw from the law"
PSNR, SSIM, SHARPNESS, ENERGY = "PSNR (dB)", "SSIM", "sharpness (dB)", "energy score"
Figures = dict[str, dict[str, list[float]]]
"""By figure, then by predictor: a value for each step."""


def rollout_figures(
    past: np.ndarray, truth: np.ndarray, predictions: Mapping[str, np.ndarray]
) -> Figures:
    """The figures of predictors, each of whose draws counts as a clip of its own.

    The energy score, of whole frames in levels, is there where a predictor has several draws; one
    that has a single draw always says the same.

    Args:
        past: uint8 `(n, p, height, width, channels)`.
        truth: uint8 `(n, steps, height, width, channels)`, which really followed.
        predictions: levels `(n, draws, at least steps, height, width, channels)` by predictor.
    """
    steps = truth.shape[1]
    found: Figures = {PSNR: {}, SSIM: {}, SHARPNESS: {}}
    masks = _masks(past[:, -1], truth)
    for name, drawn in predictions.items():
        draws = drawn.shape[1]
        each = {PSNR: [], SSIM: [], SHARPNESS: []}
        for step in range(steps):
            made = drawn[:, :, step].reshape(-1, *drawn.shape[3:])
            real = np.repeat(truth[:, step], draws, axis=0)
            moving = np.repeat(masks[:, step], draws, axis=0)
            counts = moving.sum(axis=(1, 2))
            each[PSNR].append(_pooled(psnr(real, made, moving), counts))
            each[SHARPNESS].append(_pooled(sharpness(real, made, moving), counts))
            alike = ssim(real, made, moving)
            alike = alike[~np.isnan(alike)]
            each[SSIM].append(float(alike.mean()) if len(alike) else math.nan)
        for figure, values in each.items():
            found[figure][name] = values
    if any(drawn.shape[1] > 1 for drawn in predictions.values()):
        found[ENERGY] = {
            name: [_energy(drawn[:, :, step], truth[:, step]) for step in range(steps)]
            for name, drawn in predictions.items()
        }
    return found


def simple_predictions(past: np.ndarray, steps: int) -> dict[str, np.ndarray]:
    """The last frame copied, and every block moved on as it came, one draw each."""
    found = {COPY: copied(past, steps)[:, None]}
    if past.shape[1] > 1:
        found[VELOCITY] = with_constant_velocity(past, steps)[:, None]
    return found


def law_predictions(
    past: np.ndarray, futures: Iterable[np.ndarray], draws: int
) -> dict[str, np.ndarray]:
    """What the best predictor of all would say that knows the law of the data.

    The best mean has the least expected squared error in moving pixels: of every pixel the mean
    over futures in which it moves. Draws from the law are what a perfect sampler makes.

    Args:
        past: uint8 `(n, p, height, width, channels)`.
        futures: of each clip, uint8 `(m, steps, height, width, channels)`, drawn from the law
            given the past; more of them make the mean more exact, to 1/m of its squared error.
        draws: how many are kept of each.
    """
    means, kept = [], []
    for last, clips in zip(past[:, -1], futures, strict=True):
        moving = _masks(np.broadcast_to(last, (len(clips), *last.shape)), clips)[..., None]
        count = moving.sum(axis=0)
        among = (clips * moving).sum(axis=0) / np.maximum(count, 1)
        means.append(np.where(count > 0, among, clips.mean(axis=0)))
        kept.append(clips[:draws])
    return {BEST: np.stack(means)[:, None], LAW: np.stack(kept)}


def _masks(last: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """The moving pixels bool `(n, steps, height, width)` of clips after a frame."""
    before = [last, *np.moveaxis(clips, 1, 0)[:-1]]
    after = np.moveaxis(clips, 1, 0)
    return np.stack([moving_pixels(*pair) for pair in zip(before, after, strict=True)], axis=1)


def _pooled(decibels: np.ndarray, counts: np.ndarray) -> float:
    """The figure of the mean error of all pixels, of the figures of frames with `counts` each."""
    some = counts > 0
    errors = 10 ** (-decibels[some] / 10)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-10 * np.log10((errors * counts[some]).sum() / counts[some].sum()))


def _energy(drawn: np.ndarray, truth: np.ndarray) -> float:
    scores, _ = energy_scores(drawn.reshape(*drawn.shape[:2], -1), truth.reshape(len(truth), -1))
    return float(scores.mean())
