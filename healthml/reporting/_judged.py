"""The rows that a live report was made from, kept in memory to compare two reports pair by pair."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class JudgedRows:
    """What of the judged rows is needed to compare two models on the same patients.

    Lives in memory with the report and is never written: not to JSON, page or pickle.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of shape (n_samples,) or None
        What the splits kept together.
    risk : ndarray of shape (n_repeats, n_samples)
        Out-of-sample risks.
    folds : ndarray, shape of `risk`, or None
        The splits; None where risks were judged as they are.
    thresholds : ndarray
        For net benefit.
    columns : dict of str to int
        A number for the content of each column, in the order of the rows.
    """

    y: np.ndarray
    groups: np.ndarray | None
    risk: np.ndarray
    folds: np.ndarray | None
    thresholds: np.ndarray
    columns: dict

    def why_not_paired(self, other):
        """Return why the rows of two reports cannot be paired; "" where they can."""
        if len(self.y) != len(other.y):
            return "the reports have different numbers of rows"
        if not np.array_equal(self.y, other.y):
            return "the outcomes of the rows differ"
        if not _same(self.groups, other.groups):
            return "the patients of the rows differ, or were declared in one report only"
        shared = self.columns.keys() & other.columns.keys()
        if self.columns and other.columns and not shared:
            return "the tables share no column by which their rows could be recognised"
        if any(self.columns[name] != other.columns[name] for name in shared):
            return "columns of the same name have other contents, or the rows another order"
        if (self.folds is None) != (other.folds is None):
            return "one report judges a procedure that is refitted, the other risks as they are"
        if not _same(self.folds, other.folds):
            return "the splits differ; audit both with the same random_state and n_repeats"
        return ""


def _same(first, second):
    if first is None or second is None:
        return first is None and second is None
    return first.shape == second.shape and np.array_equal(first, second)


def judged_rows(case):
    """Return the rows of a case as they are needed to compare reports."""
    columns = case.X if case.columns_given else case.X.iloc[:, :0]
    return JudgedRows(
        case.y,
        case.units,
        case.risk,
        case.judge.folds if case.refit else None,
        case.thresholds,
        {str(name): _content(columns[name]) for name in columns.columns},
    )


def _content(column):
    """Return one number for what a column holds, row by row."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)  # whole or not, nullable or not
    else:
        values = column.astype(object).astype(str).to_numpy(dtype=object)
    rows = pd.util.hash_array(values)
    weights = np.arange(1, 2 * len(rows) + 1, 2, dtype=np.uint64)  # odd: another order, another sum
    return int(np.sum(rows * weights, dtype=np.uint64))
