"""The columns of a table as plain values that JSON can keep, and how a file writes them."""

import dataclasses
import datetime
import math
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas

MARKS = ",.'\u2019 \u00a0\u202f"  # that may part thousands: blanks and apostrophes of all kinds
MINUS = "\\-\u2212"  # the hyphen and the sign of mathematics
CURRENCY = (
    r"(?:[A-Z]{0,2}[$€£¥₹₽₩₺₫₪₱฿₦₴]"
    r"|USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|SEK|NOK|DKK|PLN|kr|zł)"
)
UNIT = r"(?:%|‰|[ \u00a0][A-Za-zµ°][A-Za-z0-9µ°/²³]{0,11})"
CELL = re.compile(
    rf"(?P<bracket>\()?(?P<sign>[{MINUS}+]?)(?P<before>{CURRENCY}[ \u00a0]?)?(?P<inner>[{MINUS}+]?)"
    rf"(?P<body>\d(?:[\d{MARKS}]*\d)?|[.,]\d+|\d+[.,])"
    rf"(?P<after>[ \u00a0]?(?:%|‰)|[ \u00a0]?{CURRENCY}|{UNIT})?(?P<close>\))?"
)
# A number as a program writes it. `1E5` without a sign or a point is none: it names something.
PLAIN = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]\d+)?|[+-]?(\d+\.\d*|\.\d+)[eE]\d+"
PLAIN_CELL = re.compile(PLAIN)
DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%Y-%m"),
    *("%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y", "%b-%Y", "%b-%y", "%Y-%b-%d", "%d %b %Y", "%b %d, %Y"),
    *("%b %d %Y", "%b %Y", "%d %B %Y", "%B %d, %Y", "%B %Y"),
)
HOURS = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p")
ZONE = re.compile(r"Z|[+-]\d\d:?\d\d")
TOKENS = {
    "%Y": r"\d{4}",
    "%m": r"\d{1,2}",
    "%d": r"\d{1,2}",
    "%y": r"\d{2}",
    "%b": r"[A-Za-z]{3}",
    "%B": r"[A-Za-z]{3,9}",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%M": r"\d{2}",
    "%S": r"\d{2}",
    "%f": r"\d{1,6}",
    "%p": r"[AaPp][Mm]",
}
PADDED = ("%m", "%d", "%H", "%I")  # which some write without the zero in front
SECONDS = {"D": 86_400.0, "m": 60.0, "s": 1.0, "us": 1e-6}
MOST_PATTERNS = 4  # of dates in one column
Value = str | int | float | bool
MODES = ("weights", "means", "scales", "reaches")  # what is fitted, up to rounding
ABOUT = ("note", "missing_share")  # what people are told, and no value depends on
ROUNDING = 1e-3  # of modes in their own units, of points in those of the box that they lie in


@dataclasses.dataclass(frozen=True, kw_only=True)
class NumberForm:
    """The way in which a column of numbers is written."""

    decimal: str = "."  # what stands before the decimals
    thousands: str = ""  # what parts thousands; empty where nothing does
    before: str = ""  # in front of every number, such as `$`
    after: str = ""  # behind every number, such as `%` or ` kg`
    places: int | None = None  # decimals of every number; `None` where they differ
    plus: bool = False  # whether positive numbers have their sign
    brackets: bool = False  # whether negative numbers stand in brackets instead of having a sign
    kind: str = dataclasses.field(default="number", init=False)

    @property
    def shown(self) -> str:
        """The form as people write it: `$#,##0.00`."""
        whole = f"#{self.thousands}##0" if self.thousands else "0"
        digits = f"{self.decimal}{'0' * self.places}" if self.places else ""
        if self.places is None and self.decimal != ".":
            digits = f"{self.decimal}#"
        return f"{self.before}{whole}{digits}{self.after}"

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them, but for the count of decimals."""
        return self == NumberForm(places=self.places)

    def value(self, text: str) -> str | None:
        """The number in a cell as Python reads it, `None` where the cell is none of this form."""
        if self.is_plain:
            return text if PLAIN_CELL.fullmatch(text) else None
        found = CELL.fullmatch(text)
        if found is None:
            return text if PLAIN_CELL.fullmatch(text) else None
        body = found["body"]
        if self.thousands and self.thousands in body:
            whole = re.escape(self.thousands)
            if not re.fullmatch(
                rf"\d{{1,3}}({whole}\d{{3}})+({re.escape(self.decimal)}\d*)?", body
            ):
                return None
            body = body.replace(self.thousands, "")
        body = body.replace(self.decimal, ".") if self.decimal != "." else body
        if not re.fullmatch(r"\d+\.?\d*|\.\d+", body):
            return None
        negative = found["bracket"] or {found["sign"], found["inner"]} - {"", "+"}
        return f"-{body}" if negative else body

    def write(self, values: np.ndarray, decimals: int | None) -> list[str | None]:
        """The text of numbers with at most so many decimals, `None` where one is missing."""
        return [None if value != value else self._text(value, decimals) for value in values]

    def _text(self, value: float, decimals: int | None) -> str:
        places, negative = self.places, value < 0
        if places is not None:
            digits = f"{abs(value):.{places}f}"
        elif isinstance(value, int) or decimals == 0:
            digits = f"{abs(value):.0f}" if isinstance(value, float) else str(abs(value))
        else:
            digits = repr(abs(float(value)))
            digits = digits.removesuffix(".0") if "e" not in digits else digits
        if self.thousands and "e" not in digits:
            whole, point, rest = digits.partition(".")
            digits = f"{int(whole):,}".replace(",", "\0") + point + rest
        digits = digits.replace(".", self.decimal).replace("\0", self.thousands)
        if negative and not re.search(r"[1-9]", digits):
            negative = False  # no -0.00
        if negative and self.brackets:
            return f"({self.before}{digits}{self.after})"
        sign = "-" if negative else "+" if self.plus else ""
        return f"{sign}{self.before}{digits}{self.after}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class DateForm:
    """The way in which a column of dates is written and becomes numbers."""

    pattern: str  # as of `strftime`, `%-d` for a day without a zero in front
    origin: str  # the date that is 0, as ISO 8601 has it; the first of the column
    unit: str  # of the numbers: `D` (days), `m` (minutes), `s` or `us`
    kind: str = dataclasses.field(default="date", init=False)

    @property
    def shown(self) -> str:
        return self.pattern

    def numbers(self, dates: "pandas.Series") -> np.ndarray:
        """Numbers of dates, a pandas series of datetimes without a zone; NaN where missing."""
        since = dates.to_numpy("datetime64[us]") - np.datetime64(self.origin, "us")
        numbers = since.astype("int64") / (SECONDS[self.unit] * 1e6)
        return np.where(np.isnat(since), np.nan, numbers)

    def dates(self, values: np.ndarray) -> np.ndarray:
        """datetime64[us] of numbers; not a time where NaN."""
        values = np.asarray(values, np.float64)
        micro = np.round(np.nan_to_num(values)) * SECONDS[self.unit] * 1e6
        dates = np.datetime64(self.origin, "us") + np.round(micro).astype("timedelta64[us]")
        return np.where(np.isnan(values), np.datetime64("NaT", "us"), dates)

    def write(self, values: np.ndarray, decimals: int | None) -> list[str | None]:
        """The text of dates given as numbers, `None` where one is missing."""
        del decimals
        dates = self.dates(values).tolist()
        return [None if date is None else _write_date(date, self.pattern) for date in dates]


Form = NumberForm | DateForm
FORMS = {"number": NumberForm, "date": DateForm}


def _form_from_dict(fields: dict[str, object] | None) -> Form | None:
    """Reads what `dataclasses.asdict` made of a form."""
    if fields is None:
        return None
    return FORMS[fields["kind"]](**{k: v for k, v in fields.items() if k != "kind"})


def number_forms(texts: Collection[str]) -> list[NumberForm]:
    """The forms in which all different cells of a column can be numbers, the likeliest first.

    Empty if one cell is no number or they do not share what stands around the digits. Two where the
    only mark may be the decimal point or part thousands, as in `1,234`.
    """
    cells = []
    for text in texts:
        found = CELL.fullmatch(text)
        if found is None or bool(found["bracket"]) != bool(found["close"]):
            return []
        cells.append(found)
    around = {(cell["before"] or "", cell["after"] or "") for cell in cells}
    # Zeros in front are kept by no number.
    if len(around) != 1 or any(re.match(r"0\d", cell["body"]) for cell in cells):
        return []
    before, after = around.pop()
    signs = {sign for cell in cells for sign in (cell["sign"], cell["inner"])} - {""}
    shared = {
        "before": before,
        "after": after,
        "plus": "+" in signs,
        "brackets": any(cell["bracket"] for cell in cells),
    }
    bodies = [cell["body"] for cell in cells]
    fitting = (_fitting(bodies, *marks) for marks in _possible_marks(bodies))
    return [NumberForm(**found, **shared) for found in fitting if found is not None]


def _possible_marks(bodies: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of decimal mark and what parts thousands."""
    marks = set("".join(bodies)) - set("0123456789")
    others = marks - {".", ","}
    if len(others) > 1:
        return
    other = next(iter(others), "")
    if other:
        yield from ((mark, other) for mark in (".", ",") if marks <= {mark, other})
    elif marks == {".", ","}:
        yield from ((".", ","), (",", "."))
    elif marks == {","}:
        yield from ((",", ""), (".", ","))
    elif marks == {"."}:
        yield from ((".", ""), (",", "."))
    else:
        yield (".", "")


def _fitting(bodies: Sequence[str], decimal: str, thousands: str) -> dict[str, object] | None:
    """The marks with the count of decimals, if all digits can be read with them."""
    plain = rf"\d*({re.escape(decimal)}(?P<a>\d*))?"
    groups = rf"\d{{1,3}}({re.escape(thousands)}\d{{3}})*({re.escape(decimal)}(?P<a>\d*))?"
    cell = re.compile(groups if thousands else plain)
    matches = [cell.fullmatch(body) for body in bodies]
    # `0,123` and `001,234` part no thousands.
    leading = thousands and any(re.match(rf"0+{re.escape(thousands)}", body) for body in bodies)
    if leading or not all(matches):
        return None
    places = {len(match["a"] or "") for match in matches}
    return {
        "decimal": decimal,
        "thousands": thousands,
        "places": places.pop() if len(places) == 1 else None,
    }


def date_patterns(texts: Sequence[str]) -> list[list[str]]:
    """The patterns with which all different cells of a column are dates, the likeliest first.

    Lists of patterns: of one pattern each where one suffices for all; of several, the commonest
    first, where different cells are written in different ones.
    """
    fitting = [p for p in _patterns_of(texts[0]) if parse_dates(texts, p).notna().all()]
    if fitting:
        return [[pattern] for pattern in fitting]
    left, found = list(texts), []
    while left and len(found) < MOST_PATTERNS:
        best, parsed = None, None
        for pattern in _patterns_of(left[0]):
            dates = parse_dates(left, pattern).notna().to_numpy()
            if dates.any() and (parsed is None or dates.sum() > parsed.sum()):
                best, parsed = pattern, dates
        if best is None:
            return []
        found.append((int(parsed.sum()), best))
        left = [text for text, known in zip(left, parsed, strict=True) if not known]
    if left:
        return []
    return [[pattern for _, pattern in sorted(found, key=lambda each: -each[0])]]


def parse_dates(texts: Sequence[str], pattern: str) -> "pandas.Series":
    """A pandas series of datetimes without a zone, not a time where a text is none."""
    import pandas

    series = pandas.Series(list(texts), dtype="str")
    return pandas.to_datetime(series, format=pattern.replace("%-", "%"), errors="coerce")


def parse_mixed_dates(texts: Sequence[str], patterns: Sequence[str]) -> "pandas.Series":
    """The same with several patterns: the first that reads a text."""
    dates = parse_dates(texts, patterns[0])
    for pattern in patterns[1:]:
        dates = dates.fillna(parse_dates(texts, pattern))
    return dates


def written_pattern(texts: Sequence[str], pattern: str) -> str:
    """The pattern with `%-d` for `%d` where numbers below ten have no zero in front."""
    if re.search(r"%.%", pattern):
        return pattern  # digits without anything between
    tokens = re.findall(r"%[A-Za-z]", pattern)
    regex = re.compile(_regex(pattern, groups=True))
    found = [match for match in map(regex.fullmatch, texts) if match]
    for place, token in enumerate(tokens, start=1):
        short = token in PADDED and any(len(match[place]) == 1 for match in found)
        if short:
            pattern = pattern.replace(token, f"%-{token[1]}")
    return pattern


def _write_date(date: datetime.datetime, pattern: str) -> str:
    """A date as text."""
    for token in PADDED:
        if f"%-{token[1]}" in pattern:
            pattern = pattern.replace(f"%-{token[1]}", str(int(date.strftime(token))))
    return date.strftime(pattern.replace("%Y", f"{date.year:04d}"))


def unit_of(dates: "pandas.Series") -> str:
    """The largest of the units that says all dates exactly."""
    micro = dates.dropna().to_numpy("datetime64[us]").astype("int64")
    for unit, seconds in SECONDS.items():
        if not (micro % round(seconds * 1e6)).any():
            return unit
    return "us"


def _patterns_of(text: str) -> Iterator[str]:
    if text.isascii() and text.isdecimal():
        if len(text) == 8:
            yield "%Y%m%d"
        if len(text) == 14:
            yield "%Y%m%d%H%M%S"
        return
    zone = ZONE.fullmatch(text[max(text.rfind("Z"), text.rfind("+"), text.rfind("-", 10)) :])
    end = zone[0] if zone and len(text) > 10 else ""
    for day in DAYS:
        if re.fullmatch(_regex(day), text):
            yield day
        for between in (" ", "T", ", "):
            for hour in HOURS:
                pattern = f"{day}{between}{hour}"
                if re.fullmatch(_regex(pattern) + re.escape(end), text):
                    yield pattern + end
    for hour in HOURS:
        if re.fullmatch(_regex(hour), text):
            yield hour
    if re.fullmatch(r"\d{8}T\d{6}Z?", text):
        yield "%Y%m%dT%H%M%S" + end


def _regex(pattern: str, groups: bool = False) -> str:
    parts = re.split(r"(%[A-Za-z])", pattern)
    wrap = "({})" if groups else "{}"
    return "".join(wrap.format(TOKENS[p]) if p in TOKENS else re.escape(p) for p in parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Numeric:
    """A column of numbers, or of dates as numbers."""

    name: str
    dtype: str  # pandas type that a written table has again
    minimum: float  # smallest value of the table, a whole number of any size exactly
    maximum: float  # largest value of the table, likewise
    # digits after the point that all values have at most, 0 for whole numbers; `None` when there
    # are too many to count
    decimals: int | None
    missing: bool  # whether values are missing
    weights: tuple[float, ...] = ()  # of the modes, the heaviest not necessarily first
    means: tuple[float, ...] = ()  # of the modes
    scales: tuple[float, ...] = ()  # standard deviations of the modes
    # distance from a mode's mean that becomes 1: four standard deviations, or more where a
    # training value lies further away; 0 of a mode that is a single value
    reaches: tuple[float, ...] = ()
    # of which all values are multiples, in units of the last decimal: 100 for incomes in hundreds
    step: int = 1
    exact: tuple[int, ...] = ()  # values that come back as they are though float32 rounds them
    form: Form | None = None  # how the file writes them; `None` as programs do
    missing_share: float = 0.0  # of the rows
    note: str = ""  # what was assumed of the column, a sentence or nothing
    kind: str = dataclasses.field(default="numeric", init=False)

    @property
    def rounded(self) -> bool:
        """Whether the values lie on a grid, such as whole numbers and amounts of money.

        Not where the grid is finer than float32, in which rows are kept: nine digits after the
        point are all that float64 has of numbers above 1,000 or so, rounded or not.
        """
        if not self.decimals:
            return self.decimals == 0
        largest = max(abs(self.minimum), abs(self.maximum))
        return self.step * 10.0**-self.decimals > np.spacing(np.float32(largest))

    @property
    def grid(self) -> tuple[int, int] | None:
        """The distance of neighbouring values as a fraction in lowest terms, if they have one."""
        if self.decimals is None:
            return None
        shared = math.gcd(self.step, 10**self.decimals)
        return self.step // shared, 10**self.decimals // shared

    def on_grid(self, values: np.ndarray) -> np.ndarray:
        """The nearest values that the column may have, float64, within its range."""
        if self.grid is not None:
            above, below = self.grid
            values = np.round(values * below / above) * above / below
            values = np.round(values, self.decimals)
        return np.clip(values, float(self.minimum), float(self.maximum))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Categorical:
    """A column of categories; a code is a place in `categories`."""

    name: str
    dtype: str  # see `Numeric`
    categories: tuple[Value, ...]  # the values, in their order
    missing: bool  # whether values are missing
    # of an embedded column, a point in [-1, 1]^d for each category, and last for missing where
    # values are; empty where categories are one-hot
    points: tuple[tuple[float, ...], ...] = ()
    missing_share: float = 0.0  # of the rows
    note: str = ""  # see `Numeric`
    kind: str = dataclasses.field(default="categorical", init=False)

    @property
    def entries(self) -> int:
        """The number of values, missing among them."""
        return len(self.categories) + self.missing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant:
    """A column that always holds the same: not learnt, and put back into a written table."""

    name: str
    dtype: str
    value: Value
    note: str = ""
    kind: str = dataclasses.field(default="constant", init=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier:
    """A column that tells every row from the others: not learnt, and written anew."""

    name: str
    dtype: str  # see `Numeric`
    first: int  # number of the first row that is written
    before: str = ""  # in front of the number
    width: int = 0  # digits that the number has at least, zeros in front
    unique: bool = False  # whether each is a UUID made of the number instead
    note: str = ""  # see `Numeric`
    kind: str = dataclasses.field(default="identifier", init=False)

    def values(self, count: int) -> list[int | str]:
        """Identifiers for so many rows, always the same ones."""
        numbers = range(self.first, self.first + count)
        if self.unique:
            return [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.name} {i}")) for i in numbers]
        if not self.before and not self.width:
            return list(numbers)
        return [f"{self.before}{number:0{self.width}d}" for number in numbers]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A column of the data that is neither learnt nor written, and a sentence why."""

    name: str
    reason: str


Column = Numeric | Categorical | Constant | Identifier
KINDS = {
    "numeric": Numeric,
    "categorical": Categorical,
    "constant": Constant,
    "identifier": Identifier,
}
NOT_LEARNT = (Constant, Identifier)


def same_column(first: Column, second: Column) -> bool:
    """Whether two columns are the same, but for the rounding of another machine."""
    one, other = dataclasses.asdict(first), dataclasses.asdict(second)
    for column in (one, other):
        for name in ABOUT:
            column.pop(name, None)
    modes = [(one.pop(name, ()), other.pop(name, ())) for name in MODES]
    points = [np.array(column.pop("points", ())) for column in (one, other)]
    if one != other or points[0].shape != points[1].shape:
        return False
    return bool(np.allclose(*points, rtol=0.0, atol=ROUNDING)) and all(
        len(a) == len(b) and np.allclose(a, b, rtol=ROUNDING, atol=0.0) for a, b in modes
    )


def column_from_dict(fields: dict[str, object]) -> Column:
    """Reads what `dataclasses.asdict` made of a column, before or after JSON."""
    known = {key: frozen(value) for key, value in fields.items() if key not in ("kind", "form")}
    form = {"form": _form_from_dict(fields["form"])} if "form" in fields else {}
    return KINDS[fields["kind"]](**known, **form)


def frozen(value: object) -> object:
    """The value with tuples for lists, however deep."""
    return tuple(map(frozen, value)) if isinstance(value, list | tuple) else value
