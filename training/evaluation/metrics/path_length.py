"""The perceptual path length: how far an image moves when its latent moves a little.

Reference: Karras et al., 2019, "A style-based generator architecture" (arXiv:1812.04948).
"""

import numpy as np

from ganapp.training.evaluation.checks import NotComputable, as_features
from ganapp.training.evaluation.features.spaces import FeatureSpace
from ganapp.training.evaluation.metric import (
    DISTANCES,
    Comparison,
    Computed,
    Figure,
    Metric,
    Paths,
    ReportData,
    no_count,
    number,
)

PATHS = 500


def path_length(
    paths: Paths, space: FeatureSpace, *, count: int = PATHS, epsilon: float = 1e-3, seed: int = 0
) -> tuple[float, float]:
    """Mean squared speed |f(G(z(t + e))) - f(G(z(t)))|^2 / e^2 on paths, and its standard error.

    Lower is smoother; a generator that always draws the same has 0, so it is no figure of quality
    by itself. As in the paper, the lowest and highest hundredth are left out. The paper's space f
    is a weighted VGG16; compare values of the same space only. There is one step on each of `count`
    paths of length 1. The paper takes an epsilon of 1e-4, where float32 leaves three digits.
    """
    start, end = paths.inputs(count, 2 * seed), paths.inputs(count, 2 * seed + 1)
    places = np.random.default_rng(seed).uniform(size=(count, 1)).astype(np.float32)
    places *= 1.0 - epsilon  # the step ends within the path
    samples = [
        np.asarray(paths.generate(paths.interpolate(start, end, fraction)))
        for fraction in (places, places + np.float32(epsilon))
    ]
    # A missing value is one, which the space of tables has a place for; a value that is infinite,
    # or NaN in the space, comes of a generator that diverged.
    parts = [np.asarray(space(part)) for part in samples]
    if any(np.isinf(part).any() for part in samples) or not all(
        np.isfinite(part).all() for part in parts
    ):
        raise NotComputable("The generator's samples on a path are not finite")
    here, there = (as_features("features", part) for part in parts)
    speeds = np.square(there - here).sum(axis=1) / epsilon**2
    low, high = np.percentile(speeds, [1.0, 99.0], method="nearest")
    kept = speeds[(speeds >= low) & (speeds <= high)]
    return float(kept.mean()), float(kept.std(ddof=1) / np.sqrt(len(kept)))


def _compute(given: Comparison) -> Computed:
    if given.samples.paths is None:
        raise NotComputable("Samples without their generator have no paths")
    value, error = path_length(given.samples.paths, given.data.distance_space, seed=given.data.seed)
    return {"path_length": value}, {"standard_error": error}


def _note(report: ReportData) -> list[str]:
    if "path_length" not in report["details"]:
        return []
    error = report["details"]["path_length"]["standard_error"]
    return [f"Standard error of the perceptual path length: {number(error)}."]


PATH_LENGTH = Metric(
    figures={"path_length": Figure("lower", "perceptual path length")},
    compute=_compute,
    space=DISTANCES,
    real=no_count,
    most=PATHS,
    when="end",
    needs="paths",
    note=_note,
)
