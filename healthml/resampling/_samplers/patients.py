"""Over- and undersampling of whole patients."""

import numpy as np
import pandas as pd
from imblearn.over_sampling.base import BaseOverSampler
from imblearn.under_sampling.base import BaseUnderSampler
from sklearn.utils import _safe_indexing, check_random_state

from healthml._core._checks import check_alignment
from healthml._core._routing import clear_errors
from healthml._core._tables import backend_of
from healthml.resampling._samplers.tables import KeepsTable, codes_of


class _WholePatients(KeepsTable):
    """What both have in common: patients in, rows with their patients out."""

    __metadata_request__fit_resample = {"groups": True}

    def fit_resample(self, X, y, *, groups=None):
        """Return the rows of the patients kept.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_samples, n_features)
            The table; nothing in it is looked at.
        y : array-like of shape (n_samples,)
            Classes.
        groups : array-like of shape (n_samples,), optional
            Patient of each row; every row is one when None. Those of the rows returned are kept in
            `groups_`.

        Returns
        -------
        X_resampled, y_resampled
            Of the types that came in; rows keep their index.
        """
        check_alignment(X=X, y=y, groups=groups)
        if backend_of(X) is None or isinstance(X, pd.DataFrame):
            new_X, new_y = super().fit_resample(X, y, groups=groups)
        else:
            _, new_y = super().fit_resample(np.zeros((len(X), X.shape[1])), y, groups=groups)
            new_X = _safe_indexing(X, self.sample_indices_)
        self.groups_ = None if groups is None else _safe_indexing(groups, self.sample_indices_)
        return new_X, new_y

    def _fit_resample(self, X, y, groups=None):
        groups = np.arange(len(y)) if groups is None else codes_of(groups, len(y), "groups")
        rng = check_random_state(self.random_state)
        self.sample_indices_ = self._choose(y, groups, rng)
        return _safe_indexing(X, self.sample_indices_), y[self.sample_indices_]

    def __sklearn_tags__(self):
        """Take anything; rows are kept."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.sampler_tags.sample_indices = True
        return tags


@clear_errors
class PatientOverSampler(_WholePatients, BaseOverSampler):
    """Repeat whole patients who have the rare class, until it is as frequent as asked.

    A patient's rows come along whatever their class, in their order, so that what is between the
    visits of a patient stays true; a copy is the same patient, in `groups_` too. Where patients
    with the rare class have many rows of the other, shares may end below what was asked.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn, counted in rows. The last patient may carry the count beyond it.
    random_state : int, RandomState or None, default=None
        Which patients are repeated.

    Attributes
    ----------
    sample_indices_ : ndarray of int, shape (n_samples_new,)
        Position of each row returned; the originals first.
    groups_ : array of shape (n_samples_new,) or None
        Patient of each row returned.
    sampling_strategy_ : dict
        Class -> rows to add.

    Raises
    ------
    InputError
        If the patient of a row is missing, or `groups` has another length than y; from
        `fit_resample`.
    ValueError
        If `sampling_strategy` cannot be reached from these classes; from `fit_resample`.

    See Also
    --------
    PatientUnderSampler : Leaves patients out instead.
    imblearn.over_sampling.RandomOverSampler : The same for rows.
    ResampledClassifier : Resamples training rows only, and corrects the risks.

    Examples
    --------
    >>> from healthml.resampling import PatientOverSampler
    >>> sampler = PatientOverSampler(random_state=0)
    >>> _, y = sampler.fit_resample([[0]] * 6, [0, 0, 0, 0, 1, 1], groups=list("aabbcc"))
    >>> y, sampler.groups_
    ([0, 0, 0, 0, 1, 1, 1, 1], ['a', 'a', 'b', 'b', 'c', 'c', 'c', 'c'])
    """

    def __init__(self, *, sampling_strategy="auto", random_state=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state

    def _choose(self, y, groups, rng):
        order = np.argsort(groups, kind="stable")
        first = np.searchsorted(groups[order], np.arange(groups.max() + 2))
        added = [np.arange(len(y))]
        for label, n_added in self.sampling_strategy_.items():
            held = np.bincount(groups, y == label, minlength=groups.max() + 1)
            added += [
                order[first[patient] : first[patient + 1]] for patient in _draw(held, n_added, rng)
            ]
        return np.concatenate(added)


@clear_errors
class PatientUnderSampler(_WholePatients, BaseUnderSampler):
    """Leave out whole patients who have the frequent class only, until it is as rare as asked.

    Patients who have any row of another class are all kept, with all their rows; where they alone
    have more rows of the frequent class than asked, its share ends above it.

    Parameters
    ----------
    sampling_strategy : float, str, dict or callable, default="auto"
        As in imbalanced-learn, counted in rows. The last patient left out may carry the count below
        it.
    random_state : int, RandomState or None, default=None
        Which patients are left out.

    Attributes
    ----------
    sample_indices_ : ndarray of int, shape (n_samples_new,)
        Position of each row returned, in the order they came.
    groups_ : array of shape (n_samples_new,) or None
        Patient of each row returned.
    sampling_strategy_ : dict
        Class -> rows to keep.

    Raises
    ------
    InputError
        If the patient of a row is missing, or `groups` has another length than y; from
        `fit_resample`.
    ValueError
        If `sampling_strategy` cannot be reached from these classes; from `fit_resample`.

    See Also
    --------
    PatientOverSampler : Repeats patients instead.
    imblearn.under_sampling.RandomUnderSampler : The same for rows.
    ResampledClassifier : Resamples training rows only, and corrects the risks.

    Examples
    --------
    >>> from healthml.resampling import PatientUnderSampler
    >>> sampler = PatientUnderSampler(random_state=0)
    >>> _, y = sampler.fit_resample([[0]] * 6, [0, 0, 0, 0, 1, 1], groups=list("aabbcc"))
    >>> y, sampler.groups_[-1]
    ([0, 0, 1, 1], 'c')
    """

    def __init__(self, *, sampling_strategy="auto", random_state=None):
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state

    def _choose(self, y, groups, rng):
        n_rows = np.bincount(groups)
        kept = np.ones(len(n_rows), dtype=bool)
        for label, n_kept in self.sampling_strategy_.items():
            held = np.bincount(groups, y == label, minlength=len(n_rows))
            only = np.flatnonzero((held == n_rows) & kept)
            excess = int(held[kept].sum()) - n_kept
            queue = rng.permutation(only)
            n_out = np.searchsorted(np.cumsum(held[queue]), excess, side="left") + 1
            kept[queue[: n_out if excess > 0 else 0]] = False
        return np.flatnonzero(kept[groups])


def _draw(held, n_added, rng):
    """Draw patients with replacement until they hold as many rows of the class as asked."""
    pool, drawn, count = np.flatnonzero(held), [], 0.0
    while count < n_added:
        short = int(np.ceil((n_added - count) / held[pool].mean()))
        batch = rng.choice(pool, size=max(short, 1))
        reached = count + np.cumsum(held[batch])
        batch = batch[: np.searchsorted(reached, n_added, side="left") + 1]
        drawn.append(batch)
        count += held[batch].sum()
    return np.concatenate(drawn) if drawn else np.empty(0, dtype=int)
