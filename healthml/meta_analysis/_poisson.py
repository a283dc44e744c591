"""Observed over expected events of several sites in one model, sites without events included."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import chi2

from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.meta_analysis._heterogeneity import critical
from healthml.meta_analysis._options import FEW, FEWEST

__all__ = ["PoissonMetaResult", "pool_events"]

_LARGEST = 100.0  # variance of log O:E at which the search ends: sites e^20 apart, beyond any data


@dataclass(frozen=True, repr=False)
class PoissonMetaResult(Result):
    """Pooled ratio of observed to expected events; made by `pool_events`.

    Parameters
    ----------
    table : pandas.DataFrame
        kind ("pooled", "prediction"), estimate, lower, upper, n_studies, n_events, expected,
        method.
    log_estimate, standard_error : float
        Mean log ratio and its standard error.
    tau2 : float
        Between-site variance of the log ratio.
    log_likelihood : float
        At the maximum.
    confidence_level : float
        Level of both intervals.
    note : str
        What weakens the answer.
    """

    log_estimate: float = np.nan
    standard_error: float = np.nan
    tau2: float = np.nan
    log_likelihood: float = np.nan
    confidence_level: float = 0.95
    note: str = ""

    def plot(self, ax=None, **kwargs):
        """Draw the pooled ratio and the prediction interval; returns the matplotlib axes."""
        from healthml._core._displays import draw_forest

        table = self._drawn().assign(study=["pooled", "a new site"], reason="", weight=np.nan)
        options = {"confidence_level": self.confidence_level, "ideal": 1.0, "log": True, **kwargs}
        return draw_forest(table, ax=ax, **options)


def pool_events(observed, expected, *, confidence_level=0.95) -> PoissonMetaResult:
    """Pool observed and expected events of sites whose true ratios differ.

    A Poisson model with a normal site effect, fitted in one stage. A site without events, which
    has no log ratio of its own, takes part as it is.

    Parameters
    ----------
    observed : array-like of int, shape (n_sites,)
        Events that happened.
    expected : array-like of float, shape (n_sites,)
        Sum of the predicted risks, above 0.
    confidence_level : float, default=0.95
        Level of the intervals: of the mean from the profile likelihood, of a new site with k - 2
        degrees of freedom.

    Returns
    -------
    PoissonMetaResult

    Raises
    ------
    InputError
        With fewer than 3 sites, no event at all, or numbers that are no counts.

    See Also
    --------
    random_effects : Pool estimates of several studies (sites) whose true values differ.
    healthml.validation.internal_external : Predict every site by a model refitted without it, and
        pool what was found.

    Notes
    -----
    The site effects are integrated out by Laplace's approximation, as ``glmer`` of R's lme4 does.

    References
    ----------
    .. [1] Debray TPA, et al. A framework for meta-analysis of prediction model studies with binary
       and time-to-event outcomes. Stat Methods Med Res. 2019;28:2768-2786.

    Examples
    --------
    >>> from healthml.meta_analysis import pool_events
    >>> pooled = pool_events([12, 30, 0, 25, 41], [10.2, 22.1, 1.5, 30.3, 33.0])
    >>> pooled.to_frame()[["estimate", "lower", "upper"]].round(2).values.tolist()
    [[1.11, 0.82, 1.4], [1.11, 0.74, 1.67]]
    """
    level = check_confidence_level(confidence_level)
    events = _Events(*_check_counts(observed, expected))
    mean = events.best_mean()
    tau2 = events.best_variance(mean)
    top, error = events.log_likelihood(mean, tau2), events.standard_error(mean)
    step = critical(level, len(events.observed) - 2) * np.sqrt(tau2 + error**2)
    ends = {"pooled": events.profile(mean, top, level), "prediction": (mean - step, mean + step)}
    columns = {
        "n_studies": len(events.observed),
        "n_events": int(events.observed.sum()),
        "expected": float(events.expected.sum()),
        "method": "one-stage Poisson",
    }
    rows = [
        {"kind": kind, "estimate": np.exp(mean), "lower": np.exp(low), "upper": np.exp(high)}
        for kind, (low, high) in ends.items()
    ]
    note = "" if len(events.observed) >= FEW else f"Only {len(events.observed)} sites."
    return PoissonMetaResult(
        pd.DataFrame(rows).assign(**columns), mean, error, tau2, top, level, note
    )


@dataclass(frozen=True)
class _Events:
    """Counts of sites and the Laplace likelihood of their mean log ratio and its variance."""

    observed: np.ndarray
    expected: np.ndarray

    def effects(self, mean, tau2):
        """Return each site's most likely effect and the events expected with it."""
        base, effect = self.expected * np.exp(mean), np.zeros(len(self.observed))
        if tau2 == 0:
            return effect, base
        effect = np.minimum(0.0, np.log((self.observed + 0.5) / base))
        for _ in range(200):
            hat = base * np.exp(effect)
            step = (self.observed - hat - effect / tau2) / (hat + 1 / tau2)
            effect = effect + np.clip(step, -1, 1)
            if np.abs(step).max() < 1e-14 * (1 + np.abs(effect).max()):
                break
        return effect, base * np.exp(effect)

    def log_likelihood(self, mean, tau2):
        """Return the log-likelihood with the site effects integrated out."""
        effect, hat = self.effects(mean, tau2)
        value = self.observed * np.log(hat) - hat - gammaln(self.observed + 1)
        if tau2 > 0:
            value = value - effect**2 / (2 * tau2)
        return float((value - np.log1p(tau2 * hat) / 2).sum())

    def slope_by_variance(self, mean, tau2):
        """Return the derivative of the log-likelihood by the variance."""
        effect, hat = self.effects(mean, tau2)
        inner = hat * (1 + effect / (1 + tau2 * hat)) / (1 + tau2 * hat)
        return float(((self.observed - hat) ** 2 - inner).sum() / 2)

    def slope_by_mean(self, mean):
        """Return the derivative of the profile likelihood of the mean."""
        tau2 = self.best_variance(mean)
        hat = self.effects(mean, tau2)[1]
        return float((self.observed - hat - tau2 * hat / (2 * (1 + tau2 * hat) ** 2)).sum())

    def best_variance(self, mean):
        """Return the most likely variance at a mean, which may be 0."""
        grid = np.r_[0.0, np.geomspace(1e-6, _LARGEST, 49)]
        best = int(np.argmax([self.log_likelihood(mean, tau2) for tau2 in grid]))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
        ends = [self.slope_by_variance(mean, end) for end in (low, high)]
        if not ends[0] > 0 > ends[1]:
            return 0.0
        slope = lambda tau2: self.slope_by_variance(mean, tau2)  # noqa: E731
        return brentq(slope, low, high, xtol=1e-13, rtol=1e-12)

    def best_mean(self):
        """Return the most likely mean."""
        start = float(np.log(self.observed.sum() / self.expected.sum()))
        reach = 0.5
        while self.slope_by_mean(start - reach) < 0 or self.slope_by_mean(start + reach) > 0:
            reach *= 2
        return brentq(self.slope_by_mean, start - reach, start + reach, xtol=1e-12)

    def standard_error(self, mean):
        """Return the standard error of the mean from the curvature of its profile likelihood."""
        step = 1e-4
        fall = self.slope_by_mean(mean - step) - self.slope_by_mean(mean + step)
        return float(np.sqrt(2 * step / fall)) if fall > 0 else np.nan

    def profile(self, mean, top, level):
        """Return the ends between which the profile likelihood is not too far below its top."""
        floor = top - chi2.ppf(level, 1) / 2
        height = lambda m: self.log_likelihood(m, self.best_variance(m)) - floor  # noqa: E731
        ends = []
        for side in (-1, 1):
            reach = 0.25
            while height(mean + side * reach) > 0:
                reach *= 2
            ends.append(brentq(height, *sorted((mean, mean + side * reach)), xtol=1e-10))
        return tuple(ends)


def _check_counts(observed, expected):
    observed, expected = (np.array(v, dtype=float, ndmin=1) for v in (observed, expected))
    if observed.shape != expected.shape or observed.ndim != 1:
        raise InputError("observed and expected differ in length; pass one of each a site.")
    if len(observed) < FEWEST:
        raise InputError(f"{len(observed)} sites; at least {FEWEST} are needed to pool them.")
    counts = np.isfinite(observed) & (observed >= 0) & (observed == np.floor(observed))
    for name, good in (("observed", counts), ("expected", (expected > 0) & (expected < np.inf))):
        if not good.all():
            what = "whole numbers of 0 or more" if name == "observed" else "above 0"
            raise InputError(
                f"{name} has {(~good).sum()} values that are not {what}, the first at position "
                f"{np.flatnonzero(~good)[0]}; count again."
            )
    if not observed.any():
        raise InputError("observed has no event at any site; a ratio cannot be pooled.")
    return observed, expected
