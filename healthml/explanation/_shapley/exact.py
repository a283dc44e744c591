"""Exact values of sums of linear parts and trees, leaf by leaf and column by column."""

from typing import NamedTuple

import numpy as np

from healthml.explanation._reading import Linear, tree_values


class BatchValues(NamedTuple):
    """Sums of values over the background rows of each batch: (n, n_players, n_batches)."""

    sums: np.ndarray

    def mean(self, sizes):
        """Return the values: means over all background rows."""
        return self.sums.sum(axis=2) / sizes.sum()

    def standard_error(self, sizes):
        """Return how far the values would move with another background of the same size."""
        n = len(sizes)
        if n < 2:
            return np.full(self.sums.shape[:2], np.nan)
        gaps = self.sums / sizes - self.mean(sizes)[:, :, None]
        share = sizes / sizes.sum()
        return np.sqrt((share**2 * gaps**2).sum(axis=2) * n / (n - 1))


def form_shapley(form, rows, background, owners, n_players, batch):
    """Return exact values of a form, summed over the background rows of each batch.

    Parameters
    ----------
    form : Form
        The model.
    rows, background : list of ndarray
        What each term reads of the explained rows and of the background rows.
    owners : list of ndarray of int
        Player of each column of each term.
    n_players : int
        Number of players.
    batch : ndarray of int of shape (n_background,)
        Batch of each background row, none empty.

    Returns
    -------
    BatchValues
    """
    sizes = np.bincount(batch)
    sums = np.zeros((len(rows[0]), n_players, len(sizes)))
    for term, own, other, owner in zip(form.terms, rows, background, owners, strict=True):
        if isinstance(term.part, Linear):
            add_linear(sums, term, own, other, owner, batch, sizes)
        else:
            sums += term.weight * tree_values(own, other, batch, owner, n_players, term.part)
    return BatchValues(sums)


def add_linear(sums, term, rows, background, owner, batch, sizes):
    """Add the closed form of a linear part: weight times how far a row is from each batch."""
    for k in np.flatnonzero((owner >= 0) & (term.part.coef != 0)):
        weight = term.weight * term.part.coef[k]
        total = np.bincount(batch, background[:, k], minlength=len(sizes))
        sums[:, owner[k], :] += weight * (rows[:, k][:, None] * sizes - total)
