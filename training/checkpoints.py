"""Checkpoints that survive being killed and are checked before they are restored.

A checkpoint is TensorFlow's pair `ckpt-<step>.index` and `ckpt-<step>.data-00000-of-00001`, written
from explicit lists of variables: what is in the lists is saved, whatever object owns it, as
`<list>/<place>`, and `tf.train.load_checkpoint` reads it anywhere. Both files carry checksums,
which TensorFlow verifies when a tensor is read; everything is therefore read and compared with the
variables *before* the first of them is assigned, so that a restore happens completely or not at
all. The folder is listed rather than TensorFlow's `checkpoint` state file asked, which is one more
file that can be lost.
"""

import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

State = Mapping[str, Sequence[tf.Variable]]

FILE_PATTERN = re.compile(r"ckpt-(\d+)\.(?:index|data-\d{5}-of-\d{5})")
WRITING = ".writing-"
# What TensorFlow's reader was seen to raise, or may, over damaged and missing files.
DAMAGE = (tf.errors.OpError, OSError, IndexError, ValueError, RuntimeError, MemoryError)


class CheckpointError(RuntimeError):
    """A checkpoint cannot be saved or restored; the message is a sentence for the user."""


class Checkpoints:
    """The checkpoints of a run, in one folder.

    Args:
        directory: the folder; created when missing.
        state: named lists of variables. A variable is known by its place in its list, which must be
            the same in the run that restores.
        keep: how many checkpoints to keep, at least 1; older ones are deleted.
        chief: whether this worker writes. The others write to a temporary folder, because reading
            a distributed variable may need every worker.
        warn: called with a sentence for each checkpoint that had to be skipped.
    """

    def __init__(
        self,
        directory: str | Path,
        state: State,
        *,
        keep: int = 3,
        chief: bool = True,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        if keep < 1:
            raise ValueError(f"`keep` must be at least 1 checkpoint. Received: keep={keep}")
        self.directory, self.keep, self.chief, self.warn = Path(directory), keep, chief, warn
        self._state = _tensorflow_variables(state)
        self._saved: int | None = None
        if chief:
            self.directory.mkdir(parents=True, exist_ok=True)
            for stale in self.directory.glob(f"{WRITING}*"):
                shutil.rmtree(stale, ignore_errors=True)

    def save(self, step: int) -> Path:
        """Saves the state as `ckpt-<step>`.

        A process killed at any moment leaves the earlier checkpoints as they were: the files are
        written in a folder of their own and then moved, the index, without which a checkpoint does
        not count, last.

        Returns:
            The path without suffix, as `tf.train.load_checkpoint` takes it.

        Raises:
            CheckpointError: a variable is not finite; nothing is written.
        """
        path = self.directory / f"ckpt-{step}"
        if step == self._saved:  # a signal at a step that has just been saved; replacing is risk
            return path
        self._refuse_non_finite(step)
        parent = self.directory if self.chief else None
        writing = Path(tempfile.mkdtemp(prefix=WRITING, dir=parent))
        try:
            _write(writing / path.name, self._state)
            if self.chief:
                self._move_in(writing, step)
        finally:
            shutil.rmtree(writing, ignore_errors=True)
        self._saved = step
        if self.chief:
            older = [old for old in list_steps(self.directory) if old < step]
            for old in older[self.keep - 1 :]:
                self._delete(old)
        return path

    def restore_latest(self) -> int | None:
        """Restores the newest checkpoint that is whole.

        Damaged ones are skipped with a warning and, once an older one has been restored, renamed
        with the suffix `.corrupt`. Under a distribution strategy call it in cross-replica context.

        Returns:
            The restored step, or `None` when the folder holds no checkpoint.

        Raises:
            CheckpointError: every checkpoint is damaged, or the newest whole one belongs to
                another network or optimizer. No variable has been changed.
        """
        self._saved = None
        step, damaged = _restore_newest(self.directory, self._state, self.warn, complete=True)
        if self.chief:
            for other in damaged:
                for file in _files(self.directory, other):
                    os.replace(file, file.with_name(file.name + ".corrupt"))
        return step

    def _refuse_non_finite(self, step: int) -> None:
        bad = [
            f"{name}[{index}]"
            for name, variables in self._state.items()
            for index, variable in enumerate(variables)
            if variable.dtype.is_floating and not tf.reduce_all(tf.math.is_finite(variable))
        ]
        if bad:
            others = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
            raise CheckpointError(
                f"The state at step {step} was not saved, because a checkpoint must hold finite "
                f"values; the earlier checkpoints are kept. Received: non-finite {bad[0]}{others}"
            )

    def _move_in(self, writing: Path, step: int) -> None:
        self._delete(step)  # an old index must never describe new data
        for file in sorted(_files(writing, step), key=lambda file: file.suffix == ".index"):
            _sync(file)
            os.replace(file, self.directory / file.name)
        _sync(self.directory)

    def _delete(self, step: int) -> None:
        for file in sorted(_files(self.directory, step), key=lambda file: file.suffix != ".index"):
            file.unlink()


class BestCheckpoint:
    """Keeps the generators with the best value of one evaluation metric.

    The value is saved along with the variables, so a resumed run knows what it has to beat.

    Args:
        directory, state, chief, warn: see `Checkpoints`.
        metric: name of the figure to go by.
        better: `"higher"` or `"lower"`.
        keep: how many of the last best ones to keep.
    """

    def __init__(
        self,
        directory: str | Path,
        state: State,
        *,
        metric: str,
        better: str,
        keep: int = 2,
        chief: bool = True,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        if better not in ("higher", "lower"):
            raise ValueError(f"`better` must be 'higher' or 'lower'. Received: better={better!r}")
        self.metric, self._sign = metric, 1.0 if better == "higher" else -1.0
        worst = -self._sign * np.finfo("float64").max
        self._value = tf.Variable(worst, dtype=tf.float64, trainable=False)
        best = {"best_value": [self._value]}
        self._checkpoints = Checkpoints(directory, {**state, **best}, keep=keep, chief=chief)
        try:
            load_latest(directory, best, warn=warn)
        except CheckpointError as error:  # no reason to refuse the run: it can do better again
            warn(f"{error} The search for the best generator starts again.")

    @property
    def value(self) -> float:
        """The best value so far; the worst finite one before the first."""
        return float(self._value.numpy())

    def offer(self, step: int, values: Mapping[str, float]) -> bool:
        """Saves if a finite `values[metric]` beats the best so far; whether it was saved.

        Raises:
            ValueError: the evaluation has no such metric.
        """
        if self.metric not in values:
            raise ValueError(
                f"`metric` must be one of {sorted(values)}. Received: metric={self.metric!r}"
            )
        value = values[self.metric]
        if not np.isfinite(value) or self._sign * (value - self.value) <= 0:
            return False
        self._value.assign(value)
        self._checkpoints.save(step)
        return True


def list_steps(directory: str | Path) -> list[int]:
    """Steps of the checkpoints in a folder, whole or not, newest first."""
    if not Path(directory).is_dir():
        return []
    matches = [FILE_PATTERN.fullmatch(name) for name in os.listdir(directory)]
    return sorted({int(match[1]) for match in matches if match}, reverse=True)


def load_latest(
    directory: str | Path, state: State, *, warn: Callable[[str], None] = warnings.warn
) -> int | None:
    """Reads named lists of variables from the newest whole checkpoint of a folder.

    The checkpoint may hold more lists. No file is changed, and no variable where it raises.

    Returns:
        Its step, or `None` when the folder holds no checkpoint.

    Raises:
        CheckpointError: every checkpoint is damaged, or the newest whole one is of another
            network.
    """
    state = _tensorflow_variables(state)
    return _restore_newest(Path(directory), state, warn, complete=False)[0]


def _restore_newest(
    directory: Path, state: State, warn: Callable[[str], None], *, complete: bool
) -> tuple[int | None, list[int]]:
    """Restores the newest whole checkpoint; returns its step and the damaged newer ones."""
    damaged: list[int] = []
    for step in list_steps(directory):
        path = directory / f"ckpt-{step}"
        try:
            values = _read(path, state, complete=complete)
        except CheckpointError:
            raise
        except DAMAGE as error:
            damaged.append(step)
            warn(f"The checkpoint {path} is damaged and was skipped ({type(error).__name__}).")
            continue
        for key, variable in _keyed(state).items():
            variable.assign(values[key])
        return step, damaged
    # One alone without an index is no checkpoint: its save, the first, was interrupted.
    if len(damaged) > 1 or any((directory / f"ckpt-{each}.index").exists() for each in damaged):
        raise CheckpointError(
            f"The folder must hold a whole checkpoint, but each one is damaged. "
            f"Received: {directory} with steps {damaged}"
        )
    return None, damaged


def _write(path: Path, state: State) -> None:
    # Not tf.train.Checkpoint: it saves a variable that stands in two lists (a generator that is
    # its own average) under one of them only, and the other could not be read back by its name.
    keyed = _keyed(state)
    with tf.device("CPU:0"):
        tf.raw_ops.SaveV2(
            prefix=str(path),
            tensor_names=list(keyed),
            shape_and_slices=[""] * len(keyed),
            tensors=[tf.convert_to_tensor(variable) for variable in keyed.values()],
        )


def _read(path: Path, state: State, *, complete: bool) -> dict[str, np.ndarray]:
    """Reads and checks every tensor of a checkpoint, then picks those of `state`."""
    reader = tf.train.load_checkpoint(str(path))
    tensors = {key: reader.get_tensor(key) for key in reader.get_variable_to_shape_map()}
    wanted = _keyed(state)
    saved = {key: value for key, value in tensors.items() if complete or key.split("/")[0] in state}
    for key in sorted(wanted.keys() | saved.keys()):
        expected, received = (_described(each.get(key)) for each in (wanted, saved))
        if expected != received:
            name, index = key.split("/")
            raise CheckpointError(
                f"The checkpoint {path} belongs to another network or optimizer: `{name}[{index}]` "
                f"must be {expected}. Received: {received}"
            )
    return {key: saved[key] for key in wanted}


def _described(value: tf.Variable | np.ndarray | None) -> str:
    if value is None:
        return "absent"
    return f"{value.dtype.name} of shape {tuple(value.shape)}"


def _keyed(state: State) -> dict[str, tf.Variable]:
    """Every variable under the key it has in a checkpoint, e.g. `generator/0`."""
    return {
        f"{name}/{index}": variable
        for name, variables in state.items()
        for index, variable in enumerate(variables)
    }


def _tensorflow_variables(state: State) -> dict[str, list[tf.Variable]]:
    return {
        name: [v.value if isinstance(v, keras.Variable) else v for v in variables]
        for name, variables in state.items()
    }


def _files(directory: Path, step: int) -> list[Path]:
    return [
        directory / name
        for name in os.listdir(directory)
        if (match := FILE_PATTERN.fullmatch(name)) and int(match[1]) == step
    ]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
