"""Corrections of risks: analytic, logistic (Platt), beta and isotonic."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_expit
from sklearn.isotonic import IsotonicRegression

from healthml._core._numerics import fit_logistic
from healthml._core._recalibration import fit_recalibration
from healthml.resampling._learner import fold_pairs

CORRECTIONS = ("prior", "platt", "beta", "isotonic")

# Folds from which the correction learns out of fold. By judgement, not by simulation; fewer fit on
# less of the data, more cost time.
_CROSS_FITS = 5


class Prior(NamedTuple):
    """Analytic correction of log odds for another share of events (King and Zeng)."""

    shift: float

    def __call__(self, logit):
        """Return the risks of log odds."""
        return expit(self.shift + logit)


class Beta(NamedTuple):
    """Beta calibration: logit P = a log(p) - b log(1 - p) + c, with a and b not negative."""

    intercept: float
    event: float
    other: float

    def __call__(self, logit):
        """Return the risks of log odds."""
        lift = self.event * log_expit(logit) - self.other * log_expit(-logit)
        return expit(self.intercept + lift)


@dataclass(frozen=True)
class Isotonic:
    """A rising step curve of the outcome over the log odds."""

    curve: IsotonicRegression

    def __call__(self, logit):
        """Return the risks of log odds."""
        return self.curve.predict(np.asarray(logit, dtype=float))


def fit_correction(kind, logit, event, weight=None):
    """Fit a correction on rows that the learner was not fitted on.

    Parameters
    ----------
    kind : {"platt", "beta", "isotonic"}
        "platt" is logistic recalibration; "beta" bends at both ends [1]_; "isotonic" is any rising
        curve and needs many events.
    logit : ndarray of shape (n_samples,)
        Log odds of the uncorrected risks.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    weight : ndarray of shape (n_samples,), optional
        Weight of each row.

    Returns
    -------
    callable
        Log odds in, risks out.

    References
    ----------
    .. [1] Kull M, Silva Filho T, Flach P. Beta calibration: a well-founded and easily implemented
       improvement on logistic calibration for binary classifiers. AISTATS. 2017;54:623-631.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.resampling._correction import fit_correction
    >>> logit = np.array([-4.0, -2.0, -3.0, 2.0, 3.0, -1.0])
    >>> risk = fit_correction("platt", logit, np.array([0, 0, 1, 0, 1, 1]))(logit)
    >>> round(float(risk.sum()), 6)
    3.0
    """
    if kind == "isotonic":
        curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        return Isotonic(curve.fit(logit, event, sample_weight=weight))
    if kind == "beta":
        return _fit_beta(logit, event, weight)
    return fit_recalibration(logit, event, weight)


def _fit_beta(logit, event, weight):
    """Fit both bends; a negative one is left out, and what has no answer is Platt's."""
    columns = np.column_stack([log_expit(logit), -log_expit(-logit)])
    kept = [k for k in (0, 1) if np.ptp(columns[:, k]) > 1e-8]
    while kept:
        fit = fit_logistic(columns[:, kept], event, weight=weight)
        if fit.separated or not np.isfinite(fit.coef).all():
            break
        if (fit.coef[1:] >= 0).all():
            bends = dict(zip(kept, map(float, fit.coef[1:]), strict=True))
            return Beta(float(fit.coef[0]), bends.get(0, 0.0), bends.get(1, 0.0))
        kept.pop(int(np.argmin(fit.coef[1:])))
    return fit_recalibration(logit, event, weight)


def cross_fitted(kind, logit, event, groups, weight, seed):
    """Return corrected risks of rows that took no part in fitting the correction itself.

    The correction of all rows has, on these rows, an intercept of 0 and a slope of 1 by
    construction, which says nothing. Here it is fitted on the other patients.
    """
    risk = np.full(len(event), np.nan)
    for train, test in fold_pairs(_CROSS_FITS, np.zeros((len(event), 1)), event, groups, seed):
        own = None if weight is None else weight[train]
        risk[test] = fit_correction(kind, logit[train], event[train], own)(logit[test])
    return risk
