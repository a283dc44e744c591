"""Logistic recalibration of many sets of risks at once, by Newton's method on all of them."""

from dataclasses import dataclass

import numpy as np

from healthml._core._numerics import fit_logistic
from healthml.exceptions import InputError

# Codes as in `measures`: FINE, SAME_RISK and SEPARATED.
_FINE, _SAME_RISK, _SEPARATED = 0, 2, 3

# Newton steps for slope and intercept, and for the intercept alone; what has not settled then is
# fitted one by one. Fewer send more fits to that slow path; the answer is the same.
_STEPS, _LEVEL_STEPS = 15, 6

# Log odds beyond which exp in single precision loses digits; such fits are done one by one.
_EXTREME = 10.0

# A likelihood of one row below this, in single precision, has lost digits that its logarithm needs.
_ROUGH = 1e-6

# Newton's method squares its error: after a step of this size the error is about 1e-9, below the
# digits that any table prints. A larger value would stop early, a smaller one costs steps.
_SMALL = 3e-5


@dataclass
class Recalibration:
    """Intercept and slope per set, with what their variance needs.

    `information` holds the sums of v, v l and v l^2, v being the binomial variance of the
    recalibrated risk and l the log odds; `code` is 0 where the fit exists. `last` holds the risks
    before the last, small step and `gain` what that step added to the log-likelihood.
    """

    intercept: np.ndarray
    slope: np.ndarray
    information: np.ndarray
    code: np.ndarray
    gain: np.ndarray
    last: np.ndarray | None = None

    def eta(self, logit):
        """Log odds after recalibration."""
        return self.intercept[:, None] + self.slope[:, None] * logit

    def residual(self, event, logit):
        """Outcome minus recalibrated risk."""
        return event - _expit(self.eta(logit))

    def last_density(self, event, logit):
        """Log-likelihood of each outcome before the last step."""
        if self.last is None:
            return self.density(event, logit)
        likelihood = event - self.last
        np.abs(likelihood, out=likelihood)
        np.subtract(1, likelihood, out=likelihood)
        rough = np.flatnonzero(likelihood.min(axis=1) < _ROUGH)
        likelihood[rough] = 1
        np.log(likelihood, out=likelihood)
        if len(rough):
            likelihood[rough] = self.density(event, logit)[rough]
            self.gain[rough] = 0
        return likelihood

    def density(self, event, logit):
        """Log-likelihood of each outcome after recalibration."""
        eta = self.eta(logit)
        return event * eta - np.maximum(eta, 0) - np.log(1 + np.exp(-np.abs(eta)))


def recalibrate(block, weight, usable, ends=None):
    """Fit logit P(y) = a + b l in every set, or a + l where no ends are given.

    The search starts at a = 0 and b = 1, where the recalibrated risks are the risks themselves and
    which is the answer on a maximum-likelihood model's own rows; where log odds are extreme, at
    b = 0, from where Newton's method does not overshoot. Sets that have not settled are fitted one
    by one, with halved steps.

    Parameters
    ----------
    block : Block
        Outcomes, risks and their log odds.
    weight : ndarray of shape (k, n) or (n,), or None
        Weights; None for ones.
    usable : ndarray of bool, shape (k,)
        Sets with both classes.
    ends : list of ndarray of shape (k,), optional
        Lowest and highest log odds of the events, then of the others.

    Returns
    -------
    Recalibration
    """
    k = len(block.risk)
    empty = np.full((k, 3), np.nan), np.full(k, _FINE), np.zeros(k)
    fit = Recalibration(np.zeros(k), np.ones(k), *empty)
    problem, waiting = _Problem(block, weight), np.flatnonzero(usable)
    if ends is None:
        far, step, most = waiting[:0], problem.level, _LEVEL_STEPS
    else:
        (waiting, far), step, most = problem.begin(fit, waiting, ends), problem.step, _STEPS
    if len(waiting):
        waiting = waiting[~step(fit, waiting, problem.risk(waiting))]
    waiting = np.sort(np.concatenate([waiting, far])) if len(far) else waiting
    if len(waiting):
        problem.approach(fit, waiting, ends is not None)
    for _ in range(most):
        if not len(waiting):
            break
        waiting = waiting[~step(fit, waiting)]
    for position in waiting:
        (problem.level_alone if ends is None else problem.alone)(fit, position)
    return fit


class _Problem:
    """The sets and their weights; steps are taken in the sets that have not settled."""

    def __init__(self, block, weight):
        self.event, self.logit, self.inside = block.event, block.logit, block.inside
        self.weight = weight

    def part(self, sets):
        """Return log odds and weights of some sets; all of them without a copy."""
        whole = len(sets) == len(self.logit)
        logit = self.logit if whole else self.logit[sets]
        if self.weight is None or self.weight.ndim == 1 or whole:
            return logit, self.weight
        return logit, self.weight[sets]

    def risk(self, sets):
        """Return the risks of some sets before recalibration."""
        return self.inside if len(sets) == len(self.logit) else self.inside[sets]

    def begin(self, fit, sets, ends):
        """Set aside sets of one risk and separated ones; return the others, extreme ones apart."""
        low, high, low_other, high_other = (end[sets] for end in ends)
        bottom, top = np.minimum(low, low_other), np.maximum(high, high_other)
        same = top - bottom < 1e-12
        apart = (high_other <= low) | (high <= low_other)
        fit.code[sets] = np.where(same, _SAME_RISK, np.where(apart, _SEPARATED, _FINE))
        extreme = np.maximum(-bottom, top) > _EXTREME
        far = sets[extreme & ~same & ~apart]
        fit.slope[far], fit.intercept[far] = 0.0, self._prevalence(far)
        return sets[~extreme & ~same & ~apart], far

    def approach(self, fit, sets, free_slope):
        """Take steps in single precision up to where one more settles a set."""
        begin = fit.intercept[sets], fit.slope[sets]
        approached = approach(self.event, *self.part(sets), *begin, free_slope)
        fit.intercept[sets], fit.slope[sets] = approached

    def _prevalence(self, sets):
        """Log odds of the event in some sets."""
        if self.weight is None or self.weight.ndim == 1:
            weight = np.ones(len(self.event)) if self.weight is None else self.weight
            share = weight @ self.event / weight.sum()
        else:
            weight = self.weight[sets]
            share = weight @ self.event / weight.sum(axis=1)
        return np.log(share / (1 - share))

    def _moments(self, fit, sets, risk=None):
        """Return the log odds, and the weighted residuals and variances of the rows."""
        logit, weight = self.part(sets)
        if risk is None:
            with np.errstate(over="ignore"):
                risk = logit * fit.slope[sets, None]
                risk += fit.intercept[sets, None]
                _expit(risk)
        residual = self.event - risk
        np.subtract(1, risk, out=(rest := np.empty_like(risk)))
        spread = np.multiply(risk, rest, out=rest)
        if weight is not None:
            residual *= weight
            spread *= weight
        return logit, risk, residual, spread

    def step(self, fit, sets, risk=None):
        """Take one Newton step in some sets; say which of them have settled."""
        logit, risk, residual, spread = self._moments(fit, sets, risk)
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
        fit.gain[sets[settled]] = (move * up + lean * turn)[settled] / 2
        self._keep(fit, sets, settled, risk)
        return settled

    def _keep(self, fit, sets, settled, risk):
        """Keep the risks of the sets that have settled."""
        if settled.all() and len(sets) == len(self.logit):
            fit.last = risk
        elif settled.any():
            fit.last = np.full_like(self.logit, 0.5) if fit.last is None else fit.last
            fit.last[sets[settled]] = risk[settled]

    def level(self, fit, sets, risk=None):
        """Take one step for the intercept alone; say which sets have settled.

        Newton's method on the logarithm of the expected events, or of the expected others where
        too many events are expected, does not overshoot where risks are near 0 and 1.
        """
        _, risk, residual, spread = self._moments(fit, sets, risk)
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
        expected = np.vecdot(risk, weight)
        return weight.sum(axis=-1), weight @ self.event, expected

    def _one(self, position):
        """Return log odds and weights of one set."""
        weight = np.ones(len(self.event)) if self.weight is None else self.weight
        return self.logit[position], weight if weight.ndim == 1 else weight[position]

    def level_alone(self, fit, position):
        """Find the intercept of a single set between two bounds, halving where Newton leaves them.

        It starts where as many log odds are above 0 as there are events, for that is the answer
        where risks are all near 0 or 1 and the sum of risks hardly moves in between.
        """
        logit, weight = self._one(position)
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
        fit.intercept[position], fit.information[position, 0] = now, spread

    def alone(self, fit, position):
        """Fit intercept and slope of a single set that did not settle."""
        logit, weight = self._one(position)
        try:
            fitted = fit_logistic(logit, self.event, weight=weight)
        except InputError:
            fit.code[position] = _SAME_RISK
            return
        if fitted.separated or not fitted.converged:
            fit.code[position] = _SEPARATED
            return
        fit.intercept[position], fit.slope[position] = fitted.coef
        risk = _expit(fit.intercept[position] + fit.slope[position] * logit)
        self._keep(fit, np.array([position]), np.array([True]), risk[None])
        spread = risk * (1 - risk) * weight
        fit.information[position] = spread.sum(), spread @ logit, spread @ logit**2


def _expit(eta):
    np.negative(eta, out=eta)
    np.exp(eta, out=eta)
    eta += 1
    return np.reciprocal(eta, out=eta)


_LOST = 1e3  # a step this long is divergence: log odds of 1,000 are beyond any double

# Steps in single precision before one in double precision, and the size of a step after which that
# one is enough (the error is about its square, 1e-5, and the last step squares it again).
_ROUGH_STEPS, _NEAR = 8, 3e-3


def approach(event, logit, weight, intercept, slope, free_slope):
    """Return intercepts and slopes near those of logistic recalibration.

    Parameters
    ----------
    event : ndarray of shape (n,)
        Outcome as 0/1.
    logit : ndarray of shape (k, n)
        Log odds.
    weight : ndarray of shape (k, n) or (n,), or None
        Weights; None for ones.
    intercept, slope : ndarray of shape (k,)
        Where to begin.
    free_slope : bool
        Whether to move the slope.

    Returns
    -------
    intercept, slope : ndarray of shape (k,)
        As they were where the steps led nowhere.

    Examples
    --------
    >>> logit = np.array([[-1.0, 0.0, 1.0, 2.0]])
    >>> event, level, slope = np.array([0.0, 1.0, 0.0, 1.0]), np.zeros(1), np.ones(1)
    >>> found = approach(event, logit, None, level, slope, True)
    >>> [float(one[0].round(2)) for one in found]
    [-0.45, 0.91]
    """
    centre = logit.mean(axis=1)
    lean = (logit - centre[:, None]).astype(np.float32)
    event = event.astype(np.float32)
    weight = None if weight is None else weight.astype(np.float32)
    total, events = _totals(event, weight, lean)
    level, turn = intercept + slope * centre, slope.copy()
    lost = np.zeros(len(level), dtype=bool)
    for _ in range(_ROUGH_STEPS):
        risk = _risk(lean, level, turn)
        residual = event - risk
        spread = risk * (1 - risk)
        if weight is not None:
            residual *= weight
            spread *= weight
        with np.errstate(all="ignore"):
            if free_slope:
                steps = np.stack(_newton(lean, residual, spread))
            else:
                steps = np.stack([_level_step(total, events, residual, spread), 0 * level])
        lost |= ~(np.abs(steps).max(axis=0) < _LOST)
        steps[:, lost] = 0
        level, turn = level + steps[0], turn + steps[1]
        size = np.abs(steps).max(axis=0) / (1 + np.abs(turn))
        if not (size > _NEAR).any():
            break
    lost |= size > 1
    return np.where(lost, intercept, level - turn * centre), np.where(lost, slope, turn)


def _totals(event, weight, lean):
    if weight is None:
        return float(lean.shape[1]), float(event.sum())
    return weight.sum(axis=-1, dtype=float), (weight @ event).astype(float)


def _risk(lean, level, turn):
    risk = lean * turn[:, None].astype(np.float32)
    risk += level[:, None].astype(np.float32)
    np.negative(risk, out=risk)
    with np.errstate(over="ignore"):
        np.exp(risk, out=risk)
    risk += 1
    return np.reciprocal(risk, out=risk)


def _newton(lean, residual, spread):
    """Return the steps of intercept and slope."""
    up, turn, first = (
        total.astype(float)
        for total in (residual.sum(axis=1), np.vecdot(residual, lean), spread.sum(axis=1))
    )
    spread *= lean
    mixed, second = spread.sum(axis=1).astype(float), np.vecdot(spread, lean).astype(float)
    determinant = first * second - mixed**2
    return (second * up - mixed * turn) / determinant, (first * turn - mixed * up) / determinant


def _level_step(total, events, residual, spread):
    """Return the step of the intercept, on the logarithm of what is expected."""
    up, first = residual.sum(axis=1).astype(float), spread.sum(axis=1).astype(float)
    expected = events - up
    few = np.log(events / expected) * expected
    many = np.log((total - events) / (total - expected)) * (expected - total)
    return np.where(up > 0, few, many) / first
