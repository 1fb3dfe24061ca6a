"""What a person sets of the codes of a prior."""

import numpy as np
import pytest

from ganapp.training.priors import Bernoulli, Categorical, Normal, Product, Sphere, Uniform
from ganapp.training.priors.codes import CONTROLS, READINGS, controls_of

PARTS = {
    "z": Normal(size=3),
    "digit": Categorical(categories=(4,), continuous=0),
    "mixed": Categorical(categories=(2, 3), continuous=1, distribution="normal"),
    "style": Uniform(size=2),
    "bits": Bernoulli(size=1),
}
PRIOR = Product(parts=PARTS, codes=("digit", "mixed", "style", "bits"))


def test_every_kind_of_code_is_set():
    assert CONTROLS.keys() == READINGS.keys()
    rows = {
        name: (each.kind, each.latent, each.start, each.size, each.minimum, each.maximum)
        for name, each in controls_of(PRIOR).items()
    }
    assert rows == {
        "digit": ("category", "digit", 0, 4, 0, 3),
        "mixed.0": ("category", "mixed", 0, 2, 0, 1),
        "mixed.1": ("category", "mixed", 2, 3, 0, 2),
        "mixed.2": ("number", "mixed", 5, 1, -3, 3),
        "style.0": ("number", "style", 0, 1, -1, 1),
        "style.1": ("number", "style", 1, 1, -1, 1),
        "bits": ("bit", "bits", 0, 1, 0, 1),
    }
    for code in PRIOR.codes:  # together they are all of it
        sizes = [each.size for each in controls_of(PRIOR).values() if each.latent == code]
        assert sum(sizes) == PARTS[code].size
    assert controls_of(Normal(size=2)) == controls_of(Product(parts=PARTS)) == {}
    assert controls_of(Product(parts={"z": Sphere(size=3)}, codes=("z",))) == {}


def test_a_value_is_put_where_it_belongs():
    controls, rows = controls_of(PRIOR), np.float32(np.random.default_rng(0).normal(size=(2, 6)))
    changed = controls["mixed.1"].put(rows, 2)
    np.testing.assert_array_equal(changed[:, 2:5], [[0, 0, 1]] * 2)
    np.testing.assert_array_equal(np.delete(changed, [2, 3, 4], 1), np.delete(rows, [2, 3, 4], 1))
    changed = controls["mixed.2"].put(rows, -0.5)
    np.testing.assert_array_equal(changed[:, 5], -0.5)
    np.testing.assert_array_equal(changed[:, :5], rows[:, :5])


def test_values_and_what_is_none():
    controls = controls_of(PRIOR)
    assert controls["digit"].values(9) == [0, 1, 2, 3]
    assert controls["bits"].values(9) == [0, 1]
    assert controls["style.0"].values(5) == [-1, -0.5, 0, 0.5, 1]
    assert (controls["digit"].parse("3"), controls["style.0"].parse("-0.25")) == (3, -0.25)
    for name, text in (("digit", "4"), ("digit", "-1"), ("digit", "1.5"), ("bits", "yes")):
        with pytest.raises(ValueError, match=rf"a whole number from 0 .*Received: {name}={text}"):
            controls[name].parse(text)
    for text in ("1.01", "nan", "inf", "", "one"):
        with pytest.raises(ValueError, match=f"a number from -1 to 1. Received: style.0={text}"):
            controls["style.0"].parse(text)
