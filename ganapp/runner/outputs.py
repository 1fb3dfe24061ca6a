"""What leaves a run to look at: samples."""

import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import tensorflow as tf
from rich.console import Console

from ganapp.errors import UserError
from ganapp.runner.drawing import EVERY_CLASS, Draw, asked_classes
from ganapp.runner.generator import HasGenerator, open_generator
from ganapp.runner.pictures import painter
from ganapp.runner.samples import check_out
from ganapp.runs import open_run
from ganapp.training.data import DataSpec
from ganapp.training.evaluation.pictures import animated
from ganapp.training.files import write_atomically
from ganapp.training.priors import Prior
from ganapp.training.registry import Registry

GIF_FRAMES, GIF_MILLISECONDS, GIF_STOPS = 24, 60, 5
MODES = {1: "L", 3: "RGB", 4: "RGBA"}  # of a picture, by its channels


def sample(
    directory: Path,
    *,
    count: int,
    seed: int,
    truncation: float,
    classes: str | None = None,
    out: Path,
    folder: bool = False,
    which: str,
    console: Console,
) -> None:
    """Draws samples of a run's generator into a file; the same seed gives the same bytes.

    Args:
        directory: the run directory.
        count: how many samples.
        seed: of the latents.
        truncation: how far latents keep their distance from the likeliest: 1 (all of it) to 0.
        classes: name or number of the class to ask for, `"all"` for `count` of each, or `None` for
            classes as they come.
        out: `.npz` (`samples` in user units, `latents` and, if there are classes, `labels`), `.png`
            (a picture), `.gif` (a walk through the latents), of a table `.csv` or `.parquet` with
            its columns and types; or of images a new or an empty folder, for a picture of each.
        folder: that `out` is one, whatever its name; it is one without a suffix in any case.
        which: `"best"` or `"last"` checkpoint.
        console: where to write.

    Raises:
        UserError: if there is no generator yet, the prior has nothing to truncate towards, the
            generator knows no such class, or `out` cannot be written.
    """
    is_file = out.suffix.lower() in WRITERS
    folder = folder or not out.suffix or (out.is_dir() and not is_file)
    if not (folder or is_file):
        raise UserError(
            f"`--out` must end in {', '.join(WRITERS)}, or be a folder for single pictures. "
            f"Received: {out}"
        )
    if count < 1:
        raise UserError(f"`--count` must be at least 1. Received: {count}")
    if not 0 <= seed < 2**31:
        raise UserError(f"`--seed` must be at least 0 and below 2147483648. Received: {seed}")
    if not 0 <= truncation <= 1:
        raise UserError(f"`--truncation` must lie between 0 and 1. Received: {truncation}")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK) or (out.is_dir() and not folder):
        raise UserError(f"`--out` cannot be written: {parent} is not a writable folder.")
    if folder:
        check_out(out)
    run = open_run(directory)
    generator, step = open_generator(run, which)
    _check_truncation(generator.gan.prior, truncation)
    _check_kind(generator.spec, out, folder)
    labels = asked_classes(generator, classes, count)
    draw = Draw(
        generator=generator,
        count=count if labels is None else len(labels),
        seed=seed,
        truncation=truncation,
        labels=labels,
        columns=count if classes == EVERY_CLASS else None,
    )
    try:
        if folder:
            _write_pictures(draw, out)
        else:
            write_atomically(out, WRITERS[out.suffix.lower()](draw))
    except OSError as error:
        raise UserError(f"`--out` cannot be written: {out} ({error.strerror}).") from error
    how = "" if truncation == 1 else f", truncation {truncation:g}"
    if classes is not None:
        how += f", class {classes}" if classes != EVERY_CLASS else f", {count} of each class"
    many = "1 sample" if draw.count == 1 else f"{draw.count} samples"
    console.print(f"{out}: {many} of step {step:,}, seed {seed}{how}.", soft_wrap=True)


def _check_kind(spec: DataSpec, out: Path, folder: bool) -> None:
    """Refuses files for data that they cannot hold."""
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
    samples = generated_from(draw.generator, draw.latents())
    digits = max(6, len(str(len(samples) - 1)))
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.absolute().parent) as scratch:
        folder = Path(scratch) / out.name
        folder.mkdir()
        for number, pixels in enumerate(samples):
            mode = MODES[pixels.shape[-1]]
            picture = PIL.Image.fromarray(pixels[..., 0] if mode == "L" else pixels)
            picture.save(folder / f"{number:0{digits}}.png")
        os.replace(folder, out)  # onto an empty folder, too


def _check_truncation(prior: Prior, truncation: float) -> None:
    """Refuses what would change nothing: a file that says `truncation 0.5` must be truncated."""
    if truncation < 1 and not prior.truncates:
        raise UserError(
            f"`--truncation` must be 1 for this run, because its prior {prior.name!r} has no "
            f"likelier latents to move towards. Received: {truncation}"
        )


def _npz(draw: Draw) -> bytes:
    latents = draw.latents()
    samples = generated_from(draw.generator, latents)
    buffer = io.BytesIO()
    labels = draw.labels_of(latents)
    known = {} if labels is None else {"labels": labels}
    np.savez_compressed(buffer, samples=samples, latents=latents.numpy(), **known)
    return buffer.getvalue()


def _png(draw: Draw) -> bytes:
    buffer = io.BytesIO()
    samples = generated_from(draw.generator, draw.latents())
    picture = painter(draw.generator.data.backdrop, columns=draw.columns)(samples)
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _gif(draw: Draw) -> bytes:
    """A closed walk: each tile goes from latent to latent and back to its first.

    The stops are truncated and not the way between them, which would jump where the nearest mean
    of a mixture changes.
    """
    generator, prior = draw.generator, draw.generator.gan.prior
    paint = painter(generator.data.backdrop, columns=draw.columns)
    stops = [draw.latents(draw.seed * GIF_STOPS + i) for i in range(GIF_STOPS)]
    frames = []
    for start, end in zip(stops, stops[1:] + stops[:1], strict=True):
        for frame in range(GIF_FRAMES):
            latents = prior.interpolate(start, end, frame / GIF_FRAMES)
            frames.append(paint(generated_from(generator, latents)))
    return animated(frames, milliseconds=GIF_MILLISECONDS)


def _csv(draw: Draw) -> bytes:
    """The samples as a file that is written as that of the data."""
    return draw.generator.spec.table.to_csv(generated_from(draw.generator, draw.latents()))


def _parquet(draw: Draw) -> bytes:
    """The samples as a file with the columns and types of the data."""
    rows, buffer = generated_from(draw.generator, draw.latents()), io.BytesIO()
    draw.generator.spec.table.to_frame(rows).to_parquet(buffer, index=False)
    return buffer.getvalue()


def generated_from(generator: HasGenerator, latents: tf.Tensor) -> np.ndarray:
    """The averaged generator's samples of given latents, in user units."""
    samples = generator.gan.generate(latents=latents)
    return np.asarray(generator.spec.to_user_units(samples))


OF_TABLES: dict[str, Callable[[Draw], bytes]] = {".csv": _csv, ".parquet": _parquet}
WRITERS: dict[str, Callable[[Draw], bytes]] = Registry(
    "file type", [(".npz", _npz), (".png", _png), (".gif", _gif), *OF_TABLES.items()]
)
