"""Columns without a value, or with one value only."""

import numpy as np

from healthml.cleaning._columns import FOUND, NOTE, Flag

MISSING, ALL_MISSING = "missing", "all_missing"
CONSTANT, NEAR_CONSTANT = "constant", "near_constant"

# Share of the cells with one value from which a column is nearly constant. Chosen by judgement, not
# by simulation: at 0.999 a level held by one patient in a thousand still counts as information; at
# 0.99 rare but real comorbidities would be called constant.
NEARLY_ALL = 0.999


def screen_emptiness(table):
    """Yield the missing share of each column, and columns with one value."""
    for column in table.columns:
        n_missing = column.count(column.missing)
        if n_missing == table.n:
            yield Flag.of_cells(column, ALL_MISSING, FOUND, "no value at all", column.missing)
            continue
        if n_missing:
            detail = f"{n_missing:,} of {table.n:,} cells are empty"
            yield Flag.of_cells(column, MISSING, NOTE, detail, column.missing)
        yield from _constancy(column, table.n - n_missing)


def _constancy(column, n_present):
    most = _mode_count(column)
    if most == n_present:
        yield Flag(column.name, CONSTANT, FOUND, "one value in all rows that have one", n_present)
    elif most > NEARLY_ALL * n_present:
        others = n_present - most
        detail = f"one value but for {others:,} cell{'s' * (others > 1)} of {n_present:,}"
        yield Flag(column.name, NEAR_CONSTANT, FOUND, detail, others)


def _mode_count(column):
    if column.is_number_type:
        infinite = column.count(np.isinf(column.numbers))
        return max(int(column.unique[1].max(initial=0)), infinite)
    present = [level.strip() != "" for level in column.levels]
    return int(column.level_counts[np.array(present, dtype=bool)].max(initial=0))
