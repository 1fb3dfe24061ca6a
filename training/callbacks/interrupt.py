"""SIGTERM and Ctrl-C end a run at the end of a step, with a checkpoint."""

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import keras

from ganapp.training.callbacks.cadence import completed_steps

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupt(keras.callbacks.Callback):
    """Saves and stops when the process is asked to end; a callback and a context manager.

    Inside the `with` block the first SIGTERM or SIGINT only sets `signal`; when the running step
    (or execution) is over, the state is saved and `model.stop_training` set. A SIGINT while one is
    already pending raises KeyboardInterrupt as usual, so that a long step can be left. Leaving
    the block restores the previous handlers. Python delivers signals to the main thread only: in
    another thread the block changes nothing.

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

    def __init__(self, save: Callable[[int], Any], *, agree: Callable[[bool], bool] = bool) -> None:
        super().__init__()
        self.save, self.agree = save, agree
        self.signal: signal.Signals | None = None
        self._previous: dict[signal.Signals, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process ended so: 143 or 130; 0 when nothing happened."""
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

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self.agree(self.signal is not None):
            # Another worker's wish counts like the scheduler's own.
            self.signal = self.signal or signal.SIGTERM
            self.save(completed_steps(self.model))
            self.model.stop_training = True
