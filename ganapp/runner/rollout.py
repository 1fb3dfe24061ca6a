"""Clips that a run's generator predicts frame by frame, and their figures."""

from __future__ import annotations

import numpy as np
import PIL.Image
import tensorflow as tf

from ganapp.errors import UserError
from ganapp.models.networks.rollout import FRAMES, rolled_out, step_name
from ganapp.models.noise import Stream, stateless_seed
from ganapp.models.tensors import EXAMPLE, LABEL, LATENT, apply, input_names
from ganapp.runner.saved_runs import HasGenerator
from ganapp.runs import Json
from ganapp.training.data import DataSpec, Source
from ganapp.training.data.video import stacked
from ganapp.training.evaluation.rollout_pictures import rollout_sheet
from ganapp.training.evaluation.rollouts import (
    ENERGY,
    LAW,
    MEAN,
    PREDICTION,
    Figures,
    law_predictions,
    rollout_figures,
    simple_predictions,
)

AT_ONCE = 256  # clips
FUTURES = 200  # from the law, of which its best mean is made
JUDGED, SHOWN = 200, 6  # clips
RANDOM_FUTURES = (
    "What happens at the edges is drawn by lot, so no single prediction can be right. The energy "
    f"score judges several draws together, lower is better: {LAW!r} is the least that is to be "
    "had on average, and whatever always says the same stays above it."
)


def past_frames(spec: DataSpec) -> int:
    """How many frames a generator of next frames looks at; 0 for any other."""
    shape = spec.conditions.get(FRAMES)
    return shape[-1] // spec.shape[-1] if shape is not None and spec.kind == "image" else 0


def check_predicts(generator: HasGenerator) -> None:
    """Refuses a run whose generator does not make the next frame of past ones alone."""
    gan, spec = generator.gan, generator.spec
    known = {*gan.latent_sizes, LABEL, FRAMES}
    others = [name for name in input_names(gan.generator, LATENT) if name not in known]
    if not past_frames(spec) or FRAMES not in gan.generator_conditions or others:
        observed = ", ".join(map(repr, gan.generator_conditions)) or "nothing"
        raise UserError(
            "The run must be one of next frames (`data.past`, as in the preset `video-digits`). "
            f"Received: {generator.config.data.source!r}, whose generator observes {observed}"
        )


def predict_clips(
    generator: HasGenerator, past: np.ndarray, steps: int, *, draws: int = 1, seed: int = 0
) -> np.ndarray:
    """The frames that the averaged generator makes after past ones, fed its own.

    Args:
        past: uint8 `(n, p, height, width, channels)`, p as the generator observes.
        steps: how many frames.
        draws: predictions of each clip, of other noise in every step.
        seed: of the noise.

    Returns:
        float32 levels, not rounded, `(n, draws, steps, height, width, channels)`.
    """
    gan, spec = generator.gan, generator.spec
    network = rolled_out(gan.ema_generator, steps, tuple(gan.latent_sizes))
    frames = np.repeat(stacked(spec.to_model_units(past)).numpy(), draws, axis=0)
    given = {FRAMES: tf.constant(frames)}
    for step in range(1, steps + 1):
        latents = gan.draw_latents(len(frames), stateless_seed(seed, Stream.SAMPLE, step))
        given |= {step_name(name, step): rows for name, rows in latents.items()}
    if gan.classes:
        given[LABEL] = gan.draw_labels(len(frames), stateless_seed(seed, Stream.SAMPLE, 0))
    call = tf.function(lambda inputs: apply(network, inputs)[EXAMPLE], reduce_retracing=True)
    parts = [
        call({name: rows[start : start + AT_ONCE] for name, rows in given.items()}).numpy()
        for start in range(0, len(frames), AT_ONCE)
    ]
    made = (np.concatenate(parts) + 1.0) * 127.5
    return made.reshape(len(past), draws, *made.shape[1:])


def figures_of(
    past: np.ndarray, truth: np.ndarray, made: np.ndarray, source: Source | None = None
) -> Figures | None:
    """The figures of predictions beside simple predictors; `None` where no true frame is known.

    Args:
        past: uint8 `(n, p, height, width, channels)`.
        truth: uint8 `(n, steps, ...)`, the frames after them that are known.
        made: levels `(n, draws, steps, ...)`.
        source: of clips, whose held-out ones these are: where its law is known, what the best
            predictor reaches stands beside.
    """
    steps = min(truth.shape[1], made.shape[2])
    if not steps:
        return None
    count, draws = made.shape[:2]
    predictions = {PREDICTION: made[:, :, :steps]}
    if draws > 1:
        predictions[MEAN] = made[:, :, :steps].mean(axis=1, keepdims=True)
    predictions |= simple_predictions(past, steps)
    futures = None if source is None else source.futures(count, past.shape[1], FUTURES)
    if futures is not None:
        predictions |= law_predictions(past, (each[:, :steps] for each in futures), draws)
    return rollout_figures(past, truth[:, :steps], predictions)


def rounded(levels: np.ndarray) -> np.ndarray:
    """Levels as pixels uint8."""
    return np.round(levels).clip(0, 255).astype(np.uint8)


def rollout_tables(figures: Figures, title: str = "", note: str = "") -> list[Json]:
    """A further table of the report for each figure: all predictors, by the prediction's step.

    Args:
        title: what stands behind the name of a figure.
        note: a further sentence behind the energy score's.
    """
    return [
        {
            "key": f"rollout/{name}",
            "title": f"{name}{title}{f' {note}' if note and name == ENERGY else ''}",
            "columns": [f"+{step + 1}" for step in range(len(next(iter(found.values()))))],
            "rows": [
                {"name": who, "values": [x if np.isfinite(x) else None for x in values]}
                for who, values in found.items()
            ],
        }
        for name, found in figures.items()
    ]


def judge_rollout(
    generator: HasGenerator, source: Source, *, draws: int = 1, seed: int = 0
) -> tuple[Figures, PIL.Image.Image]:
    """The figures of a run's predictions for held-out clips, and some of them drawn.

    Args:
        source: of next frames, whose `clips` are held out.
    """
    clips, past = source.clips.held_out_examples(JUDGED)[0], source.past
    before, truth = clips[:, :past], clips[:, past:]
    made = predict_clips(generator, before, truth.shape[1], draws=draws, seed=seed)
    some = slice(SHOWN)
    picture = rollout_sheet(before[some], truth[some], rounded(made[some]))
    return figures_of(before, truth, made, source.clips), picture
