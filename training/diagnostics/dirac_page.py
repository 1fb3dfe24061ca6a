"""Every objective with every remedy on the Dirac-GAN, as a page of small pictures.

In each: arrows along the vector field, the path of the flow (thick), that of simultaneous gradient
descent from the same start (thin, dotted), the equilibrium (cross), and above, the eigenvalues at
the equilibrium with the verdict they give.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image

from ganapp.training.diagnostics.dirac import DiracGame, Stability
from ganapp.training.diagnostics.figures import (
    DARK,
    FAKE_COLOUR,
    GOOD_COLOUR,
    MARK_COLOUR,
    REAL_COLOUR,
    new_figure,
    render,
)
from ganapp.training.objectives.base import Objective
from ganapp.training.terms import R1, GradientPenalty

ROWS = 5  # objectives on a page
REACH = 2.5  # of each panel, from the equilibrium
START, TIME, STEP_SIZE = (1.0, 1.0), 30.0, 0.1
ARROWS = 9  # along each axis
# A slope this steep is no slope: the field jumps at the equilibrium.
JUMP = 1e4
COLOURS = {
    "converges": GOOD_COLOUR,
    "neutral": "#e08a00",
    "diverges": MARK_COLOUR,
    "no equilibrium": MARK_COLOUR,
}
# What is added to the losses, as arguments of `DiracGame`, by the column's name. A gradient
# penalty with its usual weight of 10 goes round a circle too large for the panel.
REMEDIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "losses alone": {},
        "R1, weight 1": {"penalties": (R1(weight=1.0),)},
        "gradient penalty, weight 1": {"penalties": (GradientPenalty(weight=1.0),)},
        "instance noise, sigma 1": {"noise": 1.0},
        "consensus, weight 0.5": {"consensus": 0.5},
    }
)


def dirac_page(
    objectives: Sequence[Objective],
    remedies: Mapping[str, Mapping[str, Any]] = REMEDIES,
    *,
    rows: int = ROWS,
) -> list[Image.Image]:
    """Draws each objective (a row) with each remedy (a column).

    It takes about a second a panel.

    Args:
        objectives: at least one.
        remedies: arguments of `DiracGame` beside `objective`, by name; at least one.
        rows: of a page.

    Returns:
        RGB pictures, one for every `rows` objectives.

    Raises:
        ValueError: there is nothing to draw.
    """
    if not objectives or not remedies or rows < 1:
        raise ValueError(
            "`objectives` and `remedies` must not be empty and `rows` at least 1. Received: "
            f"{len(objectives)} objectives, {len(remedies)} remedies, rows={rows}"
        )
    pages = [objectives[start : start + rows] for start in range(0, len(objectives), rows)]
    return [_page(page, remedies) for page in pages]


def eigenvalues_text(stability: Stability) -> str:
    """The two eigenvalues in a few characters, e.g. `-0.5 ± 0.87i`."""
    first, second = stability.eigenvalues
    if np.abs(stability.eigenvalues).max() > JUMP:
        return "the field jumps at 0"
    if abs(first.imag) > 1e-3:
        real = "" if abs(first.real) < 1e-3 else f"{first.real:.2g} "
        return f"{real}± {abs(first.imag):.2g}i"
    values = sorted((first.real, second.real))
    return ", ".join(f"{0.0 if abs(value) < 1e-3 else value:.2g}" for value in values)


def _page(objectives: Sequence[Objective], remedies: Mapping[str, Mapping[str, Any]]):
    width, height = max(4.2, 2.3 * len(remedies)), 2.9 * len(objectives) + 0.5
    figure = new_figure(width, height)
    grid = figure.subplots(len(objectives), len(remedies), squeeze=False, sharex=True, sharey=True)
    for row, objective in zip(grid, objectives, strict=True):
        for axes, (name, options) in zip(row, remedies.items(), strict=True):
            _panel(axes, DiracGame(objective=objective, **options), name)
        row[0].set_ylabel("psi (discriminator)", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("theta (generator)", fontsize=8)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        fontsize=8,
        frameon=False,
    )
    return render(figure)


def verdict_text(stability: Stability) -> str:
    """The verdict in words; where the field jumps it goes round a circle, however steep it is."""
    jumps = np.abs(stability.eigenvalues).max() > JUMP
    return "does not converge" if jumps and stability.verdict == "diverges" else stability.verdict


def _panel(axes: Any, game: DiracGame, name: str) -> None:
    stability = game.stability()
    colour = COLOURS[stability.verdict]
    _arrows(axes, game)
    descent = game.descend(START, step_size=STEP_SIZE, steps=round(TIME / STEP_SIZE))
    axes.plot(
        *descent.T,
        color=DARK,
        linewidth=0.8,
        linestyle=":",
        label=f"gradient descent, steps of {STEP_SIZE}",
    )
    axes.plot(*game.flow(START, time=TIME).T, color=colour, linewidth=1.8, label="continuous flow")
    axes.plot(*START, "o", color=FAKE_COLOUR, markersize=4, linestyle="none", label="start")
    axes.plot(0, 0, "+", color=DARK, markersize=7, linestyle="none", label="equilibrium")
    axes.set_xlim(-REACH, REACH)
    axes.set_ylim(-REACH, REACH)
    axes.set_aspect("equal")
    axes.set_xticks([-2, 0, 2])
    axes.set_yticks([-2, 0, 2])
    axes.tick_params(labelsize=7)
    # The verdict in bold is the last line; the others are the axes' own title above it.
    label = game.objective.name.replace("_", " ")
    axes.set_title(f"{label}\n{name}\n{eigenvalues_text(stability)}\n", fontsize=8, color=DARK)
    axes.text(
        0.5,
        1.03,
        verdict_text(stability),
        transform=axes.transAxes,
        ha="center",
        fontsize=8,
        color=colour,
        weight="bold",
    )


def _arrows(axes: Any, game: DiracGame) -> None:
    """Directions only: the lengths differ a thousandfold."""
    places = np.linspace(-REACH, REACH, ARROWS) * 0.94
    thetas, psis = np.meshgrid(places, places)
    speeds = np.array([game.velocity(*point) for point in zip(thetas.flat, psis.flat, strict=True)])
    lengths = np.linalg.norm(speeds, axis=1, keepdims=True)
    directions = np.divide(speeds, lengths, out=np.zeros_like(speeds), where=lengths > 1e-9)
    axes.quiver(
        thetas,
        psis,
        *directions.T,
        color=REAL_COLOUR,
        pivot="mid",
        scale=14,
        width=0.006,
        alpha=0.9,
    )
