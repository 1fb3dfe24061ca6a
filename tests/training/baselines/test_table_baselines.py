"""Every registered baseline on a small table with every kind of column, with holes."""

import numpy as np
import pytest
from table_case import messy

from ganapp.training.baselines import BASELINES, RealData
from ganapp.training.baselines.base import Units
from ganapp.training.data.tables.sources import table_source

LEARNING = {"autoencoder_mixture", "vae"}
OF_EXAMPLES = [name for name, member in BASELINES.items() if not member.needs_density]


def quick(name):
    return BASELINES[name](**({"steps": 300, "units": (32,)} if name in LEARNING else {}))


def data_of(source):
    return RealData(spec=source.spec, train=source.training_examples()[0])


@pytest.fixture(scope="module")
def people():
    return table_source(messy(), name="people", label="", components=3)


@pytest.fixture(scope="module", params=OF_EXAMPLES)
def fitted(request, people):
    return quick(request.param).fit(data_of(people), seed=1)


def test_rows_are_such_as_the_table_may_hold(fitted, people):
    rows, table = fitted.sample(200, 2), people.spec.table
    assert (rows.shape, rows.dtype) == ((200, 5), np.float32)
    np.testing.assert_array_equal(fitted.sample(200, 2), rows)
    known = people.training_examples()[0]
    for place, column in enumerate(table.varying):
        values = rows[:, place]
        present = values[~np.isnan(values)]
        assert column.missing or len(present) == len(values), column.name
        assert len(np.unique(present)) > 1, f"{column.name}: nothing learnt"
        if column.kind == "categorical":
            assert set(present) <= set(range(len(column.categories))), column.name
        else:
            least, most = np.float32([column.minimum, column.maximum])
            assert least <= present.min() <= present.max() <= most, column.name
    frame, real = table.to_frame(rows), messy()
    assert list(frame.columns) == list(real.columns)
    assert (frame["country"] == "IT").all()
    assert frame["city"].dropna().isin(["Oslo", "Rome", "Łódź"]).all()
    # A tenth of the ages are missing: some of the samples', but by no means all.
    assert np.isnan(known[:, 0]).any()
    assert np.isnan(rows[:, 0]).mean() < 0.5


def test_one_hot_columns_have_no_density(fitted, people):
    facts = fitted.facts(people.held_out_examples()[0])
    assert all(np.isfinite(value) for value in facts.values())
    assert not {"held_out_log_density", "held_out_elbo"} & set(facts)


def test_the_density_of_numbers_alone_is_one_in_user_units():
    frame = messy()[["income", "score"]]
    frame["income"] += np.abs(frame["score"])  # rounded no more
    source = table_source(frame, name="numbers", components=1)
    assert source.spec.table.varying[0].decimals == 8  # all that float64 has of such numbers
    fitted = BASELINES["gaussian"]().fit(data_of(source))
    rows, held_out = source.training_examples()[0], source.held_out_examples()[0]
    mean, covariance = rows.mean(axis=0), np.cov(rows.T.astype(np.float64))
    centred = held_out - mean
    squares = np.einsum("ni,ij,nj->n", centred, np.linalg.inv(covariance), centred)
    expected = -0.5 * (squares + np.log(np.linalg.det(2 * np.pi * covariance)))
    found = fitted.facts(held_out)["held_out_log_density"]
    assert found == pytest.approx(expected.mean(), abs=1e-3)


@pytest.mark.parametrize(("name", "decimals"), [("kernel_density", 0), ("gaussian", 2), ("vae", 0)])
def test_rounded_columns_have_no_density(name, decimals):
    """Half of the rows are the same: the narrower the kernels, the higher their density."""
    frame = messy()[["income", "score"]]
    frame["income"] = np.round(frame["income"], decimals)
    source = table_source(frame, name="numbers", components=1)
    facts = quick(name).fit(data_of(source)).facts(source.held_out_examples()[0])
    assert not {"held_out_log_density", "held_out_elbo"} & set(facts)


def test_features_of_rows_are_not_what_a_generator_makes_of_them(people):
    units = Units(people.spec)
    rows = people.training_examples(7)[0]
    examples = units.to_examples(rows)
    # age, score and income; 3 cities, 2 answers; age, city and member may be missing.
    assert examples.shape == (7, 3 + 3 + 2 + 3) != (7, *people.spec.shape)
    np.testing.assert_array_equal(units.to_samples(examples.astype(np.float64)), rows)


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in OF_EXAMPLES])
def test_what_needs_a_density_refuses_in_one_sentence(name, people):
    with pytest.raises(ValueError, match="must have data whose density is known") as refused:
        BASELINES[name]().fit(data_of(people))
    sentence, received = str(refused.value).split(" Received: ")
    assert sentence.count(". ") == 0
    assert received == "'people'"
