"""The benchmark of tables: what a row says, and what is learnt from which rows."""

import numpy as np
import pytest

from benchmarks import tables
from benchmarks.tables import Row, Split, together
from ganapp.training.evaluation.metrics import tstr as evaluation


def test_cells_and_all_splits_together():
    real = Row("real rows", [1.0, 0.9])
    close, far = Row("a", [0.9, 0.92], [0.95], 0.0, 1.1), Row("a", [0.9, 0.7], [0.85], 0.5, 0.9)
    assert real.cells(real) == ["real rows", "95.0", "90.0", "-", "-", "-", "-"]
    assert close.cells(real) == ["a", "91.0", "90.0", "4.0", "95.0", "0", "1.1"]
    assert far.cells(real)[3] == "15.0 (more than 5)"
    assert together([close, far]) == Row("a", [0.9, 0.92, 0.9, 0.7], [0.95, 0.85], 0.25, 1.0)
    assert together([real, real]).many is None


def test_forests_learn_from_the_rows_they_are_given(monkeypatch):
    monkeypatch.setattr(tables, "DRAWS", 2)
    monkeypatch.setattr(tables, "MANY", 300)
    monkeypatch.setattr(evaluation, "TREES", 20)
    split = Split("wine", 0)
    assert min(split.real().as_many) > 0.9
    redrawn = split.redrawn()
    assert len(redrawn.as_many) == 2
    assert min(redrawn.as_many) > 0.8

    def wrong(count, seed):
        rows = np.random.default_rng(seed).choice(split.train, count)
        place = split.source.spec.table.label_place
        rows[:, place] = (rows[:, place] + 1) % 3
        return rows

    row = split.judged("wrong labels", wrong)
    assert max(row.as_many + row.many) < 0.2
    assert row.copied == pytest.approx(0)
    columns = split.train.shape[1]
    by_heart = split.judged(
        "by heart", lambda count, seed: np.resize(split.train, (count, columns))
    )
    assert by_heart.copied == 1
