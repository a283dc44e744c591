"""Which rows are fitted on and which are judged: bootstrap draws, folds, earlier and later."""

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from healthml._core._bootstrap import check_count, given_draws, resample_indices
from healthml._core._checks import check_random_seeds
from healthml.exceptions import InputError
from healthml.validation._refits.refit import Resample
from healthml.validation._splits import RepeatedStratifiedGroupKFold, complete_times

# Folds at most: with 10 each model has 90% of the patients, and more cost refits without a visible
# gain (Kohavi, IJCAI 1995).
MOST_FOLDS = 10

# Share of the rows, in the order of time, that "temporal" fits on: the usual 70 to 30, by custom.
EARLIER = 0.7


@dataclass(frozen=True)
class Draws:
    """Bootstrap draws: `take` makes them again each time, so that none is kept in memory."""

    task: object
    resamples: object
    seeds: tuple

    @property
    def total(self):
        """Number of draws."""
        return self.resamples if isinstance(self.resamples, int) else len(self.resamples)

    def take(self, first=0, last=None):
        """Yield the draws from `first` up to `last` as resamples that predict every row."""
        task, every = self.task, np.arange(self.task.n)
        model_seeds = check_random_seeds(self.seeds[1], self.total)
        if isinstance(self.resamples, int):
            rows = resample_indices(task.n, task.groups, None, self.total, self.seeds[0])
        else:
            rows = iter(self.resamples)
        for number, (train, seed) in enumerate(zip(rows, model_seeds, strict=True)):
            if last is not None and number >= last:
                return
            if number >= first:
                yield Resample(train, every, number, seed)


def bootstrap_draws(task, resamples, random_state):
    """Return the draws for a number of resamples or for arrays of row positions."""
    given = given_draws(resamples, task.n)
    if given is None:
        given = check_count(resamples, "n_resamples")
        task.scarcest()
    return Draws(task, given, tuple(check_random_seeds(random_state, 2)))


@dataclass(frozen=True)
class Splits:
    """Training and test rows in repeats.

    Parameters
    ----------
    resamples : list of Resample
        One for each split.
    repeat : ndarray of int
        Repeat of each split; within one no row is tested twice.
    text : str
        How the splits were made.
    """

    resamples: list
    repeat: np.ndarray
    text: str


def folds(task, n_folds, n_repeats, random_state):
    """Return repeated stratified folds by whole patients, fewer where patients are scarce."""
    n_folds = min(check_folds(n_folds), task.scarcest())
    n_repeats = check_count(n_repeats, "n_repeats")
    seeds = check_random_seeds(random_state, 2)
    splitter = RepeatedStratifiedGroupKFold(n_folds, n_repeats=n_repeats, random_state=seeds[0])
    pairs = list(splitter.split(task.X, task.y, task.groups))
    names = [f"fold {k} of repeat {r}" for r in range(n_repeats) for k in range(n_folds)]
    kind = "whole patients" if task.groups is not None else "rows"
    text = f"{n_folds} folds of {kind}, {n_repeats} repeat{'s' * (n_repeats > 1)}"
    repeat = np.repeat(np.arange(n_repeats), n_folds)
    return Splits(_resamples(pairs, seeds[1], names), repeat, text)


def check_folds(cv):
    """Return a number of folds, at least 2, as int."""
    if isinstance(cv, bool) or not isinstance(cv, Integral) or cv < 2:
        raise InputError(f"cv is {cv!r}; cross-validation needs at least 2 folds.")
    return int(cv)


def given_splits(task, cv, random_state, returning=False):
    """Return the splits of a scikit-learn splitter, or (train, test) pairs as they are."""
    pairs = [tuple(map(_positions, pair)) for pair in _pairs(task, cv)]
    if not pairs:
        raise InputError("cv is empty; pass at least one (train, test) pair.")
    _check_pairs(task, pairs, returning)
    seed = check_random_seeds(random_state, 2)[1]
    names = [f"split {i}" for i in range(len(pairs))]
    return Splits(_resamples(pairs, seed, names), _repeats(pairs, task.n), f"{len(pairs)} splits")


def later_rows(task, cv, time, random_state):
    """Return splits of earlier and later rows.

    The given ones, in which patients may return; otherwise one, fitted on the earlier 70% of the
    rows (equal times stay together) and judged on the later ones.
    """
    if cv is not None:
        return given_splits(task, cv, random_state, returning=True)
    order = time_codes(time, task.n)
    cut = np.quantile(order, EARLIER, method="higher")
    test = order >= cut if (order < cut).any() else order > cut
    if not test.any():
        raise InputError("time has one value in all rows; temporal validation needs two or more.")
    seed = check_random_seeds(random_state, 2)[1]
    pairs = [(np.flatnonzero(~test), np.flatnonzero(test))]
    text = f"Fitted on the {np.sum(~test)} earlier rows, judged on the {np.sum(test)} later ones"
    return Splits(_resamples(pairs, seed, ["the split in time"]), np.zeros(1, dtype=int), text)


def left_out(task, cv):
    """Say how many rows of returning patients a splitter by time keeps from being judged."""
    if task.groups is None or getattr(cv, "patients", None) != "new":
        return ()
    count = sum(len(window.returning) for window in cv.windows(task.X, task.groups))
    if not count:
        return ()
    return (
        f"{count} later rows of patients seen before are not judged, as patients='new' asks; they "
        "are part of whom the model will meet: patients='all' judges both.",
    )


def time_codes(time, n):
    """Return the order in time of each row, equal times alike."""
    return complete_times(time, n).rank(method="dense").to_numpy(dtype=float)


def refuse_pairs(resamples):
    """Refuse splits where bootstrap draws are expected; return the draws as they are."""
    if hasattr(resamples, "split") or any(_is_pair(rows) for rows in resamples):
        raise InputError(
            "resamples holds (train, test) pairs or a splitter; pass these as cv. Bootstrap draws "
            "are arrays of row positions."
        )
    return resamples


def _pairs(task, cv):
    if hasattr(cv, "split") and not isinstance(cv, str):
        return list(cv.split(task.X, task.y, task.groups))
    if isinstance(cv, str) or not isinstance(cv, Iterable):
        raise InputError(
            f"cv is {cv!r}; give a number of folds, a scikit-learn splitter or (train, test) pairs."
        )
    pairs = list(cv)
    if not all(_is_pair(pair) for pair in pairs):
        raise InputError(
            "cv holds single arrays of row positions, which are bootstrap draws; cross-validation "
            "needs (train, test) pairs."
        )
    return pairs


def _is_pair(item):
    return isinstance(item, tuple | list) and len(item) == 2 and all(np.ndim(i) == 1 for i in item)


def _positions(rows):
    rows = np.asarray(rows)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def _check_pairs(task, pairs, returning):
    for number, pair in enumerate(pairs):
        for rows, what in zip(pair, ("train", "test"), strict=True):
            if not len(rows) or rows.dtype.kind not in "iu" or rows.min() < 0:
                raise InputError(f"cv[{number}] has no usable {what} rows.")
            if rows.max() >= task.n:
                raise InputError(
                    f"cv[{number}] has {what} positions outside 0 to {task.n - 1}; count "
                    "rows from 0."
                )
        units = np.arange(task.n) if returning else task.units
        if np.intersect1d(units[pair[0]], units[pair[1]]).size:
            what = "rows" if returning or task.groups is None else "patients"
            raise InputError(
                f"cv[{number}] trains and tests on the same {what}; pass splits that keep "
                f"{what} apart."
            )


def _repeats(pairs, n):
    """Give each split the number of its repeat; a row tested again begins a new one."""
    repeat, seen, number = [], np.zeros(n, dtype=bool), 0
    for _, test in pairs:
        if seen[test].any():
            seen[:], number = False, number + 1
        seen[test] = True
        repeat.append(number)
    return np.array(repeat)


def _resamples(pairs, random_state, names):
    seeds = check_random_seeds(random_state, len(pairs))
    parts = enumerate(zip(pairs, seeds, names, strict=True))
    return [Resample(*pair, number, seed, name) for number, (pair, seed, name) in parts]
