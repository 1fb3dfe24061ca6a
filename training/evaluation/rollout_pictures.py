"""Pictures of predicted clips beside what really came."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ganapp.training.evaluation.pictures import GAP, INK, MODE_COLOUR, SAMPLE_COLOUR, side_by_side

LEAST_SIDE = 56  # pixels of a frame as drawn
BETWEEN, MARGIN, TEXT = 4, 96, 15  # pixels: between frames, left of them for titles, of letters
WHITE = (255, 255, 255)


def rollout_sheet(past: np.ndarray, truth: np.ndarray, made: np.ndarray) -> Image.Image:
    """Rows of frames from left to right: the past and what came, below that the predictions.

    Args:
        past: uint8 `(n, p, height, width, channels)`.
        truth: likewise, as many frames as are known, also none.
        made: uint8 `(n, draws, steps, height, width, channels)`.
    """
    count, draws, steps = made.shape[:3]
    before, first = past.shape[1], _frame(past[0, 0])
    width, height = first.size
    columns, row = before + steps, height + BETWEEN
    top = 2 * TEXT
    size = (
        MARGIN + columns * (width + BETWEEN) + 2 * GAP,
        top + count * ((1 + draws) * row + GAP),
    )
    sheet = Image.new("RGB", size, WHITE)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)

    def left(column: int) -> int:
        return MARGIN + column * (width + BETWEEN) + (GAP if column >= before else 0)

    pen.text((left(0), 6), "past", fill=INK, font=font)
    for step in range(steps):
        pen.text((left(before + step), 6), f"+{step + 1}", fill=INK, font=font)
    for clip in range(count):
        y = top + clip * ((1 + draws) * row + GAP)
        titles = _titles(draws)
        for line, title in enumerate(titles):
            colour = INK if line == 0 else SAMPLE_COLOUR
            pen.text((8, y + line * row + height // 2 - TEXT // 2), title, fill=colour, font=font)
        for column, frame in enumerate([*past[clip], *truth[clip, :steps]]):
            sheet.paste(_frame(frame), (left(column), y))
        for draw in range(draws):
            for step, frame in enumerate(made[clip, draw]):
                sheet.paste(_frame(frame), (left(before + step), y + (1 + draw) * row))
    middle = left(before) - (GAP + BETWEEN) // 2
    pen.line([(middle, 6), (middle, size[1] - GAP)], fill=MODE_COLOUR, width=2)
    return sheet


def rollout_film(past: np.ndarray, truth: np.ndarray, made: np.ndarray) -> list[Image.Image]:
    """One picture for every point in time: a row for each clip, the true frame and predictions.

    The arguments are those of `rollout_sheet`. Where no true frame is known its place is empty.
    """
    count, draws, steps = made.shape[:3]
    width, height = _frame(past[0, 0]).size
    font, top = ImageFont.load_default(TEXT), 3 * TEXT
    wide = max(width, 84) + GAP
    size = (GAP + (1 + draws) * wide, top + count * (height + BETWEEN) + GAP)
    pictures = []
    for time in range(past.shape[1] + steps):
        step = time - past.shape[1]
        picture = Image.new("RGB", size, WHITE)
        pen = ImageDraw.Draw(picture)
        when, colour = ("past", INK) if step < 0 else (f"+{step + 1}", MODE_COLOUR)
        pen.text((GAP, 4), when, fill=colour, font=font)
        titles = _titles(draws)
        for column, title in enumerate(titles):
            place = (GAP + column * wide, 6 + TEXT)
            pen.text(place, title, fill=SAMPLE_COLOUR if column else INK, font=font)
        for clip in range(count):
            real = past[clip, time] if step < 0 else _at(truth[clip], step)
            shown = [real, *(real if step < 0 else made[clip, n, step] for n in range(draws))]
            for column, frame in enumerate(shown):
                if frame is not None:
                    place = GAP + column * wide, top + clip * (height + BETWEEN)
                    picture.paste(_frame(frame), place)
        pictures.append(picture)
    return pictures


def _titles(draws: int) -> list[str]:
    predicted = [f"draw {n + 1}" for n in range(draws)] if draws > 1 else ["predicted"]
    return ["true", *predicted]


def _at(clip: np.ndarray, step: int) -> np.ndarray | None:
    return clip[step] if step < len(clip) else None


def _frame(pixels: np.ndarray) -> Image.Image:
    """A frame in whole multiples of its pixels, at least `LEAST_SIDE` of them on its short side."""
    channels = pixels.shape[-1]
    if channels not in (1, 3):
        pixels = side_by_side(pixels[None])[0]
    picture = Image.fromarray(pixels if channels == 3 else pixels[..., 0]).convert("RGB")
    times = max(1, -(-LEAST_SIDE // min(pixels.shape[:2])))
    return picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
