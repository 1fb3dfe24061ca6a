"""Shows that something is under way, where it takes long enough for a person to wonder."""

import contextlib
import threading
from collections.abc import Iterator

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

DELAY = 2.0  # seconds; what is done before shows nothing


@contextlib.contextmanager
def progress(text: str, *, console: Console | None = None, delay: float = DELAY) -> Iterator[None]:
    """Shows a text with the time that the block has taken, on a terminal alone.

    It appears after two seconds and is gone with the block, so that what is printed next stands
    where it would stand anyway.

    Args:
        text: what is done.
        console: where to; standard error by default.
        delay: seconds before it appears.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,  # what goes there is the result
    )
    bar.add_task(text)
    timer = threading.Timer(delay, bar.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()  # it may be starting the bar right now
        bar.stop()
