"""Figures of arrays are those of reports, and closed forms."""

import keras
import numpy as np
import pytest
from evaluation_cases import digits

from ganapp import metrics
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import EvaluationData
from ganapp.training.evaluation.metrics import METRICS


def normal(mean, seed, count=4000, size=3):
    return np.random.default_rng(seed).normal(mean, size=(count, size)).astype(np.float32)


def test_a_distance_of_gaussians_is_the_closed_form():
    """Of equal covariances it is the squared distance of the means, here of standardised units."""
    found = metrics.frechet_distance(normal(0, 0), normal(1, 1))
    assert float(found) == pytest.approx(3.0, rel=0.1)
    assert found.interval[0] < 3.05
    assert found.interval[1] > 2.95
    assert (found.generated, found.real, found.better) == (4000, 4000, "lower")
    assert str(found).startswith("Fréchet distance ")
    assert float(metrics.coverage(normal(0, 0), normal(0, 1))) > 0.9


def test_figures_are_those_of_a_report():
    data = digits()
    fake, real = data.held_out, data.train[:800]
    evaluator = Evaluator(EvaluationData(data.spec, train=real), reference="train")
    report = evaluator.report(fake).figures
    for key in ("precision", "coverage", "frechet_distance", "kernel_distance"):
        found = getattr(metrics, key)(real, fake)
        assert found.value == pytest.approx(report[key]["value"], rel=1e-6), key
        assert found.space == report[key]["space"]


def test_floats_are_the_levels_they_stand_for():
    data = digits()
    real, fake = data.train[:200], data.train[200:400]
    whole = metrics.precision(real, fake)
    for scaled in (lambda x: x / 255, lambda x: x / 127.5 - 1):
        assert metrics.precision(scaled(real), scaled(fake)).value == whole.value


def test_a_model_is_a_feature_space():
    x = keras.Input((8, 8, 1))
    keras.utils.set_random_seed(0)
    model = keras.Model(x, keras.layers.Dense(5)(keras.layers.Flatten()(x)))
    data = digits()
    real, fake = data.train[:200], data.train[200:400]
    found = metrics.frechet_distance(real, fake, features=model)
    said = model.predict(np.concatenate([real, fake]) / 127.5 - 1, verbose=0)
    first, second = said[:200].astype(np.float64), said[200:].astype(np.float64)
    gap = np.square(first.mean(axis=0) - second.mean(axis=0)).sum()
    assert found.value > gap
    # A linear map of equal images has no distance.
    assert metrics.frechet_distance(real, real, features=model).value == pytest.approx(0, abs=1e-6)


def test_every_figure_is_offered_and_no_other():
    assert set(METRICS.figures) <= set(dir(metrics))
    with pytest.raises(AttributeError, match="has no attribute 'fid'"):
        metrics.fid  # noqa: B018


@pytest.mark.parametrize(
    ("key", "real", "fake", "sentence"),
    [
        ("coverage", normal(0, 0), normal(0, 0, size=2), "one shape"),
        ("coverage", np.zeros((9, 2, 2, 2, 2)), np.zeros((9, 2, 2, 2, 2)), "must be images"),
        ("modes_found", normal(0, 0), normal(0, 1), "do not have it|no figure"),
        ("memorised", normal(0, 0), normal(0, 1), "cannot be computed"),
        ("path_length", normal(0, 0), normal(0, 1), "no figure|which arrays"),
        (
            "coverage",
            np.random.default_rng(0).random((60, 8, 8)),
            np.random.default_rng(1).uniform(-1, 1, (60, 8, 8)),
            "images of one range",
        ),
        (
            "coverage",
            np.random.default_rng(0).integers(0, 255, (60, 8, 8)).astype(np.uint8),
            np.random.default_rng(1).uniform(0, 1, (60, 8, 8)),
            "images of one range, uint8 or floats",
        ),
        ("coverage", np.full((60, 2), np.nan), normal(0, 0, 60, 2), "finite"),
    ],
)
def test_what_cannot_be_compared_is_a_sentence(key, real, fake, sentence):
    from ganapp.training.evaluation.arrays import figure

    with pytest.raises(ValueError, match=sentence):
        figure(key, real, fake)
