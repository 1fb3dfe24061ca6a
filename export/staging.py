"""Putting exports and published versions in place: whole or not at all, beside what is not theirs.

Needs no TensorFlow.
"""

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from ganapp.export import ExportError
from ganapp.export.layout import (
    CARD_JSON,
    EXTRA,
    LARGEST_VERSION,
    MODELS,
    ON_TOP,
    PARTIAL,
    PREVIOUS,
    SERVING,
    SUMS,
    check_sums,
    faults,
    files_below,
    files_of_version,
    is_aside,
    read_card,
    version_folders,
)

YOUNG_SECONDS = 10.0  # between being made and being locked a folder looks like a killed process's


def refuse_foreign(out: Path, folder: PurePosixPath) -> None:
    """Refuses a target where anything but an earlier export would be replaced.

    That is a file, or a directory with content that is not ours, also in the `folder` of the
    version below it; other versions and models stay as they are.
    """
    try:
        present = {path.name for path in out.iterdir() if not is_aside(path)}
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
    if target.is_symlink() or not target.is_dir():
        return [str(folder)]
    own = {f"{EXTRA}/{SERVING}"}
    with contextlib.suppress(ExportError):
        own |= files_of_version(target).keys()
    present = {path.relative_to(target).as_posix() for path in files_below(target)}
    return [f"{folder}/{name}" for name in sorted(present - own)]


@contextlib.contextmanager
def staging(out: Path, paths: Sequence[str]) -> Iterator[Path]:
    """A folder whose content moves to `out` when the block succeeds and vanishes when it fails.

    Such folders of exports that were killed are removed first. Where `out` exists the folder lies
    within, on the same disk; `paths` of it are replaced, see `put_in_place`. An `OSError`, also of
    the block, becomes an `ExportError`.
    """
    made = [p for p in (out.parent, *out.parent.parents) if not os.path.lexists(p)]
    beside = out if out.is_dir() else out.parent
    for folder in {out, out.parent}:
        remove_stale(folder, out.name)
    directory = beside / f".{out.name}.{uuid.uuid4().hex[:8]}{PARTIAL}"
    try:
        directory.mkdir(parents=True)
        with locked(directory):
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
    until it has looked twice without it. None of the paths contains another, and what is not in
    `directory` is taken away from `out`.
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


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Marks a folder as in use until the block ends or the process does, however it ends."""
    with contextlib.ExitStack() as stack:
        _lock(directory, stack)
        yield


def remove_stale(folder: Path, name: str) -> None:
    """Removes what killed exports of `name` wrote aside in a folder, not below it.

    Earlier versions that were moved aside (`.previous`) stay: they may be the only copy.
    """
    pattern = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}{re.escape(PARTIAL)}")
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if pattern.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
                _remove(path)


def _remove(path: Path) -> None:
    with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
        old = time.time() - path.stat().st_mtime > YOUNG_SECONDS
        if old and _lock(path, stack):
            shutil.rmtree(path, ignore_errors=True)


def _lock(directory: Path, stack: contextlib.ExitStack) -> bool:
    """Whether the folder was nobody's; it is ours until the stack ends."""
    try:
        import fcntl
    except ImportError:  # Windows, where a folder cannot be locked: nothing is removed
        return False
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody else's, or a network drive without locks
        return False
    return True


def publish(directory: Path, models: Path) -> list[Path]:
    """Copies the versions of an export into a folder of models, each under the next number.

    A copy is made under a name that begins with a dot, compared with its checksums and then
    renamed, so a server that watches the folder sees a whole version or none. Two that publish at
    the same time get different numbers.

    Args:
        directory: what `ganapp export` wrote.
        models: the folder, made where it is missing; `MODELS/NAME/VERSION` is what a server reads.

    Returns the new version folders, in the order of name and version in the export.

    Raises:
        ExportError: the export is not as it was written, it has no version, `models` lies in an
            export, or the disk refuses.
    """
    directory, models = Path(directory), Path(models)
    refuse_exports(models)
    check_sums(directory)
    folders = version_folders(directory)
    if not folders:
        raise ExportError(
            f"{directory} must hold an export with a version in {MODELS}/NAME; export the run "
            "again."
        )
    try:
        return [_publish_version(folder, models / folder.parent.name) for folder in folders]
    except OSError as error:
        raise ExportError(
            f"The models could not be published: {error.strerror or error}. "
            f"Received: models={models}"
        ) from error


def refuse_exports(models: Path) -> None:
    """Refuses a folder of models that is part of an export, whose sums a version would spoil."""
    for folder in (models, *models.resolve().parents):
        if (folder / SUMS).is_file():
            raise ExportError(
                "`MODELS` must lie outside of exports, whose files are listed and must stay as "
                f"they are. Received: {models}, and {folder} is an export"
            )
    if models.exists() and not models.is_dir():
        raise ExportError(f"`MODELS` must be a folder. Received: {models}")


def _publish_version(folder: Path, model: Path) -> Path:
    model.mkdir(parents=True, exist_ok=True)
    copy = model / f".{folder.name}.{uuid.uuid4().hex[:8]}{PARTIAL}"
    try:
        shutil.copytree(folder, copy)
        if found := faults(copy, files_of_version(copy)):
            raise ExportError(f"The copy of {folder} is not as it was written: {found[0]}.")
        return _rename_to_next(copy, model)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _rename_to_next(copy: Path, model: Path) -> Path:
    number = 1 + max((int(n) for n in os.listdir(model) if n.isdecimal()), default=0)
    while number <= LARGEST_VERSION:
        target = model / str(number)
        try:
            # Onto a folder with content a rename fails: somebody else has taken the number.
            copy.rename(target)
            return target
        except OSError:
            if not os.path.lexists(target):
                raise
            number += 1
    raise ExportError(
        f"A version must be at most {LARGEST_VERSION}; publish into another folder. "
        f"Received: {model} holds {number - 1}"
    )
