"""The terminal: results, warnings, notices of libraries, and what takes its time."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ganapp.plugins import load_named


def in_notebook() -> bool:
    """Whether this is a notebook's kernel, whose outputs can be replaced."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _console(**options: object) -> Console:
    """A console without markup: paths may hold square brackets.

    A notebook gets text as of any other print: rich would make an output of each line, and the
    kernel's streams say that they are terminals, which they are not.
    """
    plain = {"force_jupyter": False, "force_terminal": False} if in_notebook() else {}
    return Console(markup=False, highlight=False, **plain, **options)


# Piped output has no width of its own; tables are not folded to 80 columns then.
console = _console(width=None if sys.stdout.isatty() and not in_notebook() else 120)
PATIENCE = 2.0  # seconds before a stage is shown
ARROWS = {"higher": "↑", "lower": "↓", "one": "→ 1", "half": "→ 0.5"}  # beside a figure


def say(text: str, *, style: str | None = None) -> None:
    """Prints text without folding it, so that what is in it can be copied."""
    console.print(text, style=style, soft_wrap=True)


def warn(sentence: str) -> None:
    """Says on standard error what the user should know; standard output stays the result's."""
    _to_stderr(f"Warning: {sentence}", "yellow")


def _to_stderr(text: str, style: str) -> None:
    _console(stderr=True).print(text, style=style, soft_wrap=True)


def short_number(value: float | None) -> str:
    """Three digits, or a dash where there is no value."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.3g}"


@contextlib.contextmanager
def stage(title: str, *, console: Console | None = None, after: float = PATIENCE) -> Iterator[None]:
    """Shows on a terminal's standard error what is being done and for how long; leaves no trace."""
    console = console or _console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    progress = Progress(*columns, console=console, transient=True)
    progress.add_task(title, total=None)
    timer = threading.Timer(after, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it has started the display by now, or never will
        progress.stop()


def start_tensorflow() -> None:
    """Imports TensorFlow, which takes seconds, then the plugins that were named.

    Notices of libraries and of ganapp are printed from then on.
    """
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    logger, root = logging.getLogger("ganapp"), logging.getLogger()
    if not root.handlers:
        root.addHandler(LibraryNotices(logging.WARNING))
    if not any(isinstance(handler, Notices) for handler in logger.handlers):
        logger.addHandler(Notices(logging.INFO))
        logger.setLevel(logging.INFO)
    load_named()


class Notices(logging.Handler):
    """Prints the records of the logger `ganapp` as sentences."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one."""
        if record.levelno >= logging.WARNING:
            warn(record.getMessage())
        else:
            _to_stderr(record.getMessage(), "dim")


class LibraryNotices(logging.Handler):
    """Prints what libraries warn of, as Python does where no handler is set.

    Where none is, absl sets one as soon as anything is logged, which would print ours once more.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one unless it is ours."""
        if record.name != "ganapp":
            print(self.format(record), file=sys.stderr)


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Holds back what is written to the standard error's file descriptor within the block.

    TensorFlow greets on stderr before any setting of its own is read; `import ganapp` sees to it
    that whoever imports TensorFlow afterwards does so in here. What was held back is shown after
    all when the block fails, or when the user asked for the chatter with `TF_CPP_MIN_LOG_LEVEL=0`.
    """
    # Which fonts a machine lacks is matplotlib's business.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    # A process without a terminal or a log may have no standard error at all.
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0" or sys.stderr is None:
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
