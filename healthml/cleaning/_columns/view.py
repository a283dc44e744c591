"""What every look at a table needs, prepared once: columns as numbers or levels, y, patients."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import check_event, check_groups
from healthml._core._knowledge import column_concept, concept_limits, is_number_code
from healthml._core._tables import parse_numbers
from healthml.exceptions import InputError

FOUND, SUSPECTED, NOTE = "found", "suspected", "note"
MOSTLY_NUMBERS = 0.8  # a text column with this share of number-like cells is a column of numbers
ROUNDING = 1e-3  # how far past a limit a stored number may lie: 0.1 is often kept as 0.09998


def outside(values, limits):
    """Return which values lie outside limits, a rounding error forgiven.

    >>> outside(np.array([0.0999, 7, np.nan]), (0.1, 5)).tolist()
    [False, True, False]
    """
    low, high = limits
    slack = [ROUNDING * abs(v) if np.isfinite(v) else 0.0 for v in limits]
    with np.errstate(invalid="ignore"):
        return (values < low - slack[0]) | (values > high + slack[1])


@dataclass(frozen=True, eq=False)
class Flag:
    """One thing that a look found: where, how much, how sure, and the cells."""

    column: str
    rule: str
    status: str
    detail: str
    n_cells: int = 0
    mask: np.ndarray | None = None
    related: str = ""
    estimate: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    reviewed: str = ""
    evidence: dict = field(default_factory=dict)

    @classmethod
    def of_cells(cls, column, rule, status, detail, mask, **more):
        """Flag cells of a column view; the count is taken from the mask."""
        n_cells = column.count(mask)
        return cls(column.name, rule, status, detail, n_cells=n_cells, mask=mask, **more)


class ColumnView:
    """One column, seen as numbers, as text levels, or as neither (dates).

    Whatever counts cells goes through `count`, `count_levels`, `count_numbers` and `quantiles`,
    so that a column kept as distinct values with counts is judged by the same rules.
    """

    def __init__(self, series, declared=None):
        self.name = str(series.name)
        self.series = series
        self.declared = declared or {}
        self.n = len(series)

    def count(self, mask):
        """Return the number of cells in a mask."""
        return int(mask.sum())

    def count_numbers(self, mask):
        """Return the sorted distinct numbers in a mask and how often each occurs."""
        return np.unique(self.numbers[mask], return_counts=True)

    def quantiles(self, mask, levels):
        """Return quantiles of the numbers in a mask."""
        return np.quantile(self.numbers[mask], levels)

    def rows_equal(self, number):
        """Return which rows hold a number, to compare columns row by row."""
        return self.numbers == number

    @cached_property
    def level_counts(self):
        """Number of cells of each level."""
        return np.bincount(self.level_codes[self.level_codes >= 0], minlength=len(self.levels))

    @cached_property
    def n_present(self):
        """Number of cells with a value."""
        return self.count(~self.missing)

    @cached_property
    def n_finite(self):
        """Number of cells with a finite number."""
        return int(self.unique[1].sum())

    @cached_property
    def is_number_type(self):
        """Stored as numbers (booleans are not)."""
        dtype = self.series.dtype
        return types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype)

    @cached_property
    def has_levels(self):
        """Judged by its levels: stored as text, objects or categories, of numbers too."""
        dtype = self.series.dtype
        return isinstance(dtype, pd.CategoricalDtype) or not (
            types.is_numeric_dtype(dtype)
            or types.is_datetime64_any_dtype(dtype)
            or types.is_timedelta64_dtype(dtype)
        )

    @cached_property
    def level_codes(self):
        """Level of each row as an integer, -1 where missing."""
        return self._factorized[0]

    @cached_property
    def levels(self):
        """Distinct values as text, in order of `level_codes`."""
        return [str(level) for level in self._factorized[1]]

    @cached_property
    def _factorized(self):
        try:
            return pd.factorize(self.series)
        except TypeError:  # lists and other cells that cannot be hashed
            return pd.factorize(self.series.astype(str).where(self.series.notna()))

    def cells_of_levels(self, wanted):
        """Return the rows whose level is wanted, from one boolean per level."""
        return np.append(np.asarray(wanted, dtype=bool), False)[self.level_codes]

    @cached_property
    def missing(self):
        """Rows without a value; blank text counts as missing."""
        if not self.has_levels:
            return self.series.isna().to_numpy()
        blank = [level.strip() == "" for level in self.levels]
        return (self.level_codes < 0) | self.cells_of_levels(blank)

    @cached_property
    def numbers(self):
        """The column as floats (NaN where not a number), or None when it holds no numbers."""
        if self.is_number_type:
            return self.series.to_numpy(dtype=float, na_value=np.nan)
        if not self.has_levels or not self.levels:
            return None
        parsed = parse_numbers(pd.Series(self.levels))[0].to_numpy()
        parsed = np.append(parsed, np.nan)[self.level_codes]
        share = self.count(np.isfinite(parsed)) / self.n_present if self.n_present else 0
        return parsed if share >= MOSTLY_NUMBERS / 2 else None

    @cached_property
    def finite(self):
        """Finite numbers, missing left out; empty when the column holds no numbers."""
        return np.empty(0) if self.numbers is None else self.numbers[np.isfinite(self.numbers)]

    @cached_property
    def unique(self):
        """Sorted distinct finite numbers and how often each occurs."""
        if self.numbers is None:
            return np.empty(0), np.empty(0, dtype=int)
        return self.count_numbers(np.isfinite(self.numbers))

    @cached_property
    def n_distinct(self):
        """Number of distinct values, missing left out."""
        return len(self.unique[0]) if self.is_number_type else len(self.levels)

    @cached_property
    def is_integer(self):
        """All finite numbers are whole."""
        values = self.unique[0]
        return len(values) > 0 and bool((values == np.round(values)).all())

    @cached_property
    def is_yes_no(self):
        """At most two distinct values."""
        return self.n_distinct <= 2

    @cached_property
    def codes_present(self):
        """Shipped numeric codes that occur in the column, sorted."""
        values = self.unique[0]
        return values[is_number_code(values)] + 0.0  # a zero has no sign

    @cached_property
    def concept(self):
        """Limits of the concept that name and values agree on, or None."""
        if not len(self.finite):
            return None
        seen = self.declared, *self.unique
        concept = column_concept(self.name, *seen, populations=("adult",))
        if concept is None or not concept.readings:
            return None
        limits, best = concept_limits(concept.name), concept.readings[0]
        return {**limits, "agreeing": concept.readings, "unit": best, "agreement": concept.share}

    def outside(self, limits, unit):
        """Return the rows outside limits when the column is read in a unit."""
        return outside(self.numbers * unit[1] + unit[2], limits)


class TableView:
    """A table with its outcome (0/1), patients and column views."""

    def __init__(self, X, *, y=None, groups=None, schema=None):
        self.frame = X
        self.n = len(X)
        self.columns = [
            ColumnView(X.iloc[:, i], declared_of(schema, X.columns[i])) for i in range(X.shape[1])
        ]
        self.y = None if y is None else check_event(y)[1]
        self.groups = None if groups is None else check_groups(groups, self.n)
        if self.y is not None and len(self.y) != self.n:
            raise InputError(
                f"y has {len(self.y)} values for {self.n} rows; pass one for each row."
            )

    @cached_property
    def first_rows(self):
        """Positions of the first row of each patient, or of all rows without `groups`."""
        if self.groups is None:
            return np.arange(self.n)
        return np.sort(np.unique(self.groups, return_index=True)[1])

    def n_events(self, mask):
        """Return the number of events among flagged rows, or None without an outcome."""
        return None if self.y is None or mask is None else int(self.y[mask].sum())


def variables_of(schema):
    """Return {column: Variable} of a schema, empty without one."""
    return getattr(schema, "variables", None) or {}


def declared_of(schema, column):
    """Return what a schema says about a column: unit, limits, missing codes."""
    variable = variables_of(schema).get(column)
    if variable is None:
        return {}
    names = ("concept", "unit", "low", "high", "missing_codes", "kind")
    return {n: getattr(variable, n) for n in names if getattr(variable, n, None) not in (None, ())}
