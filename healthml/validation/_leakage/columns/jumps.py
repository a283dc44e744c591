"""Stretches of a column in which everybody, or nobody, had the event: more than a risk can do."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit
from scipy.stats import norm, rankdata

# Share of rows in a stretch that may break the rule: late entries and slips of the record exist.
# A larger share takes steep honest risks for jumps; chosen by judgement, not by simulation.
EXCEPTIONS = 0.10
# What a row counts that keeps the rule, and one that breaks it, is their likelihood under a rate of
# `1 - SLIP` against that of the smooth risk.
SLIP = 0.03
# Log-likelihood ratio that a stretch must reach. Chance passes log(n^2 / 2) + log(1 / 0.001), about
# 21 for 1,000 rows, once in 1,000 columns by the union bound; the rest allows for the smooth risk
# being estimated. tests/simulation/leak_kinds.py counts false alarms and misses at this value.
JUMP = 25.0
# Just outside the stretch the smooth risk must leave at least this share of exceptions: a risk that
# rises steeply to 1 is no jump.
STEP = 0.15
# Log-likelihood that a step at the ends of the stretch must add to the smooth risk of all rows. In
# 15 x 12 steep, skewed and U-shaped honest risks of 500 to 6,000 rows it added 6.7 at most; in
# follow-up times of 800 rows 11 to 18 (one of 13: 6). Lower values take steep risks for jumps.
STEP_GAIN = 8.0
# A value held by more than this share of the rows is a level (a score of zero, "never"), which may
# be nearly safe for honest reasons; it counts for no stretch.
LEVEL_SHARE = 0.05
FEWEST_VALUES = 5  # different values in a stretch
# Known rows below which no column is looked at, and bins outside a stretch below which no smooth
# risk is estimated there. By judgement, not by simulation; fewer let chance show a jump.
_FEWEST_ROWS, _FEWEST_BINS = 50, 5
# Rows just beside a stretch that show the risk there: as many as are wanted at least, and the
# fewest that count. By judgement, not by simulation; fewer let chance show a jump.
_ROWS_BESIDE, _FEWEST_BESIDE = 25, 10
_MOST_BINS = 400  # of the values, so that the time does not depend on the number of rows
_KNOTS = (-1.5, -0.5, 0.5, 1.5)  # of the natural spline, on the scale of normal scores
_OUTSIDE = 0.05  # share of the rows beside a stretch that show the risk there
_RIDGE = 1e-2  # on the spline, so that a separated one stays finite
_LONGEST = 5.0  # largest step of a coefficient, so that Newton's method does not jump away


@dataclass(frozen=True)
class Jump:
    """A stretch in which the event always, or never, happens.

    Parameters
    ----------
    event : bool
        Whether everybody, or nobody, has it.
    rows : ndarray of bool
        Rows of the stretch.
    expected : float
        Share with the event that the smooth risk beside the stretch lets expect there.
    score : float
        Log-likelihood ratio against the smooth risk.
    """

    event: bool
    rows: np.ndarray
    expected: float
    score: float


def find_jump(values, y, weight=None):
    """Find the stretch of a column of numbers that a smooth risk explains least.

    The risk is a natural cubic spline of the column's normal scores, fitted without the stretch
    and carried into it; just beside the stretch the observed risk stands for it where that is
    closer. Values that many rows share take no part.

    Parameters
    ----------
    values : ndarray of shape (n,)
        The column; missing values are NaN.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    weight : ndarray of shape (n,), optional
        How many independent rows each one counts for; one by default.

    Returns
    -------
    Jump or None
        None where every stretch is explained.
    """
    table = _Bins.of(values, y, np.ones(len(y)) if weight is None else weight)
    if table is None:
        return None
    jumps = [table.jump(event) for event in (1, 0)]
    known = [jump for jump in jumps if jump is not None]
    return max(known, key=lambda jump: jump.score, default=None)


@dataclass(frozen=True)
class _Bins:
    """Rows and events, by weight, of each value or of each of many narrow bins."""

    n: np.ndarray
    events: np.ndarray
    basis: np.ndarray
    counts: np.ndarray  # whether the bin counts for a stretch
    values: np.ndarray  # different values in each bin
    code: np.ndarray  # bin of each row, -1 if missing
    held: float  # rows in one bin above which it is a level

    @classmethod
    def of(cls, values, y, weight):
        seen = np.isfinite(values)
        level, inverse, size = np.unique(values[seen], return_inverse=True, return_counts=True)
        if (
            len(level) < 2 * FEWEST_VALUES
            or weight[seen].sum() < _FEWEST_ROWS
            or not 0 < y[seen].mean() < 1
        ):
            return None
        held = LEVEL_SHARE * seen.sum()
        narrow = np.maximum(np.ceil(seen.sum() / _MOST_BINS), 1)
        # bins hold whole values: each starts where the rows before it fill another narrow share
        start = np.cumsum(size) - size
        edge = np.unique(start // narrow, return_inverse=True)[1]
        code = np.full(len(values), -1)
        code[seen] = edge[inverse]
        n_bins = edge[-1] + 1
        n = np.bincount(code[seen], weight[seen], minlength=n_bins)
        events = np.bincount(code[seen], weight[seen] * y[seen], minlength=n_bins)
        n_rows = np.bincount(code[seen], minlength=n_bins)
        rank = np.bincount(code[seen], rankdata(values[seen]), minlength=n_bins) / n_rows
        score = norm.ppf((rank - 0.5) / seen.sum())
        largest = np.zeros(n_bins)
        np.maximum.at(largest, edge, size)
        distinct = np.bincount(edge, minlength=n_bins)
        return cls(n, events, _natural_spline(score), largest <= held, distinct, code, held)

    def jump(self, event):
        """Return the stretch with the highest score for one outcome, scored without itself."""
        kept = self.events if event else self.n - self.events
        stretches = (self._jump(event, kept, risk) for risk in self._starts(event, kept))
        return max((j for j in stretches if j), key=lambda j: j.score, default=None)

    def _starts(self, event, kept):
        """Yield risks against which stretches are sought: none, and a smooth one.

        The smooth one has bent into a stretch at the end of the column; the flat one has not, but
        misses a stretch in the middle of a steep risk.
        """
        yield np.full(len(self.n), kept.sum() / self.n.sum())
        yield self.whole if event else 1 - self.whole

    def _jump(self, event, kept, start):
        """Return the stretch that stands out most from a risk, scored by the rows outside it.

        What costs no fit is asked first: most columns hold no such stretch.
        """
        stretch = self._best(kept, start)
        if stretch is None:
            return None
        counted = stretch & self.counts
        share = kept[counted].sum() / max(self.n[counted].sum(), 1)
        if share < 1 - EXCEPTIONS or self.values[counted].sum() < FEWEST_VALUES:
            return None
        nearest = self._nearest(kept, stretch)
        if kept[counted].sum() * np.log((1 - SLIP) / np.clip(nearest, SLIP, 1 - SLIP)) < JUMP:
            return None  # rows that break the rule can only lower the score
        risk = np.maximum(self._outside(event, stretch), nearest)
        score = _score(kept, self.n, risk)[counted].sum()
        expected = float(np.average(risk[counted], weights=self.n[counted])) if counted.any() else 1
        if expected > 1 - STEP or score < JUMP:
            return None
        if self._step_gain(stretch) < STEP_GAIN:
            return None
        rows = (self.code >= 0) & stretch[self.code]
        return Jump(bool(event), rows, expected if event else 1 - expected, float(score))

    def _best(self, kept, risk):
        """Return the run of bins with the largest sum of scores (Kadane)."""
        gain = np.where(self.counts, _score(kept, self.n, risk), 0.0)
        total = np.concatenate([[0.0], np.cumsum(gain)])
        lowest = np.minimum.accumulate(total)
        end = int(np.argmax(total - lowest))
        if total[end] - lowest[end] <= 0:
            return None
        start = int(np.flatnonzero(total[: end + 1] == lowest[end])[-1])
        run = np.zeros(len(self.n), dtype=bool)
        run[start:end] = True
        return run

    def _risk(self, event, use):
        """Return the smooth chance of the outcome, fitted on some bins and carried to all."""
        kept = self.events if event else self.n - self.events
        coef = _fit_logistic(self.smooth[use], kept[use], self.n[use])
        return expit(self.smooth @ coef)

    @cached_property
    def whole(self):
        """The smooth risk of the event, fitted on all rows."""
        return self._risk(1, np.ones(len(self.n), dtype=bool))

    @cached_property
    def smooth(self):
        """The spline, and an indicator of each value that many rows share."""
        levels = np.flatnonzero(~self.counts)
        return np.column_stack([self.basis, *(np.eye(len(self.n))[k] for k in levels)])

    def _step_gain(self, stretch):
        """Return the log-likelihood that a step around the stretch adds to the smooth risk."""
        with_step = np.column_stack([self.smooth, stretch])
        return self._log_likelihood(with_step) - self._log_likelihood(self.smooth)

    def _log_likelihood(self, basis):
        risk = expit(basis @ _fit_logistic(basis, self.events, self.n))
        risk = np.clip(risk, 1e-9, 1 - 1e-9)
        return float(self.events @ np.log(risk) + (self.n - self.events) @ np.log1p(-risk))

    def _outside(self, event, stretch):
        """Return the smooth risk by the rows outside the stretch, carried into it."""
        if (~stretch).sum() < _FEWEST_BINS:
            return np.full(len(self.n), 1.0)
        return self._risk(event, ~stretch)

    def _nearest(self, kept, stretch):
        """Return the chance of the outcome among the rows just beside the stretch."""
        inside = np.flatnonzero(stretch)
        wanted = max(_OUTSIDE * self.n.sum(), _ROWS_BESIDE)
        nearest = []
        for bins in (np.arange(inside[0])[::-1], np.arange(inside[-1] + 1, len(self.n))):
            bins = bins[self.counts[bins]]
            reach = bins[: int(np.searchsorted(np.cumsum(self.n[bins]), wanted)) + 1]
            if self.n[reach].sum() >= _FEWEST_BESIDE:
                nearest.append(kept[reach].sum() / self.n[reach].sum())
        return max(nearest, default=1.0)


def _score(kept, n, risk):
    """Return the log-likelihood ratio of a rate of `1 - SLIP` against a risk, per bin."""
    risk = np.clip(risk, SLIP, 1 - SLIP)
    return kept * np.log((1 - SLIP) / risk) + (n - kept) * np.log(SLIP / (1 - risk))


def _natural_spline(x):
    """Return the basis of a natural cubic spline, linear beyond the outer knots."""
    knots = np.asarray(_KNOTS)

    def cubic(k):
        high = np.maximum(x - knots[k], 0) ** 3 - np.maximum(x - knots[-1], 0) ** 3
        return high / (knots[-1] - knots[k])

    curved = [cubic(k) - cubic(len(knots) - 2) for k in range(len(knots) - 2)]
    return np.column_stack([np.ones(len(x)), x, *curved])


def _fit_logistic(basis, kept, n, steps=50):
    """Return the coefficients of a logistic regression on grouped rows, by Newton's method."""
    coef = np.zeros(basis.shape[1])
    share = np.clip(kept.sum() / n.sum(), 1e-3, 1 - 1e-3)
    coef[0] = np.log(share / (1 - share))
    penalty = np.full(len(coef), _RIDGE)
    penalty[0] = 0.0
    for _ in range(steps):
        risk = expit(np.clip(basis @ coef, -30, 30))
        gradient = basis.T @ (kept - n * risk) - penalty * coef
        curvature = (basis * (n * risk * (1 - risk))[:, None]).T @ basis
        step = np.linalg.solve(curvature + np.diag(penalty + 1e-9), gradient)
        step *= min(1.0, _LONGEST / max(np.abs(step).max(), 1e-12))
        coef += step
        if np.abs(step).max() < 1e-6:
            break
    return coef
