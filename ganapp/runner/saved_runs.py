"""A run that has begun: its generator, read from its files, and where its data are now."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganapp.config.loading import load_saved
from ganapp.config.members import options_model
from ganapp.config.schema import Config
from ganapp.errors import UserError
from ganapp.models.gan import GAN
from ganapp.models.tensors import Tensors
from ganapp.runner.experiment import Experiment, StoredData, compose, compose_gan, read_stored_data
from ganapp.runs import Json, Run
from ganapp.screen import warn
from ganapp.training.checkpoints import CheckpointError, load_latest
from ganapp.training.data import DataSpec, Source
from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Column

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
    return generator, load_networks(generator.gan, run, which)


def load_networks(
    gan: GAN, run: Run, which: str = "last", names: Sequence[str] = ("ema_generator",)
) -> int:
    """Fills networks of a run from a checkpoint; returns its step.

    Args:
        gan: as composed from the run's configuration.
        run: the run.
        which: `"best"` by the run's metric, or `"last"`; the last one serves as the best while
            nothing has been evaluated.
        names: parts of `GAN.state`.

    Raises:
        UserError: if there is no checkpoint yet, or none that is whole.
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
    """The setting that `--data` stands for: where the data of this run lie now.

    Args:
        run: the run.
        data: a path, perhaps with the name of the run's source in front (`csv:people.csv`).

    Raises:
        UserError: the data of the run do not come from a path.
    """
    if data is None:
        return []
    source = load_saved(run.config).data.source
    options = options_model("data", source).model_fields
    if "path" not in options:
        raise UserError(
            f"`--data` says where the files of a run lie now, and the run {run.directory} has "
            f"none: its data are {source!r}. Received: {data}"
        )
    name, colon, rest = data.partition(":")
    path = rest if colon and name == source else data
    if not Path(path).expanduser().exists():
        raise UserError(f"`--data` must be a file or folder that exists. Received: {data}")
    return [f"data.path={_quoted(path)}"]


def config_with_settings(
    run: Run, overrides: Sequence[str], sections: Sequence[str] = ()
) -> Config:
    """The run's configuration with its data in another place, and settings of some sections.

    Raises:
        UserError: a setting of anything else than the places of data and the sections.
    """
    if not overrides:
        return load_saved(run.config)
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
    """A run that has begun, with its data.

    Args:
        run: the run.
        config: its configuration, perhaps with its data in another place.
        lengths: see `Experiment`.
        hint: how to say where the data are now.

    Raises:
        UserError: the data are not there, or the parts do not fit each other.
    """
    try:
        return compose(config, stored=read_stored_data(run), lengths=lengths)
    except UserError as error:
        raise _with_hint(error, config, hint) from error


def _with_hint(error: UserError, config: Config, hint: str = HINT) -> UserError:
    """The same complaint, with a hint if the data are not where they were."""
    path = config.data.options.get("path")
    if path is None or Path(path).expanduser().exists():
        return error
    return UserError(f"The data of this run are no longer where they were. {error}. {hint}")


def check_data(experiment: Experiment, run: Run) -> None:
    """Refuses to train on with data that have changed: no resumed run would be the one it was.

    Raises:
        UserError: if their content is not what the run's manifest says.
    """
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
    """Refuses an evaluation on data of another kind than those of the run, warns of changed ones.

    Raises:
        UserError: the run's samples cannot be compared with such examples.
    """
    changed = data_changes(experiment.source, experiment.config, run)
    ours, theirs = experiment.spec, experiment.source.spec
    if not _comparable(ours, theirs):
        raise UserError(
            f"The data of the run {run.directory} have changed since it was trained, and its "
            "samples cannot be compared with what they are now: the columns, categories, shapes "
            "or classes are others. Put the old ones back, or say where they are with `--data "
            f"PATH`. Received: {_place(experiment.config)}"
        )
    if changed:
        warn(f"{changed[0]}: the figures are of other examples than it saw. {changed[1]}")


def data_changes(source: Source, config: Config, run: Run) -> tuple[str, str] | None:
    """What to say of data that are not those of the run's training, and what came instead."""
    manifest = run.read_manifest() or {}
    known, found = manifest.get("data_fingerprint"), source.fingerprint()
    if not known or known == found:  # runs of before have none
        return None
    then, now = _counts(manifest.get("data", {})), _counts(source.spec.as_dict())
    differ = f" ({then} then, {now} now)" if then != now else ""
    return (
        f"The data of the run {run.directory} have changed since it was started{differ}",
        f"Received: {_place(config)}",
    )


def _place(config: Config) -> object:
    options = config.data.options
    found = next((options[key] for key in ("path", "name") if key in options), None)
    return config.data.source if found is None else found


def _counts(spec: Json) -> str:
    return f"{spec.get('examples')} training and {spec.get('held_out')} held-out examples"


def _comparable(ours: DataSpec, theirs: DataSpec) -> bool:
    """Whether examples of both mean the same in user units."""
    same = (ours.kind, ours.user_shape, ours.classes) == (
        theirs.kind,
        theirs.user_shape,
        theirs.classes,
    )
    if not same or (ours.table is None) != (theirs.table is None):
        return False
    if ours.table is None:
        return True
    return list(map(_meaning, ours.table.varying)) == list(map(_meaning, theirs.table.varying))


def _meaning(column: Column) -> tuple[str, str, tuple]:
    return column.kind, column.name, tuple(getattr(column, "categories", ()))


def _quoted(path: str) -> str:
    return json.dumps(path, ensure_ascii=False)
