"""What leaves a run to stay: verified artefacts with a model card."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from export.bundle import Bundle
from export.errors import ExportError
from export.exporter import export as export_bundle
from export.formats import chosen_formats
from ganapp.errors import UserError
from ganapp.loading import load_saved
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.generator import load_generator
from ganapp.runner.judging import generated
from ganapp.runner.pictures import painter
from ganapp.runner.summary import warn
from ganapp.runs import Run, open_run
from training.data import DataSpec

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
    experiment = compose(load_saved(run.config))
    step = load_generator(experiment, run, which)
    try:
        card = export_bundle(
            _bundle(experiment, run, step, which),
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


def _bundle(experiment: Experiment, run: Run, step: int, which: str) -> Bundle:
    spec, gan = experiment.source.spec, experiment.gan

    def judge(samples: np.ndarray) -> dict[str, float]:
        found = experiment.judge.judge(samples)
        return {key: value for key, value in found.items() if value is not None}

    return Bundle(
        name=run.name,
        generator=gan.ema_generator,
        prior=gan.prior,
        to_user_units=spec.to_user_units,
        kind=spec.kind,
        facts={
            "manifest": run.read_manifest() or experiment.manifest(),
            "configuration": experiment.config.model_dump(mode="json", exclude_none=True),
            "report": run.read_report(),
            "step": step,
            "checkpoint": which,
        },
        picture=painter(experiment.source)(generated(experiment, _shown(spec), 0)),
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
