"""Writing files so that a killed process never leaves half of one."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` to `path`; a reader sees the old file or the new one, nothing between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())  # the name must not outlive a power loss that takes the content
    os.replace(temporary, path)
