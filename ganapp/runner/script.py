"""From a compiled GAN of the user's own to the tables of a configuration."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import keras

from ganapp.config.members import FAMILIES, Options, as_table, option_names
from ganapp.config.presets import Tables
from ganapp.config.schema import EXTENSIONS, ObjectiveConfig
from ganapp.models.gan import GAN
from ganapp.models.networks.keras_file import OWN_CONDITION
from ganapp.models.tensors import EXAMPLE, LABEL, input_names
from ganapp.training.objectives import Objective
from ganapp.training.optimizers import OPTIMIZERS
from ganapp.training.priors import Prior, Product
from ganapp.training.schedules import Anneal

PRECISIONS = ("mixed_bfloat16", "mixed_float16")
KEPT = ("encoder", "code_reader")  # companions that what comes after the training may ask for
Found = tuple[Tables, list[str]]


def tables_of_gan(gan: GAN, files: Mapping[str, Path]) -> Found:
    """The tables that say what a script trains, and the names of what they cannot say.

    Args:
        gan: compiled.
        files: where the networks of the run are, by name.

    Raises:
        ValueError: its prior is of no registered kind, so that nobody else could draw of it.
    """
    unknown: list[str] = []
    tables = {
        "generator": {
            "network": "keras",
            "file": str(files["generator"]),
            "condition": OWN_CONDITION if gan.classes else "none",
            "prior": _prior(gan.prior),
            "optimizer": _optimizer(gan.generator_optimizer, "generator", unknown),
        },
        "discriminator": {
            "network": "keras",
            "file": str(files["discriminator"]),
            "condition": OWN_CONDITION
            if LABEL in input_names(gan.discriminator, EXAMPLE)
            else "none",
            "packing": gan.packing,
            "optimizer": _optimizer(gan.discriminator_optimizer, "discriminator", unknown),
        },
        "objective": _objective(gan.objective, unknown),
        "companions": {
            name: {"network": "keras", "file": str(files[name]), "trained_with": each.trained_with}
            for name, each in gan.companions.items()
            if name in KEPT and each.trained_with
        },
        "training": {
            "seed": gan.seed,
            "ema_half_life": float(gan.ema_half_life or 0),
            "ema_warm_up": float(gan.ema_warm_up),
            "steps_per_execution": gan.steps_per_execution,
            "jit_compile": bool(gan.jit_compile),
        },
    }
    policy = gan.generator.dtype_policy.name
    if policy in PRECISIONS:
        tables["training"]["precision"] = policy
    return tables, unknown


def _registered(family: str, member: object) -> bool:
    known = FAMILIES[family].get(getattr(member, "name", ""))
    return known is type(member) or (known is not None and type(known()) is type(member))


def _prior(prior: Prior) -> Tables:
    if isinstance(prior, Product):
        parts = {name: _prior(part) for name, part in prior.parts.items()}
        return {"name": prior.name, "parts": parts, "codes": list(prior.codes)}
    if not _registered("prior", prior):
        raise ValueError(
            "`prior` must be one of ganapp's, or of a registered kind, because samples of the run "
            f"are drawn of it everywhere. Received: {type(prior).__name__}"
        )
    return as_table(prior)


def _objective(objective: Objective, unknown: list[str]) -> Tables:
    # What has a name of its own stands under that of the nearest kind that is known.
    kinds = [kind for kind in type(objective).__mro__ if kind in FAMILIES["objective"].values()]
    if not _registered("objective", objective):
        unknown.append(f"the objective {type(objective).__name__}")
    name = objective.name if _registered("objective", objective) else ""
    name = name or (kinds[0].name if kinds else "minimax")
    kept = option_names("objective", name) - set(ObjectiveConfig.LEAVE)
    table = {"name": name, "discriminator_steps": objective.discriminator_steps}
    table |= _options(objective, kept, f"objective {name}", unknown)
    for extension, family in EXTENSIONS.items():
        table[extension] = {}
        for member in getattr(objective, extension):
            if not _registered(family, member):
                unknown.append(f"the {family} {type(member).__name__}")
                continue
            kept = option_names(family, member.name) - {"codes"}
            options = _options(member, kept, f"{family} {member.name}", unknown)
            table[extension][member.name] = options
    if _registered("constraint", objective.constraint):
        table["constraint"] = as_table(objective.constraint)
    else:
        unknown.append(f"the constraint {type(objective.constraint).__name__}")
    return table


def _options(member: object, kept: set[str], of: str, unknown: list[str]) -> Options:
    """The options of a dataclass member as TOML has them; schedules of a step are left out."""
    found = {}
    for field in dataclasses.fields(member):
        value = getattr(member, field.name)
        if field.name not in kept or value is None:
            continue
        if isinstance(value, Anneal):
            value = dataclasses.asdict(value)
        elif isinstance(value, tuple):
            value = list(value)
        elif callable(value):
            unknown.append(f"the schedule of `{field.name}` of the {of}")
            continue
        found[field.name] = value
    return found


def _optimizer(optimizer: keras.optimizers.Optimizer, player: str, unknown: list[str]) -> Tables:
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of a scaled loss
    names = [name for name, kind in OPTIMIZERS.items() if kind is type(optimizer)]
    settings = optimizer.get_config()
    rate = settings.get("learning_rate")
    if not names or isinstance(rate, dict):
        what = type(optimizer).__name__ if not names else "the schedule of the learning rate"
        unknown.append(f"{what} of the {player}'s optimizer")
        rate = float(f"{optimizer.learning_rate.numpy():.7g}") if names else None
        return {} if rate is None else {"name": names[0], "learning_rate": rate}
    table = {"name": names[0], "learning_rate": float(f"{rate:.7g}")}
    for option in option_names("optimizer", names[0]) - {"learning_rate"}:
        value = settings.get(option)
        if isinstance(value, bool) or option == "gradient_accumulation_steps":
            table |= {} if value is None else {option: value}
        elif isinstance(value, int | float):
            table[option] = float(value)
    return table
