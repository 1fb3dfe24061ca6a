"""How often things happen along a training, by its length."""

import pytest

from ganapp.config.schema import EvaluationConfig, TrainingConfig
from ganapp.runner.experiment import Cadences, cadences_of


def cadences(steps, samples=2500, neighbours=5, **training):
    evaluation = EvaluationConfig(samples=samples, neighbours=neighbours)
    return cadences_of(TrainingConfig(**training), evaluation, steps)


def test_a_run_of_the_usual_length():
    expected = Cadences(log=50, checkpoint=500, sample=500, evaluate=1000, samples=2500)
    assert cadences(4600) == expected


def test_a_short_run_is_judged_seldom_and_on_few_samples():
    assert cadences(200) == Cadences(log=4, checkpoint=40, sample=50, evaluate=100, samples=250)
    assert cadences(1) == Cadences(log=1, checkpoint=1, sample=1, evaluate=1, samples=250)
    assert cadences(1000).samples == 1250


def test_a_long_run_is_judged_fifty_times():
    assert cadences(200_000).evaluate == 4000
    assert cadences(200_000).sample == 2000
    assert cadences(200_000).checkpoint == 500, "what a kill may cost does not grow"


def test_what_is_set_holds():
    found = cadences(200, log_every=7, checkpoint_every=40, sample_every=1, evaluate_every=200)
    assert (found.log, found.checkpoint, found.sample, found.evaluate) == (7, 40, 1, 200)
    assert found.notes == ()


def test_what_does_not_fit_the_run_is_scaled_and_said():
    found = cadences(200, evaluate_every=5000, checkpoint_every=201, log_every=50)
    assert (found.log, found.checkpoint, found.evaluate) == (50, 40, 100)
    assert found.notes == tuple(
        f"`training.{name}` is {given}, more than the 200 steps of this run; it is taken as {taken}"
        for name, given, taken in (
            ("checkpoint_every", "201", 40),
            ("evaluate_every", "5,000", 100),
        )
    )


@pytest.mark.parametrize(("samples", "neighbours", "expected"), [(60, 5, 60), (2500, 400, 401)])
def test_samples_are_never_more_than_asked_for_nor_too_few_for_neighbours(
    samples, neighbours, expected
):
    assert cadences(20, samples=samples, neighbours=neighbours).samples == expected
