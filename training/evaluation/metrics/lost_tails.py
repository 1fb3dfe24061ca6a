"""Columns whose tails were lost, or made up: spread, extremes, rare categories, missing shares.

Averages over a table hide what happens to its rarest values: a deviation that is half of the
data's, a largest value that never comes near theirs, a category of .3 % that never comes back.

All tests are one: under the same distribution the generated rows among any `c` of all rows, chosen
by the values alone, follow the hypergeometric distribution. So the p-values are exact whatever the
distribution, with ties too. They are corrected for the number of columns and of tests on a column
(Bonferroni), and a difference must also be large enough to matter. In 400 pairs of draws of 8
columns with heavy tails, counts and missing values, 300 to 3,000 rows against 500 or 2,000, 5 had a
finding.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import hypergeom

from ganapp.training.data.tables.codec import TableCodec
from ganapp.training.evaluation.checks import NotComputable
from ganapp.training.evaluation.metric import Comparison, Computed, Figure, Metric, ReportData

KEY = "lost_tails"
CHANCE = 0.05  # at most, that anything is found in data of the same distribution
LEAST = 20  # rows of a side
LEVELS = (0.05, 0.01, 0.001)  # of all rows: how far out a tail begins
WIDTHS = (0.5, 0.1)  # of all rows: how many are beyond a deviation from the middle
HALF = 0.5  # of its share in the data: what has more is no lost tail
SPREAD = 1.25  # times as wide or as narrow: less is no lost spread
FEW_MISSING, MISSING = 0.05, 1.5  # difference of shares, and their ratio
RARE = 0.01  # share up to which categories are tested together, too
MOST_NAMED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class LostTail:
    """One finding on one column.

    Args:
        column: its name.
        kind: `"spread"`, `"upper tail"`, `"lower tail"`, `"categories"` or `"missing"`.
        seen: what the samples have and what the data have.
        chance: p-value, before the correction.
    """

    column: str
    kind: str
    seen: str
    chance: float

    @property
    def sentence(self) -> str:
        return f"column {self.column!r}, {self.kind}: {self.seen}"


@dataclasses.dataclass(frozen=True)
class _Test:
    """`generated` of `among` rows chosen by their values are generated; `size`: it matters."""

    column: str
    kind: str
    seen: str
    generated: int
    among: int
    rows: tuple[int, int]  # generated, real
    fewer: bool
    size: bool


def find_lost_tails(
    samples: np.ndarray,
    real: np.ndarray,
    *,
    table: TableCodec | None = None,
    chance: float = CHANCE,
) -> list[LostTail]:
    """The tails that samples `(n, columns)` have lost, or have too much of, column by column.

    Columns are numbers `x0`, `x1`, ... without a table. In rows of the same distribution anything
    is found with at most the given `chance`. NotComputable for fewer than 20 rows of either.
    """
    if min(len(samples), len(real)) < LEAST:
        raise NotComputable(
            f"Lost tails need at least {LEAST} rows of either side. "
            f"Received: {len(samples)} samples and {len(real)} real rows"
        )
    tests: dict[str, list[_Test]] = {}
    for place in range(samples.shape[1]):
        sides = tuple(np.asarray(side[:, place], np.float64) for side in (samples, real))
        column = None if table is None else table.varying[place]
        name = f"x{place}" if column is None else column.name
        if column is not None and table.partly_labelled and place == table.label_place:
            continue  # whether a row has a label says nothing of what it is like
        of_column = tests.setdefault(name, [])
        of_column += _test_missing(name, *sides)
        present = tuple(side[~np.isnan(side)] for side in sides)
        if min(map(len, present)) < LEAST:
            continue
        if column is not None and column.kind == "categorical":
            of_column += _test_categories(name, column.categories, *present)
        else:
            decimals = None if column is None else column.decimals
            of_column += _test_numbers(name, *present, decimals=decimals)
    return _significant_tails(tests, chance)


def _significant_tails(by_column: Mapping[str, Sequence[_Test]], chance: float) -> list[LostTail]:
    """Tests beyond chance that matter; of each kind of a column the least likely alone."""
    tests = [test for of_column in by_column.values() for test in of_column]
    if not tests:
        return []
    generated, among = np.array([(t.generated, t.among) for t in tests]).T
    own, all_rows = np.array([(t.rows[0], sum(t.rows)) for t in tests]).T
    chances = np.where(
        [t.fewer for t in tests],
        hypergeom.cdf(generated, all_rows, among, own),
        hypergeom.sf(generated - 1, all_rows, among, own),
    )
    found: dict[tuple[str, str], LostTail] = {}
    for test, p_value in zip(tests, chances, strict=True):
        key = (test.column, test.kind)
        beyond = p_value < chance / len(by_column) / len(by_column[test.column])
        if test.size and beyond and (key not in found or p_value < found[key].chance):
            found[key] = LostTail(
                column=test.column, kind=test.kind, seen=test.seen, chance=float(p_value)
            )
    return list(found.values())


def _test_numbers(
    name: str, samples: np.ndarray, real: np.ndarray, *, decimals: int | None
) -> list[_Test]:
    rows = (len(samples), len(real))
    pooled, is_sample = np.concatenate([samples, real]), np.arange(sum(rows)) < len(samples)

    def number(value: float) -> str:
        return f"{value:,.0f}" if decimals == 0 and abs(value) < 1e15 else f"{value:,.4g}"

    def beyond(values: np.ndarray, level: float) -> tuple[int, int]:
        """Generated, and all, among the largest such share of all values, ties with them."""
        count = max(1, int(np.ceil(level * len(values))))
        chosen = values >= np.partition(values, -count)[-count]
        return int(np.count_nonzero(chosen & is_sample)), int(np.count_nonzero(chosen))

    tests = []
    ends = {"upper tail": ("maximum", 1.0), "lower tail": ("minimum", -1.0)}
    for kind, (end, sign) in ends.items():
        turned = (sign * samples, sign * real)
        ours, theirs = (sign * side.max() for side in turned)
        shown = f"{end} {number(ours)} where the data have {number(theirs)}"
        beside = [beyond(sign * pooled, level) for level in LEVELS]
        # All real values beyond the last generated one: a tail that begins where the samples end.
        alone = int(np.count_nonzero(turned[1] > turned[0].max()))
        beside += [(0, alone)] if alone else []
        for generated, among in beside:
            share, other = generated / rows[0], (among - generated) / rows[1]
            seen = (
                f"{shown}; {_per_cent(share)} of the samples lie as far out as "
                f"{_per_cent(other)} of the data"
            )
            sizes = share <= HALF * other, share * HALF >= other
            tests += _both_ways(name, kind, seen, generated, among, rows, sizes=sizes)
    deviations = [float(side.std()) for side in (samples, real)]
    ratio = deviations[0] / deviations[1] if deviations[1] else np.inf
    ours, theirs = (f"{each:,.3g}" if decimals == 0 else number(each) for each in deviations)
    seen = f"standard deviation {ours} where the data have {theirs}"
    sizes = ratio <= 1 / SPREAD, ratio >= SPREAD
    for level in WIDTHS:
        counts = beyond(np.abs(pooled - np.median(pooled)), level)
        tests += _both_ways(name, "spread", seen, *counts, rows, sizes=sizes)
    return tests


def _test_categories(
    name: str, categories: Sequence[object], samples: np.ndarray, real: np.ndarray
) -> list[_Test]:
    rows, count = (len(samples), len(real)), len(categories)
    ours, theirs = (np.bincount(side.astype(int), minlength=count) for side in (samples, real))
    groups = {f"{categories[i]!r}": (int(ours[i]), int(theirs[i])) for i in range(count)}
    rare = theirs <= RARE * len(real)
    if np.count_nonzero(rare) > 1:
        what = f"the {np.count_nonzero(rare)} categories of at most {RARE:.0%} together"
        groups[what] = (int(ours[rare].sum()), int(theirs[rare].sum()))
    return [
        _Test(
            column=name,
            kind="categories",
            seen=f"{what}: {generated:,} of {rows[0]:,} samples where the data have "
            f"{_per_cent(other / rows[1])}",
            generated=generated,
            among=generated + other,
            rows=rows,
            fewer=True,
            size=generated / rows[0] <= HALF * other / rows[1],
        )
        for what, (generated, other) in groups.items()
        if other
    ]


def _test_missing(name: str, samples: np.ndarray, real: np.ndarray) -> list[_Test]:
    rows = (len(samples), len(real))
    missing = [int(np.count_nonzero(np.isnan(side))) for side in (samples, real)]
    if not any(missing):
        return []
    ours, theirs = (count / size for count, size in zip(missing, rows, strict=True))
    seen = f"{_per_cent(ours)} of the samples where {_per_cent(theirs)} of the data"
    matters = abs(ours - theirs) >= FEW_MISSING or max(ours, theirs) >= MISSING * min(ours, theirs)
    sizes = matters, matters
    return _both_ways(name, "missing", seen, missing[0], sum(missing), rows, sizes=sizes)


def _both_ways(*about: object, sizes: tuple[bool, bool]) -> list[_Test]:
    """The tests for fewer and for more generated rows than among the data."""
    return [_Test(*about, fewer, size) for fewer, size in zip((True, False), sizes, strict=True)]


def least_share(samples: int, real: int, columns: int) -> float:
    """The smallest share of the data whose entire loss so many samples can show, at most 1.

    Of a column with a few tests: five categories, say.
    """
    among = np.arange(1, real + 1)
    shown = hypergeom.cdf(0, samples + real, among, samples) < CHANCE / columns / 5
    return float(among[shown][0] / real) if shown.any() else 1.0


def _per_cent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"


def lost_columns(report: ReportData) -> list[str]:
    """Names of the columns in which a report's samples have lost tails."""
    found = report["details"].get(KEY, {}).get("found", [])
    return list(dict.fromkeys(each["column"] for each in found))


def lost_tails_note(report: ReportData) -> list[str]:
    """A sentence per finding of a report, and the rarest value that can be judged."""
    details = report["details"].get(KEY)
    if details is None:
        return []
    found = [LostTail(**each) for each in details["found"]]
    floor = report["figures"][KEY]["floor"]
    beside = "" if floor is None else f" (held-out rows: in {floor} columns)"
    lines = []
    for each in found:
        lines.append(f"Wrong tail, {each.sentence}{beside}.")
        beside = ""
    count = report["figures"][KEY]["generated"]
    lines.append(
        f"Tails are looked at in {count:,} samples; what is rarer than "
        f"{_per_cent(details['least_share'])} of the data may be absent from so many by chance."
    )
    return lines


def _veto(report: ReportData) -> str | None:
    columns = lost_columns(report)
    if not columns:
        return None
    shown = ", ".join(columns[:MOST_NAMED]) + (", ..." if len(columns) > MOST_NAMED else "")
    count = f"{len(columns)} column{'s' if len(columns) > 1 else ''}"
    return f"Tails are unlike the data's in {count} ({shown})."


def _compute(given: Comparison) -> Computed:
    found = find_lost_tails(
        given.samples.samples, given.reference.samples, table=given.data.spec.table
    )
    columns = len({each.column for each in found})
    share = least_share(len(given.samples), len(given.reference), given.samples.samples.shape[1])
    return {KEY: columns}, {
        "found": [dataclasses.asdict(each) for each in found],
        "least_share": share,
    }


LOST_TAILS = Metric(
    figures={KEY: Figure("lower", "columns with wrong tails")},
    compute=_compute,
    # The tails of a known mixture are judged with its modes.
    applies=lambda data: data.spec.kind == "vector" and data.modes is None,
    when="end",
    note=lost_tails_note,
    veto=_veto,
)
