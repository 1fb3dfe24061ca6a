"""How sure the figures of a comparison are: resamples against redrawing, formulas, and none."""

import numpy as np
import pytest
from evaluation_cases import GRID, digit_evaluator, digits, grid_points, make_evaluator, vector_spec
from test_table_figures import TABLE, rows, spec_of

from ganapp.training.evaluation.metric import Comparison, SampleSet
from ganapp.training.evaluation.metrics.energy_distance import ENERGY_DISTANCE
from ganapp.training.evaluation.metrics.memorisation import DUPLICATES
from ganapp.training.evaluation.metrics.wasserstein import SLICED_WASSERSTEIN


def vector_evaluator(**options):
    return make_evaluator(
        vector_spec(examples=600), train=grid_points(0), held_out=grid_points(1), **options
    )


def table_evaluator():
    train = rows(200, 0)
    return make_evaluator(spec_of(TABLE), train=train, held_out=rows(100, 1)), rows(150, 2)


def labelled():
    """Three clusters, one per class, of which the generator mixes up every tenth sample."""
    draw = np.random.default_rng(0)

    def some(count):
        labels = np.arange(count) % 3
        points = 4.0 * np.eye(3)[labels][:, :2] + draw.normal(size=(count, 2))
        return points.astype(np.float32), labels

    (train, train_labels), (held_out, held_out_labels), (samples, labels) = map(some, (120, 60, 90))
    evaluator = make_evaluator(
        vector_spec(classes=("a", "b", "c"), examples=120),
        train=train,
        train_labels=train_labels,
        held_out=held_out,
        held_out_labels=held_out_labels,
    )
    return evaluator, samples, np.where(np.arange(90) % 10, labels, (labels + 1) % 3)


def assert_once_is_the_figure(evaluator, batch, keys):
    """Of weights that are all 1."""
    found, values = {}, {}
    given = Comparison(evaluator.data, batch, evaluator.data.everything)
    for metric in evaluator.metrics:
        if metric.resample is not None and not keys.isdisjoint(metric.figures):
            values |= metric.compute(given)[0]
            found |= metric.resample(given, np.ones((2, len(batch)), int))
    assert keys <= set(found)
    for key, several in found.items():
        assert several == pytest.approx([values[key]] * 2, rel=1e-6, abs=1e-9), key


def test_drawing_every_sample_once_is_the_figure_of_points_tables_and_classes():
    evaluator = vector_evaluator(modes=GRID)
    of_modes = {"fair_modes", "high_quality", "reverse_kl", "sigma_ratio"}
    points = SampleSet(grid_points(2, 200), neighbours=5)
    assert_once_is_the_figure(
        evaluator, points, of_modes | {"sliced_wasserstein", "energy_distance"}
    )
    evaluator, samples = table_evaluator()
    assert_once_is_the_figure(
        evaluator, SampleSet(samples, neighbours=5), {"marginals", "associations"}
    )
    evaluator, samples, asked = labelled()
    batch = SampleSet(samples, neighbours=5, labels=asked)
    keys = {"asked_accuracy", "class_coverage", "smallest_class_coverage"}
    assert_once_is_the_figure(evaluator, batch, keys)


@pytest.mark.parametrize("metric", [SLICED_WASSERSTEIN, ENERGY_DISTANCE], ids=lambda m: m.key)
def test_the_error_of_a_distance_is_that_of_drawing_again(metric):
    data, key = vector_evaluator().data, metric.key
    once = np.ones((1, 100), int)

    def drawn(seed):
        samples = SampleSet(grid_points(seed, 100) + np.float32(1.0), neighbours=5)
        return Comparison(data, samples, data.everything)

    values = [metric.resample(drawn(seed), once)[key][0] for seed in range(60)]
    weights = np.random.default_rng(0).multinomial(100, np.full(100, 0.01), size=100)
    spreads = [np.std(metric.resample(drawn(seed), weights)[key]) for seed in range(3)]
    assert np.mean(spreads) == pytest.approx(np.std(values), rel=0.3)


def test_the_error_of_duplicates_knows_that_pairs_come_together():
    """160 samples far from each other, and 40 in pairs or in one heap."""
    far = 1000.0 + 100.0 * np.stack(np.divmod(np.arange(160), 20), axis=1)
    pairs = np.repeat(-100.0 * np.stack(np.divmod(np.arange(1, 21), 5), axis=1), 2, axis=0)
    data = vector_evaluator().data
    weights = np.random.default_rng(0).multinomial(200, np.full(200, 1 / 200), size=400)
    for near, expected in ((pairs, 0.8), (np.zeros((40, 2)), 0.4)):
        samples = np.concatenate([far, near]).astype(np.float32)
        given = Comparison(data, SampleSet(samples, neighbours=5), data.everything)
        shares = DUPLICATES.resample(given, weights)["duplicates"]
        assert shares.mean() == pytest.approx(0.2, abs=0.02)
        assert np.std(shares) == pytest.approx(expected / np.sqrt(200), rel=0.15)


def test_what_never_varies_and_what_is_only_counted_has_no_interval():
    spreads = vector_evaluator(modes=GRID).standard_errors(grid_points(2, 200))
    assert {"high_quality", "sigma_ratio", "precision"} <= set(spreads)
    assert spreads.keys().isdisjoint({"modes", "neighbour_test"})
    far = vector_evaluator(modes=GRID).standard_errors(np.full((60, 2), 50.0, np.float32))
    assert far == {}  # all the same, and none near the data: no share but 0


def test_classes_that_were_asked_for_have_intervals():
    evaluator, samples, asked = labelled()
    keys = {"asked_accuracy", "class_coverage", "smallest_class_coverage"}
    assert keys.isdisjoint(evaluator.standard_errors(samples))
    spreads = evaluator.standard_errors(samples, labels=asked)
    assert keys <= set(spreads)
    report = evaluator.report(samples, labels=asked)
    share = report.figures["asked_accuracy"]["value"]
    assert spreads["asked_accuracy"] == pytest.approx(np.sqrt(share * (1 - share) / 90), rel=0.25)
    found = report.details["transfer_accuracy"]
    share = report.figures["transfer_accuracy"]["value"]
    assert found["standard_error"] == pytest.approx(np.sqrt(share * (1 - share) / 60))


def test_a_table_has_intervals_and_tests_have_the_binomial_error():
    evaluator, samples = table_evaluator()
    spreads, report = evaluator.standard_errors(samples, resamples=20), evaluator.report(samples)
    for key in ("marginals", "associations"):
        assert 0 < spreads[key] < report.figures[key]["value"]
    for key, count in (("tstr", 100), ("neighbour_test", 300), ("logistic_test", 150)):
        share = report.figures[key]["value"]
        expected = np.sqrt(share * (1 - share) / count)
        assert report.details[key]["standard_error"] == pytest.approx(expected), key


def test_terms_are_those_of_the_report_that_follows():
    data = digits()
    evaluator = digit_evaluator(data, train=100, held_out=60, neighbours=3, reference="train")
    report, terms = evaluator.report(data.held_out[60:130]).as_dict(), evaluator.terms(70)
    for name, value in terms.items():
        if name != "figures":
            assert report[name] == value, name
    for key, figure in report["figures"].items():
        assert figure | terms["figures"][key] == figure, key
    assert evaluator.baseline_seconds.keys() == {"fit", "sample"}
    assert min(evaluator.baseline_seconds.values()) > 0
