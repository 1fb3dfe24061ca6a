"""The guard names the first bad term and lets nothing after it run."""

import keras
import numpy as np
import pytest
from callback_case import StandIn

from ganapp.training.callbacks.safety import NonFiniteError, TerminateOnNonFinite


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
