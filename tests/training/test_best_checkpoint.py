"""Keeping the best generator."""

import math

import pytest
import tensorflow as tf

from ganapp.training.checkpoints import BestCheckpoint, list_steps, load_latest


def best(folder, variable=None, **options):
    variable = tf.Variable(0.0) if variable is None else variable
    options = {"metric": "score", "better": "higher"} | options
    return BestCheckpoint(folder, {"ema_generator": [variable]}, **options)


def offers(keeper, values, start=1):
    return [keeper.offer(step, {"score": value}) for step, value in enumerate(values, start)]


def test_higher_and_lower(tmp_path):
    assert offers(best(tmp_path / "a"), [1.0, 0.5, 1.0, 2.0]) == [True, False, False, True]
    lower = best(tmp_path / "b", better="lower")
    assert offers(lower, [1.0, 0.5, 1.0, math.nan, -math.inf, 0.4]) == [True, True] + 3 * [
        False
    ] + [True]


def test_keeps_the_last_two_and_their_generators(tmp_path):
    variable = tf.Variable(0.0)
    keeper = best(tmp_path, variable)
    for step in range(1, 5):
        variable.assign(step)
        keeper.offer(step, {"score": step if step < 4 else 0.0})
    assert list_steps(tmp_path) == [3, 2]
    loaded = tf.Variable(0.0)
    assert load_latest(tmp_path, {"ema_generator": [loaded]}) == 3
    assert loaded.numpy() == 3.0


def test_a_resumed_run_knows_what_to_beat(tmp_path):
    offers(best(tmp_path), [1.0, 2.0])
    variable = tf.Variable(5.0)
    keeper = best(tmp_path, variable)
    assert keeper.value == 2.0
    assert variable.numpy() == 5.0  # the value alone is read back
    assert offers(keeper, [1.5, 2.5], start=3) == [False, True]


def test_all_damaged_starts_again(tmp_path):
    offers(best(tmp_path), [1.0])
    (tmp_path / "ckpt-1.index").write_bytes(b"")
    texts = []
    keeper = best(tmp_path, warn=texts.append)
    assert "starts again" in texts[-1]
    assert offers(keeper, [0.1], start=2) == [True]


def test_refuses_unknown_names(tmp_path):
    with pytest.raises(ValueError, match=r"`metric` must be one of \['modes'\]"):
        best(tmp_path).offer(1, {"modes": 8.0})
    with pytest.raises(ValueError, match="`better` must be 'higher' or 'lower'"):
        best(tmp_path, better="bigger")
