"""The run directory: where everything about a run lives, and who may write there."""

import contextlib
import fcntl
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganapp.errors import InUseError, UserError
from ganapp.training.files import LONGEST, parse_json, read_json, write_atomically

KEPT_TABLE = "table.parquet"  # of a run whose table was a data frame
Json = dict[str, Any]  # as `json` reads it
# What reading a report ends in whose tables and numbers are others than `ganapp` writes.
MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError)
# What a `train` leaves that was killed while it claimed its directory; the next one may have it.
CLAIM = {".lock", ".config.toml.tmp"}


class File:
    """A path below the directory of a run."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, run: "Run", owner: type) -> Path:
        return run.directory / self.name


@dataclass(frozen=True)
class Run:
    """The folder of one run; nothing downstream knows more of it than these files."""

    directory: Path

    config = File("config.toml")  # resolved
    manifest = File("manifest.json")  # versions, data and latent specification, seed
    networks = File("networks")  # that say features of its data, or compare: `.keras` files
    data = File("data.npz")  # what drawing samples needs of the data, beside the manifest
    table = File(KEPT_TABLE)  # the table itself, if it was a data frame
    checkpoints = File("checkpoints")  # of the whole training state
    best = File("checkpoints/best")  # of the best generators
    logs = File("logs")  # of TensorBoard
    samples = File("samples")  # pictures during the training
    metrics = File("metrics.jsonl")  # a JSON object a line: scalars and evaluations by step
    report = File("report.json")  # the final evaluation
    export = File("export")  # artefacts
    encoder = File("encoder")  # trained afterwards: its weights, settings, figures
    lock = File(".lock")  # claims the folder, and is locked while a process trains in it

    def level(self, number: int) -> "Run":
        """The run of one level of a pyramid, 0 for the finest."""
        return Run(self.directory / "levels" / str(number))

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.directory.resolve().name

    def read_manifest(self) -> Json | None:
        """The manifest, or `None` when there is none yet; a `UserError` if it is damaged."""
        return self._read_json(self.manifest)

    def read_report(self) -> Json | None:
        """The final evaluation, or `None` when there is none yet; a `UserError` if damaged."""
        report = self._read_json(self.report)
        if not all(isinstance((report or {}).get(part) or {}, dict) for part in ("best", "last")):
            raise self.damaged(self.report)
        return report

    def read_metrics(self) -> Iterator[Json]:
        """Rows of `metrics.jsonl`; a row that is half written or damaged is left out.

        What a row holds under `watch`, where it holds that, is a table.
        """
        if not self.metrics.exists():
            return
        with self.metrics.open("rb") as file:
            while line := file.readline(LONGEST):
                try:
                    row = parse_json(line)
                except ValueError:
                    continue
                if not isinstance(row, dict) or not isinstance(row.get("step"), int):
                    continue
                if isinstance(row.get("watch", {}), dict):
                    yield row

    def read_series(self) -> dict[str, list[float]]:
        """Every scalar of `metrics.jsonl` by its name, in the order of the steps.

        What was not finite, and stands there as `null`, is NaN; evaluations are left out.
        """
        series: dict[str, list[float]] = {}
        for row in self.read_metrics():
            for name, value in (row | row.get("watch", {})).items():
                if isinstance(value, int | float | None):
                    series.setdefault(name, []).append(math.nan if value is None else float(value))
        return series

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Keeps other processes from training here; the system lets go when this one dies.

        Raises:
            InUseError: if another process is at it.
        """
        with self.lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InUseError(
                    f"The run directory {self.directory} is in use: another process trains there."
                ) from error
            yield

    def _read_json(self, path: Path) -> Json | None:
        try:
            content = read_json(path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self.damaged(path) from error
        if not isinstance(content, dict):
            raise self.damaged(path)
        return content

    def damaged(self, path: Path) -> UserError:
        """What to say of a file of the run that is not as it was written."""
        return UserError(
            f"The file {path} is damaged; delete it, and `python -m ganapp resume "
            f"{self.directory}` writes it again."
        )


def open_run(directory: Path) -> Run:
    """An existing run; a `UserError` where the folder holds none."""
    run = Run(directory)
    if not run.config.is_file():
        what = "holds no run (no config.toml in it)"
        if not directory.is_dir():
            what = "is a file" if directory.exists() else "does not exist"
        raise UserError(
            f"The run directory {directory} {what}; `python -m ganapp train` makes one."
        )
    return run


def check_free(directory: Path) -> None:
    """Refuses a directory that a new run may not use.

    Raises:
        InUseError: if it holds a run.
        UserError: if it holds other files, is a file or cannot be written to.
    """
    present = {path.name for path in directory.iterdir()} if directory.is_dir() else set()
    if "config.toml" in present:
        raise InUseError(
            f"The run directory {directory} already holds a run: continue it with "
            f"`python -m ganapp resume {directory}`, or choose another with --run."
        )
    if present - CLAIM:
        raise UserError(f"The run directory {directory} is not empty; choose another with --run.")
    parent = next(p for p in (directory, *directory.parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        what = "not writable" if parent.is_dir() else "a file"
        raise UserError(f"The run directory {directory} cannot be made: {parent} is {what}.")


def claim_run(directory: Path, config_toml: str) -> Run:
    """Makes a run directory; of two processes that try, one succeeds.

    Raises:
        InUseError: if it holds a run, perhaps since a moment ago.
        UserError: if it cannot be written.
    """
    check_free(directory)
    run = Run(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with run.in_use():
            if run.config.exists():
                raise InUseError(f"The run directory {directory} was taken by another process.")
            write_atomically(run.config, config_toml)
    except OSError as error:
        raise UserError(
            f"The run directory {directory} cannot be made: {error.strerror}."
        ) from error
    return run


def next_directory(folder: Path, preset: str) -> Path:
    """`folder/<preset>-<NNNN>` with the first number above those in use."""
    pattern = re.compile(rf"{re.escape(preset)}-(\d{{4,}})")
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    used = [int(match[1]) for name in names if (match := pattern.fullmatch(name))]
    return folder / f"{preset}-{max(used, default=0) + 1:04d}"


def claim_next(folder: Path, preset: str, config_toml: str) -> Run:
    """Claims the `next_directory`; where another process was faster, the one after it."""
    while True:
        with contextlib.suppress(InUseError):
            return claim_run(next_directory(folder, preset), config_toml)


def runs_in(folder: Path) -> list[Run]:
    """The runs in a folder, by name; a `UserError` where there is no such folder."""
    if not folder.is_dir():
        raise UserError(
            f"The folder {folder} does not exist; `python -m ganapp train` makes runs in it."
        )
    return [Run(path) for path in sorted(folder.iterdir()) if (path / "config.toml").is_file()]
