"""Plots of what was learnt beside what is optimal, in the colours of the evaluation's pictures."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import ArrayLike
from PIL import Image
from scipy.special import expit

from ganapp.training.diagnostics.divergences import Cells
from ganapp.training.diagnostics.optimal_discriminator import DiscriminatorFigures
from ganapp.training.diagnostics.spectrum import Spectrum
from ganapp.training.evaluation.pictures import (
    MODE_COLOUR,
    REAL_COLOUR,
    SAMPLE_COLOUR,
    new_figure,
    opaque_legend,
    plain,
    render,
)

HELD_OUT_COLOUR = "#2a9d5c"

SHOWN = 1500  # points of each kind: more would hide the map below
BINS = 60
# Scores beyond these percentiles are gathered in the outermost bars: a few wild ones must not
# shrink all others to one.
TAILS = (0.5, 99.5)


def discriminator_maps(
    optimal_log_ratio: ArrayLike,
    learnt_log_ratio: ArrayLike,
    cells: Cells,
    *,
    real: ArrayLike | None = None,
    fake: ArrayLike | None = None,
) -> Image.Image:
    """D*, the learnt D and their difference over a part of the plane, side by side.

    D* and D share a scale from 0 (blue, generated) to 1 (red, real). The difference has its own.
    Log-ratios are `(n,)`, at cells of `regular_cells` in the plane; over both maps real points `(m,
    2)` are drawn in green, generated ones in black, the first 1,500 of each.
    """
    maps = [expit(_on_grid(values, cells)) for values in (optimal_log_ratio, learnt_log_ratio)]
    # Drawn along the training: to find margins out takes longer than to draw.
    figure = new_figure(13.2, 4.3, layout=None)
    first = figure.add_axes((0.04, 0.08, 0.26, 0.84))
    panels = [first, *(figure.add_axes((x, 0.08, 0.26, 0.84), sharex=first) for x in (0.325, 0.68))]
    bars = [figure.add_axes((x, 0.1, 0.009, 0.8)) for x in (0.593, 0.948)]
    names = ("optimal D* = p / (p + q)", "learnt D")
    for axes, values, name in zip(panels, maps, names, strict=False):
        shown = _map(axes, values, cells, "RdBu_r", (0.0, 1.0))
        _scatter(axes, real, HELD_OUT_COLOUR, "real")
        _scatter(axes, fake, "black", "generated")
        axes.set_title(name, fontsize=10)
    figure.colorbar(shown, cax=bars[0], label="chance of being real")
    difference = maps[1] - maps[0]
    # Not below a hundredth: where nothing differs, rounding errors must not show.
    largest = max(0.01, float(np.abs(difference).max()))
    shown = _map(panels[2], difference, cells, "PuOr_r", (-largest, largest))
    panels[2].set_title(f"learnt D - D* (mean size {np.abs(difference).mean():.2g})", fontsize=10)
    figure.colorbar(shown, cax=bars[1])
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    for bar in bars:
        bar.tick_params(labelsize=8)
    if real is not None or fake is not None:
        for handle in opaque_legend(panels[0], loc="upper left", fontsize=8, framealpha=0.9):
            handle.set_sizes([18])
    return render(figure)


def calibration_picture(
    learnt: DiscriminatorFigures, floor: DiscriminatorFigures | None = None
) -> Image.Image:
    """The calibration curve: the share of real points by D, and the number of points.

    The `floor`, an optimal discriminator with the same counts, is drawn thinly.
    """
    figure = new_figure(6.4, 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    plain(upper).plot([0, 1], [0, 1], color=REAL_COLOUR, linewidth=1, label="calibrated")
    if floor is not None:
        curve = floor.calibration
        upper.plot(
            curve.predicted,
            curve.observed,
            "o--",
            color=HELD_OUT_COLOUR,
            linewidth=1,
            markersize=3,
            label=f"optimal, error {floor.calibration_error:.3f}",
        )
    curve = learnt.calibration
    upper.plot(
        curve.predicted,
        curve.observed,
        "o-",
        color=SAMPLE_COLOUR,
        linewidth=1.8,
        label=f"learnt, error {learnt.calibration_error:.3f}",
        clip_on=False,
    )
    upper.set_ylabel("share of real points")
    upper.set_ylim(-0.02, 1.02)
    upper.legend(fontsize=9, loc="upper left", frameon=False)
    widths = np.diff(curve.edges)
    plain(lower).bar(
        curve.edges[:-1], curve.counts, widths, align="edge", color=SAMPLE_COLOUR, edgecolor="white"
    )
    lower.set_xlabel("D, the predicted chance of being real")
    lower.set_ylabel("points")
    lower.set_xlim(-0.02, 1.02)
    return render(figure)


def spectrum_picture(spectrum: Spectrum, *, name: str = "score gap") -> Image.Image:
    """The spectrum of a series over its periods, beside that of noise with memory."""
    figure = new_figure(7.2, 4.2)
    axes = plain(figure.add_subplot())
    periods = 1 / spectrum.frequencies
    axes.vlines(periods, 0, spectrum.shares, color=SAMPLE_COLOUR, linewidth=1.2)
    axes.plot(
        periods, spectrum.background, color=REAL_COLOUR, linewidth=1.5, label="noise with memory"
    )
    peak = int(np.argmax(spectrum.shares))
    label = (
        f"{spectrum.period:,.0f} steps, {spectrum.share:.0%} of the variance\n"
        f"(in noise with a chance of {spectrum.p_value:.1g})"
    )
    axes.plot(periods[peak], spectrum.shares[peak], "o", color=MODE_COLOUR, label=label)
    axes.set_xscale("log")
    # Numbers of steps, not powers of ten; between decades those that do not run into each other.
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    axes.xaxis.set_minor_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(0, 1.15 * spectrum.shares.max())
    axes.set_xlabel("period in steps")
    axes.set_ylabel("share of the variance")
    axes.set_title(f"spectrum of the {name}", fontsize=10)
    axes.legend(fontsize=9, frameon=False)
    return render(figure)


def score_histogram(
    train: ArrayLike, fake: ArrayLike, held_out: ArrayLike | None = None
) -> Image.Image:
    """Densities of the raw scores, finite, of training, generated and held-out real examples.

    Where training and held-out scores part, the discriminator overfits.
    """
    kinds = {"training": (train, REAL_COLOUR), "generated": (fake, SAMPLE_COLOUR)}
    if held_out is not None:
        kinds["held out"] = (held_out, HELD_OUT_COLOUR)
    scores = {name: np.ravel(np.asarray(values, np.float64)) for name, (values, _) in kinds.items()}
    for name, values in scores.items():
        if len(values) == 0 or not np.isfinite(values).all():
            raise ValueError(
                f"The {name} scores must be finite and at least one. Received: {len(values)} "
                f"scores, {np.count_nonzero(~np.isfinite(values))} of them not finite"
            )
    # Each kind's own percentiles: there may be many more of one.
    ends = np.array([np.percentile(values, TAILS) for values in scores.values()])
    low, high = ends[:, 0].min(), ends[:, 1].max()
    margin = 0.02 * (high - low) or 0.5
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    figure = new_figure(7.2, 4.2)
    axes = plain(figure.add_subplot())
    for name, values in scores.items():
        colour, filled, median = kinds[name][1], name == "training", np.median(values)
        axes.hist(
            np.clip(values, edges[0], edges[-1]),
            edges,
            density=True,
            histtype="stepfilled" if filled else "step",
            color=colour,
            alpha=0.6 if filled else 1.0,
            linewidth=1.8,
            label=f"{name} ({len(values)}, median {median:.3g})",
        )
        axes.axvline(median, color=colour, linewidth=1, linestyle="--")
    axes.set_xlabel("raw score (higher is more real)")
    axes.set_ylabel("density")
    axes.legend(fontsize=9, frameon=False)
    return render(figure)


def _on_grid(values: ArrayLike, cells: Cells) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.size != len(cells.points) or np.isnan(values).any():
        raise ValueError(
            f"There must be one log-ratio for each of {len(cells.points)} cells and none NaN. "
            f"Received: shape={values.shape}, {np.count_nonzero(np.isnan(values))} of them NaN"
        )
    return values.reshape(cells.shape)


def _map(axes: Axes, values: np.ndarray, cells: Cells, colours: str, limits: tuple) -> AxesImage:
    lows, highs = cells.extent
    half = (highs - lows) / (2 * np.maximum(np.array(cells.shape) - 1, 1))
    (left, bottom), (right, top) = lows - half, highs + half
    shown = axes.imshow(
        values.T,  # the first axis of the cells is the horizontal one
        origin="lower",
        extent=(left, right, bottom, top),
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.tick_params(labelsize=8)
    return shown


def _scatter(axes: Axes, points: ArrayLike | None, colour: str, name: str) -> None:
    if points is None:
        return
    points = np.asarray(points, dtype=np.float64)[:SHOWN]
    size = float(np.clip(4000 / max(len(points), 1), 3.0, 12.0))  # of a marker, in square points
    axes.scatter(*points.T, s=size, color=colour, alpha=0.6, linewidths=0, label=name)
