"""What takes long says so on a terminal, and leaves nothing behind."""

import io
import time

import pytest
from rich.console import Console

from ganapp.runner.progress import progress


def shown(*, terminal, delay, seconds):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=terminal, width=80)
    with progress("Judging run-0001", console=console, delay=delay):
        time.sleep(seconds)
    return screen.getvalue()


def test_what_takes_long_is_shown_on_a_terminal():
    said = shown(terminal=True, delay=0.0, seconds=0.3)
    assert "Judging run-0001" in said
    assert said.rstrip().endswith("\x1b[2K")  # the line is erased again


@pytest.mark.parametrize(("terminal", "delay"), [(False, 0.0), (True, 60.0)])
def test_nothing_is_shown_elsewhere_or_before_its_time(terminal, delay):
    assert "Judging" not in shown(terminal=terminal, delay=delay, seconds=0.05)


def test_an_error_within_leaves_the_terminal_as_it_was():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)

    @progress("x", console=console, delay=0.0)
    def fail():
        time.sleep(0.2)
        raise ValueError("no such thing")

    with pytest.raises(ValueError, match="no such thing"):
        fail()
    assert screen.getvalue().rfind("\x1b[?25h") > screen.getvalue().rfind("\x1b[?25l")
