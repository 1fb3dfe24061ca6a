"""Figures of clips predicted frame by frame."""

import numpy as np
import pytest

from ganapp.training.evaluation.frames import moving_pixels
from ganapp.training.evaluation.rollout_pictures import rollout_film, rollout_sheet
from ganapp.training.evaluation.rollouts import (
    BEST,
    COPY,
    ENERGY,
    LAW,
    MEAN,
    PSNR,
    SHARPNESS,
    SSIM,
    VELOCITY,
    law_predictions,
    rollout_figures,
    simple_predictions,
)


def squares(count=6, frames=5, seed=0):
    """A bright square that moves a pixel a frame: uint8 `(count, frames, 16, 16, 1)`."""
    random, clips = np.random.default_rng(seed), np.zeros((count, frames, 16, 16, 1), np.uint8)
    for clip in clips:
        y, x = random.integers(2, 5, 2)
        for time, frame in enumerate(clip):
            frame[y + time : y + time + 4, x : x + 4] = 200
    return clips


def test_psnr_of_a_step_is_that_of_the_mean_error_over_all_moving_pixels():
    clips = squares()
    past, truth = clips[:, :2], clips[:, 2:]
    made = truth[:, None].astype(float)
    made[0, 0, 1] += 10  # one clip of six, at the second step; the others are exact
    found = rollout_figures(past, truth, {"mine": made})
    masks = [moving_pixels(clips[:, 2], clips[:, 3])]
    share = masks[0][0].sum() / masks[0].sum()
    assert found[PSNR]["mine"][1] == pytest.approx(20 * np.log10(25.5) - 10 * np.log10(share))
    assert np.isinf([found[PSNR]["mine"][0], found[SHARPNESS]["mine"][0]]).all()
    assert found[SSIM]["mine"][0] == pytest.approx(1)
    assert ENERGY not in found


def test_simple_predictors_on_what_moves_straight():
    clips = squares()
    past, truth = clips[:, :2], clips[:, 2:]
    simple = simple_predictions(past, 3)
    assert {name: each.shape for name, each in simple.items()} == {
        COPY: (6, 1, 3, 16, 16, 1),
        VELOCITY: (6, 1, 3, 16, 16, 1),
    }
    found = rollout_figures(past, truth, simple)
    assert all(a > b + 3 for a, b in zip(found[PSNR][VELOCITY], found[PSNR][COPY], strict=True))
    # Farther away than the square is large, a copy is no worse.
    assert found[PSNR][COPY][0] >= found[PSNR][COPY][2]
    assert set(simple_predictions(past[:, 1:], 3)) == {COPY}


def coin_clips(count, seed):
    """A square that goes down or right by a fair coin: a past frame, and two more."""
    coins = np.random.default_rng(seed).integers(0, 2, count)
    clips = np.zeros((count, 3, 16, 16, 1), np.uint8)
    for clip, coin in zip(clips, coins, strict=True):
        for time, frame in enumerate(clip):
            y, x = (5 + 2 * time, 5) if coin else (5, 5 + 2 * time)
            frame[y : y + 4, x : x + 4] = 200
    return clips


def test_the_best_mean_has_the_least_error_in_moving_pixels():
    clips = coin_clips(400, seed=0)
    past, truth = clips[:, :1], clips[:, 1:]
    futures = [coin_clips(60, seed=1 + n)[:, 1:] for n in range(400)]
    law = law_predictions(past, futures, 3)
    assert law[LAW].shape == (400, 3, 2, 16, 16, 1)
    others = {
        "plain mean": np.mean(futures, axis=1)[:, None],
        "darker": 0.8 * law[BEST],
        "brighter": np.minimum(255, 1.2 * law[BEST] + 5),
        "one of both": law[LAW],
        "always down": np.repeat(coin_clips(9, seed=0)[:1, None, 1:], 400, axis=0),
    }
    found = rollout_figures(past, truth, {BEST: law[BEST], **others})
    for name in others:
        for step in range(2):
            assert found[PSNR][BEST][step] > found[PSNR][name][step], (name, step)
    # Only the law itself has the least energy score.
    scores = {name: values[1] for name, values in found[ENERGY].items()}
    assert min(scores, key=scores.get) == "one of both"


def test_energy_scores_by_hand():
    clips = coin_clips(4, seed=0)
    past, truth = clips[:, :1], clips[:, 1:]
    down, right = (clips[n, 1:] for n in (0, 3))
    both = np.repeat(np.stack([down, right])[None], 4, axis=0)
    found = rollout_figures(past, truth, {"two": both, MEAN: both.mean(1, keepdims=True)})
    apart = np.linalg.norm((down[0] - right[0].astype(float)).ravel())
    expected = [
        (
            np.linalg.norm((down[0] - t[0].astype(float)).ravel())
            + np.linalg.norm((right[0] - t[0].astype(float)).ravel())
        )
        / 2
        - apart / 2
        for t in truth
    ]
    assert found[ENERGY]["two"][0] == pytest.approx(np.mean(expected))
    # The mean of both always says the same: it is half as far from either, and has no spread.
    assert apart > 0
    assert found[ENERGY][MEAN][0] == pytest.approx(apart / 2)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pictures_hold_every_frame(channels):
    clips = np.repeat(squares(2), channels, axis=-1)
    made = np.repeat(clips[:, None, 2:], 2, axis=1)
    known = clips[:, 2:4]  # one fewer than predicted
    sheet = rollout_sheet(clips[:, :2], known, made)
    assert sheet.width > 5 * 56
    film = rollout_film(clips[:, :2], known, made)
    assert len(film) == 5
    assert len({picture.size for picture in film}) == 1
    # Where no true frame is known its place is empty.
    bright = [np.sum(np.asarray(picture.convert("L"))[46:] > 190) for picture in film]
    assert bright[-1] != bright[-2]
