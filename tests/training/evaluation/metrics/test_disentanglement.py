"""The gap and DCI of codes that are perfect, mixed, or know nothing; closed cases."""

import math

import numpy as np
import pytest

from ganapp.training.data import SOURCES
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Codes, Comparison, EvaluationData, SampleSet
from ganapp.training.evaluation.metrics.disentanglement import (
    DISENTANGLEMENT,
    code_columns,
    concentration,
    dci,
    information_matrix,
    mutual_information_gap,
)
from ganapp.training.priors import Categorical, Uniform


def levels(seed=0, count=4000, of=(3, 4, 8)):
    random = np.random.default_rng(seed)
    return np.stack([random.integers(each, size=count) for each in of], axis=1)


def test_a_code_for_each_factor_is_perfect():
    factors = levels()
    codes = np.stack([factors[:, 2], -0.3 * factors[:, 0], factors[:, 1] + 5.0], axis=1)
    assert mutual_information_gap(codes, factors) == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(dci(codes, factors), 1, atol=0.01)


def test_random_codes_are_worth_nothing():
    codes = np.random.default_rng(1).normal(size=(4000, 3))
    factors = levels()
    assert 0 <= mutual_information_gap(codes, factors) < 0.02
    disentangled, complete, informative = dci(codes, factors)
    assert max(disentangled, complete) < 0.1
    assert informative < 0.05


def test_a_copy_of_a_code_takes_the_gap_and_the_completeness():
    factors = levels(of=(4,))
    codes = np.repeat(factors, 2, axis=1)
    assert mutual_information_gap(codes, factors) == pytest.approx(0)
    assert mutual_information_gap(factors, factors) == pytest.approx(1)


def test_a_code_of_two_factors_is_not_disentangled():
    """Code 0 is both factors in one number: all of either, and another code knows nothing."""
    factors = levels(of=(4, 4))
    codes = np.stack([4 * factors[:, 0] + factors[:, 1], np.zeros(len(factors))], axis=1)
    assert mutual_information_gap(codes, factors) == pytest.approx(1, abs=0.01)
    disentangled, complete, informative = dci(codes, factors)
    assert disentangled == pytest.approx(0, abs=0.01)
    assert (complete, informative) == (pytest.approx(1), pytest.approx(1))


def test_information_is_that_of_the_table():
    """A bit that is right in 3 of 4: ln 2 - h(1/4)."""
    factor = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    code = np.array([0.0, 0, 0, 7, 7, 7, 7, 0])
    quarter = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    found = information_matrix(code[:, None], factor[:, None])
    np.testing.assert_allclose(found, math.log(2) - quarter)
    with pytest.raises(NotComputable, match="the same in all"):
        mutual_information_gap(code[:, None], np.zeros((8, 1), int))


def test_concentration_is_one_less_the_entropy():
    assert concentration(np.eye(3)) == (1, 1)
    np.testing.assert_allclose(concentration(np.ones((2, 3))), 0, atol=1e-12)
    assert concentration(np.zeros((2, 3))) == (0, 0)
    # A code of two of four factors, alike: 1 - log 2 / log 4, and each factor has its code.
    found = concentration(np.array([[1.0, 1, 0, 0], [0, 0, 1, 1]]))
    np.testing.assert_allclose(found, (0.5, 1))


def test_sprites_have_them_beside_their_references():
    source = SOURCES["sprites"](size=12)
    held_out, labels = source.held_out_examples(1500)
    factors = source.held_out_factors(1500)

    def guess(samples):  # the truth, in the order of the held-out examples
        shape = np.concatenate([np.eye(3)[labels], factors["size"][:, None]], axis=1)
        return {"shape": shape, "place": np.stack([factors["across"], factors["down"]], axis=1)}

    codes = Codes(
        priors={"shape": Categorical(categories=(3,), continuous=1), "place": Uniform(size=2)},
        draw=lambda count, seed: ({}, np.zeros((count, 12, 12, 1), np.uint8)),
        guess=guess,
        bounds=lambda samples, codes: {},
        model_units=lambda samples: samples / np.float32(127.5) - 1,
    )
    assert code_columns(codes, guess(held_out)).shape == (1500, 4)
    train = source.training_examples(500)[0]
    data = EvaluationData(
        source.spec, train=train, held_out=held_out, held_out_factors=factors, components=4
    )
    assert DISENTANGLEMENT.applies(data)
    assert not DISENTANGLEMENT.applies(EvaluationData(source.spec, train=train, components=4))
    given = SampleSet(train, neighbours=5, codes=codes)
    values, details = DISENTANGLEMENT.compute(Comparison(data, given, data.train))
    # Four of five factors have a code, the angle has none.
    assert values["mutual_information_gap"] == pytest.approx(0.8, abs=0.02)
    assert values["informativeness"] == pytest.approx(0.8, abs=0.03)
    # The forest of the angle spreads its importance: a fifth of each code's is of no use.
    lost = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert values["disentanglement"] == pytest.approx(1 - lost / math.log(5), abs=0.04)
    assert details["factors"] == ["shape", "size", "angle", "across", "down"]
    others = details["others"]
    assert others["random codes"]["mutual_information_gap"] < 0.03
    assert 0 < others["principal components"]["mutual_information_gap"] < 0.5
    (note,) = DISENTANGLEMENT.note({"details": {"mutual_information_gap": details}})
    assert "of as many principal components 0." in note
    with pytest.raises(NotComputable, match="without a network"):
        DISENTANGLEMENT.compute(Comparison(data, data.held_out, data.train))
