"""Looks again, later and elsewhere, whether an export is what it was. Needs no TensorFlow here."""

import dataclasses
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ganapp.export import ExportError
from ganapp.export.formats import ENCODER_RUNTIMES, RUNTIMES
from ganapp.export.formats.format import Arrays, Runtime, largest_difference
from ganapp.export.layout import (
    CARD_JSON,
    CARD_SCHEMA,
    ENCODER_REFERENCE,
    EXTRA,
    REFERENCE,
    Json,
    check_sums,
    drawn_name,
    is_aside,
    is_below,
    read_object,
    version_folders,
)
from ganapp.export.worker import Artefact, Worker
from ganapp.training.array_files import MAX_BYTES, UNREADABLE, npz_header, npz_names

ROOM, ROUNDING = 2.0, 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArtefactCheck:
    """What was found of one artefact."""

    path: str  # of the artefact, below the export directory
    difference: float  # largest absolute difference to the samples that were kept, in model units
    tolerance: float  # how large it may be


def verify_export(
    directory: Path, said: Callable[[str], None] = lambda line: None
) -> list[ArtefactCheck]:
    """Repeats the checks of an export: every checksum, then every artefact in a fresh process.

    Args:
        directory: what `ganapp export` wrote, with any number of versions.
        said: called with a line on each step that succeeded.

    Returns what was found of each artefact, all within their tolerances.

    Raises:
        ExportError: there is no export, a file has changed, is missing or was added, or an
            artefact does not answer as it did.
    """
    directory = Path(directory)
    sums = check_sums(directory)
    said(f"{len(sums)} files are as they were written.")
    for path in filter(is_aside, sorted(directory.iterdir())):
        said(f"{path.name} is no part of it: an export that was killed has left it.")
    checked = []
    for folder in version_folders(directory):
        for found in check_version(directory, folder):
            said(f"{found.path}: largest difference {found.difference:.1e}.")
            checked.append(found)
    return checked


def check_version(directory: Path, folder: Path) -> Iterator[ArtefactCheck]:
    """Runs every artefact of a version on the inputs that were kept."""
    card = read_object(folder / EXTRA / CARD_JSON)
    if card.get("schema") != CARD_SCHEMA:
        raise ExportError(
            f"{folder / EXTRA / CARD_JSON} must be of the schema {CARD_SCHEMA}; export the run "
            f"again. Received: schema={card.get('schema')!r}"
        )
    yield from _check(card, directory, folder, REFERENCE)
    if encoder := card.get("encoder"):
        yield from _check(encoder, directory, folder, ENCODER_REFERENCE)


def _check(card: Json, directory: Path, folder: Path, reference: str) -> Iterator[ArtefactCheck]:
    """Runs the artefacts of a generator, or of its encoder, on what was kept of it."""
    artefacts = _artefacts(card, directory, folder / EXTRA / CARD_JSON)
    inputs, samples = _reference(folder / EXTRA, reference, card)
    for each, artefact in artefacts:
        with Worker(artefact) as worker:
            answer, _ = worker.run(inputs, (1, len(samples) - 1))
        difference = np.inf
        # Of numbers, for what came from elsewhere may answer in text.
        if answer is not None and answer.shape == samples.shape and answer.dtype.kind == "f":
            difference = largest_difference(answer, samples)
        # What it differed by when it was exported, with room for another machine's rounding.
        allowed = ROOM * each["difference"] + ROUNDING
        if not difference <= allowed:
            raise ExportError(
                f"{each['path']} differs from the samples kept with it by {difference:.3g}, more "
                f"than {allowed:.3g}, which its difference at the export leaves room for."
            )
        yield ArtefactCheck(path=each["path"], difference=difference, tolerance=allowed)


def _reference(extra: Path, file: str, card: Json) -> tuple[Arrays, np.ndarray]:
    try:  # exports that list no inputs have `z` alone
        names = [each["name"] for each in card.get("inputs", [{"name": "z"}])]
    except (KeyError, TypeError):
        names = []
    if not names or not all(isinstance(name, str) for name in names):
        raise ExportError(
            f"`inputs` in {extra / CARD_JSON} must list inputs by `name`. "
            f"Received: {card.get('inputs')!r:.200}"
        )
    path = extra / file
    try:
        if missing := {*names, "samples"} - set(npz_names(path)):
            raise ValueError(f"it holds no array called {missing.pop()!r}")
        size = sum(npz_header(path, each).nbytes for each in (*names, "samples"))
        if size > MAX_BYTES:
            raise ValueError(f"it unpacks to {size:,} bytes, more than {MAX_BYTES:,}")
        # Opened here, for `load` leaves files open that it cannot read.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            inputs, samples = {name: kept[name] for name in names}, kept["samples"]
    except (OSError, ValueError, *UNREADABLE) as error:
        raise ExportError(f"{path} cannot be read: {error}") from error
    for name, rows in inputs.items():
        if rows.ndim < 2 or len(rows) < 2 or samples.shape[:1] != rows.shape[:1]:
            raise ExportError(
                f"{path} must hold rows of {drawn_name(name)}, as many as "
                f"samples. Received: shape={rows.shape}"
            )
    return inputs, samples


def _artefacts(card: Json, directory: Path, path: Path) -> list[tuple[Json, Artefact]]:
    """What the card at `path` says of each artefact, and how it is run."""
    try:
        found = [
            (
                {"path": each["path"], "difference": float(each["difference"])},
                Artefact(
                    title=f"{each['title']} ({each['path']})",
                    runtime=_runtime(each["runtime"]),
                    path=directory / each["path"],
                    output=each["output"] if "output" in each else card["output"]["name"],
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


def _runtime(name: object) -> Runtime:
    known = RUNTIMES | ENCODER_RUNTIMES
    if name not in known:
        raise ValueError(f"`runtime` must be one of {', '.join(known)}. Received: {name!r}")
    return known[name]
