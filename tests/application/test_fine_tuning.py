"""A run that begins with the networks of another one."""

import re

import keras
import numpy as np
from run_case import RING, ganapp, tensors

from ganapp.runner.fine_tuning import take_over
from ganapp.runs import Run

SHORT = ("--set", "training.epochs=1", "--set", "training.steps_per_epoch=2")


def network(units, shape=(3,)):
    x = keras.Input(shape)
    hidden = keras.layers.Dense(units, "relu")(x)
    hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model(x, keras.layers.Dense(2)(hidden))


def test_weights_go_by_name_whatever_number_keras_gave_the_layers():
    ours, theirs = network(4), network(4)
    fit = take_over(ours, theirs)
    assert fit.taken == fit.count == sum(np.prod(w.shape) for w in ours.weights)
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert fit.left == {}


def test_what_does_not_fit_stays_and_is_told():
    ours, theirs = network(4, (5,)), network(4)
    before = ours.layers[1].kernel.numpy()
    fit = take_over(ours, theirs)
    np.testing.assert_array_equal(ours.layers[1].kernel, before)
    np.testing.assert_array_equal(ours.layers[1].bias, theirs.layers[1].bias)
    assert fit.left == {"dense/kernel": "(5, 4), there (3, 4)"}
    assert fit.sentence("generator", "a run") == (
        f"{fit.taken / fit.count:.1%} of the 50 numbers of the generator are those of a run; "
        "new: dense/kernel ((5, 4), there (3, 4))."
    )


def test_a_run_begins_with_anothers_networks_and_says_so(trained, tmp_path):
    (tmp_path / "ring.toml").write_text(RING)
    arguments = ("train", tmp_path / "ring.toml", "--from", trained)
    still = ("--set", "generator.optimizer.learning_rate=1e-30")
    said = ganapp(*arguments, "--run", tmp_path / "run", *SHORT, *still)
    assert said.code == 0, said.errors
    assert re.search(r"100.0% of the [0-9,]+ numbers of the generator are those of", said.output)
    begun, there = tensors(tmp_path / "run"), tensors(trained)
    kernels = [name for name in there if name.startswith("generator/")]
    assert kernels
    for name in kernels:
        np.testing.assert_allclose(begun[name], there[name], atol=1e-6)
    started = Run(tmp_path / "run").read_manifest()["started_from"]
    assert (started["run"], started["step"]) == (str(trained), 24)
    said = ganapp("resume", tmp_path / "run")
    assert said.code == 0, said.errors
    assert Run(tmp_path / "run").read_manifest()["started_from"] == started
    wider = ("--set", "generator.units=[9]", "--set", "discriminator.units=[9]")
    said = ganapp(*arguments, "--dry-run", *wider)
    assert said.code == 0, said.errors
    assert "new: " in said.output


def test_no_run_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = ganapp("train", "ring", "--from", "none")
    assert said.code == 2
    assert "The run directory none does not exist" in said.errors
