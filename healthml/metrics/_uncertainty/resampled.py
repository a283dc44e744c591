"""Measures whose interval needs resampling, computed from counts so that a resample is cheap.

Rows of equal risk are gathered once. A resample is then a new count of events and non-events at
each risk, and areas, calibration errors and costs follow from these counts alone. Above 5,000
distinct risks neighbours are gathered (4,000 cells; 800 for curves); the interval is then moved by
the small difference that this makes to the estimate.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.stats import norm
from sklearn.utils import check_random_state

from healthml._core._bootstrap import bootstrap
from healthml._core._inputs import log_odds, quantile_of_sorted
from healthml._core._numerics import fit_logistic
from healthml._core._recalibration import fit_slope
from healthml._core._sample import Counts
from healthml.exceptions import OutcomeError
from healthml.metrics._measures import (
    auprc_of,
    auroc_of,
    average_precision_of,
    errors_of,
    fit_smooth,
    lowest_cost_of,
    nagelkerke_of,
    partial_auroc_of,
)
from healthml.metrics._smoothers import (
    Cells,
    LocalRegression,
    merged_cells,
    scaled_kernel,
)

SMOOTH = ("eci", "ici", "e50", "e90", "emax")
BOUNDED = (*SMOOTH, "ece")
COSTS = ("expected_cost", "expected_cost_threshold")
RECALIBRATED = (
    "calibration_in_the_large",
    "calibration_intercept",
    "calibration_slope",
    "nagelkerke_r2_recalibrated",
)
IRREGULAR = ("expected_cost_threshold",)
OF_COUNTS = {
    "auroc": auroc_of,
    "auprc": auprc_of,
    "average_precision": average_precision_of,
    "partial_auroc": partial_auroc_of,
}
RANKED = tuple(name for name in OF_COUNTS if name != "auroc")  # DeLong's way is closer for it
RESAMPLED = (*BOUNDED, *RANKED, *COSTS)
# How finely resampled measures see the risks, chosen by judgement between time and digits. The
# estimate itself is always exact; fewer cells make the ends of intervals coarser.
_MOST_EVALUATED = 100  # risks at which a smooth curve is evaluated in each resample
_MOST_SINGLE = 5_000  # distinct risks up to which ranking measures keep each apart
_RANKED_CELLS = 2_000  # cells that they are merged to above it
_SMOOTHED_CELLS = 400  # cells for smoothers, whose curves are wider than a cell


@dataclass(frozen=True)
class CountStatistic:
    """The resampled measures of a sample, as a function of row positions."""

    cell: np.ndarray
    weight: np.ndarray | None
    risk: np.ndarray
    names: tuple
    smoother: object = None
    merged: np.ndarray | None = None
    merged_risk: np.ndarray | None = None
    n_bins: int = 10
    cost_ratio: float | None = None

    def __call__(self, rows):
        """Return the measures on some rows (with repeats)."""
        weight = None if self.weight is None else self.weight[rows]
        counts = np.bincount(self.cell[rows], weight, 2 * len(self.risk)).astype(float)
        return self.of_counts(counts[0::2], counts[1::2])

    def of_counts(self, others, events):
        """Return the measures from weights of non-events and events at each risk, rising."""
        if not others.any() or not events.any():
            raise OutcomeError("the resample has one class of outcome only")
        values = {**self._ranked(others, events), **self._recalibrated(others, events)}
        if self.merged is not None:
            others = np.bincount(self.merged, others, len(self.merged_risk))
            events = np.bincount(self.merged, events, len(self.merged_risk))
        values.update(self._errors(others + events, events))
        return {name: values[name] for name in self.names}

    def _ranked(self, others, events):
        if not any(name in OF_COUNTS or name in COSTS for name in self.names):
            return {}
        kept = others + events > 0
        tp, fp = np.cumsum(events[kept][::-1]), np.cumsum(others[kept][::-1])
        counts = Counts(self.risk[kept][::-1], tp, fp)
        values = {name: f(counts) for name, f in OF_COUNTS.items() if name in self.names}
        if "expected_cost" in self.names:
            values["expected_cost"] = lowest_cost_of(counts, self.cost_ratio)[0]
        return values

    def _recalibrated(self, others, events):
        """Return the logistic calibration models, each distinct risk as one binomial row."""
        if not set(RECALIBRATED) & set(self.names):
            return {}
        kept = others + events > 0
        events, total = events[kept], (others + events)[kept]
        logit, share, values = log_odds(self.risk[kept]), events / total, {}
        if "calibration_in_the_large" in self.names:
            fit = fit_logistic(None, share, offset=logit, weight=total)
            values["calibration_in_the_large"] = fit.coef[0]
        if set(RECALIBRATED[1:]) & set(self.names):
            fit = fit_slope(share, logit, total)
            values["calibration_intercept"], values["calibration_slope"] = fit.coef
            means = fit.log_likelihood / total.sum(), events.sum() / total.sum()
            values["nagelkerke_r2_recalibrated"] = nagelkerke_of(means)
        return values

    def _errors(self, total, events):
        risk = self.merged_risk if self.merged_risk is not None else self.risk
        values = {}
        if self.smoother is not None:
            height = self.smoother.heights(total, events)
            values.update(errors_of(risk, height, total, events.sum() / total.sum()))
        if "ece" in self.names:
            values["ece"] = grouped_error(risk, total, events, self.n_bins)
        return values


def grouped_error(risk, total, events, n_bins):
    """ECE from counts at rising risks."""
    inner = np.unique(quantile_of_sorted(risk, np.arange(1, n_bins) / n_bins, total))
    gap = np.bincount(np.searchsorted(inner, risk, side="left"), events - total * risk)
    return float(np.abs(gap).sum() / total.sum())


@dataclass(frozen=True)
class LoessOnCells:
    """Loess with the windows of the whole sample, refitted to new counts by matrix products."""

    kernels: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, cells):
        """Prepare the kernels at up to 100 risks."""
        at = cells.risk
        if len(at) > _MOST_EVALUATED:
            upto = np.cumsum(cells.weight) / cells.weight.sum()
            half = _MOST_EVALUATED // 2
            at = np.r_[
                np.interp(np.linspace(0, 1, half), upto, at), np.linspace(*at[[0, -1]], half)
            ]
            at = np.unique(np.r_[cells.risk[[0, -1]], at])
            at = at[np.r_[True, np.diff(at) > 1e-9]]
        distance, kernel = scaled_kernel(cells.risk, at, LocalRegression(cells).bandwidth(at))
        kernels = np.stack([kernel * distance**j for j in range(5)])
        if len(at) == len(cells.risk):
            return cls(kernels, np.eye(len(at)))
        return cls(kernels, CubicSpline(at, np.eye(len(at)))(cells.risk))

    def heights(self, total, events):
        """Height of the curve at every cell."""
        s, t = self.kernels @ total, self.kernels[:3] @ events
        return self.spread @ _intercepts(s, t)


def _intercepts(s, t):
    """Intercept of the local quadratic from its moments; a local mean where it is undetermined."""
    minor0, minor1, minor2 = (
        s[2] * s[4] - s[3] ** 2,
        s[1] * s[4] - s[2] * s[3],
        s[1] * s[3] - s[2] ** 2,
    )
    determinant = s[0] * minor0 - s[1] * minor1 + s[2] * minor2
    sound = determinant > 1e-9 * s[0] * s[2] * s[4]
    safe = np.where(sound, determinant, 1.0)
    height = (t[0] * minor0 - t[1] * minor1 + t[2] * minor2) / safe
    return np.where(sound, height, t[0] / np.maximum(s[0], np.finfo(float).tiny))


@dataclass(frozen=True)
class RefittedOnCells:
    """Any other smoother, refitted to the counts."""

    risk: np.ndarray
    smooth: str
    n_knots: int

    def heights(self, total, events):
        """Height of the curve at every cell."""
        event = np.repeat([0.0, 1.0], len(self.risk))
        risk, weight = np.tile(self.risk, 2), np.r_[total - events, events]
        kept = weight > 0
        fit = fit_smooth(event[kept], risk[kept], weight[kept], self.smooth, self.n_knots)
        return fit.estimate(self.risk)


def count_statistic(sample, names, *, smooth="loess", n_knots=5, n_bins=10, cost_ratio=None):
    """Prepare the resampled measures of a sample."""
    risk, row = np.unique(sample.proba, return_inverse=True)
    weights = np.bincount(row, sample.weight, len(risk))
    nothing = np.zeros(len(risk))
    ranked = Cells(risk, weights, nothing, np.arange(len(risk)))
    if len(risk) > _MOST_SINGLE:
        ranked = merged_cells(ranked, _RANKED_CELLS)
    cell = 2 * ranked.row[row] + sample.event.astype(np.intp)
    ordered = Cells(ranked.risk, ranked.weight, ranked.events, np.arange(len(ranked.risk)))
    few = merged_cells(ordered, _SMOOTHED_CELLS)
    smoother = None
    if any(name in SMOOTH for name in names):
        loess = smooth == "loess"
        smoother = LoessOnCells.of(few) if loess else RefittedOnCells(few.risk, smooth, n_knots)
    merged = (None, None) if few is ordered else (few.row, few.risk)
    return CountStatistic(
        cell, sample.row_weight, ranked.risk, tuple(names), smoother, *merged, n_bins, cost_ratio
    )


def resample(statistic, sample, *, resamples, level, n_jobs=None, verbose=0, random_state=None):
    """Bootstrap the prepared measures, whole patients where the sample has them.

    Frequency weights are rows: a resample draws as many rows as they stand for.
    """
    n, groups, given = len(sample.event), sample.groups, statistic
    if sample.weight_type == "frequency":
        rows = np.repeat(np.arange(n), sample.weight.astype(np.intp))
        given, n = _OneEach(statistic, rows), len(rows)
    return bootstrap(
        given,
        n_samples=n,
        groups=groups,
        resamples=resamples,
        confidence_level=level,
        n_jobs=n_jobs,
        verbose=verbose,
        random_state=random_state,
    )


@dataclass(frozen=True)
class _OneEach:
    """A statistic of rows written out as often as their frequency weight says."""

    statistic: CountStatistic
    rows: np.ndarray

    def __call__(self, positions):
        made = self.statistic
        counts = np.bincount(made.cell[self.rows[positions]], minlength=2 * len(made.risk))
        counts = counts.astype(float)
        return made.of_counts(counts[0::2], counts[1::2])


def under_perfect_calibration(statistic, sample, *, draws=1000, random_state=None):
    """Values of the bounded measures in samples where every risk is right, by name.

    Outcomes are drawn from the risks, independently of each other.
    """
    random = check_random_state(random_state)
    names = [name for name in statistic.names if name in BOUNDED]
    risk = statistic.risk if statistic.merged is None else statistic.merged_risk
    cell = statistic.cell // 2
    cell = cell if statistic.merged is None else statistic.merged[cell]
    total = np.bincount(cell, sample.weight, len(risk))
    rows = np.empty((draws, len(names)))
    for number in range(draws):
        events = _drawn_events(random, sample, cell, risk, total)
        values = statistic._errors(total, events)
        rows[number] = [values[name] for name in names]
    return dict(zip(names, rows.T, strict=True))


def bounded_interval(estimate, centre, draws, null, level):
    """Interval of a measure that cannot be below 0 and is above 0 in any sample.

    `centre` is the estimate that the draws belong to. The lower end takes the upward bias back as
    the basic bootstrap does, or is the normal one where that is lower, and is 0 unless the estimate
    is beyond what perfect calibration gives; the upper end is the largest of the basic, the normal
    and the percentile one.
    """
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail]) - centre
    step = norm.ppf(1 - tail) * np.std(draws, ddof=1)
    beyond = estimate > np.quantile(null, 1 - tail)
    lower = max(estimate - max(high, step), 0.0) if beyond else 0.0
    return float(lower), float(estimate + max(-low, step, high))


def lowest_cost_interval(estimate, centre, draws, level):
    """Return the interval of a lowest cost, too low in its own data and more so in resamples.

    The bootstrap finds about half of that bias, so the interval still holds too seldom.
    """
    step = norm.ppf(0.5 + level / 2) * np.std(draws, ddof=1)
    middle = estimate - (np.mean(draws) - centre)
    return float(max(middle - step, 0.0)), float(middle + step)


def _drawn_events(random, sample, cell, risk, total):
    if sample.frequency:
        return random.binomial(total.astype(np.intp), risk).astype(float)
    outcome = random.random_sample(len(sample.proba)) < sample.proba
    return np.bincount(cell, sample.weight * outcome, len(risk))
