"""Figures of reconstructions: distances, an independent classifier, and the control."""

import dataclasses

import numpy as np
import pytest
from case import small_images

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import Conditional, EvaluationData, Observed
from ganapp.training.evaluation.metrics.inversion import (
    ACCURACY,
    DISTANCE,
    INVERSION,
    PSNR,
    feature_distance,
    independent_accuracy,
    signal_to_noise,
)

CLASSES, PLAIN = 4, small_images(200, 80, "abcd")
SPEC = dataclasses.replace(PLAIN, conditions={"features": (64,)})


def images(count, seed):
    """Each class is bright in a quarter of its own."""
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.arange(count) % CLASSES)
    found = draw.integers(0, 60, (count, 8, 8, 1), np.uint8)
    for image, label in zip(found, labels, strict=True):
        row, column = divmod(label, 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += np.uint8(180)
    return found, labels


TRAIN, TRAIN_LABELS = images(200, 0)
HELD_OUT, HELD_OUT_LABELS = images(80, 1)


def observe(pictures):
    return {"features": np.float32(pictures).reshape(len(pictures), -1) / 255}


def evaluation_data(**options):
    labels = {"train_labels": TRAIN_LABELS, "held_out_labels": HELD_OUT_LABELS} | options
    return EvaluationData(SPEC, train=TRAIN, held_out=HELD_OUT, **labels)


def conditional(make):
    return Conditional(
        held_out=Observed(examples=HELD_OUT, observations=observe(HELD_OUT)),
        draw=lambda count, seed: np.repeat(make(np.float64(HELD_OUT))[:, None], count, axis=1),
        training=lambda count: Observed(
            examples=TRAIN[:count], observations=observe(TRAIN[:count])
        ),
        observe=observe,
    )


def report(make, **options):
    evaluator = Evaluator(evaluation_data(**options))
    return evaluator.report(TRAIN[:60], conditional=conditional(make)).as_dict()


def test_the_distance_of_the_same_is_zero_and_of_others_one():
    wanted = np.random.default_rng(0).normal(size=(400, 3, 2))
    assert feature_distance(wanted, wanted) == 0
    shuffled = wanted[np.random.default_rng(1).permutation(400)]
    assert feature_distance(shuffled, wanted) == pytest.approx(1.0, abs=0.05)
    # In one dimension by hand: misses 1 and 3, and the two wanted ones are 4 apart.
    assert feature_distance([[1.0], [7.0]], [[0.0], [4.0]]) == pytest.approx(2 / 4)
    with pytest.raises(NotComputable, match="do not differ"):
        feature_distance(wanted, np.ones((400, 2)))


def test_the_distance_knows_no_unit():
    draw = np.random.default_rng(2)
    found, wanted = draw.normal(size=(2, 50, 4))
    assert feature_distance(1e4 * found, 1e4 * wanted) == pytest.approx(
        feature_distance(found, wanted)
    )


def test_signal_to_noise_is_that_of_the_mean_squared_error():
    real = np.zeros((2, 1, 1, 1))
    assert signal_to_noise(real + 25.5, real) == pytest.approx(20.0)
    # One exact image does not make the other one's error endless or small.
    assert signal_to_noise(np.array([[[[0.0]]], [[[255.0]]]]), real) == pytest.approx(3.0103)
    with pytest.raises(NotComputable, match="are the originals"):
        signal_to_noise(real, real)


def test_shuffled_reconstructions_are_at_chance():
    """Perfect ones, too: they are of other images' classes."""
    found = independent_accuracy(evaluation_data(), HELD_OUT, HELD_OUT, HELD_OUT_LABELS)
    assert found["originals"] == found["reconstructions"] == 1.0
    assert found["chance"] == 1 / CLASSES
    error = np.sqrt(found["chance"] * (1 - found["chance"]) / len(HELD_OUT))
    assert found["shuffled"] == pytest.approx(found["chance"], abs=3 * error)


def test_unequal_classes_have_another_chance():
    labels = np.array([0] * 6 + [1] * 2)
    found = independent_accuracy(evaluation_data(), HELD_OUT[:8], HELD_OUT[:8], labels)
    assert found["chance"] == (36 + 4) / 64


def test_no_image_keeps_its_own_reconstruction_in_the_control():
    """Eight images of as many classes as the judge has twice; each own one would be right."""
    both = [np.flatnonzero(label == HELD_OUT_LABELS)[0] for label in range(CLASSES)]
    found = independent_accuracy(
        evaluation_data(), HELD_OUT[both], HELD_OUT[both], HELD_OUT_LABELS[both]
    )
    assert found["shuffled"] == 0


def test_a_report_has_figures_details_and_a_note():
    found = report(lambda x: np.clip(x + 10.0, 0, 255))
    figures, details = found["figures"], found["details"][ACCURACY]
    assert figures[ACCURACY]["value"] == details["reconstructions"] == 1.0
    assert 0 < figures[DISTANCE]["value"] < 0.3
    assert figures[PSNR]["value"] == pytest.approx(20 * np.log10(25.5), abs=0.1)
    assert figures[PSNR]["floor"] is None
    (note,) = INVERSION.note(found)
    assert "80 held-out examples" in note
    assert "right on 100.0% of the originals" in note


def test_the_mean_of_all_knows_no_class():
    found = report(lambda x: np.zeros_like(x) + TRAIN.mean(axis=0))
    assert found["details"][ACCURACY]["reconstructions"] == pytest.approx(1 / CLASSES)
    assert found["figures"][DISTANCE]["value"] > 0.6


def test_without_labels_there_are_distances():
    found = report(lambda x: x + 1.0, train_labels=None, held_out_labels=None)
    assert found["figures"][ACCURACY]["value"] is None
    assert "held-out examples with labels" in found["figures"][ACCURACY]["reasons"]["value"]
    assert found["figures"][DISTANCE]["value"] < 0.05
    assert INVERSION.note(found) == []


def test_what_is_not_finite_has_no_figure():
    found = report(lambda x: x * np.nan)
    assert found["figures"][DISTANCE]["value"] is None


def test_other_data_have_no_such_figures():
    assert not INVERSION.applies(EvaluationData(PLAIN, train=TRAIN))
