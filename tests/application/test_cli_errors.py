"""The user's mistakes: exit code 2, one sentence, nothing written."""

import errno
import io
import os
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from run_case import DIGITS, RING, ganapp, written

from ganapp import __main__ as cli
from ganapp.runs import Run


def refused(*arguments):
    """The sentence with which a command is refused."""
    said = ganapp(*arguments)
    assert said.code == 2, (said.code, said.output)
    assert said.errors.startswith("Error: ")
    assert said.errors.count("\n") == 1, "one sentence on one line"
    assert "Traceback" not in said.errors
    return said.errors.removeprefix("Error: ").rstrip("\n")


TRAIN = {
    "unknown preset": ("digit", "There is no preset called 'digit'"),
    "no such file": ("none.toml", "none.toml cannot be read: No such file"),
    "a folder": ("folder.toml", "folder.toml cannot be read: Is a directory"),
    "binary": ("binary.toml", "binary.toml is not valid TOML"),
    "misspelt key": ("ring.toml --set training.epoch=3", "Did you mean `training.epochs`?"),
    "wrong type": ("ring.toml --set training.epochs=three", "should be a valid integer"),
    "no value": ("ring.toml --set training.epochs", "`--set` takes key=value"),
    "no epochs": ("ring.toml --epochs 0", "`training.epochs`: input should be greater than"),
    "epochs twice": (
        "ring.toml --epochs 3 --set training.epochs=4",
        "`--epochs` is the setting `training.epochs`: give one of them. "
        "Received: --epochs and --set training.epochs=4",
    ),
    "mirrored points": ("ring.toml --mirror", "`data.mirror` is for images"),
    "run in use": ("ring.toml --run used", "used already holds a run: continue it with"),
    "run not empty": ("ring.toml --run full", "full is not empty; choose another"),
    "run is a file": ("ring.toml --run full/mine", "cannot be made: full/mine is a file"),
    "run in a file": ("ring.toml --run full/mine/run", "cannot be made: full/mine is a file"),
    "unwritable run": ("ring.toml --run /proc/none/run", "/proc/none/run cannot be made"),
    "batch too large": (
        "digits --set training.batch_size=2000",
        "must not exceed the 1497 training examples. Received: 2000 times 1",
    ),
    "execution across epochs": (
        "one_pass.toml --set training.steps_per_execution=5",
        "`training.steps_per_execution` must divide the steps of an epoch, 93 here. Received: 5",
    ),
    "execution longer": (
        "digits --set training.steps_per_execution=7",
        "must be a multiple of `training.steps_per_execution`. Received: 100 and 7.",
    ),
    "unwritable cache": (
        "--data npz:images.npz --set data.cache_dir=/proc/none",
        "The data source 'npz' cannot be prepared: /proc/none cannot be read or written",
    ),
    "unknown end": ("endless.toml", "is needed: the data source 'ring' never ends"),
    "images wanted": (
        "ring.toml --set discriminator={network='dcgan'}",
        "'dcgan' must have images of (height, width, channels) or clips of (time, height, width, "
        "channels); 'mlp' takes any shape.",
    ),
    "modes wanted": (
        "digits --set evaluation.metric=reverse_kl",
        "`evaluation.metric` can be 'reverse_kl' only for data with known modes",
    ),
    "shift beyond the image": (
        "one_pass.toml --set objective.terms.consistency.shift=8",
        "`shift` must be less than the shorter side of the images. "
        "Received: shift=8 for images of 8 x 8",
    ),
    "too many devices": (
        "ring.toml --set training.replicas=9 --set training.batch_size=18",
        "`replicas` on one CPU must be set before TensorFlow has used it. Received: replicas=9",
    ),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The working directory, with things that are in the way."""
    place = tmp_path / "place"
    for name in ("used", "full", "folder.toml"):
        (place / name).mkdir(parents=True)
    (place / "used" / "config.toml").write_text("")
    (place / "full" / "mine").write_text("")
    (place / "binary.toml").write_bytes(bytes(range(256)))
    (place / "ring.toml").write_text(RING)
    one_pass = DIGITS.replace("steps_per_epoch = 4\n", "").replace("deterministic = true\n", "")
    (place / "one_pass.toml").write_text(one_pass)
    np.savez(place / "images.npz", x=np.arange(2560, dtype=np.uint8).reshape(40, 8, 8))
    (place / "endless.toml").write_text(RING.replace("steps_per_epoch = 8", ""))
    monkeypatch.chdir(place)
    tf.config.list_logical_devices()  # TensorFlow's devices are as `tests/conftest.py` made them
    return place


@pytest.mark.parametrize(("arguments", "sentence"), TRAIN.values(), ids=TRAIN)
def test_train(place, arguments, sentence):
    before = written(place)
    assert sentence in refused("train", *arguments.split())
    assert written(place) == before


RUNS = {
    "resume": "resume {}",
    "sample": "sample {} --out x.png",
    "encode": "encode {}",
    "evaluate": "evaluate {}",
    "export": "export {}",
    "show": "show {}",
}
WITH_TENSORFLOW = [RUNS[name] for name in ("resume", "sample", "evaluate", "export")]


@pytest.mark.parametrize("command", RUNS.values(), ids=RUNS)
def test_what_is_no_run(place, command):
    wrong = {"none": "does not exist", "full": "holds no run", "full/mine": "is a file"}
    for name, what in wrong.items():
        sentence = refused(*command.format(name).split())
        assert f"The run directory {name} {what}" in sentence


@pytest.mark.parametrize("command", WITH_TENSORFLOW)
def test_a_configuration_spoilt_by_hand(finished, place, command):
    (finished / "config.toml").write_text("training = 3\n")
    before = written(finished)
    sentence = refused(*command.format(finished).split())
    assert f"{finished}/config.toml: `data` is missing." in sentence
    assert "`training` must be a table. Received: 3." in sentence
    assert written(finished) == before


@pytest.mark.parametrize("command", WITH_TENSORFLOW[1:])
def test_no_checkpoint_yet(finished, place, command):
    shutil.rmtree(finished / "checkpoints")
    before = written(finished.parent)
    sentence = refused(*command.format(finished).split())
    assert sentence.startswith(f"The run {finished} has no checkpoint yet; let it train longer")
    assert written(finished.parent) == before


@pytest.mark.parametrize("command", WITH_TENSORFLOW)
def test_only_corrupt_checkpoints(finished, place, command):
    for file in finished.rglob("ckpt-*"):
        file.write_bytes(file.read_bytes()[:40])
    before = written(finished)
    said = ganapp(*command.format(finished).split())
    *warnings, error = said.errors.splitlines()
    assert said.code == 2
    assert all(line.startswith("Warning: The checkpoint ") for line in warnings)
    assert len(warnings) >= 1
    assert error.startswith("Error: The folder must hold a whole checkpoint, but each one is dam")
    assert written(finished) == before
    assert not (place / "x.png").exists()


OUTPUTS = {
    "sample --out x.jpg": "`--out` must end in .npz, .png, .gif, .csv, .parquet, or be a folder",
    "sample --out none/x.png": "/none is not a writable folder",
    "sample --out folder.png": "`--out` cannot be written",
    "sample --out pictures": "`--out` can be a folder for images of 1, 3 or 4 channels alone",
    "sample --out pictures.png/": "`--out` can be a folder for images of 1, 3 or 4 channels",
    "sample --out full/": "`--out` must be an empty or a new folder",
    "export --data x.csv": "`--data` says where the files of a run lie now, and the run",
    "sample --out /proc/x.npz": "`--out` cannot be written: /proc/x.npz",
    "sample --out x.npz --count 0": "`--count` must be at least 1. Received: 0",
    "sample --out x.npz --seed -1": "at least 0 and below 2147483648. Received: -1",
    "sample --out x.npz --seed 2147483648": "below 2147483648. Received: 2147483648",
    "sample --out x.npz --truncation 1.5": "`--truncation` must lie between 0 and 1. Received: 1.5",
    "sample --out x.npz --truncation -0.1": "must lie between 0 and 1. Received: -0.1",
    "sample --out x.npz --truncation nan": "must lie between 0 and 1. Received: nan",
    "sample --out x.npz --checkpoint worst": "must be 'best' or 'last'. Received: 'worst'",
    "export --format onyx": "`--format` must be 'all' alone or among saved_model, litert, litert_",
    "export --format onnx --format onnx": "name at least one of saved_model, litert, litert_float",
    "export --format litert --name a/b": "`name` must consist of letters, digits",
    "export --format litert --version 0": "`version` must be from 1 to 2147483647. Received: ver",
    "export --out full": "this directory has other content",
    "export --out full/mine": "`out` must be a directory",
    "export --out /proc/x": "The export could not be written",
    "export --checkpoint worst": "`--checkpoint` must be 'best' or 'last'. Received: 'worst'",
}


@pytest.mark.parametrize(("arguments", "sentence"), OUTPUTS.items(), ids=OUTPUTS)
def test_outputs(finished, place, arguments, sentence):
    (place / "folder.png").mkdir()
    before = written(place), written(finished)
    command, *options = arguments.split()
    assert sentence in refused(command, finished, *options)
    assert (written(place), written(finished)) == before


def test_a_run_that_another_process_trains(finished):
    with Run(finished).in_use():
        assert "is in use: another process trains there" in refused("resume", finished)


def test_resuming_under_another_configuration_lists_the_differences(finished, place):
    before = written(finished)
    sentence = refused("resume", finished, "--set", "training.epochs=9", "--set", "data.sigma=.5")
    assert "was started with another configuration" in sentence
    assert sentence.endswith("Differences: data.sigma: 0.01 -> 0.5; training.epochs: 3 -> 9.")
    assert "generator.units: [8] -> unset" in refused("resume", finished, "--config", "digits")
    config = finished / "config.toml"
    config.write_text(config.read_text().replace("seed = 0", "seed = 3", 1))
    assert sentence.split("Differences")[0] in refused("resume", finished)
    assert refused("resume", finished).endswith("Differences: training.seed: 0 -> 3.")
    config.write_bytes(before["config.toml"])
    assert written(finished) == before


def test_another_network_s_checkpoint(finished):
    config = finished / "config.toml"
    config.write_text(config.read_text().replace("    8,", "    9,"))
    sentence = refused("evaluate", finished)
    assert "belongs to another network or optimizer" in sentence
    assert "must be float32 of shape (2, 9). Received: float32 of shape (2, 8)" in sentence


def test_a_full_disk_is_a_sentence(finished, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "report.json")

    monkeypatch.setattr("ganapp.runner.evaluation.write_report", full)
    assert refused("evaluate", finished) == (
        "report.json cannot be read or written: No space left on device."
    )


USAGE = ["nothing", "train ring --bad", "sample run", "sample run --out x --count x"]


@pytest.mark.parametrize("arguments", USAGE)
def test_typer_s_own_complaints(arguments):
    said = ganapp(*arguments.split())
    assert said.code == 2
    assert said.errors.startswith("Usage: ")
    assert "Error" in said.errors


def test_a_path_that_is_no_text_ends_in_a_sentence(monkeypatch):
    """As the system gives it: a byte that is not UTF-8, which no encoding of a terminal takes."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(sys, "argv", ["ganapp", "show", "data_\udce9"])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    stream.flush()
    assert b"The run directory data_\\udce9 does not exist" in stream.buffer.getvalue()
