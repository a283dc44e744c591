"""Identifiers that repeat, and dates out of order, counted in a lazy table."""

import re

import narwhals as nw
import pandas as pd

from healthml.cleaning._columns import FOUND, NOTE, Flag, has_code_name
from healthml.cleaning._dates import SLACK, ordered_pairs
from healthml.cleaning._quality.findings import DATE_ORDER, date_checks
from healthml.cleaning._quality.lazy.table import COUNT, KEY, collect
from healthml.cleaning._quality.screens.keys import (
    FEWEST_CELLS,
    MOSTLY_SINGLE,
    REPEATED_IDENTIFIER,
    screen_repeated_identifiers,
)

# Distinct identifiers held at a time, and texts compared at all: bounds of memory, not of
# statistics.
PER_PART, MOST_TEXTS = 1_000_000, 2_000_000
_ISO = r"^\d{4}-\d{2}-\d{2}($|[T ])"


def repeated_identifiers(table, columns):
    """Return flags of identifiers that repeat, and rows for what could not be looked at.

    Whole numbers are counted in parts by remainder, so that the memory stays bounded.
    """
    flags, unread = [], []
    for name, column in columns.items():
        if not has_code_name(name) or column.n_present < FEWEST_CELLS:
            continue
        if column.is_complete:
            flags += [_bare(f) for f in screen_repeated_identifiers(_One(column))]
        elif name in table.whole:
            flags += _flag(name, column.n_present, _count_distinct(table, name))
        elif table.kinds[name] == "text" and table.n <= MOST_TEXTS:
            query = (
                table.frame.filter(~nw.col(name).is_null()).select(nw.col(name).alias(KEY)).unique()
            )
            flags += _flag(name, column.n_present, _length(query))
        elif table.kinds[name] == "text":
            why = f"more than {MOST_TEXTS:,} texts are not compared; use whole numbers"
            unread.append((name, REPEATED_IDENTIFIER, why))
    return flags, unread


class _One:
    def __init__(self, column):
        self.columns = [column]


def _bare(flag):
    return Flag(flag.column, flag.rule, flag.status, flag.detail, flag.n_cells)


def _flag(name, n_present, n_distinct):
    n = n_present - n_distinct
    if not 0 < n <= (1 - MOSTLY_SINGLE) * n_distinct:
        return []
    detail = f"{n:,} rows repeat an identifier that is otherwise unique: again, or by mistake?"
    return [Flag(name, REPEATED_IDENTIFIER, NOTE, detail, n)]


def _count_distinct(table, name):
    n_parts = -(-table.n // PER_PART)
    rows = table.frame.select(nw.col(name).alias(KEY)).filter(~nw.col(KEY).is_null())
    return sum(_length(rows.filter(nw.col(KEY) % n_parts == k).unique()) for k in range(n_parts))


def _length(query):
    return int(collect(query.select(nw.len().alias(COUNT)))[COUNT].iloc[0])


def date_order_flags(table, columns, parser):
    """Return a flag and a condition for each column of dates that stands in a wrong order."""
    days = {name: _day(table, column, parser) for name, column in columns.items()}
    days = {name: day for name, day in days.items() if day is not None}
    pairs = [(s.start, s.end, f"{s.start} lies after {s.end}", 0) for s in parser.stays_]
    pairs += [
        (first, later, f"{first} against {later}: {words}", SLACK)
        for first, later, _, words in ordered_pairs(list(days))
    ]
    broken = {}
    for first, later, words, slack in pairs:
        if first in days and later in days:
            earliest = days[first].dt.offset_by(f"-{slack}d") if slack else days[first]
            for name in (first, later):
                broken.setdefault(name, []).append((days[later] < earliest, words))
    if not broken:
        return [], []
    wrong = {name: _any([c for c, _ in breaks]) for name, breaks in broken.items()}
    counted = collect(table.frame.select(*(_sum(c, f"w{k}") for k, c in enumerate(wrong.values()))))
    flags, flagged = [], []
    for k, (name, breaks) in enumerate(broken.items()):
        n = counted[f"w{k}"].iloc[0]
        if pd.notna(n) and n:
            detail = "; ".join(dict.fromkeys(words for _, words in breaks))
            evidence = {"checks": date_checks(detail)}
            flags.append(Flag(name, DATE_ORDER, FOUND, detail, int(n), evidence=evidence))
            flagged.append(wrong[name])
    return flags, flagged


def _any(conditions):
    joined = conditions[0]
    for condition in conditions[1:]:
        joined = joined | condition
    return joined


def _day(table, column, parser):
    """Return the day of each row as an expression, or None for other columns."""
    cell, kind = nw.col(column.name), table.kinds[column.name]
    if kind == "date":
        return cell.cast(nw.Date)
    if kind != "text" or column.name not in parser.date_columns_:
        return None
    plain = [level for level in column.levels if re.match(_ISO, level.strip())]
    days = pd.to_datetime(pd.Series([level.strip()[:10] for level in plain]), errors="coerce")
    absent = [level for level, day in zip(plain, days, strict=True) if pd.isna(day)]
    text = cell.str.strip_chars()
    read = text.str.contains(_ISO)
    read = read & ~cell.is_in(absent) if absent else read
    return nw.when(read).then(text.str.slice(0, 10)).str.to_date(format="%Y-%m-%d")


def _sum(condition, name):
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum().alias(name)
