"""The run directory: where everything about a run lives, and who may write there."""

import contextlib
import fcntl
import hashlib
import math
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganapp.errors import InUseError, UserError
from ganapp.plugins import named_plugins
from ganapp.training.files import LONGEST, parse_json, read_json, write_atomically

Json = dict[str, Any]  # as `json` reads it
RUNS = Path("runs")  # where runs go that are given no directory
# Figures of a report that an overview has, in this order.
OVERVIEW = (
    *("precision", "recall", "coverage", "frechet_distance"),
    *("classes_found", "smallest_class_share", "largest_class_share"),
    *("memorised", "modes", "fair_modes", "high_quality", "reverse_kl"),
    *("marginals", "associations", "tstr", "lost_tails"),
)
# What reading a report ends in whose tables and numbers are others than `ganapp` writes.
MISSHAPEN = (KeyError, TypeError, AttributeError, ValueError)
# What a `train` leaves that was killed while it claimed its directory; the next one may have it.
CLAIM = {".lock", ".config.toml.tmp", "plugins"}


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
    plugins = File("plugins")  # copies of the user's files that it was trained with
    manifest = File("manifest.json")  # versions, data and latent specification, seed
    networks = File("networks")  # that say features of its data, or compare: `.keras` files
    data = File("data.npz")  # what drawing samples needs of the data, beside the manifest
    examples = File("examples.npz")  # arrays that a script has handed over
    table = File("table.parquet")  # likewise, a data frame
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


def open_run(directory: Path, *, builds: bool = True) -> Run:
    """An existing run.

    Args:
        directory: of the run.
        builds: whether anything is built of its configuration, which needs its plugins.

    Raises:
        UserError: the folder holds none, or a plugin of it was not named.
    """
    run = Run(directory)
    if not run.config.is_file():
        what = "holds no run (no config.toml in it)"
        if not directory.is_dir():
            what = "is a file" if directory.exists() else "does not exist"
        raise UserError(
            f"The run directory {directory} {what}; `python -m ganapp train` makes one."
        )
    if builds:
        check_plugins(run)
    return run


def check_plugins(run: Run, *, exactly: bool = False) -> None:
    """Refuses a run whose plugins were not named, or other files of their names.

    Args:
        run: that was trained with them, or without any.
        exactly: whether no others may be named beside them.

    Raises:
        UserError: naming the plugin, and the run's own copy of it.
    """
    recorded = (run.read_manifest() or {}).get("plugins")
    if recorded is None:  # it has not begun
        recorded = {copy.name: _sha256(copy) for copy in sorted(run.plugins.glob("*.py"))}
    if not isinstance(recorded, dict):
        raise run.damaged(run.manifest)
    named = {plugin.name: plugin for plugin in named_plugins()}
    for name, sha256 in recorded.items():
        if name in named and named[name].sha256 == sha256:
            continue
        copy = run.plugins / name
        if _sha256(copy) == sha256:
            remedy = f"name the run's own copy, `--plugin {shlex.quote(str(copy))}`"
        else:
            remedy = f"put the file of the sha256 {sha256} back as {copy}, and name that"
        if name not in named:
            raise UserError(
                f"The run {run.directory} was trained with the plugin {name}, and ganapp imports "
                f"only what you name: {remedy}."
            )
        raise UserError(
            f"The plugin {named[name].path} is not the file that the run {run.directory} was "
            f"trained with: {remedy}. Expected: the sha256 {sha256}, received: "
            f"{named[name].sha256}"
        )
    if exactly and (others := named.keys() - recorded.keys()):
        raise UserError(
            f"The run {run.directory} was trained without the plugin {', '.join(sorted(others))}; "
            "a run is resumed as it was, so leave it out or train a new one."
        )


def _sha256(path: Path) -> str:
    """Checksum of a file's content; empty where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


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
    if present - (CLAIM if ".lock" in present else set()):
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
            shutil.rmtree(run.plugins, ignore_errors=True)  # of who was killed while claiming
            for plugin in named_plugins():
                write_atomically(run.plugins / plugin.name, plugin.source)
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
