"""Maximum-likelihood means and covariance of a normal table with gaps, by EM."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from healthml.exceptions import InputError

SINGULAR = 1e-10  # smallest share of a column's variance that the other columns may leave
CELLS_AT_ONCE = 2_000_000


@dataclass(frozen=True)
class GappyTable:
    """Rows with gaps, sorted so that patterns with as many gaps are handled together.

    Parameters
    ----------
    cells : ndarray of shape (n_samples, n_columns)
        Values with NaN in the gaps, columns on a common scale.
    patterns : ndarray of bool of shape (n_patterns, n_columns)
        Distinct rows of gaps.
    row : ndarray of shape (n_samples,)
        Pattern of each row.
    """

    cells: np.ndarray
    patterns: np.ndarray
    row: np.ndarray

    def parts(self):
        """Return parts of equal numbers of gaps: patterns, where their gaps are, their rows."""
        count, order = self.patterns.sum(axis=1), np.argsort(self.row, kind="stable")
        starts = np.searchsorted(self.row[order], np.arange(len(self.patterns) + 1))
        found = []
        for m in np.unique(count[count > 0]):
            same = np.flatnonzero(count == m)
            for some in np.array_split(same, 1 + len(same) * m * m // CELLS_AT_ONCE):
                rows = np.concatenate([order[starts[k] : starts[k + 1]] for k in some])
                place = np.repeat(np.arange(len(some)), starts[some + 1] - starts[some])
                gaps = np.nonzero(self.patterns[some])[1].reshape(len(some), m)
                found.append((some, gaps, rows, place))
        return found


def fit_normal(table, max_iter, tol, names):
    """Return means, covariance, rounds taken and whether they settled.

    With the inverse covariance P, the expectation of a row's gaps is
    ``mu - inv(P[gaps, gaps]) @ P[gaps, known] @ (known - mu)``; the first factor is their
    covariance.

    Parameters
    ----------
    table : GappyTable
    max_iter : int
    tol : float
        Largest change of a mean or covariance that ends the search.
    names : list of str
        Columns, for the error.
    """
    n, p = table.cells.shape
    parts, holes = table.parts(), np.isnan(table.cells)
    mu, sigma = np.zeros(p), np.eye(p)
    for n_iter in range(1, max_iter + 1):
        full = np.where(holes, 0.0, table.cells - mu)
        unsure = _fill(full, parts, invert(sigma, names))
        shift = full.mean(axis=0)
        new = (full.T @ full + unsure) / n - np.outer(shift, shift)
        change = max(np.abs(shift).max(), np.abs(new - sigma).max())
        mu, sigma = mu + shift, new
        if change <= tol:
            return mu, sigma, n_iter, True
    return mu, sigma, max_iter, False


def _fill(full, parts, precision):
    """Write expectations into the gaps of centred rows; return the covariance that is left."""
    pull, unsure = full @ precision, np.zeros(precision.shape)
    for _, gaps, rows, place in parts:
        left = np.linalg.inv(precision[gaps[:, :, None], gaps[:, None, :]])
        where = gaps[place]
        expected = np.einsum("rij,rj->ri", left[place], pull[rows[:, None], where])
        full[rows[:, None], where] = -expected
        size = np.bincount(place, minlength=len(gaps))
        flat = gaps[:, :, None] * len(precision) + gaps[:, None, :]
        weight = (left * size[:, None, None]).ravel()
        unsure += np.bincount(flat.ravel(), weight, unsure.size).reshape(unsure.shape)
    return unsure


def pattern_distances(table, mu, precision):
    """Return n times the squared Mahalanobis distance of each pattern's means from `mu`."""
    size = np.bincount(table.row)
    away = np.where(np.isnan(table.cells), 0.0, table.cells - mu)
    mean = np.column_stack([np.bincount(table.row, column) for column in away.T]) / size[:, None]
    pull = mean @ precision
    distance = (mean * pull).sum(axis=1)
    for some, gaps, _, _ in table.parts():
        inside = precision[gaps[:, :, None], gaps[:, None, :]]
        at_gaps = pull[some[:, None], gaps]
        solved = np.linalg.solve(inside, at_gaps[:, :, None])[:, :, 0]
        distance[some] -= (at_gaps * solved).sum(axis=1)
    return size * distance


def invert(sigma, names):
    """Return the inverse covariance, refusing columns whose variance the others explain."""
    spread = np.sqrt(np.diag(sigma))
    try:
        inverse = cho_solve(cho_factor(sigma / np.outer(spread, spread)), np.eye(len(sigma)))
    except LinAlgError:
        raise InputError(_refusal("some columns are", names)) from None
    worst = int(np.argmax(np.diag(inverse)))
    if not inverse[worst, worst] < 1 / SINGULAR:  # the inverse's diagonal is 1 / (1 - R squared)
        raise InputError(_refusal(f"column {names[worst]!r} is", names))
    return inverse / np.outer(spread, spread)


def _refusal(which, names):
    return (
        f"{which} (nearly) a combination of the others, or there are too few rows for "
        f"{len(names)} columns; leave such columns out of Little's test."
    )
