"""All callbacks around the real model: killed, resumed, interrupted."""

import json
import os
import signal

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from callback_case import at_step
from case import restore, tiny_gan
from case import weights as state_weights
from rich.console import Console

from ganapp.training.callbacks.evaluation import Evaluate
from ganapp.training.callbacks.metrics import MetricsLog, truncate_metrics
from ganapp.training.callbacks.progress import ProgressDisplay
from ganapp.training.callbacks.safety import (
    CheckpointEvery,
    Interrupt,
    NonFiniteError,
    TerminateOnNonFinite,
)
from ganapp.training.callbacks.samples import SampleGrids
from ganapp.training.callbacks.tensorboard import Board, TensorBoardLog
from ganapp.training.checkpoints import BestCheckpoint, Checkpoints, load_latest
from ganapp.training.objectives import NonSaturating
from ganapp.training.terms import R1

TOTAL = 8


def penalised_gan(**options):
    return tiny_gan(NonSaturating(terms=(R1(),)), **options)


def batch_at(step):
    return tf.random.stateless_normal((4, 2), (3, step))


def identity(samples):
    return np.asarray(samples)


def as_pixels(samples):
    return PIL.Image.fromarray(np.clip(128 + 40 * samples, 0, 255).astype("uint8"))


def run(folder, *extra, gan=None, batch=batch_at):
    """Trains from the latest checkpoint to TOTAL steps, as the application would."""
    gan = gan or penalised_gan()
    checkpoints = Checkpoints(folder / "checkpoints", gan.state())
    step = checkpoints.restore_latest() or 0
    log, board = MetricsLog(folder / "metrics.jsonl", 2, last=TOTAL), Board(folder / "logs")
    truncate_metrics(log.path, step)
    best = BestCheckpoint(
        folder / "checkpoints" / "best",
        {"ema_generator": gan.state()["ema_generator"]},
        metric="spread",
        better="higher",
    )
    real = batch_at(0).numpy()
    grids = {"draw": as_pixels, "real": real, "count": 4, "to_user_units": identity}
    sinks = [log.evaluation, board.evaluation, best.offer]
    judge = {"count": 8, "to_user_units": identity, "sinks": sinks, "last": TOTAL}
    callbacks = [
        TerminateOnNonFinite(),
        log,
        TensorBoardLog(board, 2, examples_per_step=4, configuration="seed = 0"),
        SampleGrids(folder / "samples", 4, board=board, last=TOTAL, **grids),
        Evaluate(lambda x: {"spread": float(x.std())}, 4, **judge),
        CheckpointEvery(checkpoints.save, 4, last=TOTAL),
        *extra,
    ]
    data = tf.data.Dataset.range(step, TOTAL).map(batch).repeat()
    with (
        Interrupt(checkpoints.save) as interrupt,
        ProgressDisplay(TOTAL, examples_per_step=4, console=Console(quiet=True)) as display,
    ):
        gan.fit(
            data,
            steps_per_epoch=TOTAL - step,
            callbacks=[*callbacks, interrupt, display],
            verbose=0,
        )
    return gan, interrupt


def weights(gan):
    return [v.numpy() for variables in gan.state().values() for v in variables]


class Killed(BaseException):
    """Stands for kill -9: no callback gets another word."""


def kill():
    raise Killed


@pytest.mark.slow
def test_killed_interrupted_and_resumed_equals_unbroken(tmp_path):
    gan = penalised_gan(steps_per_execution=2)
    start = state_weights(gan)
    run(tmp_path / "whole", gan=gan)
    unbroken = weights(gan)
    parts = tmp_path / "parts"
    # Struck twice as it was compiled for the whole run, which takes longest; resumed by another.
    restore(gan, start)
    stop = at_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    _, interrupt = run(parts, stop, gan=gan)
    assert interrupt.exit_code == 143
    with pytest.raises(Killed):
        run(parts, at_step(6, kill), gan=gan)
    resumed, interrupt = run(parts, gan=penalised_gan(steps_per_execution=2))
    assert interrupt.exit_code == 0
    for a, b in zip(unbroken, weights(resumed), strict=True):
        np.testing.assert_array_equal(a, b)
    files = [folder / "metrics.jsonl" for folder in (tmp_path / "whole", parts)]
    assert files[0].read_bytes() == files[1].read_bytes()
    steps = [json.loads(line)["step"] for line in files[0].read_text().splitlines()]
    assert steps == [2, 4, 4, 6, 8, 8]
    names = sorted(file.name for file in (parts / "samples").iterdir())
    assert names == ["step-000002.png", "step-000004.png", "step-000008.png"]


def test_a_generator_without_average_is_restored(tmp_path):
    gan = penalised_gan(ema_half_life=None)
    Checkpoints(tmp_path, gan.state()).save(1)
    other = penalised_gan()
    for variable in other.ema_generator.variables:
        variable.assign(tf.zeros_like(variable))
    load_latest(tmp_path, {"ema_generator": other.state()["ema_generator"]})
    np.testing.assert_array_equal(other.generate(5), gan.generate(5))


def test_divergence_keeps_the_last_good_checkpoint(tmp_path):
    def spoilt(step):
        return batch_at(step) * tf.where(step < 6, 1.0, np.nan)

    with pytest.raises(NonFiniteError, match="at step 7"):
        run(tmp_path, batch=spoilt)
    assert load_latest(tmp_path / "checkpoints", penalised_gan().state()) == 4
    assert b"null" not in (tmp_path / "metrics.jsonl").read_bytes()


def test_replicas_share_checkpoints_with_one_device(tmp_path, two_replicas):
    gan = tiny_gan(strategy=two_replicas)
    checkpoints = Checkpoints(tmp_path, gan.state())
    data = tf.data.Dataset.range(9).map(batch_at)
    save = CheckpointEvery(checkpoints.save, 2)
    gan.fit(data, steps_per_epoch=2, callbacks=[save], verbose=0)
    expected = weights(gan)
    again, alone = tiny_gan(strategy=two_replicas), tiny_gan()
    for model in (again, alone):
        assert Checkpoints(tmp_path, model.state()).restore_latest() == 2
        for a, b in zip(expected, weights(model), strict=True):
            np.testing.assert_array_equal(a, b)
    for variables in again.state().values():
        for variable in variables:
            first, second = (copy.numpy() for copy in variable.values)
            np.testing.assert_array_equal(first, second)
