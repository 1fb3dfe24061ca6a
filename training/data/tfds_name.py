"""How a data set of TensorFlow Datasets and a part of it are written in one word."""

import re

VERSION = re.compile(r"\d+\.(\d+|\*)\.(\d+|\*)")
OUTSIDE_BRACKETS = re.compile(r":(?![^\[]*\])")  # of `train[:50%]` the colon is its own
# Names that splits have everywhere in the catalogue and configurations nowhere.
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
    is the configuration that the data set has by itself.

    Args:
        text: `"name[:config][:version][:split]"`, the configuration also after a slash, e.g.
            `"mnist"`, `"mnist:train[:50%]"`, `"emnist:letters:test"`, `"cats_vs_dogs:4.0.1"`.

    Raises:
        ValueError: there is a part too many.
    """
    name, *parts = OUTSIDE_BRACKETS.split(text)
    name, _, config = name.partition("/")
    found = {"config": config, "version": "", "split": ""}
    told = bool(config)
    for part in parts:
        kind = _kind(part, after_config=told)
        told = told or kind == "config"
        if not name or found[kind]:
            raise ValueError(
                "A data set of TensorFlow Datasets is written name[:config][:version][:split], "
                "such as mnist, mnist:train[:50%] or emnist:letters:test. "
                f"Received: {text!r}"
            )
        found[kind] = part
    slash = f"/{found['config']}" if found["config"] else ""
    colon = f":{found['version']}" if found["version"] else ""
    split = {"split": found["split"]} if found["split"] else {}
    return {"name": f"{name}{slash}{colon}", **split}


def _kind(part: str, *, after_config: bool) -> str:
    if VERSION.fullmatch(part):
        return "version"
    if after_config or part in SPLITS or "[" in part or "+" in part:
        return "split"
    return "config"


def base_splits(split: str) -> set[str]:
    """Names of the splits that `"train[:50%]+test"` takes from."""
    return {part.partition("[")[0].strip() for part in split.split("+")}
