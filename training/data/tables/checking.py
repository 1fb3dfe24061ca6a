"""What a table must be to be learnt, as a whole."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ganapp.training.data.tables.kinds import ASKED, check_kinds, titled
from ganapp.training.messages import join_names

if TYPE_CHECKING:
    import pandas

LEAST_ROWS = 50


def check_table(
    frame: "pandas.DataFrame",
    *,
    label: str,
    named: Mapping[str, Sequence[str]],
    kinds: Mapping[str, str],
) -> None:
    """Refuses a table too small or without the columns that the options name.

    Args:
        frame: as read.
        label: name of the column that holds the class, or empty.
        named: by option, the columns that it names.
        kinds: what some columns are.

    Raises:
        ValueError: the option, what was expected and what came.
    """
    known = [str(name) for name in frame.columns]
    for option, names in {**named, "label": [label] if label else []}.items():
        absent = next((name for name in names if name not in known), None)
        if absent is not None:
            raise ValueError(
                f"`{option}` must name columns of the table, {join_names(known)}. "
                f"Received: {option}={absent!r}"
            )
    for option in ("drop", "embedded"):
        if label and label in named.get(option, ()):
            raise ValueError(f"`{option}` must not name the `label`. Received: {label!r} for both")
    check_kinds(kinds, known)
    for name, kind in kinds.items():
        classes = {"label": [label] if label else []}
        option = next((o for o, names in {**named, **classes}.items() if name in names), "")
        if option and option != "drop" and ASKED.get(kind) != "category":
            raise ValueError(
                f"`kinds` must not say {kind!r} of the column {titled(name)}, of which `{option}` "
                f"makes categories. Received: both"
            )
    if len(frame) < LEAST_ROWS:
        raise ValueError(
            f"The table must have at least {LEAST_ROWS} rows. Received: {len(frame)} rows"
        )


def check_label(series: "pandas.Series") -> None:
    """Refuses a label that tells nothing apart; rows may lack it."""
    classes = series.dropna().astype(str).unique()
    if len(classes) < 2:
        only = f"only {classes[0]!r}" if len(classes) else "nothing"
        raise ValueError(
            f"`label` must have at least two classes. Received: {only} in the column "
            f"{series.name!r}"
        )
