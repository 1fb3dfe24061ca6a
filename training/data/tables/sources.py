"""Sources of tables: `csv` and `parquet` files, and `wine` and `cancer`, which need no download."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import annotated_types
import numpy as np

from training.data.source import ArraySource
from training.data.spec import DataSpec
from training.data.tables.checking import check_label, check_names, check_table
from training.data.tables.codec import TableCodec
from training.data.tables.columns import Constant
from training.data.tables.fitting import fit_table

if TYPE_CHECKING:
    import pandas

Share = Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)]
Count = Annotated[int, annotated_types.Ge(1)]
Seed = Annotated[int, annotated_types.Ge(0), annotated_types.Lt(2**31)]


# The documentation of a source of files, below its first line.
OPTIONS = """

Args:
    path: of the file.
    label: name of the column that holds the class, if one does.
    held_out: share of the rows that are kept away from training.
    categorical: names of columns of numbers that are categories.
    drop: names of columns to leave out.
    components: most modes of a numeric column.
    split: seed of the choice of held-out rows.
"""


def _of_file(
    name: str, description: str, read: Callable[[Path], "pandas.DataFrame"]
) -> Callable[..., ArraySource]:
    """The source of tables in files of one format.

    Args:
        name: of the source.
        description: the first line of its documentation.
        read: makes a table of a file that exists.
    """

    def source(
        *,
        path: str,
        label: str = "",
        held_out: Share = 0.2,
        categorical: tuple[str, ...] = (),
        drop: tuple[str, ...] = (),
        components: Count = 10,
        split: Seed = 0,
    ) -> ArraySource:
        return table_source(
            _read(path, read),
            name=name,
            label=label,
            held_out=held_out,
            categorical=categorical,
            drop=drop,
            components=components,
            split=split,
            description=f"The table {Path(path).name}.",
            licence="the user's own data",
        )

    source.__name__ = source.__qualname__ = name
    source.__doc__ = description + OPTIONS
    return source


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
    drop: Sequence[str] = (),
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
        drop: names of columns to leave out.
        components: most modes of a numeric column.
        split: seed of the choice of held-out rows.
        description: one sentence.
        licence: or origin.

    Raises:
        ValueError: what cannot be learnt, in one sentence.
    """
    check_names([str(column) for column in frame.columns])
    frame = frame.rename(columns=str)
    check_table(frame, label=label, named={"categorical": categorical, "drop": drop})
    frame = frame.drop(columns=list(drop))
    if label:
        check_label(frame[label])
    training, kept = _split(frame, label, held_out, split)
    table = fit_table(
        frame, training, label=label, categorical=_still(categorical, drop), components=components
    )
    rows = table.from_frame(frame)
    mean, scale = _moments(table, rows[training])
    spec = DataSpec(
        name=name,
        kind="vector",
        shape=(table.width,),
        examples=len(training),
        held_out=len(kept),
        classes=_classes(table),
        mean=mean,
        scale=scale,
        description=" ".join([description, *_about_constants(table)]).strip(),
        licence=licence,
        table=table,
    )
    labels = (None, None)
    if label:
        labels = (rows[part, table.label_place].astype(np.int32) for part in (training, kept))
    return ArraySource(spec, rows[training], rows[kept], *labels)


def _bundled(bunch: Any, *, label: str, **options: Any) -> ArraySource:
    frame = bunch.frame.drop(columns="target")
    frame[label] = bunch.target_names[bunch.target]
    return table_source(frame, label=label, **options)


def _still(names: Sequence[str], dropped: Sequence[str]) -> list[str]:
    return [name for name in names if name not in dropped]


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
    classes = frame[label].astype(str) if label else None
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


def _about_constants(table: TableCodec) -> list[str]:
    constant = [repr(c.name) for c in table.columns if isinstance(c, Constant)]
    if not constant:
        return []
    return [f"Always the same, so not learnt but put back: {', '.join(constant)}."]


def _read(path: str, read: Callable[[Path], "pandas.DataFrame"]) -> "pandas.DataFrame":
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"`path` must be a file that can be read. Received: path={path!r}")
    try:
        return read(file)
    except UnicodeDecodeError as error:
        raise ValueError(f"`path` must be UTF-8 text. Received: path={path!r}") from error
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"`path` cannot be read: {reason}. Received: path={path!r}") from error
    except ValueError as error:  # pandas' and pyarrow's own errors among them
        reason = str(error).splitlines()[0].strip().rstrip(".")
        raise ValueError(f"`path` must hold a table: {reason}. Received: path={path!r}") from error


def _read_csv(path: Path) -> "pandas.DataFrame":
    import pandas

    header = pandas.read_csv(path, header=None, nrows=1, dtype=str)  # pandas renames duplicates
    check_names(header.iloc[0].dropna().tolist())
    return pandas.read_csv(path, dtype_backend="numpy_nullable")


def _read_parquet(path: Path) -> "pandas.DataFrame":
    import pandas

    frame = pandas.read_parquet(path)
    nullable = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    for name in frame if frame.columns.is_unique else ():
        # Whole numbers with gaps become floats, booleans and text objects, unless asked for.
        kinds = frame[name].dtype.kind + nullable[name].dtype.kind
        if frame[name].dtype == object or kinds in ("fi", "fu"):
            frame[name] = nullable[name]
    return frame


csv = _of_file(
    "csv",
    "A table in a file of comma-separated values with a header; empty cells are missing.",
    _read_csv,
)
parquet = _of_file("parquet", "A table in a Parquet file; nulls are missing.", _read_parquet)
