"""From a pandas table to the codec of its columns: modes of numbers, points for categories.

References: Xu et al., 2019, arXiv:1907.00503 (mode-specific normalisation); Blei and Jordan, 2006,
Bayesian Analysis 1(1) (variational inference for Dirichlet process mixtures).

The points are a fixed embedding. The idea is that of entity embeddings (Guo and Berkhahn, 2016,
arXiv:1604.06737), which a network learns with a loss on the way from categories to points.
Generated rows go the other way too, in artefacts as well, and what a row stands for must not change
while networks learn it: so the points are made of the training rows beforehand and stay. They are
the profiles of the categories over the other columns, reduced as correspondence analysis reduces
them (Greenacre, 2017, Correspondence Analysis in Practice, 3rd edition).
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.data.tables.columns import NOT_LEARNT, Categorical, LeftOut, Numeric
from ganapp.training.data.tables.kinds import COMMON, ColumnValues

LEAST_WEIGHT = 0.005  # of a mode, as in the paper's code
CONCENTRATION = 1e-3  # of the Dirichlet process over modes, likewise
REACH = 4.0  # standard deviations, likewise
POINT = 1e-6  # its width, in standard deviations of the column, where likelihoods ask for one
MARGIN = 0.99  # where the furthest training value lies: tanh gets to 1 nowhere
MOST_FITTED = 256  # groups of neighbouring values that a mixture is fitted to
AT_ONCE = 2**20  # numbers of all columns that are fitted together
MOST_ROUNDS, ENOUGH = 100, 1e-6  # of the fit, and by how much its bound must grow, per value
LEAST_VARIANCE = 1e-6  # added to that of a mode, of standardised values
SHOWN_FROM = 100  # columns from which on a terminal shows how far the fit is
Modes = dict[str, tuple[float, ...]]
PRIOR_ROWS = 10  # that every category is believed to have besides its own, of the whole table
APART = 0.5  # least distance of two points, while profiles lie in [-1, 1]
START = 0.1  # side of the box in which equal profiles begin to part
MOST_PUSHES = 500  # a thousand equal profiles need about ten
REACHED = 0.999  # share of `APART` that is near enough: the last push only comes close
FLAT = 1e-6  # spread below which profiles are the same but for rounding
EDGE = 0.99  # coordinate of the outermost point: tanh gets to 1 nowhere
DIGITS = 6  # of a coordinate


@dataclasses.dataclass(frozen=True)
class _Rest:
    """A column without the values that many rows share."""

    values: np.ndarray  # float64 `(n,)`
    centre: float  # their mean
    unit: float  # their standard deviation
    components: int  # most modes
    share: float  # of the column's values

    @property
    def standardised(self) -> np.ndarray:
        return (self.values - self.centre) / self.unit


def modes_of(columns: Sequence[np.ndarray], components: int) -> list[Modes]:
    """Fits the modes of each column: values that many rows share, and Gaussians.

    Few of many components keep a weight: a Dirichlet process chooses how many are needed.

    Args:
        columns: float64 `(n,)` each, no value missing.
        components: most modes of a column.

    Returns:
        `weights`, `means`, `scales` and `reaches` of each column's modes.
    """
    found: list[list[tuple[float, float, float, float]]] = []
    rests: list[_Rest | None] = []
    for values in columns:
        unit = float(values.std()) or 1.0
        points = _points(values, components)
        found.append([(float(np.mean(values == p)), float(p), POINT * unit, 0.0) for p in points])
        rest = values[~np.isin(values, points)] if len(points) else values
        rests.append(_rest(rest, components - len(points), len(values)) if len(rest) else None)
    with _progress(len(columns)) as advance:
        fitted = _mixtures([rest for rest in rests if rest is not None], advance)
    mixtures = iter(fitted)
    for modes, rest in zip(found, rests, strict=True):
        if rest is not None:
            modes += _gaussians(rest, *next(mixtures))
    names = ("weights", "means", "scales", "reaches")
    return [dict(zip(names, zip(*modes, strict=True), strict=True)) for modes in found]


def _points(values: np.ndarray, components: int) -> np.ndarray:
    """Values that at least a tenth of the rows share, the commonest first; a mode is left over.

    The zeros of an amount that most people never spend are no narrow Gaussian: as a mode without
    width they come back exactly (the mixed columns of Zhao et al., 2021, arXiv:2102.08369).
    """
    different, counts = np.unique(values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] >= COMMON * len(values)]
    return different[order[: components - 1]]


def _rest(values: np.ndarray, components: int, count: int) -> _Rest:
    components = min(components, len(np.unique(values)))
    unit = float(values.std()) or 1.0
    return _Rest(values, float(values.mean()), unit, components, len(values) / count)


def _gaussians(
    rest: _Rest, means: np.ndarray, scales: np.ndarray, weights: np.ndarray
) -> list[tuple[float, float, float, float]]:
    """Weight, mean, standard deviation and reach of each mode that some value belongs to."""
    means, scales = rest.centre + rest.unit * means, rest.unit * scales
    offsets = np.abs(rest.values[:, None] - means)
    modes = (np.log(weights) - np.log(scales) - 0.5 * (offsets / scales) ** 2).argmax(axis=1)
    found = []
    for mode in np.unique(modes):
        furthest = float(offsets[modes == mode, mode].max())
        # A value beyond four deviations, which the paper cuts off, must survive the way back.
        reach = max(REACH * float(scales[mode]), furthest / MARGIN)
        weight = rest.share * float(weights[mode])
        found.append((weight, float(means[mode]), float(scales[mode]), reach))
    return found


def _mixtures(
    rests: Sequence[_Rest], advance: Callable[[int], None]
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Means, standard deviations and weights of the modes of each, in standardised units."""
    found: list = [(np.zeros(1), np.ones(1), np.ones(1))] * len(rests)
    for components in sorted({rest.components for rest in rests} - {1}):
        places = [place for place, rest in enumerate(rests) if rest.components == components]
        size = max(1, AT_ONCE // (MOST_FITTED * components))
        for start in range(0, len(places), size):
            some = places[start : start + size]
            fitted = fit_mixtures([rests[place].standardised for place in some], components)
            for place, modes in zip(some, fitted, strict=True):
                found[place] = modes
            advance(len(some))
    return found


def fit_mixtures(
    columns: Sequence[np.ndarray], components: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Dirichlet process mixtures of Gaussians, one for each column, by variational inference.

    The updates are those of scikit-learn's `BayesianGaussianMixture` in one dimension, for all
    columns at once. Of long columns neighbouring values are fitted together, by their mean and
    variance.

    Args:
        columns: standardised float64 `(n,)` each.
        components: most modes, at least 2.

    Returns:
        Means, standard deviations and weights of the modes that have a weight, heaviest first as
        the process orders them.
    """
    counts, values, inner = _grouped(columns)
    parts = _nearest_centres(counts, values, components)
    active = np.arange(len(columns))
    fitted: list = [None] * len(columns)
    bound = np.full(len(columns), -np.inf)
    for turn in range(MOST_ROUNDS):
        posterior = _posterior(counts[active], values[active], inner[active], parts)
        parts, log_parts = _responsibilities(values[active], inner[active], posterior)
        now = _bound(counts[active], parts, log_parts, posterior)
        done = np.abs(now - bound[active]) < ENOUGH * counts[active].sum(axis=1)
        bound[active] = now
        if turn == MOST_ROUNDS - 1:
            done[:] = True
        for place in np.flatnonzero(done):
            fitted[active[place]] = _modes(posterior, place)
        active, parts = active[~done], parts[~done]
        if not len(active):
            break
    return fitted


def _grouped(columns: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts, means and variances of groups of neighbouring values, `(columns, groups)` each."""
    groups = min(MOST_FITTED, max(len(values) for values in columns))
    counts, means, inner = np.zeros((3, len(columns), groups))
    for row, values in enumerate(columns):
        values = np.sort(values)
        used = min(groups, len(values))
        edges = np.linspace(0, len(values), used + 1).astype(int)
        sizes = np.diff(edges)
        sums = np.add.reduceat(values, edges[:-1])
        squares = np.add.reduceat(values**2, edges[:-1])
        counts[row, :used], means[row, :used] = sizes, sums / sizes
        inner[row, :used] = np.maximum(squares / sizes - (sums / sizes) ** 2, 0.0)
    return counts, means, inner


def _nearest_centres(counts: np.ndarray, values: np.ndarray, components: int) -> np.ndarray:
    """The nearest centre of k-means to each group, one-hot, to begin with."""
    shares = (counts.cumsum(axis=1) - counts / 2) / counts.sum(axis=1, keepdims=True)
    wanted = (np.arange(components) + 0.5) / components
    places = np.abs(shares[:, :, None] - wanted).argmin(axis=1)
    centres = np.take_along_axis(values, places, axis=1)
    for _ in range(20):
        nearest = np.abs(values[:, :, None] - centres[:, None, :]).argmin(axis=2)
        parts = np.eye(components)[nearest] * counts[:, :, None]
        sizes = parts.sum(axis=1)
        sums = (parts * values[:, :, None]).sum(axis=1)
        new = np.where(sizes > 0, sums / np.maximum(sizes, 1e-9), centres)
        if np.array_equal(new, centres):
            break
        centres = new
    return np.eye(components)[nearest]


@dataclasses.dataclass(frozen=True)
class _Posterior:
    """Of every mode, `(columns, components)` each: a Beta of the stick, the rest Normal-Wishart."""

    ones: np.ndarray
    others: np.ndarray
    strength: np.ndarray
    means: np.ndarray
    freedom: np.ndarray
    variances: np.ndarray


def _posterior(
    counts: np.ndarray, values: np.ndarray, inner: np.ndarray, parts: np.ndarray
) -> _Posterior:
    """The posterior of the modes, given the part of each group that is theirs."""
    # Three sums over the groups at once, as products of matrices: they add in float64.
    sums = np.stack([counts, counts * values, counts * (values**2 + inner)], axis=1) @ parts
    sizes = sums[:, 0] + 10 * np.finfo(float).eps
    centres, squares = sums[:, 1] / sizes, sums[:, 2] / sizes
    spread = np.maximum(squares - centres**2, 0.0) + LEAST_VARIANCE
    total = counts.sum(axis=1)
    mean = ((counts * values).sum(axis=1) / total)[:, None]
    variance = (counts * (values**2 + inner)).sum(axis=1) / total - mean[:, 0] ** 2
    prior = (variance * total / np.maximum(total - 1, 1))[:, None]
    strength = 1.0 + sizes
    freedom = 1.0 + sizes
    scatter = prior + sizes * spread + sizes / strength * (centres - mean) ** 2
    behind = np.cumsum(sizes[:, ::-1], axis=1)[:, ::-1] - sizes
    return _Posterior(
        ones=1.0 + sizes,
        others=CONCENTRATION + behind,
        strength=strength,
        means=(mean + sizes * centres) / strength,
        freedom=freedom,
        variances=scatter / freedom,
    )


def _responsibilities(
    values: np.ndarray, inner: np.ndarray, posterior: _Posterior
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each mode in each group, `(columns, groups, components)`, and its logarithm."""
    from scipy.special import digamma

    p = posterior
    both = digamma(p.ones + p.others)
    passed = digamma(p.others) - both
    log_weights = digamma(p.ones) - both + np.cumsum(passed, axis=1) - passed
    constant = log_weights - 0.5 * (
        np.log(2 * np.pi) + np.log(p.variances) + np.log(p.freedom) + 1 / p.strength
    )
    constant += 0.5 * (np.log(2.0) + digamma(0.5 * p.freedom))
    # In float32, which is twice as fast and exact enough for shares.
    logs = values.astype(np.float32)[:, :, None] - p.means.astype(np.float32)[:, None, :]
    logs *= logs
    logs += inner.astype(np.float32)[:, :, None]
    logs *= (-0.5 / p.variances).astype(np.float32)[:, None, :]
    logs += constant.astype(np.float32)[:, None, :]
    logs -= logs.max(axis=2, keepdims=True)
    parts = np.exp(logs)
    sums = parts.sum(axis=2, keepdims=True)
    parts /= sums
    logs -= np.log(sums)
    return parts, logs


def _bound(
    counts: np.ndarray, parts: np.ndarray, log_parts: np.ndarray, posterior: _Posterior
) -> np.ndarray:
    from scipy.special import betaln, gammaln

    p = posterior
    entropy = -np.einsum("cg,cgk->c", counts, parts * log_parts)
    log_deviations = -0.5 * (np.log(p.variances) + np.log(p.freedom))
    wishart = p.freedom * log_deviations + p.freedom * 0.5 * np.log(2.0) + gammaln(p.freedom / 2)
    rest = wishart + betaln(p.ones, p.others) - 0.5 * np.log(p.strength)
    return entropy + rest.sum(axis=1)


def _modes(posterior: _Posterior, place: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = posterior
    whole = p.ones[place] + p.others[place]
    left = np.cumprod(np.concatenate([[1.0], (p.others[place] / whole)[:-1]]))
    weights = p.ones[place] / whole * left
    weights /= weights.sum()
    kept = weights > LEAST_WEIGHT
    return p.means[place][kept], np.sqrt(p.variances[place][kept]), weights[kept]


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal where there are many columns, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if total < SHOWN_FROM or not console.is_terminal:
        yield lambda count: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Fitting columns", total=total)
        yield lambda count: progress.advance(task, count)


def _points_of(
    place: int, columns: Sequence[Numeric | Categorical], rows: np.ndarray
) -> tuple[tuple[float, ...], ...]:
    """Points for the categories of a column, missing as the last one where values are.

    Where profiles are alike, points push each other away until they are `APART`; then all are
    scaled by one number. That leaves two of them at least a third of a unit apart, whatever the
    rows say.
    """
    count = columns[place].entries
    codes = _codes(columns[place], rows[:, place])
    others = [i for i in range(len(columns)) if i != place]
    profiles = [_profiles(columns[i], rows[:, i], codes, count) for i in others]
    axes = dimensions(count)
    shares = np.bincount(codes, minlength=count) / max(1, len(codes))
    points = apart(_principal(np.concatenate([np.zeros((count, 1)), *profiles], 1), shares, axes))
    points *= EDGE / np.abs(points).max()
    return tuple(tuple(row) for row in np.round(points, DIGITS).tolist())


def dimensions(count: int) -> int:
    """Coordinates of a point: one more than the bits that number so many categories.

    A box of that many sides has a corner for each category, two units apart, and another side to
    arrange them in: there is room to keep them apart however many there are.
    """
    return math.ceil(math.log2(max(2, count))) + 1


def apart(points: np.ndarray) -> np.ndarray:
    """Points `(k, d)` that are moved as little as needed until any two are `APART`.

    Those that are the same begin at the places of a Halton sequence, in a small box: a fixed
    arrangement that depends on no generator of random numbers. Each push moves a point by twice
    the mean of what it lacks to its near ones.
    """
    from scipy.stats.qmc import Halton

    count, axes = points.shape
    start = Halton(axes, scramble=False).random(count + 1)[1:]  # the first is the corner
    points = points + START * (start - 0.5)
    for _ in range(MOST_PUSHES):
        squares = (points**2).sum(axis=1)
        distances = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0.0)
        distances = np.sqrt(distances, out=distances)
        np.fill_diagonal(distances, np.inf)
        if distances.min() >= REACHED * APART:
            break
        lacking = np.maximum(APART - distances, 0.0)
        near = np.maximum(1, np.count_nonzero(lacking, axis=1))
        pull = lacking / np.maximum(distances, FLAT)
        push = pull.sum(axis=1)[:, None] * points - pull @ points
        points = points + 2.0 * push / near[:, None]
    return points


def _codes(column: Categorical, values: np.ndarray) -> np.ndarray:
    """The entry of each value, int; missing is the last."""
    return np.nan_to_num(values, nan=len(column.categories)).astype(int)


def _profiles(
    column: Numeric | Categorical, values: np.ndarray, codes: np.ndarray, count: int
) -> np.ndarray:
    """The difference of each category from the whole table in a column, `(categories, d)`.

    Of numbers the mean rank, standardised, so that no outlier decides; of categories, present and
    missing among them, the shares in the units of chi-squared distances, over the root of how many
    are free. Every column counts the same: the variance of what it says is at most 1. The profile
    of a few rows is mostly chance and is drawn towards the whole table, as if `PRIOR_ROWS` more
    rows were like that (Micci-Barreca, 2001, SIGKDD Explorations 3(1)).
    """
    rows = PRIOR_ROWS + np.bincount(codes, minlength=count)[:, None]
    missing = np.isnan(values)
    if isinstance(column, Categorical):
        return _shares(_codes(column, values), codes, count) / rows
    sums = np.bincount(codes, weights=_standard_ranks(values, missing), minlength=count)
    return np.concatenate([sums[:, None], _shares(missing.astype(int), codes, count)], 1) / rows


def _shares(values: np.ndarray, codes: np.ndarray, count: int) -> np.ndarray:
    """Counts beyond what the whole table makes expect, in units of chance, `(categories, d)`."""
    _, values = np.unique(values, return_inverse=True)
    width = int(values.max(initial=0)) + 1
    counts = np.bincount(codes * width + values, minlength=count * width).reshape(count, width)
    shares = counts.sum(axis=0) / max(1, len(codes))
    excess = counts - counts.sum(axis=1, keepdims=True) * shares
    return excess / np.sqrt(np.maximum(shares, FLAT) * max(1, width - 1))


def _standard_ranks(values: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Ranks of the numbers, with mean 0 and variance 1; 0 where missing."""
    from scipy.stats import rankdata

    ranks = np.zeros(len(values))
    if not missing.all():
        found = rankdata(values[~missing])
        ranks[~missing] = (found - found.mean()) / (found.std() or 1.0)
    return ranks


def _principal(profiles: np.ndarray, shares: np.ndarray, axes: int) -> np.ndarray:
    """Coordinates `(k, axes)` in [-1, 1] along the directions in which profiles differ most.

    Frequent categories count more. Units are the spread of the first axis; a hyperbolic tangent
    keeps a category that is far from all others from pressing these together.
    """
    _, spreads, directions = np.linalg.svd(np.sqrt(shares)[:, None] * profiles, full_matrices=False)
    found = np.zeros((len(profiles), axes))
    kept = np.flatnonzero(spreads[:axes] > FLAT)
    if len(kept):
        coordinates = profiles @ directions[kept].T
        # The sign of an axis is arbitrary: that of the first category which is not in the middle.
        clear = np.abs(coordinates) > 0.1 * np.abs(coordinates).max(axis=0)
        first = coordinates[clear.argmax(axis=0), np.arange(len(kept))]
        found[:, kept] = np.tanh(coordinates * np.sign(first) / spreads[0])
    return found


def fit_columns(
    found: Sequence[ColumnValues],
    training: np.ndarray,
    *,
    label: str = "",
    embedded: Sequence[str] = (),
    components: int = 10,
    separator: str = "",
    header: bool = True,
) -> tuple[TableCodec, np.ndarray]:
    """The codec of columns, and the rows of the table in user units.

    Args:
        found: what each column is, with its values.
        training: int, the rows that are trained on.
        label: name of the column that holds the class, or empty.
        embedded: names of columns of categories that become points.
        components: most modes of a numeric column.
        separator: see `TableCodec`; empty where nothing stands between values.
        header: likewise.

    Raises:
        ValueError: no column varies.
    """
    left_out = tuple(column for column, _ in found if isinstance(column, LeftOut))
    columns = [column for column, _ in found if not isinstance(column, LeftOut)]
    values = [values for _, values in found if values is not None]
    if not values:
        raise ValueError("The table must have a column that varies. Received: constants alone")
    rows = np.stack(values, axis=1).astype(np.float32)
    partly, numbers = False, {}
    learnt = [i for i, column in enumerate(columns) if not isinstance(column, NOT_LEARNT)]
    for index, of_column in zip(learnt, values, strict=True):
        column = columns[index]
        if isinstance(column, Numeric):
            numbers[index] = _to_fit(of_column, training)
        elif label and column.name == label and column.missing:
            # A label that is not known is no category: nobody is to ask for it.
            partly = True
            columns[index] = dataclasses.replace(column, missing=False)
    for index, modes in zip(numbers, modes_of([*numbers.values()], components), strict=True):
        columns[index] = dataclasses.replace(columns[index], **modes)
    table = TableCodec(
        columns=tuple(columns),
        label=label,
        partly_labelled=partly,
        left_out=left_out,
        separator=separator or ",",
        header=header,
    )
    if not embedded:
        return table, rows
    points = {
        name: _points_of(table.names.index(name), table.varying, rows[training])
        for name in set(embedded)
    }
    columns = (
        dataclasses.replace(c, points=points[c.name]) if c.name in points else c
        for c in table.columns
    )
    return dataclasses.replace(table, columns=tuple(columns)), rows


def _to_fit(values: np.ndarray, training: np.ndarray) -> np.ndarray:
    """The training values; where all of them are missing, those of the held-out rows."""
    fitted = values[training][~np.isnan(values[training])]
    return fitted if len(fitted) else values[~np.isnan(values)]
