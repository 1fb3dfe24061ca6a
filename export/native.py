"""Keeping native libraries' chatter off the screen without losing their errors."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def native_stderr() -> Iterator[None]:
    """Holds back what the process writes to file descriptor 2 while the block runs.

    TensorFlow's converter and savers log from C++, past `sys.stderr`. On success the text is
    dropped; on an exception its lines are attached to it as a note, so nothing real is hidden.
    """
    sys.stderr.flush()
    try:
        original = os.dup(2)
    except OSError:  # a daemon without stderr: nothing to keep off the screen
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception as error:
            held.seek(0)
            error.add_note(held.read().decode(errors="replace"))
            raise
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            os.close(original)
