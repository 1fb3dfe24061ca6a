"""Writing files so that a killed process never leaves half of one. Standard library only."""

import contextlib
import os
from pathlib import Path


def write_atomically(path: str | os.PathLike, content: bytes | str) -> None:
    """Writes `content` to `path`; a reader sees the old file or the new one, nothing between.

    The temporary file beside it has a name of its own per target, so what a killed process leaves
    is overwritten by the next one that writes the same file.

    Args:
        path: the file; missing folders are made.
        content: text is written as UTF-8.
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
