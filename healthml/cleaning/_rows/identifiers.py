"""Identifiers that repeat, or are one identifier in two spellings."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import as_meant, is_blank
from healthml._core._knowledge import contains_word, has_word, id_hint, site_hint

# Values without a source were chosen by judgement, not by simulation.
# Share of different values in a column whose name says one identifier per row. Lower calls visits
# of one patient repeated identifiers.
MOSTLY_DISTINCT = 0.8
# The same for a column that may be an identifier at all, as a patient's is. Lower takes codes in.
DISTINCT = 0.1


def identifier_columns(frame):
    """Return the columns whose name and values are those of an identifier.

    Columns of a site's number, of dates or with few different values are left out.
    """
    return [name for name in frame if _is_identifier(frame[name])]


def _is_identifier(series):
    dtype = series.dtype
    if id_hint(series.name) is None or site_hint(series.name) is not None:
        return False
    if has_word(series.name, "name") not in (None, "mrn", "ssn"):  # families share names, phones
        return False
    if types.is_bool_dtype(dtype) or types.is_datetime64_any_dtype(dtype):
        return False
    known = without_blanks(series).dropna()
    return len(known) > 0 and known.nunique() >= DISTINCT * len(known)


def should_be_unique(frame, columns):
    """Return the identifiers that ought to differ in every row, judged by name and values.

    A patient's identifier may well repeat, and so may any other one where a column of the table
    numbers the rows already.
    """
    ids = {name: without_blanks(frame[name]) for name in columns}
    distinct = {name: series.nunique() / max(series.count(), 1) for name, series in ids.items()}
    complete = (name for name in columns if distinct[name] == 1 and ids[name].notna().all())
    if any(complete):
        return []
    return [
        name
        for name in columns
        if distinct[name] >= MOSTLY_DISTINCT and contains_word(name, "patient") is None
    ]


def repeated_pairs(series):
    """Return each later row of an identifier with the first row that has it.

    Row positions; missing identifiers are none.
    """
    return _with_first(pd.factorize(without_blanks(series))[0])


def without_blanks(series):
    """Return identifiers with blank text as missing: nobody shares an empty cell.

    >>> without_blanks(pd.Series(["P1", " ", ""])).isna().tolist()
    [False, True, True]
    """
    if types.is_numeric_dtype(series.dtype) or types.is_datetime64_any_dtype(series.dtype):
        return series
    text = series.astype(object)
    return text.mask(text.map(is_blank).astype(bool))


def spelling_pairs(series):
    """Return rows whose identifiers are different as written and the same as meant.

    Spaces, invisible characters, full-width letters and, where the column is written in one case,
    case do not count; nor do zeros in front of a number.

    Row positions: the first row of another spelling, with the first row of each spelling before it.
    """
    codes, levels = pd.factorize(series)
    if types.is_numeric_dtype(series.dtype) or not len(levels):
        return np.empty(0, int), np.empty(0, int)
    plain = as_meant(levels)
    first_row = np.full(len(levels), len(codes))
    known = np.flatnonzero(codes >= 0)
    np.minimum.at(first_row, codes[known], known)
    spelling, other = _with_first(pd.factorize(plain.where(plain != ""))[0])
    return first_row[spelling], first_row[other]


def _with_first(codes):
    """Return positions with a code, each with the first position of that code, if another."""
    known = np.flatnonzero(codes >= 0)
    first = np.full(int(codes.max(initial=-1)) + 1, len(codes))
    np.minimum.at(first, codes[known], known)
    later = known[first[codes[known]] < known]
    return first[codes[later]], later
