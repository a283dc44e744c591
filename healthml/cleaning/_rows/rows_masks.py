"""Reasons to leave rows out, read as one boolean per row."""

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._tables.frames import to_pandas
from healthml.exceptions import InputError


def mask_of(reason, X, n, words):
    """Return the rows that a reason names, as booleans.

    Parameters
    ----------
    reason : callable, array-like of bool or array-like of int
        A function of the table that gives one of the others; one boolean for each row; or row
        positions from 0. An empty list names no row.
    X : table
        Handed to a callable as it is.
    n : int
        Number of rows.
    words : str
        What the reason is called in an error.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    InputError
        If the answer is neither, has missing cells, does not fit the rows, or repeats a position.

    Examples
    --------
    >>> from healthml.cleaning._rows.rows_masks import mask_of
    >>> mask_of([2, 0], None, 4, "twice in the table")
    array([ True, False,  True, False])
    """
    where = f"reason {words!r}"
    answer = reason(X) if callable(reason) else reason
    refuse_other_order(answer, X, where)
    values = _as_series(answer, where)
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise InputError(
            f"{where} is missing for {missing.size} of {len(values)} rows, the first at position "
            f"{missing[0]}; decide for each row whether it leaves (fillna), or give rows without "
            "an answer a reason of their own."
        )
    if len(values) and _is_boolean(values):
        if len(values) != n:
            raise InputError(f"{where} has {len(values)} booleans for {n} rows; pass one for each.")
        return values.to_numpy(dtype=bool)
    return _from_positions(values, n, where)


def refuse_other_order(values, X, where):
    """Raise when a Series carries the row labels of the table in another order.

    Parameters
    ----------
    values : object
        Anything; only a pandas Series or DataFrame is looked at.
    X : object
        Anything; only pandas is looked at.
    where : str
        What `values` is called in an error.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._rows.rows_masks import refuse_other_order
    >>> refuse_other_order(pd.Series([1, 2]), pd.DataFrame({"age": [70, 40]}), "y")
    """
    pandas = pd.Series | pd.DataFrame
    if not (isinstance(values, pandas) and isinstance(X, pandas)) or len(values) != len(X):
        return
    if values.index.equals(X.index) or not X.index.is_unique:
        return
    if values.index.isin(X.index).all() and values.index.is_unique:
        raise InputError(
            f"{where} has the row labels of X in another order, and rows are matched by position; "
            "sort it as X is sorted, for example with .reindex(X.index)."
        )


def _as_series(answer, where):
    if isinstance(answer, pd.DataFrame) or len(np.shape(answer)) > 1:
        raise InputError(f"{where} has more than one dimension; pass one boolean for each row.")
    if len(np.shape(answer)) == 0:
        raise InputError(
            f"{where} gives a {type(answer).__name__}; pass a boolean for each row, row positions, "
            "or a function of X that returns either."
        )
    if isinstance(answer, list | tuple | set | range):
        return pd.Series(list(answer), dtype=None if len(answer) else bool)
    if isinstance(nw.from_native(answer, pass_through=True, allow_series=True), nw.Series):
        return to_pandas(answer).iloc[:, 0] if len(answer) else pd.Series([], dtype=bool)
    return pd.Series(np.asarray(answer))


def _is_boolean(values):
    if types.is_bool_dtype(values.dtype):
        return True
    return types.is_object_dtype(values.dtype) and all(
        isinstance(value, bool | np.bool_) for value in values
    )


def _from_positions(values, n, where):
    if len(values) and not types.is_integer_dtype(values.dtype):
        raise InputError(
            f"{where} holds values of type {values.dtype}; pass a boolean for each row or whole "
            "row positions from 0."
        )
    positions = values.to_numpy(dtype=np.int64)
    outside = int(((positions < 0) | (positions >= n)).sum())
    if outside:
        raise InputError(
            f"{where} has {outside} positions outside 0 to {n - 1}; positions count rows from 0, "
            "they are not row labels."
        )
    if len(np.unique(positions)) < len(positions):
        raise InputError(
            f"{where} repeats a position; pass each once, or a boolean for each row (0 and 1 are "
            "read as positions)."
        )
    mask = np.zeros(n, dtype=bool)
    mask[positions] = True
    return mask
