"""From a preset's name or a file and `--set` overrides to a validated configuration."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import tomli_w

from ganapp.errors import UserError
from ganapp.training.files import read_bytes

LONGEST = 2**20  # bytes of a configuration
PRESETS = Path(__file__).parent / "presets"
FILLED_IN = (  # by the objective's paper, where a configuration leaves it out
    ("generator", "optimizer"),
    ("discriminator", "optimizer"),
    *(("objective", key) for key in ("discriminator_steps", "terms", "constraint")),
    *(("objective", key) for key in ("augmentations", "weightings")),
)
EXPECTED = {"model_type": "a table", "tuple_type": "a list"}  # in TOML's words


def preset_names() -> list[str]:
    """Names of the presets that come with ganapp."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def preset_path(name: str) -> Path:
    """The file of a preset.

    Raises:
        UserError: if there is no such preset, with near matches.
    """
    if name in preset_names():
        return PRESETS / f"{name}.toml"
    close = difflib.get_close_matches(name, preset_names(), n=2)
    hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    raise UserError(
        f"There is no preset called {name!r}; there are {', '.join(preset_names())}.{hint} "
        "A configuration of your own is named by its path, ending in .toml."
    )


def config_path(preset_or_file: str) -> Path:
    """The file that a preset's name or a path ending in .toml stands for.

    Raises:
        UserError: if there is no such preset.
    """
    is_file = preset_or_file.endswith(".toml")
    return Path(preset_or_file) if is_file else preset_path(preset_or_file)


def load_config(preset_or_file: str, overrides: Sequence[str] = ()) -> Any:
    """Reads, overrides and validates a configuration.

    Args:
        preset_or_file: a preset's name, or the path of a TOML file.
        overrides: `key=value` pairs with dotted keys, values as in TOML.

    Returns:
        A `ganapp.config.Config`.

    Raises:
        UserError: one sentence naming the field, what was expected and what came.
    """
    from ganapp.overrides import with_overrides

    raw = read_toml(config_path(preset_or_file))
    return validated(with_overrides(raw, overrides), preset_or_file)


def validated(raw: dict[str, Any], origin: str, model: Any = None) -> Any:
    """The configuration in `raw`, or a `UserError` with every complaint about it.

    Args:
        raw: tables.
        origin: where they come from, for the sentence.
        model: what they describe; a `ganapp.config.Config` when not given.
    """
    from ganapp.config import Config

    try:
        return (model or Config).model_validate(raw)
    except pydantic.ValidationError as error:
        raise UserError(f"{origin}: {' '.join(_sentences(error))}") from error


def validated_section(section: type, raw: dict[str, Any], name: str) -> Any:
    """One table of a configuration, as validated by its class; complaints name it in front."""
    try:
        return section.model_validate(raw)
    except pydantic.ValidationError as error:
        raise UserError(f"`{name}`: {' '.join(_sentences(error))}") from error


def load_saved(path: Path, overrides: Sequence[str] = ()) -> Any:
    """The configuration that a run was started with, from its `config.toml`, perhaps overridden."""
    from ganapp.former_settings import with_current_names
    from ganapp.overrides import with_overrides

    return validated(with_overrides(with_current_names(read_toml(path)), overrides), str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; a `UserError` when it cannot be read or parsed."""
    try:
        return tomllib.loads(read_bytes(path, LONGEST).decode())
    except OSError as error:
        raise UserError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise UserError(f"The configuration {path} is nested too deeply.") from error
    except ValueError as error:  # of TOML, of UTF-8, of numbers with thousands of digits
        raise UserError(f"The configuration {path} is not valid TOML: {error}.") from error


def as_toml(config: Any) -> str:
    """The resolved configuration as TOML; keys that are unset are left out."""
    return tomli_w.dumps(config.model_dump(mode="json", exclude_none=True))


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line per key that differs: `training.epochs: 10 -> 20`."""
    before, after = _flat(old), _flat(new)
    return [
        f"{key}: {before.get(key, 'unset')} -> {after.get(key, 'unset')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(tables: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for key, value in tables.items():
        nested = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value}
    return flat


def _sentences(error: pydantic.ValidationError) -> list[str]:
    from ganapp.config import Config

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


def _causes(items: list[Any]) -> list[Any]:
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
