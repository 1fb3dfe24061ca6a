"""What leaves a run to stay: verified artefacts with a model card."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.config import Config
from ganapp.errors import UserError
from ganapp.export import ExportError
from ganapp.export.bundle import Bundle
from ganapp.export.formats import chosen_formats
from ganapp.export.package import export as export_bundle
from ganapp.runner.generator import Generator, open_generator
from ganapp.runner.judges import checked_judge
from ganapp.runner.judging import generated
from ganapp.runner.mistakes import as_user_errors
from ganapp.runner.pictures import painter
from ganapp.runner.same_data import changes, moved_config, place_settings
from ganapp.runner.stages import stage
from ganapp.runner.summary import warn
from ganapp.runs import Run, open_run
from ganapp.training.data import DataSpec

SHOWN, SHOWN_ROWS = 64, 1000


def export(
    directory: Path,
    *,
    formats: Sequence[str],
    out: Path | None,
    which: str,
    console: Console,
    name: str | None = None,
    version: int = 1,
    batch: int | None = None,
    data: str | None = None,
) -> dict[str, Any]:
    """Writes verified artefacts of a run's generator with a model card.

    Args:
        directory: the run directory.
        formats: names of formats, e.g. `saved_model`, `litert`, or `all` alone.
        out: where to; `<run>/export` when `None`.
        which: `"best"` or `"last"` checkpoint.
        console: where to write.
        name: of the model, as it is served; the run's when `None`.
        version: of the model, as it is served.
        batch: how many latents a call of a LiteRT file takes; any number when `None`.
        data: where the data of the run lie now, on which the artefacts are judged.

    Returns:
        The model card as data.

    Raises:
        UserError: if there is no generator yet, or the export fails; nothing is left behind then.
    """
    try:
        chosen_formats(formats)
    except ExportError as error:
        raise UserError(str(error).replace("`formats`", "`--format`")) from error
    run = open_run(directory)
    config = moved_config(run, place_settings(run, data))
    generator, step = open_generator(run, which)
    with stage("Preparing the judge"):
        judge = _judge(run, config)
    try:
        with stage("Writing the artefacts and checking each in a fresh process"):
            card = export_bundle(
                _bundle(generator, run, step, which, judge),
                out or run.export,
                formats,
                name=name,
                version=version,
                batch=batch,
            )
    except ExportError as error:
        raise UserError(str(error)) from error
    _show(card, console)
    return card


def _judge(run: Run, config: Config) -> Callable[[np.ndarray], dict[str, float]] | None:
    """What gives the figures of samples; `None` where the data of the run are away or changed."""
    without = "the artefacts are compared with the generator sample by sample, but not judged"
    try:
        with as_user_errors(config.data.source):
            source = config.data.build()
    except UserError as error:
        warn(
            f"The data of the run {run.directory} are not there, so {without}. {error} `--data "
            "PATH` says where they are now."
        )
        return None
    changed = changes(source, config, run)
    if changed:
        warn(f"{changed[0]}, so {without}. {changed[1]}")
        return None
    judge = checked_judge(config.evaluation, source, cache=config.data.cache)

    def figures(samples: np.ndarray) -> dict[str, float]:
        return {key: value for key, value in judge.judge(samples).items() if value is not None}

    return figures


def _bundle(
    generator: Generator,
    run: Run,
    step: int,
    which: str,
    judge: Callable[[np.ndarray], dict[str, float]] | None,
) -> Bundle:
    spec, gan = generator.spec, generator.gan
    return Bundle(
        name=run.name,
        generator=gan.ema_generator,
        prior=gan.prior,
        to_user_units=spec.to_user_units,
        kind=spec.kind,
        class_shares=gan.class_shares,
        facts={
            "manifest": run.read_manifest() or {},
            "configuration": generator.config.model_dump(mode="json", exclude_none=True),
            "report": run.read_report(),
            "step": step,
            "checkpoint": which,
        },
        picture=painter(generator.data.backdrop)(generated(generator, _shown(spec), 0)),
        judge=judge,
    )


def _shown(spec: DataSpec) -> int:
    """Samples in the picture of a model card."""
    return SHOWN if spec.table is None else SHOWN_ROWS


def _show(card: dict[str, Any], console: Console) -> None:
    for artefact in card["artefacts"]:
        console.print(
            f"{Path(card['directory']) / artefact['path']}: {artefact['title']}, "
            f"{artefact['bytes'] / 1e3:,.0f} kB, largest difference "
            f"{artefact['difference']:.1e} on 256 latents, "
            f"{artefact['samples_per_second']:,.0f} samples/s.",
            soft_wrap=True,
        )
        if artefact["warning"]:
            warn(artefact["warning"])
    for name, reason in card["left_out"].items():
        warn(f"There is no {name}: {reason}")
    console.print(f"Model card: {Path(card['directory']) / 'model_card.md'}", soft_wrap=True)
