"""Two-sample tests: can a classifier tell generated samples from real ones? At 1/2 it cannot.

References:
    Lopez-Paz and Oquab, 2017, "Revisiting classifier two-sample tests" (arXiv:1610.06545);
    Xu et al., 2018, "An empirical study on evaluation metrics of GANs" (arXiv:1806.07755), for the
    nearest neighbour left one out and its two accuracies.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

from ganapp.training.evaluation.checks import NotComputable, as_feature_pair, error_of_share
from ganapp.training.evaluation.metric import (
    DISTANCES,
    NEIGHBOURS,
    Comparison,
    Computed,
    Figure,
    Metric,
    ReportData,
    cautious_error,
    number,
)

LEAST = 10  # of each side
MOST_TESTED = 2000
ERRORS = 2.0  # standard errors that an accuracy is beyond what it is compared with
TOLD_APART, COPYING = 0.6, 0.4  # accuracies, beyond their error
SHORT_NAMES = {"neighbour_test": "1-NN", "logistic_test": "logistic"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TwoSampleTest:
    """The result of a classifier of real against generated examples.

    `accuracy`: share of examples told apart; 1/2 is indistinguishable. `p_value`: the chance of at
    least that many right answers if both are the same distribution, from the binomial.
    `real_accuracy`, `generated_accuracy`: by side. `judged`: examples behind `accuracy`.
    """

    accuracy: float
    p_value: float
    real_accuracy: float
    generated_accuracy: float
    judged: int


def neighbour_test(real: ArrayLike, generated: ArrayLike, *, seed: int = 0) -> TwoSampleTest:
    """Each example gets the label of its nearest neighbour among all the others.

    Below 1/2, samples are nearer to real examples than those are to each other: copies. Of
    generated accuracy far above the real one, samples lie crowded. The answers depend on each
    other, so the p-value is approximate. Of the larger set, `(n, d)` or `(m, d)`, as many are drawn
    as the other has, at least 10.
    """
    from sklearn.neighbors import NearestNeighbors

    points, labels = _balanced(real, generated, seed)
    nearest = NearestNeighbors(n_neighbors=1).fit(points).kneighbors(return_distance=False)[:, 0]
    return _test_result(labels[nearest] == labels, labels)


def logistic_test(real: ArrayLike, generated: ArrayLike, *, seed: int = 0) -> TwoSampleTest:
    """A logistic regression, trained on one half of both, labels the other half.

    It sees differences of means (in the given space) and little else, but its p-value is exact.
    Arguments as for `neighbour_test`.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    points, labels = _balanced(real, generated, seed)
    order = np.random.default_rng(seed).permutation(len(points))
    train, test = order[::2], order[1::2]
    if len(np.unique(labels[train])) < 2 or not np.ptp(points[train], axis=0).any():
        raise NotComputable("All examples of the half to learn from are the same")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    model.fit(points[train], labels[train])
    return _test_result(model.predict(points[test]) == labels[test], labels[test])


def _balanced(real: ArrayLike, generated: ArrayLike, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """As many of either: points `(2 n, d)`, and whether each is generated."""
    real, generated = as_feature_pair(real=real, generated=generated, least=LEAST)
    count, generator = min(len(real), len(generated)), np.random.default_rng(seed)
    chosen = [part[generator.permutation(len(part))[:count]] for part in (real, generated)]
    return np.concatenate(chosen), np.repeat([False, True], count)


def _test_result(right: np.ndarray, labels: np.ndarray) -> TwoSampleTest:
    return TwoSampleTest(
        accuracy=float(right.mean()),
        p_value=float(binom.sf(right.sum() - 1, len(right), 0.5)),
        real_accuracy=float(right[~labels].mean()),
        generated_accuracy=float(right[labels].mean()),
        judged=len(right),
    )


def _veto(report: ReportData) -> str | None:
    apart, copies = [], []
    for key, name in SHORT_NAMES.items():
        figure = report["figures"].get(key)
        if figure is None or figure["value"] is None:
            continue
        count = report["details"].get(key, {}).get("judged", figure["generated"])
        reach = ERRORS * cautious_error(figure["value"], count)
        text = f"two-sample test, {name}: {number(figure['value'])}"
        if figure["value"] - reach >= TOLD_APART:
            apart.append(text)
        elif key == "neighbour_test" and figure["value"] + reach <= COPYING:
            copies.append(text)
    if apart:
        return (
            f"Samples are told from real data far better than by chance ({', '.join(apart)}; "
            "chance is 0.5)."
        )
    if copies:
        return (
            "Samples are nearer to real examples than those are to each other "
            f"({', '.join(copies)}; chance is 0.5): copies."
        )
    return None


def _metric(
    key: str, test: Callable[..., TwoSampleTest], **options: Callable[..., object]
) -> Metric:
    name = SHORT_NAMES[key]

    def compute(given: Comparison) -> Computed:
        sides = given.features(options["space"](given.data))
        details = dataclasses.asdict(test(*sides, seed=given.data.seed))
        accuracy = details.pop("accuracy")
        details["standard_error"] = error_of_share(accuracy, details["judged"])
        return {key: accuracy}, details

    def note(report: ReportData) -> list[str]:
        found = report["details"].get(key)
        if not found:
            return []
        return [
            f"Two-sample test, {name}: {found['real_accuracy']:.1%} of the real and "
            f"{found['generated_accuracy']:.1%} of the generated examples are told, p = "
            f"{found['p_value']:.2g} on {found['judged']:,} examples."
        ]

    return Metric(
        figures={key: Figure("half", f"two-sample test, {name}", share=True)},
        compute=compute,
        most=MOST_TESTED,
        when="end",
        note=note,
        **options,
    )


NEIGHBOUR_TEST = _metric("neighbour_test", neighbour_test, space=NEIGHBOURS)
LOGISTIC_TEST = _metric("logistic_test", logistic_test, space=DISTANCES, veto=_veto)  # on both
