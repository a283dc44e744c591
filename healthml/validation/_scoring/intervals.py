"""Intervals of out-of-sample measures that carry the chance of the judging and of the training."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, logit
from scipy.stats import t

from healthml._core._paired import freedom
from healthml.metrics._measures import MEASURES

__all__ = [
    "ONE_REPEAT",
    "REPEATS_TO_TRAINING",
    "Interval",
    "between_folds",
    "by_patient",
    "draw_variances",
    "draws_training",
    "folds_training",
    "freedom",
    "interval",
    "sum_of_squares",
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


# Variance over training sets as a multiple of the variance between repeats of cross-validation,
# whose training sets overlap. Set by tests/simulation/validation_intervals.py (coverage of 95%
# intervals; the guide prints it). Smaller: intervals too narrow; larger: too wide.
REPEATS_TO_TRAINING = 3.0

# With one repeat that variance cannot be estimated, and this share of the sampling variance stands
# for it. Chosen by judgement in the light of the same simulation; unstable learners need more.
ONE_REPEAT = 0.25


def draw_variances(influence, event, out, groups=None):
    """Return for each draw the variance that the choice of patients gives to its model.

    Estimated from the rows out of bag, for a judgement by all rows.

    Parameters
    ----------
    influence : ndarray of shape (n_draws, n_samples)
        How much each out-of-bag row moves the value of each draw; 0 for the others.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    out : ndarray of bool, shape (n_draws, n_samples)
        Rows out of bag.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    ndarray of shape (n_draws,)
        Missing where fewer than two patients with, or without, the event were out of bag.

    Examples
    --------
    >>> influence = np.array([[0.1, -0.1, 0.05, -0.05, 0.0, 0.0, 0.0, 0.0]])
    >>> event = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    >>> draw_variances(influence, event, influence != 0).round(4).tolist()
    [0.025]
    """
    if groups is not None:
        influence, event, out = _to_patients(influence, event, out, groups)
    classes = np.column_stack([event == 0, event == 1]).astype(float)
    squares, count = influence**2 @ classes, out @ classes
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(count > 1, squares * count / (count - 1), np.nan).sum(axis=1)
    return variance * count.sum(axis=1) / len(event)


def draws_training(test, out=None, sampling=None, share_out=np.nan):
    """Return the variance over models of the procedure, from bootstrap draws.

    Parameters
    ----------
    test : ndarray of shape (n_draws,)
        Value of each refitted model on all rows.
    out : ndarray of shape (n_draws,), optional
        Value of each refitted model on its out-of-bag rows, for learners that remember rows: their
        values on all rows hardly differ. The larger of the two variances is taken.
    sampling : float, optional
        Mean of `draw_variances`, with which the part of the variance of `out` is taken off that
        comes from different rows out of bag.
    share_out : float, optional
        Share of rows out of bag, on average.

    Returns
    -------
    float

    Examples
    --------
    >>> round(draws_training(np.array([0.7, 0.72, 0.74])), 6)
    0.0004
    """
    training = _variance(test)
    if out is None:
        return training
    different_rows = sampling * (1 - share_out) / share_out
    return float(np.nanmax([training, _variance(out) - different_rows, 0.0]))


def folds_training(repeats, influence, groups=None):
    """Return the variance over models of the procedure, from repeats of cross-validation.

    Repeats differ in their models alone. Models of two repeats share most of their rows, so that
    they differ less than models of two cohorts; the factor 3 was measured by simulation (see the
    guide). From one repeat it cannot be estimated: a quarter of the
    sampling variance is taken instead.

    Parameters
    ----------
    repeats : ndarray of shape (n_repeats,)
        Value of each repeat.
    influence : ndarray of shape (n_samples,)
        How much each row moves the estimate.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    float

    Examples
    --------
    >>> round(folds_training(np.array([0.70, 0.72, 0.71]), np.zeros(9)), 6)
    0.0003
    """
    if np.isfinite(repeats).sum() > 1:
        return REPEATS_TO_TRAINING * _variance(repeats)
    return ONE_REPEAT * sum_of_squares(by_patient(influence, groups))


def between_folds(name, event, deviation):
    """Return what the rows of a fold add to their influence because the fold is a better one.

    Influence values of a fold are centred at the fold's own value. With few events a fold that
    alone makes them far too small.

    Parameters
    ----------
    name : str
        The measure.
    event : ndarray of shape (n_rows,)
        Outcomes of the fold's rows as 0/1.
    deviation : float
        Value of the fold minus the estimate over all folds.

    Returns
    -------
    ndarray of shape (n_rows,)
        For AUC the deviation over the rows of the same class, else over all rows.

    Examples
    --------
    >>> between_folds("auroc", np.array([1, 0, 0, 0]), 0.3).round(2).tolist()
    [0.3, 0.1, 0.1, 0.1]
    >>> between_folds("brier", np.array([1, 0, 0, 0]), 0.2).round(2).tolist()
    [0.05, 0.05, 0.05, 0.05]
    """
    if not np.isfinite(deviation):
        return np.zeros(len(event))
    if name != "auroc":
        return np.full(len(event), deviation / len(event))
    events = np.sum(event)
    return np.where(event == 1, deviation / events, deviation / (len(event) - events))


def by_patient(influence, groups):
    """Return influence values summed by patient."""
    influence = np.asarray(influence, dtype=float)
    if groups is None:
        return influence
    sums = np.bincount(groups, influence)
    return sums[np.bincount(groups) > 0]


def sum_of_squares(moved):
    """Return the variance of an estimate from the influence of each patient."""
    count = len(moved)
    return float(moved @ moved * count / (count - 1)) if count > 1 else np.nan


def _to_patients(influence, event, out, groups):
    """Sum rows of a patient; one with any event is a patient with the event."""
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    member = csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    return influence @ member, (event @ member > 0).astype(int), out @ member > 0


def _variance(values):
    values = values[np.isfinite(values)]
    return float(values.var(ddof=1)) if len(values) > 1 else np.nan
