"""Curves of a measure along a number: one regression on a spline, with patients' sandwich."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from healthml._core._numerics import cluster_variance
from healthml.metrics._smoothers import restricted_columns

_MOST_STEPS = 60  # Newton steps; a fit that needs more has no finite solution
_FURTHEST = 4.0  # longest step of a linear predictor, so that a separated fit does not run away
_ENOUGH = 1e-9  # a step smaller than this ends the search
_DRAWS = 4000  # of the largest deviation along the curve; error of its quantile below 1%
_SEED = 20_271  # of these draws, fixed so that the same rows always give the same bands


@dataclass(frozen=True)
class Curve:
    """A fitted curve; made by `fit_curve`.

    Parameters
    ----------
    value, error : ndarray of shape (n_points,)
        The linear predictor and its standard error.
    band : float
        Quantile of the largest standardised deviation along the curve.
    p_value : float
        That the curve is flat.
    """

    value: np.ndarray
    error: np.ndarray
    band: float
    p_value: float


def design_of(values, knots):
    """Return an intercept and the columns of a restricted cubic spline."""
    return np.column_stack([np.ones(len(values)), restricted_columns(values, knots)])


def fit_curve(link, design, y, offset, grid, patient, weight, level):
    """Fit a mean by quasi-likelihood and return its curve on a grid of the attribute.

    Parameters
    ----------
    link : {"log", "logit", "identity"}
        Link of the mean; "log" has the offset inside: y = offset * exp(curve).
    design, grid : ndarray of shape (n_samples, k) and (n_points, k)
        Columns of the spline at the rows and at the points wanted.
    y, offset : ndarray of shape (n_samples,)
        What is modelled, and the expected number for "log".
    patient : ndarray of int or None
        Patient of each row.
    weight : ndarray or None
        Sampling weights.
    level : float
        Of the band.

    Returns
    -------
    Curve or None
        None where the fit does not end, such as where all rows are alike.
    """
    weight = np.ones(len(y)) if weight is None else weight
    coef = _solve(link, design, y, offset, weight)
    if coef is None:
        return None
    mean, slope = _mean(link, design @ coef, offset)
    hessian = design.T @ (design * (weight * slope)[:, None])
    try:
        bread = np.linalg.inv(hessian)
    except np.linalg.LinAlgError:
        return None
    influence = (design * (weight * (y - mean))[:, None]) @ bread
    covariance = cluster_variance(influence, patient)
    variance = np.einsum("ij,jk,ik->i", grid, covariance, grid)
    if not (np.isfinite(variance).all() and (variance > 0).all()):
        return None
    error = np.sqrt(variance)
    return Curve(grid @ coef, error, _band(grid, covariance, error, level), _flat(coef, covariance))


def _mean(link, eta, offset):
    """Return the mean and its derivative by the linear predictor."""
    if link == "log":
        mean = offset * np.exp(np.clip(eta, -50, 50))
        return mean, mean
    if link == "logit":
        mean = expit(eta)
        return mean, mean * (1 - mean)
    return eta, np.ones(len(eta))


def _solve(link, design, y, offset, weight):
    coef = np.zeros(design.shape[1])
    if link == "log":
        coef[0] = np.log(max(weight @ y, 0.5) / (weight @ offset))
    for _ in range(_MOST_STEPS):
        mean, slope = _mean(link, design @ coef, offset)
        score = design.T @ (weight * (y - mean))
        hessian = design.T @ (design * (weight * slope)[:, None])
        try:
            step = np.linalg.solve(hessian, score)
        except np.linalg.LinAlgError:
            return None
        size = np.abs(design @ step).max()
        coef = coef + step * min(1.0, _FURTHEST / max(size, 1e-300))
        if size < _ENOUGH:
            return coef
    return None


def _band(grid, covariance, error, level):
    """Return the quantile of the largest standardised deviation along the curve."""
    values, vectors = np.linalg.eigh(covariance)
    root = grid @ (vectors * np.sqrt(np.maximum(values, 0))) / error[:, None]
    drawn = np.random.default_rng(_SEED).standard_normal((root.shape[1], _DRAWS))
    return float(np.quantile(np.abs(root @ drawn).max(axis=0), level))


def _flat(coef, covariance):
    """Return the p-value of Wald's test that the curve does not change."""
    bent, spread = coef[1:], covariance[1:, 1:]
    statistic = float(bent @ np.linalg.pinv(spread) @ bent)
    return float(chi2.sf(statistic, len(bent)))
