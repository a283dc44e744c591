"""One measure in two columns: a ratio that is exactly a unit's factor in some rows.

Weight at admission and at discharge, or a column and its copy, agree closely in most rows. Rows
where their ratio is the factor of a unit, and nothing between, are in another unit in one of the
two columns, or were converted once too often; which one, the usual size of the measure tells.
"""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._knowledge import concept_limits, distinct_units
from healthml._core._numerics import median_and_spread
from healthml.cleaning._units.evidence import FEWEST, ODDS, in_group
from healthml.cleaning._units.mixture import Shape

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Rows with both values from which two columns are compared.
FEWEST_PAIRS = 50
# Least spread of the log ratio, how far its middle may be off for rounding alone, and how many
# spreads (of at least that rounding) from 0 two values are the same one.
NARROWEST, ROUNDED, SAME = 0.01, 0.02, 3
# Spread of the log ratio beyond which two columns are two measures, not one measured twice.
LOOSEST = 0.2
# Least spread of the usual size in log units; narrower, and one odd patient proves a unit.
NARROWEST_SIZE = 0.05
# Spreads of the ratio at which a unit's factor must lie, so that no real change reaches it.
FAR = 6.0
# Share of the log factor within which a ratio is taken for it, once it was found.
NEAR = 0.3
# Cells half way to the factor, as a share of those at it, up to which the peak stands alone.
FEW_BETWEEN = 0.25


@dataclass(eq=False)
class PairUnits:
    """Two columns of one concept, and the ratios at which a unit was found."""

    first: object
    second: object
    concept: str
    window: float = 0.0
    found: dict = field(default_factory=dict)  # (column, unit, group) -> numbers of the evidence

    @property
    def columns(self):
        """Columns that are looked at."""
        return {self.first, self.second}

    def learn(self, numbers, groups, n_groups, scale):
        """Look for peaks of the log ratio; `scale` turns the measure into one of usual size.

        The group of a row is -1 where unknown; weight is compared by height squared (`scale`).
        """
        apart = self._apart(numbers)
        known = np.isfinite(apart)
        if known.sum() < FEWEST_PAIRS:
            return None
        middle, spread = median_and_spread(apart[known])
        spread = max(spread, NARROWEST)
        if spread > LOOSEST or abs(middle) > spread + ROUNDED:
            return None
        self.window = SAME * max(spread, ROUNDED)
        usual = self._usual(numbers, np.abs(apart) < self.window, scale)
        for name, factor, shift, column in self._ways():
            if abs(shift) < FAR * spread or usual is None:
                continue
            near = known & (np.abs(apart - shift) < self.window)
            between = known & (np.abs(apart - shift / 2) < self.window)
            if near.sum() < FEWEST or between.sum() > FEW_BETWEEN * near.sum():
                continue
            self._decide(numbers, near, known, groups, n_groups, usual, scale, name, factor, column)
        return self

    def verdicts(self, numbers, groups):
        """Yield (column, unit, factor, kind, positions), row by row."""
        apart = self._apart(numbers)
        for name, factor, shift, column in self._ways():
            near = np.abs(apart - shift) < max(self.window, NEAR * abs(shift))
            for group in {g for c, u, g in self.found if (c, u) == (column, name)}:
                here = near & ((groups == group) | (group == -1))
                yield column, name, factor, "sure", np.flatnonzero(here)

    def factor(self, unit):
        """Return what values in a unit are multiplied by."""
        return next(factor for name, factor, _, _ in self._ways() if name == unit)

    def _apart(self, numbers):
        a, b = numbers[self.first], numbers[self.second]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where((a > 0) & (b > 0), np.log(b) - np.log(a), np.nan)

    def _ways(self):
        """Yield (unit, factor to multiply with, log ratio second to first, column)."""
        home = concept_limits(self.concept)["units"][0][0]
        for unit, factor, offset in distinct_units(self.concept)[1:]:
            if offset:
                continue
            for column, sign in ((self.second, 1), (self.first, -1)):
                yield unit, factor, -sign * np.log(factor), column
                often = f"{home}*{factor:.5g}"
                yield often, 1 / factor, sign * np.log(factor), column

    def _usual(self, numbers, same, scale):
        size = self._size(numbers[self.first], scale)[same]
        size = size[np.isfinite(size)]
        if len(size) < FEWEST_PAIRS / 2:
            return None
        return Shape.of(size, NARROWEST_SIZE)

    def _size(self, x, scale):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.log(x if scale is None else x / scale)

    def _decide(self, numbers, near, known, groups, n_groups, usual, scale, name, factor, column):
        other = self.first if column == self.second else self.second
        as_is = usual.log_density(self._size(numbers[column], scale))
        changed = usual.log_density(self._size(numbers[column] * factor, scale))
        partner = usual.log_density(self._size(numbers[other], scale))
        gain = (
            changed
            + partner
            - as_is
            - usual.log_density(self._size(numbers[other] / factor, scale))
        )
        for group in range(n_groups) if n_groups > 1 else (-1,):
            here = np.ones(len(near), dtype=bool) if group < 0 else groups == group
            shares = (
                (near & here).sum(),
                (known & here).sum(),
                (near & ~here).sum(),
                (known & ~here).sum(),
            )
            place = in_group(*shares) if group >= 0 else {}
            rows = near & here & np.isfinite(gain)
            if place is None or rows.sum() < 3 or gain[rows].sum() < np.log(ODDS):
                continue
            kinds = {"paired": {"n_cells": int(rows.sum())}, "factor": {"log": np.log(factor)}}
            self.found[column, name, group] = {**kinds, **({"group": place} if place else {})}
