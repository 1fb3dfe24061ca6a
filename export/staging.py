"""Putting an export in place whole or not at all, beside what is not its own."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ganapp.export.checksums import files_below
from ganapp.export.errors import ExportError
from ganapp.export.layout import CARD_JSON, EXTRA, MODELS, ON_TOP, SERVING
from ganapp.export.leftovers import (
    PARTIAL,
    PREVIOUS,
    held,
    left_by_a_killed_process,
    remove_stale,
)
from ganapp.training.files import read_json

SCHEMA = "ganapp-model-card/2"


def read_card(directory: Path) -> dict[str, Any] | None:
    """The card in `directory`, or `None` when there is none that an export wrote."""
    card = _read_json(directory / CARD_JSON)
    return card if card is not None and card.get("schema") == SCHEMA else None


def refuse_foreign(out: Path, folder: PurePosixPath) -> None:
    """Refuses a target where anything but an earlier export would be replaced.

    Args:
        out: directory of the export.
        folder: of the version below it; other versions and models stay as they are.

    Raises:
        ExportError: `out` is a file, or a directory with content that is not ours.
    """
    try:
        present = {path.name for path in out.iterdir() if not left_by_a_killed_process(path)}
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExportError(
            f"`out` must be a directory. Received: {out} ({error.strerror})"
        ) from error
    if present and read_card(out) is None:
        raise ExportError(
            "`out` must be new, empty or an earlier export, and this directory has other "
            f"content and no {CARD_JSON} of this layout. Received: out={out}"
        )
    foreign = sorted(present - {*ON_TOP, MODELS}) + _foreign(out, folder)
    if foreign:
        raise ExportError(
            f"`out` holds an earlier export and also {', '.join(foreign)}, which is no part of it; "
            f"move that away. Received: out={out}"
        )


def _foreign(out: Path, folder: PurePosixPath) -> list[str]:
    """Files in the folder to be replaced that the earlier export did not write."""
    target = out / folder
    if not os.path.lexists(target):
        return []
    serving = _read_json(target / EXTRA / SERVING) or {}
    files = serving.get("files")
    own = {*(files if isinstance(files, dict) else ()), f"{EXTRA}/{SERVING}"}
    present = {path.relative_to(target).as_posix() for path in files_below(target)}
    if target.is_symlink() or not target.is_dir():
        return [str(folder)]
    return [f"{folder}/{name}" for name in sorted(present - own)]


@contextlib.contextmanager
def staging(out: Path, paths: Sequence[str]) -> Iterator[Path]:
    """A folder whose content moves to `out` when the block succeeds and vanishes when it fails.

    Such folders of exports that were killed are removed first.

    Args:
        out: directory of the export. Where it exists the folder lies within, on the same disk.
        paths: what of `out` is replaced, each whole or taken away, see `put_in_place`.

    Raises:
        ExportError: the disk refused, also when that happens inside the block.
    """
    made = [p for p in (out.parent, *out.parent.parents) if not os.path.lexists(p)]
    beside = out if out.is_dir() else out.parent
    for folder in {out, out.parent}:
        remove_stale(folder, out.name)
    directory = beside / f".{out.name}.{uuid.uuid4().hex[:8]}{PARTIAL}"
    try:
        directory.mkdir(parents=True)
        with held(directory):
            yield directory
            if out.is_dir():
                put_in_place(directory, out, paths)
                shutil.rmtree(directory, ignore_errors=True)
            else:
                directory.rename(out)
    except BaseException as error:  # KeyboardInterrupt too must leave nothing behind
        shutil.rmtree(directory, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):  # not made, or in use by someone else by now
                parent.rmdir()
        if isinstance(error, OSError):
            raise ExportError(
                f"The export could not be written: {error.strerror or error}. Received: out={out}"
            ) from error
        raise


def put_in_place(directory: Path, out: Path, paths: Sequence[str]) -> None:
    """Moves each path from `directory` to `out`; all of them, or `out` is as before.

    Each is whole at any moment, but between two renames neither the old nor the new one is there:
    a server that watches `out` may see none, and `ganapp serve` goes on with the one it has loaded
    until it has looked twice without it.

    Args:
        directory: what is new; a path that is not there is taken away from `out`.
        out: an existing directory.
        paths: below both, without one that contains another.
    """
    previous = out / f".{out.name}.{uuid.uuid4().hex[:8]}{PREVIOUS}"
    undo: list[tuple[Path, Path]] = []
    made: list[Path] = []
    try:
        for path in paths:
            new, target, old = directory / path, out / path, previous / path
            if os.path.lexists(target):
                old.parent.mkdir(parents=True, exist_ok=True)
                undo.append((target, old))
                target.rename(old)
            if os.path.lexists(new):
                made += [p for p in target.parents if not p.exists()]
                target.parent.mkdir(parents=True, exist_ok=True)
                undo.append((new, target))
                new.rename(target)
    except BaseException:
        for before, after in reversed(undo):
            if os.path.lexists(after) and not os.path.lexists(before):
                after.rename(before)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if not files_below(previous):  # all is back
            shutil.rmtree(previous, ignore_errors=True)
        raise
    shutil.rmtree(previous, ignore_errors=True)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
