"""From a pandas table to the codec of its columns."""

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from training.data.tables.checking import (
    Asked,
    LeftOut,
    check_column,
    is_number,
    not_to_embed,
    ordered,
)
from training.data.tables.codec import TableCodec
from training.data.tables.columns import Categorical, Column, Constant, Numeric, Value
from training.data.tables.embedding import points_of

if TYPE_CHECKING:
    import pandas

LEAST_WEIGHT = 0.005  # of a mode, as in the paper's code
CONCENTRATION = 1e-3  # of the Dirichlet process over modes, likewise
REACH = 4.0  # standard deviations, likewise
COMMON = 0.1  # share of the rows with one and the same value that makes it a mode
POINT = 1e-6  # its width, in standard deviations of the column, where likelihoods ask for one
MARGIN = 0.99  # where the furthest training value lies: tanh gets to 1 nowhere
MOST_FITTED = 2000  # values that a mixture is fitted to; more cost time and change little
MOST_DECIMALS = 9


def fit_table(
    frame: "pandas.DataFrame",
    training: np.ndarray,
    *,
    label: str = "",
    categorical: Sequence[str] = (),
    embedded: Sequence[str] = (),
    components: int = 10,
) -> TableCodec:
    """What the columns of a table are.

    Types, categories and ranges are those of the whole table, as its owner knows them; the modes of
    numeric columns and the points of embedded categories are those of the training rows alone.

    Args:
        frame: at least two columns that vary.
        training: int, the rows that are trained on.
        label: name of the column that holds the class, or empty.
        categorical: names of columns that hold categories whatever they look like.
        embedded: names of columns of categories that become points; not the label.
        components: most modes of a numeric column.

    Raises:
        ValueError: what cannot be learnt, in one sentence.
    """
    columns = tuple(
        _column(frame[name], training, _asked(name, label, categorical, embedded), components)
        for name in frame.columns
    )
    varying = [column for column in columns if not isinstance(column, Constant)]
    if not varying:
        raise ValueError("The table must have a column that varies. Received: constants alone")
    partly = bool(label) and bool(frame[label].isna().any())
    # A label that is not known is no category: nobody is to ask for it.
    columns = tuple(
        dataclasses.replace(c, missing=False) if partly and c.name == label else c for c in columns
    )
    table = TableCodec(columns=columns, label=label, partly_labelled=partly)
    return _embedded(table, table.from_frame(frame.iloc[training]), embedded) if embedded else table


def _asked(name: str, label: str, categorical: Sequence[str], embedded: Sequence[str]) -> Asked:
    is_label = bool(label) and name == label
    forced = is_label or name in categorical
    return Asked(forced=forced, embedded=name in embedded, label=is_label)


def _embedded(table: TableCodec, rows: np.ndarray, names: Sequence[str]) -> TableCodec:
    """The table with points for the categories of some columns."""
    points = {name: points_of(table.names.index(name), table.varying, rows) for name in set(names)}
    columns = (
        dataclasses.replace(c, points=points[c.name]) if c.name in points else c
        for c in table.columns
    )
    return dataclasses.replace(table, columns=tuple(columns))


def _column(series: "pandas.Series", training: np.ndarray, asked: Asked, components: int) -> Column:
    name, dtype = str(series.name), str(series.dtype)
    values = _distinct(series)
    missing = bool(series.isna().any())
    if len(values) == 1 and not missing:
        if asked.embedded:
            raise not_to_embed(name, f"always {values[0]!r}")
        return Constant(name=name, dtype=dtype, value=values[0])
    # Two values are a category whatever they are, and one that may be missing likewise.
    as_categories = asked.forced or not is_number(series) or len(values) <= 2
    if asked.embedded and not as_categories:
        raise not_to_embed(name, f"numbers, which `categorical = [{name!r}]` takes for names")
    check_column(series, values, as_categories=as_categories, asked=asked)
    if as_categories:
        found = tuple(ordered(values))
        return Categorical(name=name, dtype=dtype, categories=found, missing=missing)
    numbers = series.to_numpy("float64", na_value=np.nan)
    fitted = numbers[training][~np.isnan(numbers[training])]
    present = numbers[~np.isnan(numbers)]
    return Numeric(
        name=name,
        dtype=dtype,
        minimum=float(present.min()),
        maximum=float(present.max()),
        decimals=_decimals(present),
        missing=missing,
        **_modes(fitted if len(fitted) else present, components),
    )


def _distinct(series: "pandas.Series") -> list[Value]:
    try:
        return series.dropna().unique().tolist()
    except TypeError as error:
        raise ValueError(
            f"The column {series.name!r} must hold numbers, text or booleans. Received: "
            f"{type(series.dropna().iloc[0]).__name__}, {LeftOut(series.name)}"
        ) from error


def _decimals(values: np.ndarray) -> int | None:
    """Digits after the point that suffice for all values; `None` if more than nine."""
    for digits in range(MOST_DECIMALS + 1):
        if np.allclose(np.round(values, digits), values, rtol=1e-12, atol=0.0):
            return digits
    return None


def _modes(values: np.ndarray, components: int) -> dict[str, tuple[float, ...]]:
    """What numbers come from: values that many rows share, and Gaussians, each of some number.

    Few of many components keep a weight: a Dirichlet process chooses how many are needed.
    """
    unit = float(values.std()) or 1.0
    points = _points(values, components)
    rest = values[~np.isin(values, points)]
    found = [(float(np.mean(values == point)), float(point), POINT * unit, 0.0) for point in points]
    if len(rest):
        found += _gaussians(rest, components - len(points), share=len(rest) / len(values))
    names = ("weights", "means", "scales", "reaches")
    return dict(zip(names, zip(*found, strict=True), strict=True))


def _points(values: np.ndarray, components: int) -> np.ndarray:
    """Values that at least a tenth of the rows share, the commonest first; a mode is left over.

    The zeros of an amount that most people never spend are no narrow Gaussian: as a mode without
    width they come back exactly (the mixed columns of Zhao et al., 2021, arXiv:2102.08369).
    """
    different, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= COMMON * len(values)]
    return different[order[: components - 1]]


def _gaussians(
    values: np.ndarray, components: int, *, share: float
) -> list[tuple[float, float, float, float]]:
    """Weight, mean, standard deviation and reach of each mode that some value belongs to."""
    centre, unit = float(values.mean()), float(values.std()) or 1.0
    means, scales, weights = _mixture((values - centre) / unit, components)
    means, scales = centre + unit * means, unit * scales
    offsets = np.abs(values[:, None] - means)
    modes = (np.log(weights) - np.log(scales) - 0.5 * (offsets / scales) ** 2).argmax(axis=1)
    found = []
    for mode in np.unique(modes):
        furthest = float(offsets[modes == mode, mode].max())
        # A value beyond four deviations, which the paper cuts off, must survive the way back.
        reach = max(REACH * float(scales[mode]), furthest / MARGIN)
        found.append((share * float(weights[mode]), float(means[mode]), float(scales[mode]), reach))
    return found


def _mixture(values: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, standard deviations and weights of the modes of standardised numbers `(n,)`."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    components = min(components, len(np.unique(values)))
    if components == 1:
        return np.zeros(1), np.ones(1), np.ones(1)
    if len(values) > MOST_FITTED:
        values = np.random.default_rng(0).choice(values, MOST_FITTED, replace=False)
    mixture = BayesianGaussianMixture(
        n_components=components,
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=CONCENTRATION,
        random_state=0,
    )
    # On so few numbers threads that wait for each other cost more than they save.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an unfinished fit normalises, too
        mixture.fit(values[:, None])
    kept = mixture.weights_ > LEAST_WEIGHT
    scales = np.sqrt(mixture.covariances_[kept, 0, 0])
    return mixture.means_[kept, 0], scales, mixture.weights_[kept]
