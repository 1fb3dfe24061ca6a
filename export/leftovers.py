"""What a killed process leaves aside, and how the next one knows that it is nobody's any more.

Needs no TensorFlow.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

PARTIAL, PREVIOUS = ".partial", ".previous"  # of folders whose names begin with .
YOUNG_SECONDS = 10.0  # between being made and being held a folder looks like a killed process's


def left_by_a_killed_process(path: Path) -> bool:
    """Whether a folder was made aside, to be renamed or deleted, which may still happen."""
    return path.name.startswith(".") and path.suffix in (PARTIAL, PREVIOUS)


@contextlib.contextmanager
def held(directory: Path) -> Iterator[None]:
    """Marks a folder as in use until the block ends or the process does, however it ends."""
    with contextlib.ExitStack() as stack:
        _lock(directory, stack)
        yield


def remove_stale(folder: Path, name: str) -> None:
    """Removes what killed exports of `name` wrote aside in a folder.

    Earlier versions that were moved aside (`.previous`) stay: they may be the only copy.

    Args:
        folder: where to look, not below it.
        name: of the export's directory.
    """
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}{re.escape(PARTIAL)}")
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if pattern.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                _remove(path)


def _remove(path: Path) -> None:
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        old = time.time() - path.stat().st_mtime > YOUNG_SECONDS
        if old and _lock(path, stack):
            shutil.rmtree(path, ignore_errors=True)


def _lock(directory: Path, stack: contextlib.ExitStack) -> bool:
    """Whether the folder was nobody's; it is ours until the stack ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where a folder cannot be locked: nothing is removed
        return False
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody else's, or a network drive without locks
        return False
    return True
