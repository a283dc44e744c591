"""Columns read as numbers or as levels, whatever they are stored as."""

import numpy as np
import pandas as pd

MISSING_LEVEL = "\x00missing"


def stored_as_number(column):
    return bool(
        column.dtype.kind in "biufMm"
        or pd.api.types.is_numeric_dtype(column)
        or pd.api.types.is_datetime64_any_dtype(column)
    )


def numbers_of(column):
    """Return a column as floats, NaN where it is missing or not a number."""
    if pd.api.types.is_datetime64_any_dtype(column):
        days = (column - pd.Timestamp(0, tz=getattr(column.dtype, "tz", None))) / pd.Timedelta("1D")
        return days.to_numpy(dtype=float, na_value=np.nan)
    if column.dtype.kind == "m":
        return (column / pd.Timedelta("1D")).to_numpy(dtype=float, na_value=np.nan)
    if stored_as_number(column):
        return column.to_numpy(dtype=float, na_value=np.nan)
    codes, numbers = text_numbers(column)
    return np.append(numbers, np.nan)[codes]


def text_numbers(column):
    """Return the level of each row and the number it is; "> 89" counts as 89, True as 1."""
    codes, levels = factorize_levels(column)
    levels = [int(level) if isinstance(level, bool | np.bool_) else level for level in levels]
    text = pd.Series([str(level) for level in levels], dtype=object).str.strip()
    text = text.str.replace(r"^[<>]=?\s*", "", regex=True)
    text = text.str.replace(r"^(-?\d+),(\d+)$", r"\1.\2", regex=True)
    return codes, pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)


def factorize_levels(column):
    """Return the level of each row (-1 if missing) and the levels; lists and the like by text."""
    try:
        return pd.factorize(column, use_na_sentinel=True)
    except TypeError:
        return pd.factorize(column.astype("object").map(str, na_action="ignore"))


def level_codes(column):
    """Return the level of each row as a code, and the levels as text; missing is the last."""
    codes, levels = factorize_levels(column)
    same, texts = pd.factorize(np.array([level_text(level) for level in levels], dtype=object))
    codes = np.append(same, len(texts))[codes]
    return codes, np.asarray([*texts, MISSING_LEVEL], dtype=object)


def text_categories(column):
    """Return the categories of a column where all are texts, which need no reading; else None."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return None
    categories = column.dtype.categories
    if isinstance(categories.dtype, pd.StringDtype):
        return categories
    return categories if pd.api.types.infer_dtype(categories, skipna=False) == "string" else None


def count_categories(codes):
    """Return the codes of a category that occur, by first appearance, and their rows.

    Missing, code -1, comes last, with no row where none is missing.
    """
    seen, first, counts = np.unique(codes, return_index=True, return_counts=True)
    if not len(seen) or seen[0] >= 0:
        seen, first, counts = np.append(-1, seen), np.append(0, first), np.append(0, counts)
    order = np.argsort(np.where(seen < 0, len(codes), first), kind="stable")
    return seen[order], counts[order]


def level_text(level):
    """Return a level as text, alike whether a code is stored as text, integer or float."""
    whole = isinstance(level, float | np.floating) and float(level).is_integer()
    return f"{level:.0f}" if whole else str(level)


def as_category(column):
    return column.astype("object").map(level_text, na_action="ignore").astype("category")
