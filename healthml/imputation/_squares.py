"""Squares of numbers that the models of single columns of levels need, chosen once, at fit."""

import numpy as np

from healthml.imputation._logistic_draws import draw_nominal, draw_ordered
from healthml.imputation._pairs import LEAST_ROWS, MOST_COLUMNS, MOST_ROWS


def choose_squares(columns, values, missing, predictors, targets):
    """Return the numbers whose squares predict incomplete columns of levels.

    A number is tried in the rows in which it and the levels are observed, gaps of the others
    filled with their mean. Its square enters where the logistic regression gets better by more than
    the extended Bayesian information criterion asks; see `choose_pairs`.

    Parameters
    ----------
    columns : list of Coded
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    predictors : dict of int to ndarray of int
        Columns of the design that predict each column, intercept first.
    targets : dict of int to bool
        Columns of levels -> whether their model is the one for ordered levels.

    Returns
    -------
    dict of int to list of int
        Column -> columns of the design.
    """
    width = 1 + sum(column.width for column in columns)
    numbers = [
        k
        for k, column in enumerate(columns)
        if column.levels is None and _distinct(values[k][~missing[k]]) > 2
    ]
    if not targets or not numbers or width > MOST_COLUMNS:
        return {}
    Z = _filled(columns, values, missing, width)
    found = {}
    for j, is_ordered in targets.items():
        inside = [k for k in numbers if columns[k].cols[0] in predictors[j]]
        for k in inside:
            rows = np.flatnonzero(~missing[j] & ~missing[k])
            rows = rows[:: -(-len(rows) // MOST_ROWS)] if len(rows) else rows
            if len(rows) < max(LEAST_ROWS, 5 * width):
                continue
            X, codes = Z[np.ix_(rows, predictors[j])], values[j][rows].astype(np.int64)
            square = Z[rows, columns[k].cols[0]] ** 2
            gain = _gain(X, square, codes, is_ordered)
            n_terms = 1 if is_ordered else len(columns[j].levels) - 1
            if gain > n_terms * (np.log(len(rows)) + 2 * np.log(len(inside))):
                found.setdefault(j, []).append(int(columns[k].cols[0]))
    return found


def _distinct(cells):
    return len(np.unique(cells))


def _filled(columns, values, missing, width):
    """Return the design with the mean, or the shares of the levels, in missing cells."""
    Z = np.ones((len(values[0]), width))
    for column, cells, gone in zip(columns, values, missing, strict=True):
        block = column.expand(cells)
        block[gone] = block[~gone].mean(axis=0)
        Z[:, column.cols] = block
    return Z


def _gain(X, square, codes, is_ordered):
    """Return how much a square raises twice the log posterior density at its highest point."""
    levels, codes = np.unique(codes, return_inverse=True)
    if len(levels) < 2:
        return 0.0
    draw = draw_ordered if is_ordered and len(levels) > 2 else draw_nominal
    rng = np.random.default_rng(0)  # what is drawn is not used
    without = draw(X, codes, len(levels), rng)
    more = draw(np.column_stack([X, square]), codes, len(levels), rng)
    return 2 * (without.loss - more.loss) if without.converged and more.converged else 0.0
