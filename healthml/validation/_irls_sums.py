"""Gradients and second derivatives of many logistic regressions on one table, block by block."""

import numpy as np

_CELLS = 2**17  # resamples x rows worked on at a time: what a processor's cache holds
_FITS = 256  # resamples worked on at a time


class Sums:
    """Gradients and second derivatives of all resamples, some resamples and rows at a time.

    Parameters
    ----------
    table : ndarray of shape (n, width)
        Columns with the intercept, standardised.
    y : ndarray of shape (n,)
        Outcome 0/1.
    counts : ndarray of shape (n_resamples, n)
        How often each resample has each row.
    weight : ndarray of shape (n,) or None
        Weights of the rows.
    penalty : ndarray of shape (n_resamples, width)
        Penalty of each squared coefficient.
    """

    def __init__(self, table, y, counts, weight, penalty):
        self.table, self.y, self.counts, self.penalty = table, y, counts, penalty
        self.weight = np.ones(len(table)) if weight is None else weight
        self.weighted = weight is not None
        self.pairs = np.triu_indices(table.shape[1])
        self.total = self._times(self.weight[:, None])[:, 0]
        self.events = self._times((self.weight * y)[:, None] * table)

    def at(self, coef, active, stale):
        """Return gradients of the active fits at `coef` and matrices of the stale ones."""
        fitted = np.zeros_like(coef)
        halves = np.zeros((stale.sum(), len(self.pairs[0])))
        place = np.cumsum(stale) - 1
        for fits in _blocks(len(active)):
            own = stale[fits]
            at = place[fits][own]
            self._add(coef[fits], active[fits], own, fitted[fits], halves, at)
        gradient = self.events[active] - fitted - self.penalty[active] * coef
        return gradient, self._square(halves, self.penalty[active[stale]])

    def _add(self, coef, fits, own, fitted, halves, at):
        """Add what some resamples get from all rows, in place: no new array is as fast."""
        left, right = self.pairs
        for rows in chunks(len(self.table), len(fits)):
            part = self.table[rows]
            share = coef @ -part.T
            with np.errstate(over="ignore"):
                np.exp(share, out=share)
            share += 1.0
            mean = self._count(fits, rows) / share
            fitted += mean @ part
            if len(at):
                mean, share = (mean, share) if own.all() else (mean[own], share[own])
                np.divide(mean, share, out=share)
                np.subtract(mean, share, out=share)
                single = part.astype(np.float32)
                halves[at] += share.astype(np.float32) @ (single[:, left] * single[:, right])

    def _count(self, fits, rows):
        count = self.counts[fits, rows]
        return count * self.weight[rows] if self.weighted else count

    def _times(self, columns):
        total = np.zeros((len(self.counts), columns.shape[1]))
        for fits in _blocks(len(self.counts)):
            for rows in chunks(len(columns), fits.stop - fits.start):
                total[fits] += self.counts[fits, rows].astype(float) @ columns[rows]
        return total

    def _square(self, halves, penalty):
        width = self.table.shape[1]
        whole = np.zeros((len(halves), width, width))
        left, right = self.pairs
        whole[:, left, right] = whole[:, right, left] = halves
        diagonal = np.arange(width)
        whole[:, diagonal, diagonal] += penalty
        return whole

    def separates(self, fit, directions):
        """Whether along a direction no row's likelihood falls and some row's rises."""
        used = (self.counts[fit] > 0) & (self.weight > 0)
        move = directions @ self.table[used].T
        wrong = (1 - 2 * self.y[used]) * move
        slack = 1e-6 * np.abs(move).max(axis=1)
        return bool(((slack > 1e-8) & (wrong.max(axis=1) <= slack)).any())


def dots(left, right):
    """Return the inner product of each pair of rows."""
    return np.einsum("bi,bi->b", left, right)


def chunks(n_rows, n_resamples):
    """Cut the rows so that a piece of all resamples fits into the cache."""
    step = max(64, _CELLS // max(n_resamples, 1))
    return [slice(at, at + step) for at in range(0, n_rows, step)]


def _blocks(n_fits):
    return [slice(at, min(at + _FITS, n_fits)) for at in range(0, n_fits, _FITS)]
