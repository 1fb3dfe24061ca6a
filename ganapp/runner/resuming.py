"""What may differ when a run goes on: its length, where its data lie, the libraries."""

from collections.abc import Sequence
from typing import Any

from ganapp.config import Config
from ganapp.errors import UserError
from ganapp.former_settings import EXTENSIONS, with_current_names
from ganapp.loading import differences, load_config, load_saved, validated
from ganapp.runner.compose import Experiment, versions
from ganapp.runner.same_data import PLACES
from ganapp.runs import Run
from ganapp.scheduled import AnnealConfig
from ganapp.training.checkpoints import list_steps
from ganapp.training.kernels import kernels
from ganapp.training.priors import DRAWS_VERSION


def resumed_config(run: Run, preset_or_file: str | None, overrides: Sequence[str]) -> Config:
    """The configuration with which a run goes on: its own, perhaps longer or with moved data.

    Args:
        run: the run.
        preset_or_file: a configuration to compare with the run's.
        overrides: `key=value` settings.

    Raises:
        UserError: something else differs from what the run was started with, or this ganapp draws
            other latents from the run's seed.
    """
    manifest = run.read_manifest() or {}
    _refuse_other_draws(run, manifest)
    saved = load_saved(run.config)
    if preset_or_file is None:
        config = load_saved(run.config, overrides) if overrides else saved
    else:
        config = load_config(preset_or_file, overrides)
    before = [saved]
    if (started := manifest.get("configuration")) is not None:
        # The file may have been edited since.
        before.append(validated(with_current_names(started), str(run.manifest)))
    for each in before:
        _refuse_changes(run, each, config)
    return config


def lengths_before(run: Run, config: Config) -> tuple[int, ...]:
    """Total steps that the run had before it was made longer, the first one first.

    Args:
        run: the run.
        config: with which it goes on.
    """
    manifest = run.read_manifest() or {}
    lengths = tuple(manifest.get("extended_from", ()))
    epochs = manifest.get("configuration", {}).get("training", {}).get("epochs")
    if epochs is None or epochs >= config.training.epochs or not list_steps(run.checkpoints):
        return lengths  # what has not begun is not made longer: it is a longer run
    return (*lengths, manifest["total_steps"])


def ended_schedules(experiment: Experiment) -> str | None:
    """A sentence on schedules that a longer run does not stretch; `None` if there are none."""
    if not experiment.lengths:
        return None
    tables = experiment.config.model_dump(mode="json", exclude_none=True)
    ends = [f"`{name}` at {end:g}" for name, end in _schedules(experiment.config, tables)]
    if not ends:
        return None
    return (
        f"The run was started for {experiment.scheduled_steps:,} steps, and these values had "
        f"reached their ends there; they are held, not stretched: {', '.join(ends)}."
    )


def changed_setting(manifest: dict[str, Any]) -> str | None:
    """A sentence on libraries and kernels that are not those the run was trained with so far.

    Args:
        manifest: of the run; what it does not mention is not compared.
    """
    then, now = manifest.get("versions", {}), versions()
    changed = [
        f"{name} {then[name]} (now {now[name]})"
        for name in now
        if name in then and then[name] != now[name]
    ]
    if manifest.get("kernels", kernels()) != kernels():
        changed.append(f"the CPU kernels {manifest['kernels']} (now {kernels()})")
    if not changed:
        return None
    return (
        f"The run is resumed under another setting: it was trained with {', '.join(changed)}. They "
        "may round or draw otherwise, so its end need not be, bit for bit, that of a run that "
        "never stopped."
    )


def settings_before(manifest: dict[str, Any], step: int) -> list[dict[str, Any]]:
    """The libraries and kernels a run was trained with before, each with the step up to which."""
    before = list(manifest.get("settings_before", []))
    if changed_setting(manifest) is not None and step:
        known = {key: manifest[key] for key in ("versions", "kernels") if key in manifest}
        before.append({"until_step": step, **known})
    return before


def _refuse_other_draws(run: Run, manifest: dict[str, Any]) -> None:
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
    old, new = (config.model_dump(mode="json", exclude_none=True) for config in (before, after))
    for tables in (old, new):
        for place in PLACES:  # the content is compared instead
            tables["data"].pop(place, None)
    changed = differences(old, new)
    longer = new["training"]["epochs"] > old["training"]["epochs"]
    if len(changed) > longer:  # more epochs alone are no reason
        raise UserError(
            f"The run {run.directory} was started with another configuration; a run is resumed "
            "as it was, with more `training.epochs` at most, so train a new one instead. "
            f"Differences: {'; '.join(changed)}."
        )


def _schedules(config: Config, tables: dict[str, Any]) -> list[tuple[str, float]]:
    """Names and ends of all values that move over the training."""
    found = []
    for part in ("generator", "discriminator"):
        rate = getattr(config, part).optimizer.learning_rate
        if isinstance(rate, AnnealConfig):
            found.append((f"{part}.optimizer.learning_rate", rate.end))
    for family in EXTENSIONS:
        for name, table in tables["objective"][family].items():
            found += [
                (f"objective.{family}.{name}.{key}", value["end"])
                for key, value in table.items()
                if isinstance(value, dict) and {"start", "end"} <= value.keys()
            ]
    return found
