"""The record in numbers: by column and rule, for each group, with the events among them."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event
from healthml._core._intervals import recovered, wilson
from healthml._core._release import MIN_COUNT
from healthml.cleaning._record.record import Change
from healthml.exceptions import InputError

SMALL = "(small groups)"

MISSING = "(missing)"


def summarise_record(record, y=None, by=None):
    """Return one row per column, rule and group; see `ClinicalCleaner.summary`."""
    check_alignment(y=y, by=by)
    event = None if y is None else check_event(_of_length(y, record.n_rows, "y"))[1]
    names, codes = group_codes(by, record.n_rows)
    sizes = np.bincount(codes, minlength=len(names))
    rows = []
    for key, touched in cells_by_rule(record).items():
        counts = np.bincount(codes[touched], minlength=len(names))
        for place, name in enumerate(names):
            here = touched[codes[touched] == place]
            events = None if event is None else int(event[here].sum())
            lower, upper = (float(end) for end in wilson(counts[place], sizes[place]))
            share = counts[place] / sizes[place]
            numbers = (int(counts[place]), int(sizes[place]), share, lower, upper)
            rate = np.nan if not events and not len(here) else _rate(events, len(here))
            rows.append((*key, name, *numbers, events, rate))
    columns = ["column", "rule", "action", "severity", "group", "n_cells", "n_samples"]
    columns += ["share", "lower", "upper", "n_events", "event_rate"]
    table = pd.DataFrame(rows, columns=columns)
    table["n_events"] = pd.array(table["n_events"].tolist(), dtype="Int64")
    return table if by is not None else table.drop(columns="group")


def cells_by_rule(record):
    """Return {(column, rule, action, severity): positions of the rows, each once}."""
    positions = {}
    for step in record.steps:
        if isinstance(step, Change):
            key = (str(step.column), step.rule, step.action, step.severity)
            positions.setdefault(key, []).append(step.rows)
    return {key: np.unique(np.concatenate(parts)) for key, parts in positions.items()}


def group_codes(by, n_rows):
    """Return the names of groups and the group of each row; small groups stand together."""
    if by is None:
        return ["(all)"], np.zeros(n_rows, dtype=np.int64)
    values = pd.Series(np.asarray(_of_length(by, n_rows, "by"), dtype=object))
    text = values.astype(str).where(values.notna(), MISSING)
    size = text.map(text.value_counts())
    text = text.where(size >= MIN_COUNT, SMALL)
    codes, names = pd.factorize(text, sort=True)
    return [str(name) for name in names], codes.astype(np.int64)


def _rate(events, n):
    return np.nan if events is None or n == 0 else events / n


def _of_length(values, n_rows, name):
    values = values if hasattr(values, "__len__") else list(values)
    if len(values) != n_rows:
        raise InputError(
            f"{name} has {len(values)} values, the record {n_rows} rows; pass one value for each "
            "row of the table cleaned last."
        )
    return values


KEYS = ["column", "rule", "action", "severity"]


def compare_counts(before, n_before, now, n_now):
    """Return one row per column and rule with both shares and their difference.

    Counts are those of `CleaningRecord.counts`; the interval of the difference is Newcombe's hybrid
    score.

    >>> row = {"column": "sodium", "rule": "code", "action": "blanked", "severity": "error"}
    >>> now = pd.DataFrame([{**row, "n_cells": 5, "share": 0.05}])
    >>> compare_counts(now.iloc[:0], 1000, now, 100)[["estimate", "is_new"]].values.tolist()
    [[0.05, True]]
    """
    both = before.merge(now, on=KEYS, how="outer", suffixes=("_fit", "_now"), sort=False)
    counts = both[["n_cells_fit", "n_cells_now"]].astype(float).fillna(0).to_numpy()
    table = both[KEYS].copy()
    p_fit, p_now = counts[:, 0] / max(n_before, 1), counts[:, 1] / max(n_now, 1)
    low, high = newcombe(counts[:, 1], n_now, counts[:, 0], n_before)
    return table.assign(
        share_fit=p_fit,
        share=p_now,
        estimate=p_now - p_fit,
        lower=low,
        upper=high,
        n_cells=counts[:, 1].astype(np.int64),
        n_samples=n_now,
        is_new=(counts[:, 0] == 0) & (counts[:, 1] > 0),
    ).reset_index(drop=True)


def newcombe(n_1, n, m_1, m, confidence_level=0.95):
    """Return Newcombe's hybrid score interval of ``n_1/n - m_1/m``."""
    counts = ((np.asarray(n_1, dtype=float), n), (np.asarray(m_1, dtype=float), m))
    return recovered(*((k / size, *wilson(k, size, confidence_level)) for k, size in counts))
