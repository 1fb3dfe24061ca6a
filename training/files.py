"""Files written whole or not at all, and read only up to a length. Standard library only."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

LONGEST = 64 * 2**20  # bytes of a configuration, a report or a card


def write_atomically(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes `content` to `path`; a reader sees the old file or the new one, nothing between.

    Missing folders are made, and text is written as UTF-8. The temporary file beside it has a name
    of its own per target, so what a killed process leaves is overwritten by the next one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())  # the name must not outlive a power loss that takes the content
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def read_bytes(path: str | os.PathLike, longest: int = LONGEST) -> bytes:
    """The content of a file that describes something; of a longer one nothing is read.

    Raises:
        OSError: it cannot be read.
        ValueError: it is longer; the end of a sentence.
    """
    with open(path, "rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"it has more than {longest:,} bytes")
    return content


def read_json(path: str | os.PathLike, longest: int = LONGEST) -> Any:
    """What a JSON file of at most so many bytes holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is longer, no JSON, or nested more deeply than can be read.
    """
    return parse_json(read_bytes(path, longest))


def parse_json(content: bytes) -> Any:
    """What JSON says; a `ValueError` where it is none, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
