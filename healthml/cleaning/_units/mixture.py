"""One population seen through several units: a mixture whose parts differ by known factors only.

All values of a concept are taken to come from one distribution in its canonical unit. In each
group (site) some share of the cells may have been written in another of the concept's units, a
few with the decimal point in the wrong place, a few as something else. The shares are estimated
by expectation-maximisation on counts over a fine grid of logarithms, so the cost hardly grows
with the number of rows and their order does not matter.
"""

from dataclasses import dataclass

import numpy as np

from healthml._core._numerics import NORMAL_HALF_WIDTH, NORMAL_Q90

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Width of a grid cell in log units: a fifth of the narrowest spread. Wider is faster and blurs
# measures such as pH.
WIDTH = 0.002
# Decimal point one or two places off.
SLIPS = np.log([10.0, 0.1, 100.0, 0.01])
# Largest shares of cells that may have slipped, by kind. Larger lets slips take the place of a
# unit ten times larger.
MOST_SLIPS = np.array([0.005, 0.005, 0.0005, 0.0005])
# Real patients far from the middle: their share, and how much wider they spread. Larger leaves
# more mix-ups to a person, smaller converts the sickest.
TAIL, TAIL_SCALE = 0.02, 3.0
# How much rarer a value is beyond the hard and the soft limits than the shape alone says.
OUTSIDE_HARD, OUTSIDE_SOFT = 1e-5, 0.05
# Least share of cells that are as they should be, in any group, so that a group wholly in another
# unit can still have single right cells.
LEAST_HOME = 0.02
# Log factors closer than this are taken for one: 3 %.
ALIKE = 0.03
# Peaks of the histogram from which the fit starts. More cost time; two peaks are the usual case
# of two units.
MOST_STARTS = 3
# Outer tenths and the middle, by which the spread on each side is told.
OUTER = 0.1, 0.5, 0.9
# Smallest spread of the population in log units: about that of pH.
NARROWEST = 0.01
# How much narrower one side of the population may be than the other. More lets a cut-off tail pass
# for a narrow population.
LOPSIDED = 4
# Logarithms over which a value of no known kind may lie: six powers of ten.
ANYWHERE = np.log(1e6)
# Shares that the fit starts from: of all other units together, and of each kind of slip. The end
# hardly depends on them.
START_UNITS, START_SLIPS = 0.3, 0.005
# Cells' worth of the shares in all groups that each group starts with, and cells of each kind that
# all groups do. More keeps small groups like the others, less lets three cells make a unit.
DRAWN, NEVER_NONE = 2, 0.01
# Steps of the fit, and the relative gain below which it ends: only speed and the last digits.
STEPS, SMALL_GAIN = 25, 1e-6
# The smoothed histogram that shows the peaks: its bins, its smoothing (SD) and how far that
# reaches, in log units. Wider smoothing merges units that are a factor of 1.3 apart.
BIN, SMOOTHED, N_REACH = 0.02, 0.1, 15
# Height of a peak as a share of the highest from which a fit starts there, and its least spread.
PEAK, NARROWEST_PEAK = 1 / 4, 0.05


@dataclass(frozen=True, eq=False)
class Grid:
    """Distinct (group, logarithm) pairs with the number of cells in each."""

    group: np.ndarray  # group of each pair
    # Distinct values, sorted. Groups share most of them, and a density is the same in each.
    value: np.ndarray
    place: np.ndarray  # which of `value` each pair holds
    count: np.ndarray  # cells of each pair
    n_groups: int  # number of groups

    @classmethod
    def of(cls, values, groups, n_groups):
        """Count positive values on the grid."""
        place = np.floor(np.log(values) / WIDTH).astype(np.int64)
        low = place.min()
        n_bins = int(place.max() - low) + 1
        counts = np.bincount(groups * n_bins + (place - low), minlength=n_groups * n_bins)
        kept = np.flatnonzero(counts)
        bins, place = np.unique(kept % n_bins, return_inverse=True)
        middle = np.exp((bins + low + 0.5) * WIDTH)
        return cls(kept // n_bins, middle, place, counts[kept].astype(float), n_groups)


@dataclass(frozen=True, eq=False)
class Shape:
    """A distribution on the log scale with its own spread on each side and heavy tails."""

    middle: float
    left: float
    right: float

    @classmethod
    def of(cls, y, least):
        """Return the shape of log values; each side spreads by `least` at least."""
        low, middle, high = np.quantile(y, OUTER)
        return cls(middle, *_sides(low, middle, high, least))

    def log_density(self, y):
        """Return the log density of log values."""
        z = self.z(y)
        level = -np.log((self.left + self.right) / 2)
        core = np.log1p(-TAIL) - 0.5 * z**2
        tail = np.log(TAIL / TAIL_SCALE) - 0.5 * (z / TAIL_SCALE) ** 2
        with np.errstate(invalid="ignore"):
            return level + np.logaddexp(core, tail) - 0.5 * np.log(2 * np.pi)

    def z(self, y):
        """Return how many of its side's standard deviations a log value is from the middle."""
        distance = np.clip(y - self.middle, -1e3, 1e3)
        return distance / np.where(distance < 0, self.left, self.right)


class Mixture:
    """Shares of the units in each group, and one population in the canonical unit.

    Units are (unit, factor, offset); limits are in the canonical unit.
    """

    def __init__(self, units, hard, soft):
        self.units, self.hard, self.soft = units, hard, soft

    def fit(self, grid, *, declared=None, steps=STEPS):
        """Estimate from counts, with a declared unit or a possible one as the usual unit."""
        starts = [s for k in range(len(self.units)) for s in self._starts(grid, k)]
        if declared is not None:
            starts = [s for s in starts if s[1] == declared] or starts
        if not starts:
            return None
        usual = starts[0][1]  # another than the canonical unit only where that is impossible
        starts = starts if usual else [s for s in starts if s[1] == usual]
        fits = [self._climb(grid, shape, first, steps) for shape, first in starts]
        _, self.shape_, self.shares_, self.main_ = max(fits, key=lambda fit: fit[0])
        return self

    def readings(self, x):
        """Return the log canonical value under each unit, and the log density's Jacobian."""
        rows, jacobians = [], []
        for _, factor, offset in self.units:
            value = x * factor + offset
            with np.errstate(divide="ignore", invalid="ignore"):
                rows.append(np.where(value > 0, np.log(value), -np.inf))
                jacobians.append(np.where(value > 0, np.log(x * factor / value), 0.0))
        return np.array(rows), np.array(jacobians)

    def log_densities(self, x):
        """Return the log density of each cell under each unit, decimal slip and anything else."""
        return self._densities(self.shape_, *self._parts(x))

    def _parts(self, x):
        """Return the logs of each cell as each unit or slip, and what no shape changes of them."""
        y, jacobian = self.readings(x)
        y = np.where(np.isfinite(y), y, -50.0)
        slipped = y[getattr(self, "main_", 0)] + SLIPS[:, None]
        logs = np.concatenate([y, slipped])
        fixed = np.concatenate([jacobian, np.zeros_like(slipped)]) + self._rarer(logs)
        fixed[len(y) :][self._slips_that_are_units()] = -np.inf
        return logs, fixed

    def _densities(self, shape, logs, fixed):
        anything = np.full((1, logs.shape[1]), -np.log(ANYWHERE))
        return np.concatenate([shape.log_density(logs) + fixed, anything])

    def _few_slips(self, shares):
        """Hold the shares of slips down, so that they do not take a unit's place."""
        n = len(self.units)
        shares[:, n:-1] = np.minimum(shares[:, n:-1], MOST_SLIPS)
        return shares / shares.sum(axis=1, keepdims=True)

    def _slips_that_are_units(self):
        """Say which decimal slips are the factor of a unit: g/L of haemoglobin are ten g/dL."""
        _, home, offset = self.units[getattr(self, "main_", 0)]
        factors = [np.log(f / home) for _, f, o in self.units if o == offset]
        return np.array([min(abs(np.array(factors) - slip)) < ALIKE for slip in SLIPS])

    def _rarer(self, y):
        soft, hard = _log_limits(self.soft), _log_limits(self.hard)
        out = np.where((y < soft[0]) | (y > soft[1]), np.log(OUTSIDE_SOFT), 0.0)
        return np.where((y < hard[0]) | (y > hard[1]), np.log(OUTSIDE_HARD), out)

    def _starts(self, grid, k):
        """Yield first shapes with unit k as the usual one, at peaks where that is possible."""
        y = self.readings(grid.value)[0][k][grid.place]
        good = np.isfinite(y)
        if not good.any():
            return
        soft = _log_limits(self.soft)
        for middle, spread in _peaks(y[good], grid.count[good]):
            if soft[0] <= middle <= soft[1]:
                yield Shape(middle, spread, spread), k

    def _climb(self, grid, shape, main, steps):
        self.main_ = main
        n_parts = len(self.units) + len(SLIPS) + 1
        shares = np.full((grid.n_groups, n_parts), START_UNITS / (n_parts - 1))
        shares[:, len(self.units) :] = START_SLIPS
        shares[:, main] = 1 - shares.sum(axis=1) + shares[:, main]
        last = -np.inf
        parts, y = self._parts(grid.value), self.readings(grid.value)[0][:, grid.place].ravel()
        order = np.argsort(y, kind="stable")
        in_order, known = y[order], np.isfinite(y[order])
        for _ in range(steps):
            densities = self._densities(shape, *parts)[:, grid.place]
            joint = densities + np.log(shares).T[:, grid.group]
            top = joint.max(axis=0)
            mass = np.exp(joint - top)
            total = mass.sum(axis=0)
            weight = mass / total * grid.count
            score = float(((top + np.log(total)) * grid.count).sum())
            shares = self._few_slips(_shares(weight, grid))
            of_units = weight[: len(self.units)].ravel()[order]
            shape = _shape(in_order, np.where(known & (of_units > 1e-6), of_units, 0.0), shape)
            if score - last < SMALL_GAIN * abs(score):
                break
            last = score
        return score, shape, shares, main


def _shares(weight, grid):
    """Return the share of each part in each group, drawn a little towards that in all."""
    n_parts, n_groups = len(weight), grid.n_groups
    places = np.arange(n_parts)[:, None] * n_groups + grid.group
    sums = np.bincount(places.ravel(), weight.ravel(), n_parts * n_groups)
    sums = sums.reshape(n_parts, n_groups).T
    pooled = (sums.sum(axis=0) + NEVER_NONE) / (sums.sum() + NEVER_NONE * len(weight))
    return (sums + DRAWN * pooled) / (sums.sum(axis=1, keepdims=True) + DRAWN)


def _shape(y, weight, before):
    """Return the shape of sorted log values by their weights, or the one before without any."""
    running = np.cumsum(weight)
    if running[-1] == 0:
        return before
    places = np.searchsorted(running, np.array(OUTER) * running[-1])
    low, middle, high = y[np.minimum(places, len(y) - 1)]
    left, right = _sides(low, middle, high, NARROWEST)
    narrower = max(left, right) / LOPSIDED
    return Shape(middle, max(left, narrower), max(right, narrower))


def _sides(low, middle, high, least):
    """Return the standard deviation on each side of the median by the outer tenths."""
    return (max(d / NORMAL_Q90, least) for d in (middle - low, high - middle))


def _peaks(y, weight):
    """Yield the highest places of a smoothed histogram of log values, and a spread around each."""
    place = np.floor(y / BIN).astype(np.int64)
    low = place.min()
    kernel = np.exp(-0.5 * (np.arange(-N_REACH, N_REACH + 1) * BIN / SMOOTHED) ** 2)
    counts = np.bincount(place - low + N_REACH, weight, place.max() - low + 2 * N_REACH + 1)
    smooth = np.convolve(counts, kernel, mode="same")
    inner = smooth[1:-1]
    tops = np.flatnonzero((inner >= smooth[:-2]) & (inner > smooth[2:])) + 1
    tops = tops[np.argsort(-smooth[tops], kind="stable")]
    for top in tops[smooth[tops] > smooth.max() * PEAK][:MOST_STARTS]:
        below = np.flatnonzero(smooth < smooth[top] / 2)
        left = top - below[below < top].max(initial=-1)
        right = below[below > top].min(initial=len(smooth)) - top
        spread = min(left, right) * BIN / NORMAL_HALF_WIDTH
        yield (top - N_REACH + low + 0.5) * BIN, max(spread, NARROWEST_PEAK)


def _log_limits(limits):
    return tuple(np.log(max(limit, 1e-12)) for limit in limits)
