"""A run that begins with the networks of another one."""

import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from run_case import RING, assert_same_run, ganapp, tensors

from ganapp.models.frozen import freeze
from ganapp.models.networks import dcgan_discriminator, dcgan_generator
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


def test_frozen_layers_stay_and_a_resumed_run_is_the_same(trained, tmp_path):
    (tmp_path / "ring.toml").write_text(RING)
    settings = [
        'generator.frozen=["dense"]',
        'discriminator.frozen=["score?"]',
        "training.epochs=2",
        "training.steps_per_epoch=2",
        "training.checkpoint_every=2",
    ]
    words = [word for each in settings for word in ("--set", each)]
    run = tmp_path / "run"
    said = ganapp("train", tmp_path / "ring.toml", "--from", trained, "--run", run, *words)
    assert said.code == 0, said.errors
    assert re.search(r"generator +mlp, [0-9,]+ parameters, [0-9,]+ of them frozen", said.output)
    moved = moved_weights(run, 0, 4)
    for player in ("generator", "ema_generator", "discriminator"):
        frozen = moved[player][2:] if player == "discriminator" else moved[player][:2]
        assert frozen == [False, False], player  # kernel and bias of one layer
        assert sorted(moved[player]) == [False, False, True, True], player
    # Of what does not move the mean is the same.
    begun = tensors(run, step=0)
    ours = [begun[name] for name in sorted(begun) if name.startswith("generator/")][:2]
    means = [begun[name] for name in sorted(begun) if name.startswith("ema_generator/")][:2]
    for a, b in zip(ours, means, strict=True):
        np.testing.assert_array_equal(a, b)
    broken = Path(shutil.copytree(run, tmp_path / "broken"))
    for file in broken.glob("checkpoints/ckpt-4*"):
        file.unlink()
    said = ganapp("resume", broken)
    assert said.code == 0, said.errors
    assert_same_run(broken, run)


def moved_weights(run, first, last):
    """Whether each weight of each network differs between two checkpoints, in their order."""
    before, after = tensors(run, step=first), tensors(run, step=last)
    found = {}
    for name in sorted(before):
        found.setdefault(name.split("/")[0], []).append(
            not np.array_equal(before[name], after[name])
        )
    return found


def test_a_pattern_without_a_layer_is_a_sentence():
    with pytest.raises(ValueError, match=r"`x` must name layers .*: dense, batch_.*, dense_1\."):
        freeze(network(4), ["conv*"], setting="x")


def test_a_larger_size_begins_with_what_fits():
    """Further doublings at the end, or a larger first map: all convolutions but the new ones."""
    small = dcgan_generator({"z": (16,)}, (8, 8, 1), channels=(64, 32))
    deeper = dcgan_generator({"z": (16,)}, (16, 16, 1), channels=(64, 32, 16))
    wider = dcgan_generator({"z": (16,)}, (16, 16, 1), channels=(64, 32))
    assert {name.split("/")[0] for name in take_over(deeper, small).left} == {
        "conv2d_transpose_2",
        "batch_normalization_3",
        "conv2d",
    }
    assert {name.split("/")[0] for name in take_over(wider, small).left} == {"dense"}
    fits = (
        take_over(dcgan_discriminator({"x": (16, 16, 1)}, channels=(32, 64)), each)
        for each in (dcgan_discriminator({"x": (8, 8, 1)}, channels=(32, 64)),)
    )
    assert [set(fit.left) for fit in fits] == [{"scores/kernel"}]


def test_no_run_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = ganapp("train", "ring", "--from", "none")
    assert said.code == 2
    assert "The run directory none does not exist" in said.errors
