"""Intervals of a difference of two proportions from the intervals of both: net benefit's."""

import numpy as np

from healthml._core._intervals import wilson


def contrast_of_counts(gains, losses, n, price, level):
    """Interval of (gains - price * losses) / n, counts of two cells of one multinomial sample.

    Wilson's intervals of both shares, joined by the method of variance estimates recovery with
    their multinomial correlation. It needs no normal distribution of small counts, and has width
    where nobody is counted.

    References
    ----------
    .. [1] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.
    """
    first, second = np.asarray(gains) / n, np.asarray(losses) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = first * second / ((1 - first) * (1 - second))
    correlation = -np.sqrt(np.where(np.isfinite(odds), np.minimum(odds, 1.0), 0.0))
    return recovered(
        (first, *_within(gains, n, level)),
        tuple(price * end for end in (second, *_within(losses, n, level))),
        correlation,
    )


def contrast_of_rates(gains, n_events, losses, n_others, prices, level):
    """Interval of prices[0] * gains / n_events - prices[1] * losses / n_others, independent."""
    first = (np.asarray(gains) / n_events, *_within(gains, n_events, level))
    second = (np.asarray(losses) / n_others, *_within(losses, n_others, level))
    return recovered(
        tuple(prices[0] * end for end in first), tuple(prices[1] * end for end in second), 0.0
    )


def recovered(first, second, correlation):
    """Return the ends of first - second, each given as (estimate, lower, upper)."""
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    below = _length(a - a_low, b_high - b, correlation)
    above = _length(a_high - a, b - b_low, correlation)
    return a - b - below, a - b + above


def _length(x, y, correlation):
    return np.sqrt(np.maximum(x**2 + y**2 - 2 * correlation * x * y, 0.0))


def _within(count, n, level):
    return wilson(np.minimum(count, n), n, level)
