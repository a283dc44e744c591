"""Tables as they come in: one pandas frame, whoever made it, with nothing changed on the way.

Integers beyond 2**53 are never carried by a float, so identifiers stay exact; index, category,
nullable, datetime and string columns pass through as they are.
"""

import re
import sys

import narwhals.stable.v1 as nw
import numpy as np
import pandas as pd
from pandas.api import types

from healthml.exceptions import InputError

# Values without a source were chosen by judgement, not by simulation.
# Whole numbers above lose digits as floats (IEEE 754).
LARGEST_EXACT_FLOAT = 2**53
LARGEST_NUMBER = 1e150  # beyond about 1.3e154 the square of a float is infinite

# Text with more levels than this is a category only if each level is common.
MOST_LEVELS = 50

# Rows per level from which it is.
ROWS_PER_LEVEL = 20

_NESTED = (list, tuple, dict, set, frozenset, np.ndarray, pd.Series)

_INTEGERS = (nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64)

_ISO_DATE = re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}([T ].*)?\s*")


def to_pandas(X, name="X", *, nullable=False):
    """Return a table as a pandas DataFrame, index and dtypes kept.

    Parameters
    ----------
    X : pandas, polars or other narwhals-compatible frame or series, or 2-D array-like
        The table. A numpy array gets the columns ``x0``, ``x1`` and so on.
    name : str, default="X"
        What the table is called in an error.
    nullable : bool, default=False
        Make a column of whole numbers with missing cells from another library `Int64`, so that it
        is known as whole numbers, and not `float64`.

    Returns
    -------
    pandas.DataFrame
        The same object when `X` is a pandas DataFrame already; do not edit it in place.

    Raises
    ------
    InputError
        If `X` is not a table, has no rows or no columns, or repeats a column name,
        or holds complex numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._tables.frames import to_pandas
    >>> to_pandas(np.eye(2)).columns.tolist()
    ['x0', 'x1']
    """
    if isinstance(X, pd.DataFrame):
        frame = X
    elif isinstance(X, pd.Series):
        frame = X.to_frame(X.name if X.name is not None else "x0")
    else:
        native = nw.from_native(X, pass_through=True, allow_series=True)
        is_frame = isinstance(native, nw.DataFrame | nw.LazyFrame | nw.Series)
        frame = _from_narwhals(native, nullable) if is_frame else _from_array(X, name)
    _refuse_duplicates(frame, name)
    refuse_complex(frame, name)
    if frame.shape[0] == 0 or frame.shape[1] == 0:
        raise InputError(
            f"{name} has {frame.shape[0]} rows and {frame.shape[1]} columns; "
            "pass a table with at least one of each."
        )
    return frame


def check_table(df, name="table"):
    """Return a table as pandas, refusing what no analysis can use.

    Parameters
    ----------
    df : DataFrame
        The table to look at, from any library that `to_pandas` reads.
    name : str, default="table"
        What the table is called in an error.

    Returns
    -------
    pandas.DataFrame
        The table, unchanged.

    Raises
    ------
    InputError
        If the table is empty, repeats a column name, has columns with infinite values, or no
        column with any value; the message names the columns, counts, positions and what to do. An
        empty column among others is a finding (HM206), not a reason to refuse the table.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import check_table
    >>> check_table(pd.DataFrame({"age": [70.0, float("inf")]}))
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: column 'age' of the table has 1 infinite value, the first ...
    """
    frame = to_pandas(df, name)
    refuse_nested(frame, f"the {name}")
    refuse_infinite(frame, name)
    if all(frame[column].isna().all() for column in frame.columns):
        raise InputError(
            f"No column of the {name} has a value in any of {len(frame)} rows; check that the file "
            "was read with the right columns."
        )
    return frame


def refuse_infinite(frame, name="table", error=InputError):
    """Raise `error` when a float column holds an infinite value, or one whose square is infinite.

    The message names the column, how many they are and where the first is.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table to look at.
    name : str, default="table"
        What the table is called in the message.
    error : type, default=InputError
        Class to raise.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import refuse_infinite
    >>> refuse_infinite(pd.DataFrame({"age": [70.0, 71.0]}))
    """
    for position, dtype in enumerate(frame.dtypes):
        if not types.is_float_dtype(dtype):
            continue
        size = np.abs(frame.iloc[:, position].to_numpy(float, na_value=np.nan))
        column = f"column {str(frame.columns[position])!r} of {_the(name)}"
        where = np.flatnonzero(np.isinf(size))
        if where.size:
            raise error(
                f"{column} has {where.size} infinite value{'s' if where.size > 1 else ''}, the "
                f"first at position {where[0]}; correct the division or overflow that made them, "
                "or set them to missing."
            )
        where = np.flatnonzero(size > LARGEST_NUMBER)
        if where.size:
            raise error(
                f"{column} has {where.size} number{'s' if where.size > 1 else ''} beyond 1e150, "
                f"the first at position {where[0]}, whose squares are infinite; divide the column "
                "by a power of ten, or set such cells to missing."
            )


def _the(name):
    return name if name[:1].isupper() else f"the {name}"


def refuse_complex(frame, name="X"):
    """Raise InputError when a column holds complex numbers."""
    for column, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if dtype.kind == "c":
            raise InputError(
                f"Complex data not supported: column {str(column)!r} of {name} holds complex "
                "numbers; keep their real part, or leave the column out."
            )


def refuse_nested(frame, name="X"):
    """Raise InputError when a cell holds a list, a mapping, a set or an array: which and where.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table to look at.
    name : str, default="X"
        What the table is called in the message.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import refuse_nested
    >>> refuse_nested(pd.DataFrame({"codes": [["I10"], ["E11", "I10"]]}))
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: column 'codes' of X has 2 cells that hold several values ...
    """
    refuse_complex(frame, name)
    for position, dtype in enumerate(frame.dtypes):
        if not types.is_object_dtype(dtype):
            continue
        column = frame.iloc[:, position]
        if types.infer_dtype(column, skipna=True) not in ("mixed", "mixed-integer"):
            continue
        where = np.flatnonzero([isinstance(cell, _NESTED) for cell in column])
        if where.size:
            raise InputError(
                f"column {str(frame.columns[position])!r} of {name} has {where.size} cells that "
                f"hold several values (a list, a mapping, a set or an array), the first at "
                f"position {where[0]}; make it text, or one column for each value."
            )


def role_series(values, name):
    """Return the site, the time or another role of each row as a Series numbered anew.

    Raises
    ------
    InputError
        If it has more than one dimension, or a cell holds several values.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._tables import role_series
    >>> role_series(np.ones((2, 2)), "site")
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: site has 2 dimensions; pass one value for each row.
    """
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if not isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        values = np.asarray(values) if hasattr(values, "shape") else pd.Series(list(values))
    n = np.ndim(values)
    if n != 1:
        raise InputError(f"{name} has {n} dimensions; pass one value for each row.")
    series = pd.Series(values).reset_index(drop=True)
    refuse_nested(series.to_frame(name), "the arguments")
    return series


def check_column_names(X, name="X", *, all_text=True):
    """Raise InputError when column names repeat, or when only some of them are text.

    Parameters
    ----------
    X : object
        Only a pandas DataFrame is looked at; other libraries have text without repeats.
    name : str, default="X"
        What the table is called in the message.
    all_text : bool, default=True
        Also refuse names of which only some are text, as scikit-learn does.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import check_column_names
    >>> check_column_names(pd.DataFrame({"age": [70], "sex": ["f"]}))
    """
    if not isinstance(X, pd.DataFrame):
        return
    _refuse_duplicates(X, name)
    is_text = [isinstance(column, str) for column in X.columns]
    if all_text and any(is_text) and not all(is_text):
        raise InputError(
            f"the columns of {name} are named by text, but for {len(is_text) - sum(is_text)}, the "
            f"first at position {is_text.index(False)}; give every column a name of text, for "
            f"example {name}.columns = {name}.columns.map(str)."
        )


def parse_numbers(series):
    """Read a column as numbers without guessing.

    Only a cell that is a plain number becomes one ("5", " 7.2 ", "1e3"); "<5", "1,200", "7 mg"
    and "inf" do not. A blank text cell counts as missing.

    Parameters
    ----------
    series : pandas.Series
        The column, of any dtype.

    Returns
    -------
    numbers : pandas.Series
        float64, same index and name; NaN where the cell is not a number.
    is_text : pandas.Series
        Boolean, same index; True where the cell holds something that is not a number.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import parse_numbers
    >>> numbers, is_text = parse_numbers(pd.Series(["5", "<3", None]))
    >>> numbers.tolist(), is_text.tolist()
    ([5.0, nan, nan], [False, True, False])
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        numbers, is_text = parse_numbers(pd.Series(series.cat.categories))
        codes = series.cat.codes.to_numpy()
        number = np.append(numbers.to_numpy(), np.nan)[codes]
        text = np.append(is_text.to_numpy(), False)[codes]
    elif types.is_numeric_dtype(series.dtype):  # booleans count as numbers
        number = series.to_numpy(dtype=float, na_value=np.nan)
        text = np.zeros(len(series), dtype=bool)
    elif types.is_object_dtype(series.dtype) or types.is_string_dtype(series.dtype):
        number, text = _numbers_of_text(series)
    else:  # dates and spans are values, but not numbers
        number, text = np.full(len(series), np.nan), series.notna().to_numpy()
    numbers = pd.Series(number, index=series.index, name=series.name, dtype=float)
    return numbers, pd.Series(text, index=series.index, name=series.name, dtype=bool)


def blank_codes(series, codes):
    """Set the cells that hold a missing code to missing, keeping the dtype where it can be kept.

    Parameters
    ----------
    series : pandas.Series
        The column, of any dtype.
    codes : sequence of str or number
        A number, or the text of one, is compared by value in a numeric column; in any other
        column a cell is compared as text, spaces around it left out.

    Returns
    -------
    pandas.Series
        A new series, or the same one when no cell holds a code. Integers become floats, or
        ``Int64`` where a float would lose digits; other dtypes stay, and a category that was a
        code is gone.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import blank_codes
    >>> blank_codes(pd.Series([98, -1, 104]), ["-1"]).tolist()
    [98.0, nan, 104.0]
    """
    if types.is_bool_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype):
        return series
    # an empty code means an empty cell only: a blank is text until somebody says otherwise
    texts = {text for code in codes for text in (str(code), str(code).strip()) if text}
    texts |= {""} & {str(code) for code in codes}
    if isinstance(series.dtype, pd.CategoricalDtype):
        is_code = [_is_code(level, texts) for level in series.cat.categories]
        codes = series.cat.categories[np.array(is_code, dtype=bool)]
        return series.cat.remove_categories(codes) if series.isin(codes).any() else series
    if types.is_numeric_dtype(series.dtype):
        number = pd.to_numeric(pd.Series(sorted(texts), dtype=object), errors="coerce").dropna()
        is_code = series.isin(number.tolist()).to_numpy(dtype=bool)
    else:
        distinct = pd.Series(series.dropna().unique(), dtype=object)
        is_code = series.isin([cell for cell in distinct if _is_code(cell, texts)]).to_numpy(bool)
    if not is_code.any():
        return series
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "iu":
        large = max(abs(int(series.max())), abs(int(series.min()))) > LARGEST_EXACT_FLOAT
        nullable = "UInt64" if series.dtype.kind == "u" else "Int64"
        series = series.astype(nullable if large else float)
    return series.mask(is_code)


def _is_code(cell, texts):
    text = str(cell)
    return (
        text in texts
        or (text.strip() or None) in texts
        or (isinstance(cell, float) and cell.is_integer() and f"{cell:.0f}" in texts)
    )


def column_kind(series):
    """Say what a column holds.

    Parameters
    ----------
    series : pandas.Series
        The column, of any dtype.

    Returns
    -------
    {"numeric", "categorical", "boolean", "datetime", "text", "constant", "empty"}
        Missing cells are ignored. "boolean" is True/False or exactly the numbers 0 and 1. Text
        that is a number in every cell is "numeric", ISO dates are "datetime"; other text is
        "categorical" with at most 50 levels, or with at least 20 rows for each level.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._tables.frames import column_kind
    >>> column_kind(pd.Series(["a", "b", None])), column_kind(pd.Series([0, 1, 1]))
    ('categorical', 'boolean')
    """
    values = series.dropna()
    if values.empty:
        return "empty"
    if types.is_datetime64_any_dtype(values.dtype) or types.is_timedelta64_dtype(values.dtype):
        return "datetime" if values.nunique() > 1 else "constant"
    n_levels = len(_distinct(values))
    if n_levels == 1:
        return "constant"
    if types.is_bool_dtype(values.dtype) and not isinstance(values.dtype, pd.CategoricalDtype):
        return "boolean"
    if types.is_numeric_dtype(values.dtype):
        return "boolean" if n_levels == 2 and values.isin([0, 1]).all() else "numeric"
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "categorical"
    return _kind_of_text(values, n_levels)


def _kind_of_text(values, n_levels):
    distinct = _distinct(values)
    if all(isinstance(cell, bool | np.bool_) for cell in distinct):
        return "boolean"
    _, is_text = parse_numbers(distinct)
    if not is_text.any():
        return "numeric"
    text = distinct.astype(str)
    if _ISO_DATE.fullmatch(text.iloc[0]) and text.map(_ISO_DATE.fullmatch).notna().all():
        return "datetime"
    few = n_levels <= MOST_LEVELS or n_levels * ROWS_PER_LEVEL <= len(values)
    return "categorical" if few else "text"


def _distinct(values):
    try:
        return pd.Series(values.unique())
    except TypeError:  # lists and other cells that cannot be hashed
        return pd.Series(values.astype(str).unique())


def _small_enough(cell):
    return np.nan if isinstance(cell, int) and abs(cell) > sys.float_info.max else cell


def _no_complex(cell):
    return np.nan if isinstance(cell, complex) else cell


def _numbers_of_text(series):
    try:
        number = pd.to_numeric(series, errors="coerce")
    except OverflowError:  # a whole number of more than 308 digits is no measurement
        number = pd.to_numeric(series.map(_small_enough), errors="coerce")
    if number.dtype.kind == "c":  # no measurement either; numpy would drop a part of it
        number = pd.to_numeric(series.map(_no_complex), errors="coerce")
    number = number.to_numpy(dtype=float, na_value=np.nan).copy()
    number[np.isinf(number)] = np.nan
    text = np.isnan(number) & series.notna().to_numpy()
    doubtful = np.flatnonzero(text)
    blank = [str(cell).strip() == "" for cell in series.iloc[doubtful]]
    text[doubtful[np.array(blank, dtype=bool)]] = False
    return number, text


def _from_array(X, name):
    if not hasattr(X, "__array__") and not isinstance(X, list | tuple):
        raise InputError(
            f"{name} is a {type(X).__name__}; pass a pandas or polars DataFrame or a 2-D array."
        )
    array = np.asarray(X)
    if array.ndim != 2:
        raise InputError(f"{name} has {array.ndim} dimensions; pass a table of rows and columns.")
    return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])


def _from_narwhals(native, nullable):
    if isinstance(native, nw.Series):
        native = native.to_frame()
    elif isinstance(native, nw.LazyFrame):
        native = native.collect()
    try:
        columns = {name: _column_to_pandas(native[name], nullable) for name in native.columns}
    except ImportError as error:
        raise InputError(
            "a frame that is not pandas is converted by pyarrow; pip install pyarrow, or pass "
            "a pandas DataFrame."
        ) from error
    return pd.DataFrame(columns, index=pd.RangeIndex(len(native)), columns=list(columns))


def _column_to_pandas(column, nullable):
    """Convert one narwhals column; integers and booleans with missing cells stay exact."""
    has_missing = column.null_count() > 0
    if has_missing and column.dtype == nw.Boolean:
        return pd.Series(column.to_list(), dtype="boolean")
    if has_missing and any(column.dtype == dtype for dtype in _INTEGERS):
        cells = column.to_list()
        largest = max((abs(cell) for cell in cells if cell is not None), default=0)
        if nullable or largest > LARGEST_EXACT_FLOAT:
            unsigned = largest >= 2**63 and min(cell for cell in cells if cell is not None) >= 0
            return pd.Series(cells, dtype="UInt64" if unsigned else "Int64")
        return pd.Series(cells, dtype=float)
    if column.dtype == nw.Decimal:
        return column.cast(nw.Float64).to_pandas().reset_index(drop=True)
    if column.dtype == nw.Date:
        column = column.cast(nw.Datetime("ms"))
    return column.to_pandas().reset_index(drop=True)


def _refuse_duplicates(frame, name):
    if not frame.columns.is_unique:
        repeated = frame.columns[frame.columns.duplicated()].unique()
        raise InputError(
            f"{name} has more than one column called {repeated[0]!r} "
            f"({len(repeated)} repeated name{'s' if len(repeated) > 1 else ''}); "
            "rename or drop the extra columns."
        )


def sensitive_frame(features, n):
    """Return the sensitive features as a frame with named columns."""
    if isinstance(features, dict):
        if {np.shape(column) for column in features.values()} != {(n,)}:
            raise InputError(
                f"sensitive_features is a mapping whose entries are not columns of {n} values; "
                "pass {name: column}, or a DataFrame."
            )
        features = pd.DataFrame(features)
    if isinstance(features, pd.Series):
        features = features.to_frame(features.name or "sensitive")
    if not hasattr(features, "columns"):
        values = np.asarray(features, dtype=object)
        if values.ndim not in (1, 2):
            raise InputError(
                "sensitive_features must be a column, several columns or a DataFrame, "
                f"not {type(features).__name__} of {values.ndim} dimensions."
            )
        values = values.reshape(len(values), -1)
        features = pd.DataFrame(values, columns=[f"sensitive{k}" for k in range(values.shape[1])])
    frame = to_pandas(features, name="sensitive_features")
    refuse_nested(frame, "sensitive_features")
    if len(frame) != n:
        raise InputError(
            f"sensitive_features has {len(frame)} rows and the outcome {n}; pass them aligned."
        )
    return frame
