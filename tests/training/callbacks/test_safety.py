"""Signals end a run at the end of a step; a value that is not finite ends it at once."""

import os
import signal
import threading

import keras
import numpy as np
import pytest
from callback_case import StandIn, at_step

from ganapp.training.callbacks.safety import Interrupt, NonFiniteError, TerminateOnNonFinite


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


def test_names_step_and_term():
    model = StandIn(faults={4: "generator_loss"})
    sentence = r"`generator_loss` was not finite at step 4; .*Received: generator_loss=nan"
    with pytest.raises(NonFiniteError, match=sentence):
        model.train(9, [TerminateOnNonFinite()])


def test_names_the_range_of_an_execution():
    model = StandIn(faults={6: "penalty/r1", 5: "real_score"}, per_execution=4)
    with pytest.raises(NonFiniteError, match=r"`penalty/r1` \(and 1 more\) .* in steps 5 to 8"):
        model.train(12, [TerminateOnNonFinite()])


def test_later_callbacks_do_not_see_the_bad_step():
    steps, model = [], StandIn(faults={3: "fake_score"})
    seen = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(batch)
    )
    with pytest.raises(NonFiniteError):
        model.train(9, [TerminateOnNonFinite(), seen])
    assert steps == [0, 1]


def test_gradient_norms_count_unless_the_loss_is_scaled():
    faults = {2: "generator_gradient_norm"}
    with pytest.raises(NonFiniteError, match="generator_gradient_norm"):
        StandIn(faults=faults).train(3, [TerminateOnNonFinite()])
    model = StandIn(faults=faults)
    model.train(3, [TerminateOnNonFinite(loss_scaling=True)])
    assert int(model.step.numpy()) == 3


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_infinities_count(value):
    guard = TerminateOnNonFinite()
    guard.set_model(StandIn())
    guard.on_train_batch_begin(0)
    with pytest.raises(NonFiniteError):
        guard.on_train_batch_end(0, {"discriminator_loss": value})
