"""`--set key=value`: what a person changes of a preset or a file."""

import re
import tomllib
from collections.abc import Sequence
from typing import Any

from ganapp.errors import UserError
from ganapp.former_settings import EXTENSIONS
from ganapp.plugins import FAMILIES, lacks_metric, option_names

NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)(e[+-]?\d+)?", re.IGNORECASE)  # a number, but not in TOML
OF_EVERY_SOURCE = frozenset({"labelled", "labelled_seed", "clusters"})
# Where a setting names a member of a family, and which keys beside it are not the member's own.
CHOICES: dict[tuple[str, ...], tuple[str, frozenset[str]]] = {
    ("data", "source"): ("data", OF_EVERY_SOURCE),
    ("generator", "network"): ("generator", frozenset({"condition", "prior", "optimizer"})),
    ("generator", "prior", "name"): ("prior", frozenset()),
    ("generator", "optimizer", "name"): ("optimizer", frozenset({"learning_rate"})),
    ("discriminator", "network"): (
        "discriminator",
        frozenset({"condition", "packing", "optimizer"}),
    ),
    ("discriminator", "optimizer", "name"): ("optimizer", frozenset({"learning_rate"})),
    ("objective", "constraint", "name"): ("constraint", frozenset()),
    ("evaluation", "features", "name"): ("features", frozenset()),
}


def with_overrides(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The tables with every override in its place.

    Another objective, network, prior, optimizer, constraint or data source than the preset's drops
    what was chosen for the preset's and does not exist for it. A single term, augmentation or
    weighting is added to those of the preset, or of the objective's paper where the preset has
    none.

    Args:
        raw: the tables of a TOML file.
        overrides: `key=value` pairs with dotted keys, values as in TOML.

    Raises:
        UserError: an override is no `key=value`, or goes into a value.
    """
    settings = [(override, *_parsed(override)) for override in overrides]
    for _, keys, value in settings:
        if keys == ["objective", "name"] and value != _at(raw, keys):
            raw = _without_objective(raw) | {"objective": {"name": value}}
    for _, keys, _ in settings:
        if keys[0] == "objective" and len(keys) > 2:
            raw = _with_papers_members(raw, keys[1])
    for _, keys, value in settings:
        if tuple(keys) in CHOICES and value != _at(raw, keys):
            _drop_foreign_options(raw, tuple(keys), value)
    for _, keys, value in settings:
        if keys == ["data", "source"]:
            raw = _without_foreign_metric(raw, value)
    for override, keys, value in settings:
        _put(raw, override, keys, value)
    return raw


def _put(raw: dict[str, Any], override: str, keys: list[str], value: Any) -> None:
    *tables, last = keys
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise UserError(f"`--set {override}`: `{name}` is a value, not a table.")
    table[last] = value


def _parsed(override: str) -> tuple[list[str], Any]:
    """Keys and value of a `key=value`, or a `UserError`."""
    key, equals, text = override.partition("=")
    keys = [part.strip() for part in key.split(".")]
    if not equals or not all(keys):
        raise UserError(
            f"`--set` takes key=value, for example training.epochs=10, not {override!r}."
        )
    return keys, _toml_value(text.strip())


def _toml_value(text: str) -> Any:
    """The value as TOML has it; what TOML cannot read is a string (paths need no quotes)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return float(text) if NUMBER.fullmatch(text) else text


def _at(raw: dict[str, Any], keys: Sequence[str]) -> Any:
    """What is at a place, `None` where nothing is."""
    found: Any = raw
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _without_objective(raw: dict[str, Any]) -> dict[str, Any]:
    """The tables without what was chosen for the objective that an override replaces.

    Terms and learning rates of one objective are wrong for another; the new one's paper fills
    them in, and further overrides may change them.
    """
    raw = {key: value for key, value in raw.items() if key != "objective"}
    for part in ("generator", "discriminator"):
        if isinstance(raw.get(part), dict):
            raw[part] = {k: v for k, v in raw[part].items() if k != "optimizer"}
    return raw


def _with_papers_members(raw: dict[str, Any], table: str) -> dict[str, Any]:
    """The tables with the paper's terms and the like, where the file says nothing of them.

    By name alone: what their tables leave out is the paper's.
    """
    objective = raw.get("objective")
    name = _at(raw, ("objective", "name"))
    if not isinstance(objective, dict) or table in objective or not isinstance(name, str):
        return raw
    if table not in EXTENSIONS or name not in FAMILIES["objective"]:
        return raw
    members = {member.name: {} for member in getattr(FAMILIES["objective"][name](), table)}
    return {**raw, "objective": {**objective, table: members}}


def _without_foreign_metric(raw: dict[str, Any], source: Any) -> dict[str, Any]:
    """The tables without a metric that counts modes, where another source's are not known."""
    metric = _at(raw, ("evaluation", "metric"))
    if source not in FAMILIES["data"] or not lacks_metric(source, metric):
        return raw
    evaluation = {key: value for key, value in raw["evaluation"].items() if key != "metric"}
    return {**raw, "evaluation": evaluation}


def _drop_foreign_options(raw: dict[str, Any], keys: tuple[str, ...], member: Any) -> None:
    """Removes the options that another member, about to be chosen, does not have."""
    family, beside = CHOICES[keys]
    table = _at(raw, keys[:-1])
    if not isinstance(table, dict) or not isinstance(member, str) or member not in FAMILIES[family]:
        return  # validation will say what is wrong
    own = option_names(family, member)
    for key in [key for key in table if key not in own | beside | {keys[-1]}]:
        del table[key]
