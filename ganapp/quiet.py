"""Keeps the chatter of C++ libraries off the screen while they are imported."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what is written to the standard error's file descriptor within the block.

    TensorFlow greets on stderr before any setting of its own is read. What was held back is
    shown after all when the block fails, or when the user asked for the chatter with
    `TF_CPP_MIN_LOG_LEVEL=0`.
    """
    # Which fonts a machine lacks is matplotlib's business.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:  # not Ctrl-C: nobody needs the chatter then
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
