"""Bootstrap splits by whole patients: fit on those drawn, judge on those left out."""

from itertools import islice
from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils.validation import _num_samples

from healthml._core._bootstrap import resample_indices
from healthml._core._checks import check_alignment, check_event, check_groups
from healthml.exceptions import InputError

__all__ = ["GroupBootstrap"]


class GroupBootstrap(BaseCrossValidator):
    """Bootstrap by whole patients: train on patients drawn with replacement, test on the others.

    As many patients are drawn as there are. A patient drawn twice stands twice among the training
    rows with all of its rows; patients that were not drawn are the test rows (out-of-bag, 37% of
    the patients on average).

    Parameters
    ----------
    n_splits : int, default=200
        Number of bootstrap draws.
    stratify : bool, default=False
        Draw patients with an event and patients without one apart, so that every draw has as many
        of each as the table. Needs a binary `y`.
    random_state : int, RandomState or None, default=None
        Randomness of the draws; they are those of the library's bootstrap intervals for the same
        seed, except that a draw which leaves no patient out is replaced.

    Raises
    ------
    InputError
        If a group's patient is missing, or with `stratify` one class has no patient; from `split`.

    See Also
    --------
    RepeatedStratifiedGroupKFold : Every row is judged equally often.

    Notes
    -----
    The mean over test rows is the out-of-bag estimate, which is pessimistic: a draw has only 63% of
    the patients. Every estimator sees copies of rows, so an inner cross-validation must keep copies
    together: `healthml.validation.validate` does, scikit-learn's searches alone do not.

    References
    ----------
    .. [1] Efron B, Tibshirani R. Improvements on cross-validation: the .632+ bootstrap method.
       J Am Stat Assoc. 1997;92:548-560.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_val_score
    >>> from healthml.validation import GroupBootstrap
    >>> rng = np.random.default_rng(0)
    >>> patients = np.repeat(np.arange(60), 3)
    >>> X = rng.normal(size=(180, 2))
    >>> y = (X[:, 0] + rng.normal(size=180) > 0).astype(int)
    >>> splitter = GroupBootstrap(n_splits=20, random_state=0)
    >>> scores = cross_val_score(
    ...     LogisticRegression(), X, y, groups=patients, cv=splitter, scoring="roc_auc"
    ... )
    >>> len(scores), round(float(scores.mean()), 2)
    (20, 0.88)
    """

    __metadata_request__split = {"groups": True}

    def __init__(self, n_splits=200, *, stratify=False, random_state=None):
        self.n_splits = n_splits
        self.stratify = stratify
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of draws."""
        return self.n_splits

    def split(self, X, y=None, groups=None):
        """Yield positions of training rows, with repeats, and of test rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Only its length matters.
        y : array-like of shape (n_samples,), optional
            Binary outcome; needed with `stratify`.
        groups : array-like of shape (n_samples,), optional
            The patient of each row; None means that every row is a different patient.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        InputError
            With fewer than two patients, or (with `stratify`) of one kind of patient.
        """
        check_alignment(X=X, y=y, groups=groups)
        n, n_splits = _num_samples(X), self._count()
        codes = np.arange(n) if groups is None else check_groups(groups, n)
        if codes.max() < 1:
            raise InputError("There is one patient; at least two are needed to leave one out.")
        strata = self._strata(y, codes, n)
        asked = n_splits + 100 + 4 * n_splits  # to spare, where few patients are all drawn at once
        draws = resample_indices(n, codes, strata, asked, self.random_state)
        pairs = ((train, _left_out(train, codes)) for train in draws)
        yield from islice((pair for pair in pairs if pair[1].size), n_splits)

    def _count(self):
        whole = isinstance(self.n_splits, Integral) and not isinstance(self.n_splits, bool)
        if not whole or self.n_splits < 1:
            raise InputError(f"n_splits is {self.n_splits!r}; give a whole number of at least 1.")
        return int(self.n_splits)

    def _strata(self, y, codes, n):
        if not self.stratify:
            return None
        if y is None:
            raise InputError("stratify=True needs y; pass the outcome, or stratify=False.")
        event = check_event(y, any_two_classes=True)[1]
        if len(event) != n:
            raise InputError(f"y has {len(event)} rows and X has {n}; pass the same rows.")
        has_event = np.bincount(codes, event) > 0
        scarce = min(has_event.sum(), (~has_event).sum())
        if scarce < 2:
            raise InputError(
                f"Only {scarce} patient has (or has not) the event; stratify=True needs 2 of each "
                "kind, so that one can be left out."
            )
        return has_event[codes].astype(int)


def _left_out(drawn, codes):
    """Return the rows of the patients that were not drawn."""
    taken = np.zeros(codes.max() + 1, dtype=bool)
    taken[codes[drawn]] = True
    return np.flatnonzero(~taken[codes])
