"""Modes of stacked digits: counted by hand, by a classifier, and against what chance allows."""

import dataclasses
import types

import numpy as np
import pytest
from evaluation_cases import digits, grid_points, make_evaluator, vector_spec
from hypothesis import given, settings
from hypothesis import strategies as st

from ganapp.training.baselines import MixtureBaseline
from ganapp.training.baselines import gaussian as baseline_module
from ganapp.training.data.spec import DataSpec
from ganapp.training.evaluation import evaluator as evaluator_module
from ganapp.training.evaluation.metric import MOST_NEIGHBOURS, SampleSet
from ganapp.training.evaluation.metrics.modes import (
    StackClassifier,
    count_stacks,
    expected_figures,
)
from ganapp.training.evaluation.pictures import image_grid, side_by_side
from ganapp.training.evaluation.report import write_report

NEIGHBOURS = {"precision", "recall", "density", "coverage"}
SPEC = DataSpec(name="stacks", kind="image", shape=(8, 8, 3), examples=None, held_out=700)


@pytest.fixture(scope="module")
def images():
    return digits()


@pytest.fixture(scope="module")
def stack_classifier(images):
    return StackClassifier(images)


def stacked(images, labels, triples, seed=0):
    """A random real digit of the wanted class in each channel: uint8 `(n, 8, 8, 3)`."""
    generator = np.random.default_rng(seed)
    channels = [
        np.stack([images[generator.choice(np.flatnonzero(labels == c))] for c in column])
        for column in np.transpose(triples)
    ]
    return np.concatenate(channels, axis=-1)


def uniform_triples(count, seed):
    return np.random.default_rng(seed).integers(10, size=(count, 3))


@pytest.fixture(scope="module")
def evaluator(images):
    return make_evaluator(
        SPEC,
        train=stacked(images.train, images.train_labels, uniform_triples(800, 1)),
        held_out=stacked(images.held_out, images.held_out_labels, uniform_triples(700, 2)),
        channel_images=images,
    )


@pytest.mark.parametrize("m", [1, 7, 40, 1000])
def test_a_sampler_of_m_triples_has_the_logarithm_of_the_rest(m):
    numbers = np.repeat(np.random.default_rng(m).permutation(1000)[:m], 3)
    classes = np.stack([numbers // 100, numbers // 10 % 10, numbers % 10], axis=1)
    found = count_stacks(classes, classes_per_channel=10)
    assert found.found == m
    assert found.kl == pytest.approx(np.log(1000 / m), abs=1e-12)
    np.testing.assert_array_equal(np.flatnonzero(found.histogram), np.unique(numbers))


def test_uneven_shares_by_hand():
    classes = np.array([[0, 1]] * 3 + [[1, 0]])
    found = count_stacks(classes, classes_per_channel=2)
    np.testing.assert_array_equal(found.histogram, [0, 3, 1, 0])
    assert found.kl == pytest.approx(0.75 * np.log(3.0) + 0.25 * np.log(1.0))


@settings(max_examples=40, deadline=None)
@given(
    classes=st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30),
    names=st.permutations(range(5)),
    order=st.permutations(range(3)),
)
def test_names_and_order_of_channels_do_not_matter(classes, names, order):
    classes = np.array(classes)
    found = count_stacks(classes, classes_per_channel=5)
    renamed = count_stacks(np.array(names)[classes][:, order], classes_per_channel=5)
    assert renamed.found == found.found == len(np.unique(classes, axis=0))
    assert renamed.kl == pytest.approx(found.kl)
    assert 0.0 <= found.kl <= np.log(125) + 1e-12


def test_expectations_of_a_single_draw_and_of_a_single_mode():
    assert expected_figures(1, 1000) == pytest.approx((1.0, np.log(1000)))
    assert expected_figures(50, 1) == pytest.approx((1.0, 0.0))
    # Two draws of two modes fall together half of the time.
    assert expected_figures(2, 2) == pytest.approx((1.5, 0.5 * np.log(2)))


def test_expectations_are_the_floors_of_the_protocol():
    found, divergence = expected_figures(26_000, 1000)
    assert found == pytest.approx(1000.0, abs=1e-6)
    assert divergence == pytest.approx(999 / 52_000, rel=0.01)
    assert expected_figures(10_000, 1000)[1] == pytest.approx(999 / 20_000, rel=0.03)


def test_expectations_against_simulation():
    generator = np.random.default_rng(0)
    draws = [generator.integers(10, size=(700, 3)) for _ in range(200)]
    found = [count_stacks(classes, classes_per_channel=10) for classes in draws]
    for name, expected in zip(("found", "kl"), expected_figures(700, 1000), strict=True):
        values = [getattr(figures, name) for figures in found]
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - expected) < 4 * error, name


def test_the_classifier_knows_digits_it_never_saw(stack_classifier, images):
    assert stack_classifier.accuracy > 0.95
    classes = stack_classifier.classes(images.held_out)  # one channel: images are stacks of one
    assert np.mean(classes[:, 0] == images.held_out_labels) == stack_classifier.accuracy


def test_every_channel_is_read_at_its_own_place(stack_classifier, images):
    triples = uniform_triples(400, 3)
    classes = stack_classifier.classes(stacked(images.train, images.train_labels, triples))
    assert (np.mean(classes == triples, axis=0) > 0.98).all()


def test_labels_need_not_start_at_zero(images):
    odd = types.SimpleNamespace(
        train=images.train,
        train_labels=7 * images.train_labels - 3,
        held_out=images.held_out[:0],
        held_out_labels=images.held_out_labels[:0],
    )
    evaluator = StackClassifier(odd)
    assert evaluator.accuracy is None
    assert np.mean(evaluator.classes(images.train)[:, 0] == images.train_labels) > 0.98


@pytest.mark.parametrize("m", [1, 6])
def test_collapsed_real_stacks_are_counted_exactly(evaluator, stack_classifier, images, m):
    right = stack_classifier.classes(images.train)[:, 0] == images.train_labels
    some = np.unique(uniform_triples(60, 4), axis=0)[:m]
    chosen = stacked(images.train[right], images.train_labels[right], some)
    found = evaluator.evaluate(np.repeat(chosen, 20, axis=0))
    assert found["modes"] == m
    assert found["mode_kl"] == pytest.approx(np.log(1000 / m))


def test_unseen_real_stacks_score_what_chance_allows(stack_classifier, images):
    stacks = stacked(images.held_out, images.held_out_labels, uniform_triples(6000, 5))
    found = stack_classifier.figures(stack_classifier.classes(stacks))
    modes, divergence = expected_figures(6000, 1000)
    assert found.found == pytest.approx(modes, abs=10)
    assert found.kl == pytest.approx(divergence, abs=0.02)  # the classifier's mistakes included


def test_a_report_has_floor_expectation_accuracy_and_counts(evaluator, images):
    generated = stacked(images.train, images.train_labels, uniform_triples(900, 6))
    report = evaluator.report(generated)
    assert {key for key, figure in report.figures.items() if figure["main"]} == NEIGHBOURS | {
        "frechet_distance",
        "kernel_distance",
        "modes",
        "mode_kl",
    }
    modes, divergence = report.figures["modes"], report.figures["mode_kl"]
    assert (modes["better"], divergence["better"]) == ("higher", "lower")
    for figure in (modes, divergence):
        assert (figure["generated"], figure["real"], figure["space"]) == (900, 800, "pixels")
        assert figure["matched_generated"] == report.counts["matched"] == 700
    expected = expected_figures(700, 1000)
    assert modes["floor"] == pytest.approx(expected[0], abs=30)
    assert divergence["floor"] == pytest.approx(expected[1], abs=0.05)
    details = report.details["modes"]
    assert (details["expected_modes"], details["expected_kl"]) == expected_figures(900, 1000)
    assert details["classifier_accuracy"] > 0.95
    assert details["true_modes"] == 1000
    assert np.sum(details["channel_histograms"], axis=1).tolist() == [900] * 3


def test_the_page_says_how_the_modes_were_told(evaluator, images, tmp_path):
    generated = stacked(images.train, images.train_labels, uniform_triples(60, 7))
    report = {**evaluator.report(generated).as_dict(), "step": 1}
    page = write_report(tmp_path, title="stacks", best=None, last=report).read_text()
    accuracy = report["details"]["modes"]["classifier_accuracy"]
    assert f"classifier of single images, right on {accuracy:.1%} of the held-out ones" in page
    expected = expected_figures(60, 1000)
    assert f"expect {expected[0]:,.1f} modes and a mode KL of {expected[1]:.3g}." in page
    assert "| mode KL |" in page
    report["details"]["modes"]["classifier_accuracy"] = None
    page = write_report(tmp_path, title="stacks", best=None, last=report).read_text()
    assert "classifier of single images; mode KL is" in page


def test_only_stacks_have_these_figures(images):
    assert "mode_kl" not in make_evaluator(images.spec, train=images.train).evaluate(
        images.held_out
    )
    points = make_evaluator(vector_spec(), train=grid_points(0)).report(grid_points(1))
    assert "modes" not in points.figures


def test_channel_images_of_another_shape_are_refused(images):
    wrong = types.SimpleNamespace(**{**vars(images), "train": images.train[:, :7]})
    with pytest.raises(ValueError, match=r"`channel_images` must have the shape \(n, 8, 8, 1\)"):
        make_evaluator(SPEC, train=np.repeat(images.train, 3, axis=-1), channel_images=wrong)


def test_few_samples_are_all_used_and_many_are_drawn():
    samples = np.arange(40.0)[:, None]
    batch = SampleSet(samples, neighbours=5)
    assert batch.at_most(40, 0) is batch
    part = batch.at_most(15, 3)
    assert part is batch.at_most(15, 3)
    assert len(np.unique(part.samples)) == len(part) == 15
    assert set(part.samples[:, 0]) <= set(samples[:, 0])
    other = SampleSet(samples, neighbours=5)
    np.testing.assert_array_equal(other.at_most(15, 3).samples, part.samples)
    assert not np.array_equal(other.at_most(15, 4).samples, part.samples)


def test_neighbour_figures_say_how_many_samples_they_used(monkeypatch, tmp_path):
    evaluator = make_evaluator(vector_spec(), train=grid_points(0), held_out=grid_points(1))
    whole = evaluator.report(grid_points(2)).figures
    assert {whole[key]["generated"] for key in whole} == {600}, "all samples, as there are so few"
    assert MOST_NEIGHBOURS > 5000  # both sides of the presets stay whole
    few = tuple(
        dataclasses.replace(measure, most=measure.most and 100)
        for measure in evaluator_module.METRICS
    )
    monkeypatch.setattr(evaluator_module, "METRICS", few)
    evaluator = make_evaluator(vector_spec(), train=grid_points(0), held_out=grid_points(1))
    report = {**evaluator.report(grid_points(2)).as_dict(), "step": 1}
    for key in (*NEIGHBOURS, "frechet_distance"):
        figure = report["figures"][key]
        counts = [figure[name] for name in ("generated", "real", "matched_generated")]
        assert counts == ([100] * 3 if key in NEIGHBOURS else [600, 1200, 600]), key
    assert report["figures"]["frechet_distance"]["value"] == whole["frechet_distance"]["value"]
    assert report["figures"]["recall"]["value"] != whole["recall"]["value"]
    page = write_report(tmp_path, title="few", best=None, last=report).read_text()
    assert "- precision, recall, density, coverage, kernel distance" in page
    assert ": from at most 100 samples of each side" in page


def test_the_baseline_is_fitted_on_a_draw_of_many_examples(monkeypatch):
    train = grid_points(0)
    monkeypatch.setattr(baseline_module, "MOST_EXAMPLES", 200)
    drawn = np.random.default_rng(3).choice(train, 200, replace=False)
    options = {"mixture_components": 3, "seed": 3}
    few = MixtureBaseline(vector_spec(), train, **options).sample(50)
    np.testing.assert_array_equal(few, MixtureBaseline(vector_spec(), drawn, **options).sample(50))


def test_channels_are_shown_next_to_each_other():
    samples = np.random.default_rng(0).integers(0, 256, (5, 4, 3, 2)).astype(np.uint8)
    shown = side_by_side(samples)
    assert shown.shape == (5, 4, 6, 1)
    np.testing.assert_array_equal(shown[:, :, :3, 0], samples[..., 0])
    np.testing.assert_array_equal(shown[:, :, 3:, 0], samples[..., 1])
    assert image_grid(shown).tobytes() == image_grid(samples).tobytes()
