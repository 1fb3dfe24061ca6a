"""What files hold, for the names of prepared examples: read once, remembered by size and times."""

import contextlib
import dataclasses
import itertools
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganapp.training.data.cache import BLOCK, key_of
from ganapp.training.data.image_files import LABEL_FILE, file_facts, place_of, statuses
from ganapp.training.data.left_out import printable
from ganapp.training.files import write_atomically

FORMAT = 2  # of the notes; another one is another name
NOTES = "contents"  # folder of the cache that remembers them


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a folder or archive holds.

    Args:
        key: a name for its images: the same for the same names and contents.
        left_out: by name as text why a file is no image.
        label_files: names of files with labels.
        images: how many files are named as images, damaged ones too.
    """

    key: str
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    label_files: list[str] = dataclasses.field(default_factory=list)
    images: int = 0


def image_contents(path: Path, max_pixels: int, notes: Path) -> Contents:
    """What a folder or archive of images holds.

    Whether they lie in a folder or an archive, in which order, since when, and below which folders
    all of them lie makes no difference to the key, nor do the files that are left out.

    Args:
        path: as for `image_files`.
        max_pixels: see `image_files`.
        notes: folder that remembers the contents; may be read-only.
    """

    def read() -> Contents:
        facts = sorted(file_facts(path, max_pixels), key=lambda each: place_of(each.name))
        used = [each for each in facts if not each.left_out]
        names = below_common([each.name.split("/")[:-1] for each in used])
        last = [each.name.split("/")[-1] for each in used]
        key = key_of(names, last, [(each.size, each.crc, each.refused) for each in used])
        left_out = {printable(each.name): each.left_out for each in facts if each.left_out}
        labels = [each for each in used if each.name.endswith(LABEL_FILE)]
        readable = [each.name for each in labels if not each.refused]
        return Contents(key, left_out, readable, len(used) - len(labels))

    return _remembered(notes, [str(path.absolute()), list(statuses(path)), max_pixels], read)


def file_key(path: Path, notes: Path) -> str:
    """A name for the content of a file.

    Args:
        path: of the file.
        notes: folder that remembers the names; may be read-only.
    """

    def read() -> Contents:
        value = 0
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                value = zlib.crc32(block, value)
        return Contents(key_of(path.stat().st_size, value))

    return _remembered(notes, [str(path.absolute()), list(statuses(path))], read).key


def below_common(places: list[list[str]]) -> list[list[str]]:
    """Folders of each file, without the first ones that all files share."""
    first, last = min(places, default=[]), max(places, default=[])  # all others lie between
    pairs = zip(first, last, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return [place[common:] for place in places]


def _remembered(notes: Path, listing: list[Any], read: Callable[[], Contents]) -> Contents:
    """What `read` gives, from a note if the files are as they were when it was written."""
    note = notes / key_of(FORMAT, listing)
    with contextlib.suppress(OSError, ValueError, TypeError):  # cut short, perhaps
        return Contents(**json.loads(note.read_text()))
    found = read()
    with contextlib.suppress(OSError):
        write_atomically(note, json.dumps(dataclasses.asdict(found)))
    return found
