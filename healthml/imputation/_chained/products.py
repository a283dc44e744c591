"""Squares and products that the models of single columns need, chosen once, at fit."""

import numpy as np
import pandas as pd

from healthml._core._fingerprints import duplicate_clusters
from healthml.imputation._draws import draw_nominal, draw_ordered

# Columns of the design up to which products are looked for. 30 columns have 465 products; their
# number, and the time, grows with its square, while the criterion asks ever more of each. Chosen by
# judgement of that cost, not by simulation; moved up, fits of wide tables slow down.
MOST_COLUMNS = 30

# Rows on which terms are chosen, evenly spaced. At 5,000 a product that explains 0.5 % of the
# variance left is found almost always (its gain, n log(1 + R2), is 25 and the price about 21 with
# 465 products); more rows would cost time for weaker terms still. Chosen by that arithmetic.
MOST_ROWS = 5_000

# Rows without a gap (at least five for each column of the design, too) below which no term is
# looked for: fewer cannot tell a term from chance. Chosen by judgement, not by simulation; moved
# down, small tables get terms by chance, moved up, they go without terms that they have.
LEAST_ROWS = 60
ROWS_PER_COLUMN = 5  # rows (or groups) without a gap for each column of the design

# Terms that may enter the model of one column: a guard against a long search, which the criterion
# nearly always stops before. By judgement; moved down, a column of many curves loses some of them.
MOST_TERMS = 4

# An empty list of pairs.
NO_PAIRS = np.empty((0, 2), dtype=np.int64)


def _rows_needed(width):
    return max(LEAST_ROWS, ROWS_PER_COLUMN * width)


def units_of(columns, values, missing, group):
    """Return the unit of each row: the patient, or the rows that are copies of each other, nearly.

    A criterion counts rows as so much information. Copies (a bootstrap sample, a join) and visits
    that are nearly equal bring none, and terms found in them are noise repeated.

    Parameters
    ----------
    columns : list of Coded
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    group : int or None
        Column of the groups. They are the units where they are many; rows are, in few sites.

    Returns
    -------
    ndarray of int or None
        None where every row is a unit of its own.
    """
    width = 1 + sum(column.width for column in columns)
    if group is not None and len(columns[group].levels) >= _rows_needed(width):
        return values[group].astype(np.int64)
    own = [j for j in range(len(columns)) if j != group]
    cells = {j: np.where(missing[j], np.nan, values[j]) for j in own}
    unit = duplicate_clusters(pd.DataFrame(cells).rename(columns=str)).near_id
    return unit if len(np.unique(unit)) < len(unit) else None


def _one_of_each(rows, unit):
    """Return the first row of each unit."""
    if unit is None:
        return rows
    return rows[np.sort(np.unique(unit[rows], return_index=True)[1])]


def choose_pairs(columns, values, missing, predictors, targets, unit=None):
    """Return products of columns of the design that predict incomplete columns.

    The rows without a gap are regressed, column by column, and a product enters where it lowers
    the extended Bayesian information criterion [1]_, the best first.

    Parameters
    ----------
    columns : list of Coded
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    predictors : dict of int to ndarray of int
        Columns of the design that predict each column, intercept first.
    targets : list of int
        Columns that products may predict.
    unit : ndarray of int, optional
        Unit of each row, as `units_of` gives it; one row of each counts.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2)
    chosen : dict of int to list of int
        Column -> places in `pairs`.

    References
    ----------
    .. [1] Chen J, Chen Z. Extended Bayesian information criteria for model selection with large
       model spaces. Biometrika 2008;95:759-771.
    """
    nothing = NO_PAIRS, {}
    width = 1 + sum(column.width for column in columns)
    rows = _one_of_each(np.flatnonzero(~np.any(missing, axis=0)), unit)
    if width > MOST_COLUMNS or len(rows) < _rows_needed(width):
        return nothing
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    Z = np.ones((len(rows), width))
    for column, cells in zip(columns, values, strict=True):
        Z[:, column.cols] = column.expand(cells[rows])
    owner = np.zeros(width, dtype=np.int64) - 1
    for k, column in enumerate(columns):
        owner[column.cols] = k
    pairs, chosen = [], {}
    for j in targets:
        own = predictors[j][1:]
        selected = _forward(Z, columns[j].cols, predictors[j], _candidates(own, owner, columns))
        for pair in selected:
            if pair not in pairs:
                pairs.append(pair)
            chosen.setdefault(j, []).append(pairs.index(pair))
    return (np.array(pairs, dtype=np.int64), chosen) if pairs else nothing


def _candidates(own, owner, columns):
    """Return products of different columns, and squares of numbers."""
    products = []
    for place, a in enumerate(own):
        for b in own[place:]:
            same = owner[a] == owner[b]
            if not same or (a == b and not columns[owner[a]].is_category):
                products.append((int(a), int(b)))
    return products


def _forward(Z, targets, predictors, candidates):
    """Return the products that lower the criterion, one after the other."""
    if not candidates:
        return []
    n = len(Z)
    base = np.linalg.qr(Z[:, predictors])[0]
    Y = _without(base, Z[:, targets])
    P = np.stack([Z[:, a] * Z[:, b] for a, b in candidates], axis=1)
    before = (P**2).sum(axis=0)
    P = _without(base, P)
    price = len(targets) * (np.log(n) + 2 * np.log(len(candidates)))
    products = []
    while len(products) < MOST_TERMS:
        size = (P**2).sum(axis=0)
        total = (Y**2).sum(axis=0)
        usable = np.outer(size > 1e-6 * before, total > 1e-9 * n)
        share = np.zeros(usable.shape)
        np.divide((P.T @ Y) ** 2, np.outer(size, total), out=share, where=usable)
        gain = -n * np.log1p(-np.minimum(share, 1 - 1e-12)).sum(axis=1)
        best = int(np.argmax(gain))
        if gain[best] <= price:
            break
        products.append(candidates[best])
        unit = P[:, [best]] / np.sqrt(size[best])
        P, Y = _without(unit, P), _without(unit, Y)
    return products


def _without(base, Y):
    return Y - base @ (base.T @ Y)


def choose_squares(columns, values, missing, predictors, targets, unit=None):
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
    unit : ndarray of int, optional
        As in `choose_pairs`.

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
    squares = {}
    for j, is_ordered in targets.items():
        inside = [k for k in numbers if columns[k].cols[0] in predictors[j]]
        trial = _Trial(Z, columns, values, missing, j, predictors[j], is_ordered, unit)
        chosen = _forward_squares(inside, trial.gain)
        if chosen:
            squares[j] = [int(columns[k].cols[0]) for k in chosen]
    return squares


class _Trial:
    """The logistic regression of one column of levels, to which squares are added."""

    def __init__(self, Z, columns, values, missing, j, predictors, is_ordered, unit):
        self.Z = Z
        self.columns = columns
        self.codes = values[j]
        self.missing = missing
        self.j = j
        self.predictors = predictors
        self.is_ordered = is_ordered
        self.unit = unit
        self.n_terms = 1 if is_ordered else len(columns[j].levels) - 1
        self.without = {}  # fits to which a square is added

    def gain(self, k, before):
        """Return by how much the square of number k, after others, lowers the criterion."""
        used = [*before, k]
        rows = np.flatnonzero(~np.any([self.missing[c] for c in (self.j, *used)], axis=0))
        rows = _one_of_each(rows, self.unit)
        if len(rows) < _rows_needed(self.Z.shape[1]):
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


def _forward_squares(candidates, gain):
    """Return the candidates with a gain over those before them, the best first."""
    ranked = []
    while candidates and len(ranked) < MOST_TERMS:
        gains = {k: gain(k, ranked) for k in candidates}
        candidates = sorted((k for k in candidates if gains[k] > 0), key=lambda k: -gains[k])
        ranked += candidates[:1]
        candidates = candidates[1:]
    return ranked


def _filled(columns, values, missing, width):
    """Return the design with the mean, or the shares of the levels, in missing cells."""
    Z = np.ones((len(values[0]), width))
    for column, cells, is_missing in zip(columns, values, missing, strict=True):
        block = column.expand(cells)
        block[is_missing] = block[~is_missing].mean(axis=0)
        Z[:, column.cols] = block
    return Z
