"""Sources of tables: `csv` and `parquet` files, and `wine` and `cancer`, which need no download."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import annotated_types
import numpy as np

from ganapp.training.data.arrays import MaxBytes
from ganapp.training.data.source import ArraySource
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import DateForm
from ganapp.training.data.tables.fitting import fit_columns, wishes_of
from ganapp.training.data.tables.kinds import ASKED, check_kinds, titled, understand
from ganapp.training.data.tables.reading import (
    TABLE_BYTES,
    TABLE_COLUMNS,
    MaxColumns,
    Sheet,
    check_names,
    read_csv,
    read_parquet,
    read_table,
)
from ganapp.training.sentences import listed

if TYPE_CHECKING:
    import pandas

LEAST_ROWS = 50
Share = Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)]
Count = Annotated[int, annotated_types.Ge(1)]
Seed = Annotated[int, annotated_types.Ge(0), annotated_types.Lt(2**31)]
UNKNOWN = -1  # label of a row without one
NOTHING_SAID: dict[str, str] = {}
# The documentation of a source of files, below its first line.
OPTIONS = """

Args:
    path: of the file.
    label: name of the column that holds the class, if one does.
    held_out: share of the rows that are kept away from training.
    categorical: names of columns of numbers that are categories.
    embedded: names of columns of categories that become points, like ones near each other.
    drop: names of columns to leave out.
    kinds: what columns are, by name: `number`, `date`, `category`, `identifier`, ...
    components: most modes of a numeric column.
    split: seed of the choice of held-out rows.
    max_bytes: that the table may take unpacked, as text or at 8 bytes a cell.
    max_columns: that it may have."""


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
                f"`{option}` must name columns of the table, {listed(known)}. "
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


def _of_file(
    name: str, description: str, licence: str, read: Callable[..., Sheet]
) -> Callable[..., ArraySource]:
    """The source of tables in files of one format.

    Args:
        name: of the source.
        description: the first line of its documentation.
        licence: or origin of the data.
        read: makes a table of a file that exists; its keyword arguments are further options.
    """
    last: dict[tuple, ArraySource] = {}  # the one made last: a command asks more than once

    def source(
        *,
        path: Path,
        label: str = "",
        held_out: Share = 0.2,
        categorical: tuple[str, ...] = (),
        embedded: tuple[str, ...] = (),
        drop: tuple[str, ...] = (),
        kinds: dict[str, str] = NOTHING_SAID,
        components: Count = 10,
        split: Seed = 0,
        max_bytes: MaxBytes = TABLE_BYTES,
        max_columns: MaxColumns = TABLE_COLUMNS,
        **settings: Any,
    ) -> ArraySource:
        options = {
            "label": label,
            "held_out": held_out,
            "categorical": categorical,
            "embedded": embedded,
            "drop": drop,
            "kinds": kinds,
            "components": components,
            "split": split,
        }
        settings |= {"max_bytes": max_bytes, "max_columns": max_columns}
        key = _key(path, options | settings)
        if key is None or key not in last:
            sheet = read_table(path, read, **settings)
            about = {"description": f"The table {Path(path).name}.", "licence": licence}
            found = _source_of(sheet, name=name, **options, **about)
            last.clear()
            if key is None:
                return found
            last[key] = found
        return last[key]

    source.__name__ = source.__qualname__ = name
    own = [p for p in inspect.signature(read).parameters.values() if p.kind is p.KEYWORD_ONLY]
    shared = [p for p in inspect.signature(source).parameters.values() if p.kind is p.KEYWORD_ONLY]
    source.__signature__ = inspect.Signature([*shared, *own])
    source.__annotations__ |= {p.name: typing.get_type_hints(read)[p.name] for p in own}
    arguments = inspect.getdoc(read).partition("path: of the file")[2].partition("\n")[2]
    source.__doc__ = description + OPTIONS + (f"\n{arguments}" if own else "")
    return source


def _key(path: Path, options: Mapping[str, Any]) -> tuple | None:
    """What a source of a file depends on; `None` where there is no file."""
    try:
        status = Path(path).expanduser().stat()
    except OSError:
        return None
    settings = tuple(sorted((name, repr(value)) for name, value in options.items()))
    return (str(path), status.st_ino, status.st_size, status.st_mtime_ns, settings)


def wine(*, held_out: Share = 0.2, components: Count = 1, split: Seed = 0) -> ArraySource:
    """scikit-learn's wines: 178 rows, 13 measurements and which of three growers it is.

    Args:
        held_out: share of the rows that are kept away from training.
        components: most modes of a numeric column.
        split: seed of the choice of held-out rows.
    """
    from sklearn.datasets import load_wine

    return _bundled(
        load_wine(as_frame=True),
        name="wine",
        label="class",
        held_out=held_out,
        components=components,
        split=split,
        description="Chemical analyses of wines of three growers, as bundled with scikit-learn.",
        licence="CC BY 4.0 (UCI Wine)",
    )


def cancer(*, held_out: Share = 0.2, components: Count = 1, split: Seed = 0) -> ArraySource:
    """scikit-learn's breast cancers: 569 rows, 30 measurements and whether it is malignant.

    Args:
        held_out: share of the rows that are kept away from training.
        components: most modes of a numeric column.
        split: seed of the choice of held-out rows.
    """
    from sklearn.datasets import load_breast_cancer

    return _bundled(
        load_breast_cancer(as_frame=True),
        name="cancer",
        label="diagnosis",
        held_out=held_out,
        components=components,
        split=split,
        description="Cell nuclei of breast masses and the diagnosis, as bundled with scikit-learn.",
        licence="CC BY 4.0 (UCI Breast Cancer Wisconsin, Diagnostic)",
    )


def table_source(
    frame: "pandas.DataFrame",
    *,
    name: str,
    label: str = "",
    held_out: float = 0.2,
    categorical: Sequence[str] = (),
    embedded: Sequence[str] = (),
    drop: Sequence[str] = (),
    kinds: Mapping[str, str] = MappingProxyType({}),
    components: int = 10,
    split: int = 0,
    description: str = "",
    licence: str = "",
) -> ArraySource:
    """A source of the rows of a pandas table.

    Args:
        frame: the table.
        name: of the source.
        label: name of the column that holds the class; empty when none does.
        held_out: share of the rows that are kept away from training, of each class alike.
        categorical: names of columns that are categories whatever they look like.
        embedded: names of columns of categories that become points, like ones near each other.
        drop: names of columns to leave out.
        kinds: what columns are, by name.
        components: most modes of a numeric column.
        split: seed of the choice of held-out rows.
        description: one sentence.
        licence: or origin.

    Raises:
        ValueError: what cannot be learnt, in one sentence.
    """
    sheet = Sheet(frame=frame)
    return _source_of(
        sheet,
        name=name,
        label=label,
        held_out=held_out,
        categorical=categorical,
        embedded=embedded,
        drop=drop,
        kinds=kinds,
        components=components,
        split=split,
        description=description,
        licence=licence,
    )


def _source_of(
    sheet: Sheet,
    *,
    label: str,
    held_out: float,
    categorical: Sequence[str],
    embedded: Sequence[str],
    drop: Sequence[str],
    kinds: Mapping[str, str],
    components: int,
    split: int,
    **about: str,
) -> ArraySource:
    """The source of a table that was read.

    Args:
        sheet: the table.
        label: and the other options, see `table_source`.
        **about: name, description and licence for the `DataSpec`.
    """
    check_names([str(column) for column in sheet.frame.columns])
    frame = sheet.frame.rename(columns=str)
    named = {"categorical": categorical, "embedded": embedded, "drop": drop}
    check_table(frame, label=label, named=named, kinds=kinds)
    frame = frame.drop(columns=list(drop))
    if label:
        check_label(frame[label])
    training, kept = _split(frame, label, held_out, split)
    embedded = [name for name in embedded if name not in drop]
    understood = understand(
        frame,
        wishes_of(list(frame.columns), label, categorical, embedded, kinds),
        of_text=sheet.of_text,
        decimal_mark=sheet.decimal,
        separator=sheet.separator,
    )
    table, rows = fit_columns(
        understood,
        training,
        label=label,
        embedded=embedded,
        components=components,
        separator=sheet.separator,
        header=sheet.header,
    )
    notes = (*sheet.notes, *_notes(table, sheet))
    return _source(table, rows, training, kept, about, notes)


def _notes(table: TableCodec, sheet: Sheet) -> list[str]:
    """Sentences on what was assumed of the columns together."""
    decimals = {
        column.form.decimal
        for column in table.varying
        if column.kind == "numeric" and column.form and not isinstance(column.form, DateForm)
    }
    found = []
    if "," in decimals and not sheet.decimal:
        found.append("Commas stand before decimals; `data.decimal` says otherwise.")
    return found


def _source(
    table: TableCodec,
    rows: np.ndarray,
    training: np.ndarray,
    kept: np.ndarray,
    about: dict[str, str],
    notes: tuple[str, ...],
) -> ArraySource:
    """The source of a table that was fitted.

    Args:
        table: the codec.
        rows: all of them, float32 `(n, columns)` in user units.
        training: int, which of them are trained on.
        kept: int, which are held out.
        about: name, description and licence for the `DataSpec`.
        notes: sentences on what was assumed of the file.
    """
    mean, scale = _moments(table, rows[training])
    description = " ".join([about["description"], *table.notes()]).strip()
    spec = DataSpec(
        kind="vector",
        shape=(table.width,),
        examples=len(training),
        held_out=len(kept),
        classes=_classes(table),
        mean=mean,
        scale=scale,
        table=table,
        **about | {"description": description},
    )
    labels = (None, None)
    if table.label_place is not None:
        known = np.nan_to_num(rows[:, table.label_place], nan=UNKNOWN).astype(np.int32)
        labels = (known[training], known[kept])
    return ArraySource(spec, rows[training], rows[kept], *labels, notes=notes)


def _bundled(bunch: Any, *, label: str, **options: Any) -> ArraySource:
    frame = bunch.frame.drop(columns="target")
    frame[label] = bunch.target_names[bunch.target]
    return table_source(frame, label=label, **options)


def _split(
    frame: "pandas.DataFrame", label: str, held_out: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are trained on and rows that are not, each in the order of the table."""
    from sklearn.model_selection import train_test_split

    count = max(1, round(held_out * len(frame)))
    if count >= len(frame) - 1:
        raise ValueError(
            f"`held_out` must leave rows to train on. Received: {held_out} of {len(frame)} rows"
        )
    # Rows that lack their label are a class of their own here: both parts get their share.
    classes = frame[label].astype(str).where(frame[label].notna(), "") if label else None
    # A class with a single row cannot be in both parts, nor more classes than rows in one.
    even = classes is not None and classes.value_counts().min() > 1
    even = even and classes.nunique() <= min(count, len(frame) - count)
    training, kept = train_test_split(
        np.arange(len(frame)),
        test_size=count,
        random_state=seed,
        stratify=classes if even else None,
    )
    return np.sort(training), np.sort(kept)


def _moments(table: TableCodec, rows: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the numeric columns; 0 and 1 of the others."""
    mean, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    for place in table.numeric:
        values = rows[:, place].astype(np.float64)
        values = values[~np.isnan(values)]
        if len(values):
            mean[place], scale[place] = values.mean(), values.std() or 1.0
    return tuple(mean.tolist()), tuple(scale.tolist())


def _classes(table: TableCodec) -> tuple[str, ...]:
    place = table.label_place
    return () if place is None else tuple(map(str, table.varying[place].categories))


csv = _of_file(
    "csv",
    "A table in a file of values apart by commas, semicolons, tabs or bars, with a header.",
    "the user's own data",
    read_csv,
)


parquet = _of_file(
    "parquet", "A table in a Parquet file; nulls are missing.", "the user's own data", read_parquet
)
