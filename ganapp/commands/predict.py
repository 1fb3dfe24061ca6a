"""`ganapp predict`: what follows some frames, by a generator that is fed its own."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganapp.commands.options import (
    CheckpointOption,
    DataOption,
    RunArgument,
    check_checkpoint,
    check_file,
    check_seed,
)
from ganapp.errors import UserError
from ganapp.runs import Run, open_run
from ganapp.screen import say, stage, start_tensorflow

if TYPE_CHECKING:
    import numpy as np

    from ganapp.runner.saved_runs import Generator
    from ganapp.training.data import Source
    from ganapp.training.evaluation.rollouts import Figures

HELD_OUT = "held-out"
KINDS = (".gif", ".npz", ".png")
MILLISECONDS = 300  # a frame of a GIF
MOST_CLIPS = 200
MOST = 200  # frames, which are as many copies of the generator; draws, as many as of the law
SHOWN_IN_GIF = 4


def predict(
    run: RunArgument,
    clips: Annotated[
        str,
        typer.Argument(
            metavar="CLIPS",
            help="An .npz of clips, a folder of clip folders, or 'held-out' for those of the run's "
            "data. The first frames of each are what is known.",
        ),
    ],
    out: Annotated[str, typer.Option(metavar="PATH", help="File ending in .gif, .npz or .png.")],
    frames: Annotated[
        int | None,
        typer.Option(help="How many to predict [default: as many as are known to follow]."),
    ] = None,
    draws: Annotated[int, typer.Option(help="Futures of each clip, of other noise.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 0,
    checkpoint: CheckpointOption = "best",
    data: DataOption = None,
) -> None:
    """Predict frames one after another, with figures where it is known what really followed."""
    opened = open_run(run)
    check_checkpoint(checkpoint)
    path = Path(out)
    check_file("--out", path, KINDS)
    for option, value in (("--frames", frames), ("--draws", draws)):
        if value is not None and not 1 <= value <= MOST:
            raise UserError(f"`{option}` must lie between 1 and {MOST}. Received: {value}")
    check_seed(seed)
    start_tensorflow()
    from ganapp.runner.rollout import (
        RANDOM_FUTURES,
        check_predicts,
        figures_of,
        past_frames,
        predict_clips,
    )
    from ganapp.runner.saved_runs import open_generator
    from ganapp.training.files import write_atomically

    generator, step = open_generator(opened, checkpoint)
    check_predicts(generator)
    found, source = _clips(clips, opened, generator, data)
    past = past_frames(generator.spec)
    before, truth = found[:, :past], found[:, past:]
    steps = truth.shape[1] if frames is None else frames
    if not steps:
        raise UserError(
            f"`--frames` must say how many to predict, for the clips end with the {past} frames "
            f"that the generator looks at. Received: {clips}"
        )
    with stage("Predicting"):
        made = predict_clips(generator, before, steps, draws=draws, seed=seed)
    with stage("Comparing with what really followed"):
        figures = figures_of(before, truth, made, source)
    write_atomically(path, _content(path, before, truth, made))
    if figures is not None:
        _show(figures)
        say(
            f"{len(found):,} clips, moving pixels only, the mean error over all of them; higher is "
            "better, but for the energy score, which is of whole frames.",
            style="dim",
        )
    if source is not None and source.random_futures:
        say(RANDOM_FUTURES + (" `--draws 8` prints it." if draws == 1 else ""))
    many = "1 future" if draws == 1 else f"{draws} futures"
    say(
        f"{path}: {many} of {steps} frames after {past} for {len(found):,} clips, by the generator "
        f"of step {step:,}, seed {seed}."
    )


def _clips(
    clips: str, run: Run, generator: Generator, data: str | None
) -> tuple[np.ndarray, Source | None]:
    """Clips uint8 `(n, frames, height, width, channels)`, and their source if it is the run's."""
    from ganapp.runner.rollout import past_frames
    from ganapp.runner.saved_runs import moved_config, open_data
    from ganapp.training.data.video import read_clips

    if clips == HELD_OUT:
        source = open_data(run, moved_config(run, [], data)).original.clips
        return source.held_out_examples(MOST_CLIPS)[0], source
    if data is not None:
        raise UserError(f"`--data` is for the clips {HELD_OUT!r} alone. Received: {data}")
    spec, path = generator.spec, Path(clips).expanduser()
    height, width, channels = spec.shape
    try:
        found = read_clips(path, size=height if path.is_dir() and height == width else 0)
    except ValueError as error:
        sentence = str(error).strip().replace("`path`", "`CLIPS`")
        raise UserError(sentence) from error
    past = past_frames(spec)
    if found.shape[2:] != spec.shape or found.shape[1] < past:
        raise UserError(
            f"`CLIPS` must be of at least {past} frames of {width} x {height} pixels with "
            f"{channels} channels, as the run's. Received: clips of {found.shape[1]} frames of "
            f"{found.shape[3]} x {found.shape[2]} with {found.shape[4]} in {clips}"
        )
    return found, None


def _content(path: Path, past: np.ndarray, truth: np.ndarray, made: np.ndarray) -> bytes:
    import numpy as np

    from ganapp.runner.rollout import SHOWN, rounded
    from ganapp.training.evaluation.pictures import animated
    from ganapp.training.evaluation.rollout_pictures import rollout_film, rollout_sheet

    pixels, buffer, kind = rounded(made), io.BytesIO(), path.suffix.lower()
    if kind == ".gif":
        some = slice(SHOWN_IN_GIF)
        film = rollout_film(past[some], truth[some], pixels[some])
        return animated(film, milliseconds=MILLISECONDS)
    if kind == ".png":
        some = slice(SHOWN)
        rollout_sheet(past[some], truth[some], pixels[some]).save(buffer, format="PNG")
    else:
        np.savez_compressed(buffer, past=past, predictions=pixels, truth=truth)
    return buffer.getvalue()


def _show(figures: Figures) -> None:
    from ganapp.runner.evaluation import show_tables
    from ganapp.runner.rollout import rollout_tables

    show_tables(rollout_tables(figures))
