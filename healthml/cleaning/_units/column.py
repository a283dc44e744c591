"""What was learnt about the units of one column, and the verdict on its cells."""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._knowledge import between_units, number_codes
from healthml.cleaning._units.evidence import ODDS
from healthml.cleaning._units.mixture import LEAST_HOME, MOST_SLIPS, Mixture

BODY = frozenset({"anthropometric", "demographic"})  # of these children differ from adults
# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Odds that a cell is in another unit rather than a decimal slip, a third unit or anything else.
# Higher flags more cells and converts fewer.
RATHER = 10.0
# Least share of decimal slips, so that a column without any still doubts a single odd cell.
LEAST_SLIPS = 1e-4
# Share of cells in a unit that was not decided here, and of cells of no known kind. Larger makes
# conversions rarer.
OTHER_SHARE, ANYTHING_SHARE = 1e-3, 1e-5
# Standard deviations of the column beyond which a reading is unusual; a cell that is possible as
# it stands and unusual in the other unit too is left. Larger converts more of the sickest.
UNUSUAL = 1.5
# Shares of cells in each unit where none was learnt, and standard deviations of the column within
# which a cell must be once converted. Larger converts more single cells that are only out of range.
NEW_SHARE, USUAL = 0.02, 2.5
# Probability of digits unlike those of the other unit below which a cell is rather an error, and
# how much likelier that makes it.
OFF_STEP, ANYTHING_OFF_STEP = 0.05, 1000.0
# Shipped codes for missing values that are never converted; smaller ones (9, 99) are real values
# of many measures.
LARGEST_CODES = np.array(sorted(c for c in number_codes() if c >= 777))


@dataclass(eq=False)
class ColumnUnits:
    """Units of one column: which concept, which unit is the usual one, where others were found."""

    column: object
    concept: str
    limits: dict
    mixture: Mixture | None = None
    home: int = 0
    decisions: dict = field(default_factory=dict)  # (group, unit) -> Evidence; group -1 is any
    counts: dict = field(default_factory=dict)
    shares: np.ndarray | None = None
    declared: bool = False
    seen: tuple | None = None  # the cells learnt from, until the decision

    @property
    def home_unit(self):
        """The column's usual unit as (unit, factor, offset)."""
        return self.mixture.units[self.home]

    @property
    def judged(self):
        """Canonical limits that hardly any real patient passes."""
        return self.limits["hard" if self.limits["category"] in BODY else "soft"]

    def converted(self, x, unit):
        """Return numbers taken from another unit to the usual one, to six digits."""
        return six_digits(between_units(x, self.mixture.units[unit], self.home_unit))

    def verdicts(self, x, groups):
        """Yield (unit, kind, positions): "sure", "unsure" or "new", cell by cell."""
        if self.mixture is None:
            return
        usable = usable_numbers(x)
        decided = np.zeros(len(x), dtype=bool)
        for group in sorted({g for g, _ in self.decisions}):
            rows = np.flatnonzero(usable & ((groups == group) | (group == -1)))
            if not len(rows):
                continue
            decided[rows] = True
            units = [u for g, u in self.decisions if g == group]
            yield from self._decided(x, rows, group, units)
        yield from self._new(x, np.flatnonzero(usable & ~decided))

    def _decided(self, x, rows, group, units):
        cells = x[rows]
        joint = self.mixture.log_densities(cells) + np.log(self._prior(group, units))[:, None]
        for unit in units:
            other, home = self.decisions[group, unit].digits(cells)
            joint[unit] += other
            joint[self.home] += home
            joint[-1] += np.where(other < np.log(OFF_STEP), np.log(ANYTHING_OFF_STEP), 0.0)
        best, spared = joint[units].argmax(axis=0), self._either_way_ill(cells, units)
        for k, unit in enumerate(units):
            against_home, against_rest = self._odds(joint, unit)
            likeliest = best == k
            sure = likeliest & (against_home >= np.log(ODDS)) & (against_rest >= np.log(RATHER))
            sure &= ~spared[k] & ~looks_like_code(cells)
            unsure = likeliest & ~sure & (against_home > 0) & (against_rest > 0)
            yield unit, "sure", rows[sure]
            yield unit, "unsure", rows[unsure]

    def _either_way_ill(self, x, units):
        """Say which cells are possible as they stand and unusual in the other unit too.

        There the sickest are found: a bilirubin that is high in either unit is not converted. Nor
        is a cell that would be out of range afterwards.
        """
        y, (low, high) = self.mixture.readings(x)[0], logs(self.judged)
        possible = (y >= low) & (y <= high)
        unusual = np.abs(self.mixture.shape_.z(y[units])) > UNUSUAL
        return (possible[self.home] & unusual) | ~possible[units]

    def _new(self, x, rows):
        """Yield cells out of range that another unit would explain where none was learnt."""
        _, factor, offset = self.home_unit
        low, high = ((limit - offset) / factor for limit in self.judged)
        rows = rows[(x[rows] < low) | (x[rows] > high)]
        if not len(rows):
            return
        others = [k for k in range(len(self.mixture.units)) if k != self.home]
        shares = np.full(len(self.mixture.units), NEW_SHARE)
        prior = np.array([*shares, *MOST_SLIPS, ANYTHING_SHARE])
        joint = self.mixture.log_densities(x[rows]) + np.log(prior)[:, None]
        y = self.mixture.readings(x[rows])[0]
        for unit in others:
            against_home, against_rest = self._odds(joint, unit)
            usual = np.abs(self.mixture.shape_.z(y[unit])) < USUAL
            sure = (against_home >= np.log(ODDS)) & (against_rest >= np.log(RATHER)) & usual
            yield unit, "new", rows[sure]

    def _odds(self, joint, unit):
        """Return the log odds of a unit against the usual one, and against all other parts."""
        rest = np.ones(len(joint), dtype=bool)
        rest[[unit, self.home]] = False
        return joint[unit] - joint[self.home], joint[unit] - np.logaddexp.reduce(joint[rest])

    def _prior(self, group, units):
        """Return the share of each part in a group as decided: a unit not decided stays rare."""
        shares = self.mixture.shares_
        counts = self.counts["cells"]
        own = shares[group] if group >= 0 else counts @ shares / counts.sum()
        n_units = len(self.mixture.units)
        prior = np.full(len(own), OTHER_SHARE)
        prior[units] = np.maximum(own[units], OTHER_SHARE)
        prior[self.home] = max(own[self.home], LEAST_HOME)
        pooled = counts @ shares / counts.sum()
        prior[n_units:-1] = np.clip(pooled[n_units:-1], LEAST_SLIPS, MOST_SLIPS)
        prior[-1] = ANYTHING_SHARE
        return prior


def usable_numbers(x):
    """Say which numbers can be judged: positive, and no code for a missing value."""
    with np.errstate(invalid="ignore"):
        usable = np.isfinite(x) & (x > 0)
        large = np.flatnonzero(x >= LARGEST_CODES[0])
    if len(large):
        usable[large] &= ~np.isin(x[large], LARGEST_CODES)
    return usable


def looks_like_code(x):
    """Say which numbers are written with one digit from 7 to 9 only, three times or more (88.8).

    >>> looks_like_code(np.array([88.8, 999.0, 88.0, 111.0])).tolist()
    [True, True, False, False]
    """
    digits = np.round(np.asarray(x, dtype=float) * 100)
    whole = np.where(digits % 10 == 0, digits / 10, digits)
    whole = np.where(whole % 10 == 0, whole / 10, whole)
    return np.isin(whole, [digit * (10**n - 1) // 9 for digit in (7, 8, 9) for n in range(3, 8)])


def six_digits(values):
    """Return numbers rounded to six significant digits, free of what floating point adds."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(values)))
    scale = 10.0 ** (5 - np.where(np.isfinite(size), size, 0))
    return np.round(values * scale) / scale


def logs(limits):
    """Return a pair of limits as logarithms."""
    return tuple(np.log(max(limit, 1e-12)) for limit in limits)
