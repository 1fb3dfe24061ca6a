"""Label histograms and the classifier behind them."""

import numpy as np
import pytest
from evaluation_cases import digits
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.features.spaces import Pixels
from ganapp.training.evaluation.metrics import class_histogram as module
from ganapp.training.evaluation.metrics.class_histogram import (
    LabelClassifier,
    class_figures,
    compare_histograms,
)


@pytest.fixture(scope="module")
def data():
    return digits()


@pytest.fixture(scope="module")
def classifier(data):
    return LabelClassifier(Pixels()(data.train), data.train_labels)


def test_held_out_digits_are_recognised(classifier, data):
    assert classifier.accuracy(Pixels()(data.held_out), data.held_out_labels) > 0.95


def test_real_samples_show_all_classes_evenly(classifier, data):
    found = class_figures(classifier, Pixels()(data.held_out))
    assert found.found == 10
    assert found.kl < 0.06
    assert found.histogram.sum() == len(data.held_out)


def test_a_lost_class_is_missed(classifier, data):
    some = data.held_out[data.held_out_labels != 4]
    found = class_figures(classifier, Pixels()(some))
    assert found.smallest_share < 0.01
    assert found.histogram.argmin() == 4


def test_labels_need_not_be_consecutive():
    features = np.repeat([[0.0], [5.0], [9.0]], 10, axis=0)
    classifier = LabelClassifier(features, np.repeat([7, -2, 40], 10))
    np.testing.assert_array_equal(classifier.classes, [-2, 7, 40])
    found = class_figures(classifier, np.array([[9.0], [9.1], [0.1], [5.0]]))
    np.testing.assert_array_equal(found.histogram, [1, 1, 2])


def test_many_classes_and_many_examples_stay_cheap(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLASSES", 3)
    monkeypatch.setattr(module, "MOST_EXAMPLES", 30)
    features = np.repeat(np.arange(5.0), 20)[:, None]
    labels = np.repeat(np.arange(5), 20)
    classifier = LabelClassifier(features, labels)
    assert classifier.accuracy(features, labels) == 1.0
    np.testing.assert_array_equal(classifier.training_histogram, [20] * 5)


def test_histogram_figures_by_hand():
    found = compare_histograms([6, 2, 0], [1, 1, 2])
    assert found.found == 2
    assert (found.smallest_share, found.largest_share) == (0.0, 0.75)
    # KL from the samples to the training labels; the other direction would be infinite.
    assert found.kl == pytest.approx(0.75 * np.log(3.0) + 0.25 * np.log(1.0))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(1, 9))
def test_divergence_is_zero_for_the_same_shares(counts, factor):
    found = compare_histograms(np.array(counts) * factor, counts)
    assert found.kl == pytest.approx(0.0, abs=1e-12)
    assert found.found == len(counts)


def test_a_single_class_has_no_classifier():
    with pytest.raises(NotComputable, match="at least 2 classes"):
        LabelClassifier(np.zeros((5, 2)), np.zeros(5, int))


@pytest.mark.parametrize("labels", [np.zeros(4, int), np.zeros(5), np.zeros((5, 1), int)])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match="`labels` must hold 5 integers"):
        LabelClassifier(np.zeros((5, 2)), labels)
