"""Brent's search for a root, stopped where R's `uniroot` stops, to repeat numbers made with it."""

import numpy as np

_EPS, _MOST = float(np.finfo(float).eps), 1000


def brent_root(function, low, high, tolerance):
    """Return a root between two ends, found to a tolerance by Brent's steps.

    scipy's `brentq` takes the same steps in most cases, not in all; where a search stops early the
    answer depends on them.

    Parameters
    ----------
    function : callable
        Of one number; of different sign at the ends.
    low, high : float
        The ends.
    tolerance : float
        Width within which any number is an answer.

    Returns
    -------
    float

    References
    ----------
    .. [1] Brent RP. Algorithms for minimization without derivatives. Prentice-Hall; 1973.

    Examples
    --------
    >>> round(brent_root(lambda x: x**2 - 2, 0.0, 2.0, 1e-12), 10)
    1.4142135624
    """
    before, now = (low, function(low)), (high, function(high))
    other = before
    for _ in range(_MOST):
        last_step = now[0] - before[0]
        if abs(other[1]) < abs(now[1]):
            before, now, other = now, other, now
        enough = 2 * _EPS * abs(now[0]) + tolerance / 2
        step = (other[0] - now[0]) / 2
        if abs(step) <= enough or now[1] == 0:
            break
        if abs(last_step) >= enough and abs(before[1]) > abs(now[1]):
            step = _interpolated(before, now, other, last_step, enough)
        if abs(step) < enough:
            step = np.copysign(enough, step)
        place = now[0] + step
        before, now = now, (place, function(place))
        if now[1] * other[1] > 0:
            other = before
    return float(now[0])


def _interpolated(before, now, other, last_step, enough):
    """Return the interpolated step where it is small enough to be trusted, else half the way."""
    width = other[0] - now[0]
    if before[0] == other[0]:  # two points: a line
        ratio = now[1] / before[1]
        p, q = width * ratio, 1 - ratio
    else:  # three points: an inverse parabola
        a, b, c = before[1] / other[1], now[1] / other[1], now[1] / before[1]
        p = c * (width * a * (a - b) - (now[0] - before[0]) * (b - 1))
        q = (a - 1) * (b - 1) * (c - 1)
    p, q = (p, -q) if p > 0 else (-p, q)
    short = p < 0.75 * width * q - abs(enough * q) / 2 and p < abs(last_step * q / 2)
    return p / q if short else width / 2
