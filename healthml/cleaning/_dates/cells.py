"""The cells of a column of dates: plain ISO days read at once, the rest one by one."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import name_words
from healthml.cleaning._columns import is_text
from healthml.cleaning._dates.column import DateColumn, as_times
from healthml.cleaning._dates.one_date import COMPACT, SERIAL, read_date

SAMPLE = 300
SOME = 0.4  # share of sampled cells that must look like dates before a column is read
LEARNT_PLAIN = 2000
_DATE_WORDS = frozenset(
    ["date", "dates", "datetime", "dt", "dob", "dod", "doa", "born", "birthdate", "birthday"]
)
_NOT_A_DATE = frozenset(
    [
        "diff",
        "days",
        "since",
        "count",
        "n",
        "offset",
        "year",
        "month",
        "weekday",
        "hour",
        "age",
        "between",
        "interval",
        "delta",
        "lag",
    ]
)


def is_hinted(name):
    """Say whether a column's name announces dates.

    Examples
    --------
    >>> from healthml.cleaning._dates.cells import is_hinted
    >>> is_hinted("date_onset"), is_hinted("days_since_date"), is_hinted("update_no")
    (True, False, False)
    """
    words = set(name_words(str(name)))
    return bool(words & _DATE_WORDS) and not words & _NOT_A_DATE


def may_hold_dates(series, hinted):
    """Say whether some of a column's cells look like dates, from 300 of them."""
    if types.is_bool_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype):
        return False
    is_number = types.is_numeric_dtype(series.dtype)
    if not (is_text(series) or (is_number and hinted)):
        return False
    places = np.unique(np.linspace(0, len(series) - 1, SAMPLE).astype(np.int64))
    some = series.dropna() if len(series) <= SAMPLE else series.iloc[places].dropna()
    cells = [as_text(cell) for cell in some.astype(object)]
    read = [read_date(cell) for cell in cells]
    if is_number:
        return bool(read) and all(r is not None and r.style in (COMPACT, SERIAL) for r in read)
    seen = sum(r is not None and (hinted or r.style not in (COMPACT, SERIAL)) for r in read)
    return bool(cells) and seen >= SOME * len(cells)


def as_text(cell):
    """Return a cell as text; a whole number without its point."""
    if isinstance(cell, str):
        return cell
    is_whole = isinstance(cell, float | np.floating) and np.isfinite(cell) and cell == int(cell)
    return str(int(cell)) if is_whole else str(cell)


def distinct_cells(series):
    """Return codes (-1: missing) and distinct cells as text, or None where cells have no order."""
    try:
        codes, levels = pd.factorize(series)
    except TypeError:  # lists and other cells that cannot be hashed
        return None
    return np.asarray(codes), [as_text(level) for level in levels]


def plain_days(levels):
    """Return the ISO days among texts as whole days since year 1, 0 where it is none."""
    if not levels:
        return np.empty(0, dtype=np.int64)
    days = pd.to_datetime(pd.Series(levels, dtype=object), format="%Y-%m-%d", errors="coerce")
    known = days.notna().to_numpy() & np.array([len(level) == 10 for level in levels])
    number = days.to_numpy().astype("datetime64[D]").astype(np.int64) + 719163
    return np.where(known, number, 0)


def thin(levels, counts, plain):
    """Return the levels to learn from: all that are not plain, and some of the plain ones."""
    usual = np.flatnonzero(plain > 0)
    if len(usual) <= LEARNT_PLAIN:
        return levels, counts
    some = usual[np.linspace(0, len(usual) - 1, LEARNT_PLAIN).astype(np.int64)]
    weight = np.array(counts, dtype=float)
    weight[some] *= weight[usual].sum() / weight[some].sum()
    keep = np.sort(np.concatenate([np.flatnonzero(plain == 0), some]))
    return [levels[i] for i in keep], weight[keep]


class Settled:
    """The distinct cells of a column, each with its datetime and the rule that speaks of it."""

    def __init__(self, column: DateColumn, codes, levels, plain=None):
        plain = plain_days(levels) if plain is None else plain
        doubtful = (plain == 0) | column.doubts(plain)
        days = [int(day) for day in plain]
        seconds, rules = [0] * len(levels), [None] * len(levels)
        for i in np.flatnonzero(doubtful):
            days[i], seconds[i], rules[i] = column.settle(levels[i])
        self.codes, self.levels, self.rules = codes, levels, rules
        self.of_levels = as_times(days, seconds)

    def times(self):
        """Return one datetime for each row."""
        return np.append(self.of_levels, np.datetime64("NaT", "ns"))[self.codes]

    def rows(self, wanted):
        """Return the rows whose level is wanted."""
        return np.flatnonzero(np.append(np.asarray(wanted, dtype=bool), False)[self.codes])

    def rows_of(self, rule):
        """Return the rows to which a rule applies."""
        return self.rows([r == rule for r in self.rules])
