"""A few values below zero in a column that piles up at zero: a sign convention, or an error."""

import numpy as np

from healthml.cleaning._columns import NOTE, Flag

NEGATIVE = "few_negatives"

# Share of negative cells at most, and of exact zeros at least, and how many zeros stand against one
# negative. Chosen by judgement, not by simulation (ST depression in the four heart tables was the
# example in mind): more negatives, or fewer zeros, and the column may simply be a difference.
FEW, FLOOR, ZEROS_PER_NEGATIVE = 0.05, 0.03, 5
# Zeros needed in a small column, where FLOOR of the rows would be a few. By judgement.
FEWEST_ZEROS = 5
FEW_DISTINCT = 10  # with fewer distinct values the column is a scale, whose signs mean something


def screen_negatives(table, explained):
    """Yield columns without a known measure or declared limits that have a few negative cells.

    Cells already explained as codes for missing values are left out.
    """
    for column in table.columns:
        declared = "low" in column.declared or "high" in column.declared
        if column.numbers is None or declared or column.concept:
            continue
        codes = explained.get(column.name, np.zeros(column.n, dtype=bool))
        yield from _few_negatives(column, codes | np.isinf(column.numbers))


def _few_negatives(column, explained):
    """Yield a few values below zero in a column that piles up at zero: a sign convention."""
    number = np.where(explained, np.nan, column.numbers)
    with np.errstate(invalid="ignore"):
        mask = number < 0
        negative, zeros, above = (column.count(c) for c in (mask, number == 0, number > 0))
    n = negative + zeros + above
    few_distinct = len(column.unique[0]) <= FEW_DISTINCT
    if not negative or few_distinct or zeros < max(FEWEST_ZEROS, FLOOR * n):
        return
    if negative <= min(FEW * n, zeros / ZEROS_PER_NEGATIVE):
        detail = f"{negative:,} cells below zero where {zeros:,} cells are zero: sign or scale?"
        yield Flag.of_cells(column, NEGATIVE, NOTE, detail, mask)
