"""How a data set of TensorFlow Datasets and a part of it are written in one word."""

import re

VERSION = re.compile(r"\d+\.(\d+|\*)\.(\d+|\*)")
OUTSIDE_BRACKETS = re.compile(r":(?![^\[]*\])")  # of `train[:50%]` the colon is its own
PLAIN = re.compile(r"[a-zA-Z]\w*")
NAMESPACES = {"huggingface", "kubric", "robotics"}  # that TensorFlow Datasets knows
# Names that splits have everywhere in the catalogue and configurations nowhere. Which other splits
# a data set has is known only once it is prepared: those follow a configuration or two colons.
SPLITS = {
    "train",
    "training",
    "test",
    "testing",
    "validation",
    "valid",
    "val",
    "dev",
    "extra",
    "unlabelled",
    "unlabeled",
}


def read_name(text: str) -> dict[str, str]:
    """The options `name` and, where it is given, `split` of the source `tfds`.

    Parts are told by what they look like: `1.0.0` is a version; `train`, `test` and the like, what
    has brackets or a plus, and what follows a configuration are a split; anything else is a
    configuration. After a slash stands a configuration whatever it is called, and an empty part
    is the configuration that the data set has by itself. A namespace and a colon may stand before
    the name: one of `NAMESPACES`, or any other where the slash comes after the colon.

    Args:
        text: `"name[:config][:version][:split]"`, the configuration also after a slash, e.g.
            `"mnist"`, `"mnist:train[:50%]"`, `"emnist:letters:test"`, `"cats_vs_dogs:4.0.1"`,
            `"huggingface:cifar10:train"`, `"kaggle:ds/cfg:1.2.3"`.

    Raises:
        ValueError: there is a part too many.
    """
    name, *parts = _with_namespace(*OUTSIDE_BRACKETS.split(text))
    name, slash, config = name.partition("/")
    found = {"config": config} if slash else {}
    for part in parts:
        kind = _kind(part, after_config="config" in found)
        empty = not part and kind != "config"
        if kind in found or empty or "/" in part:
            raise _unreadable(text)
        found[kind] = part
    if not name:
        raise _unreadable(text)
    config = f"/{found['config']}" if found.get("config") else ""
    version = f":{found['version']}" if "version" in found else ""
    split = {"split": found["split"]} if "split" in found else {}
    return {"name": f"{name}{config}{version}", **split}


def _with_namespace(name: str, *parts: str) -> list[str]:
    """The parts with the first two as one where the first is a namespace."""
    if "/" in name or not parts:
        return [name, *parts]
    second, slash, _ = parts[0].partition("/")
    if PLAIN.fullmatch(second) and (slash or name in NAMESPACES):
        return [f"{name}:{parts[0]}", *parts[1:]]
    return [name, *parts]


def _unreadable(text: str) -> ValueError:
    return ValueError(
        "A data set of TensorFlow Datasets is written [namespace:]name[:config][:version][:split], "
        "such as mnist, mnist:train[:50%] or emnist:letters:test. "
        f"Received: {text!r}"
    )


def _kind(part: str, *, after_config: bool) -> str:
    if VERSION.fullmatch(part):
        return "version"
    if after_config or part in SPLITS or "[" in part or "+" in part:
        return "split"
    return "config"


def base_splits(split: str) -> set[str]:
    """Names of the splits that `"train[:50%]+test"` takes from."""
    return {part.partition("[")[0].strip() for part in split.split("+")}
