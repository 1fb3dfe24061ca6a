"""Where everything of an export lies, and what names it may bear.

DIR/model_card.{md,json,html}, samples.png, SHA256SUMS describe what was exported last;
DIR/models/NAME/VERSION/ is one servable, as TensorFlow Serving reads it. Needs no TensorFlow.
"""

import re
from pathlib import Path, PurePosixPath

from export.errors import ExportError

CARD_JSON, CARD_MARKDOWN, CARD_HTML = "model_card.json", "model_card.md", "model_card.html"
PICTURE, SUMS, MODELS = "samples.png", "SHA256SUMS", "models"
EXTRA, SERVING, REFERENCE = "assets.extra", "serving.json", "reference.npz"
ON_TOP = (CARD_MARKDOWN, CARD_JSON, CARD_HTML, PICTURE, SUMS)
LARGEST_VERSION = 2**31 - 1
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def safe_name(name: str) -> str:
    """A name for a model that is also a folder's and a part of an address.

    Args:
        name: of a run, say; other characters than letters, digits, `_`, `.` and `-` become `-`.
    """
    return _UNSAFE.sub("-", name).strip(".-") or "model"


def version_folder(name: str, version: int) -> PurePosixPath:
    """The folder of a version below the export directory.

    Raises:
        ExportError: the name or the number cannot be served.
    """
    if safe_name(name) != name:
        raise ExportError(
            "`name` must consist of letters, digits, `_`, `.` and `-` and begin and end with none "
            f"of the last two. Received: name={name!r}"
        )
    if not 1 <= version <= LARGEST_VERSION:
        raise ExportError(
            f"`version` must be from 1 to {LARGEST_VERSION}. Received: version={version}"
        )
    return PurePosixPath(MODELS, name, str(version))


def version_folders(directory: Path) -> list[Path]:
    """Every version of every model in an export directory, in order of name and number."""
    found = [
        path
        for path in directory.glob(f"{MODELS}/*/*")
        if path.name.isdecimal() and path.is_dir() and not path.is_symlink()
    ]
    return sorted(found, key=lambda path: (path.parent.name, int(path.name)))
