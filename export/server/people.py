"""What people look at: a grid of pictures, a sheet, a walk, the model card.

All are answers to GET under `/v1/models/NAME[/versions/N]`, so that a link is enough.
"""

import asyncio
import dataclasses
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.layout import EXTRA
from ganapp.export.server import pictures
from ganapp.export.server.context import Context, json_response
from ganapp.export.server.errors import InvalidArgument, NotFound
from ganapp.export.server.json_body import shown
from ganapp.export.server.limits import whole_number
from ganapp.export.server.paths import Target
from ganapp.export.server.security import CARD_POLICY
from ganapp.export.server.tensors import to_array

LARGEST_SEED = 2**31 - 1
MOST_FRAMES = 240
EVERY_CLASS = "all"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draw:
    """What a query asks for.

    Args:
        count: samples, of each class where there are several.
        seed: of the latents, 0 to `LARGEST_SEED`.
        classes: number of each class to draw; -1 as they come.
        truncation: 0 to 1.
    """

    count: int
    seed: int
    classes: tuple[int, ...] = (-1,)
    truncation: float = 1.0


def read_draw(request: Request, servable: Any, limits: Any, *, count: int = 16) -> Draw:
    """`count`, `seed`, `class` and `truncation` of a query.

    Raises:
        InvalidArgument: naming the one that is no number, out of range, or not of this model.
    """
    query = request.query_params
    latent = servable.spec.latent
    classes = _classes(query.get("class", ""), tuple(latent.classes))
    most = max(1, limits.samples // len(classes))
    truncation = _share(query.get("truncation", "1"), "truncation")
    if truncation != 1 and not latent.truncates:
        raise InvalidArgument(
            f"`truncation` must be 1: the prior {latent.prior!r} has nothing to shrink towards. "
            f"Received: truncation={truncation:g}"
        )
    return Draw(
        count=whole_number(query.get("count", str(min(count, most))), "count", least=1, most=most),
        seed=whole_number(query.get("seed", "0"), "seed", least=0, most=LARGEST_SEED),
        classes=classes,
        truncation=truncation,
    )


def _classes(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    if not text:
        return (-1,)
    if not names:
        raise InvalidArgument(f"`class` is for models that know classes. Received: {shown(text)}")
    if text == EVERY_CLASS:
        return tuple(range(len(names)))
    if text in names:  # a name first: classes may be named by numbers in another order
        return (names.index(text),)
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(names):
        return (int(text),)
    raise InvalidArgument(
        f"`class` must be 'all', a number below {len(names)} or one of "
        f"{', '.join(map(ascii, names[:20]))}. Received: {shown(text)}"
    )


def _share(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise InvalidArgument(f"`{name}` must be 0 to 1. Received: {name}={text[:40]!r}")
    return value


async def draw_samples(
    context: Context, request: Request, servable: Any, draw: Draw
) -> list[dict[str, np.ndarray]]:
    """Outputs of the signature `sample` for every class asked for; the same latents for each."""
    known = servable.signatures["sample"].inputs

    async def of_class(number: int) -> dict[str, np.ndarray]:
        asked = {
            "count": (draw.count, "DT_INT32"),
            "seed": (draw.seed, "DT_INT32"),
            "class": (number, "DT_INT32"),
            "truncation": (draw.truncation, "DT_FLOAT"),
        }
        inputs = {name: to_array(*value) for name, value in asked.items() if name in known}
        return await context.predict(request, servable, "sample", inputs)

    try:
        async with asyncio.TaskGroup() as group:  # which ends the others when one is refused
            tasks = [group.create_task(of_class(number)) for number in draw.classes]
    except ExceptionGroup as refused:
        raise refused.exceptions[0] from None
    return [task.result() for task in tasks]


def _check_images(servable: Any) -> None:
    spec = servable.spec
    channels = spec.output_shape[-1] if len(spec.output_shape) == 3 else 0
    if spec.kind != "image" or channels not in pictures.MODES:
        raise InvalidArgument(
            f"Pictures are for images of 1, 3 or 4 channels. Received: a model of the kind "
            f"{spec.kind!r}, shape {list(spec.output_shape)}; ask for sample.csv or :predict"
        )


async def sample_png(context: Context, request: Request, target: Target) -> Response:
    """A grid of samples; with `class=all` a row a class."""
    with context.repository.lease(*target.model) as servable:
        _check_images(servable)
        draw = read_draw(request, servable, context.limits)
        drawn = await draw_samples(context, request, servable, draw)
    images = np.concatenate([outputs["samples"] for outputs in drawn])
    columns = draw.count if len(drawn) > 1 else pictures.columns_of(draw.count)
    content = await asyncio.to_thread(pictures.png_grid, images, columns)
    return Response(content, media_type="image/png")


async def sample_csv(context: Context, request: Request, target: Target) -> Response:
    """A sheet of samples, a line each."""
    with context.repository.lease(*target.model) as servable:
        spec = servable.spec
        if spec.kind == "image":
            raise InvalidArgument(
                "Sheets are for tables and vectors. Received: a model of images; ask for sample.png"
            )
        draw = read_draw(request, servable, context.limits)
        drawn = await draw_samples(context, request, servable, draw)
    samples = np.concatenate([outputs["samples"] for outputs in drawn])
    content = await asyncio.to_thread(pictures.sheet, samples, spec.columns)
    headers = {"Content-Disposition": 'attachment; filename="samples.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


async def walk_gif(context: Context, request: Request, target: Target) -> Response:
    """The way from one sample of a seed to another, through the latents between them.

    With `class=all` samples are counted through the rows of the grid: `count` of each class.
    """
    query = request.query_params
    most = context.limits.samples - 1
    ends = [
        whole_number(query.get(name, default), name, least=0, most=most)
        for name, default in (("from", "0"), ("to", "1"))
    ]
    allowed = min(MOST_FRAMES, context.limits.samples)
    frames = whole_number(query.get("frames", "24"), "frames", least=2, most=allowed)
    with context.repository.lease(*target.model) as servable:
        _check_images(servable)
        draw = read_draw(request, servable, context.limits, count=max(ends) + 1)
        if max(ends) >= draw.count * len(draw.classes):
            raise InvalidArgument(
                f"`from` and `to` must be below the number of samples, "
                f"{draw.count * len(draw.classes)}. Received: {max(ends)}"
            )
        drawn = await draw_samples(context, request, servable, draw)
        latents = np.concatenate([outputs["latents"] for outputs in drawn])
        z = pictures.walk(
            *(latents[end] for end in ends),
            frames=frames,
            path=servable.spec.latent.path,
            classes=len(servable.spec.latent.classes),
        )
        outputs = await context.predict(request, servable, "serving_default", {"z": z})
    levels = np.clip(np.round((outputs[servable.spec.output_name] + 1) * 127.5), 0, 255)
    content = await asyncio.to_thread(pictures.gif, levels.astype(np.uint8))
    return Response(content, media_type="image/gif")


async def gallery_json(context: Context, request: Request, target: Target) -> Response:
    """What a page needs to know of a model: serving.json without its files, and the version."""
    with context.repository.lease(*target.model) as servable:
        document = {key: value for key, value in servable.spec.document.items() if key != "files"}
        return await json_response(document | {"name": target.name, "version": servable.version})


# What the folder holds for readers, by the ending of the path.
CARD_FILES = {
    "card": ("model_card.html", "text/html"),
    "card.json": ("model_card.json", "application/json"),
    "samples.png": ("samples.png", "image/png"),
}


async def card(context: Context, request: Request, target: Target) -> Response:
    """A file of the model card."""
    file, media_type = CARD_FILES[target.verb]
    with context.repository.lease(*target.model) as servable:
        folder = servable.spec.folder.resolve()
    path = folder / EXTRA / file
    if not path.is_file() or not path.resolve().is_relative_to(folder):
        raise NotFound(f"The export of {target.name!r} has no {file}.")
    content = await asyncio.to_thread(path.read_bytes)
    headers = {"Content-Security-Policy": CARD_POLICY} if media_type == "text/html" else None
    return Response(content, media_type=media_type, headers=headers)
