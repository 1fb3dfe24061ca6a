"""metrics.jsonl: what it holds, and that a resumed run writes the same bytes."""

import json

import numpy as np
import pytest
from callback_case import StandIn

from ganapp.training.callbacks.evaluation import Evaluate
from ganapp.training.callbacks.metrics import MetricsLog, truncate_metrics
from ganapp.training.callbacks.safety import CheckpointEvery
from ganapp.training.checkpoints import Checkpoints


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_hold_every_scalar(tmp_path):
    path = tmp_path / "new" / "metrics.jsonl"
    StandIn().train(5, [MetricsLog(path, 2, last=5)])
    assert [row["step"] for row in rows(path)] == [2, 4, 5]
    assert len(rows(path)[0]) == 16
    assert rows(path)[0]["discriminator_loss"] == float(np.float32(np.sin(2)))


def test_values_that_are_not_finite_become_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    StandIn(faults={2: "score_gap"}).train(2, [MetricsLog(path, 1)])
    assert [row["score_gap"] is None for row in rows(path)] == [False, True]


def test_evaluation_rows(tmp_path):
    log = MetricsLog(tmp_path / "metrics.jsonl", 1)
    log.evaluation(7, {"modes": 8.0})
    assert rows(log.path) == [{"step": 7, "evaluation": {"modes": 8.0}}]


class Killed(BaseException):
    """Stands for kill -9: no callback gets another word."""


def train(folder, until, total=12, die_at=None, die_in=None):
    """Trains to step `until`, resuming what is in `folder`; dies in one callback when asked to."""
    model = StandIn()
    checkpoints = Checkpoints(folder / "checkpoints", model.state())
    step = checkpoints.restore_latest() or 0
    truncate_metrics(folder / "metrics.jsonl", step)
    log = MetricsLog(folder / "metrics.jsonl", 1)
    judge = Evaluate(
        lambda x: {"mean": float(x.mean())},
        3,
        count=4,
        to_user_units=lambda x: 2 * x,
        sinks=[log.evaluation],
        last=total,
    )
    saver = CheckpointEvery(checkpoints.save, 3, last=total)
    callbacks = {"log": log, "evaluate": judge, "save": saver}
    if die_in:
        _arm(callbacks[die_in], die_at)
    model.train(until - step, list(callbacks.values()))
    return model


def _arm(callback, step):
    work = callback.on_step

    def on_step(now, logs):
        work(now, logs)
        if now == step:
            raise Killed

    callback.on_step = on_step


@pytest.mark.parametrize("die_in", ["log", "evaluate", "save"])
def test_killed_and_resumed_is_byte_identical(tmp_path, die_in):
    whole = train(tmp_path / "whole", 12)
    with pytest.raises(Killed):
        train(tmp_path / "parts", 12, die_at=6, die_in=die_in)
    with (tmp_path / "parts" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "evalu')  # the line that was being written
    parts = train(tmp_path / "parts", 12)
    names = ("metrics.jsonl",)
    assert [(tmp_path / "whole" / name).read_bytes() for name in names] == [
        (tmp_path / "parts" / name).read_bytes() for name in names
    ]
    assert parts.weight.numpy().tolist() == whole.weight.numpy().tolist()
    steps = [row["step"] for row in rows(tmp_path / "whole" / "metrics.jsonl")]
    assert steps == [1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12, 12]


def test_truncation_keeps_the_bytes_of_what_stays(tmp_path):
    path = tmp_path / "metrics.jsonl"
    kept = b'{"step": 1,  "a": 1.0}\n{"step": 2}\n'
    path.write_bytes(kept + b'{"step": 3}\n\x00\x00\nnot json\n{"no": 1}\n{"step": 2')
    assert truncate_metrics(path, 2) == 5
    assert path.read_bytes() == kept
    assert truncate_metrics(path, 2) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_row_without_its_line_end_is_half_written(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n{"step": 2}')  # the next row would run on in the same line
    assert truncate_metrics(path, 2) == 1
    assert path.read_bytes() == b'{"step": 1}\n'


def test_truncation_of_nothing(tmp_path):
    assert truncate_metrics(tmp_path / "metrics.jsonl", 5) == 0
    assert not list(tmp_path.iterdir())
