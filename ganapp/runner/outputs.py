"""What leaves a run: samples and artefacts."""

import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from rich.console import Console

from export.bundle import Bundle
from export.errors import ExportError
from export.exporter import export as export_bundle
from export.formats import FORMATS
from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.judging import generated, painter
from ganapp.runs import open_run
from training.files import write_atomically
from training.registry import Registry

GIF_FRAMES, GIF_MILLISECONDS, GIF_STOPS = 24, 60, 5


def sample(
    directory: Path, *, count: int, seed: int, out: Path, which: str, console: Console
) -> None:
    """Draws samples of a run's generator into a file; the same seed gives the same bytes.

    Args:
        directory: the run directory.
        count: how many samples.
        seed: of the latents.
        out: `.npz` (`samples` in user units and `latents`), `.png` (a picture) or `.gif` (a walk
            through the latents).
        which: `"best"` or `"last"` checkpoint.
        console: where to write.

    Raises:
        UserError: if there is no generator yet, or `out` cannot be written.
    """
    if out.suffix.lower() not in WRITERS:
        raise UserError(f"`--out` must end in {', '.join(WRITERS)}. Received: {out}")
    if count < 1:
        raise UserError(f"`--count` must be at least 1. Received: {count}")
    if not 0 <= seed < 2**31:
        raise UserError(f"`--seed` must be at least 0 and below 2147483648. Received: {seed}")
    parent = out.absolute().parent
    if not parent.is_dir() or not os.access(parent, os.W_OK) or out.is_dir():
        raise UserError(f"`--out` cannot be written: {parent} is not a writable folder.")
    run = open_run(directory)
    experiment = compose(load_saved(run.config))
    step = load_generator(experiment, run, which)
    content = WRITERS[out.suffix.lower()](experiment, count, seed)
    try:
        write_atomically(out, content)
    except OSError as error:
        raise UserError(f"`--out` cannot be written: {out} ({error.strerror}).") from error
    console.print(f"{out}: {count} samples of step {step:,}, seed {seed}.", soft_wrap=True)


def export(
    directory: Path,
    *,
    formats: Sequence[str],
    out: Path | None,
    which: str,
    console: Console,
) -> dict[str, Any]:
    """Writes verified artefacts of a run's generator with a model card.

    Args:
        directory: the run directory.
        formats: names of formats, e.g. `saved_model`, `litert`.
        out: where to; `<run>/export` when `None`.
        which: `"best"` or `"last"` checkpoint.
        console: where to write.

    Returns:
        The model card as data.

    Raises:
        UserError: if there is no generator yet, or the export fails; nothing is left behind then.
    """
    _check_formats(formats)
    run = open_run(directory)
    config = load_saved(run.config)
    experiment = compose(config)
    step = load_generator(experiment, run, which)
    spec, gan = experiment.source.spec, experiment.gan
    try:
        card = export_bundle(
            Bundle(
                name=run.name,
                generator=gan.ema_generator,
                prior=gan.prior,
                to_user_units=spec.to_user_units,
                kind=spec.kind,
                facts={
                    "manifest": run.read_manifest() or experiment.manifest(),
                    "configuration": config.model_dump(mode="json", exclude_none=True),
                    "report": run.read_report(),
                    "step": step,
                    "checkpoint": which,
                },
                picture=painter(experiment.source)(generated(experiment, 64, 0)),
            ),
            out or run.export,
            formats,
        )
    except ExportError as error:
        raise UserError(str(error)) from error
    for artefact in card["artefacts"]:
        console.print(
            f"{Path(card['directory']) / artefact['path']}: largest difference "
            f"{artefact['difference']:.1e} on 256 latents.",
            soft_wrap=True,
        )
    return card


def _check_formats(formats: Sequence[str]) -> None:
    for name in formats:
        if name not in FORMATS or formats.count(name) > 1:
            raise UserError(
                f"`--format` must be among {', '.join(FORMATS)}, each once. Received: {name!r}"
            )


def _npz(experiment: Experiment, count: int, seed: int) -> bytes:
    latents = experiment.gan.sample_latents(count, seed=seed)
    samples = generated_from(experiment, latents)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, samples=samples, latents=latents.numpy())
    return buffer.getvalue()


def _png(experiment: Experiment, count: int, seed: int) -> bytes:
    buffer = io.BytesIO()
    picture = painter(experiment.source)(generated(experiment, count, seed))
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _gif(experiment: Experiment, count: int, seed: int) -> bytes:
    """A closed walk: each tile goes from latent to latent and back to its first."""
    prior, draw = experiment.gan.prior, painter(experiment.source)
    stops = [
        experiment.gan.sample_latents(count, seed=seed * GIF_STOPS + i) for i in range(GIF_STOPS)
    ]
    frames = []
    for start, end in zip(stops, stops[1:] + stops[:1], strict=True):
        for frame in range(GIF_FRAMES):
            latents = prior.interpolate(start, end, frame / GIF_FRAMES)
            frames.append(draw(generated_from(experiment, latents)))
    buffer = io.BytesIO()
    first, *others = (frame.convert("P", palette=1) for frame in frames)
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=others,
        duration=GIF_MILLISECONDS,
        loop=0,
    )
    return buffer.getvalue()


def generated_from(experiment: Experiment, latents: tf.Tensor) -> np.ndarray:
    """The averaged generator's samples of given latents, in user units."""
    samples = experiment.gan.generate(latents=latents)
    return np.asarray(experiment.source.spec.to_user_units(samples))


WRITERS: dict[str, Callable[[Experiment, int, int], bytes]] = Registry(
    "file type", [(".npz", _npz), (".png", _png), (".gif", _gif)]
)
