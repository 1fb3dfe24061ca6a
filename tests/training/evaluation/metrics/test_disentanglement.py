"""The gap and DCI of codes that are perfect, mixed, or know nothing; closed cases."""

import math

import numpy as np
import pytest
from evaluation_cases import make_evaluator

from ganapp.training.data import SOURCES
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Codes
from ganapp.training.evaluation.metrics.disentanglement import (
    code_columns,
    concentration,
    dci,
    information_matrix,
    mutual_information_gap,
)
from ganapp.training.evaluation.report import report_notes
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


def test_a_report_on_sprites_has_them_beside_their_references():
    source = SOURCES["sprites"](size=16)
    held_out, labels = source.held_out_examples(2000)
    factors = source.held_out_factors(2000)
    priors = {
        "shape": Categorical(categories=(3,), continuous=1),
        "place": Uniform(size=2),
    }

    def guess(samples):  # the truth, in the order of the held-out examples
        shape = np.concatenate([np.eye(3)[labels], factors["size"][:, None]], axis=1)
        return {"shape": shape, "place": np.stack([factors["across"], factors["down"]], axis=1)}

    codes = Codes(
        priors=priors,
        draw=lambda count, seed: (
            {"shape": np.zeros((count, 4), np.float32), "place": np.zeros((count, 2), np.float32)},
            np.resize(held_out, (count, 16, 16, 1)),
        ),
        guess=guess,
        bounds=lambda samples, codes: {name: np.zeros(len(samples)) for name in priors},
        model_units=lambda samples: samples / np.float32(127.5) - 1,
    )
    assert code_columns(codes, guess(held_out)).shape == (2000, 4)
    evaluator = make_evaluator(
        source.spec,
        train=source.training_examples(1000)[0],
        held_out=held_out,
        held_out_labels=labels,
        held_out_factors=factors,
    )
    report = evaluator.report(held_out[:300], codes=codes).as_dict()
    figures, found = report["figures"], report["details"]["mutual_information_gap"]
    assert figures["code_accuracy"]["value"] == 1
    # Four of five factors have a code, the angle has none.
    assert figures["mutual_information_gap"]["value"] == pytest.approx(0.8, abs=0.02)
    assert figures["informativeness"]["value"] == pytest.approx(0.8, abs=0.03)
    assert figures["disentanglement"]["value"] > 0.9
    assert found["factors"] == ["shape", "size", "angle", "across", "down"]
    assert found["others"]["random codes"]["mutual_information_gap"] < 0.03
    pixels = found["others"]["principal components"]["mutual_information_gap"]
    assert 0 < pixels < 0.5
    assert "as many principal components 0." in report_notes(report)[0]
