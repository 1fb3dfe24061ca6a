"""`ganapp encode`: latents of examples, by the encoder of a run or one trained for it now."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import (
    CheckpointOption,
    DataOption,
    JsonOption,
    RunArgument,
    check_checkpoint,
    check_file,
    check_seed,
)
from ganapp.errors import UserError
from ganapp.runs import Json, open_run
from ganapp.screen import ARROWS, console, say, short_number, stage, start_tensorflow

if TYPE_CHECKING:
    from ganapp.config.schema import Config
    from ganapp.runner.encoders import Encoder, Examples


def encode(
    run: RunArgument,
    examples: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DATA]",
            help="Examples to encode: .npz, .npy, of tables .csv or .parquet, or pictures' folder "
            "[default: the held-out ones].",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File for the latents, ending in .npz.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Of training an encoder afterwards [default: 3000].")
    ] = None,
    latent_weight: Annotated[
        float | None,
        typer.Option(help="Of the loss |E(G(z)) - z|^2 on generated examples [default: 1]."),
    ] = None,
    example_weight: Annotated[
        float | None,
        typer.Option(help="Of the loss |G(E(x)) - x|^2 on training examples [default: 1]."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the encoder that is trained [default: 0].")
    ] = None,
    checkpoint: CheckpointOption = "best",
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the latents of real examples; trains an encoder where the run has none."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    if examples is not None and not examples.exists():
        raise UserError(f"DATA must be a file or a folder. Received: {examples}")
    if examples is not None and out is None:
        raise UserError("`--out` is needed beside DATA: a file for the latents, such as codes.npz.")
    if as_json and examples is not None:
        raise UserError("`--json` prints figures of the held-out examples: leave DATA out.")
    if out is not None:
        check_file("--out", out, (".npz",))
    if seed is not None:
        check_seed(seed)
    start_tensorflow()
    from ganapp.runner.encoders import (
        encoder_of,
        held_out_examples,
        report_on,
        write_report,
    )
    from ganapp.runner.saved_runs import moved_config, open_data

    given = {
        "steps": steps,
        "latent_weight": latent_weight,
        "example_weight": example_weight,
        "seed": seed,
    }
    config = moved_config(opened, [], data)
    with stage("Preparing the data"):
        source = open_data(opened, config)
    with stage("Preparing the encoder"), opened.in_use():
        encoder = encoder_of(opened, source, checkpoint, given)
    if examples is None:
        with stage("Judging the encoder"):
            report = report_on(encoder, source)
            picture = write_report(encoder, report, source, opened.encoder)
        if as_json:
            console.print_json(json.dumps(report))
        else:
            _show(report)
            say(f"Figures: {opened.encoder / 'report.json'}")
            if picture is not None:
                say(f"Originals above reconstructions: {picture}")
    if out is None:
        return
    if examples is None:
        chosen = held_out_examples(source, encoder.generator.gan.classes)
    else:
        chosen = _read(examples, encoder, config)
    _write(out, encoder, chosen)
    if not as_json:
        say(f"{out}: latents of {len(chosen):,} examples, by the encoder {encoder.origin}.")


def _read(path: Path, encoder: Encoder, config: Config) -> Examples:
    """The examples that a person names, with the observations that the encoder takes."""
    from ganapp.models.tensors import EXAMPLE, input_names
    from ganapp.runner.encoders import Examples
    from ganapp.runner.sample_files import read_observations, read_samples
    from ganapp.training.evaluation.checks import check_samples

    spec, options = encoder.generator.spec, dict(config.data.options)
    if spec.kind == "image" and spec.shape[0] == spec.shape[1]:
        options["size"] = spec.shape[0]  # of pictures in a folder
    try:
        found = read_samples(path, options)(spec)
        values = check_samples(spec, "DATA", found.values)
    except (UserError, ValueError) as error:
        raise UserError(str(error).replace("`--samples`", "DATA")) from error
    names = [name for name in input_names(encoder.network, EXAMPLE) if name != EXAMPLE]
    shapes = {name: spec.conditions[name] for name in names}
    return Examples(values, found.labels, read_observations(path, shapes, len(values)))


def _write(out: Path, encoder: Encoder, examples: Examples) -> None:
    import numpy as np

    from ganapp.training.files import write_atomically

    buffer, arrays = io.BytesIO(), encoder.latents(examples)
    if examples.labels is not None:
        arrays["label"] = examples.labels
    np.savez_compressed(buffer, **arrays)
    write_atomically(out, buffer.getvalue())


def _show(report: Json) -> None:
    from rich.table import Table

    counts, pixels = report["counts"], report["units"] == "user"
    table = Table(
        title=f"{counts['held_out']:,} held-out examples made again from {counts['latents']} "
        f"latents, encoder {report['encoder']['origin']}",
        title_justify="left",
    )
    table.add_column("made by")
    for heading in (f"mean squared error {ARROWS['lower']}", "±", f"PSNR, dB {ARROWS['higher']}"):
        table.add_column(heading, justify="right")
    for name, figures in report["reconstructions"].items():
        values = (figures[key] for key in ("mean_squared_error", "error", "psnr"))
        table.add_row(name, *map(short_number, values))
    console.print(table)
    if not pixels:
        say("In model units, in which every column counts alike.")
    latents = report["latents"]
    say(
        f"Latents of real examples: largest mean {latents['mean']:.2f}, deviations "
        f"{latents['deviation']:.2f} of the prior's, energy distance to the prior "
        f"{short_number(latents['energy_distance'])} (between two draws of it "
        f"{short_number(latents['floor'])})."
    )
    say(f"Of the variance of drawn latents {latents['read_back']:.0%} is read back.")
