"""What `GAN.fit` does with the callbacks it is given, and the ones it adds itself."""

import warnings
from typing import Any

import keras

from ganapp.training.non_finite import non_finite_message

SHOWN = {
    "discriminator_loss": "D",
    "generator_loss": "G",
    "val_discriminator_loss": "val_D",
}
BAR_WIDTH = 10
NO_LOGS = ("loss", "val_loss", "accuracy", "val_accuracy")  # of other models


class ShortProgress(keras.callbacks.ProgbarLogger):
    """Keras's progress bar with the two losses, `D` and `G`, so that it fits in a line.

    Keras would show all of some twenty logs. The other callbacks and the history still get them.
    """

    def _maybe_init_progbar(self) -> None:
        super()._maybe_init_progbar()
        self.progbar.width = BAR_WIDTH

    def _update_progbar(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super()._update_progbar(batch, shown_logs(logs))

    def _finalize_progbar(self, logs: dict[str, Any] | None) -> None:
        super()._finalize_progbar(shown_logs(logs))


def shown_logs(logs: dict[str, Any] | None) -> dict[str, Any]:
    """The few logs that are shown, under their short names."""
    logs = logs or {}
    return {short: logs[name] for name, short in SHOWN.items() if name in logs}


class LossForTerminateOnNaN(keras.callbacks.Callback):
    """Gives `TerminateOnNaN` the `loss` it looks at, and says which value was not finite.

    A GAN has two losses and many terms. Put before `TerminateOnNaN`; the logs get a `loss` only
    where one of them is not finite.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begin = 0

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        scaling = isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)
        if non_finite_message(logs or {}, 0, 1, loss_scaling=scaling):
            step, executed = int(self.model.step.numpy()), batch - self._begin + 1
            warnings.warn(
                non_finite_message(logs, step, executed, loss_scaling=scaling), stacklevel=2
            )
            logs["loss"] = float("nan")


def prepare_callbacks(model: keras.Model, callbacks: Any, *, progress: bool) -> Any:
    """The callbacks to hand to Keras: those given, and ours.

    Args:
        model: the GAN.
        callbacks: of the user, in any of the forms that Keras takes.
        progress: whether to show how far the training is.

    Raises:
        NotImplementedError: if one would save the GAN whole, which would fail at the end of the
            first epoch.
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks
    given = keras.tree.flatten(callbacks) if callbacks is not None else []
    for callback in given:
        _check_callback(model, callback)
    if any(isinstance(each, keras.callbacks.TerminateOnNaN) for each in given):
        given = [LossForTerminateOnNaN(), *given]
    if progress and not any(isinstance(each, keras.callbacks.ProgbarLogger) for each in given):
        given = [*given, ShortProgress()]
    return given


def _check_callback(model: keras.Model, callback: Any) -> None:
    monitors = isinstance(
        callback, keras.callbacks.EarlyStopping | keras.callbacks.ReduceLROnPlateau
    )
    if isinstance(callback, keras.callbacks.ModelCheckpoint):
        if not callback.save_weights_only:
            model.save(callback.filepath)  # says what to save instead
        monitors = callback.save_best_only
    name = type(callback).__name__
    if monitors and callback.monitor in NO_LOGS:
        warnings.warn(
            f"`{name}` must look at a log that a GAN has (discriminator_loss, generator_loss, "
            "score_gap, ...; with validation data also val_discriminator_loss, ...), and neither "
            "loss says how good the samples are. It will do nothing. "
            f"Received: monitor={callback.monitor!r}",
            stacklevel=4,
        )
    rates = keras.callbacks.LearningRateScheduler | keras.callbacks.ReduceLROnPlateau
    if isinstance(callback, rates):
        warnings.warn(
            f"`{name}` changes the learning rate of the generator alone; give each of the two "
            "optimizers a schedule (`keras.optimizers.schedules`) instead to change both.",
            stacklevel=4,
        )
