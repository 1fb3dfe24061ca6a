"""Diagnosis of a run: alarms along the training, fitting remedies, the optimal discriminator."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import PIL.Image
from rich.console import Console
from rich.text import Text

from ganapp.models.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.models.tensors import all_layers
from ganapp.runner.codes import CodeReader
from ganapp.runner.experiment import Experiment
from ganapp.runs import Json, Run
from ganapp.screen import console
from ganapp.training.callbacks.evaluation import Examiner, RaiseAlarms
from ganapp.training.callbacks.metrics import MetricsLog
from ganapp.training.callbacks.tensorboard import Board
from ganapp.training.diagnostics import plots
from ganapp.training.diagnostics.alarms import Alarm, undecided_alarms
from ganapp.training.diagnostics.divergences import integrated_jensen_shannon, regular_cells
from ganapp.training.diagnostics.optimal_discriminator import (
    KernelDensity,
    OptimalComparison,
    compare_with_optimal,
    log_ratio_of,
    with_best_offset,
)
from ganapp.training.distribution import is_chief
from ganapp.training.evaluation.checks import NotComputable

LOOKS = 25  # in a run: `wandering` asks for twenty distances
EXAMINED = 3  # each third look examines examples, too, which takes as long as some steps
EXAMPLES = 512  # of each kind
FOR_IMAGES = ("adaptive_augment", "diff_augment")
CELLS = 160  # along each axis of a map
MOST_CELLS = 500_000  # of a quadrature: some seconds
COMPARING = (MinibatchDiscrimination, MinibatchStandardDeviation)  # D(x) is no function of x


def alarm_callback(
    experiment: Experiment, run: Run, metrics: MetricsLog, board: Board
) -> RaiseAlarms:
    """The callback that raises alarms, on the screen and in all records."""
    total, observed = experiment.total_steps, experiment.data.observations.values()
    # Of one observation a generator may well make the same again.
    count = min([EXAMPLES, *map(len, observed)])
    printer = AlarmPrinter(run, console if is_chief(experiment.strategy) else Console(quiet=True))
    return RaiseAlarms(
        math.ceil(total / LOOKS),
        examine_every=EXAMINED,
        examine=examiner(experiment, run, count).snapshot,
        histories=experiment.histories,
        sinks=(metrics.alarms, board.alarms, printer.alarms),
        histograms=board.histograms,
        last=total,
    )


def examiner(experiment: Experiment, run: Run, count: int, seed: int = 0) -> Examiner:
    """What looks at so many examples of each kind of the run."""
    reader = CodeReader.of(experiment.gan)
    return Examiner(
        experiment.gan,
        experiment.source,
        experiment.spec,
        count=count,
        series=run.read_series,
        every=experiment.cadences.log,
        ruled_out=unfit_remedies(experiment),
        seed=seed,
        code_bounds=reader.bounds if reader else None,
    )


class AlarmPrinter:
    """Prints each kind of alarm the first time that it is raised in a run, also a resumed one."""

    def __init__(self, run: Run, console: Console) -> None:
        self._console = console
        self._known = {row["name"] for row in recorded_alarms(run)}

    def alarms(
        self, step: int, distances: Mapping[str, float], alarms: Sequence[Alarm] | None
    ) -> None:
        """Prints what is new."""
        for alarm in alarms or ():
            if alarm.key not in self._known:
                self._known.add(alarm.key)
                text = Text(f"Alarm ({alarm.name}) at step {step:,}: {alarm.sentence}", "yellow")
                self._console.print(text, soft_wrap=True)


def recorded_alarms(run: Run) -> list[Json]:
    """Every kind of alarm that a run has raised: `name`, `first`, `last`, `looks`, `sentence`.

    `first` and `last` are steps, `looks` how often it was given, `sentence` is the last one's.
    """
    found: dict[str, Json] = {}
    for row in run.read_metrics():
        for name, sentence in row.get("watch", {}).get("alarms", {}).items():
            known = found.setdefault(name, {"name": name, "first": row["step"], "looks": 0})
            known |= {"last": row["step"], "looks": known["looks"] + 1, "sentence": sentence}
    return list(found.values())


def impossible_alarms(run: Run, experiment: Experiment, count: int = EXAMPLES) -> dict[str, str]:
    """The alarms that cannot be decided on so many examples of each kind, with the reason."""
    source, spec = experiment.source, experiment.source.spec
    # Tails are examined of the columns of tables, and of vectors without known modes.
    compared = spec.kind == "vector" and source.modes is None
    return undecided_alarms(
        run.read_series(),
        training=count if spec.examples is None else min(count, spec.examples),
        held_out=min(count, spec.held_out),
        fake=count,
        columns=spec.user_shape[0] if compared else 0,
    )


def examined_steps(run: Run) -> list[int]:
    """The steps at which the run's examples were looked at."""
    return [row["step"] for row in run.read_metrics() if "alarms" in row.get("watch", {})]


def unfit_remedies(experiment: Experiment) -> frozenset[str]:
    """Names of remedies that the run uses already, and of those that do not fit it."""
    config, objective = experiment.config, experiment.gan.objective
    discriminator = config.discriminator
    members = (objective, objective.constraint, *objective.extensions)
    optimizers = (config.generator.optimizer, discriminator.optimizer)
    facts = {
        "relativistic": objective.relativistic,
        "alternative_goal": getattr(objective, "generator_goal", "") != "bound",
        "one_discriminator_step": objective.discriminator_steps == 1,
        # A pack would mix classes, and a batch of an odd size has no packs of two.
        "packing": discriminator.packing > 1
        or config.generator.condition != "none"
        or bool(experiment.spec.conditions)
        or config.training.batch_size % (2 * experiment.strategy.num_replicas_in_sync) > 0,
        # Under a gradient penalty, one example's gradient would count the others.
        "minibatch": discriminator.options.get("minibatch") != "none"
        or any(term.per_example_gradient for term in objective.terms),
        "components": int(config.data.options.get("components", 20)) >= 20,
        "adaptive_augment": not objective.score_sign_means_real,
        "clipnorm": all(optimizer.options.get("clipnorm") for optimizer in optimizers),
        "falling_rates": not any(
            isinstance(optimizer.learning_rate, float) for optimizer in optimizers
        ),
    }
    if information := [term for term in objective.terms if term.name == "mutual_information"]:
        numbers = (part.continuous_mask.all() for part in information[0].codes.values())
        facts["numbers_weigh_more"] = information[0].continuous_weight >= 1 or not any(numbers)
    if discriminator.options.get("normalisation") == "batch":  # no gradient of one example
        facts |= {"r1": True, "wgan_gp": True}
    images_only = () if experiment.source.spec.kind == "image" else FOR_IMAGES
    names = {member.name for member in members}
    return frozenset({*names, *images_only, *(name for name, holds in facts.items() if holds)})


class Theory:
    """Compares the discriminator as it is with D* = p / (p + q).

    The density of the generator is estimated from one half of its points, and the comparison made
    on the others.

    Args:
        experiment: the run.
        real: held-out examples `(n, 2)` in user units.

    Raises:
        NotComputable: nobody knows the data's density, or the discriminator does not judge each
            point by itself.
    """

    def __init__(self, experiment: Experiment, real: np.ndarray) -> None:
        self._gan, self._source, self._real = experiment.gan, experiment.source, real
        self._spec = experiment.spec
        if self._source.density is None:
            raise NotComputable("the data's density is not known")
        if self._source.spec.shape != (2,):
            raise NotComputable("the data are no points in the plane")
        if self._gan.packing > 1:
            raise NotComputable("the discriminator judges packs")
        if self._gan.judged_latents:
            raise NotComputable("the discriminator judges latents beside the points")
        if self._gan.classes:
            raise NotComputable("the players go by classes")
        if any(isinstance(x, COMPARING) for x in all_layers(self._gan.discriminator)):
            raise NotComputable("the discriminator compares the examples of a minibatch")

    def compare(self, fake: np.ndarray, *, cells: int = CELLS) -> "Comparison":
        """Compares on generated points `(n, 2)` in user units; draws maps of `cells` a side.

        Raises:
            NotComputable: the objective's scores are no log density ratio, or the generated points
                have no density.
        """
        half = len(fake) // 2
        log_ratio = self._log_ratio(self._real[:half], fake[:half])
        density = KernelDensity(fake[:half])
        found = compare_with_optimal(
            log_ratio,
            log_p=self._source.density.log_density,
            log_q=density,
            real=self._real[half:],
            fake=fake[half:],
        )
        return Comparison(found, self._maps(log_ratio, density, fake, cells), density)

    def quadrature(self, fake: np.ndarray, density: KernelDensity) -> Json:
        """What an optimal discriminator's value is by integration, free of the points' chance.

        Cells are made finer until they catch 99 % of both densities, or it is not worth the time:
        `jensen_shannon` in nats, `optimal_value` = -log 4 + 2 JSD, `cells`; else the `reason`.
        """
        data, reason = self._source.density, ""
        points = np.concatenate([self._real, fake])
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 6 * data.width
        for side in (data.width, data.width / 2):
            counts = np.ceil((high - low + 2 * margin) / side).astype(int)
            if counts.prod() > MOST_CELLS:
                reason = reason or f"{counts.prod():,} cells would be needed"
                break
            cells = regular_cells(low - margin, high + margin, counts)
            try:
                found = integrated_jensen_shannon(data.log_density, density, cells)
            except NotComputable as error:
                reason = str(error)
                continue
            value = 2 * found - np.log(4)
            return {"jensen_shannon": found, "optimal_value": value, "cells": len(cells.points)}
        return {"reason": reason}

    def _scores(self, points: np.ndarray) -> np.ndarray:
        return self._gan.scores(np.asarray(self._spec.to_model_units(points)))

    def _log_ratio(self, real: np.ndarray, fake: np.ndarray) -> Callable:
        objective = self._gan.objective
        if objective.log_ratio_but_for_a_constant:  # which these points settle
            return with_best_offset(self._scores, real=real, fake=fake)
        return log_ratio_of(objective, self._scores)

    def _maps(
        self, log_ratio: Callable, density: Callable, fake: np.ndarray, count: int
    ) -> PIL.Image.Image:
        low, high = np.percentile(np.concatenate([self._real, fake]), [0.5, 99.5], axis=0)
        margin = 0.1 * (high - low)
        cells = regular_cells(low - margin, high + margin, (count, count))
        optimal = self._source.density.log_density(cells.points) - density(cells.points)
        learnt = np.asarray(log_ratio(cells.points))
        return plots.discriminator_maps(optimal, learnt, cells, real=self._real, fake=fake)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What `Theory` found, the maps of both discriminators, the density of the generator."""

    found: OptimalComparison
    maps: PIL.Image.Image
    density: KernelDensity

    @property
    def calibration(self) -> PIL.Image.Image:
        """The learnt discriminator's calibration beside that of an optimal one."""
        return plots.calibration_picture(self.found.learnt, self.found.floor)

    def figures(self) -> Json:
        """All figures, ready for JSON."""
        found = dataclasses.asdict(self.found)
        for player in ("learnt", "floor"):
            del found[player]["calibration"]
        return found

    def scalars(self) -> dict[str, float]:
        """What is worth a curve."""
        learnt, floor = self.found.learnt, self.found.floor
        names = ("absolute_error", "log_ratio_error", "value", "optimal_value", "distance_to_half")
        values = {name: getattr(learnt, name) for name in names}
        return values | {"floor_of_absolute_error": floor.absolute_error}
