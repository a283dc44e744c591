"""The training rows of a fold cut in halves, patient by patient, for what refitting adds."""

from typing import NamedTuple

import numpy as np

_MOST_IN_HALF = 2500
"""Patients on either side at most. The spread between halves is carried to the whole by their
number, so that fewer cost only precision; by judgement, not by simulation."""


class Half(NamedTuple):
    """Two models fitted on disjoint halves of some training rows, and what they predict.

    `side` is 1 or -1 for the units (patients) of either half and 0 for the others; `first` and
    `second` hold risks of the rows left out, in the order of `shuffled_risks`.
    """

    side: np.ndarray
    first: np.ndarray
    second: np.ndarray


def halvings_by_fold(n_halvings, n_folds):
    """Return how many halvings each fold is given, so that they add up.

    Examples
    --------
    >>> halvings_by_fold(10, 4).tolist()
    [3, 2, 3, 2]
    """
    return np.diff(-(-np.arange(n_folds + 1) * n_halvings // n_folds))


def halved(unit, y, rng):
    """Return the side of every unit: random halves, alike in how many have the event.

    Parameters
    ----------
    unit : ndarray of int of shape (n_rows,)
        Patient of each training row.
    y : ndarray of shape (n_rows,)
        Outcome.
    rng : RandomState
        Of the halves.

    Returns
    -------
    ndarray of int of shape (max(unit) + 1,)
        1, -1, or 0 for an odd patient, one beyond the largest half, or one without a row.

    Examples
    --------
    >>> side = halved(np.arange(9), np.array([0] * 6 + [1] * 3), np.random.RandomState(0))
    >>> [int(part) for part in (side[:6].sum(), side[6:].sum(), (side == 0).sum())]
    [0, 0, 1]
    """
    event = np.zeros(unit.max() + 1)
    np.maximum.at(event, unit, y)
    present = np.unique(unit)
    if len(present) > 2 * _MOST_IN_HALF:
        present = np.sort(rng.permutation(present)[: 2 * _MOST_IN_HALF])
    side = np.zeros(len(event), dtype=int)
    for kind in (0, 1):
        own = rng.permutation(present[event[present] == kind])
        half = len(own) // 2
        side[own[:half]], side[own[half : 2 * half]] = 1, -1
    return side
