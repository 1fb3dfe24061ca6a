"""Sections of a run's report that only some kinds of runs have: a function and a line each."""

import dataclasses
from collections.abc import Callable

import numpy as np
import PIL.Image

from ganapp.models.tensors import LABEL
from ganapp.runner.experiment import Experiment
from ganapp.runner.pyramids import coarse_gaps
from ganapp.runner.rollout import RANDOM_FUTURES, judge_rollout, past_frames, rollout_tables
from ganapp.runner.saved_runs import samples_from
from ganapp.runs import Json
from ganapp.training.data.features import FeatureSource
from ganapp.training.data.video import NextFrames
from ganapp.training.evaluation.pictures import nearest_neighbours

DRAWS = 4  # predictions of a clip
PAIRS = 32

Pictures = dict[str, tuple[str, PIL.Image.Image]]
"""By caption: the name of the file and the picture."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """What a report has of some runs.

    Args:
        applies: whether it has it of this one.
        stage: what is being done, as shown meanwhile.
        make: of an experiment whose averaged generator is the one to judge: tables, see
            `ganapp.training.evaluation.report.further_tables`, and pictures.
    """

    applies: Callable[[Experiment], bool]
    stage: str
    make: Callable[[Experiment], tuple[list[Json], Pictures]]


def _rollout(experiment: Experiment) -> tuple[list[Json], Pictures]:
    source, seed = experiment.source.original, experiment.config.evaluation.seed
    figures, picture = judge_rollout(experiment, source, draws=DRAWS, seed=seed)
    title = (
        f" of frames after {past_frames(experiment.spec)} others of held-out clips, each made of "
        f"those before it ({DRAWS} draws of each clip), in the pixels that move, by the step of "
        "the prediction; higher is better, but for the energy score, which is of whole frames."
    )
    pictures = {"Clips predicted frame by frame": ("rollout", picture)}
    note = RANDOM_FUTURES if source.clips.random_futures else ""
    return rollout_tables(figures or {}, title, note), pictures


def _reconstructions(experiment: Experiment) -> tuple[list[Json], Pictures]:
    source = experiment.source
    originals, labels = source.held_out_examples(PAIRS)
    given = source.held_out_observations(PAIRS)
    if experiment.gan.classes:
        given[LABEL] = labels
    made = samples_from(experiment, experiment.gan.inputs(**given))
    picture = nearest_neighbours(originals, made, np.arange(len(made)))
    caption = "Held-out images above their reconstructions from features"
    return [], {caption: ("reconstructions", picture)}


SECTIONS = (
    Section(
        applies=lambda experiment: isinstance(experiment.source, FeatureSource),
        stage="Making images again from their features",
        make=_reconstructions,
    ),
    Section(
        applies=lambda experiment: isinstance(experiment.source.original, NextFrames),
        stage="Predicting clips frame by frame",
        make=_rollout,
    ),
    Section(
        applies=lambda experiment: bool(experiment.config.levels),
        stage="Evaluating levels on real and on generated coarse images",
        make=lambda experiment: (coarse_gaps(experiment), {}),
    ),
)
