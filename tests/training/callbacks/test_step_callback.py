"""Steps at which a callback acts."""

import pytest
from callback_case import StandIn

from ganapp.training.callbacks import StepCallback


class Recorder(StepCallback):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.steps = []

    def on_step(self, step, logs):
        assert logs["discriminator_loss"] is not None
        self.steps.append(step)


def steps(train, *args, per_execution=1, **options):
    recorder, model = Recorder(*args, **options), StandIn(per_execution=per_execution)
    for count in train:
        model.train(count, [recorder])
    return recorder.steps


def test_multiples():
    assert steps([10], 3) == [3, 6, 9]


def test_first_and_last():
    assert steps([10], 4, first=True, last=10) == [1, 4, 8, 10]


def test_the_last_step_is_not_repeated_when_it_is_a_multiple():
    assert steps([8], 4, last=8) == [4, 8]


def test_an_interrupted_fit_is_no_last_step():
    assert steps([5, 5], 4, last=10) == [4, 8, 10]


def test_several_fits_count_on():
    assert steps([2, 3, 1], 3) == [3, 6]


def test_executions_of_several_steps_fire_when_a_multiple_was_crossed():
    assert steps([12], 3, per_execution=4) == [4, 8, 12]
    assert steps([24], 10, per_execution=4) == [12, 20]


def test_a_first_step_is_first_only_in_a_new_run():
    assert steps([2, 2], 100, first=True) == [1]


@pytest.mark.parametrize("every", [0, -1])
def test_refuses_no_cadence(every):
    with pytest.raises(
        ValueError, match=f"`every` must be at least 1 step. Received: every={every}"
    ):
        Recorder(every)
