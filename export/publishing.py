"""Handing a verified export to whoever serves: as the next version in a folder of models.

Needs no TensorFlow.
"""

import os
import shutil
import uuid
from pathlib import Path

from ganapp.export.checksums import faults
from ganapp.export.errors import ExportError
from ganapp.export.layout import LARGEST_VERSION, MODELS, SUMS, version_folders
from ganapp.export.leftovers import PARTIAL
from ganapp.export.verifying import check_sums, files_of_version


def publish(directory: Path, models: Path) -> list[Path]:
    """Copies the versions of an export into a folder of models, each under the next number.

    A copy is made under a name that begins with a dot, compared with its checksums and then
    renamed, so a server that watches the folder sees a whole version or none. Two that publish at
    the same time get different numbers.

    Args:
        directory: what `ganapp export` wrote.
        models: the folder, made where it is missing; `MODELS/NAME/VERSION` is what a server reads.

    Returns:
        the new version folders, in the order of name and version in the export.

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
        return [_published(folder, models / folder.parent.name) for folder in folders]
    except OSError as error:
        raise ExportError(
            f"The models could not be published: {error.strerror or error}. "
            f"Received: models={models}"
        ) from error


def refuse_exports(models: Path) -> None:
    """Refuses a folder of models that is part of an export: another version would spoil its sums.

    Raises:
        ExportError: it is, or it is a file.
    """
    for folder in (models, *models.resolve().parents):
        if (folder / SUMS).is_file():
            raise ExportError(
                "`MODELS` must lie outside of exports, whose files are listed and must stay as "
                f"they are. Received: {models}, and {folder} is an export"
            )
    if models.exists() and not models.is_dir():
        raise ExportError(f"`MODELS` must be a folder. Received: {models}")


def _published(folder: Path, model: Path) -> Path:
    model.mkdir(parents=True, exist_ok=True)
    copy = model / f".{folder.name}.{uuid.uuid4().hex[:8]}{PARTIAL}"
    try:
        shutil.copytree(folder, copy)
        if found := faults(copy, files_of_version(copy)):
            raise ExportError(f"The copy of {folder} is not as it was written: {found[0]}.")
        return _renamed(copy, model)
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _renamed(copy: Path, model: Path) -> Path:
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
