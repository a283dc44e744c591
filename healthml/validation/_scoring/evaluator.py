"""Refit a procedure in every split of the patients and score it on those left out."""

import sys
from copy import copy

import numpy as np
from sklearn.utils.validation import _num_samples
from threadpoolctl import threadpool_limits

from healthml._core._checks import check_event, check_groups, check_random_seeds
from healthml._core._paired import paired_scores
from healthml._core._parallel import table_jobs
from healthml.exceptions import InputError
from healthml.validation._refits import Resample, predict_risk, refit
from healthml.validation._splits import RepeatedStratifiedGroupKFold

__all__ = ["Evaluator", "default_repeats", "predict_risk"]

# Rows up to which several threads in one linear algebra call cost more than they save. Chosen by
# judgement; only speed depends on it.
_SMALL = 30_000
# Repeats of cross-validation by the rows up to which they are made: what they add beyond the first
# shrinks with the rows, what they cost grows. Chosen by judgement, not by simulation; more make the
# answer depend less on the seed.
_REPEATS = ((3_000, 5), (10_000, 3), (30_000, 2), (np.inf, 1))


class Evaluator:
    """Out-of-sample risks and scores of procedures on the same patient-wise splits.

    The splits are drawn once; every procedure, and every variant of the table ("without the
    suspect columns"), is refitted in the same ones, so that differences are paired.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Outcome as 0/1.
    groups : array-like of shape (n_samples,), optional
        The patient of each row, of any type.
    n_splits : int, default=5
        Folds of a repeat; fewer where there are fewer patients with an event.
    n_repeats : int, optional
        Repeats; by default 5 up to 3,000 rows, 3 up to 10,000, 2 up to 30,000, then 1.
    thresholds : ndarray, optional
        Decision thresholds over which net benefit is averaged.
    confidence_level : float, default=0.95
        Level of the intervals.
    n_jobs : int, optional
        Parallel refits, as in joblib.
    verbose : int, default=0
        Progress on standard error.
    random_state : int, RandomState or None, default=None
        Randomness of the splits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from healthml.validation._scoring import Evaluator
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 2))
    >>> y = (X[:, 0] + rng.normal(size=300) > 1).astype(int)
    >>> judge = Evaluator(y, random_state=0)
    >>> risk = judge.risks(LogisticRegression(), X)
    >>> bool(judge.score({"model": risk}).get("model", "auroc")["estimate"] > 0.7)
    True
    """

    def __init__(
        self,
        y,
        *,
        groups=None,
        n_splits=5,
        n_repeats=None,
        thresholds=None,
        confidence_level=0.95,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.y = check_event(y)[1]
        self.groups = None if groups is None else check_groups(groups, len(self.y))
        self.thresholds = thresholds
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state
        self.n_splits = n_splits
        self.n_repeats = default_repeats(len(self.y)) if n_repeats is None else n_repeats
        self.folds = self.make_folds(groups)

    def make_folds(self, groups, *, n_repeats=None):
        """Deal the rows to folds by the given patients; one line per repeat."""
        splitter = RepeatedStratifiedGroupKFold(
            self._fold_count(groups),
            n_repeats=n_repeats or self.n_repeats,
            random_state=self.random_state,
        )
        return splitter.fold_ids(self.y, groups)

    def repeated(self, n_repeats):
        """Return the same evaluator with another number of repeats; those both have are equal."""
        other = copy(self)
        other.n_repeats = n_repeats
        other.folds = other.make_folds(self.groups)
        return other

    def _fold_count(self, groups):
        codes = np.arange(len(self.y)) if groups is None else check_groups(groups, len(self.y))
        events, rows = np.bincount(codes, self.y), np.bincount(codes)
        scarcest = int(min(np.sum(events > 0), np.sum((events < rows) & (rows > 0))))
        if scarcest < 2:
            raise InputError(
                f"Only {scarcest} patient has (or has not) the event; at least 2 of each are "
                "needed to judge a model on patients it has not seen."
            )
        return min(self.n_splits, scarcest)

    def risks(
        self, estimator, X, *, folds=None, rows=None, max_rows=None, only=None, label="model"
    ):
        """Refit in every split and return the risks of the rows left out.

        Parameters
        ----------
        estimator : scikit-learn classifier
            Cloned and refitted whole in every split.
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table.
        folds : ndarray of shape (n_repeats, n_samples), optional
            Other splits than the evaluator's own; rows of fold -1 take no part.
        rows : boolean ndarray of shape (n_samples,), optional
            Rows to fit on; risks are predicted for all rows of the fold left out.
        max_rows : int, optional
            Leave out only as many folds as hold this many rows; the other rows get NaN. For
            comparisons on large tables, where a part of the rows is plenty.
        only : int, optional
            Leave out only this fold; the other rows get NaN.
        label : str, default="model"
            Name in progress and errors.

        Returns
        -------
        ndarray of shape (n_repeats, n_samples)
        """
        if _num_samples(X) != len(self.y):
            raise InputError(
                f"X has {_num_samples(X)} rows and y has {len(self.y)}; pass the same rows."
            )
        folds = self.folds if folds is None else np.atleast_2d(folds)
        tasks = [(r, k) for r in range(len(folds)) for k in _some_folds(folds[r], max_rows, only)]
        self._say(f"{label}: {len(tasks)} refits")
        seeds = check_random_seeds(self.random_state, len(tasks))
        splits = [
            _resample(folds, task, rows, seed) for task, seed in zip(tasks, seeds, strict=True)
        ]
        with threadpool_limits(limits=1 if len(self.y) <= _SMALL else None):
            options = {"groups": self.groups, "label": label}
            options |= table_jobs(len(self.y), self.n_jobs)
            refits = refit(estimator, X, self.y, splits, fit_one_class=True, **options)
        risk = np.full(folds.shape, np.nan)
        for (r, k), fit in zip(tasks, refits, strict=True):
            risk[r, folds[r] == k] = fit.risk
        return risk

    def compare_variant(self, estimator, X, risk, *, max_rows=None, label="variant"):
        """Refit on a changed table and compare with the risks on the table as it was.

        The refits use the first repeat of the splits, and of a large table only as many folds as
        hold `max_rows` rows.

        Parameters
        ----------
        estimator : scikit-learn classifier
            As of `risks`.
        X : DataFrame of shape (n_samples, n_features)
            The changed table.
        risk : ndarray of shape (n_repeats, n_samples)
            Risks of the model on the table as it was, in the same splits.
        max_rows : int, optional
            As of `risks`.
        label : str, default="variant"
            Name in progress and errors.

        Returns
        -------
        difference : tuple of float
            AUC of the model minus AUC of the variant, with its interval.
        scores : PairedScores
            Of "model" and "variant".
        risk : ndarray of shape (1, n_samples)
            Risks of the variant.
        """
        changed = self.risks(estimator, X, folds=self.folds[:1], max_rows=max_rows, label=label)
        both = np.isfinite(changed[0])
        scores = self.score(
            {"model": risk[:1], "variant": changed}, rows={"model": both, "variant": both}
        )
        return scores.difference("model", "variant"), scores, changed

    def score(self, risks, *, folds="own", rows=None, groups="own", confidence_level=None):
        """Score risks by name on the evaluator's rows; see `paired_scores`."""
        own = {name: self.folds[: len(np.atleast_2d(r))] for name, r in risks.items()}
        return paired_scores(
            self.y,
            risks,
            folds=own if isinstance(folds, str) else folds,
            rows=rows,
            groups=self.groups if isinstance(groups, str) else groups,
            thresholds=self.thresholds,
            confidence_level=confidence_level or self.confidence_level,
        )

    def _say(self, text):
        if self.verbose:
            print(f"healthml: {text}", file=sys.stderr, flush=True)


def _some_folds(fold, max_rows, only=None):
    """Return the folds to leave out: one, or as few as hold `max_rows` rows."""
    if only is not None:
        return [only]
    names, counts = np.unique(fold[fold >= 0], return_counts=True)
    if max_rows is None:
        return names
    return names[: int(np.searchsorted(np.cumsum(counts), max_rows)) + 1]


def default_repeats(n_samples):
    """Return how many repeats of cross-validation a table of this size needs."""
    return next(repeats for most, repeats in _REPEATS if n_samples <= most)


def _resample(folds, task, rows, seed):
    (repeat, k), fold = task, folds[task[0]]
    train = (fold != k) & (fold >= 0)
    if rows is not None:
        train &= rows
    name = f"fold {k} of repeat {repeat}"
    return Resample(np.flatnonzero(train), np.flatnonzero(fold == k), repeat, seed, name)
