"""Kinds of columns of a table: numbers, dates, categories, identifiers, constants.

The whole column decides, never its first rows, and what it is taken for is said in its `note`.
"""

import dataclasses
import datetime
import decimal
import functools
import json
import math
import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ganapp.training.data.tables.columns import (
    PLAIN,
    PLAIN_CELL,
    Categorical,
    Column,
    Constant,
    DateForm,
    Identifier,
    LeftOut,
    NumberForm,
    Numeric,
    Value,
    date_patterns,
    number_forms,
    parse_dates,
    parse_mixed_dates,
    unit_of,
    written_pattern,
)
from ganapp.training.messages import did_you_mean, join_names

if TYPE_CHECKING:
    import pandas

MOST_CATEGORIES = 100
# Every one of them needs rows to be learnt from, and is an entry of its own in the figures.
MOST_EMBEDDED = 1000
MOST_DECIMALS = 9
COMMON = 0.1  # share of the rows with one and the same value that makes it a mode
EXACT = 2**24  # whole numbers up to this one are float32 numbers
EMPTY = ("must hold a value", "none at all")
PLAIN_TYPES = (str, int, float, bool)
# What programs write where they know no number; a word without digits likewise.
NO_NUMBER = {"n/a", "#n/a", "#div/0!", "#num!", "-1.#ind", "1.#qnan"}
CODE = re.compile(r"[+-]?0\d.*|\d+[eE]\d+|\+\d{7,}")  # read as a number it would change
NUMBER_OR_CODE = re.compile(rf"{PLAIN}|\d+[eE]\d+")
WHOLE = re.compile(r"[+-]?\d+")
OF_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})*")
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
NUMBERED = re.compile(r"(\D*)(\d{1,15})")
# Names of columns that say which row it is.
NAMES_ROWS = re.compile(
    r"(.*[\W_])?(id|ids|uuid|guid|key|index|idx|nr|no|ref|rowid|rownames?)|.*[a-z](Id|ID|UUID|Key|Nr)"
    r"|id[\W_].*|unnamed: \d+",
)
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
YEARS = (1800, 2200)  # in which eight digits are believed to be a date; 9999 stands for never

MEANINGS = {  # what `data.kinds` may say, and what it means
    "number": "number",
    "integer": "number",
    "money": "number",
    "percent": "number",
    "date": "date",
    "category": "category",
    "code": "category",
    "text": "category",
    "identifier": "identifier",
}
TYPES = {  # of columns that have one, and can be what is said of them
    "number": ("number", "decimal"),
    "date": ("date",),
    "identifier": ("number",),
}
ColumnValues = tuple[Column | LeftOut, np.ndarray | None]


class UnfitColumnError(ValueError):
    """A column that cannot be learnt; `cure` is what to do besides leaving it out."""

    def __init__(self, name: str, expected: str, received: str, cure: str = "") -> None:
        self.name, self.expected, self.received = name, expected, received
        end = cure or f", which `drop = [{str(name)!r}]` leaves out"
        super().__init__(
            f"The column {quoted_name(name)} {expected}. Received: {received}{end}".strip()
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """The options for a column."""

    kind: str = ""  # a key of `MEANINGS` or a pattern of dates; empty where nothing is said
    embedded: bool = False  # whether its categories become points
    label: bool = False  # whether it holds the class

    @property
    def are_categories(self) -> bool:
        """Whether the column must be one of categories, whatever its cells look like."""
        return self.embedded or self.label

    @property
    def meaning(self) -> str:
        """`number`, `date`, `category`, `identifier`, or nothing."""
        return "date" if "%" in self.kind else MEANINGS.get(self.kind, "")


def quoted_name(name: object) -> str:
    """A column's name in quotes, for a sentence that begins with "The column"."""
    return repr(str(name)) if str(name) else "without a name"


def setting(name: str, kind: str) -> str:
    """The setting that says what a column is."""
    key = name if BARE_KEY.fullmatch(name) else f'"{name}"'
    return f'`data.kinds = {{{key} = "{kind}"}}`'


def check_kinds(kinds: Mapping[str, str], columns: Sequence[str]) -> None:
    """Refuses kinds that there are not, and columns that the table lacks."""
    for name, kind in kinds.items():
        if name not in columns:
            raise ValueError(
                "`kinds` must name columns of the table, "
                f"{join_names([*map(quoted_name, columns)])}. "
                f"Received: {name!r}.{did_you_mean(name, columns)}".removesuffix(".")
            )
        if kind not in MEANINGS and "%" not in kind:
            raise ValueError(
                f"`kinds` must say {', '.join(MEANINGS)}, or how dates are written, such as "
                f"%d.%m.%Y. Received: {kind!r} for {name!r}.{did_you_mean(kind, MEANINGS)}"
            )


def infer_columns(
    frame: "pandas.DataFrame",
    options: Mapping[str, ColumnOptions] = MappingProxyType({}),
    *,
    of_text: bool = False,
    decimal_mark: str = "",
    separator: str = "",
) -> list[ColumnValues]:
    """Infers the kinds of all columns, and gives their values.

    Args:
        frame: typed columns, or text alone (`of_text`) where the file has no types.
        options: by name, for some columns or all.
        of_text: whether every cell is text.
        decimal_mark: what the options say stands before decimals, or nothing.
        separator: what stands between the values of the file, a hint where marks are ambiguous.

    Returns:
        For each column what it is, a `Numeric` still without modes, and its values: float64
        `(n,)`, numbers or codes of categories, NaN where missing; `None` for what is not learnt.

    Raises:
        ValueError: naming all columns that cannot be learnt.
    """
    texts = {
        name: TextColumn(frame[name], declared=not of_text)
        for name in frame.columns
        if of_text or _type_of(frame[name]) == "text"
    }
    clear = {column.clear_mark for column in texts.values()} - {""}
    marks = DecimalMark(
        decimal=decimal_mark or (clear.pop() if len(clear) == 1 else ""),
        given=bool(decimal_mark),
        separator=separator,
    )
    found, unfit = [], []
    for name in frame.columns:
        chosen = options.get(name, ColumnOptions())
        try:
            if name in texts:
                found.append(texts[name].infer(chosen, marks))
            else:
                found.append(_infer_typed(frame[name], chosen))
        except UnfitColumnError as error:
            unfit.append(error)
    if unfit:
        raise _all_at_once(unfit)
    return found


def _all_at_once(unfit: list[UnfitColumnError]) -> ValueError:
    """One sentence on all columns that cannot be learnt, with the list to copy."""
    if len(unfit) == 1:
        return unfit[0]
    names = [str(error.name) for error in unfit]
    on_the_line = shlex.quote(f"data.drop={json.dumps(names, ensure_ascii=False)}")
    drop = f"`drop = {names!r}` leaves them out (--set {on_the_line})"
    if len({(error.expected, error.received) for error in unfit}) == 1:
        first = unfit[0]
        return ValueError(
            f"The columns {', '.join(map(repr, names))} {first.expected}. "
            f"Received: {first.received}; {drop}"
        )
    each = "; ".join(
        f"{quoted_name(error.name)} {error.expected} (received: {error.received})"
        for error in unfit
    )
    return ValueError(f"{len(unfit)} columns cannot be learnt, {drop}: {each}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecimalMark:
    """The mark before the decimals in a file."""

    # the mark; empty if nothing tells it, neither options nor columns that are clear
    decimal: str = ""
    given: bool = False  # whether the options say so
    separator: str = ""  # what stands between the values

    def choose(self, forms: Sequence[NumberForm]) -> tuple[NumberForm | None, bool]:
        """The likeliest of the forms that fit a column, and whether that is a guess."""
        if self.decimal and (len(forms) > 1 or self.given):
            forms = [
                form
                for form in forms  # whole numbers have no mark
                if form.decimal == self.decimal or (form.places == 0 and not form.thousands)
            ]
        if len(forms) < 2:
            return (forms[0] if forms else None), False
        commas = [form for form in forms if form.thousands == ","]
        if commas and self.separator == ",":
            return commas[0], True
        return forms[0], bool(commas)


class TextColumn:
    """A column of text; `declared` where the file says that it is, so that digits are none."""

    def __init__(self, series: "pandas.Series", *, declared: bool) -> None:
        import pandas

        self.name, self.rows, self.declared = str(series.name), len(series), declared
        self.dtype = str(series.dtype) if declared else "string"
        self.codes, texts = pandas.factorize(series, use_na_sentinel=True)
        self.texts: list[str] = texts.tolist()
        self.counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts))

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether all cells are numbers as programs write them."""
        return bool(self.texts) and all(map(PLAIN_CELL.fullmatch, self.texts))

    @functools.cached_property
    def forms(self) -> list[NumberForm]:
        """The forms in which all cells can be numbers."""
        if self.is_plain:
            points = [text for text in self.texts if "." in text or "e" in text or "E" in text]
            plus = any(text.startswith("+") for text in self.texts)
            plain = NumberForm(places=_places(self.texts) if points else 0, plus=plus)
            if not points or not all(map(OF_THOUSANDS.fullmatch, self.texts)):
                return [plain]
            # Points may part thousands, if another column says so.
            return [plain, *(f for f in number_forms(self.texts) if f.thousands == ".")]
        return number_forms(self.texts) if self.texts else []

    @property
    def clear_mark(self) -> str:
        """The decimal mark, where the column's own cells leave no doubt."""
        marks = {form.decimal for form in self.forms}
        if len(marks) != 1 or all(form.places == 0 for form in self.forms):
            return ""
        return marks.pop()

    def infer(self, options: ColumnOptions, marks: DecimalMark) -> ColumnValues:
        """The kind of the column and its values; an `UnfitColumnError` if it cannot be learnt."""
        if not self.texts:
            raise UnfitColumnError(self.name, *EMPTY)
        if options.meaning == "number":
            return self._numbers_by_option(options, marks)
        if options.meaning == "date":
            return self._dates_by_option(options)
        if options.meaning == "identifier":
            numbers = self.dtype if self.declared else "Int64"
            return _identifier(self.name, self.dtype, self.texts, numbers), None
        if options.meaning or len(self.texts) <= 2 or options.are_categories:
            return self._as_categories(options)
        if not self.declared and self._code and all(map(NUMBER_OR_CODE.fullmatch, self.texts)):
            note = (
                f"{self._code!r} would change as a number, so kept letter by letter; "
                f"{setting(self.name, 'number')} takes it for one"
            )
            return self._as_categories(options, note)
        found = self._as_digits_of_dates() or self._as_numbers(marks) or self._as_dates()
        if found is None and not self.declared:
            self._check_words()
        return found or self._as_categories(options)

    def _as_categories(self, options: ColumnOptions, note: str = "") -> ColumnValues:
        """Categories, letter by letter; or an identifier, if no two rows have the same."""
        forced = bool(options.meaning) or options.are_categories
        if not forced and self._names_rows:
            return _left_out(self.name, "is different in every row"), None
        return _categorical(
            self.name, self.dtype, self.texts, self.codes, options=options, note=note
        )

    @property
    def _is_unique(self) -> bool:
        """Whether no two rows have the same text, and few have none."""
        missing = np.count_nonzero(self.codes < 0)
        return len(self.texts) == self.rows - missing > 2 and missing <= COMMON * self.rows

    @property
    def _names_rows(self) -> bool:
        """Whether no two rows have the same text, and it is no number with decimals."""
        if not self._is_unique:
            return False
        measured = sum(_float(text) is not None and "." in text for text in self.texts)
        return measured < len(self.texts) / 2

    @functools.cached_property
    def _code(self) -> str | None:
        """A text that would change as a number: `007`, `1E5`, `+4917...` among no negative ones."""
        found = filter(CODE.fullmatch, self.texts)
        signed = any(text.startswith("-") for text in self.texts)
        return next((text for text in found if not (signed and text.startswith("+"))), None)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values of the different texts as those of the rows, NaN where missing."""
        return np.append(np.asarray(values, np.float64), np.nan)[self.codes]

    def _as_numbers(self, marks: DecimalMark) -> ColumnValues | None:
        if self.declared and self.is_plain:
            return None
        form, guessed = marks.choose(self.forms)
        if form is None:
            return None
        note = ""
        if guessed:
            use = f"`data.decimal = {',' if form.thousands == ',' else '.'!r}`"
            mark = "part thousands" if form.thousands else "stand before decimals"
            note = f"commas {mark}; {use} says otherwise"
        return self._in_form(form, self.texts, note, unless_identifier=True)

    def _numbers_by_option(self, options: ColumnOptions, marks: DecimalMark) -> ColumnValues:
        texts = self.texts
        form, _ = marks.choose(self.forms or number_forms([t for t in texts if not is_word(t)]))
        form = form or NumberForm()  # written otherwise than numbers would be
        if form.is_plain:
            texts = [_float(text) or text for text in texts]
        lost = [place for place, text in enumerate(texts) if form.value(text) is None]
        self._check_lost(lost, "numbers", options)
        found, values = self._in_form(form, texts, self._about_lost(lost))
        if options.kind == "integer" and found.decimals != 0:
            self._refuse("whole numbers", options, next(t for t in texts if "." in t))
        return found, values

    def _in_form(
        self, form: NumberForm, texts: list[str], note: str, *, unless_identifier: bool = False
    ) -> ColumnValues:
        """Numbers of one form; texts that are none are missing."""
        fast = form.is_plain and self.is_plain
        read = texts if fast else [form.value(text) for text in texts]
        known = [text for text in read if text is not None]
        whole = all(WHOLE.fullmatch(text) for text in known)
        numbers = [np.nan if text is None else int(text) if whole else float(text) for text in read]
        if unless_identifier and whole and not form.before and not form.after and self._is_unique:
            out = _counting_or_named(self.name, [n for n in numbers if n == n])
            if out is not None:
                return out, None
        keep = form if not (form.is_plain and not form.places) else None
        dtype = _integer_type(numbers) if whole else "Float64"
        values = self.spread(np.array([float(number) for number in numbers]))
        return _numeric(self.name, dtype, values, numbers if whole else None, form=keep, note=note)

    def _as_digits_of_dates(self) -> ColumnValues | None:
        """Whole numbers such as 20261129, if each is a day."""
        lengths = {len(text) for text in self.texts}
        if lengths not in ({8}, {14}) or not all(map(str.isdecimal, self.texts)):
            return None
        years = {int(text[:4]) for text in self.texts}
        if not all(YEARS[0] <= year <= YEARS[1] or year == 9999 for year in years):
            return None
        return self._as_dates()

    def _as_dates(self) -> ColumnValues | None:
        patterns = date_patterns(self.texts)
        return self._in_patterns(patterns) if patterns else None

    def _dates_by_option(self, options: ColumnOptions) -> ColumnValues:
        texts = self.texts
        if "%" in options.kind:
            patterns = [[options.kind]]
        else:
            patterns = date_patterns([text for text in texts if not is_word(text)] or texts)
        if not patterns:
            self._refuse("dates", options, texts[0])
        dates = parse_mixed_dates(texts, patterns[0])
        lost = np.flatnonzero(dates.isna().to_numpy()).tolist()
        self._check_lost(lost, "dates", options)
        return self._in_patterns(patterns[:1], self._about_lost(lost))

    def _in_patterns(self, patterns: list[list[str]], note: str = "") -> ColumnValues:
        """Dates of one or several patterns; texts that are none are missing."""
        chosen, texts = patterns[0], self.texts
        if len(chosen) > 1:
            note = f"dates in several forms, {' and '.join(chosen)}: written in the first"
        elif (other := _another_reading(patterns, texts)) is not None:
            first = "months" if chosen[0].find("%m") < chosen[0].find("%d") else "days"
            note = f"{first} first, as {chosen[0]}; {setting(self.name, other)} swaps them"
        elif texts[0].isdecimal():
            note = f"digits taken for dates; {setting(self.name, 'number')} says otherwise"
        dates = parse_mixed_dates(texts, chosen)
        form = _date_form(dates, written_pattern(texts, chosen[0]))
        values = self.spread(form.numbers(dates))
        return _numeric(self.name, "datetime64[us]", values, None, form=form, note=note)

    def _check_lost(self, places: list[int], what: str, options: ColumnOptions) -> None:
        """Refuses a column of which the options lose most cells."""
        if self.counts[places].sum() > self.counts.sum() / 2:
            self._refuse(what, options, self.texts[places[0]])

    def _refuse(self, what: str, options: ColumnOptions, example: str) -> NoReturn:
        said = f"must hold {what}, as {setting(self.name, options.kind)} says"
        raise UnfitColumnError(self.name, said, f"e.g. {example!r}", " ")

    def _about_lost(self, places: list[int]) -> str:
        """A note on cells that are taken for missing because of the options."""
        if not places:
            return ""
        words = [self.texts[place] for place in places]
        return f"{self.counts[places].sum()} cells are missing: {join_names(words, most=3)}"

    def _check_words(self) -> None:
        """Refuses numbers or dates but for a word such as `unknown`, which would be categories."""
        places = [i for i, text in enumerate(self.texts) if is_word(text)]
        rest = [text for text in self.texts if not is_word(text)]
        count = int(self.counts[places].sum())
        if not places or len(rest) < 3 or count > self.counts.sum() / 2:
            return
        if all(map(PLAIN_CELL.fullmatch, rest)) or number_forms(rest):
            kind = "number"
        elif date_patterns(rest):
            kind = "date"
        else:
            return
        words = [self.texts[place] for place in places]
        infinite = [word for word in words if INFINITE.fullmatch(word)]
        if infinite and len(infinite) == len(words):
            raise _infinite(self.name, count)
        raise UnfitColumnError(
            self.name,
            f"must hold {kind}s, or nothing where one is missing; empty those cells, take them "
            f"for missing with {setting(self.name, kind)}, or name the column in `categorical`",
            f"{count} times {' or '.join(map(repr, words[:3]))}",
            " ",
        )


def _infer_typed(series: "pandas.Series", options: ColumnOptions) -> ColumnValues:
    """Infers the kind of a column of which the file says the type; see `TextColumn.infer`."""
    name, dtype, present = str(series.name), str(series.dtype), series.dropna()
    if not len(present):
        raise UnfitColumnError(name, *EMPTY)
    kind = _type_of(series)
    if kind not in TYPES.get(options.meaning, (kind,)):
        said = f"must hold {options.meaning}s, as {setting(name, options.kind)} says"
        raise UnfitColumnError(name, said, f"the type {dtype}, e.g. {present.iloc[0]}", " ")
    if kind not in ("number", "date", "decimal") or options.meaning == "category":
        return _typed_categories(series, options)
    if options.meaning == "identifier":
        whole = [int(value) for value in present.tolist()]
        if whole != present.tolist():
            raise UnfitColumnError(
                name,
                f"must hold whole numbers or text, as {setting(name, options.kind)} says",
                f"e.g. {next(value for value in present.tolist() if value != int(value))}",
                " ",
            )
        return Identifier(name=name, dtype=dtype, first=_next_number(whole)), None
    if kind == "date":
        return _typed_dates(series, options)
    values = present.unique()
    few = 1 if options.meaning == "number" else 2
    if len(values) <= few or options.label or (options.embedded and options.meaning):
        return _typed_categories(series, options)
    if options.embedded:
        use = f"`categorical = [{name!r}]`"
        raise _not_to_embed(name, f"numbers, which {use} takes for names")
    numbers = series.to_numpy("float64", na_value=np.nan)
    if kind == "decimal":
        places = -min(int(value.as_tuple().exponent) for value in values)
        return _numeric(name, kind, numbers, None, form=NumberForm(places=max(0, places)))
    whole, note = None, ""
    if np.issubdtype(np.asarray(present.to_numpy()).dtype, np.integer):
        whole = [int(value) for value in values]
        if len(whole) == len(series) and (out := _counting_or_named(name, whole)) is not None:
            if not options.meaning:
                return out, None
            note = f"different in every row; {setting(name, 'identifier')} writes it anew"
    return _numeric(name, dtype, numbers, whole, note=note)


def _typed_dates(series: "pandas.Series", options: ColumnOptions) -> ColumnValues:
    import pandas

    name, dates = str(series.name), pandas.to_datetime(series)
    if getattr(dates.dt, "tz", None) is not None:
        dates = dates.dt.tz_localize(None)
    if dates.nunique() <= 2 or options.are_categories:
        return _categorical(name, "string", *_factors(series.astype("string")), options=options)
    times = {"D": "", "m": " %H:%M", "s": " %H:%M:%S", "us": " %H:%M:%S.%f"}
    form = _date_form(dates, f"%Y-%m-%d{times[unit_of(dates)]}")
    dtype = "date" if series.dtype == object else str(series.dtype)
    return _numeric(name, dtype, form.numbers(dates), None, form=form)


def _typed_categories(series: "pandas.Series", options: ColumnOptions) -> ColumnValues:
    name = str(series.name)
    try:
        values, codes = _factors(series)
    except TypeError as error:
        kind = type(series.dropna().iloc[0]).__name__
        raise UnfitColumnError(name, "must hold numbers, text or booleans", kind) from error
    numeric = _type_of(series) == "number"
    return _categorical(name, str(series.dtype), values, codes, options=options, numeric=numeric)


def _not_to_embed(name: str, received: str) -> ValueError:
    """The error that a column has no categories to embed."""
    return ValueError(f"`embedded` must name columns of categories. Received: {name!r}, {received}")


def _date_form(dates: "pandas.Series", pattern: str) -> DateForm:
    first = dates.min().to_datetime64().astype("datetime64[us]")
    return DateForm(pattern=pattern, origin=np.datetime_as_string(first), unit=unit_of(dates))


def ordered(values: Sequence[Value]) -> list[Value]:
    """Categories in their order: of their types, numbers written as text by what they are."""
    if all(isinstance(value, str) and _float(value) is not None for value in values):
        return sorted(values, key=lambda value: (float(value), value))
    return sorted(values, key=lambda value: (type(value).__name__, value))


def _type_of(series: "pandas.Series") -> str:
    """`number`, `text`, `date`, `decimal`, or `other`."""
    from pandas.api import types

    dtype = series.dtype
    if types.is_bool_dtype(dtype):
        return "other"
    if types.is_numeric_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype):
        return "date"
    kinds = {type(value) for value in series.dropna()}
    if kinds and all(issubclass(kind, str) for kind in kinds):
        return "text"
    if kinds and all(issubclass(kind, datetime.date) for kind in kinds):
        return "date"
    return "decimal" if kinds == {decimal.Decimal} else "other"


def _factors(series: "pandas.Series") -> tuple[list[Value], np.ndarray]:
    """The different values, and which one each row has, -1 where missing."""
    import pandas

    values = series.dropna().unique().tolist()
    codes = pandas.factorize(series, use_na_sentinel=True)[0]
    return values, codes


def _categorical(
    name: str,
    dtype: str,
    values: Sequence[Value],
    codes: np.ndarray,
    *,
    options: ColumnOptions,
    note: str = "",
    numeric: bool = False,
) -> ColumnValues:
    """Categories, or what is always the same."""
    missing = bool((codes < 0).any())
    if len(values) == 1 and not missing:
        if options.embedded:
            raise _not_to_embed(name, f"always {values[0]!r}")
        return Constant(name=name, dtype=dtype, value=values[0]), None
    _check_categories(name, values, int((codes >= 0).sum()), options, numeric)
    found = tuple(ordered(values))
    place = {value: code for code, value in enumerate(found)}
    new = np.array([*(place[value] for value in values), np.nan], np.float64)[codes]
    share = float(np.mean(codes < 0))
    about = {"missing": missing, "missing_share": share, "note": note}
    return Categorical(name=name, dtype=dtype, categories=found, **about), new


def _numeric(
    name: str,
    dtype: str,
    numbers: np.ndarray,
    whole: Sequence[int] | None,
    *,
    form: NumberForm | DateForm | None = None,
    note: str = "",
) -> ColumnValues:
    """Numbers, still without modes."""
    present = numbers[~np.isnan(numbers)]
    values, counts = np.unique(present, return_counts=True)
    _check_numbers(name, values)
    decimals, exact = _decimals(values), ()
    minimum, maximum = float(values[0]), float(values[-1])
    if whole is not None:
        known = [value for value in whole if value == value]
        minimum, maximum = min(known), max(known)
        if max(abs(minimum), abs(maximum)) > EXACT:
            common = set(values[counts >= COMMON * len(present)].tolist())
            exact = tuple(sorted({minimum, maximum, *(v for v in known if float(v) in common)}))
            spacing = int(np.spacing(np.float32(max(abs(minimum), abs(maximum)))))
            note = note or (
                f"beyond {EXACT:,} not kept exactly, only to multiples of {spacing:,}; "
                f"{setting(name, 'code')} keeps categories"
            )
    column = Numeric(
        name=name,
        dtype=dtype,
        minimum=minimum,
        maximum=maximum,
        decimals=decimals,
        missing=len(present) < len(numbers),
        step=_step(values, decimals),
        exact=exact,
        form=form,
        missing_share=float(np.mean(np.isnan(numbers))),
        note=note,
    )
    return column, numbers


def _integer_type(numbers: Sequence[float]) -> str:
    known = [number for number in numbers if number == number]
    if min(known) < -(2**63) or max(known) >= 2**64:
        return "Float64"
    return "Int64" if max(known) < 2**63 else "UInt64"


def _decimals(values: np.ndarray) -> int | None:
    """Digits after the point that suffice for all values; `None` if more than nine."""
    for digits in range(MOST_DECIMALS + 1):
        if np.allclose(np.round(values, digits), values, rtol=1e-12, atol=0.0):
            return digits
    return None


def _step(values: np.ndarray, decimals: int | None) -> int:
    """The largest number of which all are multiples, in units of the last decimal."""
    if decimals is None or np.abs(values).max() * 10.0**decimals > 2**53:
        return 1
    return max(1, int(np.gcd.reduce(np.round(values * 10.0**decimals).astype(np.int64))))


def _places(texts: Sequence[str]) -> int | None:
    """Digits after the point that all texts have; `None` if they differ."""
    if any("e" in text or "E" in text for text in texts):
        return None
    counts = {len(text.partition(".")[2]) for text in texts}
    return counts.pop() if len(counts) == 1 else None


def _check_numbers(name: str, values: np.ndarray) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        raise _infinite(name, int((~finite).sum()))
    if np.abs(values).max() > np.finfo(np.float32).max / 1e6:
        raise UnfitColumnError(
            name, "must hold numbers below 1e32", f"{values[np.abs(values).argmax()]:.3g}"
        )
    if len(np.unique(values.astype(np.float32))) < len(values) / 2:
        raise UnfitColumnError(
            name,
            "must differ by more than the seventh digit",
            f"{values.min():.15g} to {values.max():.15g}",
            f"; subtract what they share, keep them letter by letter with {setting(name, 'code')}, "
            f"or leave the column out with `drop = [{name!r}]`",
        )


def _infinite(name: str, count: int) -> UnfitColumnError:
    return UnfitColumnError(
        name, "must hold finite numbers", f"{count} infinite ones", "; leave them empty if unknown"
    )


def _check_categories(
    name: str, values: Sequence[Value], count: int, options: ColumnOptions, numeric: bool
) -> None:
    unfit = functools.partial(UnfitColumnError, name)
    leave_out = f"leave the column out with `drop = [{name!r}]`"
    foreign = next((value for value in values if type(value) not in PLAIN_TYPES), None)
    if foreign is not None:
        example = f"{type(foreign).__name__}, e.g. {foreign!s}"
        raise unfit("must hold numbers, text or booleans", example)
    forced = options.label or options.meaning == "category"
    repeat = len(values) <= count / 2
    if options.embedded and repeat:
        if len(values) > MOST_EMBEDDED:
            raise unfit(
                f"must have at most {MOST_EMBEDDED} categories to be embedded",
                f"{len(values)}, e.g. {values[0]!r}",
                f"; put rare ones together, or {leave_out}",
            )
        return
    if not (options.embedded or len(values) > MOST_CATEGORIES or not (repeat or forced)):
        return
    messy = [value for value in values if _float(value) is None]
    may_embed = repeat and len(values) <= MOST_EMBEDDED and not options.label
    numbers = len(messy) < len(values) / 2 and not numeric and not forced
    if numbers and not messy and not may_embed:
        raise unfit("must hold numbers", f"numbers written as text, e.g. {values[0]!r}")
    if numbers and messy:
        raise unfit(
            "must hold numbers or nothing in a cell",
            f"{len(messy)} values that are no numbers, e.g. {messy[0]!r}",
            f"; correct them, or {leave_out}",
        )
    raise unfit(
        f"must hold numbers, or categories that repeat, at most {MOST_CATEGORIES}",
        f"{len(values)} different values in {count} rows, e.g. {values[0]!r}",
        f"; embed it with `embedded = [{name!r}]`, or {leave_out}" if may_embed else "",
    )


def _counting_or_named(name: str, numbers: Sequence[int]) -> LeftOut | None:
    """The column as one that is left out, if different whole numbers only tell rows apart."""
    if min(numbers) in (0, 1) and max(numbers) - min(numbers) + 1 == len(numbers):
        return _left_out(name, "counts the rows")
    named = NAMES_ROWS.fullmatch(name) or NAMES_ROWS.fullmatch(name.lower())
    return (
        _left_out(name, "is different in every row and named as an identifier") if named else None
    )


def _left_out(name: str, what: str) -> LeftOut:
    return LeftOut(
        name=name,
        reason=f"The column {quoted_name(name)} {what}, so it is left out; "
        f"{setting(name, 'identifier')} writes it anew.",
    )


def _identifier(name: str, dtype: str, values: Sequence[Value], numbers: str) -> Identifier:
    """The column as one that is written anew: numbers go on where those of the data end.

    Args:
        dtype: of text.
        numbers: of identifiers that are digits alone, without zeros in front.
    """
    texts = [str(value) for value in values]
    if all(UUID.fullmatch(text) for text in texts):
        return Identifier(name=name, dtype=dtype, first=0, unique=True)
    parts = [NUMBERED.fullmatch(text) for text in texts]
    if all(parts) and len({part[1] for part in parts}) == 1:
        widths = {len(part[2]) for part in parts}
        padded = len(widths) == 1 and any(part[2].startswith("0") for part in parts)
        return Identifier(
            name=name,
            dtype=dtype if not all(map(str.isdecimal, texts)) or padded else numbers,
            first=_next_number([int(part[2]) for part in parts]),
            before=parts[0][1],
            width=widths.pop() if padded else 0,
        )
    return Identifier(name=name, dtype=dtype, first=1, before=f"{name} " if name else "")


def _next_number(numbers: Sequence[int]) -> int:
    """The number of the first row written anew: behind the data's, or theirs if they count rows."""
    counts = min(numbers) in (0, 1) and max(numbers) - min(numbers) + 1 == len(numbers)
    return min(numbers) if counts else max(numbers) + 1


def _another_reading(patterns: list[list[str]], texts: Sequence[str]) -> str | None:
    """A pattern with day and month the other way round that reads all dates otherwise."""
    first = patterns[0][0]
    swapped = first.replace("%d", "\0").replace("%m", "%d").replace("\0", "%m")
    if swapped == first or [swapped] not in patterns:
        return None
    return None if parse_dates(texts, first).equals(parse_dates(texts, swapped)) else swapped


def is_word(text: str) -> bool:
    """Whether a text among numbers or dates says that there is none: it has no digits."""
    return not any(char.isdigit() for char in text) or text.lower() in NO_NUMBER


def _float(value: Value) -> str | None:
    """The value as Python writes a number, `None` if it is no finite one."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number):
        return None
    text = str(value)
    return str(int(text)) if WHOLE.fullmatch(text) else repr(number)
