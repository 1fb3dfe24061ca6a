"""Pictures of samples beside a report, drawn by what the source is."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image

from ganapp.runs import Json, Run
from ganapp.training.data import DataSpec, Source
from ganapp.training.data.densities import Mixture
from ganapp.training.evaluation import pictures
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.pictures import (
    animated,
    clip_grid,
    evaluation_curves,
    film_strips,
    films,
)
from ganapp.training.evaluation.table_pictures import association_page, marginal_page
from ganapp.training.files import write_atomically

GRID, NEIGHBOURS, FILMS, MOVING = 100, 32, 12, 25
POINTS = 1000  # real ones behind those of the samples


@dataclasses.dataclass(frozen=True, kw_only=True)
class Backdrop:
    """What pictures of samples show besides them.

    Args:
        spec: of the data.
        stacked: whether the channels of an image are pictures by themselves.
        modes: the known mixture, or `None`.
        real: real examples in user units of a table, or of points without known modes.
    """

    spec: DataSpec
    stacked: bool = False
    modes: Mixture | None = None
    real: np.ndarray | None = None


def backdrop_of(source: Source, *, examples: int | None = None) -> Backdrop:
    """The backdrop of pictures of this source; of a table so many real rows, all when `None`."""
    spec, modes, real = source.spec, source.modes, None
    if spec.table is not None:
        real, _ = source.training_examples(examples)
    elif spec.kind == "vector" and modes is None:
        real, _ = source.held_out_examples(POINTS)
    return Backdrop(spec=spec, stacked=source.channel_images is not None, modes=modes, real=real)


def painter(
    backdrop: Backdrop, columns: int | None = None
) -> Callable[[np.ndarray], PIL.Image.Image]:
    """What draws samples: a grid of images, columns of a table, or points."""
    spec, modes = backdrop.spec, backdrop.modes
    if backdrop.stacked:
        return lambda samples: pictures.image_grid(pictures.side_by_side(samples), columns)
    if spec.kind == "image":
        return lambda samples: pictures.image_grid(samples, columns)
    if spec.kind == "video":
        return film_strips
    if spec.table is not None:
        return functools.partial(marginal_page, table=spec.table, real=backdrop.real)
    if modes is None:
        return functools.partial(pictures.scatter, real=backdrop.real)
    return functools.partial(pictures.scatter, centres=modes.centres, sigma=modes.sigma)


def draw_pictures(
    source: Source,
    judge: Evaluator,
    directory: Path,
    samples: np.ndarray,
    report: Json,
    *,
    whose: str,
) -> dict[str, str]:
    """Saves the pictures of a report in `directory/pictures`; their relative paths by caption.

    Args:
        source: what the samples imitate.
        judge: of the source.
        directory: of the report.
        samples: `(n, *shape)` in user units.
        report: on them.
        whose: for the caption.
    """
    spec, folder = source.spec, directory / "pictures"
    folder.mkdir(exist_ok=True)
    # Columns of a table need all samples, images and points a few.
    some = samples if spec.table is not None else samples[:GRID]
    drawn = {f"Samples of {whose}": ("samples", painter(backdrop_of(source))(some))}
    if spec.table is not None and len(spec.table.varying) > 1:
        real, _ = source.training_examples()
        picture = association_page(samples, table=spec.table, real=real)
        drawn["How columns go together"] = ("associations", picture)
    if spec.pixels:
        picture = _above_nearest(source, judge, samples)
        drawn["Samples above their nearest training examples"] = ("neighbours", picture)
    classes = report["details"].get("classes_found", {})
    if "histogram" in classes:
        picture = pictures.class_histogram(
            classes["histogram"], classes.get("training_histogram"), classes["names"]
        )
        drawn["Classes of the samples, by a classifier"] = ("classes", picture)
    for name, picture in drawn.values():
        picture.save(folder / f"{name}.png")
    paths = {caption: f"pictures/{name}.png" for caption, (name, _) in drawn.items()}
    if spec.kind == "video":
        write_atomically(folder / "clips.gif", animated(clip_grid(samples[:MOVING])))
        paths[f"Clips of {whose}"] = "pictures/clips.gif"
    return paths


def _above_nearest(source: Source, judge: Evaluator, samples: np.ndarray) -> PIL.Image.Image:
    moving = source.spec.kind == "video"
    some, columns = (samples[:FILMS], 1) if moving else (samples[:NEIGHBOURS], 16)
    _, nearest = judge.nearest_training_examples(some)
    train, _ = source.training_examples()
    apart = pictures.side_by_side if source.channel_images is not None else np.asarray
    sides = map(films if moving else apart, (some, train[nearest]))
    return pictures.nearest_neighbours(*sides, np.arange(len(some)), columns)


def draw_curves(run: Run, best: Json | None, last: Json, *, metric: str) -> dict[str, str]:
    """Saves the curves of the figures along a training; their relative path by caption, if any."""
    figures = (best or last)["figures"]
    curves = evaluation_curves(
        [row for row in run.read_metrics() if isinstance(row.get("evaluation"), dict)],
        better={key: figure["better"] for key, figure in figures.items()},
        names={key: figure["name"] for key, figure in figures.items()},
        first=metric,
        best=best and best["step"],
        last=last["step"],
    )
    if curves is None:
        return {}
    curves.save(run.directory / "pictures" / "figures.png")
    caption = "Figures along the training, of other latents than the report's"
    return {caption: "pictures/figures.png"}
