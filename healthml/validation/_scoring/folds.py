"""Score out-of-fold risks: ranking and losses within each fold, calibration over all of them."""

import numpy as np
from threadpoolctl import threadpool_limits

from healthml._core._inputs import at_limits
from healthml.exceptions import InputError
from healthml.metrics._batched import FINE, NO_ROWS, WHY, Block
from healthml.validation._refits import batched_refit, refit
from healthml.validation._scoring.block_influence import assign_blocks, block_influence
from healthml.validation._scoring.intervals import between_folds
from healthml.validation._task import is_fast, slow_function

_BLOCKED = 4  # repeats in which blocks are left out, for measures without an influence function

WITHIN = ("auroc", "brier", "log_loss", "net_benefit")


class FoldScores:
    """Values of every measure in every fold and over each repeat.

    Parameters
    ----------
    task : Task
        What is asked.
    splits : Splits
        The splits, in repeats.
    refits : list of Refit
        Risks of the test rows of each split, or None.

    Attributes
    ----------
    risk, fold : ndarray of shape (n_repeats, n_samples)
        Out-of-fold risk and number of the split of each row; missing and -1 where not tested.
    within : dict
        measure -> one value per split.
    pooled : dict
        measure -> one value per repeat, over all its rows together.
    """

    def __init__(self, task, splits, refits):
        self.task, self.splits = task, splits
        n_repeats = int(splits.repeat.max()) + 1
        self.risk = np.full((n_repeats, task.n), np.nan)
        self.fold = np.full((n_repeats, task.n), -1)
        for j, (resample, found) in enumerate(zip(splits.resamples, refits, strict=True)):
            if found.risk is not None:
                self.risk[splits.repeat[j], resample.predict] = found.risk
                self.fold[splits.repeat[j], resample.predict] = j
        tested = self.risk[self.fold >= 0]
        self.n_at_limits = len(np.unique(self.fold[(self.fold >= 0) & at_limits(self.risk)]))
        if len(tested) and not (tested.min() >= 0 and tested.max() <= 1):
            raise InputError("predict_proba gives numbers outside 0 to 1; calibrate the model.")
        self.within, self.pooled, self.why, self._moved = {}, {}, {}, {}
        self._nothing = {
            j: found.failure or WHY[NO_ROWS]
            for j, (resample, found) in enumerate(zip(splits.resamples, refits, strict=True))
            if found.risk is None or not len(resample.predict)
        }
        self._score_folds()
        self._score_repeats()

    def _score_folds(self):
        names = [name for name in self.task.measures if name.split("@")[0] in WITHIN]
        count = len(self.splits.resamples)
        self.within = {name: np.full(count, np.nan) for name in names}
        self._moved_within = {name: np.zeros(self.task.n) for name in names}
        for j in range(count):
            if j in self._nothing:
                for name in self.task.measures:
                    self._note(name, self._nothing[j])
                continue
            rows = np.flatnonzero(self.fold[self.splits.repeat[j]] == j)
            weighed = self._weighed(rows, self.risk[self.splits.repeat[j], rows])
            for name in names:
                self.within[name][j] = weighed.value(name)[0]
                self._moved_within[name][rows] += weighed.influence(name)[0]
                if (code := weighed.reason(name)[0]) != FINE:
                    self._note(name, f"{WHY[code]} of a fold")

    def _score_repeats(self):
        names, count = self.task.measures, len(self.risk)
        self.pooled = {name: np.full(count, np.nan) for name in names}
        self._moved_pooled = {name: np.zeros(self.task.n) for name in names if is_fast(name)}
        self._moved_blocks = {name: [] for name in names if not is_fast(name)}
        for r in range(count):
            rows = np.flatnonzero(self.fold[r] >= 0)
            if not len(rows):
                continue
            weighed = self._weighed(rows, self.risk[r, rows])
            for name in names:
                if is_fast(name):
                    self.pooled[name][r] = weighed.value(name)[0]
                    self._moved_pooled[name][rows] += weighed.influence(name)[0]
                    if name not in self.within and (code := weighed.reason(name)[0]) != FINE:
                        self._note(name, WHY[code], self._n_tested(r))
                else:
                    self._slowly(name, r, rows)

    def _weighed(self, rows, risk):
        weight = None if self.task.weight is None else self.task.weight[rows]
        return Block(self.task.y[rows], risk[None], self.task.thresholds).weigh(weight)

    def _slowly(self, name, r, rows):
        weight = None if self.task.weight is None else self.task.weight[rows]
        try:
            value = slow_function(name)(self.task.y[rows], self.risk[r, rows], weight)
        except InputError:
            value = np.nan
        self.pooled[name][r] = value
        if not np.isfinite(value):
            self._note(name, "risks or outcomes for which it does not exist", self._n_tested(r))
        elif r < _BLOCKED:
            block = assign_blocks(self.task.units)[rows]
            parts = self.task.y[rows], self.risk[r, rows], weight, block
            self._moved_blocks[name].append(block_influence(name, *parts))

    def _n_tested(self, r):
        """Return the number of splits of a repeat that were judged."""
        return len(np.unique(self.fold[r][self.fold[r] >= 0]))

    def _note(self, name, words, count=1):
        reasons = self.why.setdefault(name, {})
        reasons[words] = reasons.get(words, 0) + count

    def is_within(self, name):
        """Say whether a measure is averaged over folds; else it is over all rows of a repeat."""
        return name in self.within and np.isfinite(self.within[name]).any()

    def parts(self, name):
        """Return the values that the estimate of a measure is the mean of."""
        return self.within[name] if self.is_within(name) else self.pooled[name]

    def by_repeat(self, name):
        """Return the estimate of a measure from each repeat alone."""
        if not self.is_within(name):
            return self.pooled[name]
        repeat = self.splits.repeat
        parts = [self.within[name][repeat == r] for r in range(len(self.risk))]
        return np.array([np.nanmean(p) if np.isfinite(p).any() else np.nan for p in parts])

    def estimate(self, name):
        """Return the out-of-fold estimate of a measure."""
        values = self.parts(name)
        return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan

    def influence(self, name):
        """Return how much each row moves the estimate of a measure.

        Blocks of patients instead of rows where it has no influence function; None where leaving
        one out leaves nothing to measure.
        """
        if not is_fast(name):
            moved = [values for values in self._moved_blocks[name] if np.isfinite(values).all()]
            return np.mean(moved, axis=0) if moved else None
        within = self.is_within(name)
        moved = self._between(name) if within else self._moved_pooled[name]
        return moved / max(np.isfinite(self.parts(name)).sum(), 1)

    def _between(self, name):
        """Influence within the folds, and because folds differ."""
        moved, estimate = self._moved_within[name].copy(), self.estimate(name)
        for j, value in enumerate(self.within[name]):
            if np.isfinite(value):
                rows = np.flatnonzero(self.fold[self.splits.repeat[j]] == j)
                moved[rows] += between_folds(name, self.task.y[rows], value - estimate)
        return moved

    def used(self, name):
        """Return the number of splits behind the estimate of a measure."""
        if self.is_within(name):
            return int(np.isfinite(self.within[name]).sum())
        tested = np.array([(self.fold == j).any() for j in range(len(self.splits.resamples))])
        return int(np.sum(tested & np.isfinite(self.pooled[name])[self.splits.repeat]))

    def mean_risk(self):
        """Return the out-of-fold risk of each row, averaged over repeats, and their number."""
        count = (self.fold >= 0).sum(axis=0)
        total = np.nansum(self.risk, axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


# Rows up to which several threads in one linear algebra call cost more than they save. Chosen by
# judgement; only speed depends on it.
_SMALL = 30_000


def refit_many(task, resamples, **options):
    """Return one `Refit` for each resample.

    Parameters
    ----------
    task : Task
        Procedure, table, outcome, patients and weights.
    resamples : list of Resample
        What to fit and predict.
    **options
        As in `iterate_refits`: on_error, fit_one_class, label, n_jobs, verbose, what.

    Returns
    -------
    list of Refit
    """
    resamples = list(resamples)
    options = {"sample_weight": task.weight, **options}
    with threadpool_limits(limits=1 if task.n <= _SMALL else None):
        refits = batched_refit(task.estimator, task.X, task.y, resamples, **options)
        if refits is None:
            options |= {"groups": task.groups, "total": len(resamples)}
            refits = refit(task.estimator, task.X, task.y, resamples, **options)
    return refits


def score_splits(task, splits, **options):
    """Refit in every split and score the rows left out; returns `FoldScores`."""
    return FoldScores(task, splits, refit_many(task, splits.resamples, **options))
