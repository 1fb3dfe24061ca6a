"""A run that has begun: its generator, read from its files, and where its data are now."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganapp.config.loading import load_saved
from ganapp.config.members import option_names
from ganapp.config.schema import Config
from ganapp.errors import UserError, as_user_errors
from ganapp.models.gan import GAN
from ganapp.models.tensors import FEATURES, Tensors
from ganapp.runner.experiment import Experiment, StoredData, compose, compose_gan, read_stored_data
from ganapp.runs import Run
from ganapp.screen import warn
from ganapp.training.checkpoints import CheckpointError, list_steps, load_latest
from ganapp.training.data import DataSpec, Source
from ganapp.training.data.tables.codec import TableCodec

# Options of data sources that say where files lie: they may change, for what was read there is
# compared with what the run was started on.
PLACES = ("path", "labels_path", "data_dir", "cache_dir")
HINT = "`--data PATH` says where they are now."


@dataclasses.dataclass(frozen=True)
class Generator:
    """The networks of a run, made from the run's own files: its data may be anywhere."""

    config: Config
    gan: GAN
    data: StoredData

    @property
    def spec(self) -> DataSpec:
        """What the generator makes."""
        return self.data.spec


HasGenerator = Experiment | Generator  # what samples are drawn from


def open_generator(run: Run, which: str = "best") -> tuple[Generator, int]:
    """The averaged generator of a run, and the step of its checkpoint; see `load_networks`."""
    config, data = load_saved(run.config), read_stored_data(run)
    if data is None:  # of a run that has kept nothing of its data
        experiment = compose(config)
        generator = Generator(config, experiment.gan, experiment.data)
    else:
        steps = (run.read_manifest() or {}).get("total_steps", 1)
        generator = Generator(config, compose_gan(config, data, steps), data)
    return generator, load_networks(generator.gan, run, which, generator.gan.averaged_parts)


def load_networks(
    gan: GAN, run: Run, which: str = "last", names: Sequence[str] = ("ema_generator",)
) -> int:
    """Fills networks of a run from a checkpoint; returns its step.

    Args:
        which: `"best"` by the run's metric, or `"last"`; the last one serves as the best while
            nothing has been evaluated.
        names: parts of `GAN.state`.
    """
    state = gan.state()
    wanted = {name: state[name] for name in names}
    try:
        for folder in (run.best, run.checkpoints) if which == "best" else (run.checkpoints,):
            if (step := load_latest(folder, wanted, warn=warn)) is not None:
                return step
    except CheckpointError as error:
        raise UserError(str(error)) from error
    raise UserError(
        f"The run {run.directory} has no checkpoint yet; let it train longer, or continue it "
        f"with `python -m ganapp resume {run.directory}`."
    )


def samples_from(generator: HasGenerator, inputs: Tensors) -> np.ndarray:
    """The averaged generator's samples of its inputs by name, in user units."""
    samples = generator.gan.generate(**inputs)
    return np.asarray(generator.spec.to_user_units(samples))


def data_settings(run: Run, data: str | None) -> list[str]:
    """The setting of where the data lie now; `data` may name the source, too (`csv:people.csv`)."""
    if data is None:
        return []
    source = load_saved(run.config).data.source
    if "path" not in option_names("data", source):
        raise UserError(
            f"`--data` says where the files of a run lie now, and the run {run.directory} has "
            f"none: its data are {source!r}. Received: {data}"
        )
    name, colon, rest = data.partition(":")
    path = rest if colon and name == source else data
    if not Path(path).expanduser().exists():
        raise UserError(f"`--data` must be a file or folder that exists. Received: {data}")
    return [f"data.path={json.dumps(path, ensure_ascii=False)}"]


def moved_config(
    run: Run, overrides: Sequence[str], data: str | None, sections: Sequence[str] = ()
) -> Config:
    """The run's configuration with its data in another place, and settings of some sections."""
    overrides = [*overrides, *data_settings(run, data)]
    places = tuple(f"data.{name}" for name in PLACES)
    for override in overrides:
        key = override.partition("=")[0].strip()
        if key in places or key.startswith(tuple(f"{section}." for section in sections)):
            continue
        examples = ["data.path=elsewhere/people.csv"]
        allowed = "where the data lie now"
        if "evaluation" in sections:
            examples.append("evaluation.features=classifier")
            allowed = f"the evaluation and of {allowed}"
        raise UserError(
            f"`--set` takes settings of {allowed} here, for example {' and '.join(examples)}. "
            f"Received: {override!r}"
        )
    return load_saved(run.config, overrides)


def compose_run(
    run: Run, config: Config, *, lengths: tuple[int, ...] = (), hint: str = HINT
) -> Experiment:
    """A run that has begun, with its data; `hint` says how to tell where they are now."""
    try:
        return compose(config, stored=read_stored_data(run), lengths=lengths)
    except UserError as error:
        path = config.data.options.get("path")
        if path is None or Path(path).expanduser().exists():
            raise
        raise UserError(
            f"The data of this run are no longer where they were. {error}. {hint}"
        ) from error


def earlier_lengths(run: Run, config: Config) -> tuple[int, ...]:
    """Total steps that the run had before it was made longer, the first one first."""
    manifest = run.read_manifest() or {}
    lengths = tuple(manifest.get("extended_from", ()))
    epochs = manifest.get("configuration", {}).get("training", {}).get("epochs")
    if epochs is None or epochs >= config.training.epochs or not list_steps(run.checkpoints):
        return lengths  # what has not begun is not made longer: it is a longer run
    return (*lengths, manifest["total_steps"])


def check_data(experiment: Experiment, run: Run) -> None:
    """Refuses to train on with data that have changed: no resumed run would be the one it was."""
    saved = (run.read_manifest() or {}).get("data", {}).get("table")
    table = experiment.source.spec.table
    if saved and table is not None and not TableCodec.from_dict(saved).is_like(table):
        raise UserError(
            f"The table of the run {run.directory} has changed since it was trained; put the old "
            f"file back or train anew. Received: {experiment.config.data.options.get('path')}"
        )
    changed = data_changes(experiment.source, experiment.config, run)
    if changed:
        raise UserError(f"{changed[0]}; put the old ones back or train anew. {changed[1]}")


def check_comparable(experiment: Experiment, run: Run) -> None:
    """Refuses an evaluation on data of another kind than the run's, warns of changed ones."""
    changed = data_changes(experiment.source, experiment.config, run)
    if _meaning(experiment.spec) != _meaning(experiment.source.spec):
        raise UserError(
            f"The data of the run {run.directory} have changed since it was trained, and its "
            "samples cannot be compared with what they are now: the columns, categories, shapes "
            "or classes are others. Put the old ones back, or say where they are with `--data "
            f"PATH`. Received: {_place(experiment.config)}"
        )
    if changed:
        warn(f"{changed[0]}: the figures are of other examples than it saw. {changed[1]}")


def open_data(run: Run, config: Config) -> Source:
    """The data of a run, wherever they are now; says if they have changed.

    What a network says of them is said by the run's own copy of it.
    """
    stored = read_stored_data(run)
    with as_user_errors(config.data.source):
        source = config.data.build(None if stored is None else stored.network(FEATURES))
    if changed := data_changes(source, config, run):
        warn(f"{changed[0]}: the figures are of other examples than it saw. {changed[1]}")
    return source


def data_changes(source: Source, config: Config, run: Run) -> tuple[str, str] | None:
    """What to say of data that are not those of the run's training, and what came instead."""
    manifest = run.read_manifest() or {}
    known, found = manifest.get("data_fingerprint"), source.fingerprint()
    if not known or known == found:  # runs of before have none
        return None
    then, now = (
        f"{spec.get('examples')} training and {spec.get('held_out')} held-out examples"
        for spec in (manifest.get("data", {}), source.spec.as_dict())
    )
    differ = f" ({then} then, {now} now)" if then != now else ""
    return (
        f"The data of the run {run.directory} have changed since it was started{differ}",
        f"Received: {_place(config)}",
    )


def _place(config: Config) -> object:
    options = config.data.options
    return options.get("path") or options.get("name") or config.data.source


def _meaning(spec: DataSpec) -> tuple:
    """What examples mean in user units."""
    columns = None if spec.table is None else spec.table.varying
    return (
        spec.kind,
        spec.user_shape,
        spec.classes,
        columns
        and [
            (column.kind, column.name, tuple(getattr(column, "categories", ())))
            for column in columns
        ],
    )
