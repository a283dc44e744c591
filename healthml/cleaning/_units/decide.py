"""Learning the units of a column, and deciding which sets of its cells are in another unit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

from healthml._core._knowledge import column_concept, concept_limits, distinct_units, find_unit
from healthml.cleaning._units.column import BODY, ColumnUnits, logs, usable_numbers
from healthml.cleaning._units.evidence import (
    FEWEST,
    FEWEST_COMPARED,
    NEARLY_ALL,
    Cells,
    Evidence,
    spreads_needed,
    weigh,
)
from healthml.cleaning._units.mixture import Grid, Mixture

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Cells of a group looked at when learning; more are thinned evenly. It bounds the time.
MOST_PER_GROUP = 20_000
# Counts of distinct values by group up to which cells are counted rather than sorted: 16 MiB.
MOST_COUNTS = 2**21
# Cells looked at to see whether values repeat, so that counting is faster; half of them are to.
LOOKED_AT = 2_000
# Share of a column inside the limits once converted from which it is not in its declared unit; its
# share outside as it stands is that of other sets. Lower converts columns of another measure.
ALL_INSIDE = 0.98
# Numbers from which a column is looked at; fewer show neither centre nor spread.
FEWEST_CELLS = 20
# Cells that a decision must convert or flag to stand.
FEW_SURE = 3
# Shares of the cells from which the canonical unit is the usual one although another is commoner:
# alone, and where most columns of the table are in canonical units. Lower keeps more columns
# canonical.
AS_GOOD, AS_GOOD_IN_TABLE = 0.4, 0.1
# Share of a column from which it counts as being in one unit, for the rule above.
PLAIN = 0.9
# Usual cells per suspect from which a group is compared with itself. Lower compares groups that
# are wholly in another unit with their few odd cells; higher lets other sites' patients decide.
OWN = 0.25
# Log factor below which units of body measures need a second column: children weigh what adults
# weigh in pounds, and no one weighs what another does in grams.
BODY_FACTOR = np.log(20)


def learn_column(column, variable, x, groups, n_groups):
    """Learn the units of a column of numbers, or return None where its concept is not known.

    `variable` is what a schema says about it; the group of a row is -1 where unknown.
    """
    named = column_concept(column, variable)
    if named is None:
        return None
    concept, limits = named.name, concept_limits(named.name)
    units = _units_to_tell(limits)
    if len(units) < 2:
        return None
    kept = np.flatnonzero(usable_numbers(x))
    if len(kept) < FEWEST_CELLS:
        return None
    cells, group = _thinned(x[kept], np.maximum(groups[kept], 0), n_groups)
    read = column_concept(column, variable, cells)
    if not read.agrees_mixed:
        return None
    learnt = ColumnUnits(column, concept, limits)
    grid = Grid.of(cells, group, n_groups)
    other = _whole_unit(units, read.readings)
    units, declared, learnt.mixture = _fit(units, limits, variable, other, grid)
    if learnt.mixture is None or len(units) < 2:
        return None
    counts = np.bincount(group, minlength=n_groups).astype(float)
    learnt.counts["cells"] = counts
    share = (counts @ learnt.mixture.shares_)[: len(units)] / counts.sum()
    learnt.shares, learnt.home = share, int(share.argmax()) if declared is None else declared
    learnt.declared = declared is not None
    learnt.seen = cells, group
    return learnt


def _fit(units, limits, variable, other, grid):
    """Fit the mixture; units closer to the usual one than patients differ are left out.

    The level of a kidney unit's patients is three times the others', which is what mmol/L of urea
    nitrogen make of mg/dL: values cannot tell the two, and no evidence built on them may.
    """
    while True:
        declared = _declared_unit(units, limits["name"], variable)
        usual = _place(units, other) if declared is None else declared
        mixture = Mixture(units, limits["hard"], limits["soft"]).fit(grid, declared=usual)
        if mixture is None:
            return units, declared, None
        home = units[usual or 0]
        spread = (mixture.shape_.left + mixture.shape_.right) / 2
        kept = [u for u in units if u is home or u[2] or _is_apart(u, home, spread)]
        if len(kept) == len(units):
            return units, declared, mixture
        units = kept


def _is_apart(unit, other, spread):
    distance = abs(np.log(unit[1] / other[1]))
    return distance >= spreads_needed(distance) * spread


def settle(columns, n_groups):
    """Choose each column's usual unit, and decide on the cells in others.

    The usual unit is the declared one, else the one that most cells are in; where it is close,
    and most columns of the table are in the canonical unit, that one.
    """
    plain = [c.shares[0] >= PLAIN for c in columns if c.shares.max() >= PLAIN]
    enough = AS_GOOD if 2 * sum(plain) <= len(plain) else AS_GOOD_IN_TABLE
    for column in columns:
        if not column.declared and column.shares[0] >= enough * column.shares.sum():
            column.home = 0
        _decide(column, *column.seen, n_groups)
        column.seen = None


def _units_to_tell(limits):
    """Return the units that values alone can tell apart; pounds need a second column."""
    units = distinct_units(limits["name"])
    if limits["category"] not in BODY:
        return units
    if limits["category"] == "demographic":
        return units[:1]
    return [units[0], *(u for u in units[1:] if abs(np.log(u[1])) > BODY_FACTOR)]


def _declared_unit(units, concept, variable):
    """Return the place of the declared unit, or None."""
    declared = getattr(variable, "unit", None)
    return _place(units, find_unit(concept, declared) if declared else None)


def _whole_unit(units, readings):
    """Return the unit that a column is in as a whole although the canonical one is possible."""
    possible = any(reading[1:] == units[0][1:] for reading in readings[1:])
    return readings[0] if possible else None


def _place(units, unit=None):
    """Return the place of a unit of that size, or None."""
    return next((k for k, u in enumerate(units) if unit is not None and u[1:] == unit[1:]), None)


def _decide(learnt, x, groups, n_groups):
    """Put the sets of cells that are in another unit into ``decisions``."""
    mixture, home = learnt.mixture, learnt.home
    expected = learnt.counts["cells"] @ mixture.shares_[:, : len(mixture.units)]
    candidates = [k for k in np.argsort(-expected) if k != home and expected[k] >= FEWEST - 1]
    if not candidates:
        return
    joint = mixture.log_densities(x) + np.log(mixture.shares_[groups].T)
    part, y = joint.argmax(axis=0), mixture.readings(x)[0]
    limits = logs(learnt.judged), logs(learnt.limits["hard"])

    def reference(here, n_suspects):
        """Return the usual cells of the same group; else of the others, else all there are.

        Patients differ between sites: a site of very ill ones says nothing of another site's
        units. A group that is wholly in another unit has few usual cells, or chance ones.
        """
        usual = part == home
        own, elsewhere = usual & here, usual & ~here
        if own.sum() >= max(FEWEST_COMPARED, OWN * n_suspects):
            elsewhere = own
        chosen = elsewhere if elsewhere.sum() >= FEWEST_COMPARED else usual
        return _cells(chosen, x, y[home], y[home])

    for unit in candidates:
        whole = (part == home).sum() < FEWEST_COMPARED
        if learnt.declared and whole:
            _decide_whole(learnt, unit, y[home], y[unit], limits[0])
            continue
        in_unit, factor = part == unit, mixture.units[unit][1] / mixture.units[home][1]
        left = np.ones(len(x), dtype=bool)
        for group in range(n_groups) if n_groups > 1 else ():
            here = groups == group
            shares = _shares_of(in_unit, groups, group, n_groups)
            suspects = _cells(in_unit & here, x, y[home], y[unit])
            usual = reference(here, len(suspects.raw))
            evidence = weigh(suspects, usual, limits, shares, factor)
            if evidence.decides():
                learnt.decisions[group, unit] = evidence
                left &= ~here
        rest = _cells(in_unit & left, x, y[home], y[unit])
        usual = reference(left, len(rest.raw))
        evidence = weigh(rest, usual, limits, (0, 0, 0, 0), factor)
        if evidence.decides():
            for group in range(n_groups) if n_groups > 1 else ():
                learnt.decisions.setdefault((group, unit), evidence)
            if n_groups == 1:
                learnt.decisions[-1, unit] = evidence
    _share_again(learnt, x, groups)
    _forget_empty(learnt, x, groups)


def _shares_of(in_set, groups, group, n_groups):
    """Return cells of the set and all cells, here and in the other groups but the likest one."""
    n_set = np.bincount(groups[in_set], minlength=n_groups)
    n_all = np.bincount(groups, minlength=n_groups)
    others = np.flatnonzero((np.arange(n_groups) != group) & (n_all > 0))
    if len(others) > 1:
        others = np.delete(others, (n_set[others] / n_all[others]).argmax())
    return n_set[group], n_all[group], n_set[others].sum(), n_all[others].sum()


def _share_again(learnt, x, groups):
    """Estimate the shares of the decided units again, now that digits count as well."""
    for group, unit in learnt.decisions:
        rows = np.flatnonzero((groups == group) | (group == -1))
        place = max(group, 0)
        parts = learnt.mixture.log_densities(x[rows])[[learnt.home, unit]]
        parts = parts + np.array(learnt.decisions[group, unit].digits(x[rows]))[::-1]
        shares = learnt.mixture.shares_[place]
        both, share = shares[[learnt.home, unit]].sum(), 0.5
        for _ in range(20):
            odds = parts[1] - parts[0] + np.log(share) - np.log1p(-share)
            share = np.clip(expit(odds).mean(), 1e-6, 1 - 1e-6)
        shares[learnt.home], shares[unit] = both * (1 - share), both * share


def _forget_empty(learnt, x, groups):
    """Take back decisions by which hardly a cell would be converted."""
    sure = {}
    for unit, kind, rows in learnt.verdicts(x, groups):
        for group in {g for g, u in learnt.decisions if u == unit and kind in ("sure", "unsure")}:
            here = (groups[rows] == group) | (group == -1)
            sure[group, unit] = sure.get((group, unit), 0) + here.sum()
    pooled = {u: sum(n for (_, v), n in sure.items() if v == u) for _, u in learnt.decisions}
    learnt.decisions = {k: e for k, e in learnt.decisions.items() if pooled[k[1]] >= FEW_SURE}


def _decide_whole(learnt, unit, home, other, limits):
    """Decide on a column none of which is in its declared unit."""
    low, high = limits
    outside = ((home < low) | (home > high)).mean()
    inside = ((other >= low) & (other <= high)).mean()
    if outside >= NEARLY_ALL and inside >= ALL_INSIDE:
        kinds = {"declared": {}, "range": {"share_outside": outside, "share_after": 1 - inside}}
        learnt.decisions[-1, unit] = Evidence(kinds)


def _cells(mask, x, home, other):
    return Cells(x[mask], home[mask], other[mask])


def _thinned(x, groups, n_groups):
    """Return at most so many cells per group, evenly over its sorted values."""
    if len(x) <= MOST_PER_GROUP:
        return x, groups
    cells, codes = [], []
    for group, in_order in enumerate(_sorted_groups(x, groups, n_groups)):
        n = in_order.n
        places = np.linspace(0, n - 1, min(n, MOST_PER_GROUP)).astype(np.int64)
        cells.append(in_order.at(places))
        codes.append(np.full(len(places), group))
    return np.concatenate(cells), np.concatenate(codes)


@dataclass(frozen=True)
class _Sorted:
    """Values in order, each with how many cells hold it or a smaller one."""

    values: np.ndarray
    upto: np.ndarray | None = None  # None: every cell by itself

    @property
    def n(self):
        return len(self.values) if self.upto is None else int(self.upto[-1])

    def at(self, places):
        """Return the cells at some places of the order."""
        if self.upto is None:
            return self.values[places]
        return self.values[np.searchsorted(self.upto, places, side="right")]


def _sorted_groups(x, groups, n_groups):
    """Return the cells of every group in order; few distinct values are counted, not sorted."""
    if len(np.unique(x[:: max(1, len(x) // LOOKED_AT)])) < LOOKED_AT / 2:
        place, values = pd.factorize(x)
        if n_groups * len(values) <= MOST_COUNTS:
            order = np.argsort(values)
            rank = np.empty(len(values), dtype=np.int64)
            rank[order] = np.arange(len(values))
            both = np.bincount(groups * len(values) + rank[place], minlength=n_groups * len(values))
            upto = np.cumsum(both.reshape(n_groups, len(values)), axis=1)
            return [_Sorted(values[order], cumulated) for cumulated in upto]
    return [_Sorted(np.sort(x[groups == group])) for group in range(n_groups)]
