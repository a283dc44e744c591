"""Squares and products that the models of single columns need, chosen once, at fit."""

import numpy as np

MOST_COLUMNS = 30  # of the design; more would cost more products than they are worth
MOST_ROWS = 5_000
LEAST_ROWS = 60
MOST_TERMS = 4
NO_PAIRS = np.empty((0, 2), dtype=np.int64)


def choose_pairs(columns, values, missing, predictors, targets):
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
    rows = np.flatnonzero(~np.any(missing, axis=0))
    if width > MOST_COLUMNS or len(rows) < max(LEAST_ROWS, 5 * width):
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
        found = _forward(Z, columns[j].cols, predictors[j], _candidates(own, owner, columns))
        for pair in found:
            if pair not in pairs:
                pairs.append(pair)
            chosen.setdefault(j, []).append(pairs.index(pair))
    return (np.array(pairs, dtype=np.int64), chosen) if pairs else nothing


def _candidates(own, owner, columns):
    """Return products of different columns, and squares of numbers."""
    found = []
    for place, a in enumerate(own):
        for b in own[place:]:
            same = owner[a] == owner[b]
            if not same or (a == b and not columns[owner[a]].is_category):
                found.append((int(a), int(b)))
    return found


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
    found = []
    while len(found) < MOST_TERMS:
        size = (P**2).sum(axis=0)
        total = (Y**2).sum(axis=0)
        usable = np.outer(size > 1e-6 * before, total > 1e-9 * n)
        share = np.zeros(usable.shape)
        np.divide((P.T @ Y) ** 2, np.outer(size, total), out=share, where=usable)
        gain = -n * np.log1p(-np.minimum(share, 1 - 1e-12)).sum(axis=1)
        best = int(np.argmax(gain))
        if gain[best] <= price:
            break
        found.append(candidates[best])
        unit = P[:, [best]] / np.sqrt(size[best])
        P, Y = _without(unit, P), _without(unit, Y)
    return found


def _without(base, Y):
    return Y - base @ (base.T @ Y)
