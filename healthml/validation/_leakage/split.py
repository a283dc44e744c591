"""A split that was handed in, and what another one would have given on the same rows."""

from dataclasses import dataclass

import numpy as np

from healthml._core._checks import check_random_seeds
from healthml._core._paired import paired_scores
from healthml.exceptions import InputError
from healthml.validation._refits import Resample, refit
from healthml.validation._splits import RepeatedStratifiedGroupKFold

# Folds of the split that keeps units together, at most; with smaller test parts than a tenth, more
# refits would cost time. By judgement, not by simulation.
_MOST_FOLDS = 10


@dataclass(frozen=True)
class GivenSplit:
    """Train and test rows, as positions.

    Parameters
    ----------
    pairs : list of (ndarray, ndarray)
        Training and test rows.
    """

    pairs: list

    def sharing(self, codes):
        """Return for each pair the codes that stand on both sides.

        Parameters
        ----------
        codes : ndarray of int, shape (n,)
            Patient or copy cluster of each row.

        Returns
        -------
        list of ndarray
        """
        return [np.intersect1d(codes[train], codes[test]) for train, test in self.pairs]

    def among(self, rows):
        """Return the same split of some of the rows, positions counted among them."""
        place = np.full(
            max(rows.max() + 1, *(part.max() + 1 for p in self.pairs for part in p)), -1
        )
        place[rows] = np.arange(len(rows))
        pairs = [tuple(place[part][place[part] >= 0] for part in pair) for pair in self.pairs]
        return GivenSplit([pair for pair in pairs if all(len(part) for part in pair)])

    @property
    def tested(self):
        """Positions of the rows that are tested at least once."""
        return np.unique(np.concatenate([test for _, test in self.pairs]))


def read_split(split, y, groups=None):
    """Return the split that was handed in, or None.

    Parameters
    ----------
    split : None, array, tuple, list or splitter
        Fold of each row (-1: always training); ``(train, test)`` positions; a list of such pairs;
        or an object with ``split(X, y, groups)``.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    groups : ndarray, optional
        Handed to a splitter.

    Returns
    -------
    GivenSplit or None
    """
    if split is None:
        return None
    n = len(y)
    if hasattr(split, "split"):
        pairs = list(split.split(np.zeros((n, 1)), y, groups))
    elif isinstance(split, tuple) and len(split) == 2 and not isinstance(split[0], tuple):
        pairs = [split]
    elif len(split) == n and all(np.isscalar(fold) for fold in split):
        fold = np.asarray(split)
        if fold.dtype.kind not in "iu":
            raise InputError("split must hold the number of a fold for each row.")
        pairs = [
            (np.flatnonzero(fold != k), np.flatnonzero(fold == k))
            for k in np.unique(fold[fold >= 0])
        ]
    else:
        pairs = list(split)
    return GivenSplit([_positions(pair, n) for pair in pairs])


def _positions(pair, n):
    if len(pair) != 2:
        raise InputError("split must be (train, test) positions, a list of them, or folds.")
    parts = []
    for part in pair:
        rows = np.asarray(part)
        rows = np.flatnonzero(rows) if rows.dtype == bool and len(rows) == n else rows
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not len(rows):
            raise InputError("split must give positions of rows, counted from 0.")
        if rows.min() < 0 or rows.max() >= n:
            raise InputError(f"split names rows outside 0 to {n - 1}; use positions, not labels.")
        parts.append(rows)
    return tuple(parts)


def split_from_folds(folds):
    """Return a split of one line of folds for each row."""
    return GivenSplit(
        [
            (np.flatnonzero((fold != k) & (fold >= 0)), np.flatnonzero(fold == k))
            for fold in np.atleast_2d(folds)
            for k in np.unique(fold[fold >= 0])
        ]
    )


def risks_of(estimator, X, y, split, *, groups=None, seed=0, n_jobs=None, label="model"):
    """Refit in every pair of a split.

    Parameters
    ----------
    estimator : scikit-learn classifier
        Cloned for every pair.
    X : DataFrame
        The table.
    y : ndarray
        Outcome as 0/1.
    split : GivenSplit
        Where to fit and to predict.
    groups : ndarray, optional
        For estimators that ask for patients.
    seed : int
        Randomness of the refits.
    n_jobs : int, optional
        As in joblib.
    label : str
        Name in errors.

    Returns
    -------
    risk, fold : ndarray of shape (n_repeats, n)
        NaN and -1 where a row is not tested in that repeat.
    """
    seeds = check_random_seeds(seed, len(split.pairs))
    tasks = [
        Resample(train, test, k, s, f"pair {k} of the split")
        for k, ((train, test), s) in enumerate(zip(split.pairs, seeds, strict=True))
    ]
    options = {"groups": groups, "label": label, "n_jobs": n_jobs, "fit_one_class": True}
    refits = refit(estimator, X, y, tasks, **options)
    risk, fold = [], []
    for k, (task, fitted) in enumerate(zip(tasks, refits, strict=True)):
        rows = task.predict
        place = next((r for r, f in enumerate(fold) if (f[rows] < 0).all()), None)
        if place is None:
            place = len(fold)
            risk.append(np.full(len(y), np.nan))
            fold.append(np.full(len(y), -1))
        risk[place][rows], fold[place][rows] = fitted.risk, k
    return np.array(risk), np.array(fold)


def matching_split(split, y, units, *, n_repeats=1, seed=0):
    """Return a split of all rows by whole units with test parts of about the same size.

    Parameters
    ----------
    split : GivenSplit
        The split to be matched.
    y : ndarray
        Outcome as 0/1.
    units : ndarray of int
        What may not be separated.
    n_repeats : int
        Deals.
    seed : int
        Randomness.

    Returns
    -------
    GivenSplit or None
        None where too few units have, or have not, an event.
    """
    share = np.mean([len(test) / (len(train) + len(test)) for train, test in split.pairs])
    events, rows = np.bincount(units, y), np.bincount(units)
    scarcest = int(min(np.sum(events > 0), np.sum((events < rows) & (rows > 0))))
    n_splits = int(np.clip(round(1 / share), 2, min(_MOST_FOLDS, max(scarcest, 2))))
    if scarcest < n_splits:
        return None
    splitter = RepeatedStratifiedGroupKFold(n_splits, n_repeats=n_repeats, random_state=seed)
    return split_from_folds(splitter.fold_ids(y, units))


def compare_splits(estimator, X, y, split, other, units, *, seed=0, n_jobs=None, level=0.95):
    """Return the scores of one procedure in two splits, on the rows tested in both.

    Parameters
    ----------
    estimator : scikit-learn classifier
        The procedure.
    X : DataFrame
        The table.
    y : ndarray
        Outcome as 0/1.
    split, other : GivenSplit
        The split in question, and one that keeps units together.
    units : ndarray of int
        Independent units of the interval.
    seed, n_jobs
        As in `risks_of`.
    level : float
        Level of the intervals.

    Returns
    -------
    PairedScores
        Of "given" and "kept together", the AUC.
    """
    options = {"groups": units, "seed": seed, "n_jobs": n_jobs}
    risk, fold, rows = {}, {}, {}
    for name, plan in (("given", split), ("kept together", other)):
        risk[name], fold[name] = risks_of(estimator, X, y, plan, label=name, **options)
    both = np.logical_and.reduce([np.isfinite(r).all(axis=0) for r in risk.values()])
    rows = dict.fromkeys(risk, both)
    return paired_scores(
        y,
        risk,
        folds=fold,
        rows=rows,
        groups=units,
        measures=("auroc",),
        confidence_level=level,
    )
