"""What records a run while it trains: metrics, TensorBoard, pictures, evaluations, checkpoints."""

import functools
from collections.abc import Callable

import numpy as np
import PIL.Image
from rich.console import Console

from ganapp.loading import as_toml
from ganapp.runner.compose import Experiment
from ganapp.runner.judges import metric_direction
from ganapp.runner.pictures import painter
from ganapp.runner.summary import warn
from ganapp.runner.theory import Theory
from ganapp.runner.watching import watch
from ganapp.runs import Run
from ganapp.training.callbacks.best_checkpoint import BestCheckpoint
from ganapp.training.callbacks.board import Board
from ganapp.training.callbacks.checkpoint_callback import CheckpointEvery
from ganapp.training.callbacks.evaluate import Evaluate
from ganapp.training.callbacks.guard import NonFiniteGuard
from ganapp.training.callbacks.metrics import MetricsLog
from ganapp.training.callbacks.samples import SampleGrids
from ganapp.training.callbacks.tensorboard import TensorBoardLog
from ganapp.training.callbacks.theory import CompareWithTheory
from ganapp.training.checkpoints import Checkpoints
from ganapp.training.distribution import is_chief
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.table_pictures import column_strips

SHOWN_IMAGES, SHOWN_POINTS = 64, 1000
COMPARED = 1000  # points of each kind: the cost grows with the square
CELLS = 80  # along each axis of a map


def recorders(experiment: Experiment, run: Run, checkpoints: Checkpoints, console: Console) -> list:
    """The callbacks that record a run, in the order that makes a resumed run exact."""
    cadences, total = experiment.cadences, experiment.total_steps
    precision = experiment.config.training.precision
    board = Board(run.logs)
    metrics = MetricsLog(run.metrics, cadences.log, last=total)
    return [
        NonFiniteGuard(loss_scaling=precision == "mixed_float16"),
        metrics,
        TensorBoardLog(
            board,
            cadences.log,
            examples_per_step=experiment.examples_per_step,
            configuration=as_toml(experiment.config),
            last=total,
        ),
        _pictures(experiment, run, board),
        _evaluation(experiment, run, metrics, board),
        watch(experiment, run, metrics, board, console),
        *_theory(experiment, metrics, board),
        CheckpointEvery(checkpoints.save, cadences.checkpoint, last=total),
    ]


def _pictures(experiment: Experiment, run: Run, board: Board) -> SampleGrids:
    """Sample grids beside real ones."""
    source = experiment.source
    shown = SHOWN_IMAGES if source.spec.kind == "image" else SHOWN_POINTS
    return SampleGrids(
        run.samples,
        experiment.cadences.sample,
        draw=_painter(experiment),
        real=source.training_examples(shown)[0],
        count=shown,
        to_user_units=source.spec.to_user_units,
        board=board,
        last=experiment.total_steps,
    )


def _painter(experiment: Experiment) -> Callable[[np.ndarray], PIL.Image.Image]:
    """What draws samples along the training, where it must not take long."""
    backdrop = experiment.data.backdrop
    if backdrop.spec.table is None:
        return painter(backdrop)
    return functools.partial(column_strips, table=backdrop.spec.table, real=backdrop.real)


def _theory(experiment: Experiment, metrics: MetricsLog, board: Board) -> list:
    """The discriminator beside the optimal one, where that is known."""
    spec = experiment.source.spec
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
            to_user_units=spec.to_user_units,
            sinks=(metrics.theory, board.theory),
            last=experiment.total_steps,
        )
    ]


def _evaluation(experiment: Experiment, run: Run, metrics: MetricsLog, board: Board) -> Evaluate:
    """Judges the averaged generator now and then and keeps the best one."""
    evaluation = experiment.config.evaluation
    best = BestCheckpoint(
        run.best,
        {"ema_generator": experiment.gan.state()["ema_generator"]},
        metric=evaluation.metric,
        better=metric_direction(evaluation.metric),
        chief=is_chief(experiment.strategy),
        warn=warn,
    )
    return Evaluate(
        experiment.judge.evaluate_in_training,
        experiment.cadences.evaluate,
        count=experiment.cadences.samples,
        to_user_units=experiment.source.spec.to_user_units,
        sinks=(metrics.evaluation, board.evaluation, best.offer),
        # Other latents than the final report's: the best is not chosen on its own test.
        seed=evaluation.seed + 1,
        last=experiment.total_steps,
    )
