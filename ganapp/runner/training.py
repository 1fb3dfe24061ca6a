"""Training a run to its end: the plan, the callbacks that record it, `fit`, the evaluation."""

import contextlib
import functools
import json
import math
import os
import shlex
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.table import Table
from rich.text import Text

from ganapp.config.loading import as_toml, level_configs, load_saved
from ganapp.errors import UserError
from ganapp.models.frozen import frozen_weights
from ganapp.models.networks.pyramid import level_name
from ganapp.models.rules import advice
from ganapp.notebook import LivePage
from ganapp.plugins import named_plugins
from ganapp.runner.codes import evaluated_parts
from ganapp.runner.diagnosis import Theory, alarm_callback
from ganapp.runner.evaluation import evaluate_run, painter
from ganapp.runner.experiment import Experiment, compose, read_stored_data, versions
from ganapp.runner.saved_runs import check_data, open_generator
from ganapp.runs import Json, Run, claim_run
from ganapp.screen import console, in_notebook, say, warn
from ganapp.training.callbacks.evaluation import CompareWithTheory, Evaluate
from ganapp.training.callbacks.metrics import MetricsLog, truncate_metrics
from ganapp.training.callbacks.progress import ProgressDisplay
from ganapp.training.callbacks.safety import (
    CheckpointEvery,
    Interrupt,
    NonFiniteError,
    TerminateOnNonFinite,
)
from ganapp.training.callbacks.samples import SampleGrids
from ganapp.training.callbacks.tensorboard import Board, TensorBoardLog, truncate_events
from ganapp.training.checkpoints import BestCheckpoint, CheckpointError, Checkpoints, list_steps
from ganapp.training.data import Source, training_batches
from ganapp.training.data.images import about_left_out
from ganapp.training.data.levels import sides_of
from ganapp.training.data.tables.codec import ColumnSummary
from ganapp.training.distribution import agreement, is_chief
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.evaluation.table_pictures import column_strips
from ganapp.training.files import write_atomically
from ganapp.training.kernels import kernels

MOST_CLASSES = 20  # that are named before training
MOST_COLUMNS = 30  # of a table that the plan shows
SHOWN_IMAGES, SHOWN_POINTS = 64, 1000
COMPARED = 1000  # points of each kind: the cost grows with the square
CELLS = 80  # along each axis of a map


def run_to_end(experiment: Experiment, run: Run) -> int:
    """Trains what is left of the run and evaluates it; the exit code."""
    chief = is_chief(experiment.strategy)
    with run.in_use() if chief else contextlib.nullcontext():
        exit_code = _train_levels(experiment, run) or _train_the_rest(experiment, run)
        if chief and exit_code == 0:
            try:
                evaluate_run(experiment, run)
            except KeyboardInterrupt:
                console.print("Training is done, its report is not.")
                exit_code = 128 + signal.SIGINT
    if exit_code:
        command = ["python", "-m", "ganapp", "resume", str(run.directory)]
        for plugin in named_plugins():
            command += ["--plugin", str(run.plugins / plugin.name)]
        say(f"Continue with: {shlex.join(command)}")
    return exit_code


def _train_levels(experiment: Experiment, run: Run) -> int:
    """Trains what is left of the levels of a pyramid, the coarsest first; the exit code.

    Each is a run of its own in `levels/`. The last generators are then put together, unless the
    levels have begun to train together already.
    """
    levels = level_configs(experiment.config)
    if not levels or list_steps(run.checkpoints):
        return 0
    unfinished = [n for n in range(len(levels)) if run.level(n).read_report() is None]
    # All of them first: a mistake in the last one is told before the first has trained for long.
    composed = {n: compose(levels[n], stored=read_stored_data(run.level(n))) for n in unfinished}
    for number in reversed(unfinished):
        level = run.level(number)
        console.rule(f"Level {number}", align="left")
        if not level.config.exists():
            claim_run(level.directory, as_toml(levels[number]))
        if exit_code := run_to_end(composed[number], level):
            return exit_code
    for number in range(len(levels)):
        generator, _ = open_generator(run.level(number), "last")
        for ours, theirs in (
            (experiment.gan.generator, generator.gan.ema_generator),
            (experiment.gan.ema_generator, generator.gan.ema_generator),
        ):
            ours.get_layer(level_name(number)).set_weights(theirs.get_weights())
    return 0


def _train_the_rest(experiment: Experiment, run: Run) -> int:
    chief = is_chief(experiment.strategy)
    checkpoints, start = restored(experiment, run)
    given = experiment.config.levels or experiment.started_from  # networks not made of the seed
    if given and not list_steps(run.checkpoints):
        checkpoints.save(0)
    # The other workers go through the same motions in a folder of their own.
    with contextlib.nullcontext() if chief else tempfile.TemporaryDirectory() as scratch:
        record = run if scratch is None else Run(Path(scratch))
        describe(experiment, run, record, start)
        if start:
            console.print(f"Continuing from step {start:,} of {experiment.total_steps:,}.")
        if start >= experiment.total_steps:
            return 0
        return _fit(experiment, record, checkpoints)


def restored(experiment: Experiment, run: Run) -> tuple[Checkpoints, int]:
    """The run's checkpoints, and the step of the last one, at which everything stands now.

    Raises:
        UserError: the data are others than those it was begun with, or no checkpoint is whole.
    """
    check_data(experiment, run)
    checkpoints = Checkpoints(
        run.checkpoints,
        experiment.state(),
        keep=experiment.config.training.keep_checkpoints,
        chief=is_chief(experiment.strategy),
        warn=warn,
    )
    try:
        return checkpoints, checkpoints.restore_latest() or 0
    except CheckpointError as error:
        raise UserError(str(error)) from error


def describe(experiment: Experiment, run: Run, record: Run, start: int) -> None:
    """Writes what everything downstream needs to know of the run that goes on from `start`.

    What was recorded of later steps is taken away: they come again.
    """
    manifest = experiment.manifest()
    earlier = run.read_manifest() or {}
    if before := earlier_settings(earlier, start):
        manifest["settings_before"] = before
    if started := experiment.started_from or earlier.get("started_from"):
        manifest["started_from"] = started
    # Longer, or with its data in another place: before the manifest, which is compared with it.
    if record.config.exists() and load_saved(record.config) != experiment.config:
        write_atomically(record.config, as_toml(experiment.config))
    experiment.data.write(record)
    write_atomically(record.manifest, json.dumps(manifest, indent=2) + "\n")
    if bad := experiment.source.bad_files:
        listed = "".join(f"{name}: {reason}\n" for name, reason in bad.items())
        write_atomically(record.directory / "bad_files.txt", listed)
    truncate_metrics(record.metrics, start)
    truncate_events(record.logs, start)


def _fit(experiment: Experiment, run: Run, checkpoints: Checkpoints) -> int:
    """Runs `fit` to the configured end; one call, or two when resuming within an epoch."""
    gan, per_epoch, total = experiment.gan, experiment.steps_per_epoch, experiment.total_steps
    interrupt = Interrupt(checkpoints.save, agree=agreement(experiment.strategy))
    page = live_page()
    progress = progress_display(experiment, page)
    callbacks = [*recorders(experiment, run, checkpoints, page), interrupt, progress]
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
                    epochs=epoch + 1 if done else experiment.epochs,
                    steps_per_epoch=per_epoch - done,
                    callbacks=callbacks,
                    verbose=0,
                )
    except (NonFiniteError, CheckpointError) as error:
        raise UserError(str(error)) from error
    done = int(gan.step.numpy()) - start
    console.print(f"Trained {done:,} steps in {time.monotonic() - began:.0f} s.")
    if interrupt.signal:
        console.print(
            f"Stopped by {interrupt.signal.name} after step {int(gan.step.numpy()):,}, checkpoint "
            "saved."
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


@contextlib.contextmanager
def _memory_in_words() -> Iterator[None]:
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise UserError(
            "Training needs more memory or disk space than there is; a smaller "
            f"`training.batch_size` needs less memory. Received: {error.message.splitlines()[0]}"
        ) from error


def seconds_a_step(experiment: Experiment) -> float:
    """Trains for a few steps and returns the seconds that one took, without the tracing.

    What is trained is not a run's: call this for a plan only.
    """
    ends = []
    clock = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.monotonic())
    )
    execution = experiment.gan.steps_per_execution
    lazy = max((term.interval for term in experiment.gan.objective.terms), default=1)
    executions = math.ceil(max(2, lazy) / execution)  # lazy terms with their share of the steps
    with _memory_in_words():
        experiment.gan.fit(
            _batches(experiment, 0),
            steps_per_epoch=(1 + executions) * execution,
            callbacks=[clock],
            verbose=0,
        )
    return (ends[-1] - ends[0]) / (executions * execution)


def training_seconds(experiment: Experiment) -> tuple[float, int]:
    """Seconds that all steps of a run would take as measured now, and how many there are."""
    parts = [experiment, *(compose(level) for level in level_configs(experiment.config))]
    parts = [part for part in parts if part.total_steps]
    seconds = sum(part.total_steps * seconds_a_step(part) for part in parts)
    return seconds, sum(part.total_steps for part in parts)


def about_changed_libraries(manifest: Json) -> str | None:
    """A sentence on libraries and kernels that are not those the run was trained with so far.

    Args:
        manifest: of the run; what it does not mention is not compared.
    """
    then, now = manifest.get("versions", {}), versions()
    changed = [
        f"{name} {then[name]} (now {now[name]})"
        for name in now
        if name in then and then[name] != now[name]
    ]
    if manifest.get("kernels", kernels()) != kernels():
        changed.append(f"the CPU kernels {manifest['kernels']} (now {kernels()})")
    if not changed:
        return None
    return (
        f"The run is resumed under another setting: it was trained with {', '.join(changed)}. They "
        "may round or draw otherwise, so its end need not be, bit for bit, that of a run that "
        "never stopped."
    )


def earlier_settings(manifest: Json, step: int) -> list[Json]:
    """The libraries and kernels a run was trained with before, each with the step up to which."""
    before = list(manifest.get("settings_before", []))
    if about_changed_libraries(manifest) is not None and step:
        known = {key: manifest[key] for key in ("versions", "kernels") if key in manifest}
        before.append({"until_step": step, **known})
    return before


def live_page() -> LivePage | None:
    """What a notebook shows along the training, where there is one."""
    return LivePage() if in_notebook() and not console.quiet else None


def progress_display(experiment: Experiment, page: LivePage | None) -> ProgressDisplay:
    """The progress of a run, on the page or else on the screen."""
    return ProgressDisplay(
        experiment.total_steps,
        examples_per_step=experiment.examples_per_step,
        unit="images" if experiment.source.spec.kind == "image" else "examples",
        console=console,
        show=page.progress if page else None,
    )


def recorders(
    experiment: Experiment, run: Run, checkpoints: Checkpoints, page: LivePage | None = None
) -> list:
    """The callbacks that record a run, in the order that makes a resumed run exact.

    Args:
        experiment: what is trained.
        run: where it is recorded.
        checkpoints: of the run.
        page: shows pictures and figures as well.
    """
    cadences, total = experiment.cadences, experiment.total_steps
    precision = experiment.config.training.precision
    board = Board(run.logs)
    metrics = MetricsLog(run.metrics, cadences.log, last=total)
    return [
        TerminateOnNonFinite(loss_scaling=precision == "mixed_float16"),
        metrics,
        TensorBoardLog(
            board,
            cadences.log,
            examples_per_step=experiment.examples_per_step,
            configuration=as_toml(experiment.config),
            last=total,
        ),
        _pictures(experiment, run, board, page),
        _evaluation(experiment, run, metrics, board, page),
        alarm_callback(experiment, run, metrics, board),
        *_theory(experiment, metrics, board),
        CheckpointEvery(checkpoints.save, cadences.checkpoint, last=total),
    ]


def _pictures(experiment: Experiment, run: Run, board: Board, page: LivePage | None) -> SampleGrids:
    source, data = experiment.source, experiment.data
    shown = SHOWN_IMAGES if source.spec.kind == "image" else SHOWN_POINTS
    # Beside samples that were made for held-out observations stand those that belong to them.
    examples = source.held_out_examples if source.spec.conditions else source.training_examples
    draw = painter(data)
    if data.spec.table is not None:  # along the training it must not take long
        draw = functools.partial(column_strips, table=data.spec.table, real=data.real)
    return SampleGrids(
        run.samples,
        experiment.cadences.sample,
        draw=draw,
        real=examples(shown)[0],
        count=shown,
        to_user_units=source.spec.to_user_units,
        board=board,
        last=experiment.total_steps,
        show=page.pictures if page else None,
    )


def _theory(experiment: Experiment, metrics: MetricsLog, board: Board) -> list:
    try:
        theory = Theory(experiment, experiment.source.held_out_examples(COMPARED)[0])
    except NotComputable:
        return []

    def compare(fake: np.ndarray) -> tuple:
        compared = theory.compare(fake, cells=CELLS)
        return compared.scalars(), compared.maps

    return [
        CompareWithTheory(
            compare,
            experiment.cadences.evaluate,
            count=COMPARED,
            to_user_units=experiment.source.spec.to_user_units,
            sinks=(metrics.theory, board.theory),
            last=experiment.total_steps,
        )
    ]


def _evaluation(
    experiment: Experiment, run: Run, metrics: MetricsLog, board: Board, page: LivePage | None
) -> Evaluate:
    """Evaluates the averaged generator now and then and keeps the best one."""
    evaluation = experiment.config.evaluation
    metric, state = evaluation.metric, experiment.gan.state()
    best = BestCheckpoint(
        run.best,
        {name: state[name] for name in evaluated_parts(experiment.gan)},
        metric=metric,
        better=next(each.figures[metric].better for each in METRICS if metric in each.figures),
        chief=is_chief(experiment.strategy),
        warn=warn,
    )
    return Evaluate(
        experiment.evaluator.evaluate_in_training,
        experiment.cadences.evaluate,
        count=experiment.cadences.samples,
        to_user_units=experiment.source.spec.to_user_units,
        sinks=(
            metrics.evaluation,
            board.evaluation,
            best.offer,
            *([page.evaluation] if page else []),
        ),
        # Other latents than the final report's: the best is not chosen on its own test.
        seed=evaluation.seed + 1,
        last=experiment.total_steps,
    )


def show_plan(experiment: Experiment, directory: Path) -> None:
    """Says what is about to be trained, on what, and where it goes."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in _plan(experiment).items():
        table.add_row(name, Text(text))  # names of the user's may look like markup
    table.add_row("run", str(directory))
    console.print(table)
    if experiment.source.spec.table is not None:
        console.print(columns_table(experiment.source.spec.table.describe()))
    for note in experiment.notes:
        say(f"- {note}", style="dim")
    for sentence in advice(experiment.config.combination(experiment.source.spec.kind)):
        warn(sentence)


def columns_table(columns: Sequence[ColumnSummary]) -> Table:
    """A row for each column of a table: what was understood of it, and with what assumption.

    Args:
        columns: of the table; beyond the first 30 those are shown of which something was assumed,
            and the others counted.
    """
    table = Table(box=None, pad_edge=False)
    shown = list(columns[:MOST_COLUMNS])
    shown += [column for column in columns[MOST_COLUMNS:] if column.note][:MOST_COLUMNS]
    cells = {
        "column": [column.name or "(no name)" for column in shown],
        "kind": [column.kind for column in shown],
        "values": [column.values for column in shown],
        "missing": [f"{column.missing:.1%}" if column.missing else "" for column in shown],
        "written": [column.form for column in shown],
        "in every sample": [column.constraint for column in shown],
        "assumed": [column.note for column in shown],
    }
    used = {heading: texts for heading, texts in cells.items() if any(texts)}
    for heading in used:
        table.add_column(heading, overflow="fold")
    for texts in zip(*used.values(), strict=True):
        table.add_row(*map(Text, texts))
    if more := len(columns) - len(shown):
        table.add_row(f"... and {more:,} more")
    return table


def _plan(experiment: Experiment) -> dict[str, str]:
    config, gan, cadences = experiment.config, experiment.gan, experiment.cadences
    objective, training, epochs = gan.objective, config.training, experiment.epochs
    rows = {"data": _about_data(experiment.source)} | about_files_and_classes(experiment.source)
    for name, network in experiment.networks.items():
        section = getattr(config, name)
        rows[name] = f"{section.network}, {network.count_params():,} parameters"
        if section.frozen:
            count = sum(int(np.prod(each.shape)) for each in frozen_weights(network).values())
            rows[name] += f", {count:,} of them frozen"
    for name, companion in gan.companions.items():
        trained = (
            f"trained with the {companion.trained_with}" if companion.trained_with else "fixed"
        )
        rows[name.replace("_", " ")] = (
            f"{config.companions[name].network}, {companion.network.count_params():,} parameters, "
            f"{trained}"
        )
    # How the discriminator sees more than one example at once, if it does.
    layer = config.discriminator.options.get("minibatch", "none")
    rows["discriminator"] += f", packs of {gan.packing}" if gan.packing > 1 else ""
    rows["discriminator"] += f", minibatch {layer.replace('_', ' ')}" if layer != "none" else ""
    terms = ", ".join(term.name for term in objective.terms) or "no terms"
    others = (*objective.augmentations, *objective.weightings)
    extensions = ", ".join([terms, *(member.name for member in others)])
    if objective.adversarial_weight != 1:
        extensions += f", adversarial weight {objective.adversarial_weight:g}"
    extensions += ", normalised" if objective.normalised else ""
    length = (
        f"{_several(epochs, 'epoch')} x {experiment.steps_per_epoch:,} steps "
        f"= {experiment.total_steps:,} steps"
    )
    records = {
        "records": f"every {cadences.evaluate:,} steps an evaluation on {cadences.samples:,} "
        f"samples, every {cadences.sample:,} pictures, every {cadences.checkpoint:,} a checkpoint"
    }
    if config.levels:
        one_by_one = "each level by itself, the coarsest first"
        # Records of levels are in their own plans.
        length, records = (
            (f"{one_by_one}, then all together {length}", records) if epochs else (one_by_one, {})
        )
    gpus = len(tf.config.list_physical_devices("GPU"))
    devices = _several(gpus, "GPU") if gpus else f"{os.cpu_count()} CPU cores, {kernels()} kernels"
    for number, level in reversed(list(enumerate(level_configs(config)))):
        height, width = sides_of(experiment.spec.shape, number)[number]
        rows[f"level {number}"] = (
            f"{height} x {width}: {level.generator.network} and {level.discriminator.network}, "
            f"{_several(level.training.epochs, 'epoch')}"
        )
    return rows | {
        "prior": f"{gan.prior.name}, {gan.prior.size} dimensions",
        "objective": f"{objective.name}, {extensions}, constraint {objective.constraint.name}, "
        f"{_several(objective.discriminator_steps, 'discriminator step')}",
        "training": f"{length}, batch {training.batch_size}, {training.precision}, "
        f"seed {training.seed}",
        **records,
        **{f"plugin {each.name}": ", ".join(each.members) for each in named_plugins()},
        "devices": f"{_several(experiment.strategy.num_replicas_in_sync, 'replica')}, {devices}",
    }


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _about_data(source: Source) -> str:
    spec, labels = source.spec, source.training_labels() if source.spec.classes else None
    shape = " x ".join(map(str, spec.shape))
    examples = "endless" if spec.examples is None else f"{spec.examples:,} training"
    kind = f"{spec.kind} {shape}"
    if spec.table is not None:
        kind = f"table of {len(spec.table.columns)} columns as vectors of {shape}"
    for name, sides in spec.conditions.items():
        kind += f", given {name} {' x '.join(map(str, sides))}"
    known = ""
    if source.original is not source:
        known = f" in {len(spec.classes)} clusters"
    if labels is not None and (labels < 0).any():
        share, count = f"{np.mean(labels >= 0):.1%}", f"{np.count_nonzero(labels >= 0):,}"
        known = f" ({share if spec.examples is None else count} of them labelled)"
    return f"{spec.name}: {kind}, {examples}{known}, {spec.held_out:,} held out"


def about_files_and_classes(source: Source) -> dict[str, str]:
    """What became a class with how many examples, and which files are not used."""
    rows = {}
    if source.spec.classes:
        rows["classes"] = _about_classes(source)
    if left_out := about_left_out(source.bad_files):
        rows["left out"] = f"{left_out}; a run names all of them in bad_files.txt"
    return rows


def _about_classes(source: Source) -> str:
    names, labels = source.spec.classes, source.training_labels()
    more = len(names) - MOST_CLASSES
    if source.spec.examples is None or labels is None:
        shown = ", ".join(names[:MOST_CLASSES]) + (f" and {more:,} more" if more > 0 else "")
        return f"{len(names):,}: {shown}"
    counts = np.bincount(labels[labels >= 0], minlength=len(names))
    known = [f"{name} {count:,}" for name, count in zip(names, counts, strict=True)]
    shown = ", ".join(known[:MOST_CLASSES])
    if more > 0:
        least = int(np.argmin(counts))
        shown += f", ... and {more:,} more, smallest {counts[least]:,} ({names[least]})"
    return f"{len(names):,} with training examples each: {shown}"
