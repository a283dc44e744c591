"""Where the flagged cells lie: counted by site and over time, small groups hidden."""

from itertools import pairwise

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._release import is_small, release_table
from healthml._core._tables import role_series
from healthml.exceptions import InputError

MOST_PERIODS = 24  # values of a time that are shown one by one; more become intervals
MOSTLY_DATES = 0.9  # share of cells that must be dates before a time is cut by the calendar
YEAR_MONTH = r"^\s*((?:1[5-9]|2[0-2])\d{2}-(?:0[1-9]|1[0-2]))"
UNKNOWN = "(missing)"
CALENDAR = ((6, "year"), (2, "quarter"), (0, "month"))  # units of spans longer than so many years
N_BINS = 12  # intervals of a time that is a number
COLUMNS = {
    "column": str,
    "rule": str,
    "group": str,
    "n_samples": "Int64",
    "n_cells": "Int64",
    "share": float,
    "hidden": bool,
}


def count_by_group(flags, codes, labels, patients=None):
    """Count the cells of each flag in each group.

    Rows of no known group (-1) are a group of their own; without `patients` every row is one.
    """
    codes, labels = np.where(codes < 0, len(labels), codes), [*labels, UNKNOWN]
    n_groups = len(labels)
    size = np.bincount(codes, minlength=n_groups)
    n_patients = size if patients is None else _patients_by_group(codes, patients, n_groups)
    counts = [np.bincount(codes[f.mask], minlength=n_groups) for f in flags]
    names = [(f.column, f.rule) for f in flags]
    return places_table(
        names, np.array(counts).reshape(len(flags), n_groups), labels, size, n_patients
    )


def places_table(names, counts, labels, size, n_patients):
    """Return one row per rule and group; a small group is hidden and the counts beside it rounded.

    `counts` has a row for each rule and a column for each group.
    """
    small = is_small(n_patients)
    rows = [
        (column, rule, label, int(s), int(c), c / s, bool(is_hidden), int(n))
        for (column, rule), of_rule in zip(names, counts, strict=True)
        for label, s, c, is_hidden, n in zip(labels, size, of_rule, small, n_patients, strict=True)
        if s
    ]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "n_patients"])
    if small.any():
        written = release_table(table, keep_rows=True)
        names = ["n_samples", "n_cells", "share"]
        table[names] = written[names].to_numpy()
    for name in ("n_samples", "n_cells"):
        table[name] = pd.array(table[name].tolist(), dtype="Float64").astype("Int64")
    return table.drop(columns="n_patients").astype(COLUMNS)


def without_small(table):
    """Return the counts by group without the groups that are hidden, whose names stay behind.

    >>> without_small(no_places()).empty
    True
    """
    return table[~table["hidden"].astype(bool)].reset_index(drop=True)


def no_places():
    """Return the empty table of a report without sites or times."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def _patients_by_group(codes, patients, n_groups):
    pairs = pd.DataFrame({"group": codes, "patient": np.asarray(patients)})
    return np.bincount(pairs.drop_duplicates()["group"], minlength=n_groups)


def read_groups(values, n, name):
    """Return the code of each row and the labels of the groups of a site column."""
    codes, levels = pd.factorize(_series(values, n, name), sort=False)
    labels = [group_name(level) for level in levels]
    order = np.argsort(labels, kind="stable")
    place = np.append(np.argsort(order), -1)
    return place[codes], [labels[k] for k in order]


def read_periods(values, n, name="time"):
    """Return the period of each row and the labels of the periods, in order.

    Dates become years, quarters or months, by how long they reach; numbers with many values
    become intervals of equal width; other values stay as they are.
    """
    series = _series(values, n, name)
    stamps = as_stamps(series)
    if stamps is not None:
        unit = calendar_unit(stamps.min(), stamps.max())
        keys = calendar_keys(stamps, unit)
        codes, levels = pd.factorize(keys, sort=True)
        return codes, [calendar_label(key, unit) for key in levels]
    try:
        codes, levels = pd.factorize(series, sort=True)
    except TypeError:
        raise InputError(
            f"{name} holds cells of several kinds; pass dates (year-month-day), years, or numbers."
        ) from None
    if len(levels) <= MOST_PERIODS:
        return codes, [group_name(level) for level in levels]
    if not types.is_numeric_dtype(series.dtype):
        raise InputError(
            f"{name} has {len(levels)} different values that are neither dates nor numbers; pass "
            "dates (year-month-day), years, or numbers."
        )
    edges = bin_edges(float(levels.min()), float(levels.max()))
    numbers = series.to_numpy(dtype=float, na_value=np.nan)
    part = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, N_BINS - 1)
    return np.where(np.isnan(numbers), -1, part), bin_labels(edges)


def bin_edges(low, high):
    """Return the edges of intervals of equal width."""
    return np.linspace(low, high, N_BINS + 1).tolist()


def bin_labels(edges):
    """Return the names of the intervals."""
    return [f"{a:.6g} to {b:.6g}" for a, b in pairwise(edges)]


def calendar_unit(first, last):
    """Return the unit in which a span of dates is told: "year", "quarter" or "month"."""
    years = (pd.Timestamp(last) - pd.Timestamp(first)).days / 365.25
    return next((unit for longer, unit in CALENDAR if years > longer), "month")


def calendar_keys(stamps, unit):
    """Return each date as one number that sorts: 2021, 20213 or 202108; NaN where missing."""
    year, month = stamps.dt.year, stamps.dt.month
    if unit == "quarter":
        return year * 10 + (month - 1) // 3 + 1
    return year if unit == "year" else year * 100 + month


def calendar_label(key, unit):
    """Return the name of a period.

    >>> calendar_label(20213, "quarter"), calendar_label(202108, "month")
    ('2021-Q3', '2021-08')
    """
    key = int(key)
    if unit == "quarter":
        return f"{key // 10}-Q{key % 10}"
    return f"{key}" if unit == "year" else f"{key // 100}-{key % 100:02d}"


def _series(values, n, name):
    series = role_series(values, name)
    if len(series) != n:
        raise InputError(f"{name} has {len(series)} values for {n} rows; pass one for each row.")
    return series


def as_stamps(series):
    """Return dates as such, and text that begins with year-month as the first of that month.

    None for columns that are not dates in nine cells of ten.
    """
    if types.is_datetime64_any_dtype(series.dtype):
        return series
    if types.is_numeric_dtype(series.dtype) or series.isna().all():
        return None
    month = series.astype(str).where(series.notna()).str.extract(YEAR_MONTH, expand=False)
    if month.notna().sum() < MOSTLY_DATES * series.notna().sum():
        return None
    return pd.to_datetime(month + "-01", format="%Y-%m-%d")


def group_name(level):
    """Return the name of a group as it is shown."""
    return f"{level:g}" if isinstance(level, float) else str(level)
