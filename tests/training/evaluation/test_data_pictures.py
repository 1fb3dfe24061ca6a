"""Sheets of examples under the names of their classes: nothing clipped, nothing endless."""

import numpy as np
import PIL.Image
import pytest

from ganapp.training.evaluation.data_pictures import (
    MOST_ROWS,
    MOST_TILES,
    NARROWEST,
    WIDEST,
    clip_sheet,
    image_sheet,
    point_sheet,
)

TITLE = "data: what they are"


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "shape",
    [(8, 8, 1), (28, 28, 3), (24, 24, 4), (12, 20, 5), (16, 256, 3), (300, 9, 1), (500, 700, 3)],
)
def test_images_of_any_shape_fit_a_sheet(shape):
    sheet = image_sheet(noise(40, *shape), None, (), title=TITLE)
    assert sheet.mode == "RGB"
    assert NARROWEST <= sheet.width <= WIDEST
    assert sheet.height < 2_500


def test_a_row_for_each_class_with_its_name():
    labels = np.arange(30) % 3
    sheets = [
        image_sheet(noise(30, 8, 8, 1), labels, names, title=TITLE)
        for names in (("a", "b", "c"), ("a", "b", "x"), ("a", "b", "a very long name " * 9))
    ]
    named, other, long = map(np.asarray, sheets)
    differ = np.argwhere((named != other).any(axis=2))
    assert len(differ)  # the name is written, in the last row and on its left
    assert differ[:, 0].min() > named.shape[0] / 2
    assert differ[:, 1].max() < 60
    assert long.shape[1] < named.shape[1] + 200  # long names are shortened
    assert (long[-40:, -100:] == named[-40:, -100:]).all()


def test_examples_without_a_label_have_a_row():
    labels = np.where(np.arange(30) < 20, -1, 0)
    one, two = (
        image_sheet(noise(30, 8, 8, 1), each, ("a", "b"), title=TITLE)
        for each in (labels, np.zeros(30, int))
    )
    assert one.height > two.height


@pytest.mark.parametrize("classes", [MOST_ROWS + 1, 300])
def test_of_many_classes_one_example_each_under_its_name(classes):
    labels = np.arange(600) % classes
    names = [f"class {number}" for number in range(classes)]
    sheet = image_sheet(noise(600, 8, 8, 1), labels, names, title=TITLE)
    shown = min(classes, MOST_TILES)
    assert sheet.height == pytest.approx(60 + -(-shown // 10) * (96 + 18 + 8), abs=30)
    assert sheet.width <= WIDEST


def test_what_is_transparent_shows_what_is_behind_it():
    images = np.zeros((1, 16, 16, 4), np.uint8)
    images[..., 0] = 255
    images[:, 8:, :, 3] = 255
    picture = np.asarray(image_sheet(images, None, (), title=""))
    colours = {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}
    assert {(255, 0, 0), (236, 236, 236), (214, 214, 214)} <= colours


def test_film_strips_of_long_clips():
    sheet = clip_sheet(noise(3, 60, 20, 20, 3), [], title=TITLE)
    assert sheet.width <= WIDEST
    assert clip_sheet(noise(3, 4, 20, 20, 1), ["walk"] * 3, title=TITLE).height == sheet.height


@pytest.mark.parametrize("columns", [1, 2, 7])
def test_points_of_any_dimension(columns):
    points = np.random.default_rng(0).normal(size=(90, columns))
    labels = np.arange(90) % 3 - 1
    names = [f"${place}$" for place in range(columns)]
    sheet = point_sheet(points, labels, ("$a$", "b_{"), title="$x$", names=names)
    assert isinstance(sheet, PIL.Image.Image)
    plain = point_sheet(points, None, (), title="$x$", names=names)
    assert (np.asarray(sheet) != np.asarray(plain)).any()
