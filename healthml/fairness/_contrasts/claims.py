"""What may be claimed of a group: that its risks are wrong, or that it is ranked worse."""

from functools import cached_property

import numpy as np
from scipy.stats import norm, poisson_binom

from healthml._core._intervals import z_value
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_shortfall, few_events_interval, right_risks

_EXACT = 400
"""Rows up to which the number of events of right risks is summed exactly. Only speed depends on it:
beyond, the approximation of `_LEAST_VARIANCE` takes over."""
_LEAST_VARIANCE = 25
"""Variance of the number of events from which a normal distribution corrected for skewness gives
p-values that differ by less than .001 from the exact ones; lower, and they differ by more."""


class Claims:
    """Outcomes, risks and patients of all rows, from which the claims about groups are made.

    Parameters
    ----------
    rows : Rows
        All rows.
    """

    def __init__(self, rows):
        self.rows = rows
        self.patient = rows.patients
        self._right = None

    @cached_property
    def n_patients(self):
        """Patients with a row that is used."""
        if self.rows.patient is None:
            return int(self.rows.used.sum())
        return len(np.unique(self.patient[self.rows.used]))

    def counts(self, own):
        """Return rows, rows with the event, and patients; of the rows used."""
        return len(own), int(self.rows.y[own].sum()), len(np.unique(self.patient[own]))

    def patients_of_each_kind(self, own):
        """Return how many patients have rows with, and without, the event."""
        event = self.rows.y[own] == 1
        return [len(np.unique(self.patient[own[kind]])) for kind in (event, ~event)]

    @property
    def is_exact(self):
        """Whether every row is a patient with one risk, so that p-values are exact."""
        rows = self.rows
        return rows.patient is None and rows.weight is None and len(rows.risk) == 1

    def most_of_each_kind(self, own):
        """Return the larger of observed and expected events, and of rows without the event."""
        y, risk, _ = self._of(own)
        return [max(kind.sum(), likely.sum()) for kind, likely in ((y, risk), (1 - y, 1 - risk))]

    def wrong_risks(self, own, level):
        """Return O:E of some rows, its ends and the p-value that it is 1.

        None without events, unless rows are independent.
        """
        y, risk, weight = self._of(own)
        weight = np.ones(len(own)) if weight is None else weight
        observed, expected = weight @ y, weight @ risk
        if self.is_exact and observed == 0 and expected > 0:
            most = -np.log((1 - level) / 2) / expected  # Garwood's limit of a count of 0
            return 0.0, 0.0, float(most), right_risks_p_value(0, risk)
        if not (observed > 0 and expected > 0):
            return None
        ratio = float(observed / expected)
        moved = weight * (y / observed - risk / expected)
        error = np.sqrt(cluster_variance(moved, self.patient[own]))
        half = z_value(level) * error
        ends = ratio * np.exp(-half), ratio * np.exp(half)
        lower, upper = few_events_interval(ratio, int(y.sum()), *ends, level)
        return ratio, float(lower), float(upper), self._p_wrong(own, y, risk, ratio, error)

    def _p_wrong(self, own, y, risk, ratio, error):
        """Return the p-value that risks are right: exact for independent rows."""
        if self.is_exact:
            return right_risks_p_value(int(y.sum()), risk)
        return float(2 * norm.sf(abs(np.log(ratio)) / error)) if error > 0 else np.nan

    def ranked_worse(self, own, level):
        """Return the AUC that a spread of risk allows minus the AUC, its ends and p-value.

        One-sided p-value of no shortfall. None where a group is everybody, or the risks of all
        cannot be recalibrated.
        """
        rows = self.rows
        if len(own) == rows.used.sum() or not self.right:
            return None
        gaps, influence, through = [], np.zeros(len(own)), []
        for r, right in enumerate(self.right):
            seen = np.flatnonzero(np.isfinite(rows.risk[r]) & rows.used)
            inside = np.isfinite(rows.risk[r, own])
            local = np.searchsorted(seen, own[inside])
            part, weight = (
                None if values is None else values[seen]
                for values in (None if rows.fold is None else rows.fold[r], rows.weight)
            )
            gap, moved, change = auroc_shortfall(
                rows.y[seen], rows.risk[r, seen], right, local, part, weight
            )
            gaps.append(gap)
            influence[inside] += moved / len(self.right)
            through.append(change / len(self.right))
        gap = float(np.mean(gaps))
        if not np.isfinite(gap):
            return None
        error = np.sqrt(self._variance(own, influence, np.concatenate(through)))
        half = z_value(level) * error
        return gap, gap - half, gap + half, float(norm.sf(gap / error)) if error > 0 else np.nan

    @property
    def right(self):
        """Risks of each repeat recalibrated on all rows, once; empty where one cannot be."""
        if self._right is None:
            self._right = self._recalibrate()
        return self._right

    def _of(self, own):
        rows = self.rows
        line = rows.risk[0, own] if len(rows.risk) == 1 else np.nanmean(rows.risk[:, own], axis=0)
        return rows.y[own], line, None if rows.weight is None else rows.weight[own]

    def _recalibrate(self):
        rows, right, sums = self.rows, [], []
        for line in rows.risk:
            seen = np.flatnonzero(np.isfinite(line) & rows.used)
            weight = None if rows.weight is None else rows.weight[seen]
            recalibrated = right_risks(rows.y[seen], line[seen], weight)
            if recalibrated is None:
                return []
            right.append(recalibrated)
            patient = self.patient[seen]
            sums += [
                np.bincount(patient, x, self.patient.max() + 1) for x in recalibrated.influence.T
            ]
        self._by_patient = np.column_stack(sums)  # influence on the coefficients of each repeat
        self._spread = self._by_patient.T @ self._by_patient
        return right

    def _variance(self, own, influence, through):
        """Return the variance of own influences plus what all patients add by the coefficients.

        The sum over all patients of (own + by_patient @ through) ** 2, of which only the patients
        of these rows have a part of their own.
        """
        patient, local = np.unique(self.patient[own], return_inverse=True)
        sums = np.bincount(local, influence)
        both = 2 * sums @ (self._by_patient[patient] @ through)
        total = through @ self._spread @ through + both + sums @ sums
        return total * self.n_patients / (self.n_patients - 1)


def right_risks_p_value(n_events, risk):
    """Return the two-sided p-value of so many events if every risk is right, rows independent.

    The number of events is then a sum of Bernoulli variables with these risks [1]_; the p-value is
    twice the smaller tail, so that it is never too small.

    References
    ----------
    .. [1] Hong Y. On computing the distribution function for the Poisson binomial distribution.
       Comput Stat Data Anal. 2013;59:41-51.

    Examples
    --------
    >>> round(right_risks_p_value(5, np.full(10, 0.5)), 3), right_risks_p_value(0, np.full(4, 0.5))
    (1.0, 0.125)
    """
    risk = np.asarray(risk, dtype=float)
    variance = float((risk * (1 - risk)).sum())
    if variance <= 0:
        return 1.0 if n_events == round(risk.sum()) else 0.0
    if len(risk) <= _EXACT or variance < _LEAST_VARIANCE:
        risk = risk[(risk > 0) & (risk < 1)] if len(risk) > _EXACT else risk
        below = float(poisson_binom.cdf(n_events, risk))
        above = float(poisson_binom.sf(n_events - 1, risk))
    else:
        below = _refined(n_events + 0.5, risk, variance)
        above = 1 - _refined(n_events - 0.5, risk, variance)
    return min(1.0, 2 * min(below, above))


def _refined(count, risk, variance):
    """Return the distribution function by a normal one corrected for skewness [1]_."""
    error = np.sqrt(variance)
    skew = float((risk * (1 - risk) * (1 - 2 * risk)).sum()) / error**3
    x = (count - risk.sum()) / error
    return float(np.clip(norm.cdf(x) + skew * (1 - x**2) * norm.pdf(x) / 6, 0, 1))
