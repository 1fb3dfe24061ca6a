"""Keras's callbacks on a GAN, which has two optimizers and no log `loss`.

What would have no effect or fail late is refused or said before the first step.
"""

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import keras
import tensorflow as tf

from ganapp.models.companions import Player
from ganapp.training.messages import non_finite_message

Logs = dict[str, float | tf.Tensor]
Callbacks = (
    keras.callbacks.CallbackList
    | keras.callbacks.Callback
    | Sequence[keras.callbacks.Callback]
    | None
)
PLAYERS: tuple[Player, ...] = get_args(Player)
SHOWN = {
    "discriminator_loss": "D",
    "generator_loss": "G",
    "val_discriminator_loss": "val_D",
}
BAR_WIDTH = 10
NO_LOGS = ("loss", "val_loss", "accuracy", "val_accuracy")  # of other models
MONITORS = (
    keras.callbacks.EarlyStopping,
    keras.callbacks.ReduceLROnPlateau,
    keras.callbacks.ModelCheckpoint,
)
RATES = keras.callbacks.LearningRateScheduler, keras.callbacks.ReduceLROnPlateau


class ForPlayer(keras.callbacks.Callback):
    """Shows a callback one player's optimizer as that of the model.

    `keras.callbacks.LearningRateScheduler` and `ReduceLROnPlateau` change the learning rates of
    both players where they are given to `fit` as they are, each from its own value; in a
    `ForPlayer` those of one. They log `learning_rate_generator` and `learning_rate_discriminator`.

    Args:
        player: `"generator"`, `"discriminator"` or `"both"`.
        callback: one that looks at `model.optimizer`.

    Raises:
        ValueError: there is no such player.
    """

    def __init__(
        self, player: Player | Literal["both"], callback: keras.callbacks.Callback
    ) -> None:
        super().__init__()
        if player not in (*PLAYERS, "both"):
            raise ValueError(
                "`player` must be 'generator', 'discriminator' or 'both'. "
                f"Received: player={player!r}"
            )
        self.player, self.callback = player, callback
        for hook in dir(keras.callbacks.Callback):
            if hook.startswith("on_") and hook != "on_epoch_begin":
                setattr(self, hook, getattr(callback, hook))
        self._is_said = False

    def optimizers(self, model: keras.Model) -> dict[Player, keras.optimizers.Optimizer]:
        """The optimizers of `model` that it is about, by player."""
        chosen = PLAYERS if self.player == "both" else (self.player,)
        return {player: getattr(model, f"{player}_optimizer") for player in chosen}

    def set_params(self, params: dict) -> None:
        super().set_params(params)
        self.callback.set_params(params)

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        own = self.optimizers(model)
        # Keras asks an optimizer of several for `optimizers`, and names their logs by them.
        named = [_Standing(each, name=player) for player, each in own.items()]
        optimizer = _Standing(next(iter(own.values())), optimizers=named)
        self.callback.set_model(_Standing(model, optimizer=optimizer))

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        before = self._rates()
        self.callback.on_epoch_begin(epoch, logs)
        if len(before) > len(self._rates()) and not self._is_said:
            self._is_said = True
            warnings.warn(
                "A schedule of learning rates is asked for each player's, and has made one of "
                f"two: write it as a function of the present rate, `lambda epoch, rate: ...`, or "
                "give each player its own by `ForPlayer`. "
                f"Received: {', '.join(f'{rate:g}' for rate in before)} became "
                f"{', '.join(f'{rate:g}' for rate in self._rates())}",
                stacklevel=2,
            )

    def _rates(self) -> list[float]:
        """The different ones."""
        values = self.optimizers(self.model).values()
        return list(dict.fromkeys(present_rate(each) for each in values))


def present_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of an optimizer now, on replicas as well."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


class _Standing:
    """Stands for an object, but for some attributes of its own."""

    def __init__(self, target: object, **own: object) -> None:
        self.__dict__.update(own, _target=target)

    def __getattr__(self, name: str) -> object:
        return getattr(self._target, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._target, name, value)


class ShortProgress(keras.callbacks.ProgbarLogger):
    """Keras's progress bar with the two losses, `D` and `G`, not with all of some twenty logs."""

    def _maybe_init_progbar(self) -> None:
        super()._maybe_init_progbar()
        self.progbar.width = BAR_WIDTH

    def _update_progbar(self, batch: int, logs: Logs | None = None) -> None:
        super()._update_progbar(batch, shown_logs(logs))

    def _finalize_progbar(self, logs: Logs | None) -> None:
        super()._finalize_progbar(shown_logs(logs))


def shown_logs(logs: Logs | None) -> Logs:
    logs = logs or {}
    return {short: logs[name] for name, short in SHOWN.items() if name in logs}


class LossForTerminateOnNaN(keras.callbacks.Callback):
    """Gives `TerminateOnNaN`, before which it stands, the `loss` that it looks at.

    It is NaN where a log is not finite.

    A GAN has two losses and many terms: a warning says which value was not finite.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begin = 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        scaling = isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)
        if non_finite_message(logs or {}, 0, 1, loss_scaling=scaling):
            step, executed = int(self.model.step.numpy()), batch - self._begin + 1
            warnings.warn(
                non_finite_message(logs, step, executed, loss_scaling=scaling), stacklevel=2
            )
            logs["loss"] = float("nan")


def prepare_callbacks(model: keras.Model, callbacks: Callbacks, *, progress: bool) -> Callbacks:
    """The callbacks to hand to Keras: those given, in any form that Keras takes, and ours.

    Raises:
        ValueError: one would fail at the end of an epoch.
    """
    ready_made = isinstance(callbacks, keras.callbacks.CallbackList)
    given = callbacks.callbacks if ready_made else keras.tree.flatten(callbacks or [])
    for callback in given:
        _check_callback(model, callback)
    if ready_made:
        if found := [type(each).__name__ for each in given if isinstance(each, RATES)]:
            warnings.warn(
                "In a `CallbackList` of your own a callback changes the learning rate of the "
                "generator alone: give `fit` a list, for both, or put it into a `ForPlayer`. "
                f"Received: {', '.join(found)}",
                stacklevel=4,
            )
        return callbacks
    given = [ForPlayer("both", each) if isinstance(each, RATES) else each for each in given]
    if any(isinstance(each, keras.callbacks.TerminateOnNaN) for each in given):
        given = [LossForTerminateOnNaN(), *given]
    if progress and not any(isinstance(each, keras.callbacks.ProgbarLogger) for each in given):
        given = [*given, ShortProgress()]
    return given


def _check_callback(model: keras.Model, callback: keras.callbacks.Callback) -> None:
    inner = callback.callback if isinstance(callback, ForPlayer) else callback
    if isinstance(inner, MONITORS):
        _check_monitor(inner)
    if isinstance(inner, keras.callbacks.ModelCheckpoint) and not inner.save_weights_only:
        model.check_saving(inner.filepath)
    if isinstance(inner, RATES):
        _check_rates(model, callback if inner is not callback else ForPlayer("both", callback))


def _check_monitor(callback: keras.callbacks.Callback) -> None:
    name, monitor = type(callback).__name__, callback.monitor
    if monitor in NO_LOGS:
        if isinstance(callback, keras.callbacks.ModelCheckpoint) and not callback.save_best_only:
            return  # the default, which nobody looks at
        warnings.warn(
            f"`{name}` must look at a log that a GAN has (discriminator_loss, generator_loss, "
            "score_gap, ...; with validation data also val_discriminator_loss, ...), and neither "
            "loss says how good the samples are. It will do nothing. "
            f"Received: monitor={monitor!r}",
            stacklevel=5,
        )
    elif callback.mode == "auto" and callback.monitor_op is None:
        raise ValueError(
            f"`{name}` must be told whether {monitor!r} is to become small or large: "
            "`mode='min'` or `mode='max'`. Received: mode='auto'"
        )


def _check_rates(model: keras.Model, callback: ForPlayer) -> None:
    for player, optimizer in callback.optimizers(model).items():
        given = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
        if isinstance(given, dict):
            raise ValueError(
                f"`{type(callback.callback).__name__}` needs a learning rate that is a number, and "
                f"a schedule moves that of the {player}: leave out one of the two, or use "
                f"`ForPlayer` for the other player. Received: {given['class_name']}"
            )
