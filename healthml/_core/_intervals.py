"""Confidence intervals for a proportion from counts, vectorised and checked against R."""

import numpy as np
from scipy.stats import beta, norm

from healthml.exceptions import InputError


def wilson(n_events, n, confidence_level=0.95):
    """Return the Wilson score interval of a proportion.

    The same numbers as R's ``prop.test(x, n, correct = FALSE)$conf.int``. It stays inside 0 to 1
    and covers well from small counts on; the interval of choice for observed event rates.

    Parameters
    ----------
    n_events : array-like of float
        Number of events, between 0 and `n`.
    n : array-like of float
        Number of rows; broadcast against `n_events`. Where it is 0 both ends are missing.
    confidence_level : float, default=0.95
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float or ndarray
        Ends of the interval; floats when both counts are single numbers.

    Raises
    ------
    InputError
        If a count is missing, negative or larger than `n`, or the level is outside 0 to 1.

    References
    ----------
    .. [1] Wilson EB. Probable inference, the law of succession, and statistical inference.
       J Am Stat Assoc. 1927;22:209-212.

    Examples
    --------
    >>> lower, upper = wilson(3, 20)
    >>> round(lower, 4), round(upper, 4)
    (0.0524, 0.3604)
    """
    x, n, alpha = _counts(n_events, n, confidence_level)
    return _ends(*wilson_at(x, n, norm.isf(alpha / 2)), n > 0)


def wilson_at(n_events, n, z):
    """Return the ends of Wilson's interval at normal quantiles, one for all or one for each.

    Examples
    --------
    >>> lower, upper = wilson_at(np.array([3.0, 3.0]), 20, np.array([1.959963984540054, 1.0]))
    >>> lower.round(4).tolist(), upper.round(4).tolist()
    ([0.0524, 0.087], [0.3604, 0.2463])
    """
    x, z2 = n_events, np.square(z)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (x + z2 / 2) / (n + z2)
        half = np.sqrt(z2) * np.sqrt(x * (n - x) / n + z2 / 4) / (n + z2)
    lower = np.where(x == 0, 0.0, np.maximum(centre - half, 0.0))
    return lower, np.where(x == n, 1.0, np.minimum(centre + half, 1.0))


def recovered(first, second, correlation=0.0):
    """Return the ends of first - second, each given as (estimate, lower, upper).

    The method of variance estimates recovery [1]_; with Wilson's intervals it is Newcombe's hybrid
    score (method 10 of [2]_).

    References
    ----------
    .. [1] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.
    .. [2] Newcombe RG. Interval estimation for the difference between independent proportions.
       Stat Med. 1998;17:873-890.

    Examples
    --------
    >>> ends = recovered((0.8, *wilson(56, 70)), (0.6, *wilson(48, 80)))
    >>> [round(float(end), 4) for end in ends]
    [0.0524, 0.3339]
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    below = _length(a - a_low, b_high - b, correlation)
    above = _length(a_high - a, b - b_low, correlation)
    return a - b - below, a - b + above


def _length(x, y, correlation):
    return np.sqrt(np.maximum(x**2 + y**2 - 2 * correlation * x * y, 0.0))


def clopper_pearson(n_events, n, confidence_level=0.95):
    """Return the exact (Clopper-Pearson) interval of a proportion.

    The same numbers as R's ``binom.test(x, n)$conf.int``: never below its nominal coverage, so
    wider than the Wilson interval.

    Parameters
    ----------
    n_events : array-like of float
        Number of events, between 0 and `n`.
    n : array-like of float
        Number of rows; broadcast against `n_events`. Where it is 0 both ends are missing.
    confidence_level : float, default=0.95
        Coverage, between 0 and 1.

    Returns
    -------
    lower, upper : float or ndarray
        Ends of the interval; floats when both counts are single numbers.

    Raises
    ------
    InputError
        If a count is missing, negative or larger than `n`, or the level is outside 0 to 1.

    References
    ----------
    .. [1] Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case
       of the binomial. Biometrika. 1934;26:404-413.

    Examples
    --------
    >>> lower, upper = clopper_pearson([0, 3], 20)
    >>> lower.round(4).tolist(), upper.round(4).tolist()
    ([0.0, 0.0321], [0.1684, 0.3789])
    """
    x, n, alpha = _counts(n_events, n, confidence_level)
    lower = np.where(x == 0, 0.0, beta.ppf(alpha / 2, x, n - x + 1))
    upper = np.where(x == n, 1.0, beta.isf(alpha / 2, x + 1, n - x))
    return _ends(lower, upper, n > 0)


def check_confidence_level(confidence_level):
    """Return the level as a float, refusing anything not strictly between 0 and 1."""
    if not (np.isscalar(confidence_level) and 0 < confidence_level < 1):
        raise InputError(
            f"confidence_level is {confidence_level!r}; give a number between 0 and 1, "
            "for example 0.95."
        )
    return float(confidence_level)


def _counts(n_events, n, confidence_level):
    x, n = np.broadcast_arrays(np.asarray(n_events, dtype=float), np.asarray(n, dtype=float))
    bad = np.flatnonzero(~((x >= 0) & (x <= n) & np.isfinite(n)))
    if bad.size:
        raise InputError(
            f"n_events is missing, negative or larger than n in {bad.size} of {x.size} places, "
            f"the first at position {bad[0]}; count the events and rows again."
        )
    return x, n, 1 - check_confidence_level(confidence_level)


def _ends(lower, upper, defined):
    lower, upper = np.where(defined, lower, np.nan), np.where(defined, upper, np.nan)
    return (float(lower), float(upper)) if lower.ndim == 0 else (lower, upper)


def simultaneous_level(confidence_level, n_comparisons):
    """Return the level of each of several intervals that together hold at `confidence_level`."""
    return 1 - (1 - confidence_level) / max(n_comparisons, 1)


def z_value(confidence_level):
    """Return the two-sided normal quantile of a confidence level."""
    return float(norm.ppf(0.5 + confidence_level / 2))
