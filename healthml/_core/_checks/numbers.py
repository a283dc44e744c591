"""Numbers of each row, whatever holds them: any numbers, or probabilities."""

import numpy as np
import pandas as pd

from healthml._core._checks.arguments import as_series
from healthml._core._tables import parse_numbers
from healthml.exceptions import InputError


def as_numbers(values, name):
    """Return anything array-like as floats; text that is no number is refused without the text.

    Parameters
    ----------
    values : array-like
        Numbers, or text of numbers; None is missing.
    name : str
        What they are called in the message.

    Returns
    -------
    ndarray of float

    Raises
    ------
    InputError
        With the position of the first that is no number.

    Examples
    --------
    >>> from healthml._core._checks import as_numbers
    >>> as_numbers(["0.5", 2], "sample_weight")
    array([0.5, 2. ])
    """
    if isinstance(values, pd.Series | pd.api.extensions.ExtensionArray):
        values = np.asarray(values, dtype=object) if values.dtype.kind not in "biuf" else values
    _refuse_complex(values, name)
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        cells = np.asarray(values, dtype=object)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; pass one number each.") from None
    numbers, is_text = parse_numbers(pd.Series(cells.ravel(), dtype=object))
    wrong = np.flatnonzero(is_text)
    if wrong.size or numbers.isna().all():
        where = f", the first at position {wrong[0]}" if wrong.size else ""
        raise InputError(
            f"{name} has {wrong.size} values that are no numbers{where}; pass numbers."
        )
    return numbers.to_numpy(dtype=float).reshape(cells.shape)


def _refuse_complex(values, name):
    """Refuse complex numbers, of which numpy would drop a part."""
    kind = getattr(getattr(values, "dtype", None), "kind", "O")
    listed = kind == "O" and isinstance(values, list | tuple | np.ndarray | pd.Series)
    cells = np.atleast_1d(values) if isinstance(values, np.ndarray) else values
    cells = cells if listed else ()
    if kind == "c" or any(isinstance(cell, complex) for cell in cells):
        raise InputError(f"{name} holds complex numbers; pass numbers.")


def check_proba(y_proba, n=None, name="y_proba"):
    """Return predicted risks as floats between 0 and 1.

    Parameters
    ----------
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event.
    n : int, default=None
        Number of rows expected.
    name : str, default="y_proba"
        What the risks are called in an error.

    Returns
    -------
    ndarray of shape (n_samples,)
        float64.

    Raises
    ------
    InputError
        If a risk is missing, not a number or outside 0 to 1, or if the shape does not fit.

    Examples
    --------
    >>> from healthml._core._checks import check_proba
    >>> check_proba([0.1, 0.9], n=2)
    array([0.1, 0.9])
    """
    _refuse_complex(y_proba, name)
    try:
        shape = np.shape(y_proba)
    except ValueError:
        raise InputError(f"{name} has rows of different lengths; pass one risk each.") from None
    if len(shape) == 2 and shape[1] == 2:
        raise InputError(f"{name} has two columns; pass the event's, predict_proba(X)[:, 1].")
    if len(shape) == 2 and shape[1] == 1:
        y_proba = np.asarray(y_proba).ravel()
    elif len(shape) != 1:
        raise InputError(f"{name} has {len(shape)} dimensions; pass one risk for each row.")
    risk, is_text = parse_numbers(as_series(y_proba))
    risk = risk.to_numpy(copy=True)
    if n is not None and len(risk) != n:
        raise InputError(f"{name} has {len(risk)} values for {n} rows; pass one for each row.")
    bad = np.flatnonzero(~((risk >= 0) & (risk <= 1)))
    if bad.size:
        what = "not a number" if is_text.iloc[bad[0]] else "missing or outside 0 to 1"
        raise InputError(
            f"{name} has {bad.size} of {len(risk)} values that are no probability, the first, at "
            f"position {bad[0]}, {what}; pass predict_proba(X)[:, 1], not labels or scores."
        )
    return risk
