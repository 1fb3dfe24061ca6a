"""Looking again, later and elsewhere, whether an export is what it was. Needs no TensorFlow here.

The run, its data and what trained it are not needed: checksums say whether a file is as it was
written, and each artefact is run in a fresh process on latents whose samples were kept.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganapp.export.checksums import faults, files_below, from_text, is_below
from ganapp.export.errors import ExportError
from ganapp.export.layout import (
    CARD_JSON,
    EXTRA,
    LABELS,
    MODELS,
    REFERENCE,
    SERVING,
    SUMS,
    labels,
    version_folders,
)
from ganapp.export.leftovers import left_by_a_killed_process
from ganapp.export.staging import SCHEMA
from ganapp.export.workers import Artefact, Worker
from ganapp.training.array_files import MAX_BYTES, UNREADABLE, npz_header, npz_names
from ganapp.training.files import read_bytes, read_json

NAMED = 5  # faults in one sentence
ROOM, ROUNDING = 2.0, 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found of one artefact.

    Args:
        path: of the artefact, below the export directory.
        difference: largest absolute difference to the samples that were kept, in model units.
        tolerance: how large it may be.
    """

    path: str
    difference: float
    tolerance: float


def verify_export(
    directory: Path, said: Callable[[str], None] = lambda line: None
) -> list[Checked]:
    """Repeats the checks of an export: every checksum, then every artefact in a fresh process.

    Args:
        directory: what `ganapp export` wrote, with any number of versions.
        said: called with a line on each step that succeeded.

    Returns:
        what was found of each artefact, all within their tolerances.

    Raises:
        ExportError: there is no export, a file has changed, is missing or was added, or an
            artefact does not answer as it did.
    """
    directory = Path(directory)
    sums = check_sums(directory)
    said(f"{len(sums)} files are as they were written.")
    for path in filter(left_by_a_killed_process, sorted(directory.iterdir())):
        said(f"{path.name} is no part of it: an export that was killed has left it.")
    checked = []
    for folder in version_folders(directory):
        for found in check_version(directory, folder):
            said(f"{found.path}: largest difference {found.difference:.1e}.")
            checked.append(found)
    return checked


def check_sums(directory: Path) -> dict[str, str]:
    """Compares every file with `SHA256SUMS` and with the list in each `serving.json`.

    Returns:
        the checksums by path.

    Raises:
        ExportError: see `verify_export`.
    """
    try:
        text = read_bytes(directory / SUMS).decode()
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{directory} must be what `ganapp export` wrote, and its {SUMS} cannot be read."
        ) from error
    try:
        sums = from_text(text)
    except ExportError as error:
        raise ExportError(f"{directory / SUMS} is damaged. {error}") from error
    try:
        found = faults(directory, sums)
        found += [f"{name} was added" for name in _added(directory, {*sums, SUMS})]
        for folder in version_folders(directory):
            place = folder.relative_to(directory).as_posix()
            found += [f"{place}/{fault}" for fault in _own_faults(folder)]
    except OSError as error:  # no right to read a file, or a name longer than any can be
        raise ExportError(f"{directory} cannot be read: {error}") from error
    if found:
        raise _failed(directory, found)
    return sums


def check_version(directory: Path, folder: Path) -> Iterator[Checked]:
    """Runs every artefact of a version on the latents that were kept.

    Raises:
        ExportError: one cannot be run or differs.
    """
    card = _read(folder / EXTRA / CARD_JSON)
    if card.get("schema") != SCHEMA:
        raise ExportError(
            f"{folder / EXTRA / CARD_JSON} must be of the schema {SCHEMA}; export the run again. "
            f"Received: schema={card.get('schema')!r}"
        )
    latents, samples = _reference(folder / EXTRA / REFERENCE)
    for each, artefact in _artefacts(card, directory, folder / EXTRA / CARD_JSON):
        with Worker(artefact) as worker:
            answer, _ = worker.run(latents, (1, len(latents) - 1))
        difference = np.inf
        if answer is not None and answer.shape == samples.shape:
            gaps = np.abs(answer.astype("float64") - samples)
            difference = float(np.max(np.nan_to_num(gaps, nan=np.inf)))
        # What it differed by when it was exported, with room for another machine's rounding.
        allowed = ROOM * each["difference"] + ROUNDING
        if not difference <= allowed:
            raise ExportError(
                f"{each['path']} differs from the samples kept with it by {difference:.3g}, more "
                f"than {allowed:.3g}, which its difference at the export leaves room for."
            )
        yield Checked(path=each["path"], difference=difference, tolerance=allowed)


def _reference(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The latents and samples that were kept."""
    try:
        if missing := {"z", "samples"} - set(npz_names(path)):
            raise ValueError(f"it holds no array called {missing.pop()!r}")
        size = sum(npz_header(path, each).nbytes for each in ("z", "samples"))
        if size > MAX_BYTES:
            raise ValueError(f"it unpacks to {size:,} bytes, more than {MAX_BYTES:,}")
        # Opened here, for `load` leaves files open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            latents, samples = kept["z"], kept["samples"]
    except (OSError, ValueError, *UNREADABLE) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    if latents.ndim != 2 or len(latents) < 2:
        raise ExportError(f"{path} must hold rows of latents. Received: shape={latents.shape}")
    return latents, samples


def _artefacts(
    card: Mapping[str, Any], directory: Path, path: Path
) -> list[tuple[dict[str, Any], Artefact]]:
    """What the card at `path` says of each artefact, and how it is run.

    Raises:
        ExportError: the card is not as an export writes it, whatever its checksum.
    """
    try:
        found = [
            (
                {"path": each["path"], "difference": float(each["difference"])},
                Artefact(
                    title=f"{each['title']} ({each['path']})",
                    runtime=each["runtime"],
                    path=directory / each["path"],
                    output=card["output"]["name"],
                    # Before ganapp was one package its networks were the package `models`.
                    modules=tuple(
                        re.sub(r"^models\.", "ganapp.models.", x) for x in each["modules"]
                    ),
                ),
            )
            for each in card["artefacts"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        missing = isinstance(error, KeyError)
        raise ExportError(
            f"{path} must be as `ganapp export` wrote it, but "
            f"{f'`{error.args[0]}` is missing' if missing else error}; export the run again."
        ) from error
    for each, _ in found:
        if not is_below(each["path"]):
            raise ExportError(f"An artefact must lie in {directory}. Received: {each['path']}")
    return found


def files_of_version(folder: Path) -> dict[str, str]:
    """The checksums in a version's `serving.json`, which travel with the folder, by path.

    Raises:
        ExportError: it cannot be read or lists no files.
    """
    sums = _read(folder / EXTRA / SERVING).get("files")
    if not isinstance(sums, dict) or not all(map(is_below, sums)):
        raise ExportError(f"{folder / EXTRA / SERVING} must list the files of the version.")
    return sums


def _added(directory: Path, listed: set[str]) -> Iterator[str]:
    """What nobody listed, but for labels, which whoever serves the export may write and change."""
    for path in files_below(directory):
        relative = path.relative_to(directory)
        if relative.as_posix() in listed or left_by_a_killed_process(directory / relative.parts[0]):
            continue
        if relative.match(f"{MODELS}/*/{LABELS}") and len(relative.parts) == 3:
            try:
                labels(path.parent)
            except ValueError as error:
                raise ExportError(f"{path} holds no labels of versions: {error}") from error
            if not path.is_symlink():
                continue
        yield relative.as_posix()


def _own_faults(folder: Path) -> list[str]:
    try:
        return faults(folder, files_of_version(folder))
    except ExportError:
        return [f"{EXTRA}/{SERVING} lists no files"]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ExportError(f"{path} cannot be read: it holds no table.")
    return content


def _failed(directory: Path, found: list[str]) -> ExportError:
    distinct = list(dict.fromkeys(found))
    more = f", and {len(distinct) - NAMED} more" if len(distinct) > NAMED else ""
    return ExportError(
        f"The export {directory} is not as it was written: {', '.join(distinct[:NAMED])}{more}."
    )
