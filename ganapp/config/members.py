"""Members of registries as sections of the configuration, checked against their own signatures.

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
from typing import Annotated, Any, ClassVar, Literal, Self

import annotated_types
import pydantic

from ganapp.models.networks import DISCRIMINATORS, GENERATORS
from ganapp.training.augmentations import AUGMENTATIONS
from ganapp.training.baselines import BASELINES
from ganapp.training.constraints import CONSTRAINTS
from ganapp.training.data import MODE_METRICS, SOURCES
from ganapp.training.data.cache import CacheDir
from ganapp.training.data.tables.constraints import Constraint, constraint_from
from ganapp.training.data.tables.constraints import as_table as constraint_table
from ganapp.training.evaluation.features import FEATURES
from ganapp.training.evaluation.features.layer import OWN, Layer, ModelFile
from ganapp.training.objectives import OBJECTIVES
from ganapp.training.optimizers import OPTIMIZERS, optimizer_options
from ganapp.training.priors import PRIORS, Prior
from ganapp.training.registry import Family, RegistrationError, Registry
from ganapp.training.schedules import Anneal
from ganapp.training.terms import TERMS
from ganapp.training.weightings import WEIGHTINGS


class Section(pydantic.BaseModel):
    """A table of the configuration: unknown keys are errors, values never change."""

    model_config = pydantic.ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, strict=True
    )


class AnnealConfig(Section):
    """A value that moves over the whole training; see `ganapp.training.schedules.Anneal`."""

    start: float
    end: float
    shape: Literal["linear", "cosine", "exponential"] = "cosine"

    @pydantic.model_validator(mode="after")
    def _check_shape(self) -> "AnnealConfig":
        received = f"Received: start={self.start}, end={self.end}"
        if min(self.start, self.end) < 0:
            raise ValueError(f"`start` and `end` must not be negative. {received}")
        if self.shape == "exponential" and not min(self.start, self.end) > 0:
            raise ValueError(
                "`start` and `end` must be above 0 for an exponential shape, which changes by "
                f"equal ratios. {received}"
            )
        if self.shape == "cosine" and self.start == 0:
            raise ValueError(
                "`start` must be above 0 for the cosine shape; choose shape='linear'. "
                "Received: start=0"
            )
        return self

    def anneal(self) -> Anneal:
        """The plain object."""
        return Anneal(start=self.start, end=self.end, shape=self.shape)


def scheduled(number: object) -> object:
    """The type of a number that may also be a table with start, end and shape.

    Tagged by what came, so that a mistake is explained once and not for each alternative.
    """
    return Annotated[
        Annotated[number, pydantic.Tag("<number>")]
        | Annotated[AnnealConfig, pydantic.Tag("<table>")],
        pydantic.Discriminator(
            lambda given: "<table>" if isinstance(given, dict | AnnealConfig) else "<number>"
        ),
    ]


def is_scheduled(hint: object) -> bool:
    """Whether a type hint allows a schedule beside a number."""
    parts = typing.get_args(hint)
    return any(part is Anneal or typing.get_origin(part) is Callable for part in parts) or any(
        is_scheduled(part) for part in parts if typing.get_args(part)
    )


Options = dict[str, Any]  # of a member
NotNegative = Annotated[float, annotated_types.Ge(0)]
FAMILIES: dict[str, Mapping[str, Callable]] = {
    "data": SOURCES,
    "generator": GENERATORS,
    "discriminator": DISCRIMINATORS,
    "companion": Registry("companion network", [Layer], extends=DISCRIMINATORS),
    "prior": PRIORS,
    "objective": OBJECTIVES,
    "constraint": CONSTRAINTS,
    "term": TERMS,
    "augmentation": AUGMENTATIONS,
    "weighting": WEIGHTINGS,
    "optimizer": OPTIMIZERS,
    "baseline": BASELINES,
    "features": FEATURES,
}

# What the family calls its members with, by position.
POSITIONAL = {"generator": 2, "discriminator": 1}
WORDS = ("nothing", "`inputs`", "`inputs` and `shape`")
LEFT_TO_OTHER_TABLES = (  # arguments of members that other tables of a configuration decide
    *("discriminator_steps", "terms", "augmentations", "weightings", "constraint"),
    *("generator_optimizer", "discriminator_optimizer", "head", "heads", "codes", "condition"),
    *("latents", "class_start"),
)


@functools.cache
def options_model(family: str, name: str, leave: tuple[str, ...] = ()) -> type[pydantic.BaseModel]:
    """A Pydantic model of the options of one member of a family, but for those in `leave`.

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


def check_member(registry: Family, name: str) -> None:
    """Refuses a registered member whose arguments no configuration could set.

    Raises:
        RegistrationError: naming the argument.
    """
    for family, members in FAMILIES.items():
        if members is not registry:
            continue
        what = f"The {members.kind} {name!r}"
        wanted, parameters = POSITIONAL.get(family, 0), inspect.signature(members[name]).parameters
        if sum(each.kind <= each.POSITIONAL_OR_KEYWORD for each in parameters.values()) != wanted:
            raise RegistrationError(
                f"{what} must take {WORDS[wanted]} by position, and its options by "
                f"keyword alone (after a *, or kw_only=True). "
                f"Received: ({', '.join(map(str, parameters.values()))})"
            )
        try:
            options_model(family, name, LEFT_TO_OTHER_TABLES)
        except KeyError as error:
            raise RegistrationError(f"{what} must give its option {error} a type.") from error
        except (pydantic.PydanticUserError, NameError, TypeError) as error:
            reason = str(error).partition("\n")[0]
            raise RegistrationError(
                f"{what} has an option of a type that a configuration cannot hold: {reason}"
            ) from error


def option_names(family: str, name: str) -> set[str]:
    """What a configuration may set of one member."""
    if family == "optimizer":
        return set(optimizer_options(name))
    return set(options_model(family, name).model_fields)


def lacks_metric(source: object, metric: object) -> bool:
    """Whether a figure is one of known modes, which data of this source do not have."""
    if metric not in MODE_METRICS or not isinstance(source, str) or source not in SOURCES:
        return False
    made = typing.get_type_hints(SOURCES[source]).get("return")
    return metric not in getattr(made, "metrics", ())


def _option_type(hint: object) -> object:
    if hint in (Path, Path | None):
        return Annotated[hint, pydantic.BeforeValidator(_absolute)]
    if hint == CacheDir:
        return Annotated[str, pydantic.AfterValidator(lambda name: name and _from_here(name))]
    if hint == ModelFile:
        return Annotated[str, pydantic.AfterValidator(lambda n: n if n == OWN else _from_here(n))]
    if hint == dict[str, Prior]:
        part = (pydantic.BeforeValidator(_part), pydantic.PlainSerializer(as_table))
        return dict[str, Annotated[pydantic.InstanceOf[Prior], *part]]
    if hint == tuple[Constraint, ...]:
        part = (
            pydantic.BeforeValidator(constraint_from),
            pydantic.PlainSerializer(constraint_table),
        )
        return tuple[Annotated[pydantic.InstanceOf[Constraint], *part], ...]
    return scheduled(NotNegative) if is_scheduled(hint) else hint


def _part(table: object) -> Prior:
    """A part of a product of priors, from its table."""
    if not isinstance(table, Mapping) or not isinstance(table.get("name", ""), str):
        raise ValueError(f"must be a table with the name of a prior. Received: {table!r}")
    name = table.get("name", "normal")
    options = {key: value for key, value in table.items() if key != "name"}
    return build("prior", name, checked_options("prior", name, options, beside=("name",)))


def _absolute(value: object) -> Path | None:
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
    given: Mapping[str, object],
    leave: tuple[str, ...] = (),
    beside: tuple[str, ...] = (),
) -> Options:
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
    options: Mapping[str, object],
    *args: object,
    updates: int = 1,
    **kwargs: object,
) -> Any:
    """Calls a member with options that `checked_options` returned, and further arguments.

    Lists become the tuples that its signature asks for; an annealed option takes `updates` updates
    from its start to its end.
    """
    values = {
        key: value.anneal().over(updates) if isinstance(value, AnnealConfig) else value
        for key, value in _validated(options_model(family, name, tuple(kwargs)), options)
    }
    member = FAMILIES[family][name]
    known = inspect.signature(member).parameters.values()
    if not any(each.kind is each.VAR_KEYWORD for each in known):
        for key in kwargs.keys() - {each.name for each in known}:
            raise ValueError(
                f"The {FAMILIES[family].kind} {name!r} takes no argument `{key}`, which this "
                f"configuration needs it for. Received: {key}={kwargs[key]!r}"
            )
    return member(*args, **values, **kwargs)


def _validated(
    model: type[pydantic.BaseModel], options: Mapping[str, object]
) -> pydantic.BaseModel:
    # Strict types tell a tuple from a list, and TOML has lists only.
    tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    return model.model_validate(tuples)


def as_table(member: object) -> dict[str, object]:
    """A dataclass member as the table that names it and sets its options."""
    return {"name": member.name, **dataclasses.asdict(member)}


class MemberSection(Section):
    """A table that names a member of a family; its further keys are that member's options."""

    model_config = pydantic.ConfigDict(extra="allow")
    FAMILY: ClassVar[str]
    MEMBER: ClassVar[str] = "name"
    LEAVE: ClassVar[tuple[str, ...]] = ()

    @pydantic.model_validator(mode="after")
    def _check_options(self) -> Self:
        options = checked_options(
            self.FAMILY, self.member, self.options, self.LEAVE, tuple(type(self).model_fields)
        )
        self.__pydantic_extra__.update(options)
        return self

    @property
    def member(self) -> str:
        """Name of the chosen member."""
        return getattr(self, self.MEMBER)

    @property
    def options(self) -> Options:
        """Options of the chosen member."""
        return dict(self.__pydantic_extra__ or {})

    def build(self, *args: object, **kwargs: object) -> Any:
        """Calls the member with its options."""
        return build(self.FAMILY, self.member, self.options, *args, **kwargs)
