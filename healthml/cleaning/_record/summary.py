"""The record in numbers: by column and rule, for each group, with the events among them."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_event
from healthml._core._intervals import wilson
from healthml.cleaning._record.record import Change
from healthml.exceptions import InputError

SMALLEST_GROUP = 11
SMALL = "(small groups)"
MISSING = "(missing)"


def summarise_record(record, y=None, by=None):
    """Return one row per column, rule and group; see `ClinicalCleaner.summary`.

    Parameters
    ----------
    record : CleaningRecord
        What was done.
    y : array-like of shape (n_samples,), default=None
        Outcome 0/1.
    by : array-like of shape (n_samples,), default=None
        Group of each row.

    Returns
    -------
    pandas.DataFrame
    """
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
    found = {}
    for step in record.steps:
        if isinstance(step, Change):
            key = (str(step.column), step.rule, step.action, step.severity)
            found.setdefault(key, []).append(step.rows)
    return {key: np.unique(np.concatenate(parts)) for key, parts in found.items()}


def group_codes(by, n_rows):
    """Return the names of groups and the group of each row; small groups stand together.

    Parameters
    ----------
    by : array-like of shape (n_samples,) or None
        Group of each row; None makes one group of all.
    n_rows : int
        Number of rows.

    Returns
    -------
    names : list of str
    codes : ndarray of int
    """
    if by is None:
        return ["(all)"], np.zeros(n_rows, dtype=np.int64)
    values = pd.Series(np.asarray(_of_length(by, n_rows, "by"), dtype=object))
    text = values.astype(str).where(values.notna(), MISSING)
    size = text.map(text.value_counts())
    text = text.where(size >= SMALLEST_GROUP, SMALL)
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
