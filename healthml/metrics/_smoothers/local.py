"""Local regression on one column: loess as R computes it, and Cleveland's lowess."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline

from healthml.exceptions import InputError

MOST_EXACT = 5_000
"""Up to this many distinct risks every one gets its own local regression.

Time grows with its square; above it a grid is used, and the result says how
far the grid is from the local regressions at some probes.
"""
# Share of the range by which the cells reach beyond the outermost risks, as those of R's loess do.
_MARGIN = 0.005
# Spread of the risks in a window, as a share of all, below which no slope is fitted: it would
# follow rounding. Chosen by judgement; larger flattens steep ends of the curve.
_NARROW = 0.001
_GRID = 300  # risks of that grid: chosen by judgement; the printed error shows whether it is enough
_CELLS = 1_000  # neighbouring risks are merged to so many before resampling; only speed gains
_PROBES = 20  # risks at which the grid is compared with the local regression itself
_CHUNK = 200_000  # weights held in memory at a time; only memory and speed depend on it


@dataclass(frozen=True)
class Cells:
    """Distinct risks in rising order with their summed weights and weighted events."""

    risk: np.ndarray
    weight: np.ndarray
    events: np.ndarray
    row: np.ndarray
    """For each row of the data, the position of its cell."""


def distinct_cells(event, proba, weight):
    """Gather rows of equal risk."""
    risk, row = np.unique(proba, return_inverse=True)
    weights = np.bincount(row, weight, len(risk))
    return Cells(risk, weights, np.bincount(row, weight * event, len(risk)), row)


def merged_cells(cells, n_cells=_CELLS):
    """Gather neighbouring risks into at most 2 x n_cells narrow cells, by count and by width."""
    if len(cells.risk) <= n_cells:
        return cells
    share = (np.cumsum(cells.weight) - cells.weight / 2) / cells.weight.sum()
    width = (cells.risk - cells.risk[0]) / np.ptp(cells.risk)
    code = np.floor(share * n_cells) * (n_cells + 1) + np.floor(width * n_cells)
    cell = np.r_[0, np.cumsum(np.diff(code) != 0)]
    weight = np.bincount(cell, cells.weight)
    total = np.maximum(weight, np.finfo(float).tiny)
    risk = np.bincount(cell, cells.weight * cells.risk) / total
    middle = np.bincount(cell, cells.risk) / np.bincount(cell)
    risk = np.where(weight > 0, risk, middle)
    return Cells(risk, weight, np.bincount(cell, cells.events), cell[cells.row])


@dataclass(frozen=True)
class LocalRegression:
    """Weighted polynomial regression in a moving window that holds a share of the rows."""

    cells: Cells
    span: float = 0.75
    degree: int = 2

    def bandwidth(self, at):
        """Distance from each point to the edge of the window that holds `span` of the weight."""
        x, weight = self.cells.risk, self.cells.weight
        x, weight = x[weight > 0], weight[weight > 0]
        needed = self.span * weight.sum()
        if np.array_equal(weight, np.floor(weight)):
            needed = max(np.floor(needed + 1e-5), 1)
        upto = np.cumsum(weight)
        last = np.searchsorted(upto, (upto - weight + needed) * (1 - 1e-12))
        first = np.arange(np.searchsorted(last, len(x)))
        last = last[first]
        place = np.searchsorted(x[first] + x[last], 2 * at)
        options = [np.clip(place + shift, 0, len(first) - 1) for shift in (-1, 0)]
        reach = [np.maximum(at - x[first[i]], x[last[i]] - at) for i in options]
        return np.minimum(*reach)

    def operator(self, at):
        """Yield (positions in `at`, matrix L) so that the curve at these points is L @ events."""
        width = self.bandwidth(at)
        step = max(1, _CHUNK // len(self.cells.risk))
        for begin in range(0, len(at), step):
            part = slice(begin, begin + step)
            yield part, self._rows(at[part], width[part])

    def estimate(self, at):
        """Height of the curve at some risks."""
        height = np.empty(len(at))
        for part, rows in self.operator(at):
            height[part] = rows @ self.cells.events
        return height

    def line(self, at):
        """Height and slope of the local polynomial at some risks."""
        width = self.bandwidth(at)
        rows = self._rows(at, width, derivatives=(0, 1))
        return rows[0] @ self.cells.events, rows[1] @ self.cells.events / width

    def _rows(self, at, width, derivatives=None):
        distance, kernel = scaled_kernel(self.cells.risk, at, width)
        powers = [np.ones(1), distance, distance**2][: self.degree + 1]
        weighted = kernel * self.cells.weight
        moments = [weighted.sum(axis=1)]
        for _ in range(2 * self.degree):
            weighted *= distance
            moments.append(weighted.sum(axis=1))
        index = np.add.outer(range(self.degree + 1), range(self.degree + 1))
        inverse = _pseudo_inverse(np.stack(moments, axis=1)[:, index])
        rows = [
            kernel * sum(inverse[:, d, j, None] * powers[j] for j in range(self.degree + 1))
            for d in derivatives or (0,)
        ]
        return rows if derivatives else rows[0]


def scaled_kernel(x, at, width):
    """Return distances in units of the window's half width, and tricube weights."""
    width = np.where(width > 0, width, np.finfo(float).tiny)
    distance = (x[None, :] - at[:, None]) / width[:, None]
    inside = np.abs(distance) < 1
    distance = np.where(inside, distance, 0.0)
    near = 1 - np.abs(distance) ** 3
    return distance, near * near * near * inside


def _pseudo_inverse(gram):
    """Pseudo-inverse of each matrix, its columns brought to one length before."""
    scale = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(scale > 0, scale, 1.0)
    values, vectors = np.linalg.eigh(gram / scale[:, :, None] / scale[:, None, :])
    kept = values > 1e-12 * values[:, -1:]
    inverse = np.where(kept, 1 / np.where(kept, values, 1.0), 0.0)
    whole = np.einsum("gik,gk,gjk->gij", vectors, inverse, vectors)
    return whole / scale[:, :, None] / scale[:, None, :]


@dataclass(frozen=True)
class LocalFit:
    """A local regression ready to be read at any risk, exactly or from a named grid."""

    regression: LocalRegression
    method: str
    spline: CubicSpline | CubicHermiteSpline | None = None

    def estimate(self, at):
        """Height of the curve at some risks."""
        return self.regression.estimate(at) if self.spline is None else self.spline(at)


def loess(event, proba, weight):
    """Fit R's loess (span 0.75, degree 2, surface "direct"); above 5,000 distinct risks a grid."""
    cells = distinct_cells(event, proba, weight)
    exact = LocalRegression(cells)
    if len(cells.risk) <= MOST_EXACT:
        return LocalFit(exact, "loess, exact at every risk")
    gathered = LocalRegression(merged_cells(cells))
    grid = _grid(gathered.cells, cells.risk[[0, -1]])
    spline = CubicSpline(grid, gathered.estimate(grid))
    probes = cells.risk[np.linspace(0, len(cells.risk) - 1, _PROBES).astype(int)]
    error = np.abs(exact.estimate(probes) - spline(probes)).max()
    method = f"loess, grid of {len(grid)} risks, largest error at {_PROBES} probes {error:.0e}"
    return LocalFit(gathered, method, spline)


def loess_interpolated(event, proba, weight):
    """Fit loess as R does by default: at the corners of a k-d tree, cubic blending between.

    The same numbers as R's ``loess(y ~ p)``; it is off the exact curve by about 5e-4, more at E90.
    """
    if np.ptp(weight) > 0:
        raise InputError(
            "smooth='loess_interpolated' follows R, where weights do not move the corners; "
            "take smooth='loess' for weighted rows."
        )
    exact = LocalRegression(distinct_cells(event, proba, weight))
    corners = _corners(np.sort(proba), max_points=int(len(proba) * 0.75 * 0.2))
    height, slope = exact.line(corners)
    spline = CubicHermiteSpline(corners, height, slope)
    return LocalFit(exact, f"loess, R's interpolation between {len(corners)} corners", spline)


def _corners(x, max_points):
    """Halve the ordered risks until no cell holds more than max_points; return all the ends."""
    margin = _MARGIN * max(np.ptp(x), 1e-10 * np.abs(x).max() + 1e-30)
    low, high = x[0] - margin, x[-1] + margin
    corners, waiting = {low, high}, [(0, len(x), low, high)]
    while waiting:
        begin, end, low, high = waiting.pop()
        if end - begin <= max_points:
            continue
        last = _last_below(x, begin, end)
        cut = x[last]
        if cut in (low, high):
            continue
        corners.add(cut)
        waiting += [(begin, last + 1, low, cut), (last + 1, end, cut, high)]
    return np.array(sorted(corners))


def _last_below(x, begin, end):
    """Position of the last risk of the lower half: the step between risks nearest to the middle."""
    middle = (begin + end + 1) // 2 - 1
    steps = np.flatnonzero(np.diff(x[begin:end])) + begin
    if not steps.size:
        return middle
    distance = np.abs(steps - middle)
    nearest = steps[distance == distance.min()]
    return int(nearest[-1])


def _grid(cells, ends):
    upto = np.cumsum(cells.weight) / cells.weight.sum()
    by_count = np.interp(np.linspace(0, 1, _GRID // 2), upto, cells.risk)
    points = np.unique(np.r_[ends, by_count, np.linspace(*ends, _GRID // 2)])
    return points[np.r_[True, np.diff(points) > 1e-9]]


@dataclass(frozen=True)
class LowessFit:
    """Cleveland's lowess without robustness iterations, read by interpolation."""

    regression: LocalRegression
    risk: np.ndarray
    height: np.ndarray
    method: str = "lowess, f = 2/3, no iterations, delta = 1% of the range"

    def estimate(self, at):
        """Height of the curve at some risks."""
        return np.interp(at, self.risk, self.height)


def lowess(event, proba, weight, fraction=2 / 3):
    """Fit local lines at risks at least 1% of the range apart; straight lines between them.

    The same numbers as R's ``lowess(p, y, f = 2/3, iter = 0, delta = 0.01 * diff(range(p)))``.
    """
    cells = distinct_cells(event, proba, weight)
    anchors = cells.risk[_anchors(cells.risk, 0.01 * np.ptp(cells.risk))]
    regression = LocalRegression(cells, fraction, degree=1)
    return LowessFit(regression, anchors, _lines(regression, anchors))


def _anchors(risk, delta):
    """Positions where lowess fits: each the last one within delta of the one before."""
    places = [0]
    while places[-1] < len(risk) - 1:
        within = np.searchsorted(risk, risk[places[-1]] + delta, side="right") - 1
        places.append(max(places[-1] + 1, within))
    return np.array(places)


def _lines(regression, at):
    """Heights of local lines; a plain local mean where the window is too narrow for a slope."""
    cells, height = regression.cells, np.empty(len(at))
    span, width = np.ptp(cells.risk), regression.bandwidth(at)
    for i, point in enumerate(at):
        kernel = scaled_kernel(cells.risk, at[i : i + 1], width[i : i + 1])[1]
        share = kernel[0] * cells.weight / (kernel[0] @ cells.weight)
        centre = share @ cells.risk
        spread = share @ (cells.risk - centre) ** 2
        if np.sqrt(spread) > _NARROW * span:
            share = share * (1 + (point - centre) * (cells.risk - centre) / spread)
        rate = cells.events / np.where(cells.weight > 0, cells.weight, 1.0)
        height[i] = share @ rate
    return height
