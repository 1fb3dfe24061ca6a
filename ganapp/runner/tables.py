"""Tables in Python: runs of data frames, by the parts of which the command line is made."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas
import pyarrow
import pyarrow.parquet
from pandas.api import types

from ganapp.commands.options import check_checkpoint, check_seed
from ganapp.commands.sample import Draw, requested_classes
from ganapp.commands.train import config_for_data
from ganapp.config.loading import as_overrides, as_toml, data_table, load_saved
from ganapp.config.presets import Tables as Settings
from ganapp.config.schema import Config
from ganapp.errors import UserError
from ganapp.runner.evaluation import evaluate_run
from ganapp.runner.experiment import compose
from ganapp.runner.saved_runs import Generator, compose_run, moved_config, open_generator
from ganapp.runner.training import run_to_end, show_plan
from ganapp.runs import Json, Run, check_free, claim_run, open_run
from ganapp.screen import console, say, start_tensorflow
from ganapp.training.data import DataSpec
from ganapp.training.data.tables.constraints import Constraint, as_table
from ganapp.training.data.tables.reading import check_names
from ganapp.training.files import write_atomically
from ganapp.training.messages import join_names

TYPES = b"ganapp.dtypes"  # key of the kept table's metadata: types that Parquet does not keep
# What the type of a column says that it is, in the words of `data.kinds`.
KINDS = (
    (lambda dtype: isinstance(dtype, pandas.CategoricalDtype), "category"),
    (types.is_bool_dtype, ""),  # always categories
    (types.is_integer_dtype, "integer"),
    (types.is_numeric_dtype, "number"),
    (types.is_datetime64_any_dtype, "date"),
    (types.is_string_dtype, "text"),
)


class Tables:
    """A synthesizer of tables: it learns the rows of a table and draws others like them.

        synthesizer = ganapp.Tables().fit(frame, label="city")
        synthesizer.sample(1000)

    What is trained is a run, in the directory `directory`, on which every verb of the command line
    works.

    Args:
        kinds: what columns are, by name, where their type does not say it: `"category"`,
            `"code"`, `"number"`, `"date"`, how dates are written (`"%d/%m/%Y"`), `"identifier"`.
        constraints: that the rows keep and every sample keeps, of `ganapp.constraints`.
    """

    def __init__(
        self, *, kinds: Mapping[str, str] | None = None, constraints: Sequence[Constraint] = ()
    ) -> None:
        for constraint in constraints:
            if not isinstance(constraint, Constraint):
                raise TypeError(
                    "`constraints` must be a list of those of `ganapp.constraints`. "
                    f"Received: {constraint!r}"
                )
        self.kinds, self.constraints = dict(kinds or {}), tuple(constraints)
        self._run: Run | None = None
        self._scratch: weakref.finalize | None = None  # removes a temporary directory
        self._generators: dict[str, Generator] = {}

    def __repr__(self) -> str:
        return f"Tables({'not fitted' if self._run is None else str(self._run.directory)})"

    def fit(
        self,
        table: pandas.DataFrame | str | os.PathLike,
        label: str | None = None,
        *,
        run: str | os.PathLike | None = None,
        settings: Mapping[str, object] | None = None,
        quiet: bool = False,
    ) -> Tables:
        """Trains a run on a table, with the configuration that `ganapp train --data` makes for it.

        Args:
            table: a data frame, whose types say what its columns are and whose index is left out;
                or the path of a table that the command line reads.
            label: the column that holds the class, if one does.
            run: directory of the run; a temporary one where left out, which `save` copies.
            settings: of the configuration, as `{"training.epochs": 5}`.
            quiet: whether nothing is printed.

        Returns:
            The synthesizer itself.

        Raises:
            UserError: the table, an option or a setting is not as it must be.
            KeyboardInterrupt: it was interrupted; what was trained so far is kept and can be
                sampled.
        """
        start_tensorflow()
        with _printing(not quiet):
            scratch = None
            if run is None:
                folder = tempfile.mkdtemp(prefix="ganapp-")
                scratch = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
                run = Path(folder) / "table"
            claimed = Run(Path(run))
            check_free(claimed.directory)
            with _table_data(table) as (data, kept):
                data |= {"label": label} if label is not None else {}
                said = {label, *self.kinds, *(n for each in self.constraints for n in each.kinds)}
                data["kinds"] = _kinds(table, said, settings or {}) | self.kinds
                data["constraints"] = [as_table(constraint) for constraint in self.constraints]
                given = {key: value for key, value in data.items() if value}
                config, _ = config_for_data(given, as_overrides(settings or {}))
                experiment = compose(config)
                show_plan(experiment, claimed.directory)
                if kept is not None:  # only now: what is refused leaves nothing
                    config = _with_path(config, claimed)
                    claim_run(claimed.directory, as_toml(config))
                    shutil.move(kept, claimed.table)
                    experiment = dataclasses.replace(experiment, config=config)
                else:
                    claim_run(claimed.directory, as_toml(config))
            self._open(claimed, scratch)
            code = run_to_end(experiment, claimed)
            if code:
                raise KeyboardInterrupt(f"stopped by {signal.Signals(code - 128).name}")
        return self

    def sample(
        self,
        count: int,
        *,
        label: object = None,
        seed: int = 0,
        truncation: float = 1.0,
        checkpoint: str = "best",
    ) -> pandas.DataFrame:
        """Draws rows: the columns of the table in their order, with their types.

        The same arguments give the same rows, which are those of `ganapp sample`.

        Args:
            count: how many, at least 1.
            label: the class of all of them, where the generator is told one; `"all"` for so many
                of each.
            seed: of the draw, from 0 to 2**31 - 1.
            truncation: from 0 to 1; below 1 rows are likelier and less varied.
            checkpoint: `"best"` by the run's metric, or `"last"`.

        Raises:
            UserError: an argument is out of its range.
        """
        check_checkpoint(checkpoint)
        check_seed(seed)
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise UserError(
                f"`count` must be a whole number, at least 1. Received: count={count!r}"
            )
        if not 0 <= truncation <= 1:
            raise UserError(f"`truncation` must be from 0 to 1. Received: {truncation!r}")
        generator = self._generator(checkpoint)
        labels = requested_classes(generator, None if label is None else str(label), int(count))
        draw = Draw(
            generator=generator,
            count=int(count) if labels is None else len(labels),
            seed=seed,
            truncation=truncation,
            labels=labels,
            columns=None,
        )
        return self._as_given(generator.spec, draw.samples())

    def evaluate(
        self,
        *,
        settings: Mapping[str, object] | None = None,
        data: str | os.PathLike | None = None,
        quiet: bool = False,
    ) -> Json:
        """Evaluates the best and the last generator, as `ganapp evaluate`, and writes the report.

        Args:
            settings: of the evaluation, as `{"evaluation.samples": 500}`.
            data: where the table lies now, if the run keeps none and it was moved.
            quiet: whether nothing is printed.

        Returns:
            What `report.json` holds: `best` and `last`, and in each `figures` by name with `value`,
            `floor`, `baseline` and others.

        Raises:
            UserError: the table is no longer there, or it is another one.
        """
        run = self._fitted
        with _printing(not quiet):
            where = None if data is None else os.fspath(data)
            config = moved_config(
                run, as_overrides(settings or {}), where, sections=("evaluation",)
            )
            evaluate_run(compose_run(run, config), run)
            return run.read_report()

    @property
    def report(self) -> Json | None:
        """The report of the last evaluation, which `fit` ends in; `None` where there is none."""
        return self._fitted.read_report()

    @property
    def columns(self) -> pandas.DataFrame:
        """What was understood of each column, and assumed: the table that `train` prints."""
        described = _spec_of(self._fitted).table.describe()
        return pandas.DataFrame(map(dataclasses.asdict, described)).set_index("name")

    @property
    def directory(self) -> Path:
        """The directory of the run."""
        return self._fitted.directory

    def save(self, directory: str | os.PathLike) -> Path:
        """Copies the run to a directory of its own; returns that.

        The verbs of the command line work on it. It holds the table, if that was a data frame.

        Raises:
            UserError: there is something in the directory already.
        """
        target = Path(directory)
        run = self._fitted
        check_free(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}.", dir=target.absolute().parent
        ) as scratch:
            copy = Run(Path(scratch) / target.name)
            shutil.copytree(
                run.directory, copy.directory, ignore=shutil.ignore_patterns(run.lock.name)
            )
            if copy.table.is_file():  # where it will lie
                config = _with_path(load_saved(copy.config), Run(target))
                write_atomically(copy.config, as_toml(config))
            if target.is_dir():
                shutil.rmtree(target)  # what a killed `train` left of a claim
            os.replace(copy.directory, target)
        return target

    @classmethod
    def load(cls, directory: str | os.PathLike) -> Tables:
        """Opens a run of a table, whether `fit` or the command line has made it.

        Raises:
            UserError: there is no run, or it is not one of a table.
        """
        start_tensorflow()
        run = open_run(Path(directory))
        table = _spec_of(run).table
        if table is None:
            raise UserError(
                f"`directory` must be a run of a table. Received: {directory}, a run of other data"
            )
        loaded = cls(constraints=table.constraints)
        loaded.kinds = dict(load_saved(run.config).data.options.get("kinds", {}))
        loaded._open(run)
        return loaded

    @property
    def _fitted(self) -> Run:
        if self._run is None:
            raise UserError("The synthesizer must be fitted or loaded first. Received: neither")
        return self._run

    def _open(self, run: Run, scratch: weakref.finalize | None = None) -> None:
        if self._scratch is not None:
            self._scratch()
        # Absolute: a script may go on in another directory.
        self._run = Run(run.directory.absolute())
        self._scratch, self._generators = scratch, {}

    def _generator(self, checkpoint: str) -> Generator:
        if checkpoint not in self._generators:
            self._generators[checkpoint], _ = open_generator(self._fitted, checkpoint)
        return self._generators[checkpoint]

    def _as_given(self, spec: DataSpec, rows: np.ndarray) -> pandas.DataFrame:
        """Rows as a data frame with the types of the one that was learnt."""
        frame, kept = spec.table.to_frame(rows), self._fitted.table
        if not kept.is_file():
            return frame
        text = None
        for name, dtype in _kept_types(kept).items():
            if name not in frame or frame[name].dtype == dtype:
                continue
            if types.is_string_dtype(dtype):  # read as numbers or dates: written as they were
                text = spec.table.to_text(rows) if text is None else text
                frame[name] = text[name]
            frame[name] = frame[name].astype(dtype)
        return frame


def _spec_of(run: Run) -> DataSpec:
    described = (run.read_manifest() or {}).get("data")
    if described is None:
        raise UserError(
            f"The run {run.directory} has not begun; continue it with `python -m ganapp resume "
            f"{run.directory}`."
        )
    return DataSpec.from_dict(described)


@contextlib.contextmanager
def _printing(wanted: bool) -> Iterator[None]:
    before = console.quiet
    console.quiet = before or not wanted
    try:
        yield
    finally:
        console.quiet = before


@contextlib.contextmanager
def _table_data(
    table: pandas.DataFrame | str | os.PathLike,
) -> Iterator[tuple[Settings, Path | None]]:
    """The table `data` of a configuration; of a data frame with the file that it was put into."""
    if isinstance(table, str | os.PathLike):
        yield data_table(os.fspath(table)), None
        return
    if not isinstance(table, pandas.DataFrame):
        raise TypeError(
            "`table` must be a pandas data frame or the path of a table. "
            f"Received: {type(table).__name__}"
        )
    with tempfile.TemporaryDirectory(prefix="ganapp-") as scratch:
        path = Path(scratch) / Run(Path(scratch)).table.name
        _keep(table, path)
        yield {"source": "parquet", "path": str(path)}, path


def _keep(frame: pandas.DataFrame, path: Path) -> None:
    """Writes a data frame with its types, without its index, which is said."""
    if wrong := next((name for name in frame.columns if not isinstance(name, str)), None):
        raise UserError(
            "The columns of the data frame must be named by text; `frame.rename(columns=str)` "
            f"names them so. Received: {wrong!r}"
        )
    check_names([*frame.columns])
    index = frame.index
    if not isinstance(index, pandas.RangeIndex) or index.names != [None]:
        named = [repr(name) for name in index.names if name is not None]
        say(
            f"The index{f' {join_names(named)}' if named else ''} of the data frame is left out; "
            "`frame.reset_index()` makes a column of it."
        )
    try:
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    except (pyarrow.ArrowException, TypeError, ValueError) as error:
        raise UserError(
            "The columns of the data frame must hold numbers, text, dates or truth values. "
            f"Received: {str(error).splitlines()[0]}"
        ) from error
    dtypes = {name: _type_as_json(frame[name].dtype) for name in frame}
    metadata = {**table.schema.metadata, TYPES: json.dumps(dtypes).encode()}
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)


def _type_as_json(dtype: object) -> object:
    if not isinstance(dtype, pandas.CategoricalDtype):
        return str(dtype)
    return {"categories": dtype.categories.tolist(), "ordered": bool(dtype.ordered)}


def _kept_types(path: Path) -> dict[str, object]:
    """The types of the columns of a data frame that a run keeps, by name."""
    known = json.loads(pyarrow.parquet.read_schema(path).metadata.get(TYPES, b"{}"))
    return {
        name: pandas.CategoricalDtype(**each)
        if isinstance(each, dict)
        else pandas.api.types.pandas_dtype(each)
        for name, each in known.items()
    }


def _kinds(
    table: object, said: Iterable[str | None], settings: Mapping[str, object]
) -> dict[str, str]:
    """What the types of a data frame say of its columns, where no option (`said`) does.

    Raises:
        ValueError: text is different in every row, which is nothing to learn.
    """
    if not isinstance(table, pandas.DataFrame):
        return {}
    said = set(said)
    for option in ("drop", "categorical", "embedded"):
        said |= set(settings.get(f"data.{option}") or ())
    found = {}
    for name in table.columns:
        dtype = table[name].dtype
        kind = next((kind for holds, kind in KINDS if holds(dtype)), "")
        if str(dtype) == "object":  # what it holds decides: text, dates, decimals or truth values
            texts = table[name].dropna().map(lambda cell: isinstance(cell, str))
            kind = "text" if len(texts) and texts.all() else ""
        if not kind or name in said:
            continue
        if (
            kind == "text"
            and table[name].count() > 2
            and not table[name].dropna().duplicated().any()
        ):
            raise UserError(
                f"The column {name!r} holds text that is different in every row, so it must be "
                f"said what to do with it: `Unique({name!r})` among `constraints` or "
                f"`kinds={{{name!r}: 'identifier'}}` writes it anew, `settings={{'data.drop': "
                f"[{name!r}]}}` leaves it out. Received: {table[name].dropna().iloc[0]!r}, ..."
            )
        found[name] = kind
    return found


def _with_path(config: Config, run: Run) -> Config:
    """The configuration of a run that keeps its table."""
    raw = config.model_dump(mode="json", exclude_none=True)
    raw["data"]["path"] = str(run.table.absolute())
    return Config.model_validate(raw)
