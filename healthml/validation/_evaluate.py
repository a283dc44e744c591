"""Refit a procedure in every split of the patients and score it on those left out."""

import sys

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from healthml.exceptions import InputError
from healthml.metrics._paired import paired_scores
from healthml.validation._splitters import RepeatedStratifiedGroupKFold

_SMALL = (
    30_000  # rows up to which several threads in one linear algebra call do more harm than good
)


class Evaluator:
    """Out-of-sample risks and scores of procedures on the same patient-wise splits.

    The splits are drawn once; every procedure, and every variant of the table ("without the
    suspect columns"), is refitted in the same ones, so that differences are paired.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    groups : ndarray of int, shape (n_samples,), optional
        The patient of each row.
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
    >>> from healthml.validation import Evaluator
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
        self.y = np.asarray(y)
        self.groups = groups
        self.thresholds = thresholds
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state
        self.n_splits = n_splits
        self.n_repeats = default_repeats(len(self.y)) if n_repeats is None else n_repeats
        self.folds = self.deal(groups)

    def deal(self, groups, *, n_repeats=None):
        """Deal the rows to folds by the given patients; one line per repeat."""
        splitter = RepeatedStratifiedGroupKFold(
            self._fold_count(groups),
            n_repeats=n_repeats or self.n_repeats,
            random_state=self.random_state,
        )
        return splitter.fold_ids(self.y, groups)

    def _fold_count(self, groups):
        codes = np.arange(len(self.y)) if groups is None else groups
        events, rows = np.bincount(codes, self.y), np.bincount(codes)
        scarcest = int(min(np.sum(events > 0), np.sum((events < rows) & (rows > 0))))
        if scarcest < 2:
            raise InputError(
                f"Only {scarcest} patient has (or has not) the event; at least 2 of each are "
                "needed to judge a model on patients it has not seen."
            )
        return min(self.n_splits, scarcest)

    def risks(self, estimator, X, *, folds=None, rows=None, max_rows=None, label="model"):
        """Refit in every split and return the risks of the rows left out.

        Parameters
        ----------
        estimator : scikit-learn classifier
            Cloned and refitted whole in every split.
        X : DataFrame or array-like of shape (n_samples, n_features)
            The table.
        folds : ndarray of shape (n_repeats, n_samples), optional
            Other splits than the evaluator's own.
        rows : boolean ndarray of shape (n_samples,), optional
            Rows to fit on; risks are predicted for all rows of the fold left out.
        max_rows : int, optional
            Leave out only as many folds as hold this many rows; the other rows get NaN. For
            comparisons on large tables, where a part of the rows is plenty.
        label : str, default="model"
            Name in progress and errors.

        Returns
        -------
        ndarray of shape (n_repeats, n_samples)
        """
        folds = self.folds if folds is None else np.atleast_2d(folds)
        tasks = [(r, k) for r in range(len(folds)) for k in _some_folds(folds[r], max_rows)]
        self._say(f"{label}: {len(tasks)} refits")
        splits = [_train_test(folds[r], k, rows) for r, k in tasks]
        with threadpool_limits(limits=1 if len(self.y) <= _SMALL else None):
            parts = Parallel(n_jobs=self.n_jobs)(
                delayed(_fit_predict)(estimator, X, self.y, self.groups, split, (label, r, k))
                for (r, k), split in zip(tasks, splits, strict=True)
            )
        risk = np.full(folds.shape, np.nan)
        for (r, k), part in zip(tasks, parts, strict=True):
            risk[r, folds[r] == k] = part
        return risk

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


def _some_folds(fold, max_rows):
    """Return the folds to leave out, as few as hold `max_rows` rows."""
    names, counts = np.unique(fold[fold >= 0], return_counts=True)
    if max_rows is None:
        return names
    return names[: int(np.searchsorted(np.cumsum(counts), max_rows)) + 1]


def default_repeats(n_samples):
    """Return how many repeats of cross-validation a table of this size needs."""
    return (
        5 if n_samples <= 3_000 else 3 if n_samples <= 10_000 else 2 if n_samples <= 30_000 else 1
    )


def predict_risk(model, X, *, event_label=1):
    """Return a fitted model's risk of the event.

    Parameters
    ----------
    model : fitted scikit-learn classifier
        Must have `predict_proba`.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Rows to predict.
    event_label : object, default=1
        The class that is the event, where the model knows its classes by name.

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    if not hasattr(model, "predict_proba"):
        raise InputError(
            f"{type(model).__name__} has no predict_proba; a risk is needed. Wrap it in "
            "CalibratedClassifierCV, or use a classifier that predicts probabilities."
        )
    proba = np.asarray(model.predict_proba(X), dtype=float)
    classes = np.asarray(getattr(model, "classes_", [0, 1])).tolist()
    return proba[:, _place_of_event(classes, event_label)]


def _place_of_event(classes, event):
    """Return the place of the event among a model's classes; it is never guessed."""
    for names, wanted in ((classes, event), (list(map(str, classes)), str(event))):
        if wanted in names:
            return names.index(wanted)
    if classes == [0, 1]:
        return 1
    raise InputError(
        f"None of the model's {len(classes)} classes is the event; fit it on 0/1, or pass event= "
        "as the model names it."
    )


def _train_test(fold, k, rows):
    train = (fold != k) & (fold >= 0)
    if rows is not None:
        train &= rows
    return np.flatnonzero(train), np.flatnonzero(fold == k)


def _fit_predict(estimator, X, y, groups, split, where):
    (train, test), (label, repeat, fold) = split, where
    try:
        model = clone(estimator)
        extra = {} if groups is None or not _takes_groups(model) else {"groups": groups[train]}
        model.fit(_safe_indexing(X, train), y[train], **extra)
        return predict_risk(model, _safe_indexing(X, test))
    except InputError:
        raise
    except Exception as error:  # its words may hold a patient's value: only its kind is passed on
        raise InputError(
            f"{label} could not be refitted in fold {fold} of repeat {repeat}: "
            f"{type(error).__name__} in {type(estimator).__name__}; fit it on the training rows "
            "of that split alone to see why."
        ) from None


def _takes_groups(model):
    request = getattr(model, "__metadata_request__fit", None) or {}
    return bool(request.get("groups"))
