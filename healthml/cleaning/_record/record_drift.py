"""Has the dirt changed? The record of new rows against that of the training rows."""

import numpy as np

from healthml._core._intervals import wilson

KEYS = ["column", "rule", "action", "severity"]


def compare_counts(before, n_before, now, n_now):
    """Return one row per column and rule with both shares and their difference.

    Parameters
    ----------
    before, now : pandas.DataFrame
        `CleaningRecord.counts` of the training rows and of the new ones.
    n_before, n_now : int
        Rows of each.

    Returns
    -------
    pandas.DataFrame
        Columns ``column``, ``rule``, ``action``, ``severity``, ``share_fit``, ``share``,
        ``estimate`` (difference), ``lower``, ``upper`` (Newcombe 1998, hybrid score), ``n_cells``,
        ``n_samples``, ``is_new``.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._record.record_drift import compare_counts
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
    """Return Newcombe's hybrid score interval of a difference of two proportions.

    Parameters
    ----------
    n_1, m_1 : array-like of float
        Counts in the two samples.
    n, m : array-like of int
        Sizes of the two samples.
    confidence_level : float, default=0.95
        Coverage.

    Returns
    -------
    lower, upper : ndarray
        Interval of ``n_1/n - m_1/m``.

    References
    ----------
    Newcombe RG. Interval estimation for the difference between independent proportions. Stat Med
    1998;17:873-890, method 10.

    Examples
    --------
    >>> from healthml.cleaning._record.record_drift import newcombe
    >>> [round(float(end), 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    first = [np.asarray(v, dtype=float) for v in wilson(np.asarray(n_1), n, confidence_level)]
    second = [np.asarray(v, dtype=float) for v in wilson(np.asarray(m_1), m, confidence_level)]
    p = np.asarray(n_1) / n
    q = np.asarray(m_1) / m
    lower = p - q - np.sqrt((p - first[0]) ** 2 + (second[1] - q) ** 2)
    upper = p - q + np.sqrt((first[1] - p) ** 2 + (q - second[0]) ** 2)
    return lower, upper
