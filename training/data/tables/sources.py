"""Sources of tables: `csv` and `parquet` files, and `wine` and `cancer`, which need no download."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import annotated_types
import numpy as np

from ganapp.training.data.source import ArraySource, Count, Share
from ganapp.training.data.spec import DataSpec
from ganapp.training.data.tables.codec import TableCodec, fit_columns
from ganapp.training.data.tables.columns import NumberForm
from ganapp.training.data.tables.constraints import Constraint, check_constraints, constrained
from ganapp.training.data.tables.kinds import (
    MEANINGS,
    ColumnOptions,
    check_kinds,
    infer_columns,
    quoted_name,
)
from ganapp.training.data.tables.reading import (
    Sheet,
    check_names,
    read_csv,
    read_parquet,
    read_table,
)
from ganapp.training.messages import join_names

if TYPE_CHECKING:
    import pandas
    from sklearn.utils import Bunch

LEAST_ROWS = 50
Seed = Annotated[int, annotated_types.Ge(0), annotated_types.Lt(2**31)]
UNKNOWN = -1  # label of a row without one
NO_KINDS: dict[str, str] = {}
Constraints = tuple[Constraint, ...]
LICENCE = "the user's own data"
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
    constraints: what every sample keeps, as the data do; tables with a `name` and its options.
    components: most modes of a numeric column.
    split: seed of the choice of held-out rows.
    max_bytes: that the table may take unpacked, as text or at 8 bytes a cell.
    max_columns: that it may have."""


def table_source(
    table: "pandas.DataFrame | Sheet",
    *,
    name: str,
    label: str = "",
    held_out: Share = 0.2,
    categorical: tuple[str, ...] = (),
    embedded: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    kinds: dict[str, str] = NO_KINDS,
    constraints: Constraints = (),
    components: Count = 10,
    split: Seed = 0,
    description: str = "",
    licence: str = "",
) -> ArraySource:
    """A source of the rows of a table, of pandas or as a file has it; for options see `OPTIONS`.

    Raises:
        ValueError: what cannot be learnt, in one sentence.
    """
    sheet = table if isinstance(table, Sheet) else Sheet(frame=table)
    check_names([str(column) for column in sheet.frame.columns])
    frame = sheet.frame.rename(columns=str)
    _check_options(frame, label, kinds, categorical=categorical, embedded=embedded, drop=drop)
    frame = frame.drop(columns=list(drop))
    categories = {*categorical, *embedded, label}
    check_constraints(constraints, [*frame.columns], kinds, categories, label)
    for constraint in constraints:
        kinds = kinds | constraint.kinds
    named = frame[label].dropna().astype(str).unique() if label else []
    if label and len(named) < 2:
        only = f"only {named[0]!r}" if len(named) else "nothing"
        raise ValueError(
            f"`label` must have at least two classes. Received: {only} in the column {label!r}"
        )
    training, kept = _split(frame, label, held_out, split)
    embedded = [column for column in embedded if column not in drop]
    options = {
        column: ColumnOptions(
            kind=kinds.get(column, "category" if column in categorical else ""),
            embedded=column in embedded,
            label=bool(label) and column == label,
        )
        for column in frame.columns
    }
    columns = infer_columns(
        frame,
        options,
        of_text=sheet.of_text,
        decimal_mark=sheet.decimal,
        separator=sheet.separator,
    )
    codec, rows = fit_columns(
        constrained(constraints, frame, columns),
        training,
        label=label,
        embedded=embedded,
        components=components,
        separator=sheet.separator,
        header=sheet.header,
        constraints=constraints,
    )
    mean, scale = _moments(codec, rows[training])
    place, classes, labels = codec.label_place, (), (None, None)
    if place is not None:
        classes = tuple(map(str, codec.varying[place].categories))
        known = np.nan_to_num(rows[:, place], nan=UNKNOWN).astype(np.int32)
        labels = (known[training], known[kept])
    spec = DataSpec(
        name=name,
        kind="vector",
        shape=(codec.width,),
        examples=len(training),
        held_out=len(kept),
        classes=classes,
        mean=mean,
        scale=scale,
        description=" ".join([description, *codec.notes()]).strip(),
        licence=licence,
        table=codec,
    )
    forms = [column.form for column in codec.varying if column.kind == "numeric"]
    commas = any(form.decimal == "," for form in forms if isinstance(form, NumberForm))
    about = "Commas stand before decimals; `data.decimal` says otherwise."
    notes = (*sheet.notes, about) if commas and not sheet.decimal else sheet.notes
    return ArraySource(spec, rows[training], rows[kept], *labels, notes=notes)


def _of_file(name: str, description: str, read: Callable[..., Sheet]) -> Callable[..., ArraySource]:
    """The source of tables in files of one format, with the options of `table_source`."""
    last: dict[tuple, ArraySource] = {}  # the one made last: a command asks more than once
    own = {**_options_of(read_table), **_options_of(read)}

    def source(*, path: Path, **options: object) -> ArraySource:
        settings = {option: options.pop(option) for option in own if option in options}
        key = _key(path, options | settings)
        if key is None or key not in last:
            sheet = read_table(path, read, **settings)
            about = {"description": f"The table {Path(path).name}.", "licence": LICENCE}
            found = table_source(sheet, name=name, **options, **about)
            last.clear()
            if key is None:
                return found
            last[key] = found
        return last[key]

    shared = _options_of(table_source, leave_out=("name", "description", "licence"))
    options = {**_options_of(source), **shared, **own}
    source.__name__ = source.__qualname__ = name
    source.__signature__ = inspect.Signature(list(options.values()))
    source.__annotations__ = {k: each.annotation for k, each in options.items()}
    source.__annotations__["return"] = ArraySource
    arguments = inspect.getdoc(read).partition("path: of the file")[2].partition("\n")[2]
    source.__doc__ = description + OPTIONS + (f"\n{arguments}" if arguments else "")
    return source


def _options_of(function: Callable, leave_out: Sequence[str] = ()) -> dict[str, inspect.Parameter]:
    parameters = inspect.signature(function).parameters
    named = {k: each for k, each in parameters.items() if each.kind is each.KEYWORD_ONLY}
    return {k: each for k, each in named.items() if k not in leave_out}


def _key(path: Path, options: Mapping[str, object]) -> tuple | None:
    """The facts that a source of a file depends on; `None` where there is no file."""
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
        load_wine,
        "class",
        name="wine",
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
        load_breast_cancer,
        "diagnosis",
        name="cancer",
        held_out=held_out,
        components=components,
        split=split,
        description="Cell nuclei of breast masses and the diagnosis, as bundled with scikit-learn.",
        licence="CC BY 4.0 (UCI Breast Cancer Wisconsin, Diagnostic)",
    )


def _bundled(load: Callable[..., "Bunch"], label: str, **options: object) -> ArraySource:
    bunch = load(as_frame=True)
    frame = bunch.frame.drop(columns="target")
    frame = frame.assign(**{label: bunch.target_names[bunch.target]})
    return table_source(frame, label=label, **options)


def _check_options(
    frame: "pandas.DataFrame", label: str, kinds: Mapping[str, str], **named: Sequence[str]
) -> None:
    known = [str(name) for name in frame.columns]
    every = {**named, "label": [label] if label else []}
    for option, names in every.items():
        absent = next((name for name in names if name not in known), None)
        if absent is not None:
            raise ValueError(
                f"`{option}` must name columns of the table, {join_names(known)}. "
                f"Received: {option}={absent!r}"
            )
    for option in ("drop", "embedded"):
        if label and label in named[option]:
            raise ValueError(f"`{option}` must not name the `label`. Received: {label!r} for both")
    check_kinds(kinds, known)
    for name, kind in kinds.items():
        option = next((o for o, names in every.items() if name in names), "")
        if option and option != "drop" and MEANINGS.get(kind) != "category":
            raise ValueError(
                f"`kinds` must not say {kind!r} of the column {quoted_name(name)}, of which "
                f"`{option}` makes categories. Received: both"
            )
    if len(frame) < LEAST_ROWS:
        raise ValueError(
            f"The table must have at least {LEAST_ROWS} rows. Received: {len(frame)} rows"
        )


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


csv = _of_file(
    "csv",
    "A table in a file of values apart by commas, semicolons, tabs or bars, with a header.",
    read_csv,
)
parquet = _of_file("parquet", "A table in a Parquet file; nulls are missing.", read_parquet)
