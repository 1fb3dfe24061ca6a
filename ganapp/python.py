"""A run from Python: a GAN of the user's own, or a preset's, in a directory like any other."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ganapp.commands.diagnose import diagnose
from ganapp.commands.evaluate import evaluate
from ganapp.commands.export import export
from ganapp.commands.show import show
from ganapp.commands.train import new_config
from ganapp.config.loading import (
    as_overrides,
    as_toml,
    data_table,
    differences,
    load_saved,
    validated,
    with_overrides,
)
from ganapp.config.presets import Tables
from ganapp.config.schema import Config, DataConfig
from ganapp.errors import UserError, as_user_errors
from ganapp.models.checks import RANGES, final_activation
from ganapp.models.gan import GAN
from ganapp.models.tensors import EXAMPLE, LABEL
from ganapp.notebook import run_html
from ganapp.runner.experiment import (
    OBSERVATIONS,
    Experiment,
    compose,
    network_file,
    read_stored_data,
    stored_data_of,
)
from ganapp.runner.saved_runs import earlier_lengths, open_generator
from ganapp.runner.script import KEPT, tables_of_gan
from ganapp.runner.training import (
    describe,
    live_page,
    progress_display,
    recorders,
    restored,
    run_to_end,
    show_plan,
)
from ganapp.runs import RUNS, Json, check_free, claim_run, next_directory, open_run
from ganapp.runs import Run as Files
from ganapp.screen import say
from ganapp.training.callbacks import Logs, completed_steps
from ganapp.training.callbacks.evaluation import Evaluate
from ganapp.training.callbacks.safety import CheckpointEvery
from ganapp.training.checkpoints import list_steps
from ganapp.training.data import Source

MOST_BYTES = 2**32  # of arrays that a run keeps
SETTINGS = ("data.", "evaluation.", "training.")  # what may be said of a script's run
OF_SCRIPT = ("epochs", "steps_per_epoch", "batch_size", "seed", "precision")  # `fit` and GAN say
PLAYERS = ("generator", "discriminator")

_BEGUN: dict[Path, contextlib.ExitStack] = {}  # directories in which this process trains

Data = str | Path | Mapping | np.ndarray | tuple | tf.data.Dataset | Source
# Of a file of examples; all others in it are observations.
OWN_ARRAYS = {"x", "y", "x_train", "y_train", "x_test", "y_test"}


class Run:
    """The run of a GAN that a script trains, or one that is there already.

        run = ganapp.Run("runs/mine", gan, (images, labels))
        gan.fit(run.batches(batch_size=64), epochs=20, callbacks=run.callbacks())
        run.evaluate()

    The directory is a run like those of the command line, which can evaluate, sample, compare,
    diagnose, export, verify and serve it, now and later. The same script run once more goes on
    where the last one stopped, exactly, as long as data, networks and settings are the same.

    Args:
        directory: of the run; a new one, or that of a run.
        gan: compiled; left out to open a run that is there.
        data: what is learnt. Arrays, `x` or `(x, labels)`, or a `tf.data.Dataset` of such examples
            that ends: images `(n, height, width, channels)`, uint8 or floats of 0 to 1 or -1 to 1,
            or vectors `(n, d)`; or a dict of `x`, perhaps `label`, and observations, floats
            `(n, ...)` as the networks see them; or a `Source` that holds its examples. The run
            keeps a copy. Or data as the command line names them:
            `"digits"`, `"folder:photos"`, a path, or a table of options,
            `{"source": "moving_digits", "past": 2}`.
        settings: of the evaluation, of the data and of the records, in the words of the command
            line: `{"evaluation.samples": 500, "training.evaluate_every": 200}`.

    Raises:
        UserError: the directory holds something else, the data cannot be read, or do not fit.
    """

    def __init__(
        self,
        directory: str | Path,
        gan: GAN | None = None,
        data: Data | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.files, self.gan = Files(Path(directory)), gan
        if gan is None:
            open_run(self.files.directory)
            return
        if data is None:
            raise UserError("`data` is needed beside `gan`: what it learns. Received: None")
        self._settings = _settings_of(settings or {}, SETTINGS)
        self._batch_size: int | None = None
        if not self.files.config.exists():
            check_free(self.files.directory)
        self._data = Handed(data, shape=gan.example_shape, kept=self.files.examples)
        of_data = [each for each in self._settings if each.startswith("data.")]
        section = with_overrides({"data": self._data.table}, of_data)["data"]
        config = validated(section, "`data`", DataConfig)
        with as_user_errors(config.source):
            self.source = config.build()
            _check_fit(gan, self.source)
        for note in self.source.notes:
            say(f"- {note}", style="dim")

    def __repr__(self) -> str:
        return f"ganapp.Run({str(self.files.directory)!r})"

    def _repr_html_(self) -> str:
        """What a notebook shows: figures, alarms, and samples."""
        return run_html(self.files)

    # Training ------------------------------------------------------------------------------------

    def batches(
        self, batch_size: int = 64, *, steps_per_epoch: int | None = None
    ) -> tf.data.Dataset:
        """Training batches for `fit`, each a function of the GAN's seed and step alone.

        Examples are in model units: pixels from -1 to 1, each coordinate of vectors standardised.
        `fit` needs no `steps_per_epoch`. A run that goes on begins at the batch that is due.

        Args:
            batch_size: examples of one discriminator update; a batch holds as many for each.
            steps_per_epoch: one pass over the data by default; to be given for endless ones.

        Returns:
            A dataset of `{"x": ..., "label": ..., observations}`, `(batch, ...)` each.
        """
        gan, source = self._compiled(), self.source
        rows = batch_size * gan.objective.discriminator_steps
        steps = steps_per_epoch or source.steps_per_epoch(rows)
        if not steps:
            raise UserError(
                "`steps_per_epoch` is needed for data without an end, and a batch must not be "
                f"larger than the {source.spec.examples or 'endless'} training examples. "
                f"Received: batch_size={batch_size}, steps_per_epoch={steps_per_epoch}"
            )
        self._batch_size = batch_size
        # Asked for at the beginning of each epoch, in which `fit` makes a new iterator.
        first = tf.data.Dataset.from_generator(
            lambda: iter([completed_steps(gan)]), output_signature=tf.TensorSpec((), tf.int64)
        )
        numbers = first.flat_map(lambda step: tf.data.Dataset.range(step, step + steps))

        def batch(step: tf.Tensor) -> dict[str, tf.Tensor]:
            zero = tf.zeros((), tf.int64)
            return source.rows(step, zero, rows, batch_size=rows, seed=gan.seed)

        batches = numbers.map(batch, num_parallel_calls=tf.data.AUTOTUNE)
        known = tf.data.experimental.assert_cardinality(steps)
        return batches.apply(known).prefetch(tf.data.AUTOTUNE)

    def callbacks(self, *, batch_size: int | None = None) -> list[keras.callbacks.Callback]:
        """Everything that records the run, as one callback; put your own after it.

        It writes figures for TensorBoard and `metrics.jsonl`, pictures of samples, evaluations,
        alarms and checkpoints, and adds the last evaluation's figures to the logs of an epoch, as
        `val_frechet_distance`, `val_coverage` and the like, for `EarlyStopping` and others.

        Args:
            batch_size: of one discriminator update, where the batches are not this run's.
        """
        self._compiled()
        self._batch_size = batch_size or self._batch_size
        if self._batch_size is None:
            raise UserError(
                "`run.batches()` comes before `run.callbacks()`; for batches of your own give "
                "`callbacks(batch_size=...)`. Received: neither"
            )
        return [Recorder(self)]

    def _compiled(self) -> GAN:
        if self.gan is None or getattr(self.gan, "objective", None) is None:
            raise UserError(
                "The run needs a compiled GAN: `gan.compile(objective=...)`, then "
                "`ganapp.Run(directory, gan, data)`. "
                f"Received: {'none' if self.gan is None else 'one that is not compiled'}"
            )
        return self.gan

    def begin(self, epochs: int, steps: int | None) -> list[keras.callbacks.Callback]:
        """Claims the directory, or restores what stands there; the callbacks that record.

        Args:
            epochs: of the whole run.
            steps: of an epoch.
        """
        self.end()
        if steps is None:
            raise UserError(
                "`fit` needs `steps_per_epoch` for batches whose number it does not know. "
                "Received: none"
            )
        gan, files = self._compiled(), self.files
        config = self._config(epochs, steps)
        stored = read_stored_data(files) if files.config.exists() else None
        lengths: tuple[int, ...] = ()
        if files.config.exists():
            lengths = self._going_on(config)
        else:
            claim_run(files.directory, as_toml(config))
            self._data.keep(files)
        _BEGUN[files.directory.resolve()] = begun = contextlib.ExitStack()
        begun.enter_context(files.in_use())
        with as_user_errors(config.data.source):
            data = stored or stored_data_of(config, self.source, self._networks())
        strategy = gan.distribute_strategy
        experiment = Experiment(config, self.source, strategy, gan, steps, data, lengths)
        if gan.conditions:
            count = max(OBSERVATIONS, config.evaluation.samples)
            gan.set_observations(**self.source.held_out_observations(count))
        checkpoints, start = restored(experiment, files)
        describe(experiment, files, files, start)
        # Keras begins with this epoch; the last one is cut short where one had been begun.
        gan._initial_epoch = start // steps
        page = live_page()
        shown = [progress_display(experiment, page)] if page else []  # else Keras's bar is enough
        return [*recorders(experiment, files, checkpoints, page), *shown]

    def end(self) -> None:
        """Lets go of the directory, also of one that a `fit` has left which was interrupted."""
        if begun := _BEGUN.pop(self.files.directory.resolve(), None):
            begun.close()

    def _networks(self) -> dict[str, keras.Model]:
        gan = self.gan
        kept = {n: each.network for n, each in gan.companions.items() if n in KEPT}
        return {name: getattr(gan, name) for name in PLAYERS} | kept

    def _config(self, epochs: int, steps: int) -> Config:
        directory = self.files.directory.absolute()
        places = {name: network_file(Files(directory), name) for name in self._networks()}
        tables, unknown = tables_of_gan(self.gan, places)
        tables["data"] = self._data.table_in(self.files)
        tables["training"] |= {
            "epochs": epochs,
            "steps_per_epoch": steps,
            "batch_size": self._batch_size,
        }
        tables["script"] = {"unknown": unknown}
        return validated(with_overrides(tables, self._settings), "`settings`")

    def _going_on(self, config: Config) -> tuple[int, ...]:
        """The lengths that the run had before; refuses to go on as another one."""
        before = load_saved(self.files.config)
        old, new = (each.model_dump(mode="json", exclude_none=True) for each in (before, config))
        for tables in (old, new):
            tables["data"].pop("path", None)  # the content is compared instead
            tables.pop("script")
            tables["training"].pop("epochs")
            for player in PLAYERS:  # the directory may have another name now
                tables[player].pop("file", None)
            for companion in tables["companions"].values():
                companion.pop("file", None)
        if changed := differences(old, new):
            raise UserError(
                f"The run {self.files.directory} was begun with other settings; go on with those, "
                f"or take another directory. Differences: {'; '.join(changed)}."
            )
        if config.training.epochs < before.training.epochs:
            raise UserError(
                f"The run {self.files.directory} was begun for {before.training.epochs} epochs and "
                f"can be made longer, not shorter. Received: epochs={config.training.epochs}"
            )
        return earlier_lengths(self.files, config)

    # What comes after it -------------------------------------------------------------------------

    @property
    def report(self) -> Json | None:
        """The last evaluation, as `report.json` holds it; `None` before the first."""
        return self.files.read_report()

    def evaluate(self, **settings: object) -> Json:
        """Evaluates the best and the last generator, prints the figures and returns the report.

        Args:
            settings: of the evaluation, `samples=500`, `features="classifier"`.
        """
        given = {f"evaluation.{name}": value for name, value in settings.items()}
        evaluate(self.files.directory, overrides=_settings_of(given, ("evaluation.",)))
        return self.report

    def samples(
        self, count: int, *, seed: int = 0, checkpoint: str = "best", **named: object
    ) -> np.ndarray:
        """Samples of the averaged generator in the units of the data, `(count, ...)`.

        Args:
            count: how many.
            seed: the same one gives the same samples.
            checkpoint: `"best"` by the run's metric, or `"last"`.
            named: inputs of the generator that are chosen: `label=3`, codes, observations.
        """
        generator, _ = open_generator(self.files, checkpoint)
        samples = generator.gan.generate(count, seed=seed, **named)
        return np.asarray(generator.spec.to_user_units(samples))

    def diagnose(self) -> Json:
        """Prints what is wrong with the run, by theory and alarms; `diagnosis.json`'s content."""
        diagnose(self.files.directory)
        return json.loads((self.files.directory / "diagnosis" / "diagnosis.json").read_text())

    def export(self, **options: object) -> Path:
        """Exports the generator, verified; options as of the command `export`; the folder."""
        export(self.files.directory, **options)
        return Path(options.get("out") or self.files.export)

    def show(self) -> None:
        """Prints what the run has: figures, verdict, files."""
        show(self.files.directory)


class Recorder(keras.callbacks.Callback):
    """Hands on what `fit` does to the callbacks of a run, which are made when it begins.

    Only then are the number of epochs and the steps of one known.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        self._figures: dict[str, float] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        epochs, steps = self.params["epochs"], self.params["steps"]
        self._last = epochs * (steps or 0)
        callbacks = self.run.begin(epochs, steps)
        for each in callbacks:
            if isinstance(each, Evaluate):
                each.sinks += (self._keep,)
            elif isinstance(each, CheckpointEvery):
                self._save = each.save
        self._inner = keras.callbacks.CallbackList(callbacks, model=self.model, **self.params)
        self._inner.on_train_begin(logs)
        self._step, self._begin = completed_steps(self.model), 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._inner.on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch
        self._inner.on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._inner.on_train_batch_end(batch, logs)
        # A run that goes on within an epoch has fewer steps left than its epochs have.
        self._step += batch - self._begin + 1
        if self._step >= self._last:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs |= self._figures
        self._inner.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._inner.on_train_end(logs)
        # Whoever stops the training, such as `EarlyStopping`, means the networks as they are now.
        step = completed_steps(self.model)
        if step and step not in list_steps(self.run.files.checkpoints):
            self._save(step)
        self.model._initial_epoch = None  # or Keras would begin any later `fit` there, too
        self.run.end()

    def _keep(self, step: int, figures: Mapping[str, float]) -> None:
        self._figures = {f"val_{name}": value for name, value in figures.items()}


class Handed:
    """The data that a person hands over in Python: named as in a configuration, or arrays.

    Arrays are written to a file, which a run then takes over: `table` says where it is before.

    Args:
        data: see `Run`.
        shape: of one example, by which the batches of a dataset are told from its examples; `None`
            where it is not known, and datasets are refused.
        kept: what the run has taken over before, if anything.
    """

    def __init__(self, data: Data, *, shape: tuple[int, ...] | None, kept: Path | None) -> None:
        self._scratch: Path | None = None
        if isinstance(data, str | Path):
            self.table = data_table(str(data))
        elif isinstance(data, Mapping) and "source" in data:
            self.table = dict(data)
        else:
            arrays = source_arrays(data) if isinstance(data, Source) else arrays_of(data, shape)
            self.table = {"source": "npz", "path": str(self._write(arrays, kept))}
            if observed := sorted(set(arrays) - OWN_ARRAYS):
                self.table["observations"] = observed

    def _write(self, arrays: dict[str, np.ndarray], kept: Path | None) -> Path:
        if kept is not None and kept.exists():
            with np.load(kept, allow_pickle=False) as before:
                same = set(before) == set(arrays) and all(
                    np.array_equal(before[name], each) for name, each in arrays.items()
                )
            if not same:
                raise UserError(
                    f"The run in {kept.parent} was begun with other arrays; give it those, or take "
                    "another directory."
                )
            return kept
        self._scratch = Path(tempfile.mkdtemp(prefix="ganapp-"))
        weakref.finalize(self, shutil.rmtree, self._scratch, ignore_errors=True)
        path = self._scratch / "examples.npz"
        np.savez(path, **arrays)
        return path

    def table_in(self, files: Files) -> Tables:
        """The table of the run that takes them over."""
        if self._scratch is None:
            return self.table
        return {**self.table, "path": str(files.examples.absolute())}

    def keep(self, files: Files) -> None:
        """Moves arrays into the run, which has its directory now."""
        if self._scratch is not None:
            shutil.copyfile(self.table["path"], files.examples)
            shutil.rmtree(self._scratch)
            self.table, self._scratch = self.table_in(files), None


def arrays_of(data: Data, shape: tuple[int, ...] | None) -> dict[str, np.ndarray]:
    """The arrays `x`, perhaps `y`, and observations in what a person hands over.

    Args:
        data: an array, a pair, a dict of `x`, perhaps `label`, and observations by name, or a
            dataset of any of these.
        shape: of one example; `None` refuses datasets.

    Raises:
        UserError: it holds something else, never ends, or takes more than four gigabytes.
    """
    if isinstance(data, tf.data.Dataset):
        if shape is None:
            raise UserError("`data` must be arrays, or data by their name. Received: a dataset")
        data = _collected(data, len(shape))
    if isinstance(data, Mapping):
        if EXAMPLE not in data or set(data) & (OWN_ARRAYS - {EXAMPLE}):
            raise UserError(
                "`data` in a dict must hold the examples `x`, perhaps their `label`, and "
                "observations by other names. "
                f"Received: {', '.join(map(repr, sorted(data)))}"
            )
        named = {"y" if name == LABEL else name: each for name, each in data.items()}
    else:
        parts = data if isinstance(data, tuple) else (data,)
        named = dict(zip(("x", "y", "third"), parts, strict=False))
    arrays = {name: np.asarray(each) for name, each in named.items() if each is not None}
    if "third" in arrays or any(each.dtype == object for each in arrays.values()):
        raise UserError(
            "`data` must be arrays, `x` or `(x, labels)`, a dict or a dataset of these, or the "
            "name of a data source. Tables are for `ganapp.Tables`. "
            f"Received: {type(data).__name__} of {len(named)} parts"
        )
    if sum(each.nbytes for each in arrays.values()) > MOST_BYTES:
        raise UserError(
            "`data` in arrays may take 4 GB at most, because the run keeps a copy: save them with "
            "`numpy.save` and give the path. "
            f"Received: {sum(each.nbytes for each in arrays.values()) / 1e9:.1f} GB"
        )
    return arrays


def _collected(dataset: tf.data.Dataset, rank: int) -> Mapping | tuple:
    """All examples of a dataset, of one example or a batch an element, with all that is theirs."""
    if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
        raise UserError("`data` must end: `dataset.take(n)` without `repeat()`. Received: endless")
    columns: dict[object, list[np.ndarray]] = {}
    by_name, taken = False, 0
    for element in dataset.as_numpy_iterator():
        by_name = isinstance(element, Mapping)
        parts = element if by_name else element if isinstance(element, tuple) else (element,)
        parts = dict(parts if by_name else enumerate(parts))
        single = np.ndim(parts.get(EXAMPLE, parts.get(0))) == rank
        for key, part in parts.items():
            part = np.asarray(part)[None] if single else np.asarray(part)
            columns.setdefault(key, []).append(part)
            taken += part.nbytes
        if taken > MOST_BYTES:
            raise UserError("`data` may take 4 GB at most, because the run keeps a copy of it.")
    if not columns:
        raise UserError("`data` must hold examples. Received: an empty dataset")
    found = {key: np.concatenate(column) for key, column in columns.items()}
    return found if by_name else tuple(found.values())


def source_arrays(source: Source) -> dict[str, np.ndarray]:
    """The examples of a source that holds them, training and held-out ones apart.

    Raises:
        UserError: they have no end, are no images and no vectors, or take more than 4 GB.
    """
    spec = source.spec
    if spec.examples is None or spec.table is not None or spec.kind not in ("image", "vector"):
        raise UserError(
            "`data` as an object must be a source of images or vectors that holds its examples; "
            "of others give the name and the options, `{'source': 'moving_digits', 'past': 2}`. "
            f"Received: {spec.name!r}, {spec.kind} data"
            + (" without an end" if spec.examples is None else "")
        )
    (x, y), (x_test, y_test) = source.training_examples(), source.held_out_examples()
    arrays = {"x_train": x, "x_test": x_test}
    if y is not None:
        arrays |= {"y_train": y, "y_test": y_test}
    held_out = source.held_out_observations()
    for name, rows in source.training_observations().items():
        arrays[name] = np.concatenate([rows, held_out[name]])
    if sum(each.nbytes for each in arrays.values()) > MOST_BYTES:
        raise UserError("`data` may take 4 GB at most, because the run keeps a copy of it.")
    return {name: np.asarray(each) for name, each in arrays.items()}


def _check_fit(gan: GAN, source: Source) -> None:
    """Refuses data of other examples, classes or observations than the networks have."""
    spec = source.spec
    if tuple(spec.shape) != tuple(gan.example_shape):
        raise ValueError(
            f"`data` must hold examples of the shape that the networks have, {gan.example_shape}. "
            f"Received: {spec.shape}"
        )
    ending = final_activation(gan.generator)
    if spec.pixels and ending in RANGES and RANGES[ending][0] > -1:
        raise ValueError(
            "`generator` must be able to make pixels from -1 to 1, which is what `run.batches()` "
            f"yields and samples are turned back from: let it end in tanh. Received: {ending!r}"
        )
    if gan.classes not in (0, len(spec.classes)):
        raise ValueError(
            f"`data` must have labels of the {gan.classes} classes that the generator takes. "
            f"Received: {len(spec.classes)} classes"
        )
    if missing := set(gan.conditions) - set(spec.conditions):
        raise ValueError(
            f"`data` must have the observations {', '.join(map(repr, sorted(missing)))}, which the "
            f"networks take. Received: {', '.join(map(repr, spec.conditions)) or 'none'}"
        )


def _settings_of(settings: Mapping[str, object], allowed: Sequence[str]) -> list[str]:
    """Settings as `--set` has them.

    Raises:
        UserError: one does not begin as those that are `allowed`, or the script says it otherwise.
    """
    found = as_overrides(settings)
    for each in found:
        key = each.partition("=")[0]
        table, _, name = key.partition(".")
        if not key.startswith(tuple(allowed)) or (table == "training" and name in OF_SCRIPT):
            raise UserError(
                f"`settings` may be of {' and '.join(allowed)}* here; what is trained and for how "
                f"long, the GAN and `fit` say. Received: {key!r}"
            )
    return found


def train(
    preset: str | None = None,
    *,
    data: Data | None = None,
    run: str | Path | None = None,
    **settings: object,
) -> Run:
    """Trains a preset, or what suits the data, as the command `train` does; the finished run.

    Args:
        preset: its name, or a TOML file; without one the data decide.
        data: instead of the preset's, see `Run`.
        run: directory; `runs/<preset>-<NNNN>` by default.
        settings: in the words of the command line, `training={"epochs": 5}`, or
            `**{"training.epochs": 5}`.

    Raises:
        UserError: something does not fit, or the run was interrupted.
    """
    given = as_overrides(settings)
    handed = None if data is None else Handed(data, shape=None, kept=None)
    table = None if handed is None else handed.table
    config, name = new_config(preset, table, given)
    directory = Path(run) if run is not None else next_directory(RUNS, name)
    check_free(directory)
    experiment = compose(config)
    show_plan(experiment, directory)
    if handed is not None:
        tables = config.model_dump(mode="json", exclude_none=True)
        tables["data"] |= handed.table_in(Files(directory))
        experiment = dataclasses.replace(experiment, config=validated(tables, str(directory)))
    files = claim_run(directory, as_toml(experiment.config))
    if handed is not None:
        handed.keep(files)
    if run_to_end(experiment, files):
        raise UserError(f"The training was stopped; `ganapp resume {directory}` goes on.")
    return Run(directory)
