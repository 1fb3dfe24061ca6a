"""Names, settings and values in messages: not more than a person reads, and what can be copied.

Standard library only.
"""

import difflib
import json
import math
import re
import shlex
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import SupportsFloat

MOST = 10  # names in a sentence
BARE = re.compile(r"[A-Za-z_][\w./-]*")  # text that `--set` reads as text without quotes
NOT_TEXT = {"true", "false", "inf", "nan"}
UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")  # categories: control characters, halves of pairs, line ends
# Named first when several terms fail at once: a penalty tends to drag the losses after it.
CAUSES_FIRST = (
    "penalty/",
    "generator_term/",
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
)


def join_names(names: Sequence[object], *, most: int = MOST) -> str:
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


def set_option(key: str, value: object) -> str:
    """`"--set data.label=kind"`: a setting as a shell takes it, to be copied."""
    bare = isinstance(value, str) and BARE.fullmatch(value) and value not in NOT_TEXT
    text = value if bare else json.dumps(value, ensure_ascii=False)
    return f"--set {shlex.quote(f'{key}={text}')}"


def printable(name: str) -> str:
    r"""A file's name as text that every file and terminal takes, on one line.

    Bytes that are not UTF-8 (surrogates in `name`) become `\xe9`, control characters `\n`, `\x1b`.
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


def non_finite_message(
    logs: Mapping[str, SupportsFloat], step: int, executed: int, *, loss_scaling: bool = False
) -> str | None:
    """A sentence for the user if a logged value is NaN or infinite, else `None`.

    Args:
        logs: scalars by name.
        step: completed generator steps.
        executed: steps since the last check.
        loss_scaling: whether the optimizers scale the loss (`mixed_float16`). An infinite
            gradient is then how the scale is found, the update is skipped, and gradient norms
            do not count.
    """
    failed = [name for name, value in logs.items() if not math.isfinite(float(value))]
    if loss_scaling:
        failed = [name for name in failed if not name.endswith("gradient_norm")]
    if not failed:
        return None
    name = min(failed, key=_rank)
    when = f"at step {step}" if executed == 1 else f"in steps {step - executed + 1} to {step}"
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return (
        f"Training diverged: `{name}`{others} was not finite {when}; the last checkpoint is from "
        "before: resume it with a smaller learning rate, or start again with a stronger gradient "
        f"penalty, spectral normalisation or float32. Received: {name}={float(logs[name])}"
    )


def _rank(name: str) -> int:
    ranks = (i for i, cause in enumerate(CAUSES_FIRST) if name.startswith(cause))
    return next(ranks, len(CAUSES_FIRST))
