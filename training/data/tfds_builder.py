"""The builder of a data set of TensorFlow Datasets, or one sentence why there is none."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from ganapp.training.messages import did_you_mean

# By what data sets of a namespace are read, where the first library that is missed is not the one
# that brings the others.
LIBRARIES = {"huggingface": "datasets"}
SHOWN = 10  # configurations in a message
VERSIONED = re.compile(r":[\d.*]+$")


def builder_of(name: str, data_dir: Path | None) -> Any:
    """The builder of a data set, of this library or of what was prepared in `data_dir`.

    Args:
        name: `"name"`, `"name/config:version"`, perhaps with a namespace and a colon before it.
        data_dir: where data sets are kept, or the folder of one version; `None` for the default.

    Raises:
        ValueError: there is no such data set, version or configuration, or a library is missing.
    """
    import tensorflow_datasets as tfds

    if data_dir is not None and (data_dir / "dataset_info.json").exists():
        return tfds.builder_from_directory(data_dir)
    try:
        # What is said of a missing library on the standard output, the error says, too.
        with contextlib.redirect_stdout(io.StringIO()):
            return tfds.builder(name, data_dir=None if data_dir is None else str(data_dir))
    except tfds.core.DatasetNotFoundError as error:
        raise ValueError(_not_found(name)) from error
    except ImportError as error:  # Hugging Face's are read by its own libraries
        raise ValueError(_missing_library(name, error)) from error
    except (ValueError, AssertionError, RuntimeError) as error:
        raise ValueError(_unusable(name, error)) from error


def _not_found(name: str) -> str:
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    hint = did_you_mean(name.partition("/")[0].partition(":")[0], known)
    return (
        "`name` must be a data set of TensorFlow Datasets, or one prepared in `data_dir`. "
        f"Received: name={name!r}.{hint}{_perhaps_a_split(name)}"
    )


def _missing_library(name: str, error: ImportError) -> str:
    library = LIBRARIES.get(name.partition(":")[0]) or str(error.name).partition(".")[0]
    return (
        f"`name` is a data set that is read with the library {library}, which is missing; install "
        f"it with `pip install {library}`. Received: name={name!r}"
    )


def _unusable(name: str, error: Exception) -> str:
    """What is wrong with the version or the configuration."""
    # Without a prefix of tfds, which repeats the name and the options.
    reason = str(error).strip().splitlines()[0].rpartition('}": ')[2].rstrip(".")
    plain, config = _name_and_config(name)
    with contextlib.suppress(Exception):  # no more is known of it
        known = [each.name for each in _class_of(plain).BUILDER_CONFIGS]
        if config and config not in known:
            reason = f"there is no configuration {config!r}, only {_some(known)}"
    return f"`name` cannot be used: {reason}. Received: name={name!r}.{_perhaps_a_split(name)}"


def _class_of(name: str) -> Any:
    import tensorflow_datasets as tfds

    return tfds.builder_cls(name)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "the data set itself"


def _name_and_config(name: str) -> tuple[str, str]:
    """Without the version, which follows a colon after either."""
    plain, _, config = name.partition("/")
    return plain if config else VERSIONED.sub("", plain), VERSIONED.sub("", config)


def _perhaps_a_split(name: str) -> str:
    """What to write where a split was taken for a configuration, which look alike."""
    plain, config = _name_and_config(name)
    if not config:
        return ""
    return f" If {config!r} is a split, write {plain}::{config}, or give it as `split`"
