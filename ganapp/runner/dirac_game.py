"""The one-parameter game of every objective, drawn: which of them converge, and with what help."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ganapp.errors import UserError
from ganapp.training.diagnostics.dirac import ROWS, dirac_page
from ganapp.training.objectives import OBJECTIVES
from ganapp.training.registry import UnknownNameError


def dirac(names: Sequence[str], *, out: Path, console: Console) -> None:
    """Draws vector fields, trajectories and eigenvalues (Mescheder et al., 2018).

    Args:
        names: of objectives, drawn `ROWS` to a page; all of them when empty.
        out: a `.png`; further pages get a number before the suffix.
        console: where to write.

    Raises:
        UserError: an objective is unknown, or `out` cannot be written.
    """
    parent = out.absolute().parent
    if out.suffix.lower() != ".png":
        raise UserError(f"`--out` must end in .png. Received: {out}")
    if not parent.is_dir() or not os.access(parent, os.W_OK) or out.is_dir():
        raise UserError(f"`--out` cannot be written: {parent} is not a writable folder.")
    try:
        chosen = [OBJECTIVES[name]() for name in names or OBJECTIVES]
    except UnknownNameError as error:
        raise UserError(str(error)) from error
    starts = range(0, len(chosen), ROWS)
    for number, start in enumerate(starts, start=1):  # each page is kept as soon as it is drawn
        (page,) = dirac_page(chosen[start : start + ROWS])
        path = out if number == 1 else out.with_name(f"{out.stem}-{number}{out.suffix}")
        page.save(path)
        console.print(f"{path}: {page.width} x {page.height} pixels.", soft_wrap=True)
