"""The lists of checksums that close an export. Needs no TensorFlow."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from ganapp.export.checksums import as_text, files_below, from_text, sums_of
from ganapp.export.errors import ExportError
from ganapp.export.layout import EXTRA, SERVING, SUMS

DEEP = 3  # models/NAME/VERSION


def write_serving(document: Mapping[str, Any], folder: Path) -> None:
    """Writes `serving.json` with the checksums of all other files of a version folder."""
    path = folder / EXTRA / SERVING
    sums = sums_of(folder, [each for each in files_below(folder) if each != path])
    whole = dict(document) | {"files": sums}
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def seal(folder: Path) -> None:
    """Brings the checksums in `serving.json` up to date after files were added to its folder."""
    path = folder / EXTRA / SERVING
    write_serving(json.loads(path.read_text(encoding="utf-8")), folder)


def write_sums(directory: Path, out: Path, place: PurePosixPath) -> None:
    """Writes `SHA256SUMS` with every file of the new export and of what stays beside it.

    Args:
        directory: the new export, complete but for this file.
        out: where it goes; the lines of its other versions are kept, but for those whose folder
            somebody has deleted, which would be missing for ever.
        place: folder of the new version.
    """
    try:
        kept = from_text((out / SUMS).read_text(encoding="utf-8"))
    except (OSError, ValueError, ExportError):  # none yet, or damaged: `verify` says what is amiss
        kept = {}
    others = {
        name: digest
        for name, digest in kept.items()
        if not PurePosixPath(name).is_relative_to(place) and _is_of_a_version(out, name)
    }
    sums = others | sums_of(directory, files_below(directory))
    (directory / SUMS).write_text(as_text(sums), encoding="utf-8")


def _is_of_a_version(out: Path, name: str) -> bool:
    parts = PurePosixPath(name).parts
    return len(parts) > DEEP and out.joinpath(*parts[:DEEP]).is_dir()
