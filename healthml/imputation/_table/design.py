"""Columns of a table as numbers that a linear predictor can use, and back again, dtype included."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import refuse_inexact
from healthml._core._tables import LARGEST_NUMBER, refuse_nested
from healthml.exceptions import InputError
from healthml.imputation._table.groups import group_codes
from healthml.imputation._table.skewness import OffsetLog, learn_offset_log

# Levels up to which text is imputed. A model of 50 levels has 49 coefficients for each predictor;
# more is free text or an identifier. Chosen by judgement, as in `healthml._core._tables`.
MOST_LEVELS = 50
# Nanoseconds in a day.
NS_PER_DAY = 86_400e9
NUMERIC, INTEGER, BOOLEAN, NOMINAL, ORDERED, DATE, GROUP = (
    "numeric",
    "integer",
    "boolean",
    "nominal",
    "ordered",
    "datetime",
    "group",
)


@dataclass
class Coded:
    """One column: how it becomes numbers and how numbers become cells again.

    Parameters
    ----------
    name : hashable
        Label of the column.
    kind : str
        "numeric", "integer", "boolean", "nominal", "ordered", "datetime" or "group".
    dtype : dtype
        Of the column in the training rows.
    levels : ndarray or None
        Levels of a boolean, nominal or ordered column, in order; only those seen.
    support : ndarray or None
        Sorted distinct observed values of a column of whole numbers.
    centre, spread : float
        By which numbers are standardised.
    has_missing : bool
        Whether a cell was missing in the training rows.
    unskew : OffsetLog or None
        Scale on which a skewed column enters the design.
    """

    name: object
    kind: str
    dtype: object
    levels: np.ndarray | None = None
    support: np.ndarray | None = None
    centre: float = 0.0
    spread: float = 1.0
    has_missing: bool = False
    unskew: OffsetLog | None = None
    cols: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def is_category(self):
        """Whether the column has levels rather than amounts."""
        return self.levels is not None and self.kind != GROUP

    @property
    def width(self):
        """Number of columns of the design."""
        return len(self.levels) - 1 if self.is_category else 1

    def read(self, series):
        """Return cells as numbers (standardised) or level codes; NaN or -1 where missing.

        A level that was not seen in the training rows is returned as -2.
        """
        if self.kind == GROUP:
            return group_codes(self.levels, series)
        if not self.is_category:
            return self.design(numbers_of(series, self.kind))
        missing = series.isna().to_numpy()
        codes = pd.Index(self.levels).get_indexer(_levels_of(series))
        codes = np.where(codes < 0, -2, codes)
        return np.where(missing, -1, codes)

    def expand(self, values):
        """Return the columns of the design for values as `read` gives them."""
        if not self.is_category:
            return values[:, None]
        return (values[:, None] == np.arange(1, len(self.levels))[None, :]).astype(float)

    def design(self, numbers):
        """Return numbers of the column as the design holds them."""
        unskewed = numbers if self.unskew is None else self.unskew.apply(numbers)
        return (unskewed - self.centre) / self.spread

    def number(self, values):
        """Return values of the design as numbers of the column."""
        number = np.asarray(values, dtype=float) * self.spread + self.centre
        return number if self.unskew is None else self.unskew.inverse(number)


def learn_columns(frame, ordered=(), group=None, unskewed=()):
    """Return how each column of the training rows is read.

    Parameters
    ----------
    frame : pandas.DataFrame
        The training rows.
    ordered : collection of hashable
        Columns whose levels have an order although their dtype does not say so.
    group : hashable, optional
        Column that names the group of each row.
    unskewed : collection of hashable
        Columns of numbers that enter the design without their skewness.

    Returns
    -------
    list of Coded

    Raises
    ------
    InputError
        If a column has no value, holds free text or infinite values.
    """
    refuse_nested(frame)
    coded = [
        _learn_group(frame[name])
        if name == group
        else _learn(frame[name], name in ordered, name in unskewed)
        for name in frame.columns
    ]
    start = 1
    for column in coded:
        column.cols = np.arange(start, start + column.width)
        start += column.width
    return coded


def nearest(sorted_values, wanted):
    """Return for each wanted number the closest of some sorted values.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._table.design import nearest
    >>> nearest(np.array([0.0, 1.0, 5.0]), np.array([-3.0, 2.9, 3.1])).tolist()
    [0.0, 1.0, 5.0]
    """
    place = np.clip(np.searchsorted(sorted_values, wanted), 1, max(len(sorted_values) - 1, 1))
    if len(sorted_values) == 1:
        return np.full(np.shape(wanted), sorted_values[0])
    below, above = sorted_values[place - 1], sorted_values[place]
    return np.where(wanted - below <= above - wanted, below, above)


def _learn(series, is_ordered, is_unskewed):
    name, has_missing = series.name, bool(series.isna().any())
    if series.isna().all():
        raise InputError(
            f"column {name!r} has no value in any of {len(series)} rows, so nothing can be learnt "
            "about it; drop it before imputing."
        )
    kind = _kind(series, is_ordered)
    if kind in (BOOLEAN, NOMINAL, ORDERED):
        levels = _seen_levels(series)
        if kind == NOMINAL and len(levels) == 2:
            kind = BOOLEAN
        _refuse_text(name, series, levels)
        return Coded(name, kind, series.dtype, levels=levels, has_missing=has_missing)
    number = numbers_of(series, kind)
    infinite = np.isinf(number)
    if infinite.any():
        raise InputError(
            f"column {name!r} has {infinite.sum()} infinite values, the first at position "
            f"{np.flatnonzero(infinite)[0]}; set them to missing or repair them first."
        )
    seen = number[~np.isnan(number)]
    support = np.unique(seen) if kind == INTEGER else None
    if np.abs(seen).max(initial=0.0) > LARGEST_NUMBER:
        raise InputError(
            f"column {name!r} holds numbers so large that their squares are infinite (beyond "
            "1e150); divide it by a power of ten, or set such cells to missing."
        )
    unskew = learn_offset_log(seen) if is_unskewed and kind in (NUMERIC, INTEGER) else None
    seen = seen if unskew is None else unskew.apply(seen)
    spread = seen.std() if len(seen) > 1 else 0.0
    spread = float(spread) if spread > 1e-12 * max(abs(seen.mean()), 1e-300) else 1.0
    centre = float(seen.mean())
    return Coded(name, kind, series.dtype, None, support, centre, spread, has_missing, unskew)


def _learn_group(series):
    gaps = np.flatnonzero(series.isna().to_numpy())
    if len(gaps):
        raise InputError(
            f"column {series.name!r} names the group of each row and is missing in {len(gaps)} "
            f"rows, the first at position {gaps[0]}; give these rows a group or leave them out."
        )
    refuse_inexact(series, f"column {series.name!r}")
    return Coded(series.name, GROUP, series.dtype, levels=_seen_levels(series))


def _kind(series, is_ordered):
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return ORDERED if dtype.ordered or is_ordered else NOMINAL
    if types.is_bool_dtype(dtype):
        return BOOLEAN
    if types.is_datetime64_any_dtype(dtype):
        return DATE
    if types.is_numeric_dtype(dtype):
        if is_ordered:
            return ORDERED
        return INTEGER if _all_whole(series, dtype) else NUMERIC
    if types.is_timedelta64_dtype(dtype):
        raise InputError(
            f"column {series.name!r} holds spans of time; turn it into numbers "
            "(days or hours) before imputing."
        )
    return ORDERED if is_ordered else NOMINAL


def _all_whole(series, dtype):
    """Say whether a column is one of whole numbers by its dtype, missing cells apart."""
    return types.is_integer_dtype(dtype)


def _seen_levels(series):
    if isinstance(series.dtype, pd.CategoricalDtype):
        seen = series.cat.categories[np.unique(series.cat.codes[series.cat.codes >= 0])]
        return np.asarray(seen, dtype=object)
    distinct = pd.unique(_levels_of(series.dropna()))
    return np.array(sorted(distinct, key=lambda level: (str(type(level)), level)), dtype=object)


def _levels_of(series):
    return series.astype(object).to_numpy()


_NUMBERS = ("floating", "integer", "mixed-integer-float", "decimal")


def _refuse_text(name, series, levels):
    is_text = not isinstance(series.dtype, pd.CategoricalDtype | pd.BooleanDtype)
    is_text &= not types.is_bool_dtype(series.dtype) and not types.is_numeric_dtype(series.dtype)
    if is_text and len(levels) > MOST_LEVELS:
        if types.infer_dtype(series, skipna=True) in _NUMBERS:
            raise InputError(
                f"column {name!r} holds numbers in a column of objects; make it one of numbers "
                "with pandas.to_numeric before imputing."
            )
        raise InputError(
            f"column {name!r} holds text with {len(levels)} different values in {len(series)} "
            "rows; that is free text or an identifier, which cannot be imputed. Drop it, or make "
            "it a category if its levels are few."
        )


def numbers_of(series, kind):
    """Return cells as numbers, dates as days since 1970; NaN where missing."""
    if kind == DATE:
        naive = series.dt.tz_localize(None) if getattr(series.dt, "tz", None) else series
        ticks = naive.astype("datetime64[ns]").astype("int64").to_numpy()
        return np.where(series.isna().to_numpy(), np.nan, ticks / NS_PER_DAY)
    return series.to_numpy(dtype=float, na_value=np.nan)
