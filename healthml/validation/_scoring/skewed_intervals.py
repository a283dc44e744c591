"""Intervals of measures that no normal curve fits: at home above 0, or jumping."""

import numpy as np
from scipy.stats import chi2

from healthml._core._numerics import expit, logit
from healthml._core._sample import make_sample
from healthml.metrics._uncertainty import BOUNDED, count_statistic, under_perfect_calibration

IRREGULAR = {"expected_cost_threshold": "none: the cut that is best jumps from sample to sample"}
_PERFECT = 200  # draws under perfect calibration: a 95% limit to about 0.015 of its level


def under_calibration(name, risk, share, confidence_level):
    """Return the mean and the upper end of a calibration error where every risk is right.

    Parameters
    ----------
    name : str
        The measure; one that may be 0 in a sample has None.
    risk : ndarray of shape (n_rows,)
        Risks, from which outcomes are drawn.
    share : float
        Share of the rows that judge: fewer rows make larger errors.
    confidence_level : float
        Coverage of the interval that uses it.
    """
    if name not in BOUNDED:
        return None
    random = np.random.default_rng(0)
    risk = risk[np.isfinite(risk)]
    few = random.permutation(risk)[: max(round(share * len(risk)), 2)]
    sample = make_sample(np.arange(len(few)) % 2, few)
    statistic = count_statistic(sample, [name])
    drawn = under_perfect_calibration(statistic, sample, draws=_PERFECT, random_state=0)[name]
    return float(np.mean(drawn)), float(np.quantile(drawn, 0.5 + confidence_level / 2))


def above_zero(estimate, half, null):
    """Return the ends of a calibration error.

    Chance alone makes it larger than it is in the population, by no more than it would be under
    perfect calibration. The lower end takes that much back, and is 0 unless the estimate is beyond
    what perfect calibration gives; the upper end takes nothing back.

    Parameters
    ----------
    estimate : float
        The measure.
    half : float
        Half width of its interval, were it normal.
    null : (float, float)
        Mean and upper end under perfect calibration.

    Returns
    -------
    lower, upper : float

    Examples
    --------
    >>> [round(end, 3) for end in above_zero(0.10, 0.02, (0.03, 0.05))]
    [0.05, 0.12]
    >>> above_zero(0.04, 0.02, (0.03, 0.05))[0]
    0.0
    """
    mean, beyond = null
    lower = max(estimate - mean - half, 0.0) if estimate > beyond else 0.0
    return lower, max(estimate, 0.0) + half


def largest_change(centre, se, correlation, confidence_level):
    """Return the ends of Emax of a logistic recalibration, from intercept and slope together.

    They are the smallest and the largest Emax in the joint confidence region of both, and so hold
    at least as often as the region does.

    Parameters
    ----------
    centre, se : (float, float)
        Intercept and slope, and their standard errors.
    correlation : float
        Their correlation.
    confidence_level : float
        Coverage of the region.

    Returns
    -------
    lower, upper : float

    Examples
    --------
    >>> low, high = largest_change((0.0, 1.0), (0.2, 0.1), 0.0, 0.95)
    >>> low, round(float(high), 3)
    (0.0, 0.124)
    """
    radius = np.sqrt(chi2.ppf(confidence_level, 2))
    angle, part = np.linspace(0, 2 * np.pi, 120), np.linspace(0, 1, 21)
    unit = np.stack([np.cos(angle), np.sin(angle)])
    shape = np.linalg.cholesky([[1.0, correlation], [correlation, 1.0]])
    steps = (shape @ unit) * radius
    changes = [
        emax_logistic(centre[0] + r * se[0] * steps[0], centre[1] + r * se[1] * steps[1])
        for r in part
    ]
    away = np.linalg.solve(shape, (np.array([0.0, 1.0]) - centre) / se)
    inside = away @ away <= radius**2
    return 0.0 if inside else float(np.min(changes)), float(np.max(changes))


def emax_logistic(intercept, slope):
    """Return the largest difference that logistic recalibration makes to any risk, as in R's rms.

    Examples
    --------
    >>> bool(emax_logistic(0.0, 1.0) < 1e-12)
    True
    """
    risk = np.arange(1, 2000) / 2000
    moved = expit(np.asarray(intercept)[..., None] + np.asarray(slope)[..., None] * logit(risk))
    return np.abs(risk - moved).max(axis=-1)
