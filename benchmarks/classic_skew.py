"""From covering modes to seeking one: the nearest Gaussian by quadrature and by a GAN.

JS_lambda[P||Q] = lambda KL(P||M) + (1 - lambda) KL(Q||M), M = lambda P + (1 - lambda) Q (Huszar,
2015, arXiv:1511.05101), P two unequal modes on a line, Q a Gaussian. Both the objective
`f_skewed_jensen_shannon` and `benchmarks.gaussian_fit` call lambda `skew`: towards
0 it asks for KL(P||Q), which covers the modes, towards 1 for KL(Q||P), which seeks one.
"""

import dataclasses
from typing import Any

import numpy as np
from PIL import Image
from scipy.special import logsumexp
from scipy.stats import norm

from benchmarks.classic_gaussian import MEANS, SHARES, SIGMAS, Learnt, learn
from benchmarks.gaussian_fit import (
    GaussianFit,
    gaussian_fits,
    gaussian_log_density,
)
from benchmarks.running import markdown
from ganapp.training.diagnostics.divergences import jensen_shannon, regular_cells
from ganapp.training.evaluation.pictures import (
    LAST_COLOUR,
    MODE_COLOUR,
    REAL_COLOUR,
    SAMPLE_COLOUR,
    new_figure,
    plain,
    render,
)

SKEWS = (0.1, 0.5, 0.99)
CELLS = regular_cells(-30.0, 30.0, 1200)
STARTS = [(mean, sigma) for mean in (-4.0, -2.0, 0.0, 2.0, 4.0) for sigma in (0.4, 0.8, 1.6, 3.2)]
# Of the GAN: narrow and wide. There can be a minimum for each, and a GAN, as any descent, ends in
# the one of its start.
GAN_STARTS = [(-1.0, 0.6), (0.5, 3.0)]
REACH = 6.0  # of the picture
LOG_P = logsumexp(norm.logpdf(CELLS.points, MEANS, SIGMAS), axis=1, b=SHARES)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One skew: the calculated minima, best first, and what the GANs found, best first."""

    skew: float
    minima: list[GaussianFit]
    gans: list[Learnt]


def divergence(skew: float, mean: float, sigma: float) -> float:
    """JS_skew[P || N(mean, sigma)] by quadrature, in nats."""
    log_q = gaussian_log_density(CELLS, mean, sigma)
    return jensen_shannon(LOG_P, log_q, CELLS.areas, skew=skew)


def covered(mean: float, sigma: float) -> float:
    """The share of P within two sigma of the mean: near 1 covers the modes, less seeks one."""
    inside = np.abs(CELLS.points[:, 0] - mean) < 2 * sigma
    return float(np.sum(np.exp(LOG_P) * CELLS.areas * inside))


def case(skew: float, *, seed: int = 0) -> Case:
    """Calculates the minima and trains the GAN from each of its starts."""
    minima = gaussian_fits(LOG_P, CELLS, skew=skew, starts=STARTS)
    gans = [learn(skew, start, seed=seed) for start in GAN_STARTS]
    gans.sort(key=lambda gan: divergence(skew, gan.mean, gan.sigma))
    return Case(skew=skew, minima=minima, gans=gans)


def table(cases: list[Case]) -> str:
    """A Markdown table: for each skew the minima and the ends of the GANs, nearest first."""
    rows = [["lambda", "Q", "mean", "sigma", "JS, nats", "above best", "P within 2 sigma"]]
    for each in cases:
        found = [("best, by quadrature", each.minima[0])]
        found += [("other minimum, by quadrature", fit) for fit in each.minima[1:]]
        found += [(f"GAN from N({gan.start[0]:g}, {gan.start[1]:g})", gan) for gan in each.gans]
        for name, q in sorted(
            found, key=lambda row: divergence(each.skew, row[1].mean, row[1].sigma)
        ):
            value = divergence(each.skew, q.mean, q.sigma)
            above = "" if q is each.minima[0] else f"{value - each.minima[0].divergence:.1e}"
            cells = [f"{q.mean:.4f}", f"{q.sigma:.4f}", f"{value:.6f}", above]
            rows.append([f"{each.skew:g}", name, *cells, f"{covered(q.mean, q.sigma):.1%}"])
    return markdown(rows, left=2)


def picture(cases: list[Case]) -> Image.Image:
    """One panel for each skew: P, the best Gaussian and the better GAN's."""
    figure = new_figure(4.0 * len(cases), 4.2)
    panels = figure.subplots(1, len(cases), squeeze=False, sharey=True)[0]
    for axes, each in zip(panels, cases, strict=True):
        _densities(plain(axes), each)
    panels[0].set_ylim(bottom=0)  # of all panels; before they are drawn it would fix the top
    panels[0].set_ylabel("density", fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    return render(figure)


def _densities(axes: Any, case: Case) -> None:
    x = CELLS.points[:, 0]
    axes.fill_between(x, np.exp(LOG_P), color=REAL_COLOUR, alpha=0.45, linewidth=0, label="P")
    best, gan = case.minima[0], case.gans[0]
    found = divergence(case.skew, gan.mean, gan.sigma)
    styles = {"color": MODE_COLOUR, "linewidth": 2.8, "label": "best Gaussian Q, by quadrature"}
    axes.plot(x, np.exp(gaussian_log_density(CELLS, best.mean, best.sigma)), **styles)
    styles = {"color": SAMPLE_COLOUR, "linewidth": 1.6, "label": "Gaussian Q of the GAN"}
    axes.plot(x, np.exp(gaussian_log_density(CELLS, gan.mean, gan.sigma)), "--", **styles)
    axes.set_title(
        f"lambda = {case.skew:g}\n"
        f"quadrature: mean {best.mean:.2f}, sigma {best.sigma:.2f}, JS {best.divergence:.5f}\n"
        f"GAN: mean {gan.mean:.2f}, sigma {gan.sigma:.2f}, JS {found:.5f}",
        fontsize=9,
        color=LAST_COLOUR,
    )
    axes.set_xlim(-REACH, REACH)
    axes.set_xlabel("x", fontsize=9)
