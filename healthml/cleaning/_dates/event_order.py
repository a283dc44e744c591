"""Birth, admission, discharge, death: which columns they are, and rows out of order."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._knowledge import name_words

_ABROAD = ["geburtsdatum", "geboortedatum", "naissance", "nacimiento", "nascita", "nascimento"]
BIRTH = frozenset(["birth", "dob", "born", "birthdate", "birthday"]).union(_ABROAD)
STARTS = frozenset(
    ["admission", "admit", "admitted", "adm", "start", "begin", "intime", "admittime", "admitdate"]
)
ENDS = frozenset(
    ["discharge", "discharged", "disch", "end", "stop", "outtime", "dischtime", "dischdate"]
)
DEATH = frozenset(["death", "dod", "deathdate", "died", "deceased", "deathtime"])
_FILLERS = frozenset(["date", "time", "datetime", "dt", "of", "the", "day"])
# a plan, a follow-up or a claim may begin and end after death; who comes and leaves is alive
_ARRIVALS = STARTS - {"start", "begin"}
_DEPARTURES = ENDS - {"end", "stop"}
# A start after its end is taken for an exchange where the stay turned round is at most TWICE as
# long as all but 1 % of at least FEWEST_STAYS others. Chosen by judgement, not by simulation: a
# wrong month or year makes long stays, which a larger TWICE would take for exchanges.
FEWEST_STAYS, LONGEST, TWICE = 30, 0.99, 2
# One day, to turn a difference into days.
DAY = np.timedelta64(1, "D")
SLACK = 1  # days by which a time zone or a night shift may turn two dates round


@dataclass(frozen=True)
class Stay:
    """A start and its end, with the longest usual time between them (days; None: unknown)."""

    start: object
    end: object
    longest: float | None = None


def has_role(name, words):
    """Say whether a column's name has one of the words.

    >>> has_role("date_of_birth", BIRTH), has_role("birth_weight", BIRTH), has_role("seen", BIRTH)
    (True, True, False)
    """
    return bool(set(name_words(str(name))) & words)


def find_stays(times):
    """Return the pairs of start and end among columns of dates, with their usual length."""
    ends = [name for name in times if has_role(name, ENDS)]
    stays = []
    for name in (n for n in times if has_role(n, STARTS)):
        alike = [e for e in ends if _rest(e, ENDS) == _rest(name, STARTS)]
        exact = [e for e in alike if _fillers(e) == _fillers(name)]
        other = next(iter(exact or alike), None)
        if other is None or other == name:
            continue
        days = ((times[other] - times[name]) / DAY).astype(float)
        days = days[np.isfinite(days) & (days >= 0)]
        enough = len(days) >= FEWEST_STAYS
        stays.append(Stay(name, other, float(np.quantile(days, LONGEST)) if enough else None))
    return stays


def _rest(name, words):
    return frozenset(name_words(str(name))) - words - _FILLERS


def _fillers(name):
    return set(name_words(str(name))) & _FILLERS


def swapped(stay, times):
    """Return rows that end before the day they start: (restored by exchange, others)."""
    with np.errstate(invalid="ignore"):
        days = _days_between(times[stay.start], times[stay.end])
        broken = days < 0
        usual = np.zeros(len(days), dtype=bool)
        if stay.longest is not None:
            usual = broken & (-days <= max(TWICE * stay.longest, 1))
    for name, words in (("birth", BIRTH), ("death", DEATH)):
        for column in times:
            if has_role(column, words):
                other = _days_between(times[column], times[stay.end])
                late = _days_between(times[stay.start], times[column])
                usual &= ~((other < 0) if name == "birth" else (late < -1))
    return np.flatnonzero(usual), np.flatnonzero(broken & ~usual)


def ordered_pairs(names):
    """Yield (earlier, later, severity, words) for columns of dates of which one comes first.

    >>> next(ordered_pairs(["birth_date", "admission_date"]))
    ('birth_date', 'admission_date', 'error', 'before the day of birth')
    """
    births = [c for c in names if has_role(c, BIRTH)]
    deaths = [c for c in names if has_role(c, DEATH)]
    events = [c for c in names if has_role(c, _ARRIVALS | ENDS | DEATH)]
    for birth in births:
        for event in events:
            yield birth, event, "error", "before the day of birth"
    for death in deaths:
        for event in (c for c in names if has_role(c, _ARRIVALS)):
            yield event, death, "error", "begins after the day of death"
        for event in (c for c in names if has_role(c, _DEPARTURES)):
            yield event, death, "verify", "ends more than a day after death"


def impossible_orders(times):
    """Yield (columns, rows, severity, words): an event before birth, or well after death."""
    for first, later, severity, words in ordered_pairs(times):
        rows = np.flatnonzero(_days_between(times[first], times[later]) < -SLACK)
        yield (first, later), rows, severity, words


def _days_between(first, second):
    """Return calendar days from one to the other; NaN where one is missing."""
    days = second.astype("datetime64[D]") - first.astype("datetime64[D]")
    out = days.astype(float)
    out[np.isnat(days)] = np.nan
    return out


def as_naive(series):
    """Return a datetime column as numpy datetimes without time zone."""
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert(None)
    return series.to_numpy(dtype="datetime64[ns]", na_value=np.datetime64("NaT", "ns"))
