"""Evaluation while training."""

import numpy as np
import pytest
from callback_case import StandIn

from ganapp.training.callbacks.evaluation import Evaluate
from ganapp.training.checkpoints import BestCheckpoint, list_steps


def test_judges_the_averaged_generator_in_user_units():
    model, judged, figures = StandIn(), [], []

    def judge(samples):
        judged.append(samples)
        return {"mean": samples.mean()}

    callback = Evaluate(
        judge,
        2,
        count=6,
        seed=3,
        to_user_units=lambda x: x + 1,
        sinks=[lambda step, values: figures.append((step, dict(values)))],
        last=5,
    )
    model.train(5, [callback])
    assert [step for step, _ in figures] == [2, 4, 5]
    expected = model.generate(6, seed=3, ema=True) + 1
    np.testing.assert_array_equal(judged[-1], expected)
    assert figures[-1][1] == {"mean": float(expected.mean())}
    assert type(figures[-1][1]["mean"]) is float


def test_keeps_the_best(tmp_path):
    model = StandIn()
    best = BestCheckpoint(
        tmp_path,
        {"ema_generator": model.state()["ema_generator"]},
        metric="distance",
        better="lower",
    )
    values = iter([3.0, 1.0, 2.0])
    callback = Evaluate(
        lambda samples: {"distance": next(values)},
        2,
        count=1,
        to_user_units=np.asarray,
        sinks=[best.offer],
    )
    model.train(6, [callback])
    assert list_steps(tmp_path) == [4, 2]


def test_refuses_no_samples():
    with pytest.raises(ValueError, match=r"`count` must be at least 1 sample\. Received: count=0"):
        Evaluate(dict, 1, count=0, to_user_units=np.asarray)
