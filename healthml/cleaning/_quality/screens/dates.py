"""Dates: written in several formats, on days that do not exist, in an order that cannot be."""

import re
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import name_words
from healthml.cleaning._columns import FOUND, SUSPECTED, Flag, code_meaning, level_key

DATE_FORMATS, NO_SUCH_DAY = "date_formats", "no_such_day"
START_AFTER_END, BEFORE_BIRTH, AFTER_DEATH = "start_after_end", "before_birth", "after_death"

MOSTLY_DATES = 0.5
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_SHAPES = (
    ("year-month-day", re.compile(r"\d{4}-\d{2}-\d{2}")),
    ("year-month-day with time", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}.*")),
    ("year first, other separators", re.compile(r"\d{4}([/.-])\d{1,2}\1\d{1,2}.*")),
    ("year last", re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{4}.*")),
    ("year of two digits", re.compile(r"\d{1,2}([/.-])\d{1,2}\1\d{2}")),
    ("month in letters", re.compile(rf"(?i)[\d\s,./-]*({_MONTHS})[a-z]*[\d\s,./-]+\w*")),
    ("eight digits", re.compile(r"(18|19|20|21|22)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])")),
)
_DAY_NUMBER = re.compile(r"\d{4,6}(\.0+)?")
_DATE_WORDS = frozenset({"date", "dates", "dt", "datetime", "day", "dob", "dod", "time"})
_BIRTH = frozenset({"birth", "dob", "born", "birthdate", "birthday"})
_DEATH = frozenset({"death", "dod", "deathdate", "deceased"})
_STARTS = frozenset({"admission", "admit", "admitted", "start", "begin", "intime", "admittime"})
_ARRIVALS = _STARTS - {"start", "begin"}
_ENDS = frozenset({"discharge", "discharged", "end", "stop", "outtime", "dischtime", "dischdate"})


def screen_date_columns(table):
    """Yield text columns of dates in several formats, and days that the calendar does not have."""
    for column in table.columns:
        shapes = date_shapes(column)
        if shapes is None:
            continue
        yield from _formats(column, shapes)
        absent = absent_days(column, shapes)
        if any(absent):
            mask = column.cells_of_levels(absent)
            yield Flag.of_cells(column, NO_SUCH_DAY, FOUND, "days that no calendar has", mask)


def absent_days(column, shapes):
    """Say of each level whether it names a day that the calendar does not have."""
    return [
        shape.startswith("year-") and _calendar_day(level) is None
        for shape, level in zip(shapes, column.levels, strict=True)
    ]


def date_shapes(column):
    """Return the format of each level of a text column of dates, or None for other columns.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._quality.screens.dates import date_shapes
    >>> from healthml.cleaning._columns.view import ColumnView
    >>> cells = pd.Series(["2021-03-01", "01/04/2021", "5 May 2021"], name="seen")
    >>> date_shapes(ColumnView(cells))
    ['year-month-day', 'year last', 'month in letters']
    """
    if not column.is_text or not column.levels:
        return None
    keys = [level_key(level) for level in column.levels]
    shapes = [
        "" if code_meaning(k, keys) else _shape(x) for k, x in zip(keys, column.levels, strict=True)
    ]
    counts = Counter()
    for shape, n in zip(shapes, column.level_counts, strict=True):
        counts[shape] += int(n)
    total = sum(n for shape, n in counts.items() if shape)
    dates = sum(n for shape, n in counts.items() if shape not in ("", "other", "day number"))
    named = bool(_DATE_WORDS & set(name_words(column.name)))
    if named and dates:
        dates += counts["day number"]
    return shapes if total and dates >= MOSTLY_DATES * total else None


def _shape(text):
    text = text.strip()
    for name, pattern in _SHAPES:
        if pattern.fullmatch(text):
            return name
    return "day number" if _DAY_NUMBER.fullmatch(text) else "other"


def _formats(column, shapes):
    counts = Counter()
    for shape, n in zip(shapes, column.level_counts, strict=True):
        counts[shape] += int(n)
    counts = {s: n for s, n in counts.most_common() if s and n}
    if len(counts) < 2:
        return
    usual = next(iter(counts))
    mask = column.cells_of_levels([s not in ("", usual) for s in shapes])
    listed = ", ".join(f"{shape} {n:,}" for shape, n in counts.items())
    detail = f"dates in several formats: {listed}"
    yield Flag.of_cells(column, DATE_FORMATS, FOUND, detail, mask, evidence={"formats": counts})


def _calendar_day(text):
    """Return the day that a text beginning with year-month-day names, or None."""
    year, month, day = (int(part) for part in re.split(r"[-T ]", text.strip())[:3])
    try:
        return date(year, month, day)
    except ValueError:
        return None


def screen_date_order(table):
    """Yield ends before their start, dates before birth and dates after death, row by row."""
    days = {c.name: d for c in table.columns if (d := read_days(c)) is not None}
    for rule, before, after, what in date_pairs(list(days)):
        first, last = days[before], days[after]
        both = ~np.isnan(first) & ~np.isnan(last)
        with np.errstate(invalid="ignore"):
            wrong = both & (last < first)
        if not wrong.any():
            continue
        column, related = (before, after) if rule == AFTER_DEATH else (after, before)
        n, usual = int(wrong.sum()), wrong.sum() < MOSTLY_DATES * both.sum()
        detail = f"{n:,} of {int(both.sum()):,} rows: {what.format(before=before, after=after)}"
        status = FOUND if usual else SUSPECTED
        yield Flag(column, rule, status, detail, n, wrong, related=related)


def date_pairs(names):
    """Return (rule, earlier column, later column, words) for date columns whose names say so.

    Examples
    --------
    >>> from healthml.cleaning._quality.screens.dates import date_pairs
    >>> [pair[:3] for pair in date_pairs(["birth_date", "admission_date"])]
    [('before_birth', 'birth_date', 'admission_date')]
    """
    words = {name: set(name_words(name)) for name in names}
    birth = [n for n in names if words[n] & _BIRTH]
    death = [n for n in names if words[n] & _DEATH]
    others = [n for n in names if n not in birth]
    pairs = [(BEFORE_BIRTH, b, n, "{after} lies before {before}") for b in birth for n in others]
    pairs += [
        (AFTER_DEATH, n, d, "{before} lies after {after}")
        for d in death
        for n in others
        if n not in death and words[n] & _ARRIVALS  # papers and plans outlive the patient
    ]
    starts, ends = ([n for n in others if words[n] & kind] for kind in (_STARTS, _ENDS))
    pairs += [
        (START_AFTER_END, s, e, "{after} lies before {before}")
        for s in starts
        for e in ends
        if s != e and _left(words[s]) == _left(words[e])
    ]
    return pairs


def _left(words):
    return words - _STARTS - _ENDS - _DATE_WORDS


def read_days(column):
    """Return a column of dates as days since 1970 (NaN where there is none), or None."""
    if types.is_datetime64_any_dtype(column.series.dtype):
        stamps = pd.to_datetime(column.series)
        stamps = stamps.dt.tz_localize(None) if stamps.dt.tz is not None else stamps
        return np.floor(stamps.to_numpy("datetime64[s]").astype("int64") / 86400.0) + np.where(
            stamps.isna().to_numpy(), np.nan, 0.0
        )
    shapes = date_shapes(column)
    if shapes is None:
        return None
    days = [
        _calendar_day(x) if s.startswith("year-") else None
        for s, x in zip(shapes, column.levels, strict=True)
    ]
    number = [np.nan if d is None else d.toordinal() - date(1970, 1, 1).toordinal() for d in days]
    return np.append(np.array(number, dtype=float), np.nan)[column.level_codes]
