"""What a terminal shows while something takes its time."""

import contextlib
import threading
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

PATIENCE = 2.0  # seconds before anything is shown


@contextlib.contextmanager
def stage(title: str, *, console: Console | None = None, after: float = PATIENCE) -> Iterator[None]:
    """Shows on a terminal what is being done and for how long, if the block takes its time.

    It goes to standard error and leaves no trace; where that is no terminal, nothing is shown.

    Args:
        title: what is being done, e.g. `"Judging the best generator"`.
        console: where to; standard error when `None`.
        after: seconds before anything is shown.
    """
    console = console or Console(stderr=True)
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
