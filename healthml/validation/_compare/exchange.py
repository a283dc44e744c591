"""Outcomes dealt anew to patients, those of one patient together."""

import numpy as np

from healthml.exceptions import InputError


class Exchange:
    """Deals outcomes anew to patients, the outcomes of one patient together.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    units : ndarray of int, shape (n_samples,)
        Patient of each row.
    """

    def __init__(self, y, units):
        self.y, self.units = y, units
        size, events = np.bincount(units), np.bincount(units, y)
        self.whole = bool(np.all((events == 0) | (events == size)))
        self.of_patient = (events > 0).astype(y.dtype)
        self.blocks = [] if self.whole else _blocks(units, size)
        movable = len(size) if self.whole else sum(len(block) for block in self.blocks)
        if not self.whole and all(len(np.unique(y[b], axis=0)) < 2 for b in self.blocks):
            raise InputError(
                "No two patients with the same number of rows have different outcomes, so that "
                "outcomes cannot be dealt anew; make one row for each patient."
            )
        self.n_exchanged = int(movable)
        among = "all patients" if self.whole else "patients with the same number of rows"
        alone = len(size) == len(y)
        self.text = "rows exchanged" if alone else f"outcomes of {among} exchanged"

    def draw(self, seed):
        """Return permuted outcomes."""
        random = np.random.RandomState(seed)
        if self.whole:
            return self.of_patient[random.permutation(len(self.of_patient))][self.units]
        permuted = self.y.copy()
        for block in self.blocks:
            permuted[block] = self.y[block[random.permutation(len(block))]]
        return permuted


def _blocks(units, size):
    """Return the rows of the patients with equally many rows, a line for each patient."""
    order, start = np.argsort(units, kind="stable"), np.cumsum(size) - size
    blocks = []
    for rows in np.unique(size[size > 0]):
        patients = np.flatnonzero(size == rows)
        if len(patients) > 1:
            blocks.append(order[start[patients][:, None] + np.arange(rows)])
    return blocks
