"""Names in a sentence: not more than a person reads, and the one that was meant."""

import difflib
from collections.abc import Iterable, Sequence

MOST = 10  # names in a sentence


def listed(names: Sequence[object], *, most: int = MOST) -> str:
    """`"a, b and 198 more"`: the first `most` names, and how many others there are.

    Of one name too many the name itself is as short as the count, so it is listed.
    """
    if len(names) <= most + 1:
        return ", ".join(map(str, names))
    return f"{', '.join(map(str, names[:most]))} and {len(names) - most} more"


def did_you_mean(name: str, known: Iterable[str], *, most: int = 2) -> str:
    """`" Did you mean 'a' or 'b'?"`, or nothing where no known name is near."""
    close = difflib.get_close_matches(name, list(known), n=most)
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
