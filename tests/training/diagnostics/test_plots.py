"""Pictures show what they were given, where it is, and hide no failure."""

import ast
import pathlib

import numpy as np
import pytest
from scipy.special import expit

from ganapp.training import diagnostics
from ganapp.training.diagnostics.divergences import regular_cells
from ganapp.training.diagnostics.optimal_discriminator import discriminator_figures
from ganapp.training.diagnostics.plots import (
    calibration_picture,
    discriminator_maps,
    score_histogram,
    spectrum_picture,
)
from ganapp.training.diagnostics.spectrum import spectrum

CELLS = regular_cells((-1, -2), (3, 2), (40, 40))
BLUE, RED, GREY = (0x1F, 0x6F, 0xB4), (0xD1, 0x49, 0x5B), (0x9A, 0xA0, 0xA6)
GREEN = (0x2A, 0x9D, 0x5C)


def count_colour(picture, colour, tolerance=40):
    distance = np.abs(np.asarray(picture).astype(int) - colour).max(axis=-1)
    return np.count_nonzero(distance <= tolerance)


def reddish(pixels):
    return (pixels[..., 0] > pixels[..., 2] + 60).mean()


def bluish(pixels):
    return (pixels[..., 2] > pixels[..., 0] + 60).mean()


def panels(picture):
    """The inside of the first and the second map, by their place in the picture."""
    pixels = np.asarray(picture).astype(int)
    height, width = pixels.shape[:2]
    rows = slice(int(0.2 * height), int(0.8 * height))
    return (
        pixels[rows, int(0.06 * width) : int(0.28 * width)],
        pixels[rows, int(0.35 * width) : int(0.57 * width)],
    )


def test_both_maps_share_a_scale_and_stand_the_right_way_up():
    """D* grows to the right, the learnt D upwards, as the first and second coordinate do."""
    picture = discriminator_maps(8 * (CELLS.points[:, 0] - 1), 8 * CELLS.points[:, 1], CELLS)
    first, second = panels(picture)
    middle = first.shape[1] // 2
    assert reddish(first[:, middle + 20 :]) > 0.9 > 0.1 > reddish(first[:, : middle - 20])
    assert bluish(first[:, : middle - 20]) > 0.9
    middle = second.shape[0] // 2
    assert reddish(second[: middle - 20]) > 0.9
    assert bluish(second[middle + 20 :]) > 0.9
    # A shy D is pale on the scale of the other, not stretched to its own extremes.
    pale = panels(discriminator_maps(8 * CELLS.points[:, 1], 0.1 * CELLS.points[:, 1], CELLS))
    assert reddish(pale[0]) > 0.3
    assert reddish(pale[1]) == bluish(pale[1]) == 0


def test_points_are_drawn_on_the_maps():
    values, points = np.zeros(1600), np.random.default_rng(0).uniform(-1, 2, size=(300, 2))
    empty = discriminator_maps(values, values, CELLS)
    full = discriminator_maps(values, values, CELLS, real=points, fake=-points)
    for before, after in zip(panels(empty), panels(full), strict=True):
        greenish = (after[..., 1] > after[..., [0, 2]].max(axis=-1) + 30).sum()
        dark = (after.max(axis=-1) < 120).sum()
        assert greenish > 300
        assert dark > 300
        assert before.min() > 200  # white: D = 1/2 everywhere
    assert full.mode == "RGB"
    assert full.width > 2.5 * full.height


@pytest.mark.parametrize("scale", [0.0, 1e-14, 1.0])
def test_the_difference_has_its_own_scale_but_not_for_rounding(scale):
    base = 0.3 * CELLS.points[:, 0]
    other = base + scale * np.sin(3 * CELLS.points[:, 1])
    pixels = np.asarray(discriminator_maps(base, other, CELLS)).astype(int)
    height, width = pixels.shape[:2]
    inside = pixels[int(0.2 * height) : int(0.8 * height), int(0.7 * width) : int(0.9 * width)]
    colourful = np.ptp(inside, axis=-1).max() > 60
    assert colourful == (scale == 1.0)


def test_calibration_shows_curve_floor_and_counts():
    random = np.random.default_rng(0)
    ratio = random.normal(0, 1.5, 2000)
    is_real = random.uniform(size=2000) < expit(ratio)
    learnt, floor = (discriminator_figures(r, ratio, is_real) for r in (2 * ratio, ratio))
    alone, both = calibration_picture(learnt), calibration_picture(learnt, floor)
    assert count_colour(both, BLUE) > 2000
    assert count_colour(both, GREEN) > count_colour(alone, GREEN) + 100


def test_spectrum_marks_its_peak():
    noise = np.random.default_rng(0).normal(size=200)
    picture = spectrum_picture(spectrum(np.sin(np.arange(200) / 3) + noise, every=50))
    assert count_colour(picture, RED) > 30
    assert count_colour(picture, BLUE) > 150
    assert count_colour(picture, GREY) > 300


def test_scores_of_three_kinds():
    random = np.random.default_rng(0)
    train, fake, held_out = (random.normal(mean, 1, 500) for mean in (1.0, -1.0, 0.5))
    two, three = score_histogram(train, fake), score_histogram(train, fake, held_out)
    assert count_colour(two, GREEN) == 0
    assert count_colour(three, GREEN) > 200
    assert count_colour(three, BLUE) > 200
    assert score_histogram([1.0], [1.0], [1.0]).size == two.size


def test_wild_scores_do_not_shrink_the_others():
    random = np.random.default_rng(0)
    train, fake = random.normal(1, 1, 1000), random.normal(-1, 1, 1000)
    tame = score_histogram(train, fake)
    wild = score_histogram(train, np.r_[fake, 1e6, -1e6])
    assert count_colour(wild, BLUE) == pytest.approx(count_colour(tame, BLUE), rel=0.3)


def test_bad_arguments_are_refused():
    values = np.zeros(1600)
    with pytest.raises(ValueError, match="one log-ratio for each of 1600 cells"):
        discriminator_maps(values, values[:-1], CELLS)
    with pytest.raises(ValueError, match="1 of them NaN"):
        discriminator_maps(values, np.r_[values[:-1], np.nan], CELLS)
    with pytest.raises(ValueError, match="generated scores must be finite"):
        score_histogram([1.0], [np.inf])
    with pytest.raises(ValueError, match="training scores must be finite and at least one"):
        score_histogram([], [1.0])


def test_nobody_imports_pyplot():
    folder = pathlib.Path(diagnostics.__file__).parent
    files = list(folder.rglob("*.py"))
    assert len(files) > 5
    for path in files:
        names = [
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        ]
        assert not any("pyplot" in str(name) for name in names)
