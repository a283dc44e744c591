"""Identifiers that repeat, and dates out of order, counted in a lazy table."""

import narwhals as nw

from healthml.cleaning._columns import FOUND, NOTE, SUSPECTED, Flag, has_code_name
from healthml.cleaning._quality.lazy.table import COUNT, KEY, collect
from healthml.cleaning._quality.screens import dates
from healthml.cleaning._quality.screens.keys import (
    FEWEST_CELLS,
    MOSTLY_SINGLE,
    REPEATED_IDENTIFIER,
    screen_repeated_identifiers,
)

PER_PART = 1_000_000  # distinct numbers held at a time
MOST_TEXTS = 2_000_000
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


def date_order_flags(table, columns):
    """Return a flag and a condition for every pair of dates that stands in the wrong order."""
    days = {name: d for name, column in columns.items() if (d := _day(table, column)) is not None}
    as_text = any(table.kinds[name] == "text" for name in days)
    read = {
        name: d.dt.to_string("%Y-%m-%d") if as_text and table.kinds[name] == "date" else d
        for name, d in days.items()
    }
    pairs = dates.date_pairs(list(read))
    if not pairs:
        return [], []
    both = [(read[a] <= read[b]) | (read[a] > read[b]) for _, a, b, _ in pairs]
    wrong = [read[b] < read[a] for _, a, b, _ in pairs]
    asked = [_sum(c, f"b{k}") for k, c in enumerate(both)]
    asked += [_sum(c, f"w{k}") for k, c in enumerate(wrong)]
    n = collect(table.frame.select(*asked)).iloc[0]
    flags, kept = [], []
    for k, (rule, before, after, what) in enumerate(pairs):
        n_wrong, n_both = int(n[f"w{k}"]), int(n[f"b{k}"])
        if not n_wrong:
            continue
        column, related = (before, after) if rule == dates.AFTER_DEATH else (after, before)
        status = FOUND if n_wrong < dates.MOSTLY_DATES * n_both else SUSPECTED
        detail = f"{n_wrong:,} of {n_both:,} rows: {what.format(before=before, after=after)}"
        flags.append(Flag(column, rule, status, detail, n_wrong, related=related))
        kept.append(wrong[k])
    return flags, kept


def _day(table, column):
    """Return the day of each row as an expression that sorts, or None."""
    cell, kind = nw.col(column.name), table.kinds[column.name]
    if kind == "date":
        return cell.cast(nw.Date)
    shapes = dates.date_shapes(column) if kind == "text" else None
    if shapes is None or not any(shape.startswith("year-") for shape in shapes):
        return None
    levels = zip(column.levels, dates.absent_days(column, shapes), strict=True)
    absent = [level for level, is_absent in levels if is_absent]
    cell = cell.str.strip_chars()
    read = cell.str.contains(_ISO)
    read = read & ~nw.col(column.name).is_in(absent) if absent else read
    return nw.when(read).then(cell.str.slice(0, 10))


def _sum(condition, name):
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum().alias(name)
