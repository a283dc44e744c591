"""Which group each row belongs to: levels as they are, ages and amounts in bands."""

import itertools
import re
from numbers import Real

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import name_words
from healthml._core._tables import parse_numbers

# Ages at which medicine changes its questions: adults, middle age, retirement, the very old (80 and
# over, as in the age bands of most registries). By convention, not by simulation.
_AGE_CUTS = (0, 18, 40, 65, 80, np.inf)

MISSING = "missing"

_AGE_WORD = re.compile(r"(patient|anchor|admission)?ages?(yrs?|years|inyears)?")

# Distinct numbers up to which each is a group of its own: numbers of hospitals, wards and classes
# are names, and cut at quartiles the gap of one hospital would be averaged away. Chosen by
# judgement; moved up, a coarse measurement falls into many small groups, moved down, names are
# averaged.
MOST_LEVELS = 20

# Distinct ages up to which each is a group of its own, such as the midpoints of ten-year bands.
_MOST_AGES = 10

# Parts into which other numbers are cut, by their quantiles.
_QUARTERS = (0, 0.25, 0.5, 0.75, 1)


def band_labels(column):
    """Return the group of each row as text; missing is "missing"; see `band_codes`.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.fairness._attributes import band_labels
    >>> band_labels(pd.Series([1.0, 2.0, None])).tolist()
    ['1', '2', 'missing']
    """
    names, codes = band_codes(column)
    return names[codes]


def band_codes(column, counts=None):
    """Return the names of the groups, sorted, and the group of each row as its place among them.

    Text is a group as it stands, text of digits too, and so are numbers of 20 values or fewer.
    Ages are cut at 18, 40, 65 and 80, other numbers at their quartiles.

    Parameters
    ----------
    column : pandas.Series
        One sensitive feature.
    counts : ndarray of int, optional
        How many rows each of its values stands for; one each by default.

    Returns
    -------
    names : ndarray of str, shape (n_groups,)
    codes : ndarray of int, shape (n_samples,)
    """
    is_age = any(_AGE_WORD.fullmatch(word) for word in name_words(column.name))
    if is_age and column.nunique() > _MOST_AGES:
        ages, is_text = parse_numbers(column)
        if not is_text.any():
            return _cut(ages.to_numpy(), _AGE_CUTS, _age_names())
    if not is_age and column.nunique() > MOST_LEVELS and _holds_numbers(column):
        values = parse_numbers(column)[0].to_numpy()
        cuts = np.unique(_quantiles(values, counts))
        return _cut(values, cuts, [f"quarter {k + 1}" for k in range(len(cuts) - 1)])
    if not isinstance(column.dtype, pd.CategoricalDtype | pd.StringDtype):
        column = column.astype(object)
    codes, levels = pd.factorize(column)
    return _in_order([*map(_level_name, levels), MISSING], codes)


def _quantiles(values, counts):
    """Return the quantiles of known values, each standing for so many rows."""
    if counts is None:
        return np.nanquantile(values, _QUARTERS)
    known = np.argsort(values)[: np.isfinite(values).sum()]
    last = np.cumsum(counts[known])  # row at which each value ends
    place = np.array(_QUARTERS) * (last[-1] - 1)
    below, above = (
        values[known][np.searchsorted(last, row(place), side="right")]
        for row in (np.floor, np.ceil)
    )
    return below + (place - np.floor(place)) * (above - below)


def _in_order(names, codes):
    """Return the names that occur, sorted and each once, and codes to them; -1 is the last."""
    names = np.array(names, dtype=object).astype(str)
    counts = np.bincount(codes + 1, minlength=len(names))
    occurs = np.r_[counts[1 : len(names)], counts[0]] > 0
    kept = np.unique(names[occurs])
    place = np.searchsorted(kept, names).astype(np.intp)
    return kept, place[codes]


def _holds_numbers(column):
    """Whether a column is one of numbers by its type, and not text of digits."""
    dtype = column.dtype
    if types.is_numeric_dtype(dtype):
        return not types.is_bool_dtype(dtype)
    return types.is_object_dtype(dtype) and all(
        isinstance(cell, Real) and not isinstance(cell, bool | np.bool_)
        for cell in column.dropna().unique()
    )


def _cut(values, cuts, names):
    at = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(names) - 1)
    return _in_order([*names, MISSING], np.where(np.isnan(values), -1, at))


def _age_names():
    pairs = itertools.pairwise(_AGE_CUTS)
    return [f"{lo:g}-{hi - 1:g}" if np.isfinite(hi) else f"{lo:g}+" for lo, hi in pairs]


def _level_name(value):
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
