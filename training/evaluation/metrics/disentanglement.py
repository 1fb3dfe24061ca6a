"""What each code says of each known factor: the mutual information gap, and DCI.

References: Chen et al., 2018, arXiv:1802.04942 (MIG); Eastwood and Williams, 2018, "A framework for
the quantitative evaluation of disentangled representations" (DCI).
"""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import mutual_info_score

from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import (
    Codes,
    Comparison,
    Computed,
    Figure,
    Metric,
    ReportData,
)

BINS = 20  # of a number, from its least to its largest value, as is usual
TREES, LEAF = 50, 5
TESTED = 0.5  # of the examples: what the informativeness is told by
KEYS = ("mutual_information_gap", "disentanglement", "completeness", "informativeness")


def information_matrix(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Information between each code and each factor, nats, `(codes, factors)`.

    Args:
        codes: `(n, k)`; each is put into 20 bins of equal width.
        factors: int `(n, f)`.
    """
    binned = [np.digitize(x, np.linspace(x.min(), x.max(), BINS + 1)[1:-1]) for x in codes.T]
    return np.array([[mutual_info_score(code, factor) for factor in factors.T] for code in binned])


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray) -> float:
    """How much more the best code says of a factor than the second best, from 0 to 1.

    The gap as a share of the factor's entropy, on average over factors (Chen et al., 2018).
    Arguments as of `information_matrix`; with one code the second best says nothing.
    """
    information = np.sort(information_matrix(codes, factors), axis=0)
    second = information[-2] if len(information) > 1 else 0.0
    entropies = np.array([mutual_info_score(factor, factor) for factor in factors.T])
    if not entropies.all():
        raise NotComputable("A factor is the same in all examples")
    return float(np.mean((information[-1] - second) / entropies))


def concentration(importance: np.ndarray) -> tuple[float, float]:
    """Disentanglement and completeness of an importance matrix `(codes, factors)`, 0 to 1.

    Disentanglement is 1 minus the entropy of a code's importance among factors, in units of the
    largest possible, weighted by the code's share of all importance; completeness likewise of a
    factor's importance among codes.
    """
    total = importance.sum()
    if total == 0:
        return 0.0, 0.0

    def one_minus_entropy(rows: np.ndarray) -> np.ndarray:
        sums = rows.sum(axis=1, keepdims=True)
        shares = np.divide(rows, sums, out=np.zeros_like(rows), where=sums > 0)
        logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
        if rows.shape[1] == 1:
            return np.ones(len(rows))
        return 1 + (shares * logs).sum(axis=1) / np.log(rows.shape[1])

    by_code, by_factor = importance.sum(axis=1) / total, importance.sum(axis=0) / total
    return (
        float(by_code @ one_minus_entropy(importance)),
        float(by_factor @ one_minus_entropy(importance.T)),
    )


def dci(codes: np.ndarray, factors: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """Disentanglement, completeness and informativeness (Eastwood and Williams, 2018), 0 to 1.

    The importance of a code for a factor is that of a random forest that tells the factor from all
    codes, learnt from one half of the examples; informativeness is its accuracy on the other half,
    from 0 (that of always naming the commonest level) to 1, on average over factors.

    Args:
        codes: `(n, k)`.
        factors: int `(n, f)`.
        seed: of the halves and the forests.
    """
    order = np.random.default_rng(seed).permutation(len(codes))
    tested, learnt = np.split(order, [round(TESTED * len(order))])
    importance, accuracies = [], []
    for factor in factors.T:
        # All codes at every split: else some must split by a code that says nothing.
        forest = RandomForestClassifier(
            TREES, max_features=None, min_samples_leaf=LEAF, random_state=seed
        )
        forest.fit(codes[learnt], factor[learnt])
        right = float(np.mean(forest.predict(codes[tested]) == factor[tested]))
        chance = float(np.bincount(factor[tested]).max() / len(tested))
        accuracies.append(max(0.0, (right - chance) / (1 - chance)) if chance < 1 else 0.0)
        importance.append(forest.feature_importances_)
    return *concentration(np.array(importance).T), float(np.mean(accuracies))


def code_columns(codes: Codes, guessed: dict[str, np.ndarray]) -> np.ndarray:
    """Codes as columns `(n, k)`: the number of each choice among categories, and each number."""
    columns = []
    for name, prior in codes.priors.items():
        rest = guessed[name]
        for count in getattr(prior, "categories", ()):
            columns.append(rest[:, :count].argmax(axis=1))
            rest = rest[:, count:]
        columns += list(rest.T)
    return np.stack(columns, axis=1).astype(np.float64)


def _figures(codes: np.ndarray, factors: np.ndarray, seed: int) -> dict[str, float]:
    values = mutual_information_gap(codes, factors), *dci(codes, factors, seed=seed)
    return dict(zip(KEYS, values, strict=True))


def _compute(given: Comparison) -> Computed:
    codes, data = given.samples.codes, given.data
    if codes is None:
        raise NotComputable("Samples without a network that reads their codes have none")
    factors = np.stack(list(data.held_out_factors.values()), axis=1)
    read = code_columns(codes, codes.guess(data.held_out.samples))
    train, rows = (side.features(data.plain_space) for side in (data.train, data.held_out))
    components = min(read.shape[1], train.shape[1], len(train))
    others = {
        "principal components": PCA(components, random_state=data.seed).fit(train).transform(rows),
        "random codes": np.random.default_rng(data.seed).normal(size=read.shape),
    }
    values = _figures(read, factors, data.seed)
    names = list(data.held_out_factors)
    return values, {
        "examples": len(rows),
        "codes": read.shape[1],
        "factors": names,
        "others": {name: _figures(each, factors, data.seed) for name, each in others.items()},
        "information": {
            name: column.tolist()
            for name, column in zip(names, information_matrix(read, factors).T, strict=True)
        },
    }


def _note(report: ReportData) -> list[str]:
    found = report["details"].get(KEYS[0])
    if found is None:
        return []
    others = "; ".join(
        f"{name} {', '.join(f'{each[key]:.2f}' for key in KEYS)}"
        for name, each in found["others"].items()
    )
    return [
        f"Codes and factors ({', '.join(found['factors'])}), as {found['codes']} numbers read from "
        f"{found['examples']:,} held-out examples: mutual information gap, disentanglement, "
        f"completeness and informativeness of as many {others}."
    ]


DISENTANGLEMENT = Metric(
    figures={
        KEYS[0]: Figure("higher"),
        KEYS[1]: Figure("higher", "disentanglement (DCI)"),
        KEYS[2]: Figure("higher", "completeness (DCI)"),
        KEYS[3]: Figure("higher", "informativeness (DCI)"),
    },
    compute=_compute,
    applies=lambda data: bool(data.held_out_factors),
    real=lambda data, reference: len(data.held_out or ()),
    when="end",
    needs="codes",
    note=_note,
)
