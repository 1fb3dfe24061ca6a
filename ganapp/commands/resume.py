"""`ganapp resume`: a run that goes on, and what may differ then: its length, where its data lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.completion import complete_preset
from ganapp.commands.options import DataOption, RunArgument, with_settings
from ganapp.config.presets import read_config
from ganapp.errors import UserError
from ganapp.runs import Json, Run, check_plugins, open_run
from ganapp.screen import say, start_tensorflow, warn

if TYPE_CHECKING:
    from ganapp.config.schema import Config
    from ganapp.runner.experiment import Experiment


def resume(
    run: RunArgument,
    config: Annotated[
        str | None,
        typer.Option(
            help="A preset or TOML file that must equal the run's own.",
            autocompletion=complete_preset,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="More of them make the run longer, a finished one too; the same as "
            "--set training.epochs=N."
        ),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="training.epochs as --epochs, or data.path, where its data lie now.",
            autocompletion=lambda: ["training.epochs=", "data.path="],
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Continue a run to its configured end, exactly as if it had never stopped."""
    if config is not None:
        read_config(config)  # whose plugins are named by it
    settings = with_settings(overrides, {"--epochs": ("training.epochs", epochs)})
    opened = open_run(run)
    check_plugins(opened, exactly=True)
    start_tensorflow()
    from ganapp.runner.saved_runs import compose_run, data_settings, earlier_lengths
    from ganapp.runner.training import about_changed_libraries, run_to_end, show_plan

    resumed = resumed_config(opened, config, [*settings, *data_settings(opened, data)])
    experiment = compose_run(opened, resumed, lengths=earlier_lengths(opened, resumed))
    show_plan(experiment, run)
    if sentence := about_ended_schedules(experiment):
        say(sentence)
    if sentence := about_changed_libraries(opened.read_manifest() or {}):
        warn(sentence)
    raise typer.Exit(run_to_end(experiment, opened))


def resumed_config(run: Run, preset_or_file: str | None, overrides: Sequence[str]) -> Config:
    """The run's own configuration, perhaps longer or with moved data; a UserError about more."""
    from ganapp.config.loading import load_config, load_saved, validated
    from ganapp.config.schema import with_current_names

    manifest = run.read_manifest() or {}
    _refuse_other_draws(run, manifest)
    before = [load_saved(run.config)]
    if before[0].script is not None:
        raise UserError(
            f"The run {run.directory} is trained by a script: run that again, and it goes on where "
            "it stopped."
        )
    if (started := manifest.get("configuration")) is not None:
        # The file may have been edited since.
        before.append(validated(with_current_names(started), str(run.manifest)))
    if preset_or_file is None:
        config = load_saved(run.config, overrides)
    else:
        config = load_config(preset_or_file, overrides)
    for each in before:
        _refuse_changes(run, each, config)
    return config


def about_ended_schedules(experiment: Experiment) -> str | None:
    """A sentence on schedules that a longer run does not stretch; `None` if there are none."""
    tables = experiment.config.model_dump(mode="json", exclude_none=True)
    ends = ", ".join(f"`{name}` at {end:g}" for name, end in _schedules(tables).items())
    if not experiment.lengths or not ends:
        return None
    return (
        f"The run was started for {experiment.scheduled_steps:,} steps, and these values had "
        f"reached their ends there; they are held, not stretched: {ends}."
    )


def _refuse_other_draws(run: Run, manifest: Json) -> None:
    from ganapp.training.checkpoints import list_steps
    from ganapp.training.priors import DRAWS_VERSION

    drawn = manifest.get("draws", 1)  # which the first version did not mention
    if not manifest or drawn == DRAWS_VERSION or not list_steps(run.checkpoints):
        return  # what has not begun begins with the draws of today
    trained_with = manifest.get("versions", {}).get("ganapp", "of an earlier version")
    raise UserError(
        f"The run {run.directory} cannot be resumed, because this ganapp draws other latents from "
        "the same seed than the one that began it, and its end would not be that of a run that "
        "never stopped. It can be sampled, evaluated and exported as before; go on with the ganapp "
        f"it was trained with ({trained_with}), or train a new one. Received: version {drawn} of "
        f"the draws in {run.manifest}, expected: {DRAWS_VERSION}."
    )


def _refuse_changes(run: Run, before: Config, after: Config) -> None:
    from ganapp.config.loading import differences
    from ganapp.runner.saved_runs import PLACES

    old, new = (config.model_dump(mode="json", exclude_none=True) for config in (before, after))
    for tables in (old, new):
        for place in PLACES:  # the content is compared instead
            tables["data"].pop(place, None)
    changed = differences(old, new)
    # The levels of a pyramid are runs of their own, and those that are finished stay so.
    longer = not after.levels and new["training"]["epochs"] > old["training"]["epochs"]
    if len(changed) > longer:  # more epochs alone are no reason
        raise UserError(
            f"The run {run.directory} was started with another configuration; a run is resumed "
            "as it was, with more `training.epochs` at most, so train a new one instead. "
            f"Differences: {'; '.join(changed)}."
        )


def _schedules(tables: Json) -> dict[str, float]:
    """The ends of values that move over the training, by the names of their settings."""
    from ganapp.config.schema import EXTENSIONS

    values = {
        f"{part}.optimizer.learning_rate": tables[part]["optimizer"]["learning_rate"]
        for part in ("generator", "discriminator")
    }
    for family in EXTENSIONS:
        for name, table in tables["objective"][family].items():
            values |= {f"objective.{family}.{name}.{key}": each for key, each in table.items()}
    return {
        name: value["end"]
        for name, value in values.items()
        if isinstance(value, dict) and {"start", "end"} <= value.keys()
    }
