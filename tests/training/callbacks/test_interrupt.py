"""Signals end the run at the end of a step."""

import os
import signal
import threading

import pytest
from callback_case import StandIn, at_step

from ganapp.training.callbacks.safety import Interrupt


def kill(number):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_saves_and_stops(number, code):
    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    saved, model = [], StandIn()
    with Interrupt(saved.append) as interrupt:
        model.train(20, [at_step(3, kill(number)), interrupt], epoch=10)
        assert signal.getsignal(number) != before[0]
    assert saved == [3]
    assert int(model.step.numpy()) == 3
    assert (interrupt.signal, interrupt.exit_code) == (number, code)
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)] == before


def test_nothing_happened():
    saved, model = [], StandIn()
    with Interrupt(saved.append) as interrupt:
        model.train(4, [interrupt])
    assert (saved, interrupt.signal, interrupt.exit_code) == ([], None, 0)
    assert int(model.step.numpy()) == 4


def test_a_second_ctrl_c_leaves_at_once():
    saved, model = [], StandIn()
    before = signal.getsignal(signal.SIGINT)  # ignored, in a background job of a shell

    def twice():
        kill(signal.SIGINT)()
        kill(signal.SIGINT)()

    with pytest.raises(KeyboardInterrupt), Interrupt(saved.append) as interrupt:
        model.train(9, [at_step(2, twice), interrupt])
    assert saved == []
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_after_a_termination_leaves_at_once():
    with Interrupt(print) as interrupt:
        kill(signal.SIGTERM)()
        with pytest.raises(KeyboardInterrupt):
            kill(signal.SIGINT)()
    assert interrupt.exit_code == 143


def test_workers_stop_when_they_agree():
    wishes, saved, model = [], [], StandIn()

    def agree(wish):  # another worker got a signal before step 4, this one did not
        wishes.append(wish)
        return len(wishes) >= 4

    interrupt = Interrupt(saved.append, agree=agree)
    model.train(9, [interrupt])
    assert (wishes, saved, interrupt.exit_code) == ([False] * 4, [4], 143)


def test_in_another_thread_nothing_is_installed():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with Interrupt(print):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
