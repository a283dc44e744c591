"""Squares of numbers that the models of single columns of levels need, chosen once, at fit."""

import numpy as np

from healthml.imputation._chained.products import LEAST_ROWS, MOST_COLUMNS, MOST_ROWS, MOST_TERMS
from healthml.imputation._draws.logistic import draw_nominal, draw_ordered


def choose_squares(columns, values, missing, predictors, targets):
    """Return the numbers whose squares predict incomplete columns of levels.

    A number is tried in the rows in which it and the levels are observed, gaps of the others
    filled with their mean. Its square enters where that lowers Akaike's criterion, the best first:
    for imputation a term too many costs little and one too few costs bias [1]_.

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

    References
    ----------
    .. [1] Collins LM, Schafer JL, Kam CM. A comparison of inclusive and restrictive strategies in
       modern missing data procedures. Psychol Methods 2001;6:330-351.
    """
    width = 1 + sum(column.width for column in columns)
    numbers = [
        k
        for k, column in enumerate(columns)
        if column.levels is None and len(np.unique(values[k][~missing[k]])) > 2
    ]
    if not targets or not numbers or width > MOST_COLUMNS:
        return {}
    Z = _filled(columns, values, missing, width)
    found = {}
    for j, is_ordered in targets.items():
        inside = [k for k in numbers if columns[k].cols[0] in predictors[j]]
        trial = _Trial(Z, columns, values, missing, j, predictors[j], is_ordered)
        chosen = _forward(inside, trial.gain)
        if chosen:
            found[j] = [int(columns[k].cols[0]) for k in chosen]
    return found


class _Trial:
    """The logistic regression of one column of levels, to which squares are added."""

    def __init__(self, Z, columns, values, missing, j, predictors, is_ordered):
        self.Z = Z
        self.columns = columns
        self.codes = values[j]
        self.missing = missing
        self.j = j
        self.predictors = predictors
        self.is_ordered = is_ordered
        self.n_terms = 1 if is_ordered else len(columns[j].levels) - 1
        self.without = {}  # fits to which a square is added

    def gain(self, k, before):
        """Return by how much the square of number k, after others, lowers the criterion."""
        used = [*before, k]
        rows = np.flatnonzero(~np.any([self.missing[c] for c in (self.j, *used)], axis=0))
        if len(rows) < max(LEAST_ROWS, 5 * self.Z.shape[1]):
            return 0.0
        rows = rows[:: -(-len(rows) // MOST_ROWS)]
        squares = self.Z[np.ix_(rows, [self.columns[c].cols[0] for c in used])] ** 2
        X = np.column_stack([self.Z[np.ix_(rows, self.predictors)], squares])
        codes = np.unique(self.codes[rows], return_inverse=True)[1]
        key = tuple(before), k if self.missing[k].any() else None
        if key not in self.without:
            self.without[key] = self._fit(X[:, :-1], codes)
        without = self.without[key]
        start = np.append(without.estimate, np.zeros_like(without.estimate[-1:]), axis=0)
        more = self._fit(X, codes, start)
        if not (without.converged and more.converged):
            return 0.0
        return 2 * (without.loss - more.loss) - 2 * self.n_terms

    def _fit(self, X, codes, start=None):
        n_levels = max(codes.max() + 1, 2)
        draw = draw_ordered if self.is_ordered and n_levels > 2 else draw_nominal
        rng = np.random.default_rng(0)  # what is drawn is not used
        return draw(X, codes, n_levels, rng, start)


def _forward(candidates, gain):
    """Return the candidates with a gain over those before them, the best first."""
    found = []
    while candidates and len(found) < MOST_TERMS:
        gains = {k: gain(k, found) for k in candidates}
        candidates = sorted((k for k in candidates if gains[k] > 0), key=lambda k: -gains[k])
        found += candidates[:1]
        candidates = candidates[1:]
    return found


def _filled(columns, values, missing, width):
    """Return the design with the mean, or the shares of the levels, in missing cells."""
    Z = np.ones((len(values[0]), width))
    for column, cells, gone in zip(columns, values, missing, strict=True):
        block = column.expand(cells)
        block[gone] = block[~gone].mean(axis=0)
        Z[:, column.cols] = block
    return Z
