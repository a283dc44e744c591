"""Deviations of groups from a pooled recalibration, drawn towards it by empirical Bayes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from healthml._core._recalibration import Recalibration, fit_recalibration

SPREAD = 0.5
"""Scale of the half-normal prior on the standard deviation of groups' log odds: most health systems
that were studied lie within odds ratios of 1/3 and 3 of each other. Chosen by judgement; a smaller
one draws groups closer to the pooled fit where they are few, a larger one lets small groups go."""
_LOWEST_SLOPE = -0.9
"""Deviation of a group's slope from the pooled one (1) at which it is stopped: below -1 the group
would be ranked upside down. Chosen by judgement, not by simulation; only groups of few rows get
there."""
_TAUS = np.r_[0.0, np.geomspace(0.02, 3.0, 18)]  # averaged over; finer grids change nothing seen
_MOST_STEPS = 50  # Newton steps of a group's deviation
_ENOUGH = 1e-8  # a step smaller than this ends the search
_FURTHEST = 2.0  # longest step on the log-odds scale, so that separated groups do not run away


@dataclass(frozen=True)
class GroupRecalibration:
    """A pooled recalibration and the deviations of groups; made by `fit_groups`.

    Parameters
    ----------
    pooled : Recalibration
        Of everybody.
    intercept, slope : ndarray of shape (n_groups,)
        Deviations, drawn towards 0, on the log odds; the slope around `centre`.
    centre : ndarray of shape (n_groups,)
        Mean log odds of each group.
    tau : tuple of float
        Standard deviations of the intercepts and slopes between groups (posterior means).
    """

    pooled: Recalibration
    intercept: np.ndarray
    slope: np.ndarray
    centre: np.ndarray
    tau: tuple

    def log_odds(self, logit, codes):
        """Return the recalibrated log odds; rows of no known group get the pooled ones."""
        eta = self.pooled.intercept + self.pooled.slope * np.asarray(logit, dtype=float)
        known = codes >= 0
        own = np.where(known, codes, 0)
        moved = self.intercept[own] + self.slope[own] * (eta - self.centre[own])
        return np.where(known, eta + moved, eta)

    def risk(self, logit, codes):
        """Return the recalibrated risks."""
        return expit(self.log_odds(logit, codes))

    def cut_of(self, threshold):
        """Return, for each group, the log odds of the classifier whose risk is a threshold."""
        wanted = np.log(threshold / (1 - threshold))
        steep = np.maximum(1 + self.slope, 1e-6)
        eta = self.centre + (wanted - self.centre - self.intercept) / steep
        return (eta - self.pooled.intercept) / max(self.pooled.slope, 1e-6)


def fit_groups(logit, event, codes, n_groups, *, slopes=True, weight=None):
    """Fit the recalibration of groups, each drawn towards the pooled one.

    Parameters
    ----------
    logit : ndarray of shape (n_samples,)
        Log odds of risks of patients left out.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    codes : ndarray of int of shape (n_samples,)
        Group of each row.
    n_groups : int
        How many there are.
    slopes : bool, default=True
        Whether slopes deviate, too.
    weight : ndarray, optional
        Weight of each row.

    Returns
    -------
    GroupRecalibration
    """
    weight = np.ones(len(event)) if weight is None else weight
    pooled = fit_recalibration(logit, event, weight)
    eta = pooled.intercept + pooled.slope * logit
    size = np.bincount(codes, weight, n_groups)
    centre = np.bincount(codes, weight * eta, n_groups) / np.maximum(size, 1e-300)
    rows = _Rows(event, codes, n_groups, weight)
    intercept, tau = rows.deviations(eta, np.ones(len(eta)))
    slope, tau_slope = np.zeros(n_groups), 0.0
    if slopes and np.ptp(eta) > 0:
        slope, tau_slope = rows.deviations(eta + intercept[codes], eta - centre[codes])
        slope = np.maximum(slope, _LOWEST_SLOPE)
    return GroupRecalibration(pooled, intercept, slope, centre, (tau, tau_slope))


@dataclass(frozen=True)
class _Rows:
    """Outcomes by group, of which one coefficient at a time deviates."""

    event: np.ndarray
    codes: np.ndarray
    n_groups: int
    weight: np.ndarray

    def deviations(self, offset, x):
        """Return deviations averaged over their spread tau, and the mean of tau."""
        deviations, heights = [], []
        start = np.zeros(self.n_groups)
        for tau in _TAUS:
            deviation, height = self._most_likely(offset, x, tau, start)
            deviations.append(deviation)
            heights.append(height)
            start = deviation
        height = np.array(heights) - (_TAUS / SPREAD) ** 2 / 2
        weight = np.exp(height - height.max()) * np.gradient(_TAUS)
        weight /= weight.sum()
        return weight @ np.array(deviations), float(weight @ _TAUS)

    def _most_likely(self, offset, x, tau, start):
        """Return the deviations given tau and the log of Laplace's marginal likelihood."""
        if tau == 0:
            return np.zeros(self.n_groups), self._log_likelihood(offset)
        deviation, ridge = start.copy(), 1 / tau**2
        for _ in range(_MOST_STEPS):
            p = expit(offset + deviation[self.codes] * x)
            score = self._sum(x * (self.event - p)) - ridge * deviation
            curve = self._sum(x**2 * p * (1 - p)) + ridge
            step = np.clip(score / curve, -_FURTHEST, _FURTHEST)
            deviation = deviation + step
            if np.abs(step).max() < _ENOUGH:
                break
        inside = self._log_likelihood(offset + deviation[self.codes] * x)
        occupied = self._sum(np.ones(len(x))) > 0
        prior = -ridge * (deviation**2).sum() / 2 - occupied.sum() * np.log(tau)
        return deviation, inside + prior - np.log(curve[occupied]).sum() / 2

    def _sum(self, values):
        return np.bincount(self.codes, self.weight * values, self.n_groups)

    def _log_likelihood(self, eta):
        return float(self.weight @ (self.event * eta - np.logaddexp(0, eta)))
