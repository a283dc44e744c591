"""Why a fit failed, in words that hold no cell: the step, and a message where it is safe."""

import re

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from healthml._core._tables import to_pandas

_MOST_COLUMNS = 10  # names of columns in a message
_LONGEST = 200  # letters of a foreign message; what is longer lists data more often than reasons

_TEXT = re.compile(
    r"could not convert string|unable to convert|dtypes? .*must be|could not convert|"
    r"invalid literal|unsupported operand|isnan.*not supported|Cannot cast|must be real number",
    re.IGNORECASE,
)
_MISSING = re.compile(r"contains? NaN|missing values|NaN or inf|contains infinity", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"|`([^`]*)`")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")

# Packages whose messages are about parameters and shapes, so that a check of the words is enough;
# a message of anybody's own code may hold what is in no table at all, a name or a path.
_LIBRARIES = frozenset(
    (
        *("sklearn", "imblearn", "xgboost", "lightgbm", "catboost", "statsmodels"),
        *("numpy", "scipy", "pandas", "joblib"),
    )
)

# Words in quotes that libraries use for their own parameters and methods, not for cells.
_KNOWN_WORDS = frozenset(
    (
        *("X", "y", "groups", "sample_weight", "cv", "n_splits", "estimator", "threshold"),
        *("fit", "transform", "predict", "predict_proba", "decision_function", "classes_"),
        *("None", "True", "False", "nan", "float", "int", "object", "str", "bool"),
    )
)


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
        The kind of error, the step it happened in, and a reason where one can be given safely.
    """
    kind, (step, table, home) = type(error).__name__, _failing_step(error)
    where = f"{kind} in {type(step).__name__}" if step is not None else kind
    reason = _of_columns(error, step, table, X)
    if not reason and home in _LIBRARIES:
        reason = safe_message(str(error), step, X)
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


def safe_message(text, step, X):
    """Return the first line of a message, or nothing where it may hold a cell.

    A message is shown only if every quoted word is a parameter's or a column's name, no number in
    it is a fraction or a cell, no list of data stands in it, and no cell of text occurs in it.
    """
    text = text.strip().split("\n")[0].rstrip(".")
    if not text or len(text) > _LONGEST or re.search(r"\[.*[\d'\"]|array\(|\{.*:", text):
        return ""
    frame = _frame(X)
    if frame is None:
        return ""
    words = _KNOWN_WORDS | set(map(str, frame.columns)) | _parameter_words(step)
    quoted = {next(filter(None, found.groups()), "") for found in _QUOTED.finditer(text)}
    if not quoted <= words:
        return ""
    numbers = _NUMBER.findall(text)
    allowed = {str(len(frame)), str(frame.shape[1])} | words
    if any(("." in n or "e" in n.lower()) and n not in allowed for n in numbers):
        return ""
    if _holds_cell(text, [n for n in numbers if n not in allowed], frame):
        return ""
    return text


def _parameter_words(step):
    if step is None:
        return set()
    params = step.get_params(deep=False)
    values = {str(value) for value in params.values() if isinstance(value, str | int | float)}
    return set(params) | values | {type(step).__name__}


def _holds_cell(text, numbers, frame):
    """Say whether a message holds a cell of the table, as text or as a whole number."""
    wanted = [float(number) for number in numbers]
    tokens = set(re.findall(r"\w+", text.lower()))
    for place in range(frame.shape[1]):
        column = frame.iloc[:, place]
        if pd.api.types.is_numeric_dtype(column.dtype):
            cells = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
            if wanted and np.isin(wanted, cells).any() and not _is_small(column):
                return True
        else:
            cells = column.dropna().map(str).str.lower().unique()
            if any(cell in tokens or (len(cell) > 3 and cell in text.lower()) for cell in cells):
                return True
    return False


def _is_small(column):
    """Say whether a column holds numbers from 0 to 100 only, by which nobody is known."""
    values = pd.to_numeric(column, errors="coerce").dropna()
    return bool(len(values)) and bool(values.between(0, 100).all())
