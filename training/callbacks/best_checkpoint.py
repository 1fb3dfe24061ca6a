"""Keeps what an evaluation liked best."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganapp.training.checkpoints import CheckpointError, Checkpoints, State, load_latest


class BestCheckpoint:
    """Keeps the generators with the best value of one evaluation metric.

    The value is saved along with the variables, so a resumed run knows what it has to beat.

    Args:
        directory: the folder, e.g. `<run>/checkpoints/best`.
        state: what to keep, e.g. `{"ema_generator": [...]}`.
        metric: name of the figure to go by.
        better: `"higher"` or `"lower"`.
        keep: how many of the last best ones to keep.
        chief: see `Checkpoints`.
        warn: see `Checkpoints`.
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
        """Saves if `values[metric]` beats the best so far; fits `Evaluate(sinks=...)`.

        Returns:
            Whether it was saved. A value that is not finite never beats another.

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
