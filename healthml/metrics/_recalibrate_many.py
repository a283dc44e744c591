"""Logistic recalibration of many sets of risks at once, by Newton's method on all of them."""

from dataclasses import dataclass

import numpy as np

from healthml._core._numerics import fit_logistic
from healthml.exceptions import InputError

_FINE, _SAME_RISK, _SEPARATED = 0, 2, 3
_STEPS, _LEVEL_STEPS, _EXTREME = 15, 6, 10.0
_SMALL = 3e-5  # after a Newton step of this size the error is about its square


@dataclass
class Recalibration:
    """Intercept and slope per set, with what their variance needs.

    `information` holds the sums of v, v l and v l^2, v being the binomial variance of the
    recalibrated risk and l the log odds; `code` is 0 where the fit exists.
    """

    intercept: np.ndarray
    slope: np.ndarray
    information: np.ndarray
    code: np.ndarray

    def eta(self, logit):
        """Log odds after recalibration."""
        return self.intercept[:, None] + self.slope[:, None] * logit

    def residual(self, event, logit):
        """Outcome minus recalibrated risk."""
        return event - _expit(self.eta(logit))

    def density(self, event, logit):
        """Log-likelihood of each outcome after recalibration."""
        eta = self.eta(logit)
        return event * eta - np.maximum(eta, 0) - np.log(1 + np.exp(-np.abs(eta)))


def recalibrate(event, logit, weight, usable, free_slope):
    """Fit logit P(y) = a + b l in every set, or a + l where the slope is not free.

    The search starts at a = 0 and b = 1, which is the answer on a maximum-likelihood model's own
    rows; where log odds are extreme, at b = 0, from where Newton's method does not overshoot. Sets
    that have not settled are fitted one by one, with halved steps.

    Parameters
    ----------
    event : ndarray of shape (n,)
        Outcome as 0/1.
    logit : ndarray of shape (k, n)
        Log odds.
    weight : ndarray of shape (k, n) or (n,), or None
        Weights; None for ones.
    usable : ndarray of bool, shape (k,)
        Sets with both classes.
    free_slope : bool
        Whether to estimate b.

    Returns
    -------
    Recalibration
    """
    k = len(logit)
    fit = Recalibration(np.zeros(k), np.ones(k), np.full((k, 3), np.nan), np.full(k, _FINE))
    problem = _Problem(event, logit, weight)
    waiting = np.flatnonzero(usable)
    step = problem.level
    if free_slope and len(waiting):
        step, waiting = problem.step, problem.begin(fit, waiting)
    for _ in range(_STEPS if free_slope else _LEVEL_STEPS):
        if not len(waiting):
            break
        waiting = waiting[~step(fit, waiting)]
    for one in waiting:
        (problem.alone if free_slope else problem.level_alone)(fit, one)
    return fit


class _Problem:
    """The sets and their weights; steps are taken in the sets that have not settled."""

    def __init__(self, event, logit, weight):
        self.event, self.logit, self.weight = event, logit, weight

    def part(self, sets):
        """Return log odds and weights of some sets; all of them without a copy."""
        whole = len(sets) == len(self.logit)
        logit = self.logit if whole else self.logit[sets]
        if self.weight is None or self.weight.ndim == 1 or whole:
            return logit, self.weight
        return logit, self.weight[sets]

    def begin(self, fit, sets):
        """Set aside sets of one risk and separated ones; start the others."""
        logit, weight = self.part(sets)
        with_event = self.event == 1
        ends = [_ends(logit, weight, rows) for rows in (with_event, ~with_event)]
        (low, high), (low_other, high_other) = ends
        bottom, top = np.minimum(low, low_other), np.maximum(high, high_other)
        same = top - bottom < 1e-12
        apart = (high_other <= low) | (high <= low_other)
        fit.code[sets] = np.where(same, _SAME_RISK, np.where(apart, _SEPARATED, _FINE))
        far = sets[np.maximum(-bottom, top) > _EXTREME]
        fit.slope[far], fit.intercept[far] = 0.0, self._prevalence(far)
        return sets[~same & ~apart]

    def _prevalence(self, sets):
        """Log odds of the event in some sets."""
        if self.weight is None or self.weight.ndim == 1:
            weight = np.ones(len(self.event)) if self.weight is None else self.weight
            share = weight @ self.event / weight.sum()
        else:
            weight = self.weight[sets]
            share = weight @ self.event / weight.sum(axis=1)
        return np.log(share / (1 - share))

    def _moments(self, fit, sets):
        """Return the log odds, and the weighted residuals and variances of the rows."""
        logit, weight = self.part(sets)
        with np.errstate(over="ignore"):
            risk = _expit(fit.intercept[sets, None] + fit.slope[sets, None] * logit)
        residual = self.event - risk
        np.subtract(1, risk, out=(rest := np.empty_like(risk)))
        spread = np.multiply(risk, rest, out=rest)
        if weight is not None:
            residual *= weight
            spread *= weight
        return logit, risk, residual, spread

    def step(self, fit, sets):
        """Take one Newton step in some sets; say which of them have settled."""
        logit, _, residual, spread = self._moments(fit, sets)
        first, up = spread.sum(axis=1), residual.sum(axis=1)
        turn = np.vecdot(residual, logit)
        spread *= logit
        mixed, second = spread.sum(axis=1), np.vecdot(spread, logit)
        with np.errstate(all="ignore"):
            determinant = first * second - mixed**2
            move = (second * up - mixed * turn) / determinant
            lean = (first * turn - mixed * up) / determinant
            size = np.maximum(np.abs(move), np.abs(lean))
        good = np.isfinite(size) & (size < 1e3)
        fit.intercept[sets[good]] += move[good]
        fit.slope[sets[good]] += lean[good]
        settled = good & (size < _SMALL * (1 + np.abs(fit.slope[sets])))
        fit.information[sets[settled]] = np.stack([first, mixed, second], axis=1)[settled]
        return settled

    def level(self, fit, sets):
        """Take one step for the intercept alone; say which sets have settled.

        Newton's method on the logarithm of the expected events, or of the expected others where
        too many events are expected, does not overshoot where risks are near 0 and 1.
        """
        _, risk, residual, spread = self._moments(fit, sets)
        up, first = residual.sum(axis=1), spread.sum(axis=1)
        total, events, expected = self._totals(sets, risk)
        with np.errstate(all="ignore"):
            few = np.log(events / expected) * expected
            many = np.log((total - events) / (total - expected)) * (expected - total)
            move = np.where(up > 0, few, many) / first
        good = np.isfinite(move) & (np.abs(move) < 1e3)
        fit.intercept[sets[good]] += move[good]
        settled = good & (np.abs(move) < _SMALL / 10)
        fit.information[sets[settled], 0] = first[settled]
        return settled

    def _totals(self, sets, risk):
        """Return the weight of all rows, of events and of expected events."""
        weight = self.part(sets)[1]
        if weight is None:
            return float(len(self.event)), self.event.sum(), risk.sum(axis=1)
        expected = np.vecdot(risk, np.broadcast_to(weight, risk.shape))
        return weight.sum(axis=-1), weight @ self.event, expected

    def _one(self, one):
        """Return log odds and weights of one set."""
        weight = np.ones(len(self.event)) if self.weight is None else self.weight
        return self.logit[one], weight if weight.ndim == 1 else weight[one]

    def level_alone(self, fit, one):
        """Find the intercept of a single set between two bounds, halving where Newton leaves them.

        It starts where as many log odds are above 0 as there are events, for that is the answer
        where risks are all near 0 or 1 and the sum of risks hardly moves in between.
        """
        logit, weight = self._one(one)
        events = weight @ self.event
        order = np.argsort(-logit)
        place = np.searchsorted(np.cumsum(weight[order]), events)
        now = -logit[order[min(place, len(order) - 1)]]
        low, high = -logit.max() - 40.0, -logit.min() + 40.0
        for _ in range(200):
            risk = _expit(now + logit)
            excess, spread = weight @ risk - events, weight @ (risk * (1 - risk))
            low, high = (low, now) if excess > 0 else (now, high)
            step = -excess / spread if spread > 0 else np.inf
            if abs(step) < 1e-9 * (1 + abs(now)):
                break
            now = now + step if low < now + step < high else (low + high) / 2
        fit.intercept[one], fit.information[one, 0] = now, spread

    def alone(self, fit, one):
        """Fit intercept and slope of a single set that did not settle."""
        logit, weight = self._one(one)
        try:
            found = fit_logistic(logit, self.event, weight=weight)
        except InputError:
            fit.code[one] = _SAME_RISK
            return
        if found.separated or not found.converged:
            fit.code[one] = _SEPARATED
            return
        fit.intercept[one], fit.slope[one] = found.coef
        spread = _expit(fit.intercept[one] + fit.slope[one] * logit)
        spread = spread * (1 - spread) * weight
        fit.information[one] = spread.sum(), spread @ logit, spread @ logit**2


def _ends(logit, weight, rows):
    """Return the lowest and the highest log odds of some rows that count."""
    logit = logit[:, rows]
    if weight is None:
        return logit.min(axis=1), logit.max(axis=1)
    out = (weight[..., rows] == 0) * 1e300
    return (logit + out).min(axis=1), (logit - out).max(axis=1)


def _expit(eta):
    np.negative(eta, out=eta)
    np.exp(eta, out=eta)
    eta += 1
    return np.reciprocal(eta, out=eta)
