"""Chains against densities whose moments are known, and their effective size."""

import numpy as np
import pytest

from ganapp.training.baselines import BASELINES, RealData
from ganapp.training.baselines.metropolis import effective_samples, scale_reduction
from ganapp.training.data import SOURCES


def fitted(name, **options):
    source = SOURCES[name]()
    data = RealData(spec=source.spec, train=source.training_examples(50)[0], density=source.density)
    return source, BASELINES["metropolis"](**options).fit(data)


@pytest.mark.parametrize("name", ["gaussian", "checkerboard"])
def test_chains_have_the_moments_of_the_density(name):
    source, walk = fitted(name, chains=200, burn_in=500)
    samples = walk.sample(8000)
    facts = walk.facts(samples)
    assert 0.2 < facts["acceptance_rate"] < 0.4
    assert facts["scale_reduction"] < 1.05
    assert 500 < facts["effective_samples"] <= 8000 * 1.2
    error = np.array(source.spec.scale) / np.sqrt(facts["effective_samples"])
    assert (np.abs(samples.mean(0) - source.spec.mean) < 5 * error).all()
    np.testing.assert_allclose(samples.std(0), source.spec.scale, rtol=0.1)
    assert np.isfinite(source.density.log_density(samples)).mean() > 0.999
    np.testing.assert_array_equal(walk.sample(200), walk.sample(200))


def test_a_walk_accepts_as_detailed_balance_asks():
    """On two points' heights the acceptance is min(1, ratio): a step density says so exactly."""

    class Steps:
        def log_density(self, points):
            return np.where(points[:, 0] > 0, 0.0, -1.0)

    from ganapp.training.baselines.metropolis import Walk

    random = np.random.default_rng(0)
    walk = Walk(np.full((20_000, 1), 5.0), np.zeros(20_000))
    rate = walk.move(Steps(), np.array([1e6]), random)
    # Half the proposals stay above 0 and are taken, the others with probability 1/e.
    assert rate == pytest.approx(0.5 + 0.5 * np.exp(-1), abs=0.015)


def test_data_without_a_density_are_refused():
    source = SOURCES["gaussian"]()
    data = RealData(spec=source.spec, train=source.training_examples(10)[0])
    with pytest.raises(ValueError, match="whose density is known, such as 'moons'"):
        BASELINES["metropolis"]().fit(data)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.9])
def test_effective_size_of_a_known_chain(correlation):
    """An AR(1) chain of n steps is worth n (1 - r) / (1 + r) draws."""
    random = np.random.default_rng(0)
    values = [random.normal(size=(20, 2))]
    for _ in range(1999):
        noise = random.normal(size=(20, 2))
        values.append(correlation * values[-1] + np.sqrt(1 - correlation**2) * noise)
    chains = np.stack(values)
    expected = 40_000 * (1 - correlation) / (1 + correlation)
    assert effective_samples(chains) == pytest.approx(expected, rel=0.1)
    assert scale_reduction(chains) == pytest.approx(1.0, abs=0.03)


def test_chains_that_have_not_mixed_are_seen():
    chains = np.random.default_rng(0).normal(size=(100, 4, 1)) + 5 * np.arange(4)[:, None]
    assert scale_reduction(chains) > 2
    assert effective_samples(chains) < 10
    still = np.broadcast_to(np.arange(4.0)[:, None], (100, 4, 1))
    assert scale_reduction(still) == np.inf
    assert effective_samples(still) == 4
