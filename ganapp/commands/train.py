"""`ganapp train`: a new run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import SetOption
from ganapp.config.presets import config_path, read_toml
from ganapp.errors import UserError, as_user_errors
from ganapp.runs import Run, check_free, claim_next, claim_run, next_directory
from ganapp.screen import console, start_tensorflow

if TYPE_CHECKING:
    from ganapp.config.schema import Config
    from ganapp.runner.experiment import Experiment

FOLDER = Path("runs")  # where runs go that are given no directory


def train(
    preset: Annotated[
        str | None,
        typer.Argument(
            metavar="[PRESET_OR_TOML]",
            help="A preset's name or a TOML file; without one, --data decides.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help="A data source, source:path, or a path: instead of the preset's data.",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", help="Of the images of --data: their height and width.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run directory [default: runs/<preset>-<NNNN>].")
    ] = None,
    overrides: SetOption = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Prepare the data, validate, show the plan, then stop."),
    ] = False,
) -> None:
    """Train a GAN, then evaluate it and write its report."""
    if preset is not None:  # what is cheap to find out is said before TensorFlow loads
        read_toml(config_path(preset))
    elif data is None:
        raise UserError("`train` takes a preset, a TOML file or --data.")
    start_tensorflow()
    from ganapp.config.loading import as_toml
    from ganapp.runner.experiment import compose
    from ganapp.runner.training import run_to_end, show_plan
    from ganapp.training.distribution import is_chief

    config, name = _new_config(preset, data, size, overrides or [])
    experiment = compose(config)
    planned = run or next_directory(FOLDER, name)
    chief = is_chief(experiment.strategy)
    if chief:
        check_free(planned)
    show_plan(experiment, planned)
    if dry_run:
        _show_duration(experiment)
        return
    claimed = Run(planned)
    if chief:
        toml = as_toml(config)
        claimed = claim_run(run, toml) if run else claim_next(FOLDER, name, toml)
        if claimed.directory != planned:
            console.print(f"{planned} was taken meanwhile; the run goes to {claimed.directory}.")
    raise typer.Exit(run_to_end(experiment, claimed))


def _new_config(
    preset_or_file: str | None, data: str | None, size: int | None, overrides: Sequence[str]
) -> tuple[Config, str]:
    """What to train, and a name for its run: a preset, other data in it, or data alone."""
    from ganapp.config.loading import (
        OF_EVERY_SOURCE,
        data_table,
        load_config,
        validated,
        with_overrides,
    )

    if data is None:
        if size is not None:
            raise UserError("`--size` is for the images of --data.")
        return load_config(preset_or_file, overrides), Path(preset_or_file).stem
    table = data_table(data, size=size)
    if preset_or_file is None:
        return _config_for_data(table, overrides)
    raw = read_toml(config_path(preset_or_file))
    # Which classes the networks are given is no matter of where the examples come from.
    kept = {key: raw["data"][key] for key in OF_EVERY_SOURCE if key in raw.get("data", {})}
    raw["data"] = {**kept, **table}
    return validated(with_overrides(raw, overrides), preset_or_file), Path(preset_or_file).stem


def _config_for_data(table: dict[str, object], overrides: Sequence[str]) -> tuple[Config, str]:
    """A configuration made for data of which nothing else is known; each choice is explained."""
    from ganapp.config.automatic import automatic
    from ganapp.config.loading import validated, with_overrides
    from ganapp.config.schema import DataConfig

    of_data = [override for override in overrides if override.startswith("data.")]
    table = with_overrides({"data": table}, of_data)["data"]
    section = validated(table, "`--data`", DataConfig)
    with as_user_errors(section.source):
        source = section.build()
        # Clusters are no labels to evaluate by, and whoever asks for them says who is given them.
        known = source.spec.classes and source.judged is source
        tables, reasons = automatic(source.spec, source.training_labels() if known else None)
    for reason in reasons:
        console.print(f"Chosen for these data: {reason}.", highlight=False, soft_wrap=True)
    return validated(with_overrides({"data": table, **tables}, overrides), "--data"), section.source


def _show_duration(experiment: Experiment) -> None:
    """Times a few steps and says how long the run would take."""
    from ganapp.runner.training import seconds_a_step

    with console.status("Timing a few steps..."):
        seconds = seconds_a_step(experiment)
    console.print(
        f"time           {about_duration(seconds * experiment.total_steps)} at "
        f"{seconds:.3g} s a step as measured now; evaluations and the report come on top",
        highlight=False,
        soft_wrap=True,
    )
    console.print("Everything fits; no run was started (dry run).")
    if "cache_dir" in experiment.config.data.options:
        console.print(f"What the data were made into stays in {experiment.cache}.")


def about_duration(seconds: float) -> str:
    """A duration in words, as exactly as an estimate may be."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.2g} {unit}"
    return f"about {max(1, round(seconds))} seconds"
