"""Texts that look like dates and are not read as such: two-digit years, days without separators."""

import re

import pandas as pd

# Share of the known cells that must look like a date; by judgement. Lower names free text that
# mentions days, higher misses columns with a few notes among the dates.
MOSTLY = 0.9
_FEWEST = 20  # known cells of a column
_SOME_CELLS = 2_000  # that are looked at
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_SHAPES = (
    r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{2,4}",
    rf"\d{{1,2}}[-/. ]?{_MONTH}[-/., ]*\d{{2,4}}",
    rf"{_MONTH}[-/. ]*\d{{1,2}}[-/., ]+\d{{2,4}}",
    r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])",
)
_DATE = re.compile(rf"\s*(?:{'|'.join(_SHAPES)})(?:[ T]\d{{1,2}}:\d{{2}}.*)?\s*", re.IGNORECASE)


def unread_dates(X, read):
    """Return columns of text that look like dates in nine cells of ten, beside those read.

    >>> X = pd.DataFrame({"op": ["03/11/14", "21/02/15"] * 10, "ward": ["a", "b"] * 10})
    >>> unread_dates(X, ())
    ['op']
    """
    return [c for c in X.columns if c not in set(read) and _looks_like_dates(X[c])]


def _looks_like_dates(column):
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
        return False
    known = column.dropna()
    cells = known.iloc[:: max(1, len(known) // _SOME_CELLS)]
    if len(known) < _FEWEST or cells.nunique() < 2:
        return False
    return bool(cells.map(lambda cell: _DATE.fullmatch(str(cell)) is not None).mean() >= MOSTLY)
