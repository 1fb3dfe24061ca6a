"""What is read of codes, against closed forms and brute force."""

import itertools
import math

import numpy as np
import pytest
from evaluation_cases import digit_evaluator, digits, grid_points, make_evaluator, vector_spec

from ganapp.training.evaluation.metric import Codes
from ganapp.training.evaluation.metrics.codes import (
    chosen_category,
    cluster_accuracy,
    fresh_bounds,
    matched_accuracy,
)
from ganapp.training.evaluation.report import report_notes
from ganapp.training.priors import Categorical, Normal, Uniform

TEN = Categorical(categories=(10,), continuous=0)


def one_hot(places, count=10):
    return np.eye(count, dtype=np.float32)[places]


def test_the_matching_is_the_best_of_all():
    random = np.random.default_rng(0)
    labels = random.integers(4, size=200)
    clusters = np.where(random.random(200) < 0.5, (labels + 1) % 4, random.integers(4, size=200))
    every = [
        np.mean(np.array(names)[clusters] == labels) for names in itertools.permutations(range(4))
    ]
    assert matched_accuracy(clusters, labels) == pytest.approx(max(every))


def test_clusters_beyond_the_classes_count_as_wrong_and_missing_ones_too():
    labels = np.array([0, 0, 1, 1])
    assert matched_accuracy(np.array([5, 5, 2, 2]), labels) == 1
    assert matched_accuracy(np.array([0, 1, 2, 2]), labels) == 0.75
    assert matched_accuracy(np.zeros(4, int), labels) == 0.5


def test_a_category_is_found_among_several_choices():
    code = np.float32([[0, 1, 0, 0, 1, 0.3], [1, 0, 1, 0, 0, -2.0]])
    np.testing.assert_array_equal(chosen_category(code, (2, 3)), [1 * 3 + 2, 0])


def test_clusters_far_apart_are_the_classes():
    labels = np.random.default_rng(1).integers(3, size=300)
    rows = 10.0 * one_hot(labels, 3) + np.random.default_rng(2).normal(size=(300, 3))
    assert cluster_accuracy(rows[:200], rows[200:], labels[200:], clusters=3) == 1


def channel(code, noise, seed=0):
    return np.float32(code + noise * np.random.default_rng(seed).normal(size=code.shape))


def halves(rows, codes, count):
    return [(rows[part], {"c": codes[part]}) for part in (slice(count), slice(count, None))]


def test_a_fresh_reader_reaches_the_information_of_a_gaussian_channel():
    noise = 0.3
    code = np.random.default_rng(3).normal(size=(14_000, 1)).astype(np.float32)
    found = fresh_bounds({"c": Normal(size=1)}, *halves(channel(code, noise), code, 10_000))["c"]
    error = found.std() / math.sqrt(len(found))
    information = 0.5 * math.log(1 + 1 / noise**2)
    assert found.shape == (4000,)
    assert information - 0.03 - 3 * error < found.mean() < information + 3 * error


def test_a_fresh_reader_reaches_the_information_of_a_channel_that_mistakes_categories():
    """With chance e the category becomes another one: I = ln 10 - h(e) - e ln 9."""
    random, wrong = np.random.default_rng(4), 0.2
    sent = random.integers(10, size=14_000)
    moved = (sent + random.integers(1, 10, size=14_000)) % 10
    received = one_hot(np.where(random.random(14_000) < wrong, moved, sent))
    found = fresh_bounds({"c": TEN}, *halves(received, one_hot(sent), 10_000))["c"]
    error = found.std() / math.sqrt(len(found))
    lost = -wrong * math.log(wrong / 9) - (1 - wrong) * math.log(1 - wrong)
    assert found.mean() == pytest.approx(math.log(10) - lost, abs=0.03 + 3 * error)


def test_of_noise_nothing_is_read_and_the_global_state_is_left_alone():
    code = one_hot(np.random.default_rng(5).integers(10, size=6000))
    noise = np.random.default_rng(6).normal(size=(6000, 2, 2))
    np.random.seed(7)
    first = np.random.random()
    np.random.seed(7)
    found, again = (
        fresh_bounds({"c": TEN}, *halves(noise, code, 4000), seed=3)["c"] for _ in range(2)
    )
    assert np.random.random() == first
    np.testing.assert_array_equal(found, again)
    assert -0.1 < found.mean() < 0.02


def perfect(data):
    """A generator that draws the real digits of its code, and a reader that knows them."""
    labels = {
        row.tobytes(): label for row, label in zip(data.train, data.train_labels, strict=True)
    }
    labels |= {
        row.tobytes(): label for row, label in zip(data.held_out, data.held_out_labels, strict=True)
    }

    def draw(count, seed):
        chosen = np.random.default_rng(seed).integers(len(data.train), size=count)
        return {"digit": one_hot(data.train_labels[chosen])}, data.train[chosen]

    def guess(samples):  # categories have numbers of their own
        return {"digit": one_hot([(3 * labels[row.tobytes()] + 1) % 10 for row in samples])}

    return Codes(
        priors={"digit": TEN},
        draw=draw,
        guess=guess,
        bounds=lambda samples, codes: {"digit": np.full(len(samples), math.log(10))},
        model_units=lambda samples: samples / np.float32(127.5) - 1,
    )


def test_a_report_has_the_figures_of_codes_with_their_references():
    data = digits()
    report = digit_evaluator(data).report(data.train[:300], codes=perfect(data)).as_dict()
    figures = report["figures"]
    assert figures["code_accuracy"]["value"] == 1
    assert figures["code_accuracy"]["real"] == 297
    assert figures["code_information"]["value"] == pytest.approx(math.log(10))
    # Digits tell their class, so another reader finds nearly as much; never more than there is.
    assert 2.0 < figures["fresh_code_information"]["value"] < math.log(10)
    found = report["details"]["code_accuracy"]
    assert 0.6 < found["codes"]["digit"]["k_means"] < 0.9
    assert found["codes"]["digit"]["accuracy_error"] == 0
    (notes,) = report_notes(report)
    assert "in 100.0% (standard error 0.0%), after the best matching; k-means" in notes
    assert "2.3 nats of information with the sample of its 2.303" in notes


def test_samples_without_codes_have_no_such_figures_and_points_no_classes():
    data = digits()
    assert "code_accuracy" not in digit_evaluator(data).report(data.train[:300]).figures
    evaluator = make_evaluator(vector_spec(), train=grid_points(0), held_out=grid_points(1))
    codes = Codes(
        priors={"place": Uniform(size=2)},
        draw=lambda count, seed: (lambda x: ({"place": x}, x))(
            np.random.default_rng(seed).uniform(-1, 1, (count, 2)).astype(np.float32)
        ),
        guess=lambda samples: {"place": samples},
        bounds=lambda samples, codes: {"place": np.zeros(len(samples))},
        model_units=lambda samples: samples,
    )
    figures = evaluator.report(grid_points(2), codes=codes).figures
    assert "code_accuracy" not in figures
    assert figures["code_information"]["value"] == 0
    # Each of the two numbers is its own copy: more than the 1.39 nats of a discrete one.
    assert figures["fresh_code_information"]["value"] > 2
