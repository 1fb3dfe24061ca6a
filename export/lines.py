"""Lines of Markdown."""

from collections.abc import Iterable
from typing import Any


def table(header: Iterable[str], rows: Iterable[Iterable[Any]]) -> list[str]:
    """Lines of a Markdown table; cells are escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *([text(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def text(value: Any) -> str:
    """A value on one line; absent ones as a dash, floats with four digits."""
    if value is None or value == "":
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split()).replace("|", "\\|")
