"""Training a new run and resuming a lost one."""

import contextlib
import json
import math
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from rich.console import Console

from ganapp.errors import UserError
from ganapp.loading import as_toml, load_saved
from ganapp.runner.choosing import chosen_config
from ganapp.runner.compose import Experiment, compose
from ganapp.runner.judging import evaluate
from ganapp.runner.recording import recorders
from ganapp.runner.resuming import (
    changed_setting,
    ended_schedules,
    lengths_before,
    resumed_config,
    settings_before,
)
from ganapp.runner.same_data import check_data, compose_run, place_settings
from ganapp.runner.summary import show_plan, warn
from ganapp.runs import (
    Run,
    check_free,
    claim_next,
    claim_run,
    next_directory,
    open_run,
)
from ganapp.training.callbacks.metrics import truncate_metrics
from ganapp.training.callbacks.progress import ProgressDisplay
from ganapp.training.callbacks.safety import Interrupt, NonFiniteError
from ganapp.training.callbacks.tensorboard import truncate_events
from ganapp.training.checkpoints import CheckpointError, Checkpoints
from ganapp.training.data import training_batches
from ganapp.training.distribution import agreement, is_chief
from ganapp.training.files import write_atomically


def train(
    preset_or_file: str | None,
    *,
    data: str | None = None,
    size: int | None = None,
    directory: Path | None = None,
    folder: Path = Path("runs"),
    overrides: Sequence[str] = (),
    dry_run: bool = False,
    console: Console,
) -> int:
    """Trains a new run, evaluates it and writes its report.

    Args:
        preset_or_file: a preset's name or the path of a TOML file; `None` if the data decide.
        data: instead of the preset's: a source, `source:path` or a path.
        size: of images from files.
        directory: the run directory; the next free one in `folder` when `None`.
        folder: where runs go.
        overrides: `key=value` settings.
        dry_run: validate, show the plan and time a few steps only.
        console: where to write.

    Returns:
        The exit code: 0, or 143 / 130 when a signal ended the run.

    Raises:
        UserError: for the user's mistakes, before anything is written.
    """
    config, preset = chosen_config(
        preset_or_file, data, size=size, overrides=overrides, console=console
    )
    experiment = compose(config)
    planned = directory or next_directory(folder, preset)
    if is_chief(experiment.strategy):
        check_free(planned)
    show_plan(experiment, planned, console)
    if dry_run:
        with console.status("Timing a few steps..."):
            seconds = seconds_a_step(experiment)
        console.print(
            f"time           {about_duration(seconds * experiment.total_steps)} at "
            f"{seconds:.3g} s a step as measured now; evaluations and the report come on top",
            highlight=False,
            soft_wrap=True,
        )
        console.print("Everything fits; no run was started (dry run).")
        if "cache_dir" in config.data.options:
            console.print(f"What the data were made into stays in {experiment.cache}.")
        return 0
    if is_chief(experiment.strategy):
        toml = as_toml(config)
        run = claim_run(directory, toml) if directory else claim_next(folder, preset, toml)
        if run.directory != planned:
            console.print(f"{planned} was taken meanwhile; the run goes to {run.directory}.")
        return _run_to_end(experiment, run, console)
    return _run_to_end(experiment, Run(planned), console)


def seconds_a_step(experiment: Experiment) -> float:
    """Trains for a few steps and returns the seconds that one took, without the tracing.

    What is trained is not a run's: call this for a plan only.
    """
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.monotonic())
    )
    execution = experiment.gan.steps_per_execution
    lazy = max((penalty.interval for penalty in experiment.gan.objective.penalties), default=1)
    executions = math.ceil(max(2, lazy) / execution)  # lazy penalties with their share of the steps
    with _memory_in_words():
        experiment.gan.fit(
            _batches(experiment, 0),
            steps_per_epoch=(1 + executions) * execution,
            callbacks=[clock],
            verbose=0,
        )
    return (ends[-1] - ends[0]) / (executions * execution)


def about_duration(seconds: float) -> str:
    """A duration in words, as exactly as an estimate may be."""
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.2g} {unit}"
    return f"about {max(1, round(seconds))} seconds"


@contextlib.contextmanager
def _memory_in_words() -> Iterator[None]:
    """Turns TensorFlow's error about memory into a sentence."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "Training needs more memory or disk space than there is; a smaller "
            f"`training.batch_size` needs less memory. Received: {error.message.splitlines()[0]}"
        ) from error


def resume(
    directory: Path,
    *,
    preset_or_file: str | None = None,
    overrides: Sequence[str] = (),
    data: str | None = None,
    console: Console,
) -> int:
    """Continues a run to its configured end, exactly as if it had never stopped.

    Args:
        directory: the run directory.
        preset_or_file: a configuration to compare with the run's; it must be the same, but for
            more epochs and another place of the data.
        overrides: `key=value` settings, likewise.
        data: where the data lie now.
        console: where to write.

    Returns:
        The exit code, as for `train`.

    Raises:
        UserError: if there is no run, or the configurations differ.
    """
    run = open_run(directory)
    config = resumed_config(run, preset_or_file, [*overrides, *place_settings(run, data)])
    experiment = compose_run(run, config, lengths=lengths_before(run, config))
    show_plan(experiment, directory, console)
    if sentence := ended_schedules(experiment):
        console.print(sentence, highlight=False, soft_wrap=True)
    if sentence := changed_setting(run.read_manifest() or {}):
        warn(sentence)
    return _run_to_end(experiment, run, console)


@contextlib.contextmanager
def _place_to_write(experiment: Experiment, run: Run) -> Iterator[Run]:
    """Where this process records: the run itself, or a scratch folder if it is not the chief."""
    if is_chief(experiment.strategy):
        yield run
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Run(Path(scratch))


def _run_to_end(experiment: Experiment, run: Run, console: Console) -> int:
    """Trains what is left of the run and judges it; the exit code."""
    chief = is_chief(experiment.strategy)
    with run.in_use() if chief else contextlib.nullcontext():
        exit_code = _train_the_rest(experiment, run, console)
        if chief and exit_code == 0:
            exit_code = _judge(experiment, run, console)
    if exit_code:
        console.print(
            f"Continue with: python -m ganapp resume {run.directory}",
            highlight=False,
            soft_wrap=True,  # the command is there to be copied
        )
    return exit_code


def _judge(experiment: Experiment, run: Run, console: Console) -> int:
    try:
        evaluate(run.directory, console=console, experiment=experiment)
    except KeyboardInterrupt:
        console.print("Training is done, its report is not.")
        return 128 + signal.SIGINT
    return 0


def _train_the_rest(experiment: Experiment, run: Run, console: Console) -> int:
    check_data(experiment, run)
    checkpoints = Checkpoints(
        run.checkpoints,
        experiment.state(),
        keep=experiment.config.training.keep_checkpoints,
        chief=is_chief(experiment.strategy),
        warn=warn,
    )
    try:
        start = checkpoints.restore_latest() or 0
    except CheckpointError as error:
        raise UserError(str(error)) from error
    with _place_to_write(experiment, run) as record:
        _describe(experiment, run, record, start)
        _list_bad_files(experiment, record)
        truncate_metrics(record.metrics, start)
        truncate_events(record.logs, start)
        if start:
            console.print(f"Continuing from step {start:,} of {experiment.total_steps:,}.")
        if start >= experiment.total_steps:
            return 0
        return _fit(experiment, record, checkpoints, console)


def _describe(experiment: Experiment, run: Run, record: Run, start: int) -> None:
    """Writes what everything downstream needs to know of the run.

    Args:
        experiment: of the run.
        run: as it was before.
        record: where this process records.
        start: the step that it goes on from.
    """
    manifest = experiment.manifest()
    if before := settings_before(run.read_manifest() or {}, start):
        manifest["settings_before"] = before
    # Longer, or with its data in another place: before the manifest, which is compared with it.
    if record.config.exists() and load_saved(record.config) != experiment.config:
        write_atomically(record.config, as_toml(experiment.config))
    experiment.data.write(record)
    write_atomically(record.manifest, json.dumps(manifest, indent=2) + "\n")


def _list_bad_files(experiment: Experiment, run: Run) -> None:
    """Says which of the data's files could not be used, and why."""
    if bad := experiment.source.bad_files:
        listed = "".join(f"{name}: {reason}\n" for name, reason in bad.items())
        write_atomically(run.directory / "bad_files.txt", listed)


def _fit(experiment: Experiment, run: Run, checkpoints: Checkpoints, console: Console) -> int:
    """Runs `fit` to the configured end; one call, or two when resuming within an epoch."""
    gan, per_epoch, total = experiment.gan, experiment.steps_per_epoch, experiment.total_steps
    unit = "images" if experiment.source.spec.kind == "image" else "examples"
    interrupt = Interrupt(checkpoints.save, agree=agreement(experiment.strategy))
    progress = ProgressDisplay(
        total, examples_per_step=experiment.examples_per_step, unit=unit, console=console
    )
    callbacks = [*recorders(experiment, run, checkpoints, console), interrupt, progress]
    start, began = int(gan.step.numpy()), time.monotonic()
    try:
        with interrupt, progress, _memory_in_words():
            # Not `interrupt.signal`: one that comes between two calls is for the next step to see,
            # when all workers agree on it and the state is saved.
            while (step := int(gan.step.numpy())) < total and not gan.stop_training:
                epoch, done = divmod(step, per_epoch)
                gan.fit(
                    _batches(experiment, step),
                    initial_epoch=epoch,
                    epochs=epoch + 1 if done else experiment.config.training.epochs,
                    steps_per_epoch=per_epoch - done,
                    callbacks=callbacks,
                    verbose=0,
                )
    except (NonFiniteError, CheckpointError) as error:
        raise UserError(str(error)) from error
    done = int(gan.step.numpy()) - start
    console.print(f"Trained {done:,} steps in {time.monotonic() - began:.0f} s.", highlight=False)
    if interrupt.signal:
        console.print(
            f"Stopped by {interrupt.signal.name} after step {int(gan.step.numpy()):,}, checkpoint "
            "saved.",
            highlight=False,
        )
    return interrupt.exit_code


def _batches(experiment: Experiment, start_step: int):
    return training_batches(
        experiment.source,
        batch_size=experiment.examples_per_step,
        seed=experiment.config.training.seed,
        start_step=start_step,
        strategy=experiment.strategy,
    )
