"""Lost tails: what averages hide is found, and nothing is found where nothing was lost."""

import numpy as np
import pytest
from evaluation_cases import make_evaluator, vector_spec

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Categorical, Numeric
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metrics.lost_tails import (
    find_lost_tails,
    least_share,
    lost_tails_note,
)

SHARES = [0.6, 0.393, 0.007]


def numeric(name, missing=False):
    modes = dict.fromkeys(("weights", "means", "scales", "reaches"), (1.0,))
    return Numeric(
        name=name,
        dtype="float64",
        minimum=-1e9,
        maximum=1e9,
        decimals=0,
        missing=missing,
        **modes,
    )


TABLE = TableCodec(
    columns=(
        numeric("amount"),
        numeric("age", missing=True),
        Categorical(name="kind", dtype="str", categories=("card", "cash", "wire"), missing=False),
    )
)


def rows(count, seed):
    random = np.random.default_rng(seed)
    amount = np.round(np.exp(random.normal(3, 1.2, count)))
    age = np.where(random.random(count) < 0.1, np.nan, random.integers(18, 80, count))
    return np.stack([amount, age, random.choice(3, count, p=SHARES)], axis=1).astype(np.float32)


def kinds(samples):
    found = find_lost_tails(samples, rows(3000, 0), table=TABLE)
    return {(each.column, each.kind): each.sentence for each in found}


def test_the_same_distribution_has_lost_nothing():
    draws = [find_lost_tails(rows(800, s), rows(2000, s + 99), table=TABLE) for s in range(40)]
    assert sum(map(bool, draws)) <= 3


def test_a_cut_tail_a_narrow_spread_and_too_wide_a_one():
    cut = rows(2000, 1)
    cut[:, 0] = np.minimum(cut[:, 0], 100)
    sentence = kinds(cut)["amount", "upper tail"]
    assert sentence.startswith("column 'amount', upper tail: maximum 100 where the data have ")
    narrow = rows(2000, 1)
    narrow[:, 0] = np.round(20 + 0.6 * (narrow[:, 0] - 20))
    assert "standard deviation" in kinds(narrow)["amount", "spread"]
    wide = rows(2000, 1)
    wide[:, 1] = 50 + 3 * (wide[:, 1] - 50)
    assert {("age", "upper tail"), ("age", "lower tail"), ("age", "spread")} <= set(kinds(wide))


def test_a_rare_category_and_missing_cells_that_never_come_back():
    samples = rows(3000, 1)
    samples[samples[:, 2] == 2, 2] = 0
    samples[np.isnan(samples[:, 1]), 1] = 30
    found = kinds(samples)
    assert found["kind", "categories"].startswith(
        "column 'kind', categories: 'wire': 0 of 3,000 samples where the data have 0."
    )
    assert found["age", "missing"].startswith("column 'age', missing: 0 % of the samples where ")
    assert set(found) == {("kind", "categories"), ("age", "missing")}


def test_few_samples_prove_no_loss_of_what_is_rare():
    samples = rows(60, 1)
    samples[samples[:, 2] == 2, 2] = 0
    assert not kinds(samples)
    assert 0.05 < least_share(60, 3000, 3) < 0.3
    assert least_share(3000, 3000, 3) < 0.004
    with pytest.raises(NotComputable, match="at least 20 rows"):
        kinds(rows(19, 1))


def test_a_report_says_which_columns_of_vectors_and_what_the_floor_is():
    train, held_out = (
        np.random.default_rng(seed).standard_t(2, (600, 2)).astype(np.float32) for seed in (0, 1)
    )
    evaluator = make_evaluator(vector_spec(examples=600), train=train, held_out=held_out)
    samples = np.random.default_rng(2).standard_t(2, (600, 2)).astype(np.float32)
    samples[:, 1] = np.clip(samples[:, 1], -2, 2)
    report = evaluator.report(samples).as_dict()
    figure = report["figures"]["lost_tails"]
    assert (figure["value"], figure["floor"], figure["main"]) == (1, 0, False)
    said = lost_tails_note(report)
    assert said[0].startswith("Wrong tail, column 'x1', ")
    assert "held-out rows: in 0 columns" in said[0]
    assert "may be absent from so many by chance" in said[-1]
