"""`ganapp export`: verified artefacts of a trained generator with a model card."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import CheckpointOption, DataOption, RunArgument, check_checkpoint
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import Json, Run, open_run
from ganapp.screen import say, stage, start_tensorflow, warn

if TYPE_CHECKING:
    import numpy as np

    from ganapp.config.schema import Config
    from ganapp.export.bundle import Bundle
    from ganapp.runner.experiment import StoredData
    from ganapp.runner.saved_runs import Generator

SHOWN, SHOWN_ROWS, SHOWN_CLIPS = 64, 1000, 8
ROLLOUT = "export-rollout"  # the folder of a run


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
    out: Annotated[
        Path | None,
        typer.Option(help="Folder [default: RUN/export; with --frames RUN/export-rollout]."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of the model, when served [default: the run's].")
    ] = None,
    version: Annotated[int, typer.Option(help="Of the model, when served.")] = 1,
    batch: Annotated[
        int | None, typer.Option(help="Latents in a call of a LiteRT file [default: any number].")
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(help="Of a run of next frames: export what predicts so many after another."),
    ] = None,
    checkpoint: CheckpointOption = "best",
    data: DataOption = None,
) -> None:
    """Export a trained generator; every artefact is verified in a fresh process."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    chosen = formats or ["all"]
    if frames is not None and frames < 1:
        raise UserError(f"`--frames` must be at least 1. Received: {frames}")
    start_tensorflow()
    from ganapp.export import ExportError
    from ganapp.export.bundle import Bundle
    from ganapp.export.formats import chosen_formats
    from ganapp.export.package import export as export_bundle
    from ganapp.runner.encoders import find_encoder
    from ganapp.runner.evaluation import generate_samples, painter
    from ganapp.runner.saved_runs import moved_config, open_generator
    from ganapp.training.priors.codes import controls_of

    try:
        chosen_formats(chosen)
    except ExportError as error:
        raise UserError(str(error).replace("`formats`", "`--format`")) from error
    config = moved_config(opened, [], data)
    generator, step = open_generator(opened, checkpoint)
    with stage("Preparing the evaluation"):  # whose figures are of single frames
        figures = None if frames else _figures(opened, config, generator.data)
    spec, gan = generator.spec, generator.gan
    encoder = find_encoder(opened, generator, step)
    shown = generate_samples(generator, SHOWN if spec.table is None else SHOWN_ROWS, 0)
    bundle = Bundle(
        name=opened.name,
        generator=gan.ema_generator,
        prior=gan.prior,
        to_user_units=spec.to_user_units,
        kind=spec.kind,
        transform=spec.transform,
        class_shares=gan.class_shares,
        observations=gan.observations,
        encoder=None if encoder is None else encoder.network,
        facts={
            "manifest": opened.read_manifest() or {},
            "configuration": generator.config.model_dump(mode="json", exclude_none=True),
            "report": opened.read_report(),
            "step": step,
            "checkpoint": checkpoint,
        },
        picture=painter(generator.data)(shown),
        codes=[dataclasses.asdict(each) for each in controls_of(gan.prior).values()],
        judge=figures,
    )
    if frames is not None:
        bundle = _of_rollout(bundle, generator, frames)
    try:
        with stage("Writing the artefacts and checking each in a fresh process"):
            card = export_bundle(
                bundle,
                out or (opened.directory / ROLLOUT if frames else opened.export),
                chosen,
                name=name,
                version=version,
                batch=batch,
            )
    except ExportError as error:
        raise UserError(str(error)) from error
    _show(card)


def _of_rollout(bundle: Bundle, generator: Generator, frames: int) -> Bundle:
    """The same bundle of a network that predicts so many frames one after another."""
    import numpy as np

    from ganapp.models.networks.rollout import rolled_out, step_name
    from ganapp.runner.rollout import check_predicts
    from ganapp.training.evaluation.pictures import film_strips
    from ganapp.training.priors import Product

    check_predicts(generator)
    gan, spec = generator.gan, generator.spec
    parts = {
        step_name(name, step): part
        for name, part in gan.prior.parts.items()
        for step in range(1, frames + 1)
    }
    of_clips = dataclasses.replace(spec, kind="video", shape=(frames, *spec.shape))
    facts = dict(bundle.facts)
    facts["manifest"] = facts["manifest"] | {"data": of_clips.as_dict()}
    facts["report"] = None  # of single frames
    network = rolled_out(gan.ema_generator, frames, tuple(gan.latent_sizes))
    found = dataclasses.replace(
        bundle,
        generator=network,
        prior=Product(parts=parts),
        codes=(),  # they and an encoder are of single frames
        encoder=None,
        kind="video",
        facts=facts,
        picture=None,
    )
    inputs = found.example_inputs(SHOWN_CLIPS, stream=SHOWN)
    clips = np.asarray(spec.to_user_units(found.generate(inputs)))
    return dataclasses.replace(found, picture=film_strips(clips))


def _figures(
    run: Run, config: Config, data: StoredData
) -> Callable[[np.ndarray], dict[str, float]] | None:
    """What gives the figures of samples; `None` where the data of the run are away or changed."""
    from ganapp.models.tensors import FEATURES
    from ganapp.runner.experiment import make_evaluator
    from ganapp.runner.saved_runs import data_changes

    without = "the artefacts are compared with the generator sample by sample, but not judged"
    try:
        with as_user_errors(config.data.source):
            source = config.data.build(data.network(FEATURES))
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
    evaluator = make_evaluator(config.evaluation, source, cache=config.data.cache)

    def figures(samples: np.ndarray) -> dict[str, float]:
        values = evaluator.evaluate(samples)
        return {key: value for key, value in values.items() if value is not None}

    return figures


def _show(card: Json) -> None:
    folder = Path(card["directory"])
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    for artefact in card["artefacts"]:
        say(
            f"{folder / artefact['path']}: {artefact['title']}, "
            f"{artefact['bytes'] / 1e3:,.0f} kB, largest difference "
            f"{artefact['difference']:.1e} on 256 latents, "
            f"{artefact['samples_per_second']:,.0f} samples/s."
        )
        if artefact["warning"]:
            warn(artefact["warning"])
    for artefact in card.get("encoder", {}).get("artefacts", []):
        say(
            f"{folder / artefact['path']}: encoder, {artefact['title']}, largest difference "
            f"{artefact['difference']:.1e} on 256 examples."
        )
    for name, reason in card["left_out"].items():
        warn(f"There is no {name}: {reason}")
    say(f"Model card: {folder / 'model_card.md'}")
