"""Logistic models of the outcome on the logit of the risk, fitted by maximum likelihood."""

import numpy as np

from healthml._core._numerics import expit, fit_logistic
from healthml.exceptions import OutcomeError


def fit_intercept(event, logit, weight):
    """Fit logit P(y) = a + logit(p); logit(p) is an offset."""
    if len(np.unique(event[weight > 0])) < 2:
        raise OutcomeError(
            "y_true has one class only, so a calibration intercept does not exist; "
            "use rows with and without the event."
        )
    return fit_logistic(None, event, offset=logit, weight=weight)


def fit_slope(event, logit, weight):
    """Fit logit P(y) = a + b logit(p)."""
    if np.ptp(logit[weight > 0]) == 0:
        raise OutcomeError(
            "y_proba is the same for every row, so a calibration slope does not exist; "
            "leave the slope out or pass risks that differ."
        )
    return fit_terms(logit[:, None], event, weight)


def fit_terms(columns, event, weight):
    """Fit logit P(y) on some columns and an intercept; refuse separated outcomes."""
    fit = fit_logistic(columns, event, weight=weight)
    if fit.separated:
        raise OutcomeError(
            "y_proba separates the events from the non-events, so the maximum-likelihood "
            "calibration model does not exist; judge such risks on more rows."
        )
    return fit


def recalibrated(event, logit, weight):
    """Return the risks after logistic recalibration."""
    intercept, slope = fit_slope(event, logit, weight).coef
    return expit(intercept + slope * logit)
