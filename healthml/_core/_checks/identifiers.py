"""Identifiers of patients: none missing, none rounded, as codes; one identifier written twice."""

import re
import unicodedata

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks.arguments import as_series
from healthml._core._tables import LARGEST_EXACT_FLOAT
from healthml.exceptions import InputError

# Share of identifiers in one case before case is taken as a matter of typing. Chosen by judgement,
# not by simulation; lower joins identifiers whose case tells them apart.
ONE_CASE = 0.95
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


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
        If an identifier is missing or blank, a list, or a float beyond 2**53, or the length does
        not fit.

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
        codes, levels = pd.factorize(values)
    except TypeError:  # lists and mappings
        raise InputError(
            f"{name} holds lists or mappings; pass one number or text for each row."
        ) from None
    _refuse_blank(codes, levels, name)
    return codes


def _refuse_blank(codes, levels, name):
    """Refuse blank text: rows without an identifier are not one patient."""
    blank = np.flatnonzero([is_blank(level) for level in levels]) if _may_be_text(levels) else ()
    if len(blank):
        rows = np.flatnonzero(np.isin(codes, blank))
        raise InputError(
            f"{name} has {len(rows)} blank identifiers, the first at position {rows[0]}; leave "
            "these rows out, or give each of them an identifier of its own."
        )


def _may_be_text(levels):
    dtype = getattr(levels, "dtype", object)
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)


def is_blank(cell):
    """Say whether a cell is text without a visible character.

    Parameters
    ----------
    cell : object
        Of any type.

    Returns
    -------
    bool

    Examples
    --------
    >>> from healthml._core._checks import is_blank
    >>> is_blank(" \u200b"), is_blank("P1"), is_blank(0)
    (True, False, False)
    """
    if not isinstance(cell, str) or cell[:1].isalnum():  # most, at a tenth of the cost
        return False
    return not _UNSEEN.sub("", cell)


def as_meant(levels):
    """Return identifiers without what is a matter of typing.

    Spaces, invisible characters, full-width letters and, where the identifiers are written in one
    case, case do not count; nor do zeros in front of a number.

    Parameters
    ----------
    levels : sequence
        Different identifiers.

    Returns
    -------
    Series of str
        An empty text for a blank one.

    Examples
    --------
    >>> from healthml._core._checks import as_meant
    >>> as_meant(["007", "7 ", "8"]).tolist()
    ['7', '7', '8']
    """
    plain = pd.Series([_plain(level) for level in levels], dtype=object)
    return plain.str.casefold() if _case_is_typing(plain) else plain


def _plain(level):
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", str(level)))
    return text.lstrip("0") or "0" if text.isdecimal() else text


def _case_is_typing(texts):
    """Whether nearly all identifiers with letters are in upper, or nearly all in lower case."""
    lettered = texts[texts.str.lower() != texts.str.upper()]
    if lettered.empty:
        return False
    upper, lower = lettered.str.isupper().mean(), lettered.str.islower().mean()
    return max(upper, lower) >= ONE_CASE


def codes_as_meant(groups):
    """Return the patient of each row once identifiers that differ in typing only are one.

    Parameters
    ----------
    groups : array-like of shape (n_samples,)
        Identifiers, none missing.

    Returns
    -------
    ndarray of int, or None
        None where no two identifiers differ in typing only.

    Examples
    --------
    >>> from healthml._core._checks import codes_as_meant
    >>> codes_as_meant(["P1", "P2", "P1 "]), codes_as_meant(["P1", "P2", "P1"])
    (array([0, 1, 0]), None)
    """
    codes, levels = pd.factorize(as_series(groups))
    if not _may_be_text(levels):
        return None
    joined, distinct = pd.factorize(as_meant(levels))
    return joined[codes] if len(distinct) < len(levels) else None


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
