"""Calibration-in-the-large and slope of every group, by maximum likelihood."""

import numpy as np

from healthml._core._intervals import z_value
from healthml._core._numerics import cluster_variance, expit, fit_logistic
from healthml._core._paired import slope_influence
from healthml._core._sample import Sample
from healthml.exceptions import OutcomeError
from healthml.fairness._estimates.spread import WALD, Estimates
from healthml.metrics._uncertainty import recalibration

_LEVEL = 0.95  # any level gives the same standard error


def calibration_of_groups(name, rows, codes, n_groups):
    """Return the calibration intercept (in the large) or slope of every group as `Estimates`.

    One risk a row is judged as `healthml.metrics.performance` does it; repeats are averaged.
    """
    fits = [_of_group(name, rows, np.flatnonzero(codes == k)) for k in range(n_groups)]
    value, error, reason = (np.array(part, dtype=object) for part in zip(*fits, strict=True))
    kind = np.full(n_groups, WALD, dtype=object)
    return Estimates(value.astype(float), error.astype(float), kind, reason)


def _of_group(name, rows, own):
    own = own[rows.used[own]]
    y = rows.y[own]
    if len(own) < 2 or y.min() == y.max():
        return np.nan, np.nan, "needs events and non-events"
    if rows.single:
        return _judged(name, rows, own)
    estimates, influence = [], np.zeros(len(own))
    for r, line in enumerate(rows.risk[:, own]):
        inside = np.isfinite(line)
        part = None if rows.fold is None else rows.fold[r, own][inside]
        weight = None if rows.weight is None else rows.weight[own][inside]
        value, moved = _influence(name, y[inside], line[inside], part, weight)
        estimates.append(value)
        influence[inside] += moved / len(rows.risk)
    value = float(np.mean(estimates))
    if not np.isfinite(value):
        return np.nan, np.nan, "no maximum-likelihood fit in some repeat"
    return value, float(np.sqrt(cluster_variance(influence, rows.patients[own]))), ""


def _influence(name, y, risk, part, weight):
    if name == "calibration_slope":
        return slope_influence(y, risk, part, weight)
    if y.min() == y.max():
        return np.nan, np.zeros(len(y))
    odds = _log_odds(risk)
    fit = fit_logistic(None, y, offset=odds, weight=weight)
    moved = (y - expit(fit.coef[0] + odds)) * fit.covariance[0, 0]
    return float(fit.coef[0]), moved if weight is None else weight * moved


def _judged(name, rows, own):
    weight = np.ones(len(own)) if rows.weight is None else rows.weight[own]
    kind = None if rows.weight is None else "sampling"
    patient = None if rows.patient is None else np.unique(rows.patient[own], return_inverse=True)[1]
    y, risk = rows.y[own].astype(float), rows.risk[0, own]
    sample = Sample(y, risk, weight, kind, patient)
    try:
        estimate = recalibration(sample, name, _LEVEL)
    except OutcomeError as error:
        return np.nan, np.nan, str(error)
    if estimate.reason:
        return np.nan, np.nan, estimate.reason
    return estimate.estimate, (estimate.upper - estimate.lower) / 2 / z_value(_LEVEL), ""


def _log_odds(risk):
    inside = np.clip(risk, 1e-8, 1 - 1e-8)
    return np.log(inside) - np.log1p(-inside)
