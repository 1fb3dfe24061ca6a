"""The progress of a run on the screen."""

import time
from collections.abc import Callable
from datetime import timedelta

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ganapp.training.callbacks import Logs, completed_steps

REFRESH = 0.25  # seconds between two states of the live bar
LINE_EVERY = 10.0  # seconds between two plain lines
REPLACED_EVERY = 1.0  # seconds between two that are handed on
SMOOTHING = 0.7  # share of the old speed in the new one, at each refresh


class ProgressDisplay(keras.callbacks.Callback):
    """A live bar on a terminal, a plain line now and then elsewhere; also a context manager.

    Use it in a `with` block around `fit`, which Keras leaves without a last hook when an error or
    Ctrl-C ends it: the terminal's cursor must come back.

    Args:
        total: total steps of the run.
        examples_per_step: examples that one step consumes.
        unit: what an example is called, in the plural.
        console: where to; standard error by default, so that standard output stays clean.
        show: takes each line in place of the console, and replaces the one before.
        clock: seconds from some origin.
    """

    def __init__(
        self,
        total: int,
        *,
        examples_per_step: int,
        unit: str = "images",
        console: Console | None = None,
        show: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.total, self.examples_per_step, self.unit = total, examples_per_step, unit
        self.console, self.clock = console or Console(stderr=True, force_jupyter=False), clock
        self.show = show
        self._interval = REFRESH if self.console.is_terminal else LINE_EVERY
        if show is not None:
            self._interval = REPLACED_EVERY
        self._bar: Progress | None = None
        self._step = self._begin = self._epoch = 0
        self._mark: tuple[int, float] | None = None
        self._speed: float | None = None  # steps per second
        self._shown: tuple[int, float] = (-1, 0.0)

    def __enter__(self) -> "ProgressDisplay":
        return self

    def __exit__(self, *exception: object) -> None:
        self.on_train_end()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step = completed_steps(self.model)
        self._mark = None
        self._shown = (-1, self.clock())

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        self._begin = batch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step += batch - self._begin + 1
        now = self.clock()
        if self._mark is None:
            self._mark = (self._step, now)  # from here on: the first execution is mostly tracing
        if now - self._shown[1] >= self._interval:
            self._show(now, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self._step >= self.total and self._shown[0] != self._step:
            self._show(self.clock(), logs or {})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.show is not None and logs and self._shown[0] != self._step:
            self._show(self.clock(), logs)  # a training may be stopped early
        if self._bar is not None:  # its last state stays visible
            self._bar.stop()
            self._bar = None

    def _show(self, now: float, logs: Logs) -> None:
        self._shown = (self._step, now)
        self._measure(now)
        text = self._text(logs)
        line = f"epoch {self._epoch + 1}, step {self._step:,}/{self.total:,}, {text}"
        if self.show is not None:
            self.show(line)
            return
        if not self.console.is_terminal:
            self.console.print(line, highlight=False, soft_wrap=True, markup=False)
            return
        if self._bar is None:
            self._bar = _bar(self.console, self.total)
        self._bar.update(
            self._bar.task_ids[0], completed=self._step, epoch=self._epoch + 1, text=text
        )
        self._bar.refresh()

    def _measure(self, now: float) -> None:
        step, then = self._mark or (self._step, now)
        if now > then and self._step > step:
            speed = (self._step - step) / (now - then)
            old = speed if self._speed is None else self._speed
            self._speed = SMOOTHING * old + (1 - SMOOTHING) * speed
            self._mark = (self._step, now)

    def _text(self, logs: Logs) -> str:
        parts = []
        if self._speed:
            left = timedelta(seconds=round(max(0, self.total - self._step) / self._speed))
            parts += [f"{self._speed * self.examples_per_step:,.0f} {self.unit}/s", f"{left} left"]
        losses = {"D": "discriminator_loss", "G": "generator_loss"}
        shown = [f"{k} {float(logs[name]):.3f}" for k, name in losses.items() if name in logs]
        return ", ".join([*parts, f"losses {' '.join(shown)}"] if shown else parts)


def _bar(console: Console, total: int) -> Progress:
    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TextColumn("{task.fields[text]}", markup=False),
        console=console,
        auto_refresh=False,  # no thread: the bar is drawn when something has changed
    )
    bar.add_task("training", total=total, epoch=1, text="")
    bar.start()
    return bar
