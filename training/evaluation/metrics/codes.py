"""What is read of the codes: the classes that a code has found, the information that it carries.

Reference: Chen et al., 2016, arXiv:1606.03657.
"""

import math

import keras
import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from ganapp.training.evaluation.checks import NotComputable, error_of_share
from ganapp.training.evaluation.metric import (
    Codes,
    Comparison,
    Computed,
    EvaluationData,
    Figure,
    Metric,
    ReportData,
    no_count,
    number,
)
from ganapp.training.priors.base import Prior
from ganapp.training.priors.codes import Reading, reading_of

STARTS = 10  # of k-means, the best of which counts
MOST_READ = 10_000  # fresh samples that the information is measured on
LEARNT_FROM = 10_000  # further ones that the second reader learns from
WIDTH, BATCH, RATE = 256, 128, 1e-3  # of the second reader
MOST_PASSES, PATIENCE, CHECKED = (
    30,
    3,
    0.1,
)  # it stops when a tenth that it does not learn from says


def matched_accuracy(clusters: np.ndarray, labels: np.ndarray) -> float:
    """Share of examples whose cluster is the one of their class, under the best of all matchings.

    Each cluster stands for one class at most, and each class for one cluster (Kuhn's Hungarian
    method); so of more clusters than classes some count as wrong.

    Args:
        clusters: int `(n,)` from 0.
        labels: int `(n,)` from 0.
    """
    counts = np.zeros((clusters.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (clusters, labels), 1)
    return float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))


def chosen_category(code: np.ndarray, categories: tuple[int, ...]) -> np.ndarray:
    """The number of the combination of categories that a code is nearest to: int `(n,)`.

    Args:
        code: `(n, size)`: a block of entries for each choice, then what is no category.
        categories: of each choice.
    """
    blocks = np.split(code, np.cumsum(categories), axis=1)
    places = [block.argmax(axis=1) for block in blocks[: len(categories)]]
    return np.ravel_multi_index(places, categories)


def cluster_accuracy(
    train: np.ndarray, rows: np.ndarray, labels: np.ndarray, *, clusters: int, seed: int = 0
) -> float:
    """Matched accuracy of k-means with the best of 10 starts, on rows it was not fitted to.

    Args:
        train: `(n, d)`, what it is fitted to, without labels.
        rows: `(m, d)` with labels int `(m,)`.
        clusters: how many.
        seed: of the starts.
    """
    if len(train) < clusters:
        raise NotComputable(f"{clusters} clusters need as many examples; there are {len(train)}")
    found = KMeans(clusters, n_init=STARTS, random_state=seed).fit(train)
    return matched_accuracy(found.predict(rows), labels)


def fresh_reader(
    reading: Reading, rows: np.ndarray, code: np.ndarray, *, seed: int = 0
) -> keras.Model:
    """A network that learns to read a code of samples: two hidden layers of 256.

    The same arguments give the same network; Keras's global seeds and the global random state stay
    as they are. It learns from nine tenths and keeps the weights that were best on the others.

    Args:
        rows: samples in model units `(n, d)`.
        code: `(n, size)`, what they were made of.
        seed: of everything drawn.
    """
    generator, seeds = np.random.default_rng(seed), iter(range(1000 * seed, 1000 * seed + 3))

    def dense(units: int, activation: str | None) -> keras.layers.Layer:
        start = keras.initializers.HeNormal(seed=next(seeds))
        return keras.layers.Dense(units, activation, kernel_initializer=start)

    hidden = dense(WIDTH, "relu"), dense(WIDTH, "relu")
    model = keras.Sequential([keras.Input(rows.shape[1:]), *hidden, dense(reading.outputs, None)])
    model.compile(
        keras.optimizers.Adam(RATE),
        lambda code, said: -reading.log_likelihood(said, code),
        auto_scale_loss=False,
        jit_compile=False,
    )
    order = generator.permutation(len(rows))
    checked, learnt = np.split(order, [max(1, round(CHECKED * len(order)))])
    best, kept, worse = math.inf, model.get_weights(), 0
    for _ in range(MOST_PASSES):
        some = generator.permutation(learnt)
        model.fit(rows[some], code[some], batch_size=BATCH, shuffle=False, verbose=0)
        loss = -float(np.mean(reading.log_likelihood(model(rows[checked]), code[checked])))
        if loss < best:
            best, kept, worse = loss, model.get_weights(), 0
        elif (worse := worse + 1) == PATIENCE:
            break
    model.set_weights(kept)
    return model


def fresh_bounds(
    priors: dict[str, Prior],
    learnt: tuple[np.ndarray, dict[str, np.ndarray]],
    tested: tuple[np.ndarray, dict[str, np.ndarray]],
    *,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """log Q(c | x) + H(c) of a reader trained afresh, nats: `(m,)` by the name of each code.

    Args:
        priors: of each code.
        learnt: samples in model units `(n, ...)` and their codes, which the reader learns from.
        tested: others `(m, ...)`, of which the bounds are.
        seed: of the reader.
    """
    (rows, codes), (others, true) = learnt, tested
    rows, others = (np.float32(x).reshape(len(x), -1) for x in (rows, others))
    found = {}
    for name, prior in priors.items():
        reading = reading_of(prior)
        reader = fresh_reader(reading, rows, np.float32(codes[name]), seed=seed)
        likelihood = reading.log_likelihood(reader(others), np.float32(true[name]))
        found[name] = np.asarray(likelihood, np.float64) + reading.entropy
    return found


def _codes(given: Comparison) -> Codes:
    if given.samples.codes is None:
        raise NotComputable("Samples without a network that reads their codes have none")
    return given.samples.codes


def _compute_accuracy(given: Comparison) -> Computed:
    codes, data = _codes(given), given.data
    choices = {n: p.categories for n, p in codes.priors.items() if getattr(p, "categories", ())}
    if not choices:
        raise NotComputable("No code is a choice among categories")
    known = data.held_out.labels >= 0
    labels, said = data.held_out.labels[known], codes.guess(data.held_out.samples[known])
    train, rows = (side.features(data.plain_space) for side in (data.train, data.held_out))
    each = {}
    for name, categories in choices.items():
        values = {
            "accuracy": matched_accuracy(chosen_category(said[name], categories), labels),
            "k_means": cluster_accuracy(
                train, rows[known], labels, clusters=math.prod(categories), seed=data.seed
            ),
        }
        errors = {f"{k}_error": error_of_share(v, len(labels)) for k, v in values.items()}
        each[name] = {"clusters": math.prod(categories), **values, **errors}
    best = max(found["accuracy"] for found in each.values())
    return {"code_accuracy": best}, {"tested": len(labels), "fitted": len(train), "codes": each}


def _accuracy_note(report: ReportData) -> list[str]:
    found = report["details"].get("code_accuracy")
    if found is None:
        return []
    return [
        f"Code `{name}`: read from {found['tested']:,} held-out examples, its {each['clusters']} "
        f"categories are the classes in {each['accuracy']:.1%} (standard error "
        f"{each['accuracy_error']:.1%}), after the best matching; k-means on the plain values of "
        f"{found['fitted']:,} training examples, with as many clusters and the best of {STARTS} "
        f"starts: {each['k_means']:.1%} ({each['k_means_error']:.1%}). No label was seen by either."
        for name, each in found["codes"].items()
    ]


def _compute_information(given: Comparison) -> Computed:
    codes, data, count = _codes(given), given.data, len(given.samples)
    drawn, samples = codes.draw(LEARNT_FROM + count, data.seed)
    if not np.isfinite(samples).all():
        raise NotComputable("The samples are not finite")
    first, rest = slice(None, LEARNT_FROM), slice(LEARNT_FROM, None)
    learnt, tested = (
        (samples[part], {name: code[part] for name, code in drawn.items()})
        for part in (first, rest)
    )
    bounds = {
        "own": codes.bounds(*tested),
        "fresh": fresh_bounds(
            codes.priors,
            (codes.model_units(learnt[0]), learnt[1]),
            (codes.model_units(tested[0]), tested[1]),
            seed=data.seed,
        ),
    }
    each = {
        name: {
            "entropy": reading_of(prior).entropy,
            "discrete": not prior.continuous_mask.any(),
            **{reader: float(np.mean(found[name])) for reader, found in bounds.items()},
            **{
                f"{reader}_error": float(np.std(found[name], ddof=1) / math.sqrt(count))
                for reader, found in bounds.items()
            },
        }
        for name, prior in codes.priors.items()
    }
    values = {
        figure: sum(each[name][reader] for name in each)
        for figure, reader in (("code_information", "own"), ("fresh_code_information", "fresh"))
    }
    return values, {"tested": count, "learnt_from": LEARNT_FROM, "codes": each}


def _information_note(report: ReportData) -> list[str]:
    found = report["details"].get("code_information")
    if found is None:
        return []
    return [
        f"Code `{name}`: at least {number(each['own'])} nats of information with the sample "
        + (f"of its {each['entropy']:.3f} " if each["discrete"] else "")
        + f"(standard error {number(each['own_error'])}) by the run's own reader, "
        f"{number(each['fresh'])} ({number(each['fresh_error'])}) by one that learnt afresh from "
        f"{found['learnt_from']:,} samples; both on {found['tested']:,} others."
        for name, each in found["codes"].items()
    ]


def _has_known_classes(data: EvaluationData) -> bool:
    return data.held_out is not None and data.held_out.labelled > 0


CODE_ACCURACY = Metric(
    figures={"code_accuracy": Figure("higher", "classes by the code")},
    compute=_compute_accuracy,
    applies=_has_known_classes,
    real=lambda data, reference: data.held_out.labelled,
    when="end",
    needs="codes",
    note=_accuracy_note,
)
CODE_INFORMATION = Metric(
    figures={
        "code_information": Figure("higher", "information of the codes"),
        "fresh_code_information": Figure("higher", "the same, by another reader"),
    },
    compute=_compute_information,
    real=no_count,
    most=MOST_READ,
    when="end",
    needs="codes",
    note=_information_note,
)
