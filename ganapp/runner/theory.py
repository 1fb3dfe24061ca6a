"""The learnt discriminator of a run beside the optimal one, where the data's density is known."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image

from ganapp.models.layers import MinibatchDiscrimination, MinibatchStandardDeviation
from ganapp.runner.compose import Experiment
from ganapp.training.constraints import all_layers
from ganapp.training.diagnostics import plots
from ganapp.training.diagnostics.density import KernelDensity
from ganapp.training.diagnostics.divergences import divergences, regular_cells
from ganapp.training.diagnostics.optimal_discriminator import (
    OptimalComparison,
    compare_with_optimal,
    log_ratio_of,
    with_best_offset,
)
from ganapp.training.evaluation.checks import NotComputable

CELLS = 160  # along each axis of a map
MOST_CELLS = 500_000  # of a quadrature: some seconds
COMPARING = (MinibatchDiscrimination, MinibatchStandardDeviation)  # D(x) is no function of x


class Theory:
    """Compares the discriminator as it is with D* = p / (p + q).

    The density of the generator is estimated from one half of its points, and the comparison made
    on the others.

    Args:
        experiment: whose networks are looked at.
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
        if self._gan.classes:
            raise NotComputable("the players go by classes")
        if any(isinstance(x, COMPARING) for x in all_layers(self._gan.discriminator)):
            raise NotComputable("the discriminator compares the examples of a minibatch")

    def compare(self, fake: np.ndarray, *, cells: int = CELLS) -> "Comparison":
        """Compares on `fake`, `(n, 2)` generated points in user units.

        Args:
            fake: the points; one half makes the density, the other is judged.
            cells: of the maps, along each axis.

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

    def quadrature(self, fake: np.ndarray, density: KernelDensity) -> dict[str, Any]:
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
                found = divergences(data.log_density, density, cells).jensen_shannon
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

    def figures(self) -> dict[str, Any]:
        """All figures, ready for JSON."""

        def plain(each: Any) -> dict[str, Any]:
            return {k: v for k, v in dataclasses.asdict(each).items() if k != "calibration"}

        return {
            "learnt": plain(self.found.learnt),
            "floor": plain(self.found.floor),
            "jensen_shannon": self.found.jensen_shannon,
            "real": self.found.real,
            "fake": self.found.fake,
            "fitted": self.found.fitted,
        }

    def scalars(self) -> dict[str, float]:
        """What is worth a curve."""
        learnt, floor = self.found.learnt, self.found.floor
        names = ("absolute_error", "log_ratio_error", "value", "optimal_value", "distance_to_half")
        values = {name: getattr(learnt, name) for name in names}
        return values | {"floor_of_absolute_error": floor.absolute_error}
