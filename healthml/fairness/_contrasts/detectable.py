"""The smallest gap that a sample could have shown."""

import numpy as np
from scipy.stats import norm

from healthml.fairness._sums import PROPORTIONS

POWER = 0.80  # the field's usual power; a higher one asks for larger gaps
_STEPS = 60  # of the fixed-point search, which halves its error every few


def detectable_gap(name, first, second, correlation, level=0.95):
    """Return the smallest gap that would have been found with power .80, on the scale of gaps.

    For rates a group below the others, for O:E a group above them: that side is the harm. NaN
    where no gap of that size exists.

    Parameters
    ----------
    name : str
        The measure.
    first, second : Estimates
        Groups, and what they are compared with, of which the value is taken to be the truth.
    correlation : ndarray
        Between both.
    level : float, default=0.95
        Of the two-sided interval that has to leave out no gap.

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    quantiles = norm.isf((1 - level) / 2), norm.ppf(POWER)
    with np.errstate(divide="ignore", invalid="ignore"):
        own, other = first.scaled_error() ** 2, second.scaled_error() ** 2
        shared = 2 * correlation * np.sqrt(own * other)
        if name in PROPORTIONS:
            return _of_shares(first, second, correlation, quantiles)
        if first.on_log:
            return _of_ratios(first, second, (own, other, shared), quantiles)
        return sum(quantiles) * np.sqrt(own + other - shared)


def _of_shares(first, second, correlation, quantiles):
    """Solve gap = z (1 - level / 2) s + z (power) s, s at the gap itself."""
    value, gap = second.value, np.zeros(len(first.value))
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = [
            part.value * (1 - part.value) / part.error**2 if np.any(part.error > 0) else part.bottom
            for part in (first, second)
        ]
        worth = [
            np.where(np.isfinite(w) & (w > 0), w, part.bottom)
            for w, part in zip(worth, (first, second), strict=True)
        ]
        for _ in range(_STEPS):
            low = np.clip(value - gap, 0, 1)
            parts = low * (1 - low) / worth[0], value * (1 - value) / worth[1]
            variance = sum(parts) - 2 * correlation * np.sqrt(parts[0] * parts[1])
            pooled = (low * worth[0] + value * worth[1]) / (worth[0] + worth[1])
            null = pooled * (1 - pooled) * (1 / worth[0] + 1 / worth[1])
            null = np.where(correlation == 0, null, variance)
            wanted = quantiles[0] * np.sqrt(null) + quantiles[1] * np.sqrt(variance)
            gap = (gap + wanted) / 2
    return np.where(gap <= value, gap, np.nan)


def _of_ratios(first, second, parts, quantiles):
    """Solve the same for O:E: a group with more events is known better.

    Of independent rows whose risks are multiplied by `more` the variance of log O:E is
    ``1 / events - c`` with ``c = sum(risk ** 2) / expected ** 2``, which stays as it is.
    """
    own, other, shared = parts
    gap, fixed = np.zeros(len(own)), np.zeros(len(own))
    if first.top is not None:
        fixed = np.nan_to_num(np.maximum(1 / first.top - own, 0.0), posinf=0.0)
    for _ in range(_STEPS):
        more = second.value * np.exp(gap) / first.value  # events then, per event now
        # a risk is never above 1, so that the variance does not vanish for many more events
        then = np.maximum((own + fixed) / more - fixed, own / np.maximum(more, 1) ** 2)
        gap = (gap + sum(quantiles) * np.sqrt(np.maximum(then + other - shared, 0))) / 2
    return gap
