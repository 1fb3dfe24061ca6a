"""Options of networks, sources, priors and the rest, checked against their own signatures.

A member of a family is a function or a dataclass; its keyword-only arguments and their types are
what a configuration may set. So a new member needs no configuration code, and a misspelt option
cannot be swallowed.
"""

import dataclasses
import difflib
import functools
import inspect
import os
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import annotated_types
import pydantic

from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.scheduled import AnnealConfig, is_scheduled, scheduled
from ganapp.training.baselines import BASELINES
from ganapp.training.constraints import CONSTRAINTS
from ganapp.training.data import MODE_METRICS, SOURCES
from ganapp.training.data.cache import CacheDir
from ganapp.training.evaluation.features import FEATURES
from ganapp.training.objectives import OBJECTIVES
from ganapp.training.optimizers import OPTIMIZERS, optimizer_options
from ganapp.training.penalties import PENALTIES
from ganapp.training.priors import PRIORS
from ganapp.training.registry import Registry
from ganapp.training.stabilisers import STABILISERS

NotNegative = Annotated[float, annotated_types.Ge(0)]
FAMILIES: dict[str, Mapping[str, Callable]] = {
    "data": SOURCES,
    "generator": Registry("generator network", GENERATORS.items()),
    "discriminator": Registry("discriminator network", DISCRIMINATORS.items()),
    "prior": PRIORS,
    "objective": OBJECTIVES,
    "constraint": CONSTRAINTS,
    "penalty": PENALTIES,
    "stabiliser": STABILISERS,
    "optimizer": OPTIMIZERS,
    "baseline": BASELINES,
    "features": FEATURES,
}


@functools.cache
def options_model(family: str, name: str, leave: tuple[str, ...] = ()) -> type[pydantic.BaseModel]:
    """A Pydantic model of the options of one member.

    Args:
        family: a key of `FAMILIES`.
        name: a member of it.
        leave: arguments that the configuration sets elsewhere.

    Raises:
        UnknownNameError: if there is no such member.
    """
    member = FAMILIES[family][name]
    hints = typing.get_type_hints(member, include_extras=True)
    fields = {
        key: (_option_type(hints[key]), ... if p.default is p.empty else p.default)
        for key, p in inspect.signature(member).parameters.items()
        if p.kind is p.KEYWORD_ONLY and key not in leave
    }
    config = pydantic.ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)
    return pydantic.create_model(f"{name}_options", __config__=config, **fields)


def option_names(family: str, name: str) -> set[str]:
    """What a configuration may set of one member."""
    if family == "optimizer":
        return set(optimizer_options(name))
    return set(options_model(family, name).model_fields)


def lacks_metric(source: str, metric: Any) -> bool:
    """Whether a figure is one of known modes, which data of this source do not have."""
    made = typing.get_type_hints(SOURCES[source]).get("return")
    return metric in MODE_METRICS and metric not in getattr(made, "metrics", ())


def _option_type(hint: Any) -> Any:
    if hint in (Path, Path | None):
        return Annotated[hint, pydantic.BeforeValidator(_absolute)]
    if hint == CacheDir:
        return Annotated[str, pydantic.AfterValidator(lambda name: name and _from_here(name))]
    return scheduled(NotNegative) if is_scheduled(hint) else hint


def _absolute(value: Any) -> Any:
    """A path as the current directory has it, so that a run finds its data from everywhere."""
    if value is None or isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"must be a path. Received: {value!r}")
    return Path(_from_here(value))


def _from_here(name: str) -> str:
    return os.path.abspath(os.path.expanduser(name))


def checked_options(
    family: str,
    name: str,
    given: Mapping[str, Any],
    leave: tuple[str, ...] = (),
    beside: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The options with defaults filled in and types checked, as plain TOML values.

    Args:
        family: a key of `FAMILIES`.
        name: a member of it.
        given: options, some or all.
        leave: arguments that the configuration sets elsewhere.
        beside: keys that may stand beside the options, and so may have been meant.

    Raises:
        ValueError: naming the option that is unknown, of the wrong type or out of range.
    """
    model = options_model(family, name, leave)
    for key in given:
        if key not in model.model_fields:
            close = difflib.get_close_matches(key, [*model.model_fields, *beside], n=1, cutoff=0.5)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            takes = f": {', '.join(model.model_fields)}" if model.model_fields else " no options"
            raise ValueError(
                f"`{key}` is not an option of the {FAMILIES[family].kind} {name!r}, which takes"
                f"{takes}.{hint}"
            )
    options = _validated(model, given).model_dump(mode="json")
    if dataclasses.is_dataclass(FAMILIES[family][name]):
        build(family, name, options)  # ranges are checked by the members themselves
    return options


def build(
    family: str,
    name: str,
    options: Mapping[str, Any],
    *args: Any,
    updates: int = 1,
    **kwargs: Any,
) -> Any:
    """Calls a member with validated options (lists become the tuples its signature asks for).

    Args:
        family: a key of `FAMILIES`.
        name: a member of it.
        options: as `checked_options` returns them.
        *args: passed on.
        updates: how many updates an annealed option takes from its start to its end.
        **kwargs: passed on; the options do not hold these.
    """
    model = _validated(options_model(family, name, tuple(kwargs)), options)
    values = {key: getattr(model, key) for key in type(model).model_fields}
    values = {
        key: value.anneal().over(updates) if isinstance(value, AnnealConfig) else value
        for key, value in values.items()
    }
    return FAMILIES[family][name](*args, **values, **kwargs)


def _validated(model: type[pydantic.BaseModel], options: Mapping[str, Any]) -> pydantic.BaseModel:
    # Strict types tell a tuple from a list, and TOML has lists only.
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return model.model_validate(tuples)


def as_table(member: Any) -> dict[str, Any]:
    """A dataclass member as the table that names it and sets its options."""
    return {"name": member.name, **dataclasses.asdict(member)}
