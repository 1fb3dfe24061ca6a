"""One look gives every alarm that its examples, scores and series deserve, and no other."""

import dataclasses

import numpy as np
import pytest

from ganapp.training.data.densities import Mixture
from ganapp.training.diagnostics.alarms import TAIL_COLUMNS, Snapshot, find_alarms, undecided_alarms
from ganapp.training.objectives import FGAN, OBJECTIVES, WGAN

CENTRES = np.array([[-3.0, 0.0], [3.0, 0.0]])


def points(seed, count=500, modes=(0, 1)):
    random = np.random.default_rng(seed)
    return CENTRES[random.choice(modes, count)] + 0.1 * random.normal(size=(count, 2))


def scores(seed, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1, size=500)


HEALTHY = Snapshot(
    training=points(0),
    held_out=points(1),
    fake=points(2),
    training_scores=scores(0, 0.1),
    held_out_scores=scores(1, 0.1),
    fake_scores=scores(2, -0.1),
    series={
        "score_gap": scores(3),
        "generator_gradient_norm": 1 + scores(4) ** 2,
        "discriminator_gradient_norm": 1 + scores(5) ** 2,
        "generator_distance": 1 / np.arange(1, 40),
        "discriminator_distance": 1 / np.arange(1, 40),
    },
    objective=OBJECTIVES["minimax"](),
    modes=Mixture(centres=CENTRES, sigma=0.1),
)
SWING = np.sin(np.arange(500) / 5)


def names(**changes):
    return {alarm.name for alarm in find_alarms(dataclasses.replace(HEALTHY, **changes))}


def test_a_healthy_run_raises_none():
    assert names() == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fake": points(2, modes=(0,))}, {"low_coverage", "missing_modes"}),
        ({"fake": np.repeat(points(2, 10), 50, axis=0)}, {"duplicates", "low_coverage"}),
        ({"fake_scores": scores(2, -9.0)}, {"saturation"}),
        ({"fake_scores": scores(2, -9.0), "objective": OBJECTIVES["non_saturating"]()}, set()),
        ({"fake_scores": scores(2, -9.0), "objective": None}, set()),
        ({"code_bounds": {"digit": 0.02 + 0.1 * scores(6)}}, {"ignored_codes"}),
        ({"code_bounds": {"digit": 0.08 + scores(6)}}, set()),  # too few examples to say
        ({"code_bounds": {"digit": 2.2 + 0.1 * scores(6)}}, set()),
        ({"training_scores": scores(0, 3.0)}, {"discriminator_overfitting"}),
        ({"series": {"score_gap": SWING}}, {"oscillation"}),
        ({"series": {"generator_distance": np.ones(30)}}, {"wandering"}),
        ({"series": {"generator_gradient_norm": [1.0, np.nan]}}, {"exploding_gradients"}),
        ({"series": {}}, set()),
    ],
)
def test_what_is_wrong_is_named(changes, expected):
    assert names(**changes) == expected


def test_a_generator_that_has_not_learnt_yet_has_not_collapsed():
    assert names(fake=points(2) * [1, 1] + [0, 40], modes=None) == {"low_precision"}


def test_what_the_run_uses_already_is_not_advised():
    collapsed = dataclasses.replace(HEALTHY, fake=points(2, modes=(0,)), modes=None)
    (alarm,) = find_alarms(dataclasses.replace(collapsed, ruled_out={"packing", "r1"}))
    assert [remedy.name for remedy in alarm.remedies] == ["minibatch", "relativistic"]


def test_too_few_examples_for_neighbours_are_no_alarm():
    few = {name: getattr(HEALTHY, name)[:3] for name in ("training", "held_out", "fake")}
    assert names(**few, modes=None) == set()


def test_images_are_looked_at_as_pixels():
    random = np.random.default_rng(0)
    real = random.integers(0, 256, size=(600, 4, 4, 1), dtype=np.uint8)
    same = np.repeat(real[:1], 300, axis=0)
    looked = {"training": real[:300], "held_out": real[300:], "modes": None}
    assert names(**looked, fake=real[:300]) == set()
    assert names(**looked, fake=same) == {"duplicates", "low_coverage"}


@pytest.mark.parametrize(
    ("objective", "alarmed"),
    [(FGAN(), True), (FGAN(generator_goal="alternative"), False), (WGAN(), False)],
    ids=["bound", "alternative", "wgan"],
)
def test_saturation_is_looked_for_whatever_the_objective(objective, alarmed):
    rejected = {"training_scores": scores(0, 8.0), "held_out_scores": scores(1, 8.0)}
    found = names(objective=objective, **rejected, fake_scores=scores(2, -8.0))
    assert found == ({"saturation"} if alarmed else set())


def test_lost_tails_of_vectors_are_looked_for():
    random = np.random.default_rng(0)
    looked = {
        "training": random.standard_t(3, (500, 2)),
        "held_out": random.standard_t(3, (500, 2)),
    }
    fake = random.standard_t(3, (500, 2))
    assert names(**looked, fake=fake, modes=None) == set()
    cut = np.stack([np.clip(fake[:, 0], -1.2, 1.2), fake[:, 1]], axis=1)
    assert names(**looked, fake=cut, modes=None) == {"lost_tails"}


def test_what_could_not_be_decided_is_named():
    counts = {"training": 500, "held_out": 500, "fake": 500}
    assert undecided_alarms(HEALTHY.series, **counts) == {}
    short = {"score_gap": [1.0] * 12, "generator_distance": [1.0] * 30}
    found = undecided_alarms(short, training=100, held_out=3, fake=500, columns=TAIL_COLUMNS + 1)
    assert found == {
        "oscillation": "12 values of the score gap, 32 are needed",
        "vanishing and exploding gradients": "0 values of gradient norms, 20 are needed",
        "wandering": "0 values of distances of the weights, 20 are needed",
        "duplicates": "100 examples, 300 are needed",
        "low_coverage and low_precision": "3 examples, 6 are needed",
        "lost_tails": f"{TAIL_COLUMNS + 1} columns, looked at in the report only",
    }
