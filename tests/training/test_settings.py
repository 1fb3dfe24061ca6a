"""Registries, optimizer configurations and schedules: settings as data."""

import dataclasses

import keras
import numpy as np
import pytest

from ganapp.training.messages import did_you_mean, join_names
from ganapp.training.optimizers import OPTIMIZERS, OptimizerConfig, adam
from ganapp.training.registry import (
    REGISTERED,
    RegistrationError,
    Registry,
    UnknownNameError,
)
from ganapp.training.schedules import Anneal, resolve


def test_registry_refuses_duplicates():
    with pytest.raises(ValueError, match="There is a colour called 'red' already"):
        Registry("colour", [("red", 1), ("red", 2)])


def test_members_are_registered_by_a_decorator():
    """By their own name or by one that is given, also where another registry has them all."""
    registered, plain = len(REGISTERED), Registry("colour", [("red", 1)])
    mixed = Registry("paint", [("white", 2)], extends=plain)

    @plain.register
    class Green:
        name = "green"

    @plain.register("blue")
    def blue():
        return 3

    assert plain == {"red": 1, "green": Green, "blue": blue}
    assert mixed == plain | {"white": 2}
    assert REGISTERED[registered:] == [(plain, "green"), (plain, "blue")]
    with pytest.raises(RegistrationError, match="There is a paint called 'white' already"):
        plain.register("white")(blue)
    plain.discard("green")
    assert "green" not in mixed
    del REGISTERED[registered:]


def test_registry_suggests_near_matches():
    colours = Registry("colour", [("red", 1), ("green", 2)])
    assert colours["red"] == 1
    with pytest.raises(UnknownNameError) as error:
        colours["gren"]
    assert str(error.value) == (
        "There is no colour called 'gren'; there are green, red. Did you mean 'green'?"
    )
    with pytest.raises(UnknownNameError) as error:
        colours["zzz"]
    assert "Did you mean" not in str(error.value)


def test_a_sentence_names_as_many_as_a_person_reads():
    assert join_names(["a"]) == "a"
    assert join_names(range(11)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    assert join_names(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert join_names([*"abcd"], most=2) == "a, b and 2 more"
    assert did_you_mean("clutser 7", (f"cluster {i}" for i in range(9)), most=1) == (
        " Did you mean 'cluster 7'?"
    )
    assert did_you_mean("zebra", ["a", "b"]) == ""


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optimizers_are_built_afresh(name):
    configuration = OptimizerConfig(name=name, learning_rate=0.25)
    first, second = configuration.build(), configuration.build()
    assert first is not second
    assert type(first) is OPTIMIZERS[name]
    assert float(first.learning_rate) == 0.25
    with pytest.raises(dataclasses.FrozenInstanceError):
        configuration.learning_rate = 1.0


def test_options_reach_the_optimizer():
    optimizer = adam(1e-3, 0.25, 0.75).build()
    assert (optimizer.beta_1, optimizer.beta_2) == (0.25, 0.75)


def test_unknown_option_is_one_sentence():
    with pytest.raises(ValueError, match=r"`beta1` is not an option of the optimizer 'adam'") as e:
        OptimizerConfig(name="adam", options={"beta1": 0.5})
    assert "Did you mean `beta_1`?" in str(e.value)
    assert "self" not in str(e.value)
    with pytest.raises(UnknownNameError, match="Did you mean 'adam'"):
        OptimizerConfig(name="adamm")


CURVES = {  # at a quarter of the way from 8 to 2
    "linear": 6.5,
    "cosine": 2 + 6 * (1 + np.cos(np.pi / 4)) / 2,
    "exponential": 8 * 0.25**0.25,
}


@pytest.mark.parametrize("shape", CURVES)
def test_anneal(shape):
    schedule = Anneal(start=8.0, end=2.0, shape=shape).over(100)
    assert float(schedule(0)) == pytest.approx(8.0)
    assert float(schedule(25)) == pytest.approx(CURVES[shape], rel=1e-5)
    assert float(schedule(100)) == pytest.approx(2.0, rel=1e-5)


def test_learning_rate_follows_its_schedule():
    configuration = OptimizerConfig(
        name="sgd", learning_rate=Anneal(start=1.0, end=0.0, shape="linear")
    )
    optimizer = configuration.build(updates=2)
    variable = keras.Variable([0.0])
    for expected in (1.0, 0.5):
        assert float(optimizer.learning_rate) == pytest.approx(expected)
        optimizer.apply([np.ones(1, np.float32)], [variable])
    np.testing.assert_allclose(variable.numpy(), -1.5)


def test_resolve():
    assert resolve(0.5, 10) == 0.5
    assert float(resolve(Anneal(start=1.0, end=0.5), 10)(10)) == pytest.approx(0.5)
