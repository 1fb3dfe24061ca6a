"""What is shown of work that takes its time."""

import io
import os
import subprocess
import sys
import time

import pytest
from rich.console import Console

from ganapp.screen import stage


def shown(*, seconds, after, terminal=True):
    text = io.StringIO()
    with stage("Evaluating [it]", console=Console(file=text, force_terminal=terminal), after=after):
        time.sleep(seconds)
    return text.getvalue()


def test_only_what_takes_its_time_is_shown():
    assert "Evaluating [it]" in shown(seconds=0.2, after=0.01)
    assert shown(seconds=0.0, after=60.0) == ""
    assert shown(seconds=0.1, after=0.01, terminal=False) == ""


def test_the_display_ends_with_the_work_that_fails():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True)

    def fail():
        with stage("Evaluating", console=console, after=0.01):
            time.sleep(0.1)
            raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        fail()
    assert "Evaluating" in text.getvalue()
    assert text.getvalue().endswith("\x1b[2K"), "the line is gone"


@pytest.mark.parametrize(("level", "greets"), [(None, False), ("0", True)])
def test_a_script_is_not_greeted_by_tensorflow_unless_it_asks(level, greets):
    """What a plain script of the user's has on its screen, whoever imports TensorFlow."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"TF_CPP_MIN_LOG_LEVEL": level} if level else {}
    code = "import sys, ganapp, keras; print(keras.ops.ones(2)); print('mine', file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert (ran.stderr != "mine\n") == greets
    assert ran.stderr.endswith("mine\n")
