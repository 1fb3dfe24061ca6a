"""Pages of marginals: what is drawn, and columns that are hard to draw."""

import numpy as np
from matplotlib.colors import to_rgb

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import Categorical, Numeric
from ganapp.training.evaluation import table_pictures
from ganapp.training.evaluation.pictures import SAMPLE_COLOUR
from ganapp.training.evaluation.table_pictures import association_page, column_strips, marginal_page


def numeric(name: str, **changes) -> Numeric:
    modes = {"weights": (1.0,), "means": (0.0,), "scales": (1.0,), "reaches": (4.0,)}
    fields = {"minimum": -3.0, "maximum": 3.0, "decimals": None, "missing": False} | changes
    return Numeric(name=name, dtype="float64", **modes, **fields)


def blue(picture) -> int:
    pixels = np.asarray(picture) / 255
    return int((np.abs(pixels - to_rgb(SAMPLE_COLOUR)).max(axis=2) < 0.02).sum())


def test_every_kind_of_column():
    names = tuple(f"category {i}" for i in range(12))
    columns = (
        numeric("a name that is far too long for one panel"),
        numeric("whole", minimum=0, maximum=5, decimals=0),
        numeric("holes", missing=True),
        Categorical(name="few", dtype="string", categories=("a", "b"), missing=True),
        Categorical(name="many", dtype="string", categories=names, missing=False),
        numeric("next row"),
    )
    draw = np.random.default_rng(0)
    parts = [draw.normal(size=90), draw.integers(0, 6, 90), np.full(90, np.nan)]
    parts += [draw.choice([0, 1, np.nan], 90), draw.integers(0, 12, 90), draw.normal(size=90)]
    rows = np.stack(parts, axis=1).astype(np.float32)
    table = TableCodec(columns=columns)
    picture = marginal_page(rows, table=table, real=rows)
    assert picture.mode == "RGB"
    assert picture.size == (1050, 360)
    np.testing.assert_array_equal(picture, marginal_page(rows, table=table, real=rows))
    absent = np.full_like(rows, np.nan)
    absent[:, 3:5] = 0
    assert blue(picture) > blue(marginal_page(absent, table=table, real=rows)) > 0

    strips = column_strips(rows, table=table, real=rows)
    assert (strips.mode, strips.size) == ("RGB", (624, 28 + 6 * 34 + 8))
    assert blue(strips) > blue(column_strips(absent, table=table, real=rows)) > 0


def test_a_strip_is_as_high_as_the_larger_share_and_knows_no_unknown_labels():
    kind = Categorical(name="kind", dtype="string", categories=("a", "b"), missing=False)
    table = TableCodec(columns=(kind,))
    sides = [np.array(side, np.float32)[:, None] for side in ([0, 1, 1, 1], [0, 0, 0, np.nan])]
    real, samples = sides
    strips = np.asarray(column_strips(samples, table=table, real=real)).astype(int)
    grey = (np.abs(strips - (0xCF, 0xD2, 0xD6)) < 2).all(axis=2)
    # Of the real rows a quarter and three quarters, of the generated ones two thirds and a third.
    left, right = (grey[:, x].sum() for x in (200, 400))
    assert 0.2 < left / right < 0.4
    known = column_strips(samples[:3], table=table, real=real)
    np.testing.assert_array_equal(strips, known)


def test_of_very_many_columns_the_first_are_drawn(monkeypatch):
    assert table_pictures.MOST_PANELS == 60
    monkeypatch.setattr(table_pictures, "MOST_PANELS", 7)
    table = TableCodec(columns=tuple(numeric(f"x{i}") for i in range(9)))
    rows = np.random.default_rng(0).normal(size=(20, 9)).astype(np.float32)
    page = marginal_page(rows, table=table, real=rows)
    assert page.size == (1050, 2 * 160 + 40)
    changed = rows.copy()
    changed[:, 7:] = 0
    np.testing.assert_array_equal(page, marginal_page(changed, table=table, real=rows))


def test_a_heavy_tail_and_few_rows_are_still_read():
    draw = np.random.default_rng(0)
    values = np.exp(draw.normal(3, 1.5, (2000, 1))).astype(np.float32)
    column = numeric("amount", minimum=float(values.min()), maximum=float(values.max()))
    table = TableCodec(columns=(column,))
    page = np.asarray(marginal_page(values, table=table, real=values), int)
    grey = (np.abs(page - (195, 198, 201)).max(axis=2) < 12).sum(axis=0)
    assert np.count_nonzero(grey) > 60  # pixels across: the bulk is not one bar
    few = marginal_page(values[:40], table=table, real=values)
    assert blue(few) > 0


def test_the_heat_map_shows_what_no_longer_goes_together():
    table = TableCodec(columns=(numeric("a"), numeric("b"), numeric("c")))
    draw = np.random.default_rng(0)
    real = draw.normal(size=(300, 3)).astype(np.float32)
    real[:, 1] = real[:, 0]
    apart = draw.normal(size=(300, 3)).astype(np.float32)

    def blueness(samples):
        page = np.asarray(association_page(samples, table=table, real=real), int)
        third = page[:, 2 * page.shape[1] // 3 - 60 :]
        return int(np.count_nonzero(third[..., 2] - third[..., 0] > 60))

    assert blueness(apart) > blueness(real)
