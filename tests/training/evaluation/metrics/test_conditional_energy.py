"""The energy score of samples for an observation, against closed forms and simple predictors."""

import dataclasses

import numpy as np
import pytest
from case import small_images
from scipy import special, stats

from ganapp.training.baselines.conditional import gaussian_residual, last_frame, zero_residual
from ganapp.training.data.levels import down, sides_of
from ganapp.training.evaluation.evaluator import Evaluator
from ganapp.training.evaluation.metric import Conditional, EvaluationData, Observed
from ganapp.training.evaluation.metrics.conditional_energy import (
    CONDITIONAL_ENERGY,
    KEY,
    SPREAD,
    energy_scores,
)

MEAN, SCALE = 0.3, 1.7


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


@pytest.mark.parametrize("draws", [2, 9])
@pytest.mark.parametrize("truth", [0.3, -2.0])
def test_the_score_of_a_gaussian_is_its_closed_form(draws, truth):
    """In one dimension it is the CRPS (Gneiting and Raftery, equation 21); of any few draws."""
    samples = np.random.default_rng(draws).normal(MEAN, SCALE, (20_000, draws, 1))
    scores, _ = energy_scores(samples, np.full((20_000, 1), truth))
    z = (truth - MEAN) / SCALE
    density, share = stats.norm.pdf(z), stats.norm.cdf(z)
    expected = SCALE * (z * (2 * share - 1) + 2 * density - 1 / np.sqrt(np.pi))
    mean, error = mean_and_error(scores)
    assert mean == pytest.approx(expected, abs=4 * error)
    assert error < 0.02


def test_the_spread_of_a_gaussian_is_its_closed_form():
    size = 5
    samples = np.random.default_rng(0).normal(MEAN, SCALE, (5000, 4, size))
    scores, spread = energy_scores(samples, np.full((5000, size), MEAN))
    chi = np.sqrt(2) * special.gamma((size + 1) / 2) / special.gamma(size / 2)
    mean, error = mean_and_error(spread)
    assert mean == pytest.approx(np.sqrt(2) * SCALE * chi, abs=4 * error)
    # At the centre |X - y| is 1 / sqrt(2) of |X - X'|.
    mean, error = mean_and_error(scores)
    assert mean == pytest.approx(SCALE * chi * (1 - np.sqrt(0.5)), abs=4 * error)


def test_a_single_draw_has_no_spread():
    scores, spread = energy_scores(np.zeros((3, 1, 2)), np.array([[3.0, 4.0]] * 3))
    np.testing.assert_array_equal(spread, 0.0)
    np.testing.assert_array_equal(scores, 5.0)


SPEC = dataclasses.replace(small_images(300, 200), conditions={"coarse": (4, 4, 1)})


def observed(count, seed):
    """Smooth images with independent pixels around them, and what a halving shows of them."""
    generator = np.random.default_rng(seed)
    smooth = generator.uniform(60, 200, (count, 1, 1, 1))
    images = np.round(smooth + generator.normal(0, 12, (count, 8, 8, 1))).clip(0, 255)
    images = images.astype(np.uint8)
    coarse = down(SPEC.to_model_units(images), sides_of(SPEC.shape, 1)).numpy()
    return Observed(examples=images, observations={"coarse": coarse})


TRAINING, HELD_OUT = observed(300, 0), observed(200, 1)


def conditional(draw):
    def training(count):
        return Observed(
            examples=TRAINING.examples[:count],
            observations={name: each[:count] for name, each in TRAINING.observations.items()},
        )

    return Conditional(held_out=HELD_OUT, draw=draw, training=training)


def report(draw=None):
    data = EvaluationData(SPEC, train=TRAINING.examples, held_out=HELD_OUT.examples)
    given = None if draw is None else conditional(draw)
    return Evaluator(data).report(TRAINING.examples[:100], conditional=given).as_dict()


def around_the_truth(scale):
    def draw(count, seed):
        noise = np.random.default_rng(seed + 9).normal(0, scale, (200, count, 8, 8, 1))
        return HELD_OUT.examples[:, None] + noise

    return draw


def test_a_report_compares_with_simple_predictors_on_the_same_observations():
    found = report(around_the_truth(5.0))
    details, coarse = found["details"][KEY], HELD_OUT.observations["coarse"]
    still = zero_residual(conditional(None).training, coarse, 8, 0)[:, 0] / 127.5 - 1
    truth = HELD_OUT.examples / 127.5 - 1
    distances = np.sqrt(np.square(still - truth).sum((1, 2, 3)))
    zero = details["references"]["zero residual"]
    assert zero["score"] == pytest.approx(distances.mean(), rel=1e-6)
    assert zero["spread"] == 0.0
    assert details["references"]["Gaussian residual"]["score"] < zero["score"]
    for reference in details["references"].values():
        value = found["figures"][KEY]["value"]
        assert reference["better_by"] == pytest.approx(reference["score"] - value)
        assert reference["better_by"] > 3 * reference["standard_error"] > 0
    assert (details["observations"], details["draws"]) == (200, 8)
    assert found["figures"][SPREAD]["value"] > 0.9 * 5 / 127.5 * np.sqrt(2 * 64)
    notes = CONDITIONAL_ENERGY.note(found)
    assert "better by" in notes[1]
    assert "zero residual" in notes[1]
    assert CONDITIONAL_ENERGY.veto(found) is None


def test_what_is_no_better_is_called_worse():
    found = report(around_the_truth(60.0))
    assert all("worse by" in note for note in CONDITIONAL_ENERGY.note(found)[1:])


def test_noise_that_is_ignored_is_a_veto():
    """However near the truth it is."""
    found = report(lambda count, seed: np.repeat(HELD_OUT.examples[:, None] + 1.0, count, axis=1))
    assert found["figures"][SPREAD]["value"] == 0.0
    assert "noise is ignored" in CONDITIONAL_ENERGY.veto(found)


def test_there_is_no_such_figure_without_a_generator_that_observes():
    found = report()
    assert KEY not in found["figures"]
    assert CONDITIONAL_ENERGY.note(found) == []
    assert CONDITIONAL_ENERGY.veto(found) is None
    unconditional = dataclasses.replace(SPEC, conditions={})
    data = EvaluationData(unconditional, train=TRAINING.examples)
    assert CONDITIONAL_ENERGY not in Evaluator(data).metrics


def test_samples_that_are_not_finite_have_no_score():
    found = report(lambda count, seed: np.full((200, count, 8, 8, 1), np.nan))
    assert found["figures"][KEY]["value"] is None
    assert "not finite" in found["figures"][KEY]["reasons"]["value"]


def test_gaussian_residuals_have_the_covariance_of_the_details():
    coarse = np.zeros((1, 4, 4, 1), np.float32)
    some = conditional(None)
    drawn = gaussian_residual(some.training, coarse, 40_000, 3).reshape(40_000, 64)
    under = zero_residual(some.training, TRAINING.observations["coarse"], 1, 0)[:, 0]
    details = (TRAINING.examples - under).reshape(300, 64)
    scale = np.sqrt(np.diag(np.cov(details.T)).max())
    np.testing.assert_allclose(drawn.mean(0), 127.5 + details.mean(0), atol=5 * scale / 200)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(details.T), atol=6 * scale**2 / 200)


def test_the_last_frame_is_the_last_of_the_stack():
    clips = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 4), np.uint8)
    frames = SPEC.to_model_units(clips).numpy()
    found = last_frame(conditional(None).training, frames, 8, 0)
    np.testing.assert_array_equal(found[:, 0], clips[..., 3:])
