"""How a column is stored: empty, constant, numbers as text, levels spelt in several ways."""

import re
from collections import Counter

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import id_hint, name_words
from healthml.cleaning._columns.text import key_of, tidy, usual_spellings

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"

_SHAPES = (
    ("comparator", re.compile(rf"\s*(<=|>=|<|>|≤|≥|=<|=>)\s*({_NUMBER}|\d+,\d+)\s*\D{{0,12}}")),
    ("decimal comma", re.compile(r"\s*[+-]?\d+,\d{1,2}\s*|\s*[+-]?0,\d+\s*")),
    ("thousands", re.compile(r"\s*\d{1,3}(,\d{3})+(\.\d+)?\s*")),
    ("number with unit", re.compile(rf"\s*{_NUMBER}\s*(%|[^\W\d_][\w/^*.%\[\]() -]{{0,14}})\s*")),
    (
        "two numbers",
        re.compile(rf"\s*[\[(]?\s*{_NUMBER}\s*(-|\u2013|/|to)\s*{_NUMBER}\s*[\])]?\s*"),
    ),
    ("about", re.compile(rf"\s*(~|≈|ca\.?|about|approx\.?)\s*{_NUMBER}\s*")),
    ("code", re.compile(r"\s*[A-Za-z]{1,3}[-.]?\d[\w.-]*\s*")),
)

READABLE_SHAPES = ("comparator", "decimal comma", "thousands", "number with unit", "about")

_CODE_WORDS = frozenset({"code", "codes", "cd", "type", "zip", "zipcode"})

_COUNT_WORDS = frozenset({"no", "number", "num", "nr"})  # as often a count as an identifier


def shape_of(text):
    """Return the shape class of a text cell: "number", "comparator", "decimal comma", ... "word".

    Examples
    --------
    >>> from healthml.cleaning._columns.shapes import shape_of
    >>> [shape_of(cell) for cell in ("7.2", "> 89", "5,1", "98%", "V45", "high")]
    ['number', 'comparator', 'decimal comma', 'number with unit', 'code', 'word']
    """
    if re.fullmatch(rf"\s*{_NUMBER}\s*", text):
        return "number"
    for name, pattern in _SHAPES:
        if pattern.fullmatch(text):
            return name
    return "word"


def read_numbers(column):
    """Return a text column as floats: "5,1" is 5.1, "98%" is 98, "> 89" is 89; words are NaN."""
    values = np.append([_read_number(level) for level in column.levels], np.nan)
    return values[column.level_codes]


def _read_number(text):
    shape = shape_of(text)
    if shape != "number" and shape not in READABLE_SHAPES:
        return np.nan
    text = text.replace(",", "") if shape == "thousands" else text.replace(",", ".")
    found = re.search(_NUMBER, text)
    return float(found.group()) if found else np.nan


def spelling_keys(column):
    """Return each level without case, spare spaces and invisible characters."""
    return [key_of(level) for level in column.levels]


def level_spellings(column):
    """Return, for each level, its usual spelling (see `usual_spellings`)."""
    levels, counts = [tidy(level) for level in column.levels], Counter()
    for level, n in zip(levels, column.level_counts, strict=True):
        counts[level] += int(n)
    moved = usual_spellings(counts, merge_short=True)
    return [moved.get(level, level) for level in levels]


def has_code_name(name):
    """Say whether a column's name announces a code or an identifier.

    Examples
    --------
    >>> from healthml.cleaning._columns.shapes import has_code_name
    >>> [has_code_name(n) for n in ("admission_type_id", "hospitalid", "payerCode", "steroid")]
    [True, True, True, False]
    """
    words, hint = name_words(name), id_hint(name)
    letters = [word for word in words if not word.isdigit()]
    return (hint is not None and hint not in _COUNT_WORDS) or (
        bool(letters) and (letters[-1] in _CODE_WORDS or "icd" in letters)
    )


def is_text(series):
    """Say whether a column is stored as text, objects or categories of text.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._columns.shapes import is_text
    >>> is_text(pd.Series(["a", None])), is_text(pd.Series([1, 2], dtype="category"))
    (True, False)
    """
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)
