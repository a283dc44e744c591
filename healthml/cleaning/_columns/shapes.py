"""Whether a column is stored as text, and whether its name announces a code."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import id_hint, name_words

_CODE_WORDS = frozenset({"code", "codes", "cd", "type", "zip", "zipcode"})

_COUNT_WORDS = frozenset({"no", "number", "num", "nr"})  # as often a count as an identifier


def has_code_name(name):
    """Say whether a column's name announces a code or an identifier.

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

    >>> is_text(pd.Series(["a", None])), is_text(pd.Series([1, 2], dtype="category"))
    (True, False)
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype):  # asked of every column of every served row
        return dtype.kind == "O"
    if isinstance(dtype, pd.CategoricalDtype):
        dtype = dtype.categories.dtype
    return types.is_object_dtype(dtype) or types.is_string_dtype(dtype)
