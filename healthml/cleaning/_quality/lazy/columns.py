"""Columns of a lazy table as distinct values with counts, judged by the same screens as rows."""

from functools import cached_property

import narwhals as nw
import numpy as np
import pandas as pd

from healthml._core._knowledge import number_codes, text_codes
from healthml.cleaning._columns import MOSTLY_NUMBERS, ColumnView, declared_of
from healthml.cleaning._quality.lazy.table import COUNT, KEY, collect

# What is fetched of a column, so that memory stays bounded: with more than MOST_DISTINCT values in
# the sample only values seen FREQUENT times (MOST_FREQUENT of them at most) and those beyond the
# outer TAIL of the sample on either side are counted exactly; the middle stays a sample. Chosen by
# judgement, not by simulation: a larger TAIL fetches more values, and impossible ones lie at the
# ends.
MOST_DISTINCT, MOST_FREQUENT = 10_000, 2_000
# See above.
FREQUENT, TAIL = 5, 0.0005
PLAIN_NUMBER = r"^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$"


class CountedColumn(ColumnView):
    """A column kept as distinct values, each with its number of cells.

    Cells are distinct values, missing ones included. `exact` is False where a sampled value stands
    for its neighbours as well; `rows` is the same column in the sampled rows.
    """

    def __init__(self, cells, counts, exact, rows, declared=None):
        super().__init__(cells, declared)
        self.counts, self.exact, self.rows = counts, exact, rows

    @property
    def is_complete(self):
        """Every distinct value is there with its exact count."""
        return bool(self.exact.all())

    def count(self, mask):
        """Return the number of cells in a mask over the distinct values."""
        return round(float(self.counts[mask].sum()))

    def count_numbers(self, mask):
        """Return the sorted distinct numbers in a mask and how often each occurs."""
        values, place = np.unique(self.numbers[mask], return_inverse=True)
        counts = np.bincount(place, weights=self.counts[mask], minlength=len(values))
        return values, np.rint(counts).astype(int)

    def quantiles(self, mask, levels):
        """Return quantiles as `numpy.quantile` would of all cells."""
        values, counts = self.count_numbers(mask)
        ends = np.cumsum(counts)
        place = (ends[-1] - 1) * np.asarray(levels, dtype=float)
        below, above = (
            values[np.searchsorted(ends, k, side="right")]
            for k in (np.floor(place), np.ceil(place))
        )
        return below + (above - below) * (place - np.floor(place))

    def rows_equal(self, number):
        """Return which sampled rows hold a number."""
        numbers = self.rows.numbers
        return np.zeros(self.rows.n, dtype=bool) if numbers is None else numbers == number

    @cached_property
    def level_counts(self):
        """Number of cells of each level."""
        known = self.level_codes >= 0
        counts = np.bincount(
            self.level_codes[known], weights=self.counts[known], minlength=len(self.levels)
        )
        return np.rint(counts).astype(int)

    def flagged_rows(self, mask):
        """Return the sampled rows whose value is flagged."""
        if self.has_levels:
            levels = {self.levels[k] for k in np.unique(self.level_codes[mask]) if k >= 0}
            return self.rows.cells_of_levels([level in levels for level in self.rows.levels])
        numbers = self.rows.numbers
        return np.isin(numbers, self.numbers[mask])


def counted_columns(table, sample, schema):
    """Return one counted column for each readable column of a lazy table."""
    return [
        _count_column(table, name, sample[name], declared_of(schema, name))
        for name in table.columns
        if name in sample
    ]


def _count_column(table, name, rows, declared):
    rows = ColumnView(rows, declared)
    if table.is_whole or rows.n_distinct <= MOST_DISTINCT:
        cells, counts = _distinct(table, name, table.frame)
        return CountedColumn(cells, counts, np.ones(len(cells), dtype=bool), rows, declared)
    return _summarised(table, name, rows, declared)


def _distinct(table, name, frame):
    """Return the distinct values of a query and their counts, the most frequent first."""
    values = frame.select(nw.col(name).alias(KEY))
    counted = collect(values.group_by(KEY).agg(nw.len().alias(COUNT)))
    counted = counted.sort_values(COUNT, ascending=False, kind="stable", ignore_index=True)
    cells = counted[KEY].rename(name)
    if table.kinds[name] == "boolean":
        cells = cells.astype("boolean")
    return cells, counted[COUNT].to_numpy(dtype=float)


def _summarised(table, name, rows, declared):
    """Return a column of very many values: tails and frequent values exact, the rest sampled."""
    kind, column = table.kinds[name], nw.col(name)
    parts = [table.frame.filter(_is_missing(table, name))]
    present = table.frame.filter(~_is_missing(table, name))
    seen = rows.series.dropna()
    often = seen.value_counts()
    often = often[often >= FREQUENT].index[:MOST_FREQUENT].tolist()
    if kind == "number":
        low, high = np.quantile(rows.finite, [TAIL, 1 - TAIL]).tolist()
        asked = [*number_codes(), *(c for c in declared.get("missing_codes", ()) if _is_number(c))]
        listed = column.is_in(_typed(table, name, {*often, *asked}))
        apart = listed | (column < low) | (column > high)
    elif kind == "text":
        words = [*text_codes(), "", *(str(c) for c in declared.get("missing_codes", ()))]
        key = column.str.strip_chars().str.to_lowercase()
        apart = column.is_in(often) | key.is_in([w.lower() for w in words])
        if seen.str.contains(PLAIN_NUMBER).mean() >= MOSTLY_NUMBERS:
            apart = apart | ~column.str.contains(PLAIN_NUMBER)
    else:
        apart = column.is_in(often) if often else column.is_null()
    parts.append(present.filter(apart))
    exact = [_distinct(table, name, part) for part in parts]
    kept = [cells for cells, _ in exact if len(cells)] or [seen.iloc[:0]]
    known = pd.concat(kept, ignore_index=True)
    counts = np.concatenate([count for _, count in exact])
    middle = seen[~seen.isin(known)]
    left = max(table.n - counts.sum(), 0.0)
    each = np.full(len(middle), left / max(len(middle), 1))
    cells = pd.concat([known, middle], ignore_index=True).rename(name)
    exact = np.arange(len(cells)) < len(known)
    return CountedColumn(cells, np.append(counts, each), exact, rows, declared)


def _is_missing(table, name):
    column = nw.col(name)
    return column.is_null() | column.is_nan() if name in table.floats else column.is_null()


def _is_number(code):
    return not isinstance(code, str)


def _typed(table, name, numbers):
    """Return numbers in the type of the column, so that a comparison casts no cell."""
    if name in table.floats:
        return sorted(float(x) for x in numbers)
    return sorted({int(x) for x in numbers if float(x).is_integer() and abs(x) < 2**53})
