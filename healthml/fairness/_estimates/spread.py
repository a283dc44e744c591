"""Estimates of several groups with what their intervals at any level are made of."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm
from scipy.stats import t as student

from healthml._core._intervals import recovered, wilson_at
from healthml.metrics._uncertainty import contrast_of_counts_at

WILSON, WALD, LOG, LOGIT, COUNTS = "Wilson", "Wald", "log-Wald", "logit-Wald", "Wilson, joined"
NONE_SEEN = "Garwood, no events"  # the largest rate of a Poisson count that is 0 [Garwood 1936]

_LARGEST_Z = 8.0  # normal quantile up to which a p-value is sought; beyond it, p < 1e-15
_GUESSES = 15  # at the quantile of a p-value; the last move is below 1e-8
_MOST_FREEDOM = 1e6  # Student's t is the normal distribution there; only for the arithmetic


@dataclass(frozen=True)
class Estimates:
    """Estimates of a measure in several groups; all arrays of shape (n_groups,).

    Parameters
    ----------
    value, error : ndarray
        Estimate and standard error, on the measure's own scale; NaN where undefined.
    kind : ndarray of str
        How the interval is made: Wilson, Wald, log-Wald, logit-Wald, joined from two counts, or
        that of no event where some were expected.
    reason : ndarray of str
        Why there is no estimate, or no interval.
    top, bottom : ndarray
        Counts behind a proportion; for two counts joined, gains and losses; for O:E of independent
        rows, observed and expected events.
    n, price : ndarray
        For two counts joined: rows, and the price of a loss.
    freedom : ndarray
        Degrees of freedom, infinite for the normal distribution.
    limits : tuple of float
        Smallest and largest possible value.
    on_log : bool
        Whether gaps are ratios.
    """

    value: np.ndarray
    error: np.ndarray
    kind: np.ndarray
    reason: np.ndarray
    top: np.ndarray = None
    bottom: np.ndarray = None
    n: np.ndarray = None
    price: float = 0.0
    freedom: np.ndarray = None
    limits: tuple = (-np.inf, np.inf)
    on_log: bool = False
    method: np.ndarray = field(default=None)

    def take(self, places):
        """Return the estimates of some groups, in an order."""
        names = ("value", "error", "kind", "reason", "top", "bottom", "n", "freedom", "method")
        parts = {name: getattr(self, name) for name in names}
        return replace(self, **{k: None if v is None else v[places] for k, v in parts.items()})

    def ends(self, z):
        """Return lower and upper ends at a normal quantile, one for all or one for each group."""
        z = np.broadcast_to(z, self.value.shape)
        lower, upper = np.full((2, len(self.value)), np.nan)
        for kind in set(self.kind):
            at = np.flatnonzero((self.kind == kind) & np.isfinite(self.value))
            if len(at):
                lower[at], upper[at] = self._ends_of(kind, at, z[at])
        return np.clip(lower, *self.limits), np.clip(upper, *self.limits)

    def _ends_of(self, kind, at, z):
        if kind == WILSON:
            return wilson_at(np.minimum(self.top[at], self.bottom[at]), self.bottom[at], z)
        if kind == COUNTS:
            counts = self.top[at], self.bottom[at], self.n[at]
            return contrast_of_counts_at(*counts, self.price, z)
        if kind == NONE_SEEN:
            return np.zeros(len(at)), -norm.logsf(z) / self.bottom[at]
        value, error = self.value[at], self.error[at]
        if self.freedom is not None and np.isfinite(self.freedom[at]).any():
            z = student.isf(norm.sf(z), np.minimum(self.freedom[at], _MOST_FREEDOM))
        with np.errstate(divide="ignore", invalid="ignore"):
            if kind == LOG:
                step = np.exp(z * error / value)
                return value / step, value * step
            if kind == LOGIT:
                step = z * error / (value * (1 - value))
                return expit(logit(value) - step), expit(logit(value) + step)
        return value - z * error, value + z * error

    def on_scale(self, values):
        """Return values on the scale of gaps."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values >= 0, np.log(values), np.nan) if self.on_log else values

    def scaled_error(self):
        """Return the standard errors on the scale of gaps."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.error / self.value if self.on_log else self.error


def gap_ends(first, second, correlation, z):
    """Return estimate and ends of first - second on the scale of gaps, both as `Estimates`.

    The method of variance estimates recovery [1]_: for Wilson's intervals it is Newcombe's.

    References
    ----------
    .. [1] Zou GY, Donner A. Construction of confidence limits about effect measures: a general
       approach. Stat Med. 2008;27:1693-1702.
    """
    parts = [
        tuple(part.on_scale(values) for values in (part.value, *part.ends(z)))
        for part in (first, second)
    ]
    with np.errstate(invalid="ignore"):  # two of O:E 0 are -inf on the log scale
        gap = parts[0][0] - parts[1][0]
        lower, upper = recovered(*parts, correlation)
    both = np.isfinite(gap)
    return np.where(both, gap, np.nan), np.where(both, lower, np.nan), np.where(both, upper, np.nan)


def gap_p_values(first, second, correlation):
    """Return two-sided p-values of no gap: one minus the level at which the interval reaches 0.

    An end moves away from the gap about in proportion to the quantile, so that the next guess is
    the gap over the end's distance per unit; a few of them settle it.
    """
    z = np.ones(len(first.value))
    for _ in range(_GUESSES):
        gap, lower, upper = gap_ends(first, second, correlation, z)
        reach = np.where(gap > 0, gap - lower, upper - gap)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.clip(np.nan_to_num(np.abs(gap) * z / reach, nan=0.0), 1e-9, _LARGEST_Z)
    return np.where(np.isfinite(gap) & np.isfinite(reach), 2 * norm.sf(z), np.nan)
