"""Cells of a table as the chains see them, and completed tables in the dtypes that came in."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml.exceptions import InputError
from healthml.imputation._table.design import DATE, GROUP, INTEGER, NS_PER_DAY, NUMERIC, nearest

# Code of a level that `fit` did not see; below 0, as missing cells (-1) are.
NEW_LEVEL = -2


def read_columns(columns, frame):
    """Return the cells of a table, which are missing, and how many levels were never seen.

    A level that was not seen at fit is kept in the table; to the models it is missing.

    Parameters
    ----------
    columns : list of Coded
    frame : pandas.DataFrame

    Returns
    -------
    values : list of ndarray
    missing : list of ndarray of bool
        Cells without a usable value; only those that are empty in `frame` are filled in.
    new_levels : list of ndarray of bool
        Cells with a level that was not seen at fit.

    Raises
    ------
    InputError
        If a number is infinite or a column of numbers holds text.
    """
    values, missing, new = [], [], []
    floats = _float_cells(columns, frame)
    for j, column in enumerate(columns):
        cells = floats[j] if j in floats else _read(column, frame[column.name])
        if column.kind == GROUP:
            unseen, is_missing = cells < 0, np.zeros(len(cells), dtype=bool)
        elif column.is_category:
            unseen, is_missing = cells == NEW_LEVEL, cells < 0
        else:
            unseen, is_missing = np.zeros(len(cells), dtype=bool), np.isnan(cells)
        values.append(cells)
        missing.append(is_missing)
        new.append(unseen)
    return values, missing, new


def _float_cells(columns, frame):
    """Return {column number: cells} of all columns of plain floats, read at once."""
    dtypes = dict(frame.dtypes)
    floats = [
        j
        for j, column in enumerate(columns)
        if column.kind in (NUMERIC, INTEGER) and dtypes[column.name] == np.float64
    ]
    if not floats:
        return {}
    names = [columns[j].name for j in floats]
    block = (frame if len(names) == frame.shape[1] else frame[names]).to_numpy(
        dtype=float, copy=True
    )
    for place, j in enumerate(floats):
        if columns[j].unskew is not None:
            block[:, place] = columns[j].unskew.apply(block[:, place])
    centre = np.array([columns[j].centre for j in floats])
    block = (block - centre) / np.array([columns[j].spread for j in floats])
    for place in np.flatnonzero(np.isinf(block).any(axis=0)):
        _refuse_infinite(columns[floats[place]], block[:, place])
    return dict(zip(floats, np.ascontiguousarray(block.T), strict=True))


def _read(column, series):
    if column.levels is not None:
        return column.read(series)
    if not (types.is_numeric_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype)):
        series = _numbers_of(column, series)
    cells = column.read(series)
    _refuse_infinite(column, cells)
    return cells


def _refuse_infinite(column, cells):
    infinite = np.flatnonzero(np.isinf(cells))
    if len(infinite):
        raise InputError(
            f"column {column.name!r} has {len(infinite)} infinite values, the first at position "
            f"{infinite[0]}; set them to missing or repair them first."
        )


def _numbers_of(column, series):
    """Return an all-missing or object column as numbers, refusing text."""
    number = pd.to_numeric(series, errors="coerce")
    text = np.flatnonzero((number.isna() & series.notna()).to_numpy())
    if len(text):
        raise InputError(
            f"column {column.name!r} was {column.kind} at fit and holds text at {len(text)} "
            f"places, the first at position {text[0]}; clean it first "
            "(healthml.cleaning.LabValueParser)."
        )
    return number


def as_completed(frame, columns, filled, supports=None):
    """Return a copy of a table with cells filled in, each column in its own dtype.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; observed cells stay exactly as they are.
    columns : list of Coded
    filled : dict of int to (ndarray of int, ndarray)
        Column number -> rows and what to write: values of the design, or level codes.
    supports : dict of int to ndarray, optional
        Column number -> sorted observed values to one of which each number is drawn; see
        `observed_support`.

    Returns
    -------
    pandas.DataFrame
    """
    supports = supports or {}
    place = {name: k for k, name in enumerate(frame.columns)}
    if filled and set(frame.dtypes) == {np.dtype(float)}:
        whole = frame.to_numpy(copy=True)
        for j, (rows, cells) in filled.items():
            content = _content(columns[j], cells, supports.get(j, columns[j].support))
            whole[rows, place[columns[j].name]] = content
        out = pd.DataFrame(whole, index=frame.index, columns=frame.columns, copy=False)
        out.attrs = frame.attrs
        return out
    out = frame.copy(deep=False)
    for j, (rows, cells) in filled.items():
        column, series = columns[j], frame[columns[j].name]
        if column.is_category:  # an unseen level is missing to the models only
            empty = series.isna().to_numpy()[rows]
            rows, cells = rows[empty], np.asarray(cells)[empty]
        if len(rows):
            content = _content(column, cells, supports.get(j, column.support))
            out.isetitem(place[column.name], write_filled(series, rows, content, column.dtype))
    return out


def observed_support(column, series):
    """Return the sorted distinct observed values of a column of numbers or dates.

    Standardising and back costs the last digit; donors' cells are set to the value they came from.
    """
    if series.dtype == np.float64:
        cells = series.to_numpy()
        return np.unique(cells[~np.isnan(cells)])
    seen = series[series.notna()]
    if column.kind == DATE:
        naive = seen.dt.tz_localize(None) if getattr(seen.dt, "tz", None) else seen
        return np.unique(naive.to_numpy().astype("datetime64[ns]"))
    return np.unique(seen.to_numpy(dtype=float))


def _content(column, cells, support):
    if column.is_category:
        return column.levels[cells.astype(np.int64)]
    return as_observed(column, cells, support)


def as_observed(column, cells, support):
    """Return values of the design as numbers or dates, each set to the closest of a support."""
    number = column.number(cells)
    if column.kind == DATE:
        ticks = np.round(number * NS_PER_DAY).astype("int64")
        if support is not None:
            ticks = nearest(support.astype("int64"), ticks)
        return pd.to_datetime(ticks, unit="ns")
    return number if support is None else nearest(support, number)


def write_filled(series, rows, content, learnt=None):
    """Return a copy of a column with its missing cells written, the dtype kept.

    A column of plain floats comes back as an array, which is quicker to put into a table.

    Parameters
    ----------
    series : pandas.Series
        The column.
    rows : ndarray of int
        Positions of the missing cells.
    content : array-like
        What is written there.
    learnt : dtype, optional
        Type of the column in the training rows. A new row's own category type may lack the level
        that is written; it then takes the levels, and their order, of the training rows.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation._table.cells import write_filled
    >>> write_filled(pd.Series([1, None], dtype="Int64"), np.array([1]), np.array([4.0])).dtype
    Int64Dtype()
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(_with_levels(series.dtype, content, learnt))
    dtype = series.dtype
    if dtype == np.float64 and isinstance(dtype, np.dtype):
        cells = series.to_numpy(copy=True)
        cells[rows] = content
        return cells
    out = series.copy()
    if types.is_datetime64_any_dtype(dtype):
        stamps = pd.DatetimeIndex(content)
        zone = getattr(dtype, "tz", None)
        if zone is not None:
            stamps = stamps.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        out.iloc[rows] = stamps.astype(dtype)
        return out
    if types.is_numeric_dtype(dtype) and not types.is_bool_dtype(dtype):
        number = np.asarray(content, dtype=float)
        out.iloc[rows] = number.astype(np.int64) if types.is_integer_dtype(dtype) else number
        return out
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        cells = np.empty(len(rows), dtype=object)
        cells[:] = list(content)
        out.iloc[rows] = cells
        return out
    out.iloc[rows] = pd.array(list(content), dtype=dtype)
    return out


def _with_levels(dtype, content, learnt):
    """Return a category type that has all levels to be written, the own ones kept."""
    own = list(dtype.categories)
    if set(content) <= set(own):
        return dtype
    trained = list(learnt.categories) if isinstance(learnt, pd.CategoricalDtype) else own
    levels = dict.fromkeys([*trained, *own, *content])
    return pd.CategoricalDtype(list(levels), ordered=dtype.ordered)
