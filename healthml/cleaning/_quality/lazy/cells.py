"""Flagged values as a condition on the rows of a lazy table, so that they are counted exactly."""

import narwhals as nw
import numpy as np

from healthml.cleaning._columns import ROUNDING
from healthml.cleaning._quality.findings import VERIFY

# How long a query may become: beyond MOST_LISTED numbers neighbours are joined to intervals;
# beyond MOST_INTERVALS or MOST_LEVELS the count is estimated from the sample, which the detail
# then says. Bounds of the length of a query, not of statistics.
MOST_LISTED, MOST_INTERVALS, MOST_LEVELS = 200, 500, 5_000


def conditions(table, flags, columns):
    """Return a narwhals condition for each flag, or None where it has none."""
    row_conditions = [
        None if f.mask is None else condition(table, columns[f.column], f.mask) for f in flags
    ]
    for k, flag in enumerate(flags):
        limits, name = flag.evidence.get("soft"), flag.column
        is_number = table.kinds.get(name) == "number"
        if flag.rule == VERIFY and limits and is_number and not columns[name].is_complete:
            others = [
                c
                for c, f in zip(row_conditions, flags, strict=True)
                if f.column == name and f.rule != VERIFY and c is not None
            ]
            row_conditions[k] = _outside(table, name, limits, others)
    return row_conditions


def condition(table, column, mask):
    """Return a condition that holds for the rows whose value is in a mask of distinct values."""
    kind, cell = table.kinds[column.name], nw.col(column.name)
    missing = column.series.isna().to_numpy()
    parts = []
    if (mask & missing).any():
        parts.append(cell.is_null())
        if column.name in table.floats:
            parts.append(cell.is_nan())
    rest = mask & ~missing
    if rest.any():
        cells = _texts(column, rest) if kind == "text" else _numbers(table, column, rest)
        if kind not in ("text", "number") or cells is None:
            return None
        parts.append(cells)
    joined = parts[0] if parts else cell.is_null() & ~cell.is_null()
    for part in parts[1:]:
        joined = joined | part
    return joined


def _texts(column, mask):
    """Return a condition on levels; None where sampled levels stand for others."""
    levels = column.series[mask].tolist()
    if len(levels) > MOST_LEVELS or not column.exact[mask].all():
        return None
    return nw.col(column.name).is_in(levels)


def _numbers(table, column, mask):
    values = column.numbers[mask]
    if len(values) <= MOST_LISTED and column.exact[mask].all():
        read = int if column.name in table.whole else float
        return nw.col(column.name).is_in([read(v) for v in column.series[mask]])
    joined = None
    intervals = _intervals(column, mask)
    if len(intervals) > MOST_INTERVALS:
        return None
    for low, high in intervals:
        run = (nw.col(column.name) >= low) & (nw.col(column.name) <= high)
        joined = run if joined is None else joined | run
    return joined


def _intervals(column, mask):
    """Return the runs of flagged values among the sorted distinct ones."""
    order = np.argsort(column.numbers, kind="stable")
    order = order[~np.isnan(column.numbers[order])]
    flagged = np.concatenate([[False], mask[order], [False]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(flagged) == 1), np.flatnonzero(np.diff(flagged) == -1)
    values = column.numbers[order]
    return [(float(values[a]), float(values[b - 1])) for a, b in zip(starts, ends, strict=True)]


def _outside(table, name, limits, others):
    """Return the condition of values to verify: outside the limits, and under no other rule."""
    low, high = (
        limit + sign * ROUNDING * abs(limit) if np.isfinite(limit) else limit
        for limit, sign in zip(limits, (-1, 1), strict=True)
    )
    value = nw.col(name)
    beyond = (value < low) | (value > high)
    if name in table.floats:
        beyond = beyond & value.is_finite()
    for other in others:
        beyond = beyond & ~other
    return beyond
