"""Gaps of every group: to a stated reference and to everybody else."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from healthml.fairness._contrasts.detectable import detectable_gap
from healthml.fairness._estimates import WITHOUT_GAPS, Estimates, gap_ends, gap_p_values

REST = "everybody else"


@dataclass(frozen=True)
class GapBlock:
    """Gaps of one measure of some groups; made by `gap_blocks`.

    Parameters
    ----------
    name : str
        The measure.
    versus : str
        "everybody else", or "reference".
    places : ndarray of int
        The groups.
    first, second : Estimates
        Groups, and what they are compared with.
    correlation : ndarray
        Between both.
    """

    name: str
    versus: str
    places: np.ndarray
    first: Estimates
    second: Estimates
    correlation: np.ndarray

    def ends(self, z):
        """Return gaps with lower and upper ends at a normal quantile, ratios as ratios."""
        ends = gap_ends(self.first, self.second, self.correlation, z)
        return tuple(map(self._back, ends))

    def columns(self, z):
        """Return what the table of gaps holds, without what holds for several gaps together."""
        gap, lower, upper = self.ends(z)
        smallest = detectable_gap(
            self.name, self.first, self.second, self.correlation, level=1 - 2 * norm.sf(z)
        )
        own, other = self.first.reason.astype(str), self.second.reason.astype(str)
        return {
            "scale": "ratio" if self.first.on_log else "difference",
            "estimate": gap,
            "lower": lower,
            "upper": upper,
            "p_value": gap_p_values(self.first, self.second, self.correlation),
            "detectable": self._back(smallest),
            "reason": np.where(own != "", own, np.where(np.isfinite(gap), "", other)),
        }

    def _back(self, values):
        return np.exp(values) if self.first.on_log else values


def gap_blocks(measured, reference):
    """Return the gaps of a measure to everybody else, and to a reference group if there is one.

    Parameters
    ----------
    measured : Measured
        The measure in every group.
    reference : int or None
        Place of the reference group.

    Returns
    -------
    list of GapBlock
    """
    if measured.name in WITHOUT_GAPS or measured.rest is None:
        return []
    own, places = measured.own, np.arange(len(measured.own.value))
    blocks = [GapBlock(measured.name, REST, places, own, measured.rest, measured.rest_correlation)]
    if reference is None:
        return blocks
    others = np.flatnonzero(places != reference)
    error = np.sqrt(np.diag(measured.covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = measured.covariance[others, reference] / error[others] / error[reference]
    correlation = np.clip(np.nan_to_num(shared), -1, 1)
    second = own.take(np.full(len(others), reference))
    block = GapBlock(measured.name, "reference", others, own.take(others), second, correlation)
    return [*blocks, block]


def sidak(level, n):
    """Return the normal quantile of n intervals that hold together at a level [1]_.

    Whatever the correlations are, they hold together at least as often.

    References
    ----------
    .. [1] Sidak Z. Rectangular confidence regions for the means of multivariate normal
       distributions. J Am Stat Assoc. 1967;62:626-633.

    Examples
    --------
    >>> [round(float(sidak(0.95, n)), 3) for n in (1, 4)]
    [1.96, 2.491]
    """
    return norm.isf((1 - level ** (1 / max(n, 1))) / 2)


def holm(p_values):
    """Return Holm's adjusted p-values; missing ones stay so and do not count.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, np.nan])).round(3).tolist()
    [0.02, 0.04, nan]
    """
    p_values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
