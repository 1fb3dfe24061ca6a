"""`ganapp sample`: samples of a trained generator, in a file or a folder."""

from __future__ import annotations

import dataclasses
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import (
    CheckpointOption,
    RunArgument,
    check_checkpoint,
    check_out_folder,
    check_seed,
)
from ganapp.errors import UserError
from ganapp.runs import open_run
from ganapp.screen import say, start_tensorflow

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image

    from ganapp.models.tensors import Tensors
    from ganapp.runner.encoders import Encoder
    from ganapp.runner.saved_runs import Generator
    from ganapp.training.data import DataSpec
    from ganapp.training.priors.codes import Control

GIF_FRAMES, GIF_MILLISECONDS, GIF_STOPS = 24, 60, 5
SLOW_MILLISECONDS = 700  # a frame of a category
SWEPT_ROWS, SWEPT_VALUES = 8, 9  # of a sweep: samples, values of a number
SWEEP_WIDTH = 640  # pixels that its images have side by side
# Samples between two pictures where nobody says how many; above so many several rows are drawn.
GIF_BETWEEN, PICTURED_BETWEEN, MOST_IN_A_ROW = 48, 14, 18
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of a picture, by its channels
EVERY_CLASS = "all"


def sample(
    run: RunArgument,
    out: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="File ending in .npz, .png or .gif; of tables .csv, .parquet; of images also a "
            "folder/ for single pictures.",
        ),
    ],
    count: Annotated[
        int | None,
        typer.Option(
            help="How many samples [default: 64; of --between 14, of its .gif 48], or rows of a "
            "sweep [default: 8]."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    truncation: Annotated[
        float,
        typer.Option(
            metavar="A",
            help="1 draws from the prior; below it, latents shrink towards the likeliest (0).",
        ),
    ] = 1.0,
    classes: Annotated[
        str | None,
        typer.Option(
            "--class",
            metavar="CLASS",
            help="Name or number of a class, or 'all' for --count of each, a row per class.",
        ),
    ] = None,
    codes: Annotated[
        list[str] | None,
        typer.Option(
            "--code",
            metavar="NAME=VALUE",
            help="Sets a code that the prior names: digit=3, style.0=0.5. May be repeated.",
        ),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="All values of a code: columns of images (.png), or frames (.gif).",
        ),
    ] = None,
    stages: Annotated[
        bool,
        typer.Option(
            "--stages",
            help="Of each sample a row of its stages, for networks that make it in steps (.png).",
        ),
    ] = False,
    between: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="A.png B.png",
            help="Two real pictures: samples on the way between their latents, by the run's "
            "encoder (`encode`).",
        ),
    ] = None,
    checkpoint: CheckpointOption = "best",
) -> None:
    """Draw samples from a trained generator into a file."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    target = _target(out)
    if between is not None:
        _check_between(between, seed, truncation, classes, count, codes)
        usual = GIF_BETWEEN if target.kind == ".gif" else PICTURED_BETWEEN
    else:
        usual = 64 if sweep is None else SWEPT_ROWS
    count = usual if count is None else count
    if count < 1:
        raise UserError(f"`--count` must be at least 1. Received: {count}")
    check_seed(seed)
    if not 0 <= truncation <= 1:
        raise UserError(f"`--truncation` must lie between 0 and 1. Received: {truncation}")
    _check_target(target, stages, sweep)
    start_tensorflow()
    from ganapp.runner.saved_runs import open_generator

    if between is None:
        generator, step = open_generator(opened, checkpoint)
    else:
        from ganapp.runner.encoders import open_encoder

        encoder = open_encoder(opened, checkpoint)
        generator, step = encoder.generator, encoder.step
    if truncation < 1 and not generator.gan.prior.truncates:
        # A file that says `truncation 0.5` must be truncated.
        raise UserError(
            f"`--truncation` must be 1 for this run, because its prior {generator.gan.prior.name!r}"
            f" has no likelier latents to move towards. Received: {truncation}"
        )
    _check_kind(generator.spec, target.path, target.folder)
    labels = requested_classes(generator, classes, count)
    values = requested_codes(generator, codes or [])
    swept = None if sweep is None else swept_code(generator, sweep, values, target.kind)
    draw: Draw
    if between is None:
        draw = Draw(
            generator=generator,
            count=count if labels is None else len(labels),
            seed=seed,
            truncation=truncation,
            labels=labels,
            columns=count if classes == EVERY_CLASS else None,
            codes=values,
        )
    else:
        draw = _draw_between(encoder, between, count, labels)
    _write(draw, target, stages, swept)
    how = "" if truncation == 1 else f", truncation {truncation:g}"
    if classes is not None:
        how += f", class {classes}" if classes != EVERY_CLASS else f", {count} of each class"
    how += "".join(f", {each.name} {value:g}" for each, value in values)
    if swept is not None:
        how += f", each at all values of {swept.name}"
    many = "1 sample" if draw.count == 1 else f"{draw.count} samples"
    drawn = f"seed {seed}" if between is None else f"between {between[0]} and {between[1]}"
    comma = "," if between is None else ""
    say(f"{target.path}: {many} of step {step:,}{comma} {drawn}{how}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """Where samples go.

    Args:
        kind: the ending of the name, in small letters.
        folder: whether single pictures are written into it.
    """

    path: Path
    kind: str
    folder: bool


def _target(out: str) -> Target:
    path, kind = Path(out), Path(out).suffix.lower()
    is_file = kind in WRITERS
    folder = out.endswith(os.sep) or not kind or (path.is_dir() and not is_file)
    if not (folder or is_file):
        raise UserError(
            f"`--out` must end in {', '.join(WRITERS)}, or be a folder for single pictures. "
            f"Received: {path}"
        )
    return Target(path=path, kind=kind, folder=folder)


def _check_target(target: Target, stages: bool, sweep: str | None) -> None:
    path, parent = target.path, target.path.absolute().parent
    taken = path.is_dir() and not target.folder
    if not parent.is_dir() or not os.access(parent, os.W_OK) or taken:
        raise UserError(f"`--out` cannot be written: {parent} is not a writable folder.")
    if target.folder:
        check_out_folder(path)
    if stages and target.kind != ".png":
        raise UserError(f"`--stages` draws a picture: `--out` must end in .png. Received: {path}")
    if sweep is not None and (target.kind not in SWEEPS or stages):
        raise UserError(
            "`--sweep` draws a picture of its own: `--out` must end in .png or .gif, without "
            f"`--stages`. Received: {path}"
        )


def _write(draw: Draw, target: Target, stages: bool, swept: Control | None) -> None:
    from ganapp.training.files import write_atomically

    try:
        if target.folder:
            _write_pictures(draw, target.path)
        elif stages:
            write_atomically(target.path, _stages_png(draw))
        elif swept is not None:
            write_atomically(target.path, SWEEPS[target.kind](draw, swept))
        else:
            write_atomically(target.path, WRITERS[target.kind](draw))
    except OSError as error:
        raise UserError(f"`--out` cannot be written: {target.path} ({error.strerror}).") from error


def _check_between(
    between: tuple[Path, Path],
    seed: int,
    truncation: float,
    classes: str | None,
    count: int | None,
    codes: Sequence[str] | None,
) -> None:
    for path in between:
        if not path.is_file():
            raise UserError(f"`--between` must be two files. Received: {path}")
    if count is not None and count < 2:
        raise UserError(f"`--count` must be at least 2 with `--between`. Received: {count}")
    if seed or truncation < 1 or classes == EVERY_CLASS or codes:
        raise UserError(
            "`--between` draws nothing: leave `--seed`, `--truncation`, `--class all` and `--code` "
            "out."
        )


def _draw_between(
    encoder: Encoder, between: tuple[Path, Path], count: int, labels: np.ndarray | None
) -> Draw:
    from ganapp.runner.encoders import Examples, path_between
    from ganapp.runner.sample_files import read_picture

    generator = encoder.generator
    spec, gan = generator.spec, generator.gan
    if spec.kind != "image" or gan.generator_conditions:
        raise UserError(
            "`--between` is for generators of images that observe nothing. Received: "
            f"{spec.kind}s{' with ' if gan.generator_conditions else ''}"
            f"{', '.join(gan.generator_conditions)}"
        )
    if gan.classes and labels is None:
        raise UserError(
            "`--between` needs `--class` for this run, whose generator is told a class: a picture "
            "does not say its own."
        )
    options = generator.config.data.options
    first, second = (
        Examples(
            read_picture(path, spec, options, "--between"), None if labels is None else labels[:1]
        )
        for path in between
    )
    return Between(
        generator=generator,
        count=count,
        seed=0,
        truncation=1.0,
        labels=labels,
        columns=None,
        path=path_between(encoder, first, second, count),
        ends=(first.values, second.values),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Draw:
    """Latents of a run's generator: how many, of which seed, and how they are shown.

    Args:
        truncation: 1 for latents as the prior has them, 0 for the likeliest (`Prior.truncate`).
        labels: int `(count,)`, the classes to ask for; `None` for those that are drawn.
        columns: of a picture; `None` for a square one.
        codes: what is set of the codes, with its value; the others are drawn.
    """

    generator: Generator
    count: int
    seed: int
    truncation: float
    labels: np.ndarray | None
    columns: int | None
    codes: Sequence[tuple[Control, float]] = ()

    def inputs(self, seed: int) -> Tensors:
        """Inputs of the generator by name."""
        gan = self.generator.gan
        drawn = gan.inputs(self.count, seed=seed, label=self.labels)
        return with_codes(gan.truncate(drawn, self.truncation), self.codes)

    def samples(self, inputs: Tensors | None = None) -> np.ndarray:
        """The averaged generator's samples of given inputs, or of its own, in user units."""
        from ganapp.runner.saved_runs import samples_from

        return samples_from(self.generator, inputs or self.inputs(self.seed))

    def picture(self, samples: np.ndarray) -> PIL.Image.Image:
        """The samples drawn."""
        from ganapp.runner.evaluation import painter

        return painter(self.generator.data, columns=self.columns)(samples)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Between(Draw):
    """Samples on the way from one real picture's latents to another's.

    Args:
        path: inputs of the generator, `count` of each.
        ends: the pictures, uint8 `(1, height, width, channels)`.
    """

    path: Tensors
    ends: tuple[np.ndarray, np.ndarray]

    def inputs(self, seed: int) -> Tensors:
        """Inputs of the generator by name."""
        return self.path

    def picture(self, samples: np.ndarray) -> PIL.Image.Image:
        """The samples between the pictures themselves, in one row if they are few."""
        import numpy as np

        from ganapp.runner.evaluation import painter

        columns = len(samples) + 2 if len(samples) <= MOST_IN_A_ROW else None
        first, last = self.ends
        shown = np.concatenate([first, samples, last])
        return painter(self.generator.data, columns=columns)(shown)


def requested_classes(generator: Generator, classes: str | None, count: int) -> np.ndarray | None:
    """The class of each sample, int `(count,)`, for "all" `(classes * count,)`; `None` for any."""
    import numpy as np

    from ganapp.training.messages import did_you_mean, join_names

    known, names = generator.gan.classes, generator.spec.classes
    if classes is None:
        return None
    if not known:
        raise UserError(
            "`--class` is for a generator that was told classes (`generator.condition`). "
            f"Received: {classes!r} for a run without"
        )
    if classes == EVERY_CLASS:
        return np.repeat(np.arange(known), count)
    numbers = {name: number for number, name in enumerate(names)}
    numbers |= {str(number): number for number in range(known) if str(number) not in numbers}
    if classes not in numbers:
        # A number that is too large is near to many, and none of them was meant.
        hint = "" if classes.isdecimal() else did_you_mean(classes, (*names, EVERY_CLASS))
        raise UserError(
            f"`--class` must be 'all' or one of {join_names(names or range(known))}. "
            f"Received: {classes!r}.{hint}"
        )
    return np.full(count, numbers[classes])


def requested_codes(
    generator: Generator, settings: Sequence[str]
) -> tuple[tuple[Control, float], ...]:
    """What each `NAME=VALUE` sets of the codes, with its value."""
    found: dict[str, tuple[Control, float]] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        control = _control(generator, "--code", name.strip())
        if name in found or not equals:
            fault = "once" if equals else "NAME=VALUE"
            raise UserError(f"`--code` must set each code {fault}. Received: {setting!r}")
        try:
            found[name] = control, control.parse(text.strip())
        except ValueError as error:
            raise UserError(f"`--code {name}` must be {error}") from error
    return tuple(found.values())


def swept_code(
    generator: Generator, name: str, set_to: Sequence[tuple[Control, float]], kind: str
) -> Control:
    """The code whose values are all drawn."""
    control = _control(generator, "--sweep", name)
    if any(each.name == name for each, _ in set_to):
        raise UserError(f"`--sweep {name}` goes through all values, so `--code` cannot set one.")
    if kind == ".png" and generator.spec.kind != "image":
        raise UserError(
            f"`--sweep` draws images as .png; the {generator.spec.kind}s of "
            f"{generator.spec.name!r} as frames of a .gif."
        )
    return control


def _control(generator: Generator, option: str, name: str) -> Control:
    from ganapp.training.messages import did_you_mean, join_names
    from ganapp.training.priors.codes import controls_of

    known = controls_of(generator.gan.prior)
    if not known:
        raise UserError(
            f"`{option}` is for a run whose prior names codes that can be set "
            "(`generator.prior.codes`). "
            f"Received: {name!r} for a run without"
        )
    if name not in known:
        raise UserError(
            f"`{option}` must name one of {join_names([*known])}. Received: {name!r}."
            f"{did_you_mean(name, known)}"
        )
    return known[name]


def with_codes(inputs: Tensors, codes: Sequence[tuple[Control, float]]) -> Tensors:
    """Inputs of which parts of codes have these values in every row."""
    changed = dict(inputs)
    for control, value in codes:
        changed[control.latent] = control.put(changed[control.latent], value)
    return changed


def _check_kind(spec: DataSpec, out: Path, folder: bool) -> None:
    if folder and (spec.kind != "image" or spec.shape[-1] not in MODES):
        what = f"the {spec.kind}s of {spec.name!r}"
        if spec.kind == "image":
            what += f", which have {spec.shape[-1]} channels"
        raise UserError(
            "`--out` can be a folder for images of 1, 3 or 4 channels alone, a picture for each. "
            f"Received: {out} for {what}"
        )
    if not folder and out.suffix.lower() in OF_TABLES and spec.table is None:
        raise UserError(
            f"`--out` can end in {' or '.join(OF_TABLES)} for tables alone. Received: {out} for "
            f"the {spec.kind}s of {spec.name!r}"
        )


def _write_pictures(draw: Draw, out: Path) -> None:
    """Writes a picture of each sample, `000000.png` and so on, all of them or none."""
    import PIL.Image

    samples = draw.samples()
    digits = max(6, len(str(len(samples) - 1)))
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        for number, pixels in enumerate(samples):
            mode = MODES[pixels.shape[-1]]
            picture = PIL.Image.fromarray(pixels[..., 0] if mode == "L" else pixels)
            picture.save(folder / f"{number:0{digits}}.png")
        os.replace(folder, out)  # onto an empty folder, too


def _npz(draw: Draw) -> bytes:
    import numpy as np

    inputs, buffer = draw.inputs(draw.seed), io.BytesIO()
    arrays = {name: np.asarray(rows) for name, rows in inputs.items()}
    if "label" in arrays:
        arrays["label"] = np.argmax(arrays["label"], axis=1)
    np.savez_compressed(buffer, samples=draw.samples(inputs), **arrays)
    return buffer.getvalue()


def _png(draw: Draw) -> bytes:
    buffer = io.BytesIO()
    draw.picture(draw.samples()).save(buffer, format="PNG")
    return buffer.getvalue()


def _stages_png(draw: Draw) -> bytes:
    """A strip for each sample: how it looks in the making, coarse stages enlarged."""
    import numpy as np

    from ganapp.models.stages import stages
    from ganapp.models.tensors import apply
    from ganapp.training.evaluation.pictures import image_grid

    making = stages(draw.generator.gan.ema_generator)
    if making is None:
        raise UserError(
            "`--stages` is for generators that make their images in steps: the network "
            "`recurrent`, or a pyramid of `levels`. Received: "
            f"generator.network={draw.generator.config.generator.network!r}"
        )
    found = apply(making, draw.inputs(draw.seed)).values()
    tiles = [np.asarray(draw.generator.spec.to_user_units(images)) for images in found]
    height, width = tiles[-1].shape[1:3]
    tiles = [_enlarge(images, height, width) for images in tiles]
    buffer = io.BytesIO()
    strips = np.concatenate(tiles, axis=2)
    columns = max(1, round((len(strips) / len(tiles)) ** 0.5))
    image_grid(strips, columns).save(buffer, format="PNG")
    return buffer.getvalue()


def _sweep_png(draw: Draw, control: Control) -> bytes:
    """A row for each sample, a column for each value of a code; the rest of the latent stays."""
    from ganapp.training.evaluation.pictures import image_grid, panels

    values, rows = control.values(SWEPT_VALUES), draw.inputs(draw.seed)
    scale = max(1, SWEEP_WIDTH // (len(values) * draw.generator.spec.shape[1]))
    columns = [
        image_grid(draw.samples(with_codes(rows, [(control, value)])), 1, scale) for value in values
    ]
    buffer = io.BytesIO()
    titles = [f"{value:g}" for value in values]
    panels([panels(columns, titles)], [control.name]).save(buffer, format="PNG")
    return buffer.getvalue()


def _sweep_gif(draw: Draw, control: Control) -> bytes:
    """A frame for each value of a code, of numbers there and back; the rest of the latent stays."""
    from ganapp.training.evaluation.pictures import animated, panels

    number = control.kind == "number"
    values, rows = control.values(GIF_FRAMES), draw.inputs(draw.seed)
    frames = [
        panels(
            [draw.picture(draw.samples(with_codes(rows, [(control, value)])))],
            [f"{control.name} {value:.2f}" if number else f"{control.name} {value}"],
        )
        for value in values
    ]
    back = frames[-2:0:-1] if number else []
    return animated(frames + back, milliseconds=GIF_MILLISECONDS if number else SLOW_MILLISECONDS)


def _enlarge(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images whose pixels are repeated to at least these sides, cropped to them."""
    rows, columns = -(-height // images.shape[1]), -(-width // images.shape[2])
    return images.repeat(rows, axis=1).repeat(columns, axis=2)[:, :height, :width]


def _gif(draw: Draw) -> bytes:
    """A closed walk: each tile goes from latent to latent and back to its first.

    The stops are truncated and not the way between them, which would jump where the nearest mean
    of a mixture changes.
    """
    from ganapp.training.evaluation.pictures import animated

    if isinstance(draw, Between):  # there and back
        samples = draw.samples()
        frames = [draw.picture(each[None]) for each in samples]
        return animated([*frames, *frames[-2:0:-1]], milliseconds=GIF_MILLISECONDS)
    stops = [draw.inputs(draw.seed * GIF_STOPS + i) for i in range(GIF_STOPS)]
    frames = []
    for start, end in zip(stops, stops[1:] + stops[:1], strict=True):
        for frame in range(GIF_FRAMES):
            between = draw.generator.gan.interpolate(start, end, frame / GIF_FRAMES)
            frames.append(draw.picture(draw.samples(between)))
    return animated(frames, milliseconds=GIF_MILLISECONDS)


def _parquet(draw: Draw) -> bytes:
    rows, buffer = draw.samples(), io.BytesIO()
    draw.generator.spec.table.to_frame(rows).to_parquet(buffer, index=False)
    return buffer.getvalue()


OF_TABLES: dict[str, Callable[[Draw], bytes]] = {
    ".csv": lambda draw: draw.generator.spec.table.to_csv(draw.samples()),
    ".parquet": _parquet,
}
SWEEPS = {".png": _sweep_png, ".gif": _sweep_gif}
WRITERS = {".npz": _npz, ".png": _png, ".gif": _gif, **OF_TABLES}
