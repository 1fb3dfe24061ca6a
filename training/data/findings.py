"""Findings about data that will hurt a training: pure functions of arrays, in sentences.

Nothing here knows of files or networks: every function takes examples in user units, or counts,
and gives findings, an empty list where there is nothing to say.
"""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from ganapp.training.data.cache import chunks
from ganapp.training.rows_on_disk import forget

FEW = {"image": 1_000, "video": 200, "vector": 200}  # training examples below these are few
FEW_OF_A_CLASS = 20  # below it a class is tiny; classes are then not told to the networks
UNEVEN = 10.0  # times as many examples in the largest class as in the smallest
OFTEN = 0.01  # share of examples that repeat others from which it is worth a warning
NEARLY_ALL = 0.99  # share of one value in a column, or of missing ones
MOSTLY_MISSING = 0.5
NEARLY_UNIQUE = 0.5  # categories for each row
LEAST_CATEGORIES = 20  # below it no column of categories counts as nearly unique
FAR = 50.0  # times the width of the middle half of the values, from the median
NARROW = 128  # levels out of 256 that pixels should fill at least
ENLARGED, REDUCED, CUT = 1.5, 8.0, 1 / 3  # times the size, a share of the area
SMALLEST, STEP = 8, 4  # the least size that is suggested, and what sizes are multiples of
MENTIONED = 5  # names in a sentence


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something about the data that will hurt."""

    name: str  # what it is, in a word or two
    sentence: str  # what was seen and what to do
    numbers: Mapping[str, object]  # the same for programs; plain JSON
    # names of the columns that it is about, to leave out if the user likes
    columns: tuple[str, ...] = ()


class _Findings(list[Finding]):
    def add(self, *parts: object) -> None:
        self.append(Finding(*parts))


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """Statistics of one column; shares are of its rows."""

    name: str  # of the column
    categories: bool  # whether its values are codes of categories and no amounts
    minimum: float | None = None  # smallest value, `None` where all are missing
    maximum: float | None = None  # largest value
    distinct: int = 0  # how many different values there are, missing ones aside
    missing: float = 1.0  # share of the rows without a value
    commonest: float | None = None  # the value that most rows have, a code where `categories`
    share: float = 0.0  # of the rows that have it
    # how far the furthest value lies from the median, in widths of the middle half of the values;
    # 0 where that half is one value
    far: float = 0.0
    numbered: bool = False  # whether the values are different whole numbers with hardly a gap


@dataclasses.dataclass(frozen=True)
class Duplicates:
    """Counts of examples that repeat others exactly."""

    training: int  # training examples that equal an earlier one
    held_out: int  # held-out examples that equal a training example
    looked_at: tuple[int, int]  # training and held-out examples that were compared

    @property
    def shares(self) -> tuple[float, float]:
        """Of the training and of the held-out examples."""
        one, other = self.looked_at
        return self.training / max(1, one), self.held_out / max(1, other)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelFacts:
    """Statistics of the pixels of images or clips."""

    minimum: int  # smallest of all, 0 to 255
    maximum: int  # largest of all
    mean: float  # of all
    blank: int  # examples of a single value
    still: int  # clips whose frames are all the same; 0 for images
    constant_channels: Mapping[int, int]  # by its number, what a channel always holds
    grey: bool  # whether the first three channels are the same everywhere
    count: int  # examples


def count_duplicates(training: np.ndarray, held_out: np.ndarray) -> Duplicates:
    """Compares examples `(n, ...)` by their bytes; 0 and -0 are the same, and so are all NaN."""
    seen: set[bytes] = set()
    repeated = 0
    for digest in _digests(training):
        repeated += digest in seen
        seen.add(digest)
    both = sum(digest in seen for digest in _digests(held_out))
    return Duplicates(repeated, both, (len(training), len(held_out)))


def pixel_facts(examples: np.ndarray) -> PixelFacts:
    """Looks at uint8 `(n, ..., height, width, channels)`, some at a time."""
    channels, moving = examples.shape[-1], examples.ndim == 5
    low, high = np.full(channels, 255), np.zeros(channels, int)
    total, blank, still, grey = 0.0, 0, 0, channels >= 3
    for some in chunks(len(examples), examples[:1].nbytes):
        part = np.asarray(examples[some])
        flat = part.reshape(len(part), -1)
        blank += int((flat == flat[:, :1]).all(axis=1).sum())
        low = np.minimum(low, part.reshape(-1, channels).min(axis=0))
        high = np.maximum(high, part.reshape(-1, channels).max(axis=0))
        total += float(part.mean(dtype=np.float64)) * len(part)
        if moving:
            still += int((part == part[:, :1]).reshape(len(part), -1).all(axis=1).sum())
        grey = grey and bool((part[..., 1:3] == part[..., :1]).all())
        forget(examples)
    constant = {place: int(low[place]) for place in np.flatnonzero(low == high).tolist()}
    return PixelFacts(
        minimum=int(low.min()),
        maximum=int(high.max()),
        mean=total / max(1, len(examples)),
        blank=blank,
        still=still,
        constant_channels=constant,
        grey=grey,
        count=len(examples),
    )


def column_facts(name: str, values: np.ndarray, *, categories: bool = False) -> ColumnFacts:
    """Looks at one column `(n,)`, NaN where a value is missing."""
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    if not len(distinct):
        return ColumnFacts(name=name, categories=categories)
    place = int(counts.argmax())

    def plain(value: np.floating) -> float:
        """The shortest number that rounds to the value: 168.66, not 168.66000366210938."""
        return float(str(value))

    low, median, high = np.percentile(present.astype(np.float64), (25, 50, 75))
    # Not in standard deviations: of a few hundred rows one alone makes them as large as itself.
    far = float(np.abs(distinct - median).max()) / (high - low) if high > low else 0.0
    return ColumnFacts(
        name=name,
        categories=categories,
        minimum=plain(distinct[0]),
        maximum=plain(distinct[-1]),
        distinct=len(distinct),
        missing=1.0 - len(present) / len(values),
        commonest=plain(distinct[place]),
        share=float(counts[place]) / len(values),
        far=far,
        numbered=not categories and _is_numbering(distinct, len(present)),
    )


def about_count(kind: str, examples: int | None) -> list[Finding]:
    """Whether there are few training examples of a kind; `None` if they never end."""
    if examples is None or examples >= FEW[kind]:
        return []
    return [
        Finding(
            "few examples",
            f"{examples:,} training examples are few (below {FEW[kind]:,}): a discriminator soon "
            "knows them by heart, and samples then repeat them.",
            {"training": examples, "few_below": FEW[kind]},
        )
    ]


def about_duplicates(found: Duplicates, *, chance: bool = False) -> list[Finding]:
    """Whether many examples repeat others; `chance` if some do without anybody's doing."""
    (count, total), (share, leaked) = (found.training, found.looked_at[0]), found.shares
    why = " (rows of few different values do so by chance)" if chance else ""
    findings = _Findings()
    if share >= OFTEN:
        findings.add(
            "duplicates",
            f"{count:,} of {total:,} training examples ({share:.1%}) repeat an earlier one "
            f"exactly{why}: a generator learns to repeat, and figures of memorisation rise.",
            {"count": count, "share": share},
        )
    if leaked >= OFTEN:
        findings.add(
            "held-out duplicates",
            f"{found.held_out:,} of {found.looked_at[1]:,} held-out examples ({leaked:.1%}) "
            f"are training examples, too{why}: figures on held-out data then flatter a "
            "generator that copies.",
            {"count": found.held_out, "share": leaked},
        )
    return findings


def about_classes(training: Mapping[str, int], held_out: Mapping[str, int]) -> list[Finding]:
    """Whether classes are tiny, uneven, or missing on one side; counts go by their names."""
    findings = _Findings()
    if tiny := {name: count for name, count in training.items() if count < FEW_OF_A_CLASS}:
        named = _names_in_short(f"{name!r} ({count})" for name, count in tiny.items())
        findings.add(
            "tiny classes",
            f"{_counted(len(tiny), 'class has', 'classes have')} fewer than {FEW_OF_A_CLASS} "
            f"labelled training examples: {named}. That is too few to learn a class from.",
            {"classes": tiny},
        )
    sizes = [count for count in training.values() if count]
    if sizes and max(sizes) >= UNEVEN * min(sizes):
        first = max(training, key=training.__getitem__)
        last = min((name for name in training if training[name]), key=training.__getitem__)
        findings.add(
            "uneven classes",
            f"The largest class {first!r} has {max(sizes) / min(sizes):.0f} times the training "
            f"examples of the smallest, {last!r}: {max(sizes):,} and {min(sizes):,}.",
            {"largest": first, "smallest": last, "ratio": max(sizes) / min(sizes)},
        )
    absent = [name for name in training if not held_out.get(name, 0)] if held_out else []
    if absent:
        findings.add(
            "classes not held out",
            f"{_counted(len(absent), 'class has', 'classes have')} no held-out example: "
            f"{_names_in_short(map(repr, absent))}. Nothing can be compared with there.",
            {"classes": absent},
        )
    return findings


def about_pixels(facts: PixelFacts) -> list[Finding]:
    """Whether images or clips are blank, narrow in range, or hold channels that say nothing."""
    findings = _Findings()
    if facts.blank:
        share = facts.blank / facts.count
        findings.add(
            "blank",
            f"{facts.blank:,} of {facts.count:,} examples ({share:.1%}) are blank: every pixel "
            "has the same value.",
            {"count": facts.blank, "share": share},
        )
    if facts.still > facts.blank:
        findings.add(
            "still clips",
            f"{facts.still:,} of {facts.count:,} clips do not move: all their frames are the same.",
            {"count": facts.still, "share": facts.still / facts.count},
        )
    if facts.maximum - facts.minimum < NARROW:
        findings.add(
            "narrow range",
            f"The pixels fill {facts.minimum} to {facts.maximum} of 0 to 255: little contrast "
            "for a discriminator to see. Stretch the values before they are saved.",
            {"minimum": facts.minimum, "maximum": facts.maximum},
        )
    if facts.constant_channels and facts.minimum < facts.maximum:
        said = _names_in_short(
            f"{place} is always {v}" for place, v in facts.constant_channels.items()
        )
        findings.add(
            "constant channels",
            f"Channels that say nothing, counted from 0: {said}. Leave them out.",
            {"channels": dict(facts.constant_channels)},
        )
    if facts.grey and facts.minimum < facts.maximum:
        findings.add(
            "grey in colours",
            "The three colours of every pixel are the same: one channel says as much, and "
            "networks are smaller.",
            {},
        )
    return findings


def about_columns(columns: Sequence[ColumnFacts], rows: int) -> list[Finding]:
    """Whether columns say next to nothing, or name every one of `rows`."""
    near = [c for c in columns if c.distinct > 1 and c.share >= NEARLY_ALL]
    kinds = (
        (
            "constant columns",
            "Always the same",
            [c for c in columns if c.distinct == 1 and not c.missing],
            lambda c: "one category" if c.categories else f"{c.commonest:g}",
        ),
        (
            "near-constant columns",
            f"One and the same value in at least {NEARLY_ALL:.0%} of the rows",
            near,
            lambda c: f"{c.share:.1%}",
        ),
        (
            "nearly unique categories",
            "Nearly as many categories as rows, of which none can be learnt",
            [c for c in columns if _is_nearly_unique(c, rows)],
            lambda c: f"{c.distinct:,} in {rows:,} rows",
        ),
        (
            "numbered rows",
            "A different whole number in every row, as an index has",
            [c for c in columns if c.numbered],
            lambda c: f"{c.minimum:.0f} to {c.maximum:.0f}",
        ),
        (
            "missing values",
            f"At least {MOSTLY_MISSING:.0%} of the values missing",
            [c for c in columns if c.missing >= MOSTLY_MISSING],
            lambda c: f"{c.missing:.1%}",
        ),
    )
    findings = _Findings()
    for name, what, found, about in kinds:
        if found:
            said = _names_in_short(f"{c.name!r} ({about(c)})" for c in found)
            names = [c.name for c in found]
            seen = f"{what}, in {len(found):,} of {len(columns):,} columns: {said}."
            findings.add(name, seen, {"columns": names}, tuple(names))
    # What lies far off in a column of one value is said by that.
    far = [c for c in columns if not c.categories and c.far >= FAR and c not in near]
    if far:
        said = _names_in_short(
            f"{c.name!r} ({c.far:.0f} times, {c.minimum:g} to {c.maximum:g})" for c in far
        )
        findings.add(
            "far values",
            f"Values further from the median than {FAR:g} times the width of the middle half, "
            f"in {len(far):,} of {len(columns):,} columns: {said}. They are errors, or so rare "
            "that they are hardly learnt.",
            {"columns": {c.name: c.far for c in far}},
        )
    return findings


def about_size(
    originals: Sequence[tuple[int, int]], size: int, *, resize: str = "crop"
) -> list[Finding]:
    """Whether image files, of such heights and widths, are far from the size that they get."""
    if not originals or not size:
        return []
    sides = np.array(originals, float)
    kept = sides.max(axis=1) if resize == "pad" else sides.min(axis=1)
    side, seen = float(np.median(kept)), about_sizes(originals)
    findings, fits = _Findings(), max(SMALLEST, round(side / STEP) * STEP)
    numbers = {"size": size, "median": side, "suggested": fits}
    if size >= ENLARGED * side:
        findings.add(
            "enlarged images",
            f"The images are enlarged {size / side:.1f} times to {size} x {size}: the files "
            f"have {seen}. Networks then learn the blur; --size {fits} is what the files hold.",
            numbers,
        )
    if side >= REDUCED * size:
        findings.add(
            "reduced images",
            f"The images are reduced {side / size:.0f} times to {size} x {size}: the files "
            f"have {seen}, and what is fine in them is lost.",
            numbers,
        )
    lost = float(np.median(1 - sides.min(axis=1) / sides.max(axis=1)))
    if resize == "crop" and lost > CUT:
        findings.add(
            "cropped images",
            f"The square in the middle leaves out {lost:.0%} of the median image: the files "
            f"have {seen}. --set data.resize=pad keeps all of it.",
            {"share": lost},
        )
    return findings


def about_sizes(originals: Sequence[tuple[int, int]]) -> str:
    """Sizes of images in words: width x height, one or from the smallest to the largest."""
    areas = sorted(originals, key=lambda each: (each[0] * each[1], each))
    (low, wide), (high, wider) = areas[0], areas[-1]
    if areas[0] == areas[-1]:
        return f"{wide} x {low} pixels"
    return f"{wide} x {low} to {wider} x {high} pixels"


def _names_in_short(names: Iterable[str]) -> str:
    """The first five names, and how many more there are."""
    names = list(names)
    more = len(names) - MENTIONED
    return ", ".join(names[:MENTIONED]) + (f" and {more:,} more" if more > 0 else "")


def _digests(examples: np.ndarray) -> Iterator[bytes]:
    for some in chunks(len(examples), examples[:1].nbytes):
        part = np.asarray(examples[some])
        if np.issubdtype(part.dtype, np.floating):
            part = np.where(np.isnan(part), np.nan, part + 0.0)
        part = np.ascontiguousarray(part).reshape(len(part), -1).view(np.uint8)
        for row in part:
            yield hashlib.blake2b(row.data, digest_size=16).digest()
        forget(examples)


def _is_nearly_unique(column: ColumnFacts, rows: int) -> bool:
    """Whether there are more than half as many categories as rows that have one."""
    least = max(LEAST_CATEGORIES, NEARLY_UNIQUE * rows * (1 - column.missing))
    return column.categories and column.distinct > least


def _is_numbering(distinct: np.ndarray, count: int) -> bool:
    """Whether sorted values number the rows: whole, all different, with few gaps."""
    if count < LEAST_CATEGORIES or len(distinct) < count:
        return False
    whole = bool((distinct == np.round(distinct)).all())
    return whole and distinct[-1] - distinct[0] < 2 * count


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
