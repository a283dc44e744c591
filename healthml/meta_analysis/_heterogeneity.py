"""How much studies differ beyond chance: the between-study variance and what follows from it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, t

RANDOM = ("REML", "DL", "ML", "PM")
# R's uniroot stops within this of a root by default, and metafor looks for roots up to 100: with
# search="metafor" the same, so that published numbers come out digit by digit.
_EARLY, _UPPER = float(np.finfo(float).eps ** 0.25), 100.0


@dataclass(frozen=True)
class Weighted:
    """Weighted least squares of study estimates at one between-study variance.

    Parameters
    ----------
    theta, variance : ndarray of shape (k,)
        Estimates and their squared standard errors.
    X : ndarray of shape (k, p)
        Columns of the mean, a column of ones when there are no covariates.
    tau2 : float
        Between-study variance.
    """

    theta: np.ndarray
    variance: np.ndarray
    X: np.ndarray
    tau2: float = 0.0

    @cached_property
    def weight(self):
        """Inverse variances."""
        return 1 / (self.variance + self.tau2)

    @cached_property
    def covariance(self):
        """Covariance of the coefficients, the variances being known."""
        return np.linalg.inv(self.moment(1))

    @cached_property
    def coef(self):
        """Coefficients of the mean."""
        return self.covariance @ (self.X.T @ (self.weight * self.theta))

    @cached_property
    def residual(self):
        """Estimates minus their fitted mean."""
        return self.theta - self.X @ self.coef

    @property
    def freedom(self):
        """Number of studies minus number of coefficients."""
        return len(self.theta) - self.X.shape[1]

    @cached_property
    def q(self):
        """Weighted sum of squared residuals."""
        return float(self.weight @ self.residual**2)

    @cached_property
    def trace(self):
        """Trace of the residual-making matrix P."""
        return float(self.weight.sum() - np.trace(self.covariance @ self.moment(2)))

    @cached_property
    def trace_of_square(self):
        """Trace of P P."""
        half = self.covariance @ self.moment(2)
        third = np.trace(self.covariance @ self.moment(3))
        return float((self.weight**2).sum() - 2 * third + np.trace(half @ half))

    def moment(self, power):
        """Return X' W^power X."""
        return self.X.T @ ((self.weight**power)[:, None] * self.X)

    def score(self, method):
        """Twice the derivative of the (restricted) log-likelihood by tau2; PM's equation."""
        if method == "PM":
            return self.q - self.freedom
        spread = self.trace if method == "REML" else self.weight.sum()
        return float(((self.weight * self.residual) ** 2).sum() - spread)

    def log_likelihood(self, method):
        """Twice the (restricted) log-likelihood, up to a constant."""
        value = np.log(self.weight).sum() - self.q
        return value - np.linalg.slogdet(self.moment(1))[1] * (method == "REML")

    def at(self, tau2):
        """Return the same studies at another between-study variance."""
        return Weighted(self.theta, self.variance, self.X, tau2)


def between_variance(fixed, method, search="exact"):
    """Return the between-study variance and its standard error.

    Parameters
    ----------
    fixed : Weighted
        The studies, at a between-study variance of 0.
    method : {"REML", "DL", "ML", "PM", "FE"}
        Restricted or full maximum likelihood, DerSimonian-Laird, Paule-Mandel, or none.
    search : {"exact", "metafor"}, default="exact"
        How far to search for Paule and Mandel's root.

    Returns
    -------
    tau2, standard_error : float
        Both 0 and missing for "FE".
    """
    if method == "FE":
        return 0.0, np.nan
    free, k = fixed.freedom, len(fixed.theta)
    if method == "DL":
        tau2 = max((fixed.q - free) / fixed.trace, 0.0)
        spread = 2 * free + 4 * tau2 * fixed.trace + 2 * tau2**2 * fixed.trace_of_square
        return tau2, float(np.sqrt(spread) / fixed.trace)
    tau2 = _moment_root(fixed, free, search) if method == "PM" else _most_likely(fixed, method)
    there = fixed.at(tau2)
    information = {
        "REML": there.trace_of_square / 2,
        "ML": (there.weight**2).sum() / 2,
        "PM": free * there.weight.sum() ** 2 / (2 * k**2),
    }[method]
    return tau2, float(1 / np.sqrt(information))


def q_profile(fixed, confidence_level, tau2=0.0, search="exact"):
    """Return the Q-profile interval of the between-study variance (Viechtbauer 2007)."""
    tail = (1 - confidence_level) / 2
    wanted = chi2.isf([tail, 1 - tail], fixed.freedom)
    return tuple(_moment_root(fixed, value, search, 10 * tau2) for value in wanted)


def inconsistency(fixed, tau2, method):
    """Return I2 in percent and H2."""
    free = fixed.freedom
    if method == "FE":
        i2 = 100 * max(0.0, (fixed.q - free) / fixed.q) if fixed.q > 0 else 0.0
        return i2, fixed.q / free
    typical = free / fixed.trace
    return 100 * tau2 / (typical + tau2), tau2 / typical + 1


def _moment_root(fixed, wanted, search, far=0.0):
    """Return the variance at which the weighted sum of squares is `wanted`; 0 where it is less."""
    if fixed.q <= wanted:
        return 0.0
    early = search == "metafor"
    upper = max(_UPPER, far) if early else _scale(fixed)
    while fixed.at(upper).q > wanted:
        upper *= 4
    if early:
        return brentq(lambda t: fixed.at(t).q - wanted, 0.0, upper, xtol=_EARLY)
    return brentq(lambda t: fixed.at(t).q - wanted, 0.0, upper, xtol=1e-15, rtol=1e-14)


def _most_likely(fixed, method):
    """Return the highest of the likelihood's maxima, which may be at 0."""
    grid = np.r_[0.0, np.geomspace(1e-8, 1e4, 97) * _scale(fixed)]
    best = int(np.argmax([fixed.at(t).log_likelihood(method) for t in grid]))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    ends = [fixed.at(end).score(method) for end in (low, high)]
    if not ends[0] > 0 > ends[1]:
        return 0.0
    return brentq(lambda t: fixed.at(t).score(method), low, high, xtol=1e-15, rtol=1e-14)


def _scale(fixed):
    """Return a variance of the size of what is at hand."""
    return float(np.mean(fixed.residual**2) + np.median(fixed.variance))


def scaled_covariance(model, test):
    """Return the covariance of the coefficients, scaled as Hartung and Knapp do for "knha"."""
    return model.covariance * (model.q / model.freedom if test == "knha" else 1.0)


def freedom_of(model, test):
    """Return the degrees of freedom of the test: those of the residuals, or infinite for "z"."""
    return model.freedom if test == "knha" else np.inf


def critical(confidence_level, freedom):
    """Return the quantile of a two-sided interval; normal for infinite degrees of freedom."""
    return float(t.ppf(0.5 + confidence_level / 2, freedom))


def two_sided(statistic, freedom):
    """Return two-sided p-values."""
    return 2 * t.sf(np.abs(statistic), freedom)
