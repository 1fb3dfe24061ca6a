"""From what a person types to a validated configuration.

A preset's name or a file, data named as `source:path`, and `--set key=value` become tables, and
these a `Config`, or one sentence that names the field, what was expected and what came.
"""

import copy
import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import pydantic
import tomli_w
from pydantic_core import ErrorDetails

from ganapp.config.members import FAMILIES, Section, lacks_metric, option_names, options_model
from ganapp.config.presets import Tables, preset_names, read_config, read_toml
from ganapp.config.schema import EXTENSIONS, PAPER_TABLES, Config, DataConfig, with_current_names
from ganapp.errors import UserError
from ganapp.plugins import load_named
from ganapp.runs import Run, check_plugins
from ganapp.training.data.levels import COARSE
from ganapp.training.data.tables.reading import TEXT_SUFFIXES, is_text_table
from ganapp.training.data.tfds import read_name
from ganapp.training.registry import UnknownNameError

FILLED_IN = (  # by the objective's paper, where a configuration leaves it out
    ("generator", "optimizer"),
    ("discriminator", "optimizer"),
    *(("objective", key) for key in ("discriminator_steps", *PAPER_TABLES)),
)
EXPECTED = {"model_type": "a table", "tuple_type": "a list"}  # in TOML's words
NUMBER = re.compile(r"[+-]?(\.\d+|\d+\.)(e[+-]?\d+)?", re.IGNORECASE)  # a number, but not in TOML
# What a path is taken for that comes without the name of a source.
BY_SUFFIX = {
    ".npz": "npz",
    ".npy": "npy",
    **dict.fromkeys(TEXT_SUFFIXES, "csv"),
    ".parquet": "parquet",
    **dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz"), "folder"),
}
Table = TypeVar("Table", bound=Section)


def _choices(model: type[Section], *place: str) -> Iterator[tuple[tuple[str, ...], type[Section]]]:
    """The settings that name a member of a family, and the section of each."""
    for name, field in model.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            if hasattr(section, "FAMILY"):
                yield (*place, name, section.MEMBER), section
            yield from _choices(section, *place, name)


CHOICES = dict(_choices(Config))
OF_EVERY_SOURCE = DataConfig.model_fields.keys() - {"source"}


def load_config(preset_or_file: str, overrides: Sequence[str] = ()) -> Config:
    """The configuration of a preset or TOML file with `key=value` overrides, values as in TOML."""
    return validated(with_overrides(read_tables(preset_or_file), overrides), preset_or_file)


def read_tables(preset_or_file: str) -> Tables:
    """The tables of a preset or TOML file, with its plugins loaded."""
    tables = read_config(preset_or_file)
    load_named()
    return tables


def validated(raw: Tables, origin: str, model: type[Table] = Config) -> Table:
    """The tables as `model`, or a `UserError` with every complaint, that begins with `origin`."""
    try:
        return model.model_validate(raw)
    except pydantic.ValidationError as error:
        raise UserError(f"{origin}: {' '.join(_sentences(error))}") from error


def load_saved(path: Path, overrides: Sequence[str] = ()) -> Config:
    """The configuration that a run was started with, from its `config.toml`, perhaps overridden.

    Arrays and tables that a script has handed over lie in the run, wherever that is now.
    """
    run = Run(path.parent)
    check_plugins(run)
    raw = with_current_names(read_toml(path))
    name = Path(str(_at(raw, ("data", "path")))).name
    for kept in (run.examples, run.table):
        if kept.name == name and kept.is_file():
            raw["data"]["path"] = str(kept.absolute())
    return validated(with_overrides(raw, overrides), str(path))


def as_toml(config: Config) -> str:
    """The resolved configuration as TOML; keys that are unset are left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def differences(old: Tables, new: Tables) -> list[str]:
    """One line per key that differs: `training.epochs: 10 -> 20`."""
    before, after = _flat(old), _flat(new)
    return [
        f"{key}: {before.get(key, 'unset')} -> {after.get(key, 'unset')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(tables: Tables, prefix: str = "") -> Tables:
    flat = {}
    for key, value in tables.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def as_overrides(settings: Mapping[str, object]) -> list[str]:
    """Settings from Python as `--set` has them: `training.epochs=5`, nested or with dots.

    Raises:
        UserError: a value that TOML does not have.
    """
    found = []
    for key, value in settings.items():
        plain = value.item() if hasattr(value, "item") else value  # numbers of numpy
        plain = os.fspath(plain) if isinstance(plain, os.PathLike) else plain
        if isinstance(plain, Mapping) and plain:
            found += as_overrides({f"{key}.{name}": each for name, each in plain.items()})
            continue
        try:
            found.append(f"{key}={json.dumps(plain, ensure_ascii=False)}")
        except TypeError as error:
            raise UserError(
                "`settings` must be numbers, text, truth values, lists or tables of them. "
                f"Received: {key}={value!r}"
            ) from error
    return found


def _sentences(error: pydantic.ValidationError) -> list[str]:
    sentences: dict[str, str] = {}  # one per place: a union complains once per alternative
    for item in _causes(error.errors()):
        place = [str(part) for part in item["loc"] if _is_key(str(part))]
        where = ".".join(place)
        if item["type"] == "extra_forbidden":
            close = difflib.get_close_matches(
                place[-1], _known_keys(Config, place[:-1]), n=1, cutoff=0.5
            )
            hint = f" Did you mean `{'.'.join([*place[:-1], close[0]])}`?" if close else ""
            sentences[where] = f"`{where}` is not a key of the configuration.{hint}"
        elif item["type"] == "missing":
            sentences[where] = f"`{where}` is missing."
        elif item["type"] == "value_error":
            cause = item["ctx"]["error"]
            nested = isinstance(cause, pydantic.ValidationError)
            text = " ".join(_sentences(cause)) if nested else _ended(str(cause))
            sentences[where] = f"{where}: {text}" if where else text
        elif item["type"] in EXPECTED:
            expected = EXPECTED[item["type"]]
            sentences[where] = f"`{where}` must be {expected}. Received: {item['input']!r}."
        else:
            # TOML has lists only, whatever the signatures ask for.
            message = item["msg"].replace("Tuple", "List").replace(" after validation", "")
            message = message[0].lower() + message[1:]
            received = list(item["input"]) if isinstance(item["input"], tuple) else item["input"]
            sentences[where] = f"`{where}`: {message}. Received: {received!r}."
    return list(sentences.values())


def _causes(items: list[ErrorDetails]) -> list[ErrorDetails]:
    """The complaints without those that only follow from another one.

    A list of which an entry is wrong is not too short, and what the objective's paper fills in is
    not missing when nobody can say which objective that is.
    """
    places = [item["loc"] for item in items]
    nameless = any(place in (("objective",), ("objective", "name")) for place in places)

    def follows(place: tuple) -> bool:
        inside = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        return inside or (nameless and place in FILLED_IN)

    return [item for item in items if not follows(item["loc"])]


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


def _is_key(part: str) -> bool:
    """Pydantic puts the alternative of a union it tried into the place; that is no key."""
    return not part.startswith("<") and part not in ("bool", "float")


def _known_keys(model: type[pydantic.BaseModel], tables: list[str]) -> list[str]:
    for table in tables:
        annotation = model.model_fields[table].annotation if table in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def with_overrides(raw: Tables, overrides: Sequence[str]) -> Tables:
    """The tables with every `key=value` in its place, values as in TOML.

    Another objective, network, prior, optimizer, constraint or data source than the preset's drops
    what was chosen for the preset's and does not exist for it. A single term or the like is
    added to those of the preset, or of the objective's paper where the preset has none.

    Raises:
        UserError: an override is no `key=value`, or goes into a value.
    """
    return _with_settings(raw, [(override, *_parsed(override)) for override in overrides])


def level_config(config: Config, number: int) -> Config:
    """What trains one level of a pyramid: the run's tables, with the differences of the level.

    Images of the level's size are made upon the next level's (`generator.residual`), which both
    networks observe; the coarsest level observes nothing.
    """
    raw = config.model_dump(mode="json", exclude_none=True, exclude={"levels", "fine_tuning"})
    different = _flat(config.levels[str(number)])
    settings = [(f"levels.{number}", key.split("."), value) for key, value in different.items()]
    raw = _with_settings(raw, settings)
    coarser = number < len(config.levels) - 1
    raw["data"] |= {"level": number, "coarser": coarser}
    if not coarser:
        raw["data"]["coarse_noise"] = 0.0
    else:
        raw["generator"]["residual"] = raw["generator"].get("residual") or COARSE
    return validated(raw, f"levels.{number}")


def level_configs(config: Config) -> list[Config]:
    """The configurations of the levels of a pyramid, the finest first."""
    return [level_config(config, number) for number in range(len(config.levels))]


def _with_settings(raw: Tables, settings: Sequence[tuple[str, list[str], object]]) -> Tables:
    raw = copy.deepcopy(raw)
    for _, keys, value in settings:
        if keys == ["objective", "name"] and value != _at(raw, keys):
            # Terms and learning rates of one objective are wrong for another, whose paper fills
            # them in.
            raw["objective"] = {"name": value}
            for part in ("generator", "discriminator"):
                if isinstance(raw.get(part), dict):
                    raw[part].pop("optimizer", None)
    for _, keys, _ in settings:
        if keys[0] == "objective" and len(keys) > 2:
            _add_papers_members(raw, keys[1])
    for _, keys, value in settings:
        if tuple(keys) in CHOICES and keys[:-1] != ["objective"] and value != _at(raw, keys):
            _drop_foreign_options(raw, tuple(keys), value)
        metric = _at(raw, ("evaluation", "metric"))
        if keys == ["data", "source"] and lacks_metric(value, metric):
            del raw["evaluation"]["metric"]
    for override, keys, value in settings:
        _put(raw, override, keys, value)
    return raw


def _put(raw: Tables, override: str, keys: list[str], value: object) -> None:
    *tables, last = keys
    table = raw
    for name in tables:
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise UserError(f"`--set {override}`: `{name}` is a value, not a table.")
    table[last] = value


def _parsed(override: str) -> tuple[list[str], object]:
    key, equals, text = override.partition("=")
    keys = [part.strip() for part in key.split(".")]
    if not equals or not all(keys):
        raise UserError(
            f"`--set` takes key=value, for example training.epochs=10, not {override!r}."
        )
    return keys, _toml_value(text.strip())


def _toml_value(text: str) -> object:
    """The value as TOML has it; what TOML cannot read is a string (paths need no quotes)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return float(text) if NUMBER.fullmatch(text) else text


def _at(raw: Tables, keys: Sequence[str]) -> object:
    found: object = raw
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _add_papers_members(raw: Tables, table: str) -> None:
    """Adds the paper's terms and the like where the file says nothing of any.

    By name alone: what their tables leave out is the paper's.
    """
    objective, name = raw.get("objective"), _at(raw, ("objective", "name"))
    if not isinstance(objective, dict) or table in objective or not isinstance(name, str):
        return
    if table in EXTENSIONS and name in FAMILIES["objective"]:
        members = getattr(FAMILIES["objective"][name](), table)
        objective[table] = {member.name: {} for member in members}


def _drop_foreign_options(raw: Tables, keys: tuple[str, ...], member: object) -> None:
    section = CHOICES[keys]
    table = _at(raw, keys[:-1])
    known = isinstance(member, str) and member in FAMILIES[section.FAMILY]
    if not isinstance(table, dict) or not known:
        return  # validation will say what is wrong
    kept = option_names(section.FAMILY, member) | section.model_fields.keys()
    for key in table.keys() - kept:
        del table[key]


def tables_of(data: str) -> Tables:
    """The tables `data` and `evaluation` that an argument stands for."""
    if data in preset_names() or data.endswith(".toml"):
        tables = read_tables(data)
        return {key: tables[key] for key in ("data", "evaluation") if key in tables}
    return {"data": data_table(data)}


def data_table(text: str, *, size: int | None = None) -> Tables:
    """The table `data` of a configuration.

    Args:
        text: `digits`, `folder:photos`, `tfds:mnist:train`, or a path such as `photos.zip`.
        size: of images, for sources that resize them.
    """
    name, _, rest = text.partition(":")
    if name not in FAMILIES["data"] and Path(text).exists():
        name, rest = _source_of(Path(text)), text
    try:
        fields = options_model("data", name).model_fields
    except UnknownNameError as error:
        raise UserError(
            f"Data are named as a source, source:path, or a path that exists. {error} "
            f"Received: {text!r}"
        ) from error
    required = [key for key, field in fields.items() if field.is_required()]
    table = {"source": name}
    if rest:
        if not required:
            raise UserError(f"The data source {name!r} takes nothing after it. Received: {text!r}")
        try:
            table |= read_name(rest) if name == "tfds" else {required[0]: rest}
        except ValueError as error:
            raise UserError(str(error)) from error
    return table if size is None else with_size(table, size)


def with_size(table: Tables, size: int) -> Tables:
    """The table `data` with the size of its images; a `UserError` for other data."""
    name = table.get("source", "")
    if "size" not in option_names("data", name):
        raise UserError(f"`--size` is for images from files. Received: the source {name!r}")
    return {**table, "size": size}


def _source_of(path: Path) -> str:
    if path.is_dir():
        return "folder"
    if is_text_table(path):  # also packed: people.csv.gz, or a .zip with a table alone in it
        return "csv"
    if path.suffix.lower() in BY_SUFFIX:
        return BY_SUFFIX[path.suffix.lower()]
    raise UserError(
        "Data must be a folder or a file ending in "
        f"{', '.join(BY_SUFFIX)}, or be named as source:path. Received: {path}"
    )
