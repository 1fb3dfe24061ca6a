"""Alarms while a run trains: on the terminal, in TensorBoard, in `metrics.jsonl`."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from ganapp.runner.compose import Experiment
from ganapp.runner.remedies import ruled_out
from ganapp.runs import Run
from ganapp.training.callbacks.board import Board
from ganapp.training.callbacks.metrics import MetricsLog
from ganapp.training.callbacks.watch import Watch
from ganapp.training.diagnostics.alarms import Alarm
from ganapp.training.diagnostics.watch import undecided_alarms
from ganapp.training.distribution import is_chief
from ganapp.training.evaluation.features.spaces import alarm_space

LOOKS = 25  # in a run: `wandering` asks for twenty distances
EXAMINED = 3  # each third look examines examples, too, which takes as long as some steps
EXAMPLES = 512  # of each kind


def watch(
    experiment: Experiment, run: Run, metrics: MetricsLog, board: Board, console: Console
) -> Watch:
    """The callback that looks at the run, and tells all who should know."""
    source, total = experiment.source, experiment.total_steps
    announced = Announcer(run, console if is_chief(experiment.strategy) else Console(quiet=True))
    training, training_labels = source.training_examples(EXAMPLES)
    held_out, held_out_labels = source.held_out_examples(EXAMPLES)
    return Watch(
        math.ceil(total / LOOKS),
        examine_every=EXAMINED,
        training=training,
        held_out=held_out,
        labels=judged_alike(training_labels, held_out_labels),
        count=EXAMPLES,
        to_user_units=source.spec.to_user_units,
        to_model_units=source.spec.to_model_units,
        series=run.read_series,
        recorded_every=experiment.cadences.log,
        histories=experiment.histories,
        sinks=(metrics.watch, board.watch, announced.watch),
        histograms=board.histograms,
        about={
            "modes": source.modes,
            "objective": experiment.gan.objective,
            "ruled_out": ruled_out(experiment),
            "table": source.spec.table,
            "features": alarm_space(source.spec),
        },
        last=total,
    )


def judged_alike(
    training: np.ndarray | None, held_out: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Labels of training and held-out examples, of neither side if some of training are unknown.

    A discriminator scores an example by its class, too, if it is told: with classes on one side
    only, the two sides' scores would say nothing of memory.

    Args:
        training: int `(n,)`, below 0 where unknown, or `None`.
        held_out: likewise.
    """
    partly = training is None or held_out is None or min(training.min(), held_out.min()) < 0
    return (None, None) if partly else (training, held_out)


class Announcer:
    """Prints each kind of alarm the first time that it is raised in a run.

    Args:
        run: whose earlier alarms, before it was resumed, are known already.
        console: where to.
    """

    def __init__(self, run: Run, console: Console) -> None:
        self._console = console
        self._known = {row["name"] for row in alarms_in(run)}

    def watch(
        self, step: int, distances: Mapping[str, float], alarms: Sequence[Alarm] | None
    ) -> None:
        """Prints what is new."""
        for alarm in alarms or ():
            if alarm.key not in self._known:
                self._known.add(alarm.key)
                self._console.print(
                    f"Alarm ({alarm.name}) at step {step:,}: {alarm.sentence}",
                    style="yellow",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )


def alarms_in(run: Run) -> list[dict[str, Any]]:
    """Every kind of alarm that a run has raised: `name`, `first`, `last`, `looks`, `sentence`.

    `first` and `last` are steps, `looks` says how many looks gave it, `sentence` is the last one's.
    """
    found: dict[str, dict[str, Any]] = {}
    for row in run.read_metrics():
        for name, sentence in row.get("watch", {}).get("alarms", {}).items():
            known = found.setdefault(name, {"name": name, "first": row["step"], "looks": 0})
            known |= {"last": row["step"], "looks": known["looks"] + 1, "sentence": sentence}
    return list(found.values())


def undecided_in(run: Run, experiment: Experiment) -> dict[str, str]:
    """The alarms that no look at a run could raise, with the reason."""
    spec = experiment.source.spec
    training = EXAMPLES if spec.examples is None else min(EXAMPLES, spec.examples)
    return undecided_alarms(
        run.read_series(),
        training=training,
        held_out=min(EXAMPLES, spec.held_out),
        fake=EXAMPLES,
        columns=columns_of(experiment),
    )


def columns_of(experiment: Experiment) -> int:
    """Columns whose tails are looked at: of tables and of vectors without known modes."""
    source = experiment.source
    judged = source.spec.kind == "vector" and source.modes is None
    return source.spec.user_shape[0] if judged else 0


def looks_in(run: Run) -> list[int]:
    """The steps at which the run's examples were looked at."""
    return [row["step"] for row in run.read_metrics() if "alarms" in row.get("watch", {})]
