"""Settings by their former names: refused in what a person writes, read in what a run kept."""

from collections.abc import Sequence

from ganapp.config.members import FAMILIES
from ganapp.runs import Json

# Tables of members beside the objective: the family, and what was its table before.
EXTENSIONS = {"terms": "term", "augmentations": "augmentation", "weightings": "weighting"}
FORMER = {"penalties": ("terms",), "stabilisers": ("terms", "augmentations", "weightings")}


def refuse_former(objective: Json) -> None:
    """Refuses members of the objective in a table that is not theirs, or not theirs any more.

    Raises:
        ValueError: naming the key of today.
    """
    sentences = []
    for table in FORMER.keys() & objective.keys():
        tables = [f"`objective.{name}`" for name in FORMER[table]]
        sentences += [
            f"`objective.{table}.{name}` is now `objective.{now}.{name}`."
            for name in _members(objective, table)
            if (now := _table_of(name, FORMER[table]))
        ] or [f"`objective.{table}` is now {_listed(tables)}."]
    for table in EXTENSIONS.keys() & objective.keys():
        sentences += [
            f"`{name}` is no {EXTENSIONS[table]}: write `objective.{right}.{name}`."
            for name in _members(objective, table)
            if (right := _table_of(name, EXTENSIONS)) not in (None, table)
        ]
    if sentences:
        raise ValueError(" ".join(sorted(sentences)))


def with_current_names(raw: Json) -> Json:
    """The resolved tables of a run, also of one that was started under the former names."""
    objective = raw.get("objective")
    if not isinstance(objective, dict) or not FORMER.keys() & objective.keys():
        return raw
    current = {key: value for key, value in objective.items() if key not in FORMER}
    for table, nows in FORMER.items():  # penalties first, as they drew their numbers
        for name, options in _members(objective, table).items():
            current.setdefault(_table_of(name, nows) or nows[0], {})[name] = options
    return {**raw, "objective": {key: {} for key in EXTENSIONS} | current}


def _members(objective: Json, table: str) -> Json:
    members = objective.get(table)
    return members if isinstance(members, dict) else {}  # validation says what else is wrong


def _table_of(name: str, tables: Sequence[str]) -> str | None:
    return next((table for table in tables if name in FAMILIES[EXTENSIONS[table]]), None)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
