"""The rows that are judged: outcome, repeated risks, folds, patients, weights; checked before."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from healthml._core._inputs import rising_order
from healthml.fairness._sums import confusion_cells


@dataclass(frozen=True)
class Rows:
    """Outcomes, risks and patients of all rows.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risk : ndarray of shape (n_repeats, n_samples)
        Risks; NaN where a repeat has none for a row.
    fold : ndarray, shape of `risk`, or None
        The AUC compares rows of one fold only.
    patient : ndarray of int of shape (n_samples,) or None
        The patient of each row; None where every row is one.
    weight : ndarray of shape (n_samples,) or None
        Sampling weights.
    threshold : float or None
        Of the rates.
    thresholds : ndarray or None
        Net benefit is averaged over them.
    """

    y: np.ndarray
    risk: np.ndarray
    fold: np.ndarray | None = None
    patient: np.ndarray | None = None
    weight: np.ndarray | None = None
    threshold: float | None = None
    thresholds: np.ndarray | None = None

    @cached_property
    def used(self):
        """Whether a row has a risk in some repeat, and weighs something."""
        used = np.isfinite(self.risk).any(axis=0)
        return used if self.weight is None else used & (self.weight > 0)

    @property
    def single(self):
        """Whether there is one risk a row and no folds, so that formulas hold."""
        return len(self.risk) == 1 and self.fold is None

    @property
    def patients(self):
        """The patient of each row, numbered."""
        return np.arange(len(self.y)) if self.patient is None else self.patient

    @cached_property
    def order(self):
        """Rows in rising order of each repeat's risks."""
        return [rising_order(np.nan_to_num(line)) for line in self.risk]

    def columns(self, measures):
        """Return what is added up over the rows for these measures; averaged over the repeats."""
        each = [_columns(self, line, measures) for line in self.risk]
        if len(each) == 1:
            return each[0]
        cells = [_spread_cells(each[k].pop("cell")) for k in range(len(each))]
        each = [part | cell for part, cell in zip(each, cells, strict=True)]
        seen = np.isfinite(self.risk)
        count = np.maximum(seen.sum(axis=0), 1)
        return {
            name: np.sum(
                [np.where(s, part[name], 0.0) for part, s in zip(each, seen, strict=True)], axis=0
            )
            / count
            for name in each[0]
        }


def _columns(rows, risk, measures):
    columns = {"cell": confusion_cells(rows.y, risk, rows.threshold)}
    if {"oe_ratio", "mean_risk"} & set(measures):
        columns["risk"] = risk
    if {"brier", "scaled_brier"} & set(measures):
        columns["square"] = (rows.y - risk) ** 2
    if "net_benefit" in measures:
        columns["benefit"] = benefit(rows.y, risk, rows.thresholds)
    return columns


def _spread_cells(cell):
    return {name: (cell == k).astype(float) for k, name in enumerate(("tp", "fp", "fn", "tn"))}


def benefit(y, risk, thresholds):
    """Return the benefit of each row, averaged over thresholds, as a true positive is worth 1."""
    thresholds = np.sort(np.atleast_1d(np.asarray(thresholds, dtype=float)))
    odds = thresholds / (1 - thresholds)
    if len(thresholds) == 1:
        flagged = risk >= thresholds[0]
        return np.where(flagged, np.where(y == 1, 1.0, -odds[0]), 0.0)
    passed = np.searchsorted(thresholds, risk, side="right")
    cost = np.concatenate([[0.0], np.cumsum(odds)])[passed]
    return np.where(y == 1, passed, -cost) / len(thresholds)
