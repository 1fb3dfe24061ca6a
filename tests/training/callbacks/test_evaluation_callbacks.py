"""Evaluation and alarms while a model trains."""

import json

import numpy as np
import pytest
from callback_case import StandIn
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ganapp.training.callbacks.evaluation import Evaluate, Examiner, RaiseAlarms
from ganapp.training.callbacks.metrics import MetricsLog
from ganapp.training.callbacks.tensorboard import Board
from ganapp.training.checkpoints import BestCheckpoint, list_steps
from ganapp.training.data import ArraySource, DataSpec
from ganapp.training.diagnostics.alarms import WeightHistory

STEPS = 100


def alarms_every(model, *, sinks, series=dict, every=4, shift=0.0, **options):
    """Of data that the stand-in's generator, one Gaussian, never reaches the half of."""
    random = np.random.default_rng(0)
    real = random.normal(size=(800, 2)) * [1, 1] + [[9, 0]] * (np.arange(800) % 4 > 0)[:, None]
    spec = DataSpec(
        name="two",
        kind="vector",
        shape=(2,),
        examples=400,
        held_out=400,
        mean=(0.0, 0.0),
        scale=(1.0, 1.0),
    )
    source = ArraySource(spec, real[:400] + shift, real[400:] + shift)
    return RaiseAlarms(
        every,
        examine=Examiner(model, source, spec, count=400, series=series, every=10).snapshot,
        histories={
            "generator": WeightHistory([model.weight]),
            "discriminator": WeightHistory([model.ema_weight]),
        },
        sinks=sinks,
        last=STEPS,
        **options,
    )


def test_examines_the_raw_generator_and_hands_on_to_all_sinks():
    model, records = StandIn(), []
    callback = alarms_every(model, sinks=[lambda *values: records.append(values)])
    model.train(STEPS, [callback])
    assert [step for step, _, _ in records] == list(range(4, STEPS + 1, 4))
    names = {step: {alarm.name for alarm in alarms} for step, _, alarms in records}
    # The discriminator's scores are no part of it: the sum of the coordinates of either.
    assert "low_coverage" in names[28]
    for step in (4, 8, 20, 24):  # in the first quarter every generator is poor
        assert "low_coverage" not in names[step]
    distances = [values["generator_distance"] for _, values, _ in records]
    assert distances[0] == 0 < distances[1] < distances[2]  # the weights grow exponentially


def test_weights_are_recorded_more_often_than_examples():
    model, records, shown = StandIn(), [], {}
    sinks = [lambda *values: records.append(values)]
    model.train(
        STEPS,
        [alarms_every(model, sinks=sinks, every=7, examine_every=3, histograms=shown.__setitem__)],
    )
    assert [step for step, _, _ in records] == [*range(7, STEPS, 7), STEPS]
    examined = [step for step, _, alarms in records if alarms is not None]
    assert examined == [21, 42, 63, 84, STEPS]  # the last always
    assert list(shown) == examined
    assert {tag: len(scores) for tag, scores in shown[21].items()} == {
        "scores/real_histogram": 400,
        "scores/fake_histogram": 400,
    }


def test_samples_nowhere_near_the_data_raise_an_alarm_from_half_of_the_run_on():
    model, records = StandIn(), []
    callback = alarms_every(model, sinks=[lambda *values: records.append(values)], shift=1e3)
    model.train(STEPS, [callback])
    steps = [step for step, _, alarms in records for a in alarms if a.name == "low_precision"]
    assert steps == list(range(52, STEPS + 1, 4))


def test_weights_that_never_settle_raise_an_alarm_at_the_end(tmp_path):
    model, records, rows = StandIn(), [], []
    metrics = MetricsLog(tmp_path / "metrics.jsonl", 10)

    def series():
        lines = metrics.path.read_text().splitlines() if metrics.path.exists() else []
        rows[:] = [json.loads(line)["watch"] for line in lines]
        return {"generator_distance": [row["generator_distance"] for row in rows]}

    callback = alarms_every(
        model,
        sinks=[metrics.alarms, lambda step, _, alarms: records.append((step, alarms))],
        series=series,
    )
    model.train(STEPS, [callback])
    wandering = [step for step, alarms in records for alarm in alarms if alarm.name == "wandering"]
    assert wandering == [STEPS]
    sentence = json.loads(metrics.path.read_text().splitlines()[-1])["watch"]["alarms"][
        "wandering (generator)"
    ]
    assert sentence.startswith("the generator's weights are ")


def test_tensorboard_shows_them(tmp_path):
    model, board = StandIn(), Board(tmp_path)
    model.train(STEPS, [alarms_every(model, sinks=[board.alarms])])
    board.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    assert {"alarms", "alarms/raised", "distances/generator"} <= set(events.Tags()["tensors"])
    texts = [e.tensor_proto.string_val[0].decode() for e in events.Tensors("alarms")]
    assert any("**low_coverage**" in text and "cover" in text for text in texts)
    assert len(texts) < len(events.Tensors("alarms/raised"))  # only when something is new


def test_weights_alone_records_no_alarms(tmp_path):
    model, board, metrics = StandIn(), Board(tmp_path), MetricsLog(tmp_path / "metrics.jsonl", 10)
    sinks = [board.alarms, metrics.alarms]
    model.train(STEPS, [alarms_every(model, sinks=sinks, every=20, examine_every=2)])
    board.close()
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0}).Reload()
    assert [e.step for e in events.Tensors("distances/generator")] == [20, 40, 60, 80, 100]
    assert [e.step for e in events.Tensors("alarms/raised")] == [40, 80, 100]
    rows = [json.loads(line) for line in metrics.path.read_text().splitlines()]
    assert [row["step"] for row in rows if "alarms" in row["watch"]] == [40, 80, 100]


def test_evaluates_the_averaged_generator_in_user_units():
    model, evaluated, figures = StandIn(), [], []

    def evaluate(samples):
        evaluated.append(samples)
        return {"mean": samples.mean()}

    callback = Evaluate(
        evaluate,
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
    np.testing.assert_array_equal(evaluated[-1], expected)
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
