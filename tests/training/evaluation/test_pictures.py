"""Pictures show what they were given, in a sensible size."""

import ast
import pathlib

import numpy as np
import pytest
from evaluation_cases import GRID, grid_points
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.evaluation import pictures
from ganapp.training.evaluation.pictures import (
    SEPARATOR,
    class_histogram,
    image_grid,
    nearest_neighbours,
    scatter,
)

BLUE, RED = (0x1F, 0x6F, 0xB4), (0xD1, 0x49, 0x5B)


def count_colour(picture, colour, tolerance=60):
    distance = np.abs(np.asarray(picture).astype(int) - colour).max(axis=-1)
    return np.count_nonzero(distance <= tolerance)


def flat_tiles(*levels, size=8, channels=1):
    return np.stack([np.full((size, size, channels), level, np.uint8) for level in levels])


def test_tiles_keep_their_order_and_level():
    picture = np.asarray(image_grid(flat_tiles(10, 60, 110, 160, 210), columns=3, scale=2))
    pitch, middle = 16 + SEPARATOR, 8 + SEPARATOR
    assert picture.shape == (SEPARATOR + 2 * pitch, SEPARATOR + 3 * pitch, 3)
    centres = [
        picture[middle + pitch * row, middle + pitch * column, 0]
        for row in (0, 1)
        for column in (0, 1, 2)
    ]
    assert centres == [10, 60, 110, 160, 210, 255]


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 70),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.integers(1, 4),
)
def test_grids_of_any_shape_are_readable(count, height, width, channels):
    samples = np.zeros((count, height, width, channels), np.uint8)
    picture = image_grid(samples)
    assert picture.mode == "RGB"
    assert min(picture.size) > 2 * SEPARATOR
    columns = int(np.ceil(np.sqrt(count)))
    drawn = width * (1 if channels == 3 else channels)
    unscaled = columns * (drawn + SEPARATOR) + SEPARATOR  # images are never made smaller
    assert picture.width <= max(unscaled, 1020)


def test_small_images_fill_the_usual_width():
    assert 600 <= image_grid(np.zeros((64, 8, 8, 1), np.uint8)).width <= 900
    assert 600 <= image_grid(np.zeros((100, 28, 28, 1), np.uint8)).width <= 900


def test_colours_stay_and_other_channels_stand_side_by_side():
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    assert tuple(np.asarray(image_grid(red, scale=1))[SEPARATOR + 1, SEPARATOR + 1]) == (200, 0, 0)
    two = np.concatenate([flat_tiles(30), flat_tiles(90)], axis=3)
    picture = np.asarray(image_grid(two, scale=1))
    assert picture.shape == (8 + 2 * SEPARATOR, 16 + 2 * SEPARATOR, 3)
    row, column = SEPARATOR + 3, SEPARATOR + 3
    assert (picture[row, column, 0], picture[row, column + 8, 0]) == (30, 90)


def test_each_sample_stands_above_its_nearest_example():
    train = flat_tiles(0, 50, 100)
    picture = nearest_neighbours(flat_tiles(110, 10), train, np.array([2, 0]), columns=2)
    values = np.asarray(picture)[..., 0]
    half, right = values.shape[0] // 2, values.shape[1] // 2
    assert (values[half // 2, right // 2], values[half // 2, right + right // 2]) == (110, 10)
    below = half + half // 2
    assert (values[below, right // 2], values[below, right + right // 2]) == (100, 0)


def test_pairs_continue_in_further_rows():
    samples, train = flat_tiles(*range(20)), flat_tiles(5)
    one = nearest_neighbours(samples[:16], train, np.zeros(16, int))
    two = nearest_neighbours(samples, train, np.zeros(20, int))
    assert two.width == one.width
    assert two.height == 2 * one.height + 10


def test_scatter_draws_samples_and_modes():
    plain = scatter(grid_points(0))
    full = scatter(grid_points(0), GRID.centres, GRID.sigma, grid_points(1))
    assert plain.size == full.size == (720, 720)
    assert count_colour(plain, BLUE) > 200
    assert count_colour(plain, RED, 20) == 0
    assert count_colour(full, RED, 20) > 100


@pytest.mark.parametrize("dimension", [1, 2, 3, 13])
@pytest.mark.parametrize("count", [1, 50])
def test_scatter_takes_any_dimension(dimension, count):
    samples = np.random.default_rng(0).normal(size=(count, dimension))
    picture = scatter(samples, real=np.ones((1, dimension)) if count == 1 else samples + 0.1)
    assert count_colour(picture, BLUE) > 0


def test_a_stray_or_broken_sample_does_not_spoil_the_picture():
    samples = np.concatenate([grid_points(0), [[1e6, 0.0], [np.nan, 0.0]]])
    picture = scatter(samples, real=grid_points(1))
    assert count_colour(picture, BLUE) > 200


@pytest.mark.parametrize("names", [None, ["a long name"] * 4])
def test_class_bars_show_both_sets(names):
    picture = class_histogram([1, 2, 3, 0], [1, 1, 1, 1], names)
    assert picture.size == (720, 360)
    assert count_colour(picture, BLUE, 10) > 1000
    assert count_colour(picture, (0x9A, 0xA0, 0xA6), 10) > 1000


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 8, 8)), "uint8 images"),
        (np.zeros((2, 8, 8, 1)), "dtype=float64"),
        (np.zeros((0, 8, 8, 1), np.uint8), "uint8 images"),
    ],
)
def test_what_is_no_image_is_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        image_grid(samples)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="`columns` and `scale`"):
        image_grid(flat_tiles(1), columns=0)
    with pytest.raises(ValueError, match="at least one finite vector"):
        scatter(np.full((3, 2), np.nan))


def test_only_pictures_import_matplotlib_and_none_imports_pyplot():
    folder = pathlib.Path(pictures.__file__).parent
    imports = {
        path.name: {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        }
        for path in folder.rglob("*.py")
    }
    drawing = {
        name
        for name, modules in imports.items()
        if any(str(module).startswith("matplotlib") for module in modules)
    }
    assert drawing == {"data_pictures.py", "pictures.py", "table_pictures.py"}
    assert not any("pyplot" in str(module) for module in imports["pictures.py"])
