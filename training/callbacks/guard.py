"""Stops a run at the first value that is not finite."""

import math
from typing import Any

import keras

from training.callbacks.cadence import completed_steps

# Named first when several terms fail at once: a penalty tends to drag the losses after it.
CAUSES_FIRST = (
    "penalty/",
    "generator_term/",
    "discriminator_loss",
    "generator_loss",
    "real_score",
    "fake_score",
)


class NonFiniteError(RuntimeError):
    """Training produced a NaN or an infinity; the message is a sentence for the user."""


class NonFiniteGuard(keras.callbacks.Callback):
    """Raises `NonFiniteError` as soon as a logged value is NaN or infinite.

    It raises rather than asks `fit` to stop, because the callbacks after it would still run and
    could record or save the diverged step: put it first. The last checkpoint then is a good one.
    Keras hands callbacks Python floats, so a check costs no device read.

    Args:
        loss_scaling: whether the optimizers scale the loss (`mixed_float16`). An infinite
            gradient is then how the scale is found, the update is skipped, and gradient norms are
            not looked at.
    """

    def __init__(self, *, loss_scaling: bool = False) -> None:
        super().__init__()
        self.loss_scaling = loss_scaling
        self._begin = 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        failed = [n for n, value in (logs or {}).items() if not math.isfinite(float(value))]
        if self.loss_scaling:
            failed = [name for name in failed if not name.endswith("gradient_norm")]
        if failed:
            step = completed_steps(self.model)
            raise NonFiniteError(_sentence(failed, logs, step, batch - self._begin + 1))


def _sentence(failed: list[str], logs: dict[str, Any], step: int, executed: int) -> str:
    name = min(failed, key=_rank)
    when = f"at step {step}" if executed == 1 else f"in steps {step - executed + 1} to {step}"
    others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
    return (
        f"Training diverged: `{name}`{others} was not finite {when}; the last checkpoint is from "
        "before: resume it with a smaller learning rate, or start again with a stronger gradient "
        f"penalty, spectral normalisation or float32. Received: {name}={float(logs[name])}"
    )


def _rank(name: str) -> int:
    ranks = (i for i, cause in enumerate(CAUSES_FIRST) if name.startswith(cause))
    return next(ranks, len(CAUSES_FIRST))
