"""The fast path of logistic regression: all resamples fitted together, the rest one by one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn import get_config
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from healthml._core._parallel import iterate_parallel
from healthml._core._tables import to_pandas
from healthml.validation._refits.batched.newton import fit_batched, risks_of
from healthml.validation._refits.refit import Refit, interrupted, refit

_EXACT_SOLVERS = ("lbfgs", "newton-cg", "newton-cholesky")

# What scikit-learn's solver must promise to end where the optimum is: a looser tolerance or fewer
# steps stop visibly short of it, and the fast path would give another model than the user's.
_LOOSEST, _SHORTEST = 1e-3, 100
_WIDEST = (
    150  # columns up to which one matrix for each resample beats the loop, by judgement; only speed
)

_BYTES, _PORTION = 2**28, 256  # memory for risks, and resamples, of a portion; only speed
_WORTH_JOBS = 10**8  # rows x resamples from which more processes earn back their start; only speed


@dataclass(frozen=True)
class LogisticRecipe:
    """What a recognised estimator fits.

    Parameters
    ----------
    C : float
        Inverse strength of the ridge penalty; infinite for none.
    scaled : bool
        Whether columns are standardised on the training rows of each resample.
    """

    C: float
    scaled: bool


def recognise(estimator):
    """Return what an estimator fits if the fast path gives its numbers, else None.

    Recognised are scikit-learn's `LogisticRegression`, unpenalised or ridge, without class weights
    and with a solver that goes to the optimum, alone or in a `Pipeline` behind a `StandardScaler`
    or "passthrough" steps. Subclasses are not: they may do anything.

    Parameters
    ----------
    estimator : object
        Any estimator.

    Returns
    -------
    LogisticRecipe or None

    Examples
    --------
    >>> recognise(LogisticRegression(C=0.5))
    LogisticRecipe(C=0.5, scaled=False)
    >>> recognise(LogisticRegression(C=0.5, class_weight="balanced")) is None
    True
    """
    if type(estimator) is not Pipeline:
        return _recipe(estimator, [])
    if estimator.memory is not None or getattr(estimator, "transform_input", None) is not None:
        return None
    *before, last = _steps(estimator)
    return _recipe(last, before)


def batched_refit(estimator, X, y, resamples, *, sample_weight=None, event_label=1, **options):
    """Refit a logistic regression in all resamples at once, as `refit` would one by one.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        The procedure.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    resamples : list of Resample
        What to fit and predict.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows in the fit.
    event_label : object, default=1
        The class that is the event.
    **options
        Further arguments of `refit`, for the resamples that go there.

    Returns
    -------
    list of Refit, or None
        None where the fast path does not apply: another estimator, columns that are not numbers,
        missing values, or too many columns to be faster. Then call `refit`.

    Notes
    -----
    The optimum is found to about 1e-7 in standard deviations of the columns, closer than with
    scikit-learn's default `tol`. A separated resample has no optimum, and its risks are those at
    which the solver happens to stop: it goes to `refit`, that is, to scikit-learn, as do resamples
    with a column that is a combination of others among the training rows, or with one class.
    """
    recipe, resamples = recognise(estimator), list(resamples)
    table = None if recipe is None else _numbers(X, event_label)
    if table is None or not _weights_fit(estimator, sample_weight):
        return None
    work = _Work(table, np.asarray(y), recipe, sample_weight)
    answers = _run(work, resamples, **options)
    rest = [i for i, answer in enumerate(answers) if answer is None]
    options = {**options, "sample_weight": sample_weight, "event_label": event_label}
    slow = refit(estimator, X, y, [resamples[i] for i in rest], **options) if rest else []
    for i, answer in zip(rest, slow, strict=True):
        answers[i] = answer
    return answers


def _run(work, resamples, *, n_jobs=None, verbose=0, what="resamples", **_):
    """Fit portion after portion; several jobs only for work longer than their start."""
    portions, answers = _portions(resamples, len(work.table)), []
    n_jobs = n_jobs if len(resamples) * len(work.table) > _WORTH_JOBS else 1
    shown = {"verbose": verbose, "what": f"{what}, portions", "total": len(portions)}
    try:
        for part in iterate_parallel(work, portions, n_jobs=n_jobs, **shown):
            answers += part
    except KeyboardInterrupt:
        raise interrupted(len(answers), what, resamples[len(answers)]) from None
    return answers


def _steps(estimator):
    """Return the steps that do something, the model last."""
    if not isinstance(estimator, Pipeline):
        return [estimator]
    *before, last = [step for _, step in estimator.steps]
    return [*(step for step in before if step not in (None, "passthrough")), last]


def _recipe(model, before):
    if type(model) is not LogisticRegression or len(before) > 1:
        return None
    if any(type(step) is not StandardScaler for step in before):
        return None
    C = _inverse_penalty(model)
    exact = model.solver in _EXACT_SOLVERS and model.tol <= _LOOSEST
    softmax = getattr(model, "multi_class", None) == "multinomial"  # scikit-learn up to 1.7
    plain = model.class_weight is None and model.fit_intercept and not (model.dual or softmax)
    if C is None or not exact or not plain or model.max_iter < _SHORTEST:
        return None
    return LogisticRecipe(C, any(step.with_std for step in before))


def _inverse_penalty(model):
    """Return C (infinite for no penalty), or None for other penalties.

    scikit-learn up to 1.7 says `penalty=None` or "l2"; from 1.8 on `penalty` is "deprecated" and
    an infinite `C` or `l1_ratio=0` says the same.
    """
    penalty = getattr(model, "penalty", "deprecated")
    if penalty is None:
        return np.inf
    mixed = getattr(model, "l1_ratio", None) not in (None, 0)
    if penalty not in ("l2", "deprecated") or mixed or not model.C > 0:
        return None
    return float(model.C)


def _numbers(X, event_label):
    """Return the table as numbers, or None where scikit-learn has more to say about it."""
    if issparse(X) or str(event_label) == "0":
        return None
    if not isinstance(X, np.ndarray):
        frame = X if isinstance(X, pd.DataFrame) else to_pandas(X)
        plain = all(isinstance(t, np.dtype) and t.kind in "biuf" for t in frame.dtypes)
        X = frame.to_numpy(dtype=float) if plain else np.empty(0)
    if X.ndim != 2 or X.dtype.kind not in "biuf" or not 0 < X.shape[1] <= _WIDEST:
        return None
    table = np.ascontiguousarray(X, dtype=float)
    return table if len(table) and np.isfinite(table).all() else None


def _weights_fit(estimator, sample_weight):
    """Whether weights of the rows mean the same to the fast path and to the loop."""
    if sample_weight is None:
        return True
    routed = isinstance(estimator, Pipeline) and get_config()["enable_metadata_routing"]
    weight = np.asarray(sample_weight)
    return not routed and weight.dtype.kind in "biuf" and bool((weight >= 0).all())


@dataclass(frozen=True)
class _Work:
    """Fits one portion of the resamples; None for those that the loop has to fit."""

    table: np.ndarray
    y: np.ndarray
    recipe: LogisticRecipe
    weight: np.ndarray | None

    def __call__(self, portion):
        answers = [None] * len(portion)
        mixed = [i for i, resample in enumerate(portion) if self._both_classes(resample.train)]
        if not mixed:
            return answers
        counts = count_rows([portion[i].train for i in mixed], len(self.table))
        C, scaled = self.recipe.C, self.recipe.scaled
        fit = fit_batched(self.table, self.y, counts, C=C, scaled=scaled, weight=self.weight)
        risks = risks_of(self.table, fit.coef)
        for place in np.flatnonzero(fit.converged):
            resample = portion[mixed[place]]
            answers[mixed[place]] = Refit(risks[place, resample.predict])
        return answers

    def _both_classes(self, train):
        return len(train) > 0 and self.y[train].min() < self.y[train].max()


def count_rows(draws, n):
    """Return how often each resample has each row, in the smallest type that holds it.

    Examples
    --------
    >>> count_rows([np.array([0, 0, 2])], 3).tolist()
    [[2, 0, 1]]
    """
    counts = np.empty((len(draws), n), dtype=np.uint8)
    for number, rows in enumerate(draws):
        count = np.bincount(rows, minlength=n)
        if count.max() > np.iinfo(counts.dtype).max:
            counts = counts.astype(np.int64)
        counts[number] = count
    return counts


def _portions(resamples, n):
    """Cut the resamples so that the risks of a portion fit into memory."""
    size = int(np.clip(_BYTES // (8 * n), 1, _PORTION))
    return [resamples[at : at + size] for at in range(0, len(resamples), size)]
