"""How a value between two rows is made, column by column, so that it stays a possible value."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

# Decimals up to which new values are rounded as the column is; a column written finer is taken as
# continuous. By judgement, not by simulation.
_MOST_DECIMALS = 4
_MOST_LEVELS = 50  # columns with more levels do not enter the distance: one column a level
_LEVEL_WEIGHT = 0.5  # as in SMOTENC: two levels differ by as much as numbers 0.7 SD apart
# Whole numbers below it are exact as floats (the 53 bits of IEEE 754).
_EXACT = 2**53
_LARGEST = 1e9  # values beyond it have no grid: times 10^4 they come near what floats hold exactly


@dataclass(frozen=True)
class Grid:
    """The steps on which the numbers of a column lie; `step` 0 is any number."""

    origin: float = 0.0
    step: float = 0.0
    decimals: int = 0

    def nearest(self, values):
        """Return the values moved to the grid."""
        if not self.step:
            return values
        steps = np.round((values - self.origin) / self.step)
        return np.round(self.origin + steps * self.step, self.decimals)


def grid_of(numbers):
    """Return the grid of a column: whole steps of the last decimal that is ever used.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.resampling._samplers.columns import grid_of
    >>> grid_of(np.array([36.5, 37.0, 38.5]))
    Grid(origin=36.5, step=0.5, decimals=1)
    """
    seen = np.unique(numbers[np.isfinite(numbers)])
    if seen.size < 2 or np.abs(seen).max() > _LARGEST:
        return Grid()
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = seen * 10.0**decimals
        whole = np.round(scaled)
        if np.abs(scaled - whole).max() < 1e-6:
            step = int(np.gcd.reduce((whole - whole[0]).astype(np.int64)))
            return Grid(float(seen[0]), step / 10**decimals, decimals)
    return Grid()


def is_number(column):
    """Say whether values between two of a column are possible: a number with three values or more.

    Text, categories, dates, booleans, 0/1 and whole numbers too large for a float are levels.
    """
    dtype = column.dtype
    if not types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return False
    numbers = to_floats(column)
    finite = numbers[np.isfinite(numbers)]
    return bool(finite.size and np.abs(finite).max() < _EXACT and len(np.unique(finite)) > 2)


def to_floats(column):
    """Return a numeric column as floats, missing values NaN."""
    return column.to_numpy(dtype=float, na_value=np.nan, copy=True)


def between(column, base, other, share):
    """Return new values of a column on the way from some rows to others.

    Parameters
    ----------
    column : Series
        All rows.
    base, other : ndarray of int
        Positions of both ends.
    share : ndarray of float
        How far from base to other, 0 to 1.

    Returns
    -------
    Series
        Of the type of the column. Levels, and numbers missing at either end, are the base's.
    """
    made = column.take(base)
    if not is_number(column):
        return made
    numbers = to_floats(column)
    start, end = numbers[base], numbers[other]
    moved = np.isfinite(start) & np.isfinite(end)
    start, end = start[moved], end[moved]
    values = grid_of(numbers).nearest(start + share[moved] * (end - start))
    values = np.clip(values, np.minimum(start, end), np.maximum(start, end))
    made = made.copy()
    made.iloc[np.flatnonzero(moved)] = values.astype(
        getattr(column.dtype, "numpy_dtype", column.dtype)
    )
    return made


def distance_columns(frame):
    """Return columns in which Euclidean distance joins numbers and levels, missing values near all.

    Numbers are divided by their standard deviation, a level is one column; a missing number stands
    at the mean, a missing level is a level.
    """
    parts = []
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if is_number(column):
            numbers = to_floats(column)
            numbers[~np.isfinite(numbers)] = np.nan
            spread = np.nanstd(numbers)
            scaled = (numbers - np.nanmean(numbers)) / (spread if spread > 0 else 1.0)
            parts.append(np.nan_to_num(scaled)[:, None])
            continue
        codes, levels = pd.factorize(column, use_na_sentinel=False)
        if 1 < len(levels) <= _MOST_LEVELS:
            parts.append(_LEVEL_WEIGHT * (codes[:, None] == np.arange(len(levels))))
    columns = parts or [np.zeros((len(frame), 1))]
    return np.ascontiguousarray(np.concatenate(columns, axis=1, dtype=np.float32))
