"""`ganapp export`: verified artefacts of a trained generator with a model card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import CheckpointOption, DataOption, RunArgument, check_checkpoint
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import Json, Run, open_run
from ganapp.screen import console, stage, start_tensorflow, warn

if TYPE_CHECKING:
    import numpy as np

    from ganapp.config.schema import Config
    from ganapp.export.bundle import Bundle
    from ganapp.runner.saved_runs import Generator
    from ganapp.training.data import DataSpec

    Figures = Callable[[np.ndarray], dict[str, float]]

SHOWN, SHOWN_ROWS = 64, 1000


def export(
    run: RunArgument,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="saved_model, litert, litert_float16, litert_dynamic, litert_int8, onnx or keras; "
            "may be repeated [default: all].",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder [default: RUN/export].")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the model, when served [default: the run's].")
    ] = None,
    version: Annotated[int, typer.Option("--version", help="Of the model, when served.")] = 1,
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Latents in a call of a LiteRT file [default: any number]."),
    ] = None,
    checkpoint: CheckpointOption = "best",
    data: DataOption = None,
) -> None:
    """Export a trained generator; every artefact is verified in a fresh process."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    chosen = formats or ["all"]
    start_tensorflow()
    from ganapp.export import ExportError
    from ganapp.export.formats import chosen_formats
    from ganapp.export.package import export as export_bundle
    from ganapp.runner.saved_runs import config_with_settings, data_settings, open_generator

    try:
        chosen_formats(chosen)
    except ExportError as error:
        raise UserError(str(error).replace("`formats`", "`--format`")) from error
    config = config_with_settings(opened, data_settings(opened, data))
    generator, step = open_generator(opened, checkpoint)
    with stage("Preparing the evaluation"):
        figures = _figures(opened, config)
    try:
        with stage("Writing the artefacts and checking each in a fresh process"):
            card = export_bundle(
                _bundle(generator, opened, step, checkpoint, figures),
                out or opened.export,
                chosen,
                name=name,
                version=version,
                batch=batch,
            )
    except ExportError as error:
        raise UserError(str(error)) from error
    _show(card)


def _figures(run: Run, config: Config) -> Figures | None:
    """What gives the figures of samples; `None` where the data of the run are away or changed."""
    from ganapp.runner.experiment import checked_evaluator
    from ganapp.runner.saved_runs import data_changes

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
    changed = data_changes(source, config, run)
    if changed:
        warn(f"{changed[0]}, so {without}. {changed[1]}")
        return None
    judge = checked_evaluator(config.evaluation, source, cache=config.data.cache)

    def figures(samples: np.ndarray) -> dict[str, float]:
        return {key: value for key, value in judge.evaluate(samples).items() if value is not None}

    return figures


def _bundle(
    generator: Generator,
    run: Run,
    step: int,
    which: str,
    figures: Figures | None,
) -> Bundle:
    from ganapp.export.bundle import Bundle
    from ganapp.runner.evaluation import generate_samples
    from ganapp.runner.pictures import painter

    spec, gan = generator.spec, generator.gan
    return Bundle(
        name=run.name,
        generator=gan.ema_generator,
        prior=gan.prior,
        to_user_units=spec.to_user_units,
        kind=spec.kind,
        transform=spec.transform,
        class_shares=gan.class_shares,
        observations=gan.observations,
        facts={
            "manifest": run.read_manifest() or {},
            "configuration": generator.config.model_dump(mode="json", exclude_none=True),
            "report": run.read_report(),
            "step": step,
            "checkpoint": which,
        },
        picture=painter(generator.data.backdrop)(generate_samples(generator, _shown(spec), 0)),
        judge=figures,
    )


def _shown(spec: DataSpec) -> int:
    return SHOWN if spec.table is None else SHOWN_ROWS


def _show(card: Json) -> None:
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
