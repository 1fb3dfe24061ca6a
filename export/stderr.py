"""Keeps what native libraries write to stderr off the screen without losing their errors."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

# What LiteRT, TensorFlow and abseil write when nothing is wrong.
CHATTER = re.compile(
    rb"INFO: |I\d{4} |\d{4}-\d\d-\d\d .*: I |WARNING: All log messages before absl"
)


@contextlib.contextmanager
def native_stderr(chatter: re.Pattern[bytes] | None = None) -> Iterator[None]:
    """Holds back what the process writes to file descriptor 2 while the block runs.

    TensorFlow's converter and savers log from C++, past `sys.stderr`. On success the text is
    dropped, all of it or, where `chatter` is given, the lines that begin so; on an exception it is
    attached to it as a note, so nothing real is hidden.
    """
    sys.stderr.flush()
    try:
        original = os.dup(2)
    except OSError:  # a daemon without stderr: nothing to keep off the screen
        yield
        return
    try:
        held = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # a container that may write nowhere: then all is shown
        os.close(original)
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception as error:
            held.seek(0)
            error.add_note(held.read().decode(errors="replace"))
            raise
        else:
            sys.stderr.flush()
            if chatter is not None:
                _let_through(held, original, chatter)
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)


def _let_through(held: BinaryIO, original: int, chatter: re.Pattern[bytes]) -> None:
    held.seek(0)
    for line in held:
        if line.strip() and not chatter.match(line):
            os.write(original, line)
