"""Gradients and second derivatives of many logistic regressions on one table, block by block."""

import numpy as np

_CELLS = 2**17  # resamples x rows worked on at a time: what a processor's cache holds
_FEWEST_ROWS = 64  # of a piece, so that numpy's own cost for each piece stays small; only speed
_FITS = 256  # resamples worked on at a time
_FEW = 12  # fits for which products of pairs of columns are not worth their while


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
    start : ndarray of shape (width,)
        Coefficients at which every resample begins.
    """

    def __init__(self, table, y, counts, weight, penalty, start):
        self.table, self.y, self.counts, self.penalty = table, y, counts, penalty
        self.single = table.astype(np.float32)
        self.weight = np.ones(len(table)) if weight is None else weight
        self.weighted = weight is not None
        self.pairs = np.triu_indices(table.shape[1])
        self.start = start
        risk = _expit(table @ start)
        events, begun = ((self.weight * part)[:, None] * table for part in (y, y - risk))
        sums = self._times(np.column_stack([self.weight, events, begun]))
        self.total, (self.events, self.begun) = sums[:, 0], np.split(sums[:, 1:], 2, axis=1)

    def at(self, coef, active, stale, dtype=float):
        """Return gradients of the active fits at `coef` and matrices of the stale ones."""
        fitted = np.zeros_like(coef)
        halves = np.zeros((stale.sum(), len(self.pairs[0])))
        place = np.cumsum(stale) - 1
        for fits in _blocks(len(active)):
            own = stale[fits]
            at = place[fits][own]
            part = coef[fits].astype(dtype)
            self._add(part, active[fits], own, fitted[fits], halves, at)
        gradient = self.events[active] - fitted - self.penalty[active] * coef
        return gradient, self._square(halves, self.penalty[active[stale]])

    def begin(self):
        """Return gradients where all resamples begin: one sum, for there their risks are alike."""
        return self.begun - self.penalty * self.start

    def _add(self, coef, fits, own, fitted, halves, at):
        """Add what some resamples get from all rows, in place: no new array is as fast."""
        table = self.single if coef.dtype == np.float32 else self.table
        for rows in chunks(len(self.table), len(fits)):
            part = table[rows]
            share = coef @ -part.T
            with np.errstate(over="ignore"):
                np.exp(share, out=share)
            share += 1
            mean = self._count(fits, rows, share.dtype)
            mean /= share
            fitted += mean @ part
            if len(at):
                mean, share = (mean, share) if own.all() else (mean[own], share[own])
                np.divide(mean, share, out=share)
                np.subtract(mean, share, out=share)
                share = share.astype(np.float32, copy=False)
                halves[at] += self._curvature(self.single[rows], share)

    def _curvature(self, single, share):
        """Return the sums of the products of pairs of columns, in single precision.

        The products are made once for many fits; for a few, one fit after the other is faster.
        """
        if len(share) < _FEW:
            whole = np.stack([(single.T * column) @ single for column in share])
            return whole[:, *self.pairs]
        products = np.empty((len(single), len(self.pairs[0])), dtype=np.float32)
        at, width = 0, single.shape[1]
        for i in range(width):
            np.multiply(single[:, i:], single[:, i, None], out=products[:, at : at + width - i])
            at += width - i
        return share @ products

    def _count(self, fits, rows, dtype):
        count = self.counts[fits, rows].astype(dtype)
        if self.weighted:
            count *= self.weight[rows].astype(dtype)
        return count

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


def _expit(eta):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-eta))


def dots(left, right):
    """Return the inner product of each pair of rows."""
    return np.einsum("bi,bi->b", left, right)


def chunks(n_rows, n_resamples):
    """Cut the rows so that a piece of all resamples fits into the cache."""
    step = max(_FEWEST_ROWS, _CELLS // max(n_resamples, 1))
    return [slice(at, at + step) for at in range(0, n_rows, step)]


def _blocks(n_fits):
    return [slice(at, min(at + _FITS, n_fits)) for at in range(0, n_fits, _FITS)]
