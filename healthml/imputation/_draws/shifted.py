"""Draws moved away from what the observed cells suggest: delta adjustment inside a chain."""

import numpy as np
from scipy.special import expit, logit

from healthml.imputation._draws.logistic import pick_levels
from healthml.imputation._draws.methods import LevelFitted

# Shares are kept this far from 0 and 1, where the log odds are infinite.
_TINY = 1e-12


class Shifted:
    """Another method whose draws are shifted before the other columns see them.

    Parameters
    ----------
    method : object
        How the column is drawn otherwise; see `_methods`.
    shift : float
        Added to numbers, in units of the column; added to the log-odds of levels.
    rows : ndarray of bool of shape (n_rows,)
        Rows whose drawn cells are shifted.
    level : int or None
        Number of the level whose odds change against all others; None shifts the odds of being
        above each level, for ordered levels.
    """

    on_support = False

    def __init__(self, method, shift, rows, level=None):
        self.method = method
        self.shift = shift
        self.rows = rows
        self.level = level

    def draw(self, chain, j, *, keep=False):
        """Return shifted cells and the model, which knows nothing of the shift."""
        cells, fitted = self.method.draw(chain, j, keep=keep)
        moved = self.rows[chain.missing_rows[j]]
        column = chain.plan.columns[j]
        if not column.is_category:
            shifted = column.design(column.number(cells) + self.shift)
            return np.where(moved, shifted, cells), fitted
        # chance of its own, the same for every shift, so that answers move smoothly with it
        if ("shift", j) not in chain.memory:
            chain.memory["shift", j] = chain.rng.spawn(1)[0]
        chance = chain.memory["shift", j].random(len(cells))
        shares = tilt(_drawn_shares(fitted, chain.block), self.shift, self.level)
        return np.where(moved, pick_levels(shares, chance), cells), fitted


def tilt(shares, shift, level=None):
    """Return level probabilities after a shift of log-odds.

    Parameters
    ----------
    shares : ndarray of shape (n_rows, n_levels)
        Probability of each level.
    shift : float
        Added to log-odds.
    level : int or None
        Level whose odds change against all others, which keep their proportions; None adds the
        shift to the log-odds of being above each level.

    Returns
    -------
    ndarray of shape (n_rows, n_levels)

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._draws.shifted import tilt
    >>> tilt(np.array([[0.5, 0.25, 0.25]]), np.log(3), level=0).round(3).tolist()
    [[0.75, 0.125, 0.125]]
    >>> tilt(np.array([[0.5, 0.25, 0.25]]), np.log(3)).round(3).tolist()
    [[0.25, 0.25, 0.5]]
    """
    if level is None:
        above = shares[:, ::-1].cumsum(axis=1)[:, -2::-1]
        ends = [np.ones(len(shares)), _move(above, shift), np.zeros(len(shares))]
        return -np.diff(np.column_stack(ends), axis=1)
    old = shares[:, level]
    new = _move(old, shift)
    rest = (1 - new) / np.maximum(1 - old, _TINY)
    shifted = shares * rest[:, None]
    shifted[:, level] = new
    return shifted


def _move(share, shift):
    return expit(logit(np.clip(share, _TINY, 1 - _TINY)) + shift)


def _drawn_shares(fitted, block):
    """Return the probabilities that a fitted method draws levels with."""
    if isinstance(fitted, LevelFitted):
        return fitted.model.probabilities(block[:, fitted.predictors])
    return fitted.expect(block)
