"""The progress display, on a terminal and elsewhere."""

import io

import pytest
from callback_case import StandIn, at_step
from rich.console import Console

from ganapp.training.callbacks.progress import ProgressDisplay


class Clock:
    """Goes on by a fixed time at every look."""

    def __init__(self, tick):
        self.now, self.tick = 0.0, tick

    def __call__(self):
        self.now += self.tick
        return self.now


def shown(*, terminal=False, tick=1.0, steps=40, fits=1, **options):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=120)
    model, total = StandIn(), steps * fits
    with ProgressDisplay(
        total, examples_per_step=64, console=console, clock=Clock(tick), **options
    ) as display:
        for _ in range(fits):
            model.train(steps, [display], epoch=20)
    return screen.getvalue()


def test_plain_lines_now_and_then():
    lines = shown().splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("epoch 1, step 10/40, 64 images/s, 0:00:30 left, losses D -0.544 G ")
    assert lines[-1].startswith("epoch 2, step 40/40, 64 images/s, 0:00:00 left")
    assert not any("\x1b" in line for line in lines)


def test_a_short_run_still_ends_with_a_line():
    lines = shown(tick=0.001).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("epoch 2, step 40/40, 62,400 images/s")


def test_terminal_bar():
    screen = shown(terminal=True)
    assert "40/40" in screen
    assert "images/s" in screen
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h") == 1  # the cursor comes back


def test_terminal_refreshes_four_times_a_second():
    screen = shown(terminal=True, tick=0.01, steps=100)
    assert screen.count("losses D") <= 1 + 100 * 0.01 / 0.25 + 2


def test_several_fits_go_on_counting():
    lines = shown(fits=2, unit="points").splitlines()
    assert "step 80/80, 64 points/s" in lines[-1]


def test_an_error_gives_the_cursor_back():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)

    def fail():
        raise RuntimeError("lost")

    display = ProgressDisplay(9, examples_per_step=1, console=console, clock=Clock(1.0))
    with pytest.raises(RuntimeError, match="lost"), display:
        StandIn().train(9, [display, at_step(5, fail)])
    assert screen.getvalue().count("\x1b[?25h") == 1
