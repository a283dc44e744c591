"""Intervals of out-of-sample measures that carry the chance of the judging and of the training."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t

from healthml._core._paired_difference import freedom
from healthml.metrics._measures.registry import MEASURES
from healthml.validation._scoring.interval_variances import (
    between_folds,
    by_patient,
    draw_variances,
    draws_training,
    folds_training,
    sum_of_squares,
)

__all__ = [
    "Interval",
    "between_folds",
    "draw_variances",
    "draws_training",
    "folds_training",
    "freedom",
    "interval",
]


class Interval(NamedTuple):
    """A standard error, the ends of an interval, and how they were made."""

    se: float = np.nan
    lower: float = np.nan
    upper: float = np.nan
    method: str = "none"


def interval(
    name,
    estimate,
    influence,
    *,
    training,
    sampling=None,
    reach=None,
    groups=None,
    confidence_level=0.95,
):
    """Return the interval of an out-of-sample measure for the model fitted to all rows.

    The error of such an estimate has two parts: other patients could have been drawn for judging,
    and this model may be better or worse than the average one of the procedure. Their variances
    are added; the quantile is that of a t distribution whose degrees of freedom follow from how
    few patients carry the influence; AUC and Brier score are taken on the logit scale, ratios and
    losses on the log scale.

    Parameters
    ----------
    name : str
        The measure.
    estimate : float
        Its corrected or out-of-sample value.
    influence : ndarray of shape (n_samples,)
        How much each row moves the mean out-of-sample value, so that their sum approximates
        ``estimate - truth``.
    training : float
        Variance of the measure over models of the procedure: `draws_training` or
        `folds_training`.
    sampling : float, optional
        Variance that the choice of patients gives to one model: the mean of `draw_variances`. By
        default it is that of `influence`, which is too small where `influence` is a mean over very
        different models.
    reach : float, optional
        A second estimate. Where both are biased, to different sides, the interval reaches as far
        as the intervals of either.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row.
    confidence_level : float, default=0.95
        Coverage.

    Returns
    -------
    Interval

    References
    ----------
    .. [1] Bates S, Hastie T, Tibshirani R. Cross-validation: what does it estimate and how well
       does it do it? J Am Stat Assoc. 2024;119:1434-1445.
    .. [2] Satterthwaite FE. An approximate distribution of estimates of variance components.
       Biometrics. 1946;2:110-114.

    Examples
    --------
    >>> influence = np.tile([0.002, -0.002], 50)
    >>> found = interval("auroc", 0.8, influence, training=0.01**2)
    >>> round(found.se, 4), round(found.lower, 3), round(found.upper, 3)
    (0.0225, 0.752, 0.84)
    """
    moved = by_patient(influence, groups)
    own = sum_of_squares(moved)
    sampling = own if sampling is None or not np.isfinite(sampling) else max(sampling, own)
    variance = sampling + (training if np.isfinite(training) else 0.0)
    if not (np.isfinite(estimate) and variance > 0):
        return Interval()
    se = float(np.sqrt(variance))
    quantile = t.ppf(0.5 + confidence_level / 2, freedom(moved))
    ends = [_ends(name, centre, quantile * se) for centre in (estimate, reach) if _is(centre)]
    lower, upper = min(end[0] for end in ends), max(end[1] for end in ends)
    low, high = MEASURES[name.split("@")[0]].limits
    return Interval(se, max(lower, low), min(upper, high), f"t, {_scale(name)} scale: {_SAID}")


_SAID = "influence of each patient, and variance over refitted models"


def _is(value):
    return value is not None and np.isfinite(value)


def _scale(name):
    low, high = MEASURES[name.split("@")[0]].limits
    if (low, high) == (0, 1):
        return "logit"
    if (low, high) == (0, np.inf):
        return "log"
    return "log (1 - value)" if (low, high) == (-np.inf, 1) else "own"


def _ends(name, centre, half):
    """Return the ends on the measure's scale; on its own scale where the centre is at a limit."""
    scale = _scale(name)
    if scale == "logit" and 0 < centre < 1:
        step = half / (centre * (1 - centre))
        return float(expit(logit(centre) - step)), float(expit(logit(centre) + step))
    if scale == "log" and centre > 0:
        return float(centre * np.exp(-half / centre)), float(centre * np.exp(half / centre))
    if scale == "log (1 - value)" and centre < 1:
        step = half / (1 - centre)
        return float(1 - (1 - centre) * np.exp(step)), float(1 - (1 - centre) * np.exp(-step))
    return float(centre - half), float(centre + half)
