"""The evaluator: which figures, against which real data, and what happens at the edges."""

import json

import numpy as np
import pytest
from evaluation_cases import GRID, digit_evaluator, digits, grid_points, make_evaluator, vector_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.evaluation.metrics.precision_recall import compare_neighbours

GENERIC = {"precision", "recall", "density", "coverage", "frechet_distance", "kernel_distance"}
CLASSES = {"classes_found", "smallest_class_share", "largest_class_share", "class_kl"}
MODES = {"modes", "fair_modes", "high_quality", "reverse_kl", "sigma_ratio"}


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def images(data):
    return digit_evaluator(data)


@pytest.fixture(scope="module")
def points():
    return make_evaluator(vector_spec(), train=grid_points(0), held_out=grid_points(1), modes=GRID)


def test_images_points_and_tables_have_their_own_figures(images, points, data):
    assert set(images.evaluate(data.held_out)) == GENERIC | CLASSES | {"memorised"}
    assert set(points.evaluate(grid_points(2))) == GENERIC | MODES
    table = make_evaluator(vector_spec(3, examples=30), train=np.eye(3, dtype=np.float32))
    assert set(table.evaluate(np.eye(3))) == GENERIC | {"memorised"}


def test_the_reference_is_what_was_asked_for(data):
    generated = data.train[:100]
    everything = np.concatenate([data.train, data.held_out])
    for reference, real in {"all": everything, "train": data.train}.items():
        found = digit_evaluator(data, reference=reference).evaluate(generated)
        flat = [part.reshape(len(part), -1) / 255.0 for part in (real, generated)]
        expected = vars(compare_neighbours(*flat))
        assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_a_report_matches_the_floor_in_count_and_reference(images, data):
    generated = images.baseline.sample(500, seed=9)
    report = images.report(generated)
    assert report.counts == {"generated": 500, "train": 800, "held_out": 297, "matched": 297}
    precision = report.figures["precision"]
    assert (precision["generated"], precision["real"]) == (500, 1097)
    assert (precision["matched_generated"], precision["matched_real"]) == (297, 800)
    assert report.figures["memorised"]["real"] == 800
    flat = [part.reshape(len(part), -1) / 255.0 for part in (data.train, data.held_out)]
    assert precision["floor"] == pytest.approx(compare_neighbours(*flat).precision)
    main = {key: figure["value"] for key, figure in report.figures.items() if figure["main"]}
    assert main == images.evaluate(generated)
    assert report.figures["memorised"]["floor"] == pytest.approx(0.05, abs=0.03)
    assert report.details["classes_found"]["classifier_accuracy"] > 0.95


def test_the_floor_is_cut_down_to_the_generated_count(points):
    report = points.report(grid_points(2, 100))
    assert report.counts["matched"] == 100
    # The same samples against the same real data, except that the value also sees held-out ones.
    assert report.figures["high_quality"]["matched"] == report.figures["high_quality"]["value"]


def test_real_data_beat_the_mixture_and_noise_loses_to_it(images, data):
    real = images.report(data.held_out).figures
    noise = np.random.default_rng(0).integers(0, 256, (297, 8, 8, 1)).astype(np.uint8)
    noisy = images.report(noise).figures
    for key in ("precision", "recall", "density", "coverage"):
        assert real[key]["value"] > real[key]["baseline"] > noisy[key]["value"], key
    for key in ("frechet_distance", "kernel_distance"):
        assert real[key]["value"] < real[key]["baseline"] < noisy[key]["value"], key


def test_copies_are_reported_as_memorised(images, data):
    found = images.report(data.train[:100])
    assert found.figures["memorised"]["value"] == 1.0
    assert found.details["memorised"]["nearest_in_training"] == 1.0
    distances, indices = images.nearest_training_examples(data.train[:100])
    np.testing.assert_array_equal(distances, 0.0)
    np.testing.assert_array_equal(data.train[indices], data.train[:100])


def test_a_mixture_of_ten_cannot_draw_what_the_judge_of_modes_wants(points):
    report = points.report(grid_points(2))
    assert report.figures["modes"]["value"] == 9
    assert report.figures["sigma_ratio"]["better"] == "one"
    assert report.figures["modes"]["real"] is None
    assert report.figures["precision"]["space"] == "coordinates"
    assert report.details["modes"]["true_modes"] == 9
    collapsed = points.report(grid_points(3, modes=1)).figures
    assert collapsed["modes"]["value"] == 1
    assert collapsed["coverage"]["value"] < 0.3
    assert collapsed["precision"]["value"] > 0.9


def test_the_same_seed_gives_the_same_report(data):
    generated = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 1)).astype(np.uint8)
    few = {"train": 200, "held_out": 60}
    reports = [
        digit_evaluator(data, **few, seed=seed).report(generated).as_dict() for seed in (3, 3, 4)
    ]
    assert reports[0] == reports[1]
    assert reports[0]["figures"]["recall"]["value"] == reports[2]["figures"]["recall"]["value"]
    assert (
        reports[0]["figures"]["recall"]["baseline"] != reports[2]["figures"]["recall"]["baseline"]
    )


def test_a_report_is_json_without_nan(images, points, data):
    for report in (images.report(data.held_out[:3]), points.report(np.full((1, 2), 1e30))):
        text = json.dumps(report.as_dict(), allow_nan=False)
        assert json.loads(text) == report.as_dict()


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 12),
    scale=st.sampled_from([0.0, 1e-30, 1.0, 1e18, 1e38]),
    seed=st.integers(0, 99),
)
def test_any_finite_samples_give_numbers_or_reasons(points, count, scale, seed):
    samples = scale * np.random.default_rng(seed).uniform(-1, 1, (count, 2)).astype(np.float32)
    for key, value in points.evaluate(samples).items():
        assert value is None or np.isfinite(value), key


def test_too_few_samples_get_reasons_where_a_figure_needs_more(images, data):
    report = images.report(data.held_out[:3])
    precision = report.figures["precision"]
    assert precision["value"] is None
    assert precision["reasons"]["value"] == (
        "`features` must hold at least 6 samples. Received: 3 samples"
    )
    assert report.figures["kernel_distance"]["value"] is None
    assert report.figures["memorised"]["value"] == pytest.approx(0.0, abs=0.34)
    assert report.figures["frechet_distance"]["value"] > 0.0


def test_without_held_out_there_is_no_floor_and_no_memorised_share(data):
    evaluator = make_evaluator(data.spec, train=data.train, train_labels=data.train_labels)
    figures = evaluator.report(data.train[:50]).figures
    assert figures["recall"]["floor"] is None
    assert figures["recall"]["reasons"]["floor"] == (
        "There is no held-out data to take a floor from"
    )
    assert figures["memorised"]["reasons"]["value"].startswith("A memorised share needs `held_out`")
    assert figures["recall"]["value"] is not None
    empty = make_evaluator(data.spec, train=data.train, held_out=data.held_out[:0])
    assert empty.report(data.train[:50]).counts["held_out"] == 0


def test_without_labels_class_figures_say_so(data):
    evaluator = make_evaluator(data.spec, train=data.train, held_out=data.held_out)
    figures = evaluator.report(data.train[:50]).figures
    assert figures["class_kl"]["value"] is None
    assert "`train_labels`" in figures["class_kl"]["reasons"]["value"]


def test_an_endless_source_has_nothing_to_memorise():
    evaluator = make_evaluator(
        vector_spec(examples=None), train=grid_points(0), held_out=grid_points(1)
    )
    figure = evaluator.report(grid_points(2)).figures["memorised"]
    assert figure["value"] is None
    assert "nothing to memorise" in figure["reasons"]["value"]


def test_constant_and_duplicate_samples_are_judged(images, data):
    constant = images.evaluate(np.zeros((30, 8, 8, 1), np.uint8))
    assert (constant["recall"], constant["classes_found"]) == (0.0, 1)
    doubled = images.evaluate(np.repeat(data.held_out[:20], 10, axis=0))
    assert doubled["precision"] == 1.0
    assert doubled["coverage"] < 0.2
    assert None not in (*constant.values(), *doubled.values())


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.full((9, 2), np.nan), "9 of 9 samples with NaN or infinite values"),
        (np.zeros((9, 3)), r"shape \(n, 2\). Received: shape=\(9, 3\)"),
        (np.zeros((0, 2)), "at least one sample"),
        (np.zeros(2), "shape"),
    ],
)
def test_broken_samples_are_refused(points, samples, message):
    with pytest.raises(ValueError, match=message):
        points.evaluate(samples)


def test_images_in_model_units_are_refused(images, data):
    with pytest.raises(ValueError, match="`samples` must be uint8 images in user units"):
        images.evaluate(data.train / 127.5 - 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference": "test"}, "`reference` must be one of"),
        ({"neighbours": 0}, "`neighbours` must be at least 1"),
        ({"components": 0}, "`components` must be at least 1"),
        ({"train_labels": np.zeros(3, int)}, "`train_labels` must hold 600 integers"),
        ({"held_out": np.zeros((4, 5))}, "`held_out` must have the shape"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_evaluator(vector_spec(), train=grid_points(0), **options)
