"""Filling in rows that were not there at fit: the same row, the same answer, alone or in a batch.

Chance comes from the row itself: its cells are hashed, and the hash with the number of the chain,
the round and the column gives a uniform number. Sums over predictors run row by row in one order,
so that rounding does not depend on the neighbours either.
"""

import numpy as np

from healthml.imputation._draws import GOLDEN_STEP, chance_of, mixed_bits
from healthml.imputation._table import GroupMeans

# What stands for a missing cell in the hash of a row: any constant will do, but the draws for new
# rows depend on it, so it stays.
_MISSING_BITS = np.uint64(0x7FF8DEAD)

# Cells hashed at a time: one block, with its 64-bit copies, stays in the cache. No result depends
# on it.
CELLS_AT_ONCE = 100_000

# In standard deviations: cells that move by less from round to round are left alone. A conditional
# mean that moves by a millionth is the same at every digit that is read; moved up to 1e-3, rounds
# are saved and the third digit of a mean may differ.
SETTLED = 1e-6


def row_keys(values, missing):
    """Return one 64-bit key per row from its observed cells.

    Parameters
    ----------
    values : list of ndarray
        Cells as `Coded.read` gives them.
    missing : list of ndarray of bool
        Which cells are missing.

    Returns
    -------
    ndarray of uint64
    """
    n, p = len(values[0]), len(values)
    key, together = np.zeros(n, dtype=np.uint64), max(1, CELLS_AT_ONCE // max(n, 1))
    for first in range(0, p, together):
        part = slice(first, first + together)
        bits = (np.stack(values[part]).astype(np.float64) + 0.0).view(np.uint64)
        bits[np.stack(missing[part])] = _MISSING_BITS
        salt = np.arange(first + 1, first + 1 + len(bits), dtype=np.uint64)[:, None] * GOLDEN_STEP
        key += mixed_bits(bits + salt).sum(axis=0, dtype=np.uint64)
    return key


class NewRows:
    """Rows to fill in: their design with a first guess, and which cells are missing.

    Parameters
    ----------
    plan : Plan
        What is imputed from what.
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    start : list
        For each column a number (the mean) or the shares of its levels.
    """

    def __init__(self, plan, values, missing, start):
        self.plan = plan
        self.keys = row_keys(values, missing)
        self.rows = {
            j: np.flatnonzero(is_missing)
            for j, is_missing in enumerate(missing)
            if is_missing.any()
        }
        Z = np.empty((len(values[0]), plan.n_design))
        Z[:, 0] = 1
        for j, column in enumerate(plan.columns):
            cells = np.where(missing[j], 0, values[j])
            Z[:, column.cols] = column.expand(cells)
            if j in self.rows:
                guess = start[j][1:] if column.is_category else start[j]
                Z[np.ix_(self.rows[j], column.cols)] = guess
        if len(plan.pairs):
            every = plan.n_own + np.arange(len(plan.pairs))
            Z[:, every] = plan.products(Z, every)
        self.first = Z
        self.order = self._order()

    def draw(self, fitted, n_sweeps, seed, chain):
        """Return {column: drawn cells} of one chain."""
        Z, drawn = self._design(fitted), {}
        for sweep in range(n_sweeps):
            for j in self.order:
                rows = self.rows[j]
                if j in self.plan.passive:
                    new = self.plan.passive_cells(j, Z[rows])
                else:
                    keys, place = self.keys[rows], (seed, chain, sweep, j)
                    chance, more = chance_of(keys, *place), chance_of(keys, *place, 1)
                    new = fitted[j].draw(Z[rows], chance, more)
                drawn[j] = self._bounded(j, new)
                self._put(Z, j, self.plan.columns[j].expand(drawn[j]), rows)
        return drawn

    def mean(self, models, n_sweeps):
        """Return {column: conditional mean} for numbers, {column: level shares} for levels.

        A row whose cells have settled is left alone, so that it costs no further sweep.
        """
        Z, means = self._design(models), {}
        n_sweeps = n_sweeps if len(self.order) > 1 else min(n_sweeps, 1)
        moving = None
        for _ in range(n_sweeps):
            before = Z.copy()
            for j in self.order:
                rows = self.rows[j]
                part = slice(None) if moving is None else moving[rows]
                rows = rows[part]
                if not len(rows):
                    continue
                block = Z[rows]
                if j in self.plan.passive:
                    new = self.plan.passive_cells(j, block)
                else:
                    new = models[j].expect(block)
                category = self.plan.columns[j].is_category
                new = new if category else self._bounded(j, new)
                if moving is None:
                    means[j] = new
                else:
                    means[j][part] = new
                self._put(Z, j, new[:, 1:] if category else new[:, None], rows)
            moving = (np.abs(Z - before) > SETTLED).any(axis=1)
            if not moving.any():
                break
        return means

    def _design(self, fitted):
        """Return the first guess, with the group means that a chain left behind."""
        Z = self.first.copy()
        if self.plan.has_groups:
            group = self.plan.group
            codes = Z[:, self.plan.columns[group].cols[0]]
            Z[:, self.plan.means_of(np.arange(1, self.plan.n_own))] = fitted[group].of(codes)
        return Z

    def _order(self):
        first = [j for j in self.plan.sequence if j in self.rows]
        return [*(j for j in self.rows if j not in first), *first]

    def _bounded(self, j, new):
        bounds = self.plan.bounds.get(j)
        return new if bounds is None else np.clip(new, *bounds)

    def _put(self, Z, j, cells, rows):
        cols = self.plan.columns[j].cols
        for place, col in enumerate(cols):
            Z[rows, col] = cells[:, place]
        if len(self.plan.pairs):
            products = self.plan.touched(cols)
            Z[np.ix_(rows, products)] = self.plan.products(Z[rows], products)


def mean_models(plan, chains):
    """Return for each column one model that gives the mean of what the chains expect.

    Parameters
    ----------
    plan : Plan
    chains : list of dict
        Column number -> fitted method, of each chain.

    Returns
    -------
    dict of int to object
    """
    models = {}
    for j in chains[0]:
        fitted = [chain[j] for chain in chains]
        if j == plan.group:
            models[j] = GroupMeans(
                np.mean([model.table for model in fitted], axis=0),
                np.mean([model.overall for model in fitted], axis=0),
            )
        else:
            joined = type(fitted[0]).joined(fitted) if hasattr(fitted[0], "joined") else None
            models[j] = joined or Averaged(fitted)
    return models


class Averaged:
    """The mean of what several fitted methods expect.

    Parameters
    ----------
    fitted : list
    """

    def __init__(self, fitted):
        self.fitted = fitted

    def expect(self, block):
        """Return the mean over the fitted methods."""
        return sum(model.expect(block) for model in self.fitted) / len(self.fitted)
