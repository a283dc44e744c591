"""Folds that keep a patient together, and no more of them than the events allow."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import check_random_state

from healthml._core._checks.identifiers import check_groups
from healthml.exceptions import InputError


def check_patient_cv(cv, event, groups):
    """Return a splitter that keeps the rows of a patient together.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        A number of folds with `groups` means ``StratifiedGroupKFold(cv)``; anything else is left
        to scikit-learn's ``check_cv``.
    event : array-like of shape (n_samples,)
        Outcome as 0/1.
    groups : array-like of shape (n_samples,) or None
        Patient of each row.

    Returns
    -------
    splitter
        Has ``split(X, y, groups)``.

    Examples
    --------
    >>> from healthml._core._checks import check_patient_cv
    >>> check_patient_cv(2, [0, 1, 0, 1], [0, 0, 1, 1])
    StratifiedGroupKFold(n_splits=2, random_state=None, shuffle=False)
    """
    if groups is None or not (cv is None or isinstance(cv, Integral)):
        return check_cv(cv, event, classifier=True)
    n_splits = 5 if cv is None else int(cv)
    n_patients = len(np.unique(check_groups(groups, len(event))))
    if n_patients < n_splits:
        raise InputError(
            f"cv asks for {n_splits} folds and groups has {n_patients} patients; "
            "ask for fewer folds."
        )
    return StratifiedGroupKFold(n_splits)


def assign_patients(n_events, n_rows, n_splits, rng):
    """Assign patients to folds that have nearly the same number of patients, rows and events.

    Patients are ordered by how many events and how many rows they own, in random order within
    ties, and go to the folds in turn, there and back again, so that no fold always gets the larger
    patient. The work is a sort: scikit-learn's `StratifiedGroupKFold` looks at all folds for every
    patient, which takes longer than many a fit.

    Parameters
    ----------
    n_events, n_rows : ndarray of shape (n_patients,)
        Events and rows of each patient.
    n_splits : int
        Number of folds.
    rng : RandomState
        Randomness of ties and of the first fold.

    Returns
    -------
    ndarray of int, shape (n_patients,)
        The fold of each patient.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._checks import assign_patients
    >>> rng = np.random.RandomState(0)
    >>> sorted(assign_patients(np.array([1, 0, 1, 0]), np.ones(4), 2, rng).tolist())
    [0, 0, 1, 1]
    """
    order = np.lexsort((rng.random_sample(len(n_rows)), -n_rows, -n_events))
    fold = np.empty(len(n_rows), dtype=np.int64)
    start = rng.randint(n_splits)
    turn, place = np.divmod(np.arange(len(n_rows)), n_splits)
    there_and_back = np.where(turn % 2 == 0, place, n_splits - 1 - place)
    fold[order] = (start + there_and_back) % n_splits
    return fold


def patient_folds(cv, event, groups, random_state):
    """Return pairs of training and test rows, each patient in one fold.

    Parameters
    ----------
    cv : int or None
        Number of folds (None is 5); fewer where fewer patients have, or have not, the event.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of shape (n_samples,) or None
        Patient of each row as small integers.
    random_state : int or RandomState
        Randomness of the assignment.

    Returns
    -------
    list of (ndarray, ndarray)

    Raises
    ------
    InputError
        If fewer than two folds are asked for, or only one patient has, or has not, the event.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._checks import patient_folds
    >>> [len(test) for _, test in patient_folds(2, np.array([0, 1, 0, 1]), None, 0)]
    [2, 2]
    """
    n_splits = scarce_folds(cv, event, groups)
    if n_splits < 2:
        raise InputError(f"cv is {n_splits}; pass at least 2 folds.")
    codes = np.arange(len(event)) if groups is None else groups
    counts = np.bincount(codes, event), np.bincount(codes)
    fold = assign_patients(*counts, n_splits, check_random_state(random_state))[codes]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_splits)]


def scarce_folds(cv, event, groups=None):
    """Return the folds, a number no larger than the patients with or without the event.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        Only a number (None is 5) is ever changed.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row as small integers.

    Returns
    -------
    int, splitter or iterable of splits

    Raises
    ------
    InputError
        If only one patient has, or has not, the event.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._checks import scarce_folds
    >>> scarce_folds(5, np.array([0, 0, 1, 0, 1]))
    2
    """
    if not (cv is None or isinstance(cv, Integral)):
        return cv
    codes = np.arange(len(event)) if groups is None else groups
    events, rows = np.bincount(codes, event), np.bincount(codes)
    scarcest = int(min(np.sum(events > 0), np.sum(events < rows)))
    if scarcest < 2:
        raise InputError(
            f"Only {scarcest} patient has (or has not) the event; at least 2 of each are needed "
            "to predict patients out of fold."
        )
    return min(5 if cv is None else int(cv), scarcest)
