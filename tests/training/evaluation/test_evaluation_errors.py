"""Bootstrap errors, what is computed when, and pictures of several evaluations."""

import json

import numpy as np
import pytest
from evaluation_cases import GRID, digit_evaluator, digits, grid_points, make_evaluator, vector_spec
from PIL import Image

from ganapp.training.evaluation.features.spaces import PlainPixels
from ganapp.training.evaluation.metric import Comparison, SampleSet
from ganapp.training.evaluation.metrics import METRICS
from ganapp.training.evaluation.metrics.class_histogram import CLASS_HISTOGRAM
from ganapp.training.evaluation.metrics.frechet_distance import FRECHET_DISTANCE
from ganapp.training.evaluation.metrics.memorisation import MEMORISED
from ganapp.training.evaluation.metrics.precision_recall import PRECISION_RECALL
from ganapp.training.evaluation.pictures import evaluation_curves, panels

FEW = {"train": 300, "held_out": 100}


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def images(data):
    return digit_evaluator(data, **FEW)


def compared(evaluator, samples):
    samples = SampleSet(samples, neighbours=5)
    return Comparison(evaluator.data, samples, evaluator.data.everything)


RESAMPLED = [metric for metric in METRICS if metric.resample is not None]


@pytest.mark.parametrize("metric", RESAMPLED, ids=lambda metric: metric.key)
def test_drawing_every_sample_once_is_the_figure_itself(metric, images, data):
    if metric.key == "class_score":
        pytest.skip("tested with the classifier's space")
    samples = data.held_out[100:160]
    if not metric.applies(images.data) or metric.needs:
        pytest.skip("tested with data that have it, in test_intervals.py")
    given = compared(images, samples)
    values, _ = metric.compute(given)
    found = metric.resample(given, np.ones((3, len(samples)), int))
    assert set(found) <= set(values)
    for key, several in found.items():
        assert several == pytest.approx([values[key]] * 3, rel=1e-6, abs=1e-9), key


def test_weights_are_copies(images, data):
    """What depends on single samples is that of a set in which samples occur more than once."""
    samples = data.held_out[100:130]
    weights = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), size=1)
    judged = images.evaluate(np.repeat(samples, weights[0], axis=0))
    found = {}
    for metric in (PRECISION_RECALL, FRECHET_DISTANCE, CLASS_HISTOGRAM, MEMORISED):
        found |= metric.resample(compared(images, samples), weights)
    for key in set(found) - {"recall"}:  # whose balls keep the radii of the set without copies
        assert found[key][0] == pytest.approx(judged[key], rel=1e-6, abs=1e-9), key


def test_the_error_of_a_share_is_binomial(images, data):
    samples = np.concatenate([data.train[:60], data.held_out[100:160]])
    share = images.evaluate(samples)["memorised"]
    spread = images.standard_errors(samples, resamples=400)["memorised"]
    assert spread == pytest.approx(np.sqrt(share * (1 - share) / 120), rel=0.15)
    assert images.standard_errors(samples, resamples=20) == images.standard_errors(
        samples, resamples=20
    )


def test_costly_figures_come_in_reports_and_on_request(images, data):
    along, whole = images.keys
    assert set(images.evaluate(data.held_out)) == along
    assert set(images.report(data.held_out[:60]).figures) == whole - {"path_length"}
    assert "energy_distance" in whole - along
    assert "exact_wasserstein" not in whole
    asked = digit_evaluator(
        data, **FEW, figures=["exact_wasserstein"], training_figures=["sliced_wasserstein"]
    )
    assert asked.keys[0] == along | {"sliced_wasserstein"}
    assert asked.keys[1] == whole | {"exact_wasserstein"}


def test_pixels_for_everything(data):
    report = digit_evaluator(data, **FEW, features=PlainPixels()).report(data.held_out[100:180])
    assert {figure["space"] for figure in report.figures.values()} == {"pixels"}
    # 64 pixels, 80 samples of 100 held out: the report says where there are fewer than dimensions.
    assert report.details["frechet_distance"] == {"dimension": 64, "fewest": 80}


@pytest.fixture(scope="module")
def points():
    return make_evaluator(
        vector_spec(examples=600),
        train=grid_points(0),
        held_out=grid_points(1),
        modes=GRID,
        figures=["exact_wasserstein"],
    )


@pytest.mark.parametrize(
    "samples",
    [np.zeros((1, 2)), np.zeros((40, 2)), np.full((30, 2), 1e30), grid_points(3, 2)],
    ids=["single", "constant", "far", "two"],
)
def test_extreme_samples_give_numbers_or_sentences(points, samples):
    report = points.report(samples).as_dict()
    json.dumps(report, allow_nan=False)
    for key, figure in report["figures"].items():
        said = figure["reasons"].get("value", "")
        assert (figure["value"] is None) == bool(said), key
        assert "came out as" not in said or samples[0, 0] == 1e30, key
    points.standard_errors(samples)


BETTER = {"frechet_distance": "lower", "coverage": "higher", "memorised": "lower"}


def curve_rows():
    return [
        {
            "step": step,
            "evaluation": {
                "frechet_distance": 400.0 / step,
                "coverage": step / 100,
                "memorised": 0.0 if step > 10 else None,
                "density": None,
            },
        }
        for step in range(10, 100, 10)
    ]


def test_curves_have_a_panel_for_each_figure_and_mark_best_and_last():
    def drawn(best, last=90):
        return evaluation_curves(
            curve_rows(), better=BETTER, names={}, first="coverage", best=best, last=last
        )

    picture = drawn(50)
    assert picture.width > 3 * picture.height
    assert np.asarray(picture).tobytes() == np.asarray(drawn(50)).tobytes()
    star = np.array([0xD1, 0x49, 0x5B])
    stars = [(np.asarray(drawn(best)) == star).all(axis=-1).sum() for best in (50, None)]
    assert stars[0] > 100
    assert stars[1] == 0
    few = evaluation_curves(
        curve_rows()[:1], better=BETTER, names={}, first="coverage", best=None, last=10
    )
    assert few is None


def test_panels_stand_side_by_side_at_one_height():
    pictures = [Image.new("RGB", (40, 20), "red"), Image.new("RGB", (30, 60), "blue")]
    sheet = np.asarray(panels(pictures, ["a", "a long title that does not fit"]))
    red = (sheet == [255, 0, 0]).all(axis=-1)
    blue = (sheet == [0, 0, 255]).all(axis=-1)
    assert (red.sum(), blue.sum()) == (120 * 60, 30 * 60)
    assert np.flatnonzero(red.any(axis=0)).max() < np.flatnonzero(blue.any(axis=0)).min()
    with pytest.raises(ValueError, match="one title per picture"):
        panels(pictures, ["a"])
