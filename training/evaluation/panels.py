"""Finished pictures side by side, each under its name."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GAP, HEAD, SIZE = 16, 34, 20  # pixels
INK, BACKGROUND = (60, 64, 67), (255, 255, 255)


def panels(pictures: Sequence[Image.Image], titles: Sequence[str]) -> Image.Image:
    """Draws pictures in a row, tops aligned, scaled to the height of the highest one.

    Args:
        pictures: at least one.
        titles: one each; cut off where they are wider than their picture.

    Returns:
        An RGB picture.
    """
    if not pictures or len(pictures) != len(titles):
        raise ValueError(
            "`titles` must hold one title per picture, at least one. "
            f"Received: {len(titles)} titles for {len(pictures)} pictures"
        )
    height = max(picture.height for picture in pictures)
    scaled = [
        # Whole steps or the pixels of small images blur.
        picture.resize(
            (round(picture.width * height / picture.height), height), Image.Resampling.NEAREST
        )
        for picture in (each.convert("RGB") for each in pictures)
    ]
    width = sum(picture.width for picture in scaled) + GAP * (len(scaled) + 1)
    sheet = Image.new("RGB", (width, height + HEAD + GAP), BACKGROUND)
    pen, font, left = ImageDraw.Draw(sheet), ImageFont.load_default(SIZE), GAP
    for picture, title in zip(scaled, titles, strict=True):
        pen.text((left, 6), _cut(title, picture.width, font), fill=INK, font=font)
        sheet.paste(picture, (left, HEAD))
        left += picture.width + GAP
    return sheet


def _cut(title: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    if font.getlength(title) <= width:
        return title
    while title and font.getlength(f"{title}…") > width:
        title = title[:-1]
    return f"{title}…"
