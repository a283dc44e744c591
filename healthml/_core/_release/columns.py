"""Which columns of a table count people, name groups or hold figures."""

import pandas as pd

from healthml._core._release.suppression import MIN_COUNT, is_small

ROWS = (
    "n_samples",
    "n_rows",
    "n_patients",
    "n_test",
    "n_train",
    "n_train_patients",
    "n_left_out",
    "n_missing",
    "n_returning",
    "n_returning_patients",
    "n_new",
    "n_new_patients",
    "n_not_trained",
    "n_assessed",
    "n_pairs",
    "n_clusters",
    "n_touched",
)
EVENTS = ("n_events", "n_train_events", "n_cells")
"""Columns that count people, their rows or their events; the first of each is what is attacked."""
GROUPS = ("group", "site", "place", "level", "period", "window", "stratum", "subgroup", "curve")
GROUPS += ("columns",)
"""Columns whose values name the groups of a whole; the others tell several wholes apart."""
WHOLES = (
    "feature",
    "control",
    "column",
    "rule",
    "model",
    "estimand",
    "comparison",
    "attribute",
    "kind",
    "by",
)
"""Columns that tell wholes apart."""
TOTALS = ("pooled", "a new site", "all", "overall", "everyone", "prediction", "total")
"""Names of rows that hold sums or means of the groups."""


def count_columns(table):
    """Return the columns of a table that count people, rows or events."""
    names = [*ROWS, *EVENTS]
    if "column" not in table.columns:
        names.remove("n_missing")  # there a number of columns
    return [c for c in table.columns if c in names and pd.api.types.is_numeric_dtype(table[c])]


def needs_protection(table, min_count=MIN_COUNT):
    """Say whether a table holds a small count, or events and others of which one is small."""
    counts = count_columns(table)
    if any(is_small(table[name].to_numpy(float), min_count).any() for name in counts):
        return True
    if {"n_samples", "n_events"} <= set(counts):
        others = table["n_samples"].to_numpy(float) - table["n_events"].to_numpy(float)
        return bool(is_small(others, min_count).any())
    return False


def group_column(table):
    return next((c for c in GROUPS if c in table.columns), None)


def whole_keys(table):
    return [name for name in ("feature", "column") if name in table.columns]


def is_rounded(table):
    """Say whether the counts of a table are words, because some are rounded or hidden."""
    names = [c for c in table.columns if c in (*ROWS, *EVENTS) and table[c].dtype == object]
    return any(str(text)[:1] in "~<n" for name in names for text in table[name])
