"""Why a fit failed, in words that hold no cell: the step, the columns, a library's message."""

import re
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from healthml._core._routing.hidden_cells import words_without_cells
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError

_MOST_COLUMNS = 10  # names of columns in a message
_LONGEST = 200  # letters of a foreign message; what is longer lists data more often than reasons

_TEXT = re.compile(
    r"could not convert string|unable to convert|dtypes? .*must be|could not convert|"
    r"invalid literal|unsupported operand|isnan.*not supported|Cannot cast|must be real number",
    re.IGNORECASE,
)
_MISSING = re.compile(r"contains? NaN|missing values|NaN or inf|contains infinity", re.IGNORECASE)

# Packages whose messages are about parameters and shapes, so that masking the cells is enough;
# a message of anybody's own code may hold what is in no table at all, a name or a path.
_LIBRARIES = frozenset(
    (
        *("sklearn", "imblearn", "xgboost", "lightgbm", "catboost", "statsmodels"),
        *("numpy", "scipy", "pandas", "joblib"),
    )
)


@contextmanager
def hiding_cells(X, model=None):
    """Let no cell of a table out in the error of a model, a step or a function that is not ours.

    An error whose words hold no cell passes as it is. Of any other an InputError is raised, with
    its `failure_reason`.

    Parameters
    ----------
    X : DataFrame or array
        The table that the model is given.
    model : estimator, optional
        Named in the message.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import hiding_cells
    >>> X = pd.DataFrame({"ward": ["north", "south"]})
    >>> with hiding_cells(X, Ridge()):
    ...     Ridge().fit(X, [0, 1])
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: Ridge failed (ValueError in Ridge: the column ward ...
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        chain = _chain(error)
        if not any(words_without_cells(str(link), X) != str(link) for link in chain):
            raise
        name = "the model" if model is None else type(model).__name__
        raise InputError(f"{name} failed ({failure_reason(error, X)}).") from None


def _chain(error):
    """Return an error with those that it came from, as a traceback would print them."""
    links = []
    while error is not None and error not in links:
        links.append(error)
        hidden = error.__suppress_context__ and error.__cause__ is None
        error = None if hidden else error.__cause__ or error.__context__
    return links


def failure_reason(error, X):
    """Return why a fit or a prediction failed, without the value of any cell.

    Parameters
    ----------
    error : Exception
        What was raised.
    X : array-like
        The rows at hand, whose cells must not appear.

    Returns
    -------
    str
        The kind of error, the step it happened in, and the columns that the step cannot take, or
        else the first line of a library's message, its cells left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import Ridge
    >>> from healthml._core._routing import failure_reason
    >>> X = pd.DataFrame({"age": [60, 70]})
    >>> try:
    ...     Ridge(alpha=-1).fit(X, [0, 1])
    ... except ValueError as error:
    ...     failure_reason(error, X).split(" must be")[0]
    "InvalidParameterError in Ridge: The 'alpha' parameter of Ridge"
    """
    kind, (step, table, home) = type(error).__name__, _failing_step(error)
    where = f"{kind} in {type(step).__name__}" if step is not None else kind
    reason = _of_columns(error, step, table, X)
    if not reason and home in _LIBRARIES:
        reason = _first_line(str(error), X)
    return f"{where}: {reason}" if reason else where


def _failing_step(error):
    """Return the innermost estimator at work, the table it held, and the package that raised."""
    step, table, home, trace = None, None, "", error.__traceback__
    while trace is not None:
        held = trace.tb_frame.f_locals
        home = trace.tb_frame.f_globals.get("__name__", "").partition(".")[0]
        owner = held.get("self")
        if isinstance(owner, BaseEstimator):
            step = owner
            table = held.get("X", table)
        trace = trace.tb_next
    return step, table, home


def _of_columns(error, step, table, X):
    """Name the columns whose kind the step cannot take, where the table itself shows them."""
    text, frame = str(error), _named_columns(table, X)
    if frame is None or step is None or not isinstance(error, ValueError | TypeError):
        return ""
    if _TEXT.search(text) and (names := _text_columns(frame)):
        many = len(names) > 1
        listed = _listed(names)
        return (
            f"the column{'s' * many} {listed} hold{'s' * (not many)} text and "
            f"{type(step).__name__} takes numbers; encode {'them' if many else 'it'} before it"
        )
    if _MISSING.search(text):
        names = [str(name) for name in frame.columns[frame.isna().any(axis=0).to_numpy()]]
        if names:
            many = len(names) > 1
            return (
                f"the column{'s' * many} {_listed(names)} ha{'ve' if many else 's'} missing cells "
                f"and {type(step).__name__} takes none; impute them before it"
            )
    return ""


def _named_columns(table, X):
    """Return what the step was given as a frame, under the raw names if the width is the same."""
    raw = _frame(X)
    own = raw if table is None else _frame(table)
    if own is None:
        return raw
    if not isinstance(table, pd.DataFrame) and raw is not None and own.shape[1] == raw.shape[1]:
        return raw
    return own


def _frame(table):
    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, np.ndarray):
        if table.ndim != 2:
            return None
        return pd.DataFrame(table).rename(columns=lambda place: f"at position {place}")
    try:
        return to_pandas(table)
    except Exception:  # sparse, or another container: no column can be named
        return None


def _text_columns(frame):
    return [
        str(name)
        for name, column in frame.items()
        if not (
            pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype)
        )
        and column.map(lambda cell: isinstance(cell, str)).any()
    ]


def _listed(names):
    more = len(names) - _MOST_COLUMNS
    shown = ", ".join(names[:_MOST_COLUMNS])
    return shown if more <= 0 else f"{shown} and {more} more"


def _first_line(text, X):
    """Return the first line of a message without cells, or nothing where it lists data."""
    line = text.strip().split("\n")[0]
    return "" if len(line) > _LONGEST else words_without_cells(line, X).rstrip(". ")
