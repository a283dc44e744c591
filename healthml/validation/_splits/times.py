"""Times as numbers or dates that can be ordered, and spans of time to move them by."""

from numbers import Number, Real

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment
from healthml.cleaning import DateParser
from healthml.exceptions import InputError


def time_values(time):
    """Return times as numbers or dates that can be ordered.

    Parameters
    ----------
    time : array-like of shape (n_samples,)
        Numbers, dates, or texts of either.

    Returns
    -------
    Series

    Raises
    ------
    InputError
        If a text is neither a number nor a date that can be read for sure.
    """
    if not isinstance(time, pd.Series) and np.ndim(time) != 1:
        raise InputError("time must be one value for each row, in one dimension.")
    values = pd.Series(np.asarray(time)) if not isinstance(time, pd.Series) else time
    values = values.reset_index(drop=True)
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    present = values.notna()
    for read in (pd.to_numeric, _iso_dates, _other_dates):
        try:
            return read(values.where(present))
        except (ValueError, TypeError):
            continue
    raise InputError(
        "time holds text that is neither a number nor a date that is read for sure (2024-05-31, or "
        "31/05/2024 where other rows show that the day comes first); convert it first."
    )


def _iso_dates(values):
    """Read ISO dates; numbers among them are not dates."""
    if any(isinstance(value, Number) for value in values.dropna()):
        raise TypeError("numbers beside text")
    return pd.to_datetime(values, format="ISO8601", utc=True)


def _other_dates(values):
    """Read dates as the cleaner would, if it reads every one of them."""
    read = DateParser().fit_transform(pd.DataFrame({"time": values.astype(object)}))["time"]
    if not pd.api.types.is_datetime64_any_dtype(read) or (read.isna() & values.notna()).any():
        raise TypeError("cells that are no dates for sure")
    return read


def complete_times(time, n):
    """Return times that can be ordered, one for each row and none missing."""
    values = time_values(time)
    if len(values) != n:
        raise InputError(f"time has {len(values)} values for {n} rows; pass one for each row.")
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise InputError(
            f"time is missing in {missing.size} rows, the first at position {missing[0]}; fill it "
            "or leave those rows out."
        )
    return values


def time_span(span, values, name):
    """Return a span of time that can be subtracted from the times.

    Parameters
    ----------
    span : number, str, timedelta
        For dates a length such as "90D"; a plain number means days. For numbers a number.
    values : Series
        The times.
    name : str
        What the span is called in an error.
    """
    dates = pd.api.types.is_datetime64_any_dtype(values)
    length = _days(span) if dates else _number(span)
    if length is None or not length >= (pd.Timedelta(0) if dates else 0.0):
        how = 'a length such as "90D", or a number of days' if dates else "a number, as time is"
        raise InputError(f"{name} is {span!r}; give {how}, not below 0.")
    return length


def _number(span):
    return float(span) if isinstance(span, Real) and not isinstance(span, bool | np.bool_) else None


def _days(span):
    """Return a length of time, or None where it cannot be read; a plain number means days."""
    number = _number(span)
    try:
        return pd.Timedelta(span) if number is None else pd.Timedelta(number, unit="D")
    except (ValueError, TypeError):
        return None


def column_or_values(given, X, name):
    """Return values as given, or those of the column of X that is named."""
    if not isinstance(given, str):
        check_alignment(X=X, **{name: given})
        return given
    if given not in list(getattr(X, "columns", ())):
        raise InputError(
            f"{name}={given!r} is no column of X; pass a table with it, or the values."
        )
    column = X[given]
    return column.to_pandas() if hasattr(column, "to_pandas") else column
