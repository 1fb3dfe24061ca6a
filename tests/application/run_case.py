"""Configurations, the command line within this process, and what two runs must have in common."""

import contextlib
import dataclasses
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ganapp import __main__ as cli
from ganapp.training.checkpoints import list_steps

# Batch normalisation, spectral normalisation, several discriminator steps, schedules, accumulated
# gradients (with checkpoints in between), an annealed penalty and a data set with an end: all that
# a resumed run could get wrong.
DIGITS = """
[data]
source = "digits"
[generator]
network = "dcgan"
channels = [4]
normalisation = "batch"
prior = { name = "uniform", size = 4 }
optimizer = { learning_rate = { start = 1e-3, end = 1e-4 }, gradient_accumulation_steps = 3 }
[discriminator]
network = "dcgan"
channels = [4, 4]
optimizer = { learning_rate = { start = 1e-3, end = 1e-4, shape = "linear" } }
[objective]
name = "hinge"
discriminator_steps = 2
terms = { r1 = { weight = { start = 1.0, end = 0.1, shape = "exponential" } } }
[training]
epochs = 3
steps_per_epoch = 4
batch_size = 8
deterministic = true
ema_half_life = 500.0
log_every = 2
checkpoint_every = 4
sample_every = 9
evaluate_every = 6
keep_checkpoints = 2
[evaluation]
samples = 50
baseline_components = 2
"""
RING = """
[data]
source = "ring"
[generator]
network = "mlp"
units = [8]
prior = { size = 2 }
[discriminator]
network = "mlp"
units = [8]
[objective]
name = "relativistic"
[training]
epochs = 3
steps_per_epoch = 8
batch_size = 16
log_every = 2
checkpoint_every = 6
sample_every = 12
evaluate_every = 12
[evaluation]
samples = 60
"""


@dataclasses.dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    output: str
    errors: str


def ganapp(*arguments: object) -> Said:
    """Runs the command line in this process, as `python -m ganapp` does."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(sys, "argv", ["ganapp", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return Said(code, output.getvalue(), errors.getvalue())


def written(folder: Path) -> dict[str, bytes]:
    """Content of every file below a folder by relative path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def newest(run: Path) -> list[Path]:
    """The files of the newest checkpoint: data, then index."""
    step = list_steps(run / "checkpoints")[0]
    return sorted((run / "checkpoints").glob(f"ckpt-{step}.*"))


def tensors(
    run: Path, folder: str = "checkpoints", step: int | None = None
) -> dict[str, np.ndarray]:
    """Every tensor of the newest checkpoint or of that of a step, and its step."""
    step = list_steps(run / folder)[0] if step is None else step
    reader = tf.train.load_checkpoint(str(run / folder / f"ckpt-{step}"))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names} | {"step of the file": np.array(step)}


def assert_same_run(actual: Path, expected: Path) -> None:
    """Bitwise: last and best checkpoint, metrics, pictures and report."""
    for folder in ("checkpoints", "checkpoints/best"):
        left, right = tensors(actual, folder), tensors(expected, folder)
        assert left.keys() == right.keys()
        for name, value in right.items():
            np.testing.assert_array_equal(left[name], value, err_msg=f"{folder} {name}")
    assert (actual / "metrics.jsonl").read_bytes() == (expected / "metrics.jsonl").read_bytes()
    pictures = [written(run / "samples") for run in (actual, expected)]
    assert pictures[0] == pictures[1], sorted(pictures[0])
    reports = [json.loads((run / "report.json").read_text()) for run in (actual, expected)]
    assert reports[0] | {"title": expected.name} == reports[1]
