"""Callbacks that protect a run: from values that are not finite, and from being ended."""

import signal
import threading
from collections.abc import Callable
from types import FrameType

import keras

from ganapp.training.callbacks import Logs, StepCallback, completed_steps
from ganapp.training.messages import non_finite_message

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class NonFiniteError(RuntimeError):
    """Training produced a NaN or an infinity; the message is a sentence for the user."""


class TerminateOnNonFinite(keras.callbacks.Callback):
    """Raises `NonFiniteError` as soon as a logged value is NaN or infinite.

    It raises rather than asks `fit` to stop, because the callbacks after it would still run and
    could record or save the diverged step: put it first. Keras hands callbacks Python floats, so a
    check costs no device read. `loss_scaling`: see `non_finite_message`.
    """

    def __init__(self, *, loss_scaling: bool = False) -> None:
        super().__init__()
        self.loss_scaling = loss_scaling
        self._begin = 0

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        # The step is read from the device only where there is something to say.
        if non_finite_message(logs or {}, 0, 1, loss_scaling=self.loss_scaling):
            step, executed = completed_steps(self.model), batch - self._begin + 1
            raise NonFiniteError(
                non_finite_message(logs, step, executed, loss_scaling=self.loss_scaling)
            )


class CheckpointEvery(StepCallback):
    """Calls `save(step)` at multiples of `every` and at the run's last step.

    Put it after whatever records the same step: a step that can be restored must have been
    recorded in full, because a resumed run does not go through it again.

    Args:
        save: e.g. `Checkpoints.save`.
        every: steps between two checkpoints.
        last: see `StepCallback`.
    """

    def __init__(
        self, save: Callable[[int], object], every: int, *, last: int | None = None
    ) -> None:
        super().__init__(every, last=last)
        self.save = save

    def on_step(self, step: int, logs: Logs) -> None:
        self.save(step)


class Interrupt(keras.callbacks.Callback):
    """Saves and stops when the process is asked to end; a callback and a context manager.

    Inside the `with` block the first SIGTERM or SIGINT only sets `signal`; when the running step
    (or execution) is over, the state is saved and `model.stop_training` set. A SIGINT while one is
    pending raises KeyboardInterrupt as usual, so that a long step can be left. In another thread
    than the main one, which alone gets signals, the block changes nothing.

        with Interrupt(checkpoints.save) as interrupt:
            gan.fit(..., callbacks=[..., interrupt])
        if interrupt.signal:
            sys.exit(interrupt.exit_code)

    Args:
        save: called with the completed step before the run stops.
        agree: with several workers all must stop at the same step, or the others wait for ever in
            their next reduction. It gets this worker's wish after *every* execution and returns
            the common one, e.g. the maximum of an all-reduce.
    """

    def __init__(
        self, save: Callable[[int], object], *, agree: Callable[[bool], bool] = bool
    ) -> None:
        super().__init__()
        self.save, self.agree = save, agree
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}

    @property
    def exit_code(self) -> int:
        """The exit code that a shell expects: 143 or 130; 0 where no signal came."""
        return 128 + self.signal if self.signal else 0

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            # None stands for a handler that was not installed from Python and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._previous = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.agree(self.signal is not None):
            # Another worker's wish counts like the scheduler's own.
            self.signal = self.signal or signal.SIGTERM
            self.save(completed_steps(self.model))
            self.model.stop_training = True
