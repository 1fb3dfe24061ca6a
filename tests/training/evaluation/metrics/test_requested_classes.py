"""Figures of samples that were asked to be of a class."""

import numpy as np
import pytest
from evaluation_cases import make_evaluator, vector_spec

from ganapp.training.data.labels import keep_share
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Comparison, SampleSet
from ganapp.training.evaluation.metrics.requested_classes import (
    ASKED_ACCURACY,
    class_coverage,
    transfer_accuracy,
)

CENTRES = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 6.0]])


def draw(seed, count=200, classes=(0, 1, 2)):
    random = np.random.default_rng(seed)
    labels = random.choice(classes, count)
    return CENTRES[labels] + 0.5 * random.normal(size=(count, 2)), labels


def test_accuracy_on_the_known_classes_that_were_asked_for():
    train, labels = draw(0)
    spec = vector_spec(classes=("a", "b", "c"), examples=200)
    data = make_evaluator(spec, train=train, train_labels=labels).data
    asked = np.array([0, -1, 0, 1, 1])  # right, not known, right, right, wrong
    samples = SampleSet(CENTRES[[0, 2, 0, 1, 0]], neighbours=5, labels=asked)
    given = Comparison(data, samples, data.everything)
    assert ASKED_ACCURACY.compute(given) == ({"asked_accuracy": 0.75}, {})
    weights = np.array([[1, 1, 1, 1, 1], [0, 3, 1, 0, 1], [2, 0, 0, 1, 2]])
    shares = ASKED_ACCURACY.resample(given, weights)["asked_accuracy"]
    np.testing.assert_allclose(shares, [0.75, 0.5, 0.6])


def test_coverage_within_classes_sees_labels_that_are_swapped():
    real, labels = draw(0)
    samples, asked = draw(1)
    found = class_coverage(real, labels, samples, asked)
    assert list(found) == [0, 1, 2]
    assert min(found.values()) > 0.8
    swapped = np.array([1, 0, 2])[asked]  # the same samples, so nothing else would notice
    found = class_coverage(real, labels, samples, swapped)
    assert found[0] == found[1] == 0 < 0.8 < found[2]


def test_real_examples_of_unknown_class_count_for_none():
    real, labels = draw(0)
    samples, asked = draw(1)
    hidden = np.where(np.arange(len(labels)) % 2, labels, -1)
    expected = class_coverage(real[hidden >= 0], labels[hidden >= 0], samples, asked)
    assert class_coverage(real, hidden, samples, asked) == expected


def test_no_known_class_has_no_coverage():
    features, unknown = np.random.default_rng(0).normal(size=(50, 2)), np.full(50, -1)
    with pytest.raises(NotComputable, match="No label of the real examples is known"):
        class_coverage(features, unknown, features, np.zeros(50, int))


def test_a_class_without_samples_has_no_coverage():
    with pytest.raises(NotComputable, match="class 2 has"):
        class_coverage(*draw(0), *draw(1, classes=(0, 1)))


def test_a_report_holds_them_when_samples_were_asked_for():
    spec = vector_spec(classes=("a", "b", "c"), examples=300)
    (train, labels), (held_out, held_out_labels) = draw(0, 300), draw(3, 100)
    labels[::10] = -1
    evaluator = make_evaluator(
        spec,
        train=train,
        held_out=held_out,
        train_labels=labels,
        held_out_labels=held_out_labels,
    )
    samples, asked = draw(1, 400)
    keys = {
        "asked_accuracy",
        "class_coverage",
        "smallest_class_coverage",
        "transfer_accuracy",
    }
    assert keys.isdisjoint(evaluator.report(samples).figures)
    figures = evaluator.report(samples, labels=asked).figures
    for key in keys:
        columns = [figures[key][column] for column in ("value", "matched", "floor")]
        assert min(columns) > 0.5, key
        assert figures[key]["baseline"] is None
        assert "not asked to be of a class" in figures[key]["reasons"]["baseline"]
    assert figures["transfer_accuracy"]["matched_generated"] == 300  # as many as were trained on
    assert figures["asked_accuracy"]["matched_generated"] == 100
    swapped = evaluator.report(samples, labels=np.array([1, 2, 0])[asked]).figures
    assert swapped["asked_accuracy"]["value"] < 0.01
    assert swapped["asked_accuracy"]["matched"] < 0.05
    assert swapped["frechet_distance"] == figures["frechet_distance"]


def test_hidden_labels_are_as_if_those_examples_had_none():
    """What tells classes, and the histogram it compares with, come from known labels alone."""
    spec = vector_spec(classes=("a", "b", "c"), examples=300)
    train, labels = draw(0, 300)
    hidden = keep_share(labels, 0.1, seed=0)
    assert ((hidden >= 0) == (hidden == labels)).all()
    test = {"held_out": draw(3, 100)[0], "held_out_labels": draw(3, 100)[1]}
    whole = make_evaluator(spec, train=train, train_labels=hidden, **test).report(draw(1, 400)[0])
    known = hidden >= 0
    alone = make_evaluator(spec, train=train[known], train_labels=hidden[known], **test)
    expected = alone.report(draw(1, 400)[0])
    for key in ("classes_found", "class_kl", "largest_class_share"):
        assert whole.figures[key]["value"] == expected.figures[key]["value"], key
        assert whole.figures[key]["real"] == known.sum()
    details = whole.details["classes_found"]
    assert sum(details["training_histogram"]) == known.sum()
    assert details["classifier_accuracy"] > 0.95  # of all held-out examples, none of them hidden


def test_a_classifier_of_samples_judges_real_examples():
    test = draw(2)
    assert transfer_accuracy(*draw(1), *test) > 0.99
    samples, asked = draw(1)
    assert transfer_accuracy(samples, np.array([1, 2, 0])[asked], *test) < 0.01
    with pytest.raises(NotComputable, match="at least 2 classes"):
        transfer_accuracy(samples, np.zeros(200, int), *test)
    with pytest.raises(NotComputable, match="No label of the held-out"):
        transfer_accuracy(samples, asked, test[0], np.full(200, -1))
