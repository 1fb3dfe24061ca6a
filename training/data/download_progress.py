"""How far a download of TensorFlow Datasets is, told from what lies on the disk.

Its own bars are one for every file and shard, and no public call says how far they are.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

REFRESH = 0.5  # seconds between two looks at the disk
UNPACKED = "extracted"  # folder below the downloads of what was unpacked
Measured = tuple[Callable[[], int], int | None]  # what gives bytes, and how many they will be


@contextlib.contextmanager
def shown_progress(
    builder: Any, total: int, *, console: Console | None = None, refresh: float = REFRESH
) -> Iterator[None]:
    """Shows a bar on a terminal while a data set is downloaded in the block, nothing elsewhere.

    A row appears with the first bytes: one of what is downloaded, with its share of the whole if
    that is known, and one of the examples that are written, of which nobody knows how many bytes
    they will take. Without either not a word is said.

    Args:
        builder: of TensorFlow Datasets.
        total: bytes to download; 0 if not known.
        console: where to; standard error by default.
        refresh: seconds between two looks.
    """
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    bar, ended = _Bar(console, _measured(builder, total)), threading.Event()

    def follow() -> None:
        while not ended.wait(refresh):
            bar.look()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        bar.close()


def _measured(builder: Any, total: int) -> dict[str, Measured]:
    target = Path(builder.data_dir)
    downloads = Path(builder.data_dir_root).expanduser() / "downloads"
    unfinished = f"incomplete.*_{target.name}"
    return {
        "Downloading": (lambda: _bytes_below(downloads), total or None),
        # Examples are written beside their place and moved there when all of them are.
        "Preparing": (lambda: sum(map(_bytes_below, target.parent.glob(unfinished))), None),
    }


class _Bar:
    """A row for everything that grows.

    Args:
        console: where to.
        measured: by name what gives its bytes, and how many they will be if that is known.
    """

    def __init__(self, console: Console, measured: dict[str, Measured]) -> None:
        self._measured = measured
        # Other versions and data sets may have left theirs in the same folder.
        self._before = {name: measure() for name, (measure, _) in measured.items()}
        self._rows: dict[str, Any] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def look(self) -> None:
        """Shows how much there is now."""
        for name, (measure, total) in self._measured.items():
            grown = measure() - self._before[name]
            if grown > 0 and name not in self._rows:
                self._progress.start()
                self._rows[name] = self._progress.add_task(name, total=total)
            if grown > 0:
                self._progress.update(self._rows[name], completed=grown)
        if self._rows:
            self._progress.refresh()

    def close(self) -> None:
        """Leaves the last state on the screen, if there is any."""
        if self._rows:
            self._progress.stop()


def _bytes_below(folder: Path) -> int:
    """Bytes of all files below a folder, but for what was unpacked there."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != UNPACKED]
        for name in names:
            with contextlib.suppress(OSError):  # moved meanwhile
                count += os.stat(os.path.join(place, name)).st_size
    return count
