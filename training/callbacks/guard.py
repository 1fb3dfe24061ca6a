"""Stops a run at the first value that is not finite."""

from typing import Any

import keras

from ganapp.training.callbacks.cadence import completed_steps
from ganapp.training.non_finite import complaint


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
        # The step is read from the device only where there is something to say.
        if complaint(logs or {}, 0, 1, loss_scaling=self.loss_scaling):
            step, executed = completed_steps(self.model), batch - self._begin + 1
            raise NonFiniteError(complaint(logs, step, executed, loss_scaling=self.loss_scaling))
