"""Counts of conditions on a lazy table: all rows, rows with the event, by site and by period."""

import narwhals as nw
import numpy as np
import pandas as pd

from healthml._core._release import MIN_COUNT
from healthml.cleaning._quality import places
from healthml.cleaning._quality.lazy.table import COUNT, KEY, collect
from healthml.exceptions import InputError

MOST_GROUPS = 10_000  # sites or periods of one answer; more are identifiers passed by mistake
_GROUP, _PERSON = "healthml_group", "healthml_person"
_BUCKETS = 1009  # enough to tell eleven patients apart, few enough to be held for every group


def count_rows(table, conditions, event=None):
    """Return the number of rows, and of rows with the event, that meet each condition."""
    asked, names = [], []
    for k, condition in enumerate(conditions):
        if condition is not None:
            asked.append(_total(condition, f"n{k}"))
            if event is not None:
                asked.append(_total(condition & event, f"e{k}"))
    totals = collect(table.frame.select(*asked)).iloc[0].to_dict() if asked else {}
    number = {name: int(n) if pd.notna(n) else 0 for name, n in totals.items()}
    names = range(len(conditions))
    return [number.get(f"n{k}") for k in names], [number.get(f"e{k}") for k in names]


def _total(condition, name):
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0)).sum().alias(name)


def count_places(table, flags, conditions, key, label, patient=None):
    """Count the rows that meet each condition in every group.

    `label` names a group from its key; without the column of the `patient` every row is one.
    """
    present = [k for k, c in enumerate(conditions) if c is not None]
    asked = [_total(conditions[k], f"n{k}") for k in present]
    rows = table.frame.with_columns(key.alias(_GROUP))
    counted = collect(rows.group_by(_GROUP).agg(nw.len().alias(COUNT), *asked))
    if len(counted) > MOST_GROUPS:
        raise InputError(
            f"a site or time has {len(counted):,} different values, too many for groups; pass a "
            "coarser column."
        )
    counted = counted.sort_values(_GROUP, ignore_index=True)
    size = counted[COUNT].to_numpy(dtype=int)
    people = size if patient is None else _patients(table, rows, counted[_GROUP], patient)
    counts = counted[[f"n{k}" for k in present]].to_numpy(dtype=int).T
    names = [(flags[k].column, flags[k].rule) for k in present]
    labels = [places.UNKNOWN if pd.isna(g) else label(g) for g in counted[_GROUP]]
    return places.places_table(names, counts, labels, size, people)


def _patients(table, rows, groups, patient):
    """Return the patients of each group; in bounded memory, exact where they are few.

    Distinct remainders (or last letters) of the patient's number are at least as few as the
    patients, so that a group with eleven of them is large enough.
    """
    column = nw.col(patient)
    bucket = column % _BUCKETS if patient in table.whole else column.cast(nw.String).str.tail(2)
    at_least = _distinct_by_group(rows, groups, bucket)
    small = at_least < MIN_COUNT
    if not small.any():
        return at_least
    names = groups[small].dropna().tolist()
    few = rows.filter(nw.col(_GROUP).is_in(names) | nw.col(_GROUP).is_null())
    return np.where(small, _distinct_by_group(few, groups, column), at_least)


def _distinct_by_group(rows, groups, column):
    pairs = rows.with_columns(column.alias(_PERSON)).select(_GROUP, _PERSON).unique()
    counted = collect(pairs.group_by(_GROUP).agg(nw.len().alias(COUNT)))
    number = {_name(g): int(n) for g, n in zip(counted[_GROUP], counted[COUNT], strict=True)}
    return np.array([number.get(_name(group), 0) for group in groups])


def _name(group):
    return None if pd.isna(group) else group


def period_key(table, name, sample):
    """Return the period of each row, and how a period is named, as `read_periods` would."""
    column, kind = nw.col(name), table.kinds[name]
    is_iso = kind == "text" and places.as_stamps(sample) is not None
    if kind == "date" or is_iso:
        if is_iso:
            month = column.str.strip_chars().str.slice(0, 7)
            column = nw.when(column.str.contains(places.YEAR_MONTH)).then(month)
        unit = places.calendar_unit(*_ends(table, column))
        year, month = _year_and_month(column, is_iso)
        if unit == "quarter":
            key = year * 10 + (month + 2) // 3
        else:
            key = year if unit == "year" else year * 100 + month
        return key, lambda key: places.calendar_label(key, unit)
    most = places.MOST_PERIODS + 2
    few = collect(table.frame.select(column.alias(KEY)).unique().head(most))[KEY].nunique()
    if few <= places.MOST_PERIODS:
        return column, places.group_name
    if kind != "number":
        raise InputError(f"{name} has many values that are neither dates nor numbers.")
    finite = table.frame.filter(column.is_finite()) if name in table.floats else table.frame
    ends = collect(finite.select(column.min().alias("low"), column.max().alias("high"))).iloc[0]
    edges = places.bin_edges(float(ends["low"]), float(ends["high"]))
    part = ((column - edges[0]) / (edges[1] - edges[0])).floor().cast(nw.Int64)
    part = part.clip(0, places.N_BINS - 1)
    return part, lambda k: places.bin_labels(edges)[int(k)]


def _ends(table, column):
    ends = collect(table.frame.select(column.min().alias("low"), column.max().alias("high")))
    return [pd.Timestamp(str(ends[c].iloc[0])[:10]) for c in ("low", "high")]


def _year_and_month(column, is_iso):
    if not is_iso:
        return column.dt.year().cast(nw.Int64), column.dt.month().cast(nw.Int64)
    return column.str.slice(0, 4).cast(nw.Int64), column.str.slice(5, 2).cast(nw.Int64)
