"""Sample pictures."""

import numpy as np
import PIL.Image
import pytest
from callback_case import StandIn

from ganapp.training.callbacks.samples import PANEL_WIDTH, SampleGrids


class Board:
    def __init__(self):
        self.images_of = {}

    def images(self, step, images):
        self.images_of[step] = images


def as_pixels(samples):
    """One grey pixel a number: enough to know which samples were drawn."""
    return PIL.Image.fromarray(np.clip(128 + 40 * samples, 0, 255).astype("uint8"))


@pytest.fixture
def grids(tmp_path):
    return SampleGrids(
        tmp_path / "samples",
        4,
        draw=as_pixels,
        real=np.ones((5, 2)),
        count=5,
        to_user_units=lambda x: 3 * x,
        board=Board(),
        last=6,
    )


def test_files_and_panels(tmp_path, grids):
    model = StandIn()
    model.train(6, [grids])
    files = sorted(file.name for file in (tmp_path / "samples").iterdir())
    assert files == ["step-000001.png", "step-000004.png", "step-000006.png"]
    panels = grids.board.images_of[6]
    assert list(panels) == ["samples/ema", "samples/raw"]
    # What never changes is shown once.
    assert list(grids.board.images_of[1]) == ["samples/ema", "samples/raw", "samples/real"]
    for tag, ema in (("samples/ema", True), ("samples/raw", False)):
        expected = as_pixels(3 * model.generate(**model.inputs(5, seed=0), ema=ema))
        assert list(panels[tag].tobytes()) == list(expected.tobytes())
    with PIL.Image.open(tmp_path / "samples" / files[0]) as sheet:
        assert sheet.width >= 3 * PANEL_WIDTH


def test_pixels_stay_squares_of_their_colours_under_titles(tmp_path):
    """Also where there are fewer real examples than samples, whose picture is shorter."""
    # The real examples are drawn first.
    pictures = iter([("lime", (8, 4)), ("blue", (8, 6)), ("red", (8, 6))])

    def draw(samples):
        colour, size = next(pictures)
        return PIL.Image.new("RGB", size, colour)

    grids = SampleGrids(
        tmp_path,
        1,
        draw=draw,
        real=np.ones((5, 2)),
        count=5,
        to_user_units=lambda x: x,
    )
    StandIn().train(1, [grids])
    (file,) = tmp_path.iterdir()
    with PIL.Image.open(file) as sheet:
        found = {colour: count for count, colour in sheet.convert("RGB").getcolors(1 << 20)}
    factor = -(-PANEL_WIDTH // 8)
    assert found[(0, 0, 255)] == 8 * 6 * factor**2
    assert found[(255, 0, 0)] == 8 * 6 * factor**2
    assert found[(0, 255, 0)] == 8 * 4 * factor**2
    assert sum(count for colour, count in found.items() if max(colour) < 100) > 100  # titles


def test_the_latents_stay(grids):
    pictures = []
    for _ in range(2):  # two equal models, as before and after a resume
        StandIn().train(1, [grids])
        pictures.append(grids.board.images_of.pop(1)["samples/ema"].tobytes())
    assert pictures[0] == pictures[1]
