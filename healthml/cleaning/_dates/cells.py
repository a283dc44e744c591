"""The cells of a column of dates: plain ISO days read at once, the rest one by one."""

import re
from datetime import date

import numpy as np
from pandas.api import types

from healthml._core._knowledge import name_words
from healthml.cleaning._columns import is_text
from healthml.cleaning._dates.column import DateColumn, as_times
from healthml.cleaning._dates.one_date import COMPACT, SERIAL, UNIX, read_date

SAMPLE = 300  # cells by which a column is passed over or read; decides nothing within it
SOME = 0.4  # share of sampled cells that must look like dates before a column is read
LEARNT_PLAIN = 2000  # plain days from which a column is learnt; more change no decision
LEARNT_OTHER = 20_000  # and other texts, among which single cells decide the order of day and month
_ISO_DAY = re.compile(r"\d{4}-\d{2}-[\d ]\d")
_ABROAD = ["fecha", "naissance", "nacimiento", "nascita", "nascimento"]
_DATE_WORDS = frozenset(
    ["date", "dates", "datetime", "dt", "dob", "dod", "doa", "born", "birthdate", "birthday"]
).union(_ABROAD)
_TIME_WORDS = frozenset(
    ["time", "timestamp", "ts", "unix", "epoch", "intime", "outtime", "admittime", "dischtime"]
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

    >>> is_hinted("date_onset"), is_hinted("days_since_date"), is_hinted("Aufnahmedatum")
    (True, False, True)
    """
    words = set(name_words(str(name)))
    is_date = words & _DATE_WORDS or any(word.endswith("datum") for word in words)
    return bool(is_date) and not words & _NOT_A_DATE


def is_time_hinted(name):
    """Say whether a column's name announces moments, which may be kept as Unix seconds.

    >>> is_time_hinted("admit_time"), is_time_hinted("time_in_bed_days")
    (True, False)
    """
    words = set(name_words(str(name)))
    return bool(words & _TIME_WORDS) and not words & _NOT_A_DATE


def may_hold_dates(series, hinted):
    """Say whether some of a column's cells look like dates, from 300 of them."""
    if types.is_bool_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype):
        return False
    is_number, timed = types.is_numeric_dtype(series.dtype), is_time_hinted(series.name)
    if not (is_text(series) or (is_number and (hinted or timed))):
        return False
    places = np.unique(np.linspace(0, len(series) - 1, SAMPLE).astype(np.int64))
    some = series.dropna() if len(series) <= SAMPLE else series.iloc[places].dropna()
    cells = [as_text(cell) for cell in some.astype(object)]
    readings = {cell: read_date(cell) for cell in set(cells)}
    read = [readings[cell] for cell in cells]
    if is_number:
        allowed = (COMPACT, SERIAL, UNIX) if hinted else (UNIX,)
        return bool(read) and all(r is not None and r.style in allowed for r in read)
    weak = () if hinted else (COMPACT, SERIAL) if timed else (COMPACT, SERIAL, UNIX)
    seen = sum(r is not None and r.style not in weak for r in read)
    return bool(cells) and seen >= SOME * len(cells)


def as_text(cell):
    """Return a cell as text; a whole number without its point."""
    if isinstance(cell, str):
        return cell
    is_whole = isinstance(cell, float | np.floating) and np.isfinite(cell) and cell == int(cell)
    return str(int(cell)) if is_whole else str(cell)


def distinct_cells(series, factors):
    """Return codes (-1: missing) and distinct cells as text, from what `factorized` made of it."""
    return None if factors is None else (factors[0], [as_text(level) for level in factors[1]])


def plain_days(levels):
    """Return the ISO days among texts as whole days since year 1, 0 where it is none."""
    return np.fromiter((_plain_day(level) for level in levels), np.int64, len(levels))


def _plain_day(text):
    if len(text) != 10 or not _ISO_DAY.fullmatch(text):
        return 0
    try:
        return date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal()
    except ValueError:  # 2021-02-30
        return 0


def thin(levels, counts, plain):
    """Return the levels to learn from, with weights: some of the plain ones, more of the others."""
    weight, sample = np.array(counts, dtype=float), []
    for part, most in ((plain > 0, LEARNT_PLAIN), (plain == 0, LEARNT_OTHER)):
        places = np.flatnonzero(part)
        if len(places) > most:
            some = places[np.linspace(0, len(places) - 1, most).astype(np.int64)]
            weight[some] *= weight[places].sum() / weight[some].sum()
            places = some
        sample.append(places)
    sample = np.sort(np.concatenate(sample))
    return [levels[i] for i in sample], weight[sample]


class Settled:
    """The distinct cells of a column, each with its datetime and the rule that speaks of it."""

    def __init__(self, column: DateColumn, codes, levels, plain=None):
        plain = plain_days(levels) if plain is None else plain
        doubtful = (plain == 0) | column.doubts(plain)
        days = [int(day) for day in plain]
        seconds, rules = [0] * len(levels), [None] * len(levels)
        for i in np.flatnonzero(doubtful):
            days[i], seconds[i], rules[i] = column.settle(levels[i])
        self.codes, self.levels = codes, levels
        self.rules = np.array(rules, dtype=object)
        self.of_levels = as_times(days, seconds)

    def times(self):
        """Return one datetime for each row."""
        return np.append(self.of_levels, np.datetime64("NaT", "ns"))[self.codes]

    def rows(self, wanted):
        """Return the rows whose level is wanted."""
        return np.flatnonzero(np.append(np.asarray(wanted, dtype=bool), False)[self.codes])

    def rows_of(self, rule):
        """Return the rows to which a rule applies."""
        return self.rows(self.rules == rule)
