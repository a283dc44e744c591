"""Identifiers of patients: none missing, none rounded, as codes."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks.arguments import as_series
from healthml._core._tables import LARGEST_EXACT_FLOAT
from healthml.exceptions import InputError


def check_groups(groups, n, name="groups"):
    """Return the patient of each row as integer codes, numbered in order of appearance.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Patient identifier of each row, of any type.
    n : int
        Number of rows expected.
    name : str, default="groups"
        What the identifiers are called in an error.

    Returns
    -------
    ndarray of shape (n_samples,)
        Integers from 0.

    Raises
    ------
    InputError
        If an identifier is missing, a list, or a float beyond 2**53, or the length does not fit.

    Examples
    --------
    >>> from healthml._core._checks import check_groups
    >>> check_groups(["p2", "p1", "p2"], 3)
    array([0, 1, 0])
    """
    if len(np.shape(groups)) != 1:
        raise InputError(f"{name} must be one identifier for each row, in one dimension.")
    values = as_series(groups)
    if len(values) != n:
        raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each row.")
    missing = np.flatnonzero(values.isna())
    if missing.size:
        raise InputError(
            f"{name} has {missing.size} missing identifiers, the first at position {missing[0]}; "
            "leave these rows out, or give each of them an identifier of its own."
        )
    refuse_inexact(values, name)
    try:
        return pd.factorize(values)[0]
    except TypeError:  # lists and mappings
        raise InputError(
            f"{name} holds lists or mappings; pass one number or text for each row."
        ) from None


def refuse_inexact(values, name="groups"):
    """Raise InputError where identifiers are floats so large that neighbours have become one.

    Beyond 2**53 a float stands for several whole numbers: 600 patients may be 235 by then, and no
    later step can tell.

    Parameters
    ----------
    values : pandas.Series
        Identifiers.
    name : str, default="groups"
        What they are called in the message.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._checks import refuse_inexact
    >>> refuse_inexact(pd.Series([2.0**53, 12.0]))
    """
    if types.is_float_dtype(values.dtype):
        inexact = values.abs().to_numpy(dtype=float, na_value=np.nan) > LARGEST_EXACT_FLOAT
    elif types.is_object_dtype(values.dtype):
        inexact = [
            isinstance(cell, float | np.floating) and abs(cell) > LARGEST_EXACT_FLOAT
            for cell in values
        ]
    else:
        return
    where = np.flatnonzero(inexact)
    if where.size:
        raise InputError(
            f"{name} has {where.size} identifiers that are floats beyond 2**53, the first at "
            f"position {where[0]}, where floats cannot tell neighbours apart; read them as text or "
            "whole numbers, for example with pandas.read_csv(..., dtype={'patient': 'string'})."
        )
