"""The simplest imputation there is: the mean or the most frequent level of each column."""

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from healthml._core._tables import read_table, write_table
from healthml.exceptions import InputError
from healthml.imputation._table import write_filled


class SimpleFill(TransformerMixin, BaseEstimator):
    """Fill in the mean of numbers and dates, and the most frequent level of everything else.

    Dtypes are kept; the mean of whole numbers is rounded.

    Parameters
    ----------
    indicators : bool, default=False
        Add a column of 0 and 1 for each column with a gap at fit: whether the value is missing.

    Attributes
    ----------
    fills_ : list
        What is filled in, by column.
    with_gaps_ : list
        Columns that get an indicator.
    """

    def __init__(self, *, indicators=False):
        self.indicators = indicators

    def fit(self, X, y=None):
        """Learn means and most frequent levels."""
        frame = read_table(self, X, reset=True)
        self.fills_ = [_middle(frame.iloc[:, j]) for j in range(frame.shape[1])]
        gaps = frame.columns[frame.isna().any()]
        self.with_gaps_ = list(gaps) if self.indicators else []
        return self

    def transform(self, X):
        """Return the completed table, indicators behind its columns."""
        check_is_fitted(self)
        frame = read_table(self, X, reset=False)
        out, touched = frame.copy(deep=False), []
        for j, fill in enumerate(self.fills_):
            rows = np.flatnonzero(frame.iloc[:, j].isna())
            if len(rows):
                content = _repeated(fill, len(rows))
                out.isetitem(j, write_filled(frame.iloc[:, j], rows, content))
                touched.append(frame.columns[j])
        if self.with_gaps_:
            indicators = frame[self.with_gaps_].isna().astype(np.int8)
            indicators.columns = [f"{name}_missing" for name in self.with_gaps_]
            out = pd.concat([out, indicators], axis=1)
        return write_table(out, X, touched)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _middle(series):
    """Return the mean of numbers and dates, the most frequent level of other columns."""
    seen = series.dropna()
    if not len(seen):
        raise InputError(
            f"column {series.name!r} has no value in the {len(series)} rows fitted on; drop it."
        )
    dtype = series.dtype
    if types.is_bool_dtype(dtype) or not (
        types.is_numeric_dtype(dtype) or types.is_datetime64_any_dtype(dtype)
    ):
        counts = seen.astype(object).value_counts()
        largest = set(counts.index[counts == counts.max()])
        return next(level for level in seen if level in largest)
    if types.is_datetime64_any_dtype(dtype):
        return seen.mean().tz_localize(None)
    mean = float(seen.mean())
    return round(mean) if types.is_integer_dtype(dtype) else mean


def _repeated(fill, n):
    if isinstance(fill, pd.Timestamp):
        return pd.DatetimeIndex([fill] * n)
    return [fill] * n
