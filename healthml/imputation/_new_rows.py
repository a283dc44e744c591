"""Filling in rows that were not there at fit: the same row, the same answer, alone or in a batch.

Chance comes from the row itself: its cells are hashed, and the hash with the number of the chain,
the round and the column gives a uniform number. Sums over predictors run row by row in one order,
so that rounding does not depend on the neighbours either.
"""

import numpy as np

_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_STEP = np.uint64(0x9E3779B97F4A7C15)


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
    key = np.zeros(len(values[0]), dtype=np.uint64)
    for place, (cells, gone) in enumerate(zip(values, missing, strict=True)):
        bits = np.ascontiguousarray(cells + 0.0, dtype=np.float64).view(np.uint64)
        bits = np.where(gone, np.uint64(0x7FF8DEAD), bits)
        with np.errstate(over="ignore"):
            key = _mixed(key ^ (bits + np.uint64(place + 1) * _STEP))
    return key


def chance_of(keys, *place):
    """Return one uniform number in [0, 1) per row for a place: seed, chain, round, column.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._new_rows import chance_of
    >>> keys = np.array([7, 8], dtype=np.uint64)
    >>> bool(chance_of(keys, 1, 2)[0] == chance_of(keys[:1], 1, 2)[0])
    True
    """
    with np.errstate(over="ignore"):
        salt = np.uint64(0)
        for number in place:
            salt = _mixed(salt + np.uint64(number) * _STEP + _STEP)
        mixed = _mixed(keys ^ salt)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mixed(x):
    """Scramble 64 bits (the finaliser of splitmix64)."""
    x = np.asarray(x, dtype=np.uint64)
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return x ^ (x >> np.uint64(31))


class NewRows:
    """Rows to fill in: their design with a first guess, and who is missing what.

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
        self.rows = {j: np.flatnonzero(gone) for j, gone in enumerate(missing) if gone.any()}
        Z = np.empty((len(values[0]), plan.n_design))
        Z[:, 0] = 1
        for j, column in enumerate(plan.columns):
            cells = np.where(missing[j], 0, values[j])
            Z[:, column.cols] = column.expand(cells)
            if j in self.rows:
                guess = start[j][1:] if column.is_category else start[j]
                Z[np.ix_(self.rows[j], column.cols)] = guess
        every = np.arange(plan.n_own, plan.n_design)
        Z[:, every] = plan.products(Z, every)
        self.first = Z

    def draw(self, fitted, n_sweeps, seed, chain):
        """Return {column: drawn cells} of one chain."""
        Z, drawn = self.first.copy(), {}
        order = self._order()
        for sweep in range(n_sweeps):
            for j in order:
                rows = self.rows[j]
                block, keys = Z[rows], self.keys[rows]
                if j in self.plan.passive:
                    new = self._passive(j, Z, rows)
                else:
                    place = (seed, chain, sweep, j)
                    chance, more = chance_of(keys, *place), chance_of(keys, *place, 1)
                    new = fitted[j].draw(block, chance, more)
                drawn[j] = self._bounded(j, new)
                self._put(Z, j, rows, self.plan.columns[j].expand(drawn[j]))
        return drawn

    def mean(self, chains, n_sweeps):
        """Return {column: conditional mean} for numbers, {column: level shares} for levels."""
        Z, found = self.first.copy(), {}
        order = self._order()
        n_sweeps = n_sweeps if len(order) > 1 else min(n_sweeps, 1)
        for _ in range(n_sweeps):
            for j in order:
                rows = self.rows[j]
                if j in self.plan.passive:
                    new = self._passive(j, Z, rows)
                else:
                    block = Z[rows]
                    new = sum(fitted[j].expect(block) for fitted in chains) / len(chains)
                category = self.plan.columns[j].is_category
                found[j] = new if category else self._bounded(j, new)
                self._put(Z, j, rows, new[:, 1:] if category else found[j][:, None])
        return found

    def _order(self):
        first = [j for j in self.plan.sequence if j in self.rows]
        return [*(j for j in self.rows if j not in first), *first]

    def _bounded(self, j, new):
        bounds = self.plan.bounds.get(j)
        return new if bounds is None else np.clip(new, *bounds)

    def _put(self, Z, j, rows, cells):
        cols = self.plan.columns[j].cols
        Z[np.ix_(rows, cols)] = cells
        products = self.plan.touched(cols)
        if len(products):
            Z[np.ix_(rows, products)] = self.plan.products(Z[rows], products)

    def _passive(self, j, Z, rows):
        return self.plan.passive_cells(j, Z[rows])
