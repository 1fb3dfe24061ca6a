"""Checkpoints: complete, atomic, checked, and never half restored."""

import os
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from ganapp.training.checkpoints import (
    CheckpointError,
    Checkpoints,
    list_steps,
    load_latest,
)


def state_of(value, size=5):
    return {
        "generator": [tf.Variable(np.full((size, 2), value, "float32")), tf.Variable(value)],
        "counters": [tf.Variable(int(value), dtype=tf.int64)],
    }


def values_of(state):
    return [v.numpy().tolist() for variables in state.values() for v in variables]


def set_all(state, value):
    for variables in state.values():
        for variable in variables:
            variable.assign(tf.cast(tf.fill(variable.shape, value), variable.dtype))


@pytest.fixture
def three(tmp_path):
    """A folder with the checkpoints 1, 2 and 3, whose variables have the value of the step."""
    state = state_of(0.0)
    checkpoints = Checkpoints(tmp_path, state)
    for step in (1, 2, 3):
        set_all(state, float(step))
        checkpoints.save(step)
    return tmp_path


def test_restores_the_newest(three):
    state = state_of(0.0)
    assert Checkpoints(three, state).restore_latest() == 3
    assert values_of(state) == values_of(state_of(3.0))


def test_nothing_to_restore(tmp_path):
    assert Checkpoints(tmp_path / "new", state_of(0.0)).restore_latest() is None
    assert load_latest(tmp_path / "nowhere", state_of(0.0)) is None


def test_keeps_the_newest_few(three):
    state = state_of(4.0)
    path = Checkpoints(three, state, keep=2).save(4)
    assert path == three / "ckpt-4"
    assert list_steps(three) == [4, 3]
    assert sorted(os.listdir(three)) == [
        f"ckpt-{step}.{kind}" for step in (3, 4) for kind in ("data-00000-of-00001", "index")
    ]


def test_saving_a_step_again_replaces_it(three):
    state = state_of(30.0)
    Checkpoints(three, state).save(3)
    other = state_of(0.0)
    assert load_latest(three, other) == 3
    assert values_of(other) == values_of(state)


def test_the_step_just_saved_is_kept_beside_a_newer_damaged_one(three):
    Checkpoints(three, state_of(2.0), keep=1).save(2)
    assert list_steps(three) == [3, 2]


def test_a_variable_in_two_lists_is_saved_under_both(tmp_path):
    generator = tf.Variable([1.0, 2.0])
    Checkpoints(tmp_path, {"generator": [generator], "ema_generator": [generator]}).save(1)
    average = tf.Variable([0.0, 0.0])
    load_latest(tmp_path, {"ema_generator": [average]})
    assert average.numpy().tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "bool", "uint32"])
def test_keeps_types(tmp_path, dtype):
    Checkpoints(tmp_path, {"a": [tf.Variable(tf.cast([0, 1, 1], dtype))]}).save(1)
    variable = tf.Variable(tf.cast([0, 0, 0], dtype))
    load_latest(tmp_path, {"a": [variable]})
    assert tf.cast(variable, "int32").numpy().tolist() == [0, 1, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_values_that_are_not_finite(three, bad):
    state = state_of(4.0)
    state["generator"][1].assign(bad)
    with pytest.raises(CheckpointError, match=r"step 4 .* non-finite generator\[1\]"):
        Checkpoints(three, state).save(4)
    assert list_steps(three) == [3, 2, 1]


def test_skips_damaged_ones_and_sets_them_aside(three):
    (three / "ckpt-3.data-00000-of-00001").write_bytes(b"short")
    (three / "ckpt-2.index").unlink()
    state, warnings = state_of(0.0), []
    assert Checkpoints(three, state, warn=warnings.append).restore_latest() == 1
    assert values_of(state) == values_of(state_of(1.0))
    for step, text in zip((3, 2), warnings, strict=True):
        assert f"ckpt-{step} is damaged" in text
    assert list_steps(three) == [1]
    assert len(list(three.glob("ckpt-3.*.corrupt"))) == 2


def test_warns_by_default(three):
    (three / "ckpt-3.index").write_bytes(b"")
    with pytest.warns(UserWarning, match="ckpt-3 is damaged and was skipped"):
        Checkpoints(three, state_of(0.0)).restore_latest()


def test_reading_only_leaves_damaged_files_where_they_are(three):
    (three / "ckpt-3.index").write_bytes(b"")
    state, warnings = state_of(0.0), []
    assert load_latest(three, {"generator": state["generator"]}, warn=warnings.append) == 2
    assert len(warnings) == 1
    assert list_steps(three) == [3, 2, 1]


def test_all_damaged_is_an_error_each_time(three):
    for file in three.glob("*.index"):
        file.write_bytes(b"nothing")
    state = state_of(7.0)
    for _ in range(2):  # a second try must not find an empty folder and start from scratch
        with pytest.raises(CheckpointError, match=r"each one is damaged.*\[3, 2, 1\]"):
            Checkpoints(three, state, warn=lambda text: None).restore_latest()
    assert values_of(state) == values_of(state_of(7.0))


def test_what_an_interrupted_first_save_left_is_no_checkpoint(tmp_path):
    """The index is moved last; without one there is nothing yet to go on from."""
    Checkpoints(tmp_path, state_of(1.0)).save(1)
    (tmp_path / "ckpt-1.index").unlink()
    state, warnings = state_of(7.0), []
    assert load_latest(tmp_path, state, warn=warnings.append) is None
    checkpoints = Checkpoints(tmp_path, state, warn=warnings.append)
    assert checkpoints.restore_latest() is None
    assert all("ckpt-1 is damaged and was skipped" in text for text in warnings)
    assert len(warnings) == 2
    assert values_of(state) == values_of(state_of(7.0))
    checkpoints.save(1)
    assert Checkpoints(tmp_path, state_of(0.0)).restore_latest() == 1


def test_a_lying_state_file_is_not_asked(three):
    (three / "checkpoint").write_text('model_checkpoint_path: "/nowhere/ckpt-9"')
    assert Checkpoints(three, state_of(0.0)).restore_latest() == 3


MISMATCHES = {
    "shape": ({"size": 6}, {}, r"generator\[0\]` must be float32 of shape \(6, 2\)"),
    "one list more": ({}, {"more": [1.0]}, r"`more\[0\]` must be .*Received: absent"),
    "one variable fewer": ({}, {"generator": [np.zeros((5, 2), "float32")]}, "must be absent"),
    "type": ({}, {"counters": [1.0]}, r"must be float32 of shape \(\)\. Received: int64"),
}


@pytest.mark.parametrize(("options", "changes", "message"), MISMATCHES.values(), ids=MISMATCHES)
def test_another_network_is_refused_untouched(three, options, changes, message):
    state = state_of(7.0, **options) | {
        name: [tf.Variable(value) for value in values] for name, values in changes.items()
    }
    before = values_of(state)
    with pytest.raises(CheckpointError, match=message):
        Checkpoints(three, state).restore_latest()
    assert values_of(state) == before
    assert list_steps(three) == [3, 2, 1]


def test_every_flipped_bit_and_cut_is_noticed_or_harmless(tmp_path):
    """Random single-bit faults all over both files, more in the index's footer, and cuts."""
    state = state_of(3.0)
    Checkpoints(tmp_path, state).save(1)
    expected, choose = values_of(state), random.Random(0)
    for file in sorted(tmp_path.iterdir()):
        raw = file.read_bytes()
        # The index ends in a block and a footer that are mostly unused.
        spare = len(raw) - 80 if file.suffix == ".index" else len(raw)
        faults = [(offset, choose.randrange(8)) for offset in range(len(raw))]
        faults += [(offset, bit) for offset in range(spare, len(raw)) for bit in (0, 7)]
        damaged = [(offset, _flipped(raw, offset, bit)) for offset, bit in faults]
        damaged += [(0, raw[:length]) for length in range(0, len(raw), 7)]
        for offset, content in damaged:
            file.write_bytes(content)
            set_all(state, 7.0)
            try:
                load_latest(tmp_path, state, warn=lambda text: None)
            except CheckpointError:
                assert values_of(state) == values_of(state_of(7.0))
            else:
                assert offset >= spare
                assert values_of(state) == expected
        file.write_bytes(raw)


def _flipped(raw, offset, bit):
    return raw[:offset] + bytes([raw[offset] ^ 1 << bit]) + raw[offset + 1 :]


KILLED = """
    import os, signal, sys, threading, time
    import tensorflow as tf
    from ganapp.training.checkpoints import Checkpoints
    state = {"a": [tf.Variable(tf.zeros(500_000))], "b": [tf.Variable(0, dtype=tf.int64)]}
    checkpoints = Checkpoints(sys.argv[1], state)
    replace, moves = os.replace, []
    def dying(source, target):
        moves.append(target)
        if len(moves) == 2:  # the data are in place, the index is not
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)
    for step in (1, 2):
        state["a"][0].assign(tf.fill([500_000], float(step)))
        state["b"][0].assign(step)
        if step == 2:
            os.replace = dying
        checkpoints.save(step)
"""


@pytest.mark.slow
def test_killed_while_saving_leaves_the_earlier_one(tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    result = subprocess.run(command, stderr=subprocess.DEVNULL, cwd=os.getcwd(), check=False)
    assert result.returncode == -9
    assert list(tmp_path.glob(".writing-*"))
    state = {"a": [tf.Variable(tf.zeros(500_000))], "b": [tf.Variable(0, dtype=tf.int64)]}
    assert Checkpoints(tmp_path, state, warn=lambda text: None).restore_latest() == 1
    assert state["a"][0].numpy().min() == state["a"][0].numpy().max() == 1.0
    assert not list(tmp_path.glob(".writing-*"))


def test_only_the_chief_writes(three):
    worker = Checkpoints(three, state_of(9.0), chief=False)
    worker.save(9)
    assert list_steps(three) == [3, 2, 1]
    assert worker.restore_latest() == 3


def test_optimizer_and_keras_variables(tmp_path):
    import keras

    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.apply([tf.ones((3, 2)), tf.ones(2)], layer.trainable_variables)
    state = {"network": layer.variables, "optimizer": optimizer.variables}
    before = [v.numpy().copy() for v in layer.variables + optimizer.variables]
    checkpoints = Checkpoints(tmp_path, state)
    checkpoints.save(1)
    optimizer.apply([tf.ones((3, 2)), tf.ones(2)], layer.trainable_variables)
    checkpoints.restore_latest()
    after = [v.numpy() for v in layer.variables + optimizer.variables]
    assert all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))
