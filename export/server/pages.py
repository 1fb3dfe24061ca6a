"""Pictures for people: grids, sheets and walks of samples, and the model card.

All are answers to GET under `/v1/models/NAME[/versions/N]`, so that a link is enough; a model of
observations is sent one of each by POST, of which all samples are.
"""

import asyncio
import csv
import dataclasses
import datetime
import io
import math
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from ganapp.export.layout import CARD_HTML, CARD_JSON, ENCODE, EXTRA, PICTURE, Input
from ganapp.export.server.context import (
    Context,
    Limits,
    Target,
    json_response,
    signature_of,
    whole_number,
)
from ganapp.export.server.errors import InvalidArgument, NotFound
from ganapp.export.server.middleware import CARD_POLICY
from ganapp.export.server.rest import as_columns, columns, signature_name
from ganapp.export.server.servable import (
    AS_DRAWN,
    CHANNELS,
    Servable,
    picture,
    pixel_levels,
    requested_codes,
)
from ganapp.export.server.spec import Arrays, ServingSpec
from ganapp.export.server.tensors import (
    Json,
    JsonObject,
    is_base64,
    shown,
    to_array,
    to_named_array,
)

LARGEST_SEED = 2**31 - 1
DECODED = ("PNG", "JPEG", "WEBP", "GIF", "BMP")  # all that is decoded
MOST_FRAMES = 240
EVERY_CLASS = "all"
GAP, PAPER = 2, 255  # pixels between two pictures, and their brightness
FRAME_MILLISECONDS = 60
SECONDS = {"D": 86_400.0, "m": 60.0, "s": 1.0, "us": 1e-6}


@dataclasses.dataclass
class ObservationsRequest:
    """One observation of each kind by name: numbers, or pictures in order, `{"b64": ...}` each."""

    observations: JsonObject


@dataclasses.dataclass
class PicturesRequest:
    """Two examples: numbers in model units, or a picture, `{"b64": ...}`, each."""

    pictures: list[Json]


@dataclasses.dataclass
class ObservedRequest:
    """A request to run a signature on rows of the same observations, given once."""

    observations: JsonObject
    inputs: Json
    count: int = 1
    signature_name: str = "serving_default"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleQuery:
    """The samples that a query asks for."""

    count: int  # samples, of each class where there are several
    seed: int  # of the latents, 0 to `LARGEST_SEED`
    classes: tuple[int, ...] = (AS_DRAWN,)  # number of each class to draw; -1 as they come
    truncation: float = 1.0  # 0 to 1
    codes: Mapping[str, float] = dataclasses.field(default_factory=dict)  # values of those given


def sample_parameters(limits: Limits) -> JsonObject:
    return {
        "count": {"type": "integer", "minimum": 1, "maximum": limits.samples},
        "seed": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
        "class": {"type": "string"},
        "truncation": {"type": "number", "minimum": 0, "maximum": 1},
        "code": {"type": "array", "items": {"type": "string"}},
    }


def walk_parameters(limits: Limits) -> JsonObject:
    end = {"type": "integer", "minimum": 0, "maximum": limits.samples - 1}
    frames = {"type": "integer", "minimum": 2, "maximum": MOST_FRAMES}
    return sample_parameters(limits) | {"from": end, "to": end, "frames": frames}


def between_parameters(limits: Limits) -> JsonObject:
    frames = {"type": "integer", "minimum": 2, "maximum": min(MOST_FRAMES, limits.samples)}
    return {"class": {"type": "string"}, "frames": frames}


def read_sample_query(
    request: Request, servable: Servable, limits: Limits, *, count: int = 16
) -> SampleQuery:
    """`count`, `seed`, `class`, `truncation` and each `code` of a query."""
    query = request.query_params
    latent = servable.spec.latent
    classes = _classes(query.get("class", ""), tuple(latent.classes))
    most = max(1, limits.samples // len(classes))
    truncation = _fraction(query.get("truncation", "1"), "truncation")
    if truncation != 1 and not latent.truncates:
        raise InvalidArgument(
            f"`truncation` must be 1: the prior {latent.prior!r} has nothing to shrink towards. "
            f"Received: truncation={truncation:g}"
        )
    return SampleQuery(
        count=whole_number(query.get("count", str(min(count, most))), "count", least=1, most=most),
        seed=whole_number(query.get("seed", "0"), "seed", least=0, most=LARGEST_SEED),
        classes=classes,
        truncation=truncation,
        codes=_codes(query.getlist("code"), servable.spec),
    )


def _codes(settings: Sequence[str], spec: ServingSpec) -> dict[str, float]:
    """The values that settings such as `digit=3` give to codes."""
    known, found = [code.name for code in spec.latent.codes], {}
    for setting in settings:
        name, _, text = setting.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if name not in known or name in found or not math.isfinite(value):
            names = ", ".join(known) or "which this model has none of"
            raise InvalidArgument(
                f"`code` must be NAME=NUMBER, each name once, of {names}. "
                f"Received: {shown(setting)}"
            )
        found[name] = value
    requested_codes(spec, found)
    return found


def _classes(text: str, names: tuple[str, ...]) -> tuple[int, ...]:
    if not text:
        return (AS_DRAWN,)
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


def _fraction(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not 0 <= value <= 1:
        raise InvalidArgument(f"`{name}` must be 0 to 1. Received: {name}={text[:40]!r}")
    return value


async def _body(context: Context, request: Request) -> JsonObject:
    return await context.json_object(request) if request.method == "POST" else {}


async def read_observations(context: Context, servable: Servable, body: JsonObject) -> Arrays:
    """One observation of each kind of a model, float32 by name, without an axis of rows.

    `body` is that of a request, with `observations`; empty where there was none. The longest body
    is the largest picture, in pixels.
    """
    given = body.get("observations", {})
    wanted = {each.name: each for each in servable.spec.observed}
    if not isinstance(given, dict) or given.keys() != wanted.keys():
        raise InvalidArgument(
            f"`observations`: expected an object of {', '.join(wanted) or 'nothing'}, sent by "
            f"POST. Received: {shown(given)}"
        )
    pixels = context.limits.body_bytes
    return {
        name: await asyncio.to_thread(read_observation, given[name], each, most_pixels=pixels)
        for name, each in wanted.items()
    }


def picture_counts(shape: tuple[int, ...]) -> list[int]:
    """How many pictures make one observation of a shape; none where they cannot.

    `(height, width, channels)` has the channels of one picture or of several in order,
    `(frames, height, width, channels)` a picture a frame.
    """
    if len(shape) == 4:
        return [shape[0]] if shape[-1] in CHANNELS else []
    if len(shape) != 3:
        return []
    return sorted(shape[-1] // each for each in CHANNELS if shape[-1] % each == 0)


def read_observation(value: Json, each: Input, *, most_pixels: int) -> np.ndarray:
    """One observation, float32 of the shape of its input.

    Args:
        value: numbers, flat or nested; or one picture, `{"b64": ...}`, or an array of them, which
            are cropped in the middle and resized to the input's height and width, and scaled to
            [-1, 1].
        each: the input.
        most_pixels: of one picture, before it is resized.
    """
    pictures = value if isinstance(value, list) else [value]
    if pictures and all(map(is_base64, pictures)):
        return _of_pictures([*to_array(pictures, "DT_STRING")], each, most_pixels)
    numbers = to_named_array(value, "DT_FLOAT", each.name)
    if numbers.size != math.prod(each.shape):
        raise InvalidArgument(
            f"`{each.name}`: expected {math.prod(each.shape)} numbers. Received: {numbers.size}"
        )
    return numbers.reshape(each.shape)


def _of_pictures(files: list[bytes], each: Input, most_pixels: int) -> np.ndarray:
    counts = picture_counts(each.shape)
    if len(files) not in counts:
        expected = " or ".join(map(str, counts)) or "numbers and no"
        raise InvalidArgument(
            f"`{each.name}`: expected {expected} pictures. Received: {len(files)}"
        )
    *frames, height, width, channels = each.shape
    mode = CHANNELS[channels if frames else channels // len(files)]
    images = [
        _pixels(file, f"`{each.name}`: picture {number}", (width, height), mode, most_pixels)
        for number, file in enumerate(files, start=1)
    ]
    levels = np.stack(images) if frames else np.concatenate(images, axis=-1)
    return levels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def _pixels(
    file: bytes, what: str, sides: tuple[int, int], mode: str, most_pixels: int
) -> np.ndarray:
    """uint8 `(height, width, channels)`; read as training reads its pictures by default.

    Upright, the middle of the right proportions, resized bicubically; transparent parts are white.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(file), formats=DECODED) as image:
            if image.width * image.height > most_pixels:
                raise InvalidArgument(
                    f"{what} must have at most {most_pixels} pixels. "
                    f"Received: {image.width} x {image.height}"
                )
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):  # 16 bits
                levels = np.clip(np.asarray(upright) / 257, 0, 255)
                upright = Image.fromarray(np.round(levels).astype(np.uint8))
            if upright.has_transparency_data and mode != "RGBA":
                white = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(white, upright.convert("RGBA"))
            fitted = ImageOps.fit(upright.convert(mode), sides, Image.Resampling.BICUBIC)
    except InvalidArgument:
        raise
    except UnidentifiedImageError:
        raise InvalidArgument(
            f"{what} must be one of {', '.join(DECODED)}. Received: something else"
        ) from None
    except Exception as error:  # whatever a decoder raises for a damaged file
        raise InvalidArgument(f"{what} cannot be decoded: {str(error)[:80]}") from error
    return np.asarray(fitted).reshape(*sides[::-1], -1)


def _repeat(observations: Arrays, count: int, limits: Limits) -> Arrays:
    numbers = sum(each.size for each in observations.values())
    if count * numbers > limits.elements:
        raise InvalidArgument(
            f"Expected observations of at most {limits.elements} numbers in all, "
            f"{limits.elements // numbers} samples. Received: {count} samples"
        )
    return {name: np.broadcast_to(x, (count, *x.shape)) for name, x in observations.items()}


async def draw_samples(
    context: Context, request: Request, servable: Servable, query: SampleQuery, observations: Arrays
) -> list[Arrays]:
    """Outputs of the signature that draws for every class asked for; the same latents for each."""
    drawing = servable.spec.drawing
    known = servable.signatures[drawing].inputs

    async def of_class(number: int) -> Arrays:
        values = {
            "count": (query.count, "DT_INT32"),
            "seed": (query.seed, "DT_INT32"),
            "class": (number, "DT_INT32"),
            "truncation": (query.truncation, "DT_FLOAT"),
        }
        inputs = {name: to_array(*value) for name, value in values.items() if name in known}
        inputs |= {name: np.array(value, np.float32) for name, value in query.codes.items()}
        inputs |= _repeat(observations, query.count, context.limits)
        return await context.predict(request, servable, drawing, inputs)

    try:
        async with asyncio.TaskGroup() as group:  # which ends the others when one is refused
            tasks = [group.create_task(of_class(number)) for number in query.classes]
    except ExceptionGroup as refused:
        raise refused.exceptions[0] from None
    return [task.result() for task in tasks]


async def _samples(
    context: Context, request: Request, target: Target, check: Callable[[ServingSpec], None]
) -> tuple[SampleQuery, ServingSpec, np.ndarray]:
    body = await _body(context, request)
    with context.repository.lease(*target) as servable:
        check(servable.spec)
        query = read_sample_query(request, servable, context.limits)
        observations = await read_observations(context, servable, body)
        drawn = await draw_samples(context, request, servable, query, observations)
    return query, servable.spec, np.concatenate([outputs["samples"] for outputs in drawn])


def _check_sheet(spec: ServingSpec) -> None:
    if spec.kind in ("image", "video"):
        raise InvalidArgument(
            "Sheets are for tables and vectors. Received: a model of images; ask for sample.png"
        )


def _check_images(spec: ServingSpec) -> None:
    if spec.kind not in ("image", "video") or spec.output_shape[-1] not in CHANNELS:
        raise InvalidArgument(
            "Pictures are for images and clips of 1, 3 or 4 channels. Received: a model of the "
            f"kind {spec.kind!r}, shape {list(spec.output_shape)}; ask for sample.csv or :predict"
        )


async def sample_png(context: Context, request: Request, target: Target) -> Response:
    """A grid of samples; with `class=all` a row a class."""
    query, _, samples = await _samples(context, request, target, _check_images)
    one = len(query.classes) == 1  # then the grid is about as wide as high
    columns = math.ceil(math.sqrt(query.count)) if one else query.count
    content = await asyncio.to_thread(png_grid, side_by_side(samples), columns)
    return Response(content, media_type="image/png")


async def sample_csv(context: Context, request: Request, target: Target) -> Response:
    """A sheet of samples, a line each."""
    _, spec, samples = await _samples(context, request, target, _check_sheet)
    content = await asyncio.to_thread(sheet, samples, spec.columns)
    headers = {"Content-Disposition": 'attachment; filename="samples.csv"'}
    return Response(content, media_type="text/csv", headers=headers)


async def walk_gif(context: Context, request: Request, target: Target) -> Response:
    """The way from one sample of a seed to another, through the latents between them.

    With `class=all` samples are counted through the rows of the grid: `count` of each class.
    """
    given = request.query_params
    most = context.limits.samples - 1
    ends = [
        whole_number(given.get(name, default), name, least=0, most=most)
        for name, default in (("from", "0"), ("to", "1"))
    ]
    allowed = min(MOST_FRAMES, context.limits.samples)
    frames = whole_number(given.get("frames", "24"), "frames", least=2, most=allowed)
    body = await _body(context, request)
    with context.repository.lease(*target) as servable:
        _check_images(servable.spec)
        query = read_sample_query(request, servable, context.limits, count=max(ends) + 1)
        if max(ends) >= query.count * len(query.classes):
            raise InvalidArgument(
                f"`from` and `to` must be below the number of samples, "
                f"{query.count * len(query.classes)}. Received: {max(ends)}"
            )
        observations = await read_observations(context, servable, body)
        drawn = await draw_samples(context, request, servable, query, observations)
        inputs = _repeat(observations, frames, context.limits)
        for each in servable.spec.drawn:
            rows = np.concatenate([outputs[each.drawn_name] for outputs in drawn])
            latent = each.name == "z"
            inputs[each.name] = walk(
                *(rows[end] for end in ends),
                frames=frames,
                path=servable.spec.latent.path if latent else "straight",
                classes=servable.spec.class_coordinates if latent else 0,
            )
        outputs = await context.predict(request, servable, "serving_default", inputs)
    levels = pixel_levels(outputs[servable.spec.output_name])
    content = await asyncio.to_thread(gif, side_by_side(levels))
    return Response(content, media_type="image/gif")


async def between_gif(context: Context, request: Request, target: Target) -> Response:
    """The way from one real picture to another, through the latents that the encoder says of them.

    The first and the last frame are what the generator makes of the two.
    """
    allowed = min(MOST_FRAMES, context.limits.samples)
    given = request.query_params
    frames = whole_number(given.get("frames", "24"), "frames", least=2, most=allowed)
    body = await _body(context, request)
    with context.repository.lease(*target) as servable:
        spec = servable.spec
        _check_images(spec)
        if ENCODE not in servable.signatures or spec.observed:
            raise InvalidArgument(
                "`between.gif` is for models with an encoder, which observe nothing. "
                f"Received: signatures {', '.join(servable.signatures)}"
            )
        latents = await _latents_of_pictures(context, request, servable, body)
        inputs = {
            name: walk(
                *rows,
                frames=frames,
                path=spec.latent.path if name == "z" else "straight",
                classes=0,
            )
            for name, rows in latents.items()
        }
        if spec.has_label:
            classes = _classes(given.get("class", ""), tuple(spec.latent.classes))
            if len(classes) != 1 or classes[0] < 0:
                raise InvalidArgument("`class` must be one class: a picture does not say its own.")
            one_hot = np.eye(len(spec.latent.classes), dtype=np.float32)
            inputs["label"] = one_hot[[classes[0]] * frames]
        outputs = await context.predict(request, servable, "serving_default", inputs)
    levels = pixel_levels(outputs[spec.output_name])
    content = await asyncio.to_thread(gif, side_by_side(levels))
    return Response(content, media_type="image/gif")


async def _latents_of_pictures(
    context: Context, request: Request, servable: Servable, body: JsonObject
) -> dict[str, np.ndarray]:
    """Latents `(2, size)` by the generator's names of the two `pictures` in a body."""
    spec, given = servable.spec, body.get("pictures")
    if not isinstance(given, list) or len(given) != 2:
        raise InvalidArgument(f"`pictures`: expected an array of two. Received: {shown(given)}")
    x, pixels = Input("pictures", spec.output_shape, "example"), context.limits.body_bytes
    examples = [
        await asyncio.to_thread(read_observation, each, x, most_pixels=pixels) for each in given
    ]
    outputs = await context.predict(request, servable, ENCODE, {"x": np.stack(examples)})
    return {each.name: outputs[each.drawn_name] for each in spec.encoder.outputs}


async def observed_json(context: Context, request: Request, target: Target) -> Response:
    """Runs a signature on rows of the same observations; like `:predict` with `inputs`."""
    context.admit(target)
    body = await context.json_object(request)
    name = signature_name(body)
    count = whole_number(str(body.get("count", 1)), "count", least=1, most=context.limits.samples)
    with context.repository.lease(*target) as servable:
        signature = signature_of(servable, name)
        observations = await read_observations(context, servable, body)
        own = {key: of for key, of in signature.inputs.items() if key not in observations}
        inputs = columns(body.get("inputs"), dataclasses.replace(signature, inputs=own))
        inputs |= _repeat(observations, count, context.limits)
        outputs = await context.predict(request, servable, name, inputs)
    numbers = sum(array.size for array in outputs.values())
    return await json_response({"outputs": as_columns(outputs)}, numbers=numbers)


async def gallery_json(context: Context, request: Request, target: Target) -> Response:
    """What a page needs to know of a model: serving.json without its files, and the version.

    `inputs` are there whether or not the export lists them; `pictures` says of how many pictures
    one of them may be made.
    """
    with context.repository.lease(*target) as servable:
        document = {key: value for key, value in servable.spec.document.items() if key != "files"}
        inputs = [x.as_dict() | {"pictures": picture_counts(x.shape)} for x in servable.spec.inputs]
        if ENCODE not in servable.signatures:  # its engine has no encoder
            document.pop("encoder", None)
        document |= {"inputs": inputs, "name": target.name, "version": servable.version}
        return await json_response(document)


async def card_page(context: Context, request: Request, target: Target) -> Response:
    """The model card."""
    response = await _card_file(context, target, CARD_HTML, "text/html")
    response.headers["Content-Security-Policy"] = CARD_POLICY
    return response


async def card_json(context: Context, request: Request, target: Target) -> Response:
    """The model card as data."""
    return await _card_file(context, target, CARD_JSON, "application/json")


async def card_picture(context: Context, request: Request, target: Target) -> Response:
    """The model card's picture."""
    return await _card_file(context, target, PICTURE, "image/png")


async def _card_file(context: Context, target: Target, file: str, media_type: str) -> Response:
    with context.repository.lease(*target) as servable:
        folder = servable.spec.folder.resolve()
    path = folder / EXTRA / file
    if not path.is_file() or not path.resolve().is_relative_to(folder):
        raise NotFound(f"The export of {target.name!r} has no {file}.")
    return Response(await asyncio.to_thread(path.read_bytes), media_type=media_type)


def side_by_side(samples: np.ndarray) -> np.ndarray:
    """Images `(n, height, width, channels)` as they are; of clips a strip of their frames each."""
    if samples.ndim == 4:
        return samples
    count, _, height, _, channels = samples.shape
    return samples.transpose(0, 2, 1, 3, 4).reshape(count, height, -1, channels)


def png_grid(images: np.ndarray, columns: int) -> bytes:
    """A PNG with all images, uint8 `(n, height, width, channels)`, row after row."""
    count, height, width, channels = images.shape
    rows = math.ceil(count / columns)
    gap = GAP if count > 1 else 0
    size = (rows * (height + gap) - gap, columns * (width + gap) - gap, channels)
    grid = np.full(size, PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    file = io.BytesIO()
    picture(grid).save(file, "PNG")
    return file.getvalue()


def gif(images: np.ndarray) -> bytes:
    """A GIF that plays images for ever; those of `png_grid`."""
    frames = [picture(image).convert("RGB") for image in images]
    file = io.BytesIO()
    options = {"duration": FRAME_MILLISECONDS, "loop": 0, "disposal": 1}  # for ever
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], **options)
    return file.getvalue()


def sheet(samples: np.ndarray, columns: Sequence[JsonObject] | None) -> bytes:
    """A CSV with a header, a line a sample.

    Args:
        samples: `(n, ...)` in user units; NaN where a value is missing, which leaves a cell empty.
        columns: of a table, as in serving.json; of vectors `None`: `x0`, `x1` and so on.
    """
    rows = samples.reshape(len(samples), -1)
    if columns is None:
        columns = [{"name": f"x{place}", "kind": "numeric"} for place in range(rows.shape[1])]
    values = iter(rows.T)
    cells = [_cells(column, values, len(rows)) for column in columns]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column["name"] for column in columns])
    writer.writerows(zip(*cells, strict=True))
    return text.getvalue().encode()


def _cells(column: JsonObject, values: Iterator[np.ndarray], count: int) -> list[object]:
    if column["kind"] == "constant":  # not learnt: no values among the samples
        return [column.get("value", "")] * count
    if column["kind"] == "identifier":  # likewise, but each its own
        return [_identifier(column, number) for number in range(count)]
    return [_cell(column, value) for value in next(values)]


def _cell(column: JsonObject, value: np.generic) -> object:
    if value != value:
        return ""
    if column["kind"] == "categorical":
        return column["categories"][int(value)]
    form = column.get("form")
    if form:
        return FORMS[form["kind"]](form, column, float(str(value)))
    if column.get("integer") or value.dtype.kind in "iu":
        return round(float(value))
    return str(value)  # the shortest text that reads back the same float32


def _identifier(column: JsonObject, number: int) -> str:
    number += column.get("first", 0)
    if column.get("unique"):
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{column['name']} {number}"))
    return f"{column.get('before', '')}{number:0{column.get('width', 0)}d}"


def _number(form: JsonObject, column: JsonObject, value: float) -> str:
    """A number as the table's file wrote it, such as `$1,907.06`."""
    places = form["places"] if form["places"] is not None else column.get("decimals")
    group = "," if form["thousands"] else ""
    text = f"{abs(value):{group}}" if places is None else f"{abs(value):{group}.{places}f}"
    if form["places"] is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    marks = {",": form["thousands"], ".": form["decimal"]}
    text = "".join(marks.get(letter, letter) for letter in text)
    negative = value < 0 and any(letter in "123456789" for letter in text)
    text = f"{form['before']}{text}{form['after']}"
    if negative and form["brackets"]:
        return f"({text})"
    return ("-" if negative else "+" if form["plus"] else "") + text


def _date(form: JsonObject, column: JsonObject, value: float) -> str:
    """A date as the table's file wrote it, of a number of days or other units."""
    origin = datetime.datetime.fromisoformat(form["origin"])
    date = origin + datetime.timedelta(seconds=round(value) * SECONDS[form["unit"]])
    pattern = form["pattern"].replace("%Y", f"{date.year:04d}")
    for token in "mdHI":  # `%-d`: without a zero in front, which not every system knows
        pattern = pattern.replace(f"%-{token}", str(int(date.strftime(f"%{token}"))))
    return date.strftime(pattern)


FORMS: dict[str, Callable[..., str]] = {"number": _number, "date": _date}


def walk(start: np.ndarray, end: np.ndarray, *, frames: int, path: str, classes: int) -> np.ndarray:
    """Latents on the way from one `(size,)` to another: float32 `(frames, size)`, both included.

    Args:
        start: of the way.
        end: of the way.
        frames: how many, at least 2.
        path: `"arc"` keeps to lengths that the prior draws; `"straight"` is a line.
        classes: how many last coordinates say the class; these go straight.
    """
    fraction = np.linspace(0.0, 1.0, frames)[:, None]
    size = len(start) - classes
    way = PATHS[path](start[:size].astype(float), end[:size].astype(float), fraction)
    labels = straight(start[size:], end[size:], fraction)
    return np.concatenate([way, labels], axis=1).astype(np.float32)


def straight(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    return start + (end - start) * fraction


def arc(start: np.ndarray, end: np.ndarray, fraction: np.ndarray) -> np.ndarray:
    """Spherical interpolation of the direction, linear in the norm: `(frames, size)`.

    See `ganapp.training.priors.base.arc`, whose latents these are.
    """
    norms = [np.linalg.norm(latent) for latent in (start, end)]
    if not len(start) or min(norms) == 0:
        return straight(start, end, fraction)
    first, last = start / norms[0], end / norms[1]
    across = last - (first @ last) * first
    if np.linalg.norm(across) <= 1e-5:  # parallel or opposite: any perpendicular will do
        across = np.eye(len(first))[np.argmin(np.abs(first))]
    across -= (first @ across) * first
    across /= np.linalg.norm(across) or 1.0
    angle = np.arctan2(last @ across, first @ last)
    direction = np.cos(fraction * angle) * first + np.sin(fraction * angle) * across
    return direction * straight(*norms, fraction)


PATHS = {"arc": arc, "straight": straight}
