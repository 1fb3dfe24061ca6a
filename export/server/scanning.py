"""Which versions of which models lie in a folder. Reads names and sizes, never contents."""

import dataclasses
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from ganapp.export.layout import EXTRA, MODELS, may_be_served
from ganapp.export.server.spec import BrokenVersion, IncompleteVersion, ServingSpec

NUMBER = re.compile(r"[0-9]{1,18}")  # int64, as TF Serving's versions
FINGERPRINTED = 10_000  # files of a version folder; more are no export

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
Fingerprint = tuple[tuple[str, int, int, int], ...]


@dataclasses.dataclass(frozen=True)
class Found:
    """A version folder with every file that its serving.json lists.

    Args:
        folder: resolved.
        fingerprint: path, size, time and inode of its files: another one means other content.
        name: of the model, as exported; that of the folder if serving.json is broken.
    """

    folder: Path
    fingerprint: Fingerprint
    name: str

    @property
    def number(self) -> int:
        """The version that the folder's name says; 1 if it is no number."""
        return int(self.folder.name) if NUMBER.fullmatch(self.folder.name) else 1


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a root holds.

    Args:
        root: resolved; nothing outside is served.
        models: folder by name of model; version folders lie in it.
        alone: the version folder that the root is, if it is one.
    """

    root: Path
    models: dict[str, Path]
    alone: Path | None = None


def layout(root: Path, say: Say = logger.warning) -> Layout:
    """Sees whether `root` is a version folder, a model, a folder of models or an export.

    Args:
        root: what to look at.
        say: where to say what is left out, and why.

    Raises:
        NotADirectoryError: it is no folder.
    """
    root = root.resolve()
    if not root.is_dir():
        raise NotADirectoryError(f"`root` must be a folder. Received: root={root}")
    if (root / EXTRA).is_dir():
        return Layout(root, {}, alone=root)
    if any((folder / EXTRA).is_dir() for folder in _numbered(root).values()):
        return Layout(root, {root.name: root})
    folder = root / MODELS if (root / MODELS).is_dir() else root
    if not _within(root, folder, say):
        return Layout(root, {})
    children = sorted(child for child in folder.iterdir() if may_be_served(child.name))
    models = {
        child.name: child for child in children if child.is_dir() and _within(folder, child, say)
    }
    return Layout(root, models)


def versions(model: Path, say: Say = logger.warning) -> dict[int, Found]:
    """The complete version folders of a model; half-written ones are left out.

    Args:
        model: folder of its versions; a link out of it could make a version of another model's.
        say: where to say what else is left out, and why.
    """
    found = {}
    for number, folder in _numbered(model).items():
        if _within(model, folder, say) and (one := complete(folder)) is not None:
            found[number] = one
    return found


def complete(folder: Path) -> Found | None:
    """A version folder if all its files are there, whatever is in them."""
    try:
        name = ServingSpec.read(folder).name
    except (IncompleteVersion, OSError):
        return None
    except BrokenVersion:
        name = ""  # why is reported when it is loaded
    try:
        fingerprint = _fingerprint(folder)
    except OSError:  # it is being deleted
        return None
    return Found(folder.resolve(), fingerprint, name if may_be_served(name) else folder.name)


def _numbered(folder: Path) -> dict[int, Path]:
    children = [child for child in folder.iterdir() if NUMBER.fullmatch(child.name)]
    return {int(child.name): child for child in sorted(children) if child.is_dir()}


def _within(parent: Path, folder: Path, say: Say) -> bool:
    if folder.resolve().is_relative_to(parent.resolve()):
        return True
    say(f"{folder} is a link that leads out of {parent}: not served")
    return False


def _fingerprint(folder: Path) -> Fingerprint:
    entries = []
    for parent, _, names in os.walk(folder):  # follows no links
        for name in names:
            path = os.path.join(parent, name)
            status = os.stat(path, follow_symlinks=False)
            entries.append((path, status.st_size, status.st_mtime_ns, status.st_ino))
        if len(entries) > FINGERPRINTED:
            break
    return tuple(sorted(entries))
