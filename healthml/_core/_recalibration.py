"""The one recalibration: logistic models of the outcome on the log odds of the risk.

`fit_intercept`, `fit_slope` and `fit_terms` measure calibration and refuse what has no answer;
`fit_recalibration` makes a correction to be applied, and has one for every set of risks.
"""

from typing import NamedTuple

import numpy as np

from healthml._core._numerics import expit, fit_logistic
from healthml.exceptions import OutcomeError

_FLAT = 1e-8  # log odds that differ less are one risk for all


class Recalibration(NamedTuple):
    """Intercept and slope on the log odds; made by `fit_recalibration`."""

    intercept: float
    slope: float

    def __call__(self, logit):
        """Return the risks of log odds."""
        return expit(self.intercept + self.slope * np.asarray(logit, dtype=float))


def fit_recalibration(logit, event, weight=None):
    """Fit the logistic recalibration that is applied to risks of new patients.

    Parameters
    ----------
    logit : ndarray of shape (n_samples,)
        Log odds of risks that were not fitted on these rows.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1, both present.
    weight : ndarray of shape (n_samples,), optional
        Weight of each row.

    Returns
    -------
    Recalibration
        Slope 1 where all risks are the same or separate the outcomes, so that there is none to
        estimate (no correction at all in the second case); slope 0 where the risks rank worse than
        chance, so that everybody gets the prevalence.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._recalibration import fit_recalibration
    >>> logit = np.array([-4.0, -2.0, -3.0, 2.0, 3.0, -1.0])
    >>> fit = fit_recalibration(logit, np.array([0, 0, 1, 0, 1, 1]))
    >>> 0 < fit.slope < 1
    True
    """
    if np.ptp(logit) < _FLAT:
        return Recalibration(_intercept(logit, event, weight), 1.0)
    fit = fit_logistic(logit, event, weight=weight)
    upside_down = logit[event == 1].mean() < logit[event == 0].mean()
    if fit.separated and not upside_down:
        return Recalibration(0.0, 1.0)
    if fit.separated or fit.coef[1] < 0:
        return Recalibration(_intercept(np.zeros(len(logit)), event, weight), 0.0)
    return Recalibration(float(fit.coef[0]), float(fit.coef[1]))


def _intercept(offset, event, weight):
    return float(fit_logistic(None, event, offset=offset, weight=weight).coef[0])


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
    if np.ptp(logit[weight > 0]) < _FLAT:
        raise OutcomeError(
            "y_proba is the same for every row, or nearly, so a calibration slope does not exist; "
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
