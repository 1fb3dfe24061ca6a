"""Files of the user's data that are not used: their names as text, and a line about them."""

import collections
import re
import unicodedata
from collections.abc import Mapping

SHOWN = 5  # reasons in the line
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # categories: control characters, halves of pairs, line ends


def printable(name: str) -> str:
    r"""A file's name as text that every file and terminal takes, on one line.

    Bytes that are not UTF-8 become `\xe9`, control characters `\n` or `\x1b`.

    Args:
        name: as the system gives it, perhaps with surrogates for such bytes.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(
        each.encode("unicode_escape").decode()
        if unicodedata.category(each) in UNPRINTABLE
        else each
        for each in text
    )


def about_left_out(files: Mapping[str, str]) -> str:
    """How many files were left out, and `reasons_of` them; empty for none.

    Args:
        files: by name the reason of each.
    """
    noun = "file" if len(files) == 1 else "files"
    return f"{len(files):,} {noun}: {reasons_of(files)}" if files else ""


def reasons_of(files: Mapping[str, str]) -> str:
    """An example for each reason and how many other files are left out for the same.

    Args:
        files: by name the reason of each.
    """
    # Reasons that differ in a number only (bytes, pixels) are one.
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for name, reason in files.items():
        groups[re.sub(r"\d[\d,.]*", "n", reason)].append(name)
    ordered = sorted(groups.values(), key=len, reverse=True)
    parts = [
        f"{f'{len(names):,} such as ' if len(names) > 1 else ''}{names[0]} ({files[names[0]]})"
        for names in ordered[:SHOWN]
    ]
    if others := sum(map(len, ordered[SHOWN:])):
        parts.append(f"{others:,} for other reasons")
    return "; ".join(parts)
