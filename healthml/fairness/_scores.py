"""Scores of one group's rows, each feature's rows brought together once."""

import numpy as np
from scipy.stats import norm

from healthml._core._numerics import cluster_variance
from healthml._core._paired import (
    auroc_shortfall,
    few_events_interval,
    influence_interval,
    right_risks,
    score_once,
)


class GroupScorer:
    """Outcomes, risks and patients of all rows, from which the rows of a group are scored.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    risk : ndarray of shape (n_repeats, n_samples)
        Risks; NaN where a repeat has none for a row.
    fold : ndarray, shape of `risk`, or None
        The AUC compares rows of one fold only.
    groups : ndarray of int of shape (n_samples,) or None
        The patient of each row.
    weight : ndarray of shape (n_samples,) or None
        Sampling weights.
    thresholds : ndarray or None
        For net benefit.
    """

    def __init__(self, y, risk, fold, groups, weight, thresholds):
        self.y = y
        self.risk = risk
        self.fold = fold
        self.patient = np.arange(len(y)) if groups is None else groups
        self.weight = weight
        self.thresholds = thresholds
        self.used = np.isfinite(risk).any(axis=0)
        if weight is not None:
            self.used &= weight > 0
        self.n_patients = len(np.unique(self.patient[self.used]))
        self._right = None

    def counts(self, rows):
        """Return rows, rows with the event, and patients; of the rows used."""
        return len(rows), int(self.y[rows].sum()), len(np.unique(self.patient[rows]))

    def patients_of_each_kind(self, rows):
        """Return how many patients have rows with, and without, the event."""
        event = self.y[rows] == 1
        return [len(np.unique(self.patient[rows[kind]])) for kind in (event, ~event)]

    def scores(self, rows):
        """Return {measure: (estimate, influence of these rows)}, averaged over the repeats."""
        found = {}
        for r in range(len(self.risk)):
            inside = np.isfinite(self.risk[r, rows])
            seen = rows[inside]
            part = None if self.fold is None else self.fold[r, seen]
            weight = None if self.weight is None else self.weight[seen]
            options = {"thresholds": self.thresholds, "weight": weight}
            scored = score_once(self.y[seen], self.risk[r, seen], part, **options)
            for measure, (estimate, influence) in scored.items():
                full = np.zeros(len(rows))
                full[inside] = influence
                found.setdefault(measure, []).append((estimate, full))
        return {
            measure: (float(np.mean([e for e, _ in once])), np.mean([i for _, i in once], axis=0))
            for measure, once in found.items()
        }

    def interval(self, rows, measure, scored, confidence_level):
        """Return estimate, lower and upper of one measure."""
        options = (self.patient[rows], confidence_level)
        value, _, lower, upper = influence_interval(measure, *scored, *options)
        return value, lower, upper

    def oe_gap(self, rows, scored, level):
        """Return observed over expected events with the interval at a level, or None."""
        if scored is None or not scored[0] > 0:
            return None
        ratio, influence = scored
        variance = cluster_variance(influence / ratio, self.patient[rows])
        half = norm.ppf(0.5 + level / 2) * np.sqrt(variance)
        ends = ratio * np.exp(-half), ratio * np.exp(half)
        return "oe_ratio", ratio, *few_events_interval(ratio, self.counts(rows)[1], *ends, level)

    def auc_gap(self, rows, level):
        """Return the AUC that the rows' spread of risk allows minus their own, or None."""
        if len(rows) == self.used.sum():
            return None
        right = self._recalibrated()
        if right is None:
            return None
        gaps, own, through = [], np.zeros(len(rows)), []
        for r, recalibrated in enumerate(right):
            seen = np.flatnonzero(np.isfinite(self.risk[r]) & self.used)
            inside = np.isfinite(self.risk[r, rows])
            local = np.searchsorted(seen, rows[inside])
            part, weight = (
                None if values is None else values[seen]
                for values in (None if self.fold is None else self.fold[r], self.weight)
            )
            gap, influence, change = auroc_shortfall(
                self.y[seen], self.risk[r, seen], recalibrated, local, part, weight
            )
            gaps.append(gap)
            own[inside] += influence / len(right)
            through.append(change / len(right))
        gap = float(np.mean(gaps))
        if not np.isfinite(gap):
            return None
        half = norm.ppf(0.5 + level / 2) * np.sqrt(
            self._variance(rows, own, np.concatenate(through))
        )
        return "auroc", gap, gap - half, gap + half

    def _recalibrated(self):
        """Return the risks of each repeat recalibrated on all rows, once; None where one cannot."""
        if self._right is None:
            self._right = self._recalibrate()
        return self._right or None

    def _recalibrate(self):
        right, sums = [], []
        for line in self.risk:
            seen = np.flatnonzero(np.isfinite(line) & self.used)
            weight = None if self.weight is None else self.weight[seen]
            found = right_risks(self.y[seen], line[seen], weight)
            if found is None:
                return []
            right.append(found)
            patient = self.patient[seen]
            sums += [np.bincount(patient, x, self.patient.max() + 1) for x in found.influence.T]
        self._by_patient = np.column_stack(sums)  # influence on the coefficients of each repeat
        self._spread = self._by_patient.T @ self._by_patient
        return right

    def _variance(self, rows, own, through):
        """Return the variance of own influences plus what all patients add by the coefficients.

        The sum over all patients of (own + by_patient @ through) ** 2, of which only the patients
        of these rows have a part of their own.
        """
        patient, local = np.unique(self.patient[rows], return_inverse=True)
        sums = np.bincount(local, own)
        both = 2 * sums @ (self._by_patient[patient] @ through)
        total = through @ self._spread @ through + both + sums @ sums
        return total * self.n_patients / (self.n_patients - 1)
