"""Splits that keep a patient on one side, with the events spread evenly."""

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from healthml._core._checks import assign_patients, check_alignment, check_event, check_groups
from healthml.exceptions import InputError


class RepeatedStratifiedGroupKFold(BaseCrossValidator):
    """Repeated k-fold cross-validation by whole patients, stratified by their events.

    Every repeat assigns the patients to folds again: they are ordered by how many events and how
    many rows they own, in random order within ties, and go to the folds in turn. So each fold has
    nearly the same number of patients, rows and events, and no patient is in two folds. The work
    is a sort, which keeps it fast for hundreds of thousands of patients.

    Parameters
    ----------
    n_splits : int, default=5
        Folds in a repeat.
    n_repeats : int, default=10
        Repeats with new random assignments.
    random_state : int, RandomState or None, default=None
        Randomness of the assignments.

    Raises
    ------
    InputError
        If there are fewer patients with, or without, the event than folds; from `split`.

    See Also
    --------
    GroupBootstrap : Bootstrap by whole patients: train on patients drawn with replacement, test on
        the others.
    LeaveOneSiteOut : Train on all sites but one and test on that one, for every site that can be
        judged.
    PatientTimeSplit : Train on earlier rows and test on later ones, knowing which patients return.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.validation import RepeatedStratifiedGroupKFold
    >>> patients = np.repeat(np.arange(20), 2)
    >>> y = np.tile([0, 0, 0, 1], 10)
    >>> splitter = RepeatedStratifiedGroupKFold(n_splits=5, n_repeats=2, random_state=0)
    >>> for train, test in splitter.split(y, y, groups=patients):
    ...     assert not set(patients[train]) & set(patients[test])
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits=5, *, n_repeats=10, random_state=None):
        self.n_splits = n_splits
        self.n_repeats = n_repeats
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of train/test pairs."""
        return self.n_splits * self.n_repeats

    def split(self, X, y, groups=None):
        """Yield positions of training and test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only its length matters.
        y : array-like of shape (n_samples,)
            Binary outcome.
        groups : array-like of shape (n_samples,), optional
            The patient of each row; None means that every row is a different patient.

        Yields
        ------
        train, test : ndarray of int
        """
        for fold in self.fold_ids(y, groups):
            for k in range(self.n_splits):
                yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)

    def fold_ids(self, y, groups=None):
        """Return the fold of each row, one line per repeat.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Binary outcome.
        groups : array-like of shape (n_samples,), optional
            The patient of each row.

        Returns
        -------
        ndarray of int, shape (n_repeats, n_samples)

        Raises
        ------
        InputError
            If there are fewer patients with, or without, an event than folds.
        """
        check_alignment(y=y, groups=groups)
        _, event = check_event(y)
        codes = np.arange(len(event)) if groups is None else check_groups(groups, len(event))
        events, rows = np.bincount(codes, event), np.bincount(codes)
        self._check_counts(events, rows)
        rng = check_random_state(self.random_state)
        folds = (assign_patients(events, rows, self.n_splits, rng) for _ in range(self.n_repeats))
        return np.array([fold[codes] for fold in folds], dtype=np.int64)

    def _check_counts(self, events, rows):
        if self.n_splits < 2:
            raise InputError(f"n_splits is {self.n_splits}; at least 2 folds are needed.")
        if self.n_repeats < 1:
            raise InputError(f"n_repeats is {self.n_repeats}; at least 1 repeat is needed.")
        for count, what in ((np.sum(events > 0), "with"), (np.sum(events < rows), "without")):
            if count < self.n_splits:
                raise InputError(
                    f"Only {count} patients {what} an event for n_splits={self.n_splits}; "
                    "use fewer folds or more patients."
                )
