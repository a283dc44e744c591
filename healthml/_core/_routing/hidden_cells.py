"""Words of errors without the cells of a table."""

import re

import numpy as np
import pandas as pd

from healthml._core._tables import parse_numbers

# What stands for a value in the words of an error.
_HIDDEN = "..."

_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w])")
_PRINTED_ARRAY = re.compile(r"(?<=array=)\[.*\]|(?<=array\()\[.*?\](?=[,)])", re.DOTALL)
_CODE_NAME = re.compile(r"[A-Za-z_][\w.-]*")


def words_without_cells(words, X):
    """Return the words of an error without printed arrays, quoted texts and cells of a table.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._routing.hidden_cells import words_without_cells
    >>> words_without_cells("no ward North here", pd.DataFrame({"ward": ["north"]}))
    'no ward ... here'
    """
    names = {str(name) for name in getattr(X, "columns", ())}
    texts, numbers = _cells(X)
    words = _PRINTED_ARRAY.sub(_HIDDEN, words)
    words = _QUOTED.sub(lambda m: m[0] if _harmless(m[0][1:-1], names, texts) else _HIDDEN, words)
    plain = words.casefold()
    for text in sorted((t for t in texts if len(t) > 2 and t.casefold() in plain), key=len)[::-1]:
        if text not in names:
            words = re.sub(re.escape(text), _HIDDEN, words, flags=re.IGNORECASE)
    return _NUMBER.sub(lambda m: _HIDDEN if _is_cell(m[0], numbers) else m[0], words)


def _harmless(quoted, names, texts):
    """Whether a quoted piece is a column, or a name of code ('groups', 'l2') that no cell holds."""
    if quoted in names:
        return True
    plain = quoted.strip().casefold()
    if not _CODE_NAME.fullmatch(quoted):
        return False
    held = {text.casefold() for text in texts}
    if plain in held or len(plain) < 3:
        return plain not in held
    return not any(plain in text or (len(text) > 2 and text in plain) for text in held)


def _is_cell(number, numbers):
    """Whether a number is a cell, or written out as no count is."""
    many_digits = "." in number and len(number.split(".")[1]) > 2
    return many_digits or float(number) in numbers


def _cells(X):
    """Return the texts, and the numbers but for whole ones from 0 to 10, that a table holds."""
    frame = X if isinstance(X, pd.DataFrame) else None
    if frame is None:
        native = getattr(X, "to_pandas", None)
        frame = native() if native is not None else pd.DataFrame(np.asarray(X, dtype=object))
    texts, numbers = set(), set()
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position].dropna()
        if pd.api.types.infer_dtype(column) == "complex":
            continue  # no estimator takes them, and the message says so
        number, is_text = parse_numbers(column)
        texts |= {str(cell) for cell in column[is_text].astype(str).unique()}
        numbers |= set(number.dropna().unique())
    infinite = {"inf", "-inf"}  # numbers that are no plain number to `parse_numbers`
    return texts - infinite - {""}, {n for n in numbers if not (0 <= n <= 10 and n == int(n))}
