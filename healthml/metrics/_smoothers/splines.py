"""Spline curves of the outcome on the logit of the risk: restricted cubic, and penalised."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from healthml._core._inputs import log_odds, weighted_quantile
from healthml._core._numerics import expit
from healthml._core._recalibration import fit_terms
from healthml.exceptions import InputError, OutcomeError
from healthml.metrics._smoothers.local import distinct_cells, merged_cells

# Quantile of the outermost knots by number of knots: Harrell, Regression Modeling Strategies, 2nd
# ed., table 2.3, as in R's rms::rcs.
_OUTER = {3: 0.1, 4: 0.05, 5: 0.05, 6: 0.05, 7: 0.025}

_N_TERMS = 10  # basis functions of the penalised spline: mgcv's default, k = 10
_LONGEST = 4.0  # largest Newton step in log odds, so that a separated fit does not jump away
_ENOUGH = 1e-7  # a step in log odds smaller than this ends the search
_MOST_KNOTS = 1_000  # knots a thin plate spline is built from, by judgement

# Strengths of the penalty (logarithm, base e) that are tried before the best is refined; beyond the
# ends the curve is a straight line, or follows every cell.
_STEP = 1.0
# From a straight line to every cell. By judgement, not by simulation; a finer grid costs time and
# finds the same best.
_LOG_STRENGTHS = np.arange(14.0, -10.0, -_STEP)


@dataclass(frozen=True)
class SplineFit:
    """A logistic model on a spline basis of the logit."""

    basis: object
    coef: np.ndarray
    covariance: np.ndarray
    method: str

    def estimate(self, at):
        """Height of the curve at some risks."""
        return expit(self.basis(log_odds(at)) @ self.coef)


def restricted_cubic(event, proba, weight, n_knots=5):
    """Fit a logistic model on a restricted cubic spline of the logit, Harrell's knots."""
    if n_knots not in _OUTER:
        raise InputError(f"n_knots is {n_knots!r}; pass 3, 4, 5, 6 or 7.")
    logit, outer = log_odds(proba), _OUTER[n_knots]
    places = np.linspace(outer, 1 - outer, n_knots)
    knots = weighted_quantile(logit, places, weight)
    if np.min(np.diff(knots)) <= 0:
        raise OutcomeError(
            f"y_proba has too few distinct values for {n_knots} knots; "
            "take fewer knots or method='loess'."
        )

    def basis(at):
        return np.column_stack([np.ones(len(at)), restricted_columns(at, knots)])

    fit = fit_terms(basis(logit)[:, 1:], event, weight)
    method = f"logistic model, restricted cubic spline with {n_knots} knots"
    return SplineFit(basis, fit.coef, fit.covariance, method)


def restricted_columns(x, knots):
    """Linear beyond the outer knots (Stone and Koo); cubes divided by the squared knot range."""
    last, before = knots[-1], knots[-2]
    cube = np.maximum(x[:, None] - knots, 0) ** 3
    bent = [
        cube[:, j]
        - cube[:, -2] * (last - knots[j]) / (last - before)
        + cube[:, -1] * (before - knots[j]) / (last - before)
        for j in range(len(knots) - 2)
    ]
    return np.column_stack([x, *(column / (last - knots[0]) ** 2 for column in bent)])


def penalised_spline(event, proba, weight):
    """Fit a logistic model on a thin plate spline of the logit, 10 terms, smoothed by UBRE.

    The same curve as R's ``mgcv::gam(y ~ s(qlogis(p), k = 10), family = binomial)`` up to 1,000
    distinct risks; above, neighbouring risks are gathered in at most 2,000 narrow cells.
    """
    cells = merged_cells(distinct_cells(event, proba, weight), _MOST_KNOTS)
    logit, weight = log_odds(cells.risk), cells.weight
    event = cells.events / np.where(weight > 0, weight, 1.0)
    if len(np.unique(logit[weight > 0])) < _N_TERMS:
        raise OutcomeError(
            f"y_proba has fewer than {_N_TERMS} distinct values, too few for a penalised spline; "
            "take method='rcs' with 3 knots."
        )
    basis, penalty = _thin_plate(logit[weight > 0])
    design = basis(logit)
    fits = {}

    def criterion(log_strength):
        start = fits[min(fits, key=lambda s: abs(s - log_strength))].coef if fits else None
        fit = _penalised(design, event, weight, np.exp(log_strength) * penalty, start)
        fits[log_strength] = fit
        return fit.criterion

    rough = [criterion(step) for step in _LOG_STRENGTHS]
    best = _LOG_STRENGTHS[int(np.argmin(rough))]
    bounds = (best - _STEP, best + _STEP)
    fine = minimize_scalar(criterion, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    fit = fits[fine.x] if fine.fun < min(rough) else fits[best]
    method = f"logistic thin plate spline (UBRE), {fit.freedom:.1f} degrees of freedom"
    return SplineFit(basis, fit.coef, fit.covariance, method)


def _thin_plate(logit):
    """Return the function that makes the columns, and the penalty on their coefficients (Wood)."""
    centre, scale = logit.mean(), logit.std()
    knots = np.unique((logit - centre) / scale)
    if len(knots) > _MOST_KNOTS:
        knots = knots[np.linspace(0, len(knots) - 1, _MOST_KNOTS).astype(int)]
    values, vectors = np.linalg.eigh(np.abs(knots[:, None] - knots) ** 3)
    kept = np.argsort(-np.abs(values))[:_N_TERMS]
    values, vectors = values[kept], vectors[:, kept]
    lines = vectors.T @ np.column_stack([np.ones(len(knots)), knots])
    free = np.linalg.qr(lines, mode="complete")[0][:, 2:]
    length = np.linalg.norm(values) / np.sqrt(len(knots))
    bends = vectors @ free / length

    def basis(at):
        x = (at - centre) / scale
        columns = [np.abs(part[:, None] - knots) ** 3 @ bends for part in _parts(x)]
        return np.column_stack([np.concatenate(columns), np.ones(len(x)), x])

    penalty = np.zeros((_N_TERMS, _N_TERMS))
    penalty[:-2, :-2] = free.T @ (values[:, None] * free) / length**2
    return basis, penalty


def _parts(x, size=10_000):
    return [x[begin : begin + size] for begin in range(0, len(x), size)]


@dataclass(frozen=True)
class _Penalised:
    coef: np.ndarray
    covariance: np.ndarray
    freedom: float
    criterion: float


def _penalised(design, event, weight, penalty, start=None, steps=100):
    """Fit by Newton's method and return the unbiased risk estimate of the fit."""
    coef = np.zeros(design.shape[1]) if start is None else start
    for _ in range(steps):
        risk = expit(design @ coef)
        information = design.T @ ((weight * risk * (1 - risk))[:, None] * design)
        gradient = design.T @ (weight * (event - risk)) - penalty @ coef
        move = np.linalg.lstsq(information + penalty, gradient, rcond=1e-13)[0]
        change = np.abs(design @ move).max()
        coef = coef + move * min(1.0, _LONGEST / max(change, 1e-300))
        if change < _ENOUGH:
            break
    covariance = np.linalg.pinv(information + penalty, rcond=1e-13, hermitian=True)
    freedom = float(np.trace(covariance @ information))
    eta = design @ coef
    value = weight @ (event * eta - np.logaddexp(0, eta))
    return _Penalised(coef, covariance, freedom, float(-2 * value + 2 * freedom))
