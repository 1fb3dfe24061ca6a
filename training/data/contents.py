"""What files hold, for the names of prepared examples: read once, remembered by size and times."""

import contextlib
import itertools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.data.cache import BLOCK, key_of
from training.data.image_files import checksums, image_statuses, place_of
from training.files import write_atomically

NOTES = "contents"  # folder of the cache that remembers them
LENGTH = len(key_of())


def images_key(path: Path, max_pixels: int, notes: Path) -> str:
    """A name for the images of a folder or archive: the same for the same names and contents.

    Whether they lie in a folder or an archive, in which order, since when, and below which folders
    all of them lie makes no difference.

    Args:
        path: as for `image_files`.
        max_pixels: see `image_files`.
        notes: folder that remembers the names; may be read-only.
    """

    def read() -> str:
        found = sorted(checksums(path, max_pixels), key=lambda each: place_of(each[0]))
        names = below_common([name.split("/")[:-1] for name, *_ in found])
        last = [name.split("/")[-1] for name, *_ in found]
        return key_of(names, last, [rest for _, *rest in found])

    listing = [str(path.absolute()), list(image_statuses(path)), max_pixels]
    return _remembered(notes, listing, read)


def file_key(path: Path, notes: Path) -> str:
    """A name for the content of a file.

    Args:
        path: of the file.
        notes: folder that remembers the names; may be read-only.
    """

    def read() -> str:
        value = 0
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                value = zlib.crc32(block, value)
        return key_of(path.stat().st_size, value)

    return _remembered(notes, [str(path.absolute()), list(image_statuses(path))], read)


def below_common(places: list[list[str]]) -> list[list[str]]:
    """Folders of each file, without the first ones that all files share."""
    first, last = min(places, default=[]), max(places, default=[])  # all others lie between
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return [place[common:] for place in places]


def _remembered(notes: Path, listing: list[Any], read: Callable[[], str]) -> str:
    """What `read` gives, from a note if the files are as they were when it was written."""
    note = notes / key_of(listing)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if len(known := note.read_text()) == LENGTH:
            return known
    found = read()
    with contextlib.suppress(OSError):
        write_atomically(note, found)
    return found
