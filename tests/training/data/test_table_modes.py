"""The modes of all columns at once."""

import numpy as np
import pytest

from ganapp.training.data.tables.codec import fit_mixtures, modes_of


def test_modes_of_one_column_are_those_among_many():
    draw = np.random.default_rng(0)
    two = np.concatenate([draw.normal(-50, 1, 400), draw.normal(90, 3, 200)])
    columns = [
        two,
        draw.normal(size=300),
        np.arange(200.0),
        np.r_[np.zeros(90), draw.normal(5, 1, 210)],
    ]
    together = modes_of(columns, 6)
    for values, modes in zip(columns, together, strict=True):
        (alone,) = modes_of([values], 6)
        for name, found in modes.items():
            np.testing.assert_allclose(found, alone[name], rtol=1e-3)
    heavy = [
        m for m, w in zip(together[0]["means"], together[0]["weights"], strict=True) if w > 0.2
    ]
    assert sorted(heavy) == pytest.approx([-50, 90], abs=1)
    assert (together[3]["means"][0], together[3]["reaches"][0]) == (0, 0)


@pytest.mark.parametrize("count", [200, 5000])
def test_the_mixture_is_as_likely_as_that_of_scikit_learn(count):
    """Of long columns neighbours are fitted together."""
    from sklearn.mixture import BayesianGaussianMixture

    draw = np.random.default_rng(1)
    values = np.concatenate([draw.gamma(2, 1, count // 2), draw.normal(9, 0.3, count // 2)])
    values = (values - values.mean()) / values.std()
    means, scales, weights = fit_mixtures([values], 5)[0]
    offsets = (values[:, None] - means) / scales
    likelihood = np.log((weights * np.exp(-0.5 * offsets**2) / scales).sum(axis=1)).mean()
    likelihood -= 0.5 * np.log(2 * np.pi)
    slow = BayesianGaussianMixture(
        n_components=5, weight_concentration_prior=1e-3, max_iter=1000, random_state=0
    ).fit(values[:, None])
    theirs = (slow.means_[:, 0], np.sqrt(slow.covariances_[:, 0, 0]), slow.weights_)
    offsets = (values[:, None] - theirs[0]) / theirs[1]
    best = np.log((theirs[2] * np.exp(-0.5 * offsets**2) / theirs[1]).sum(axis=1)).mean()
    assert likelihood > best - 0.5 * np.log(2 * np.pi) - 0.05
