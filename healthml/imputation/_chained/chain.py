"""One chain of fully conditional specification: every incomplete column drawn given the others.

The sums of products of the whole design are kept up to date, so that a linear regression on the
observed rows costs one subtraction instead of a pass over the table.
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from healthml.imputation._table import GroupMeans, Groups

# An empty list of rows.
_NONE = np.empty(0, dtype=np.int64)


@dataclass
class Plan:
    """What is imputed from what, the same for every chain.

    Parameters
    ----------
    columns : list of Coded
        The columns of the table, with their places in the design.
    methods : dict of int to object
        Column number -> how it is drawn; see `_methods`.
    predictors : dict of int to ndarray of int
        Column number -> columns of the design that predict it, intercept first.
    sequence : list of int
        Order of the visits.
    pairs : ndarray of shape (n_pairs, 2)
        Columns of the design whose product is a further column.
    passive : dict of int to (callable, tuple of int)
        Column number -> function of other columns and their numbers.
    bounds : dict of int to (float, float)
        Column number -> limits in standardised units.
    group : int or None
        Number of the column that names the group of each row; the means of the other columns in
        each group are then further columns of the design.
    """

    columns: list
    methods: dict
    predictors: dict
    sequence: list
    pairs: np.ndarray = field(default_factory=lambda: np.empty((0, 2), dtype=np.int64))
    passive: dict = field(default_factory=dict)
    bounds: dict = field(default_factory=dict)
    group: int | None = None

    @cached_property
    def n_own(self):
        """Number of columns of the design before products, intercept counted."""
        return 1 + sum(column.width for column in self.columns)

    @cached_property
    def n_design(self):
        """Number of columns of the design."""
        return self.n_own + len(self.pairs) + (self.n_own - 1 if self.has_groups else 0)

    @property
    def has_groups(self):
        """Whether the rows stand in groups."""
        return self.group is not None

    def means_of(self, cols):
        """Return the places of the group means of some columns of the design."""
        return self.n_own + len(self.pairs) + np.asarray(cols) - 1

    def touched(self, cols):
        """Return the products that change with some columns of the design."""
        if not len(self.pairs):
            return _NONE
        return self.n_own + np.flatnonzero(np.isin(self.pairs, cols).any(axis=1))

    def products(self, Z, which):
        """Return some products of the columns of a design."""
        pairs = self.pairs[which - self.n_own]
        return Z[:, pairs[:, 0]] * Z[:, pairs[:, 1]]

    def passive_cells(self, j, block):
        """Return the cells of a passive column, computed from the rows of a design."""
        function, parents = self.passive[j]
        cells = []
        for parent in parents:
            column = self.columns[parent]
            cells.append(column.number(block[:, column.cols[0]]))
        own = self.columns[j]
        return own.design(np.asarray(function(*cells), dtype=float))


def fill_design(plan, values, missing, start):
    """Return the design of a table whose missing cells hold a first guess.

    Parameters
    ----------
    plan : Plan
    values : list of ndarray
        Cells as `Coded.read` gives them.
    missing : list of ndarray of bool
        Which cells are missing.
    start : list of ndarray
        First guess of the missing cells of each column.

    Returns
    -------
    ndarray of shape (n_rows, n_design)
    """
    Z = np.empty((len(values[0]), plan.n_design))
    Z[:, 0] = 1
    for column, cells, missing_rows, guess in zip(
        plan.columns, values, missing, start, strict=True
    ):
        cells = cells.copy()
        cells[missing_rows] = guess
        Z[:, column.cols] = column.expand(cells)
    every = plan.n_own + np.arange(len(plan.pairs))
    Z[:, every] = plan.products(Z, every)
    return Z


class Chain:
    """State of one chain: the design, its sums of products, and the chance of this chain.

    Parameters
    ----------
    plan : Plan
        What is imputed from what.
    values : list of ndarray
        Cells of the training rows as `Coded.read` gives them.
    missing : list of ndarray of bool
        Which cells are missing.
    seed : int or sequence of int
        Seed of the chain.
    """

    def __init__(self, plan, values, missing, seed):
        self.plan = plan
        self.values = values
        self.rng = np.random.default_rng(seed)
        self.missing_rows = [np.flatnonzero(mask) for mask in missing]
        self.seen = [None if mask.any() else slice(None) for mask in missing]
        self.current = []
        for cells, mask, rows in zip(values, missing, self.missing_rows, strict=True):
            kept = cells[~mask]
            self.current.append(kept[self.rng.integers(len(kept), size=len(rows))])
        self.Z = fill_design(plan, values, missing, self.current)
        self.groups = None
        if plan.has_groups:
            self.groups = Groups(values[plan.group])
            own = np.arange(1, plan.n_own)
            self.Z[:, plan.means_of(own)] = self.groups.means(self.Z[:, own])[self.groups.codes]
        self.gram = self.Z.T @ self.Z
        self.block = None  # rows of the column being visited
        self.memory = {}
        self.fitted = {}

    def observed(self, j):
        """Return the rows in which column j is observed."""
        if self.seen[j] is None:
            kept = np.ones(len(self.Z), dtype=bool)
            kept[self.missing_rows[j]] = False
            self.seen[j] = np.flatnonzero(kept)
        return self.seen[j]

    def observed_values(self, j):
        """Return the observed cells of column j."""
        return self.values[j][self.observed(j)]

    def predictors_seen(self, j, cols):
        """Return some columns of the design in the rows in which column j is observed."""
        return self.Z[:, cols][self.observed(j)]

    def run(self, n_iter):
        """Visit all columns `n_iter` times; return the trace of means and spreads.

        Returns
        -------
        ndarray of shape (n_iter, n_sequence, 2)
            Mean and standard deviation of the imputed cells after each visit.
        """
        trace = np.empty((n_iter, len(self.plan.sequence), 2))
        for number in range(n_iter):
            last = number == n_iter - 1
            for place, j in enumerate(self.plan.sequence):
                self.visit(j, keep=last)
                trace[number, place] = _mean_and_spread(self.current[j])
        return trace

    def visit(self, j, *, keep=False):
        """Draw the missing cells of one column given all others."""
        self.block = self.Z[self.missing_rows[j]]
        if j in self.plan.passive:
            new = self.plan.passive_cells(j, self.block)
        else:
            new, fitted = self.plan.methods[j].draw(self, j, keep=keep)
            if keep:
                self.fitted[j] = fitted
        if j in self.plan.bounds:
            new = np.clip(new, *self.plan.bounds[j])
        self.place(j, new)

    def keep_complete(self):
        """Fit the columns without a missing cell too: they may be missing in new rows."""
        for j in range(len(self.plan.columns)):
            if j not in self.fitted and j in self.plan.methods:
                self.block = self.Z[self.missing_rows[j]]
                _, self.fitted[j] = self.plan.methods[j].draw(self, j, keep=True)
        if self.groups is not None:
            own = self.Z[:, 1 : self.plan.n_own]
            self.fitted[self.plan.group] = GroupMeans(self.groups.means(own), own.mean(axis=0))

    def place(self, j, new):
        """Write drawn cells into the design and bring the sums of products up to date."""
        column, rows = self.plan.columns[j], self.missing_rows[j]
        products = self.plan.touched(column.cols)
        cols = np.concatenate([column.cols, products]) if len(products) else column.cols
        block = self.block
        before = block[:, cols]
        block[:, column.cols] = column.expand(new)
        if len(products):
            block[:, products] = self.plan.products(block, products)
        for place in cols:
            self.Z[rows, place] = block[:, place]
        self.current[j] = new
        change = block[:, cols] - before
        cross = block.T @ change  # new rows times change
        self.gram[:, cols] += cross
        self.gram[cols, :] += cross.T
        self.gram[cols[:, None], cols] -= change.T @ change
        if self.groups is not None:
            self._renew_means(column.cols)

    def _renew_means(self, cols):
        """Write the group means of some columns and their sums of products."""
        means = self.plan.means_of(cols)
        self.Z[:, means] = self.groups.means(self.Z[:, cols])[self.groups.codes]
        cross = self.Z.T @ self.Z[:, means]
        self.gram[:, means] = cross
        self.gram[means, :] = cross.T


def _mean_and_spread(cells):
    cells = cells.astype(float, copy=False)
    mean = cells.sum() / len(cells)
    return mean, np.sqrt(max(cells @ cells / len(cells) - mean**2, 0.0))
