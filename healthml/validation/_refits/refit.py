"""Refit a procedure on resamples of the rows: seeded, counted, the same for any number of jobs."""

import warnings
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from sklearn import config_context
from sklearn.utils import _safe_indexing

from healthml._core._parallel import iterate_parallel, recorded
from healthml._core._routing import failure_reason
from healthml.exceptions import InputError
from healthml.validation._refits.procedure import Procedure, predict_risk
from healthml.validation._refits.separation import is_separated

__all__ = [
    "ONE_CLASS",
    "Refit",
    "Resample",
    "iterate_refits",
    "predict_risk",
    "reemit",
    "refit",
]

ONE_CLASS = "one class among the training rows"

_AS_IS = nullcontext()


@dataclass(frozen=True)
class Resample:
    """One refit: the rows to fit on, those to predict, and its own seed.

    Parameters
    ----------
    train : ndarray of int
        Positions of the training rows, repeated where a resample drew them repeatedly.
    predict : ndarray of int
        Positions of the rows whose risk is wanted.
    number : int
        Number of the resample, from 0.
    seed : int
        Given to every `random_state` of the estimator that is None.
    name : str, optional
        What errors call it; its number by default.
    """

    train: np.ndarray
    predict: np.ndarray
    number: int
    seed: int
    name: str | None = None

    @property
    def where(self):
        """Its name for messages."""
        return self.name or f"resample {self.number}"


@dataclass(frozen=True)
class Refit:
    """What one refit gave.

    Parameters
    ----------
    risk : ndarray or None
        Risks of the rows to predict; None where the refit failed.
    failure : str or None
        Why there is no risk, without any cell's value.
    converged : bool
        False where the fit warned that it had not converged.
    separated : bool
        Whether the outcomes are separated, so that no maximum-likelihood estimate exists. Looked
        for in unpenalised logistic regression only; any other estimator has False.
    warned : tuple of type
        Categories of the other warnings of the fit.
    chosen : dict or None
        Parameters that a search chose.
    """

    risk: np.ndarray | None
    failure: str | None = None
    converged: bool = True
    separated: bool = False
    warned: tuple = ()
    chosen: dict | None = None


def refit(estimator, X, y, resamples, *, what="resamples", **options):
    """Refit a procedure whole in every resample and predict.

    Parameters
    ----------
    estimator : scikit-learn classifier or Pipeline
        Cloned for every resample. A `random_state` that is None gets the resample's seed, so that
        the answer can be repeated and does not depend on `n_jobs`; one that was set is kept.
    X : DataFrame or array-like of shape (n_samples, n_features)
        The table.
    y : ndarray of shape (n_samples,)
        Outcome as 0/1.
    resamples : list of Resample
        What to fit and predict.
    what : str, default="resamples"
        Name in progress lines.
    **options
        As in `iterate_refits`.

    Returns
    -------
    list of Refit

    Raises
    ------
    InputError
        If a fit fails and `on_error` is "raise".
    KeyboardInterrupt
        With the resample that was next and its seed, when interrupted.

    Warns
    -----
    Warning
        The categories of warnings that the fits gave, each once and with its count; not
        convergence, which is part of the answer.
    """
    resamples = list(resamples)
    refits = list(iterate_refits(estimator, X, y, resamples, what=what, **options))
    reemit(refits, estimator)
    return refits


def iterate_refits(
    estimator,
    X,
    y,
    resamples,
    *,
    groups=None,
    sample_weight=None,
    event_label=1,
    on_error="raise",
    fit_one_class=False,
    label=None,
    n_jobs=None,
    prefer=None,
    verbose=0,
    what="resamples",
    total=None,
):
    """Refit a procedure in every resample, one answer after the other.

    Parameters
    ----------
    estimator, X, y
        As in `refit`.
    resamples : iterable of Resample
        May be a generator: only as many as are being worked on exist at a time.
    groups : ndarray of shape (n_samples,), optional
        The patient of each row, handed to estimators whose `fit` asks for it, and to the inner
        folds of a search (as are the rows themselves where a resample has rows repeatedly, so
        that copies of a row do not stand on both sides of an inner split).
    sample_weight : ndarray of shape (n_samples,), optional
        Handed to `fit` where it takes weights.
    event_label : object, default=1
        The class that is the event.
    on_error : {"raise", "record"}, default="raise"
        Stop at the first fit that fails, naming its number and seed, or record it and go on.
    fit_one_class : bool, default=False
        Try to fit training rows of one class; otherwise such a resample is always recorded.
    label : str, optional
        What errors call the procedure; the estimator's class by default.
    n_jobs, prefer, verbose, what, total
        As in `iterate_parallel`.

    Yields
    ------
    Refit
    """
    if on_error not in ("raise", "record"):
        raise InputError(f"on_error={on_error!r} is unknown; use 'raise' or 'record'.")
    procedure = Procedure(estimator, groups, sample_weight)
    work = _Work(procedure, X, y, event_label, on_error, fit_one_class, label)
    waiting, done = [], 0
    options = {"n_jobs": n_jobs, "prefer": prefer, "verbose": verbose, "what": what}
    answers = iterate_parallel(work, _noted(resamples, waiting), total=total, **options)
    try:
        for answer in answers:
            waiting.pop(0)
            done += 1
            yield answer
    except KeyboardInterrupt:
        raise interrupted(done, what, waiting[0] if waiting else None) from None


def interrupted(done, what, following=None):
    """Return a KeyboardInterrupt that says how far the refits came."""
    place = "" if following is None else f"; {following.where} (seed {following.seed}) was next"
    return KeyboardInterrupt(f"interrupted after {done} {what}{place}; no result was made")


def _noted(resamples, waiting):
    for resample in resamples:
        waiting.append(resample)
        yield resample


def reemit(refits, estimator, stacklevel=3):
    """Give every category of warning of the fits once, with its count.

    The words of the single warnings are left out, for they may hold a patient's value.
    """
    refits = list(refits)
    counts = Counter(category for fit in refits for category in set(fit.warned))
    for category, count in counts.items():
        text = (
            f"{count} of {len(refits)} refits of {type(estimator).__name__} warned of "
            f"{category.__name__}; fit it on all rows to read the warning."
        )
        try:
            message = category(text)
        except TypeError:  # a category that is made of more than a text
            message = UserWarning(text)
        warnings.warn(message, stacklevel=stacklevel)


@dataclass(frozen=True)
class _Work:
    procedure: Procedure
    X: object
    y: np.ndarray
    event_label: object
    on_error: str
    fit_one_class: bool
    label: str | None

    def __call__(self, resample):
        train, y = resample.train, self.y[resample.train]
        if not self.fit_one_class and (not len(y) or y.min() == y.max()):
            return Refit(None, ONE_CLASS)
        try:
            with recorded() as caught, self._settings():
                model = self.procedure.make(resample)
                rows = _take(self.X, train)
                extra = self.procedure.fit_params(model, rows, y, train, resample.seed)
                model.fit(rows, y, **extra)
                wanted = _take(self.X, resample.predict)
                risk = predict_risk(model, wanted, event_label=self.event_label)
        except InputError:
            raise
        except Exception as error:  # its words may hold a patient's value: only safe ones go on
            return self._failed(failure_reason(error, _take(self.X, train)), resample)
        kinds = {warning.category for warning in caught}
        late = {kind for kind in kinds if _is_named(kind, "ConvergenceWarning")}
        apart = {kind for kind in kinds if _is_named(kind, "PerfectSeparationWarning")}
        if not np.isfinite(risk).all():
            return self._failed("ValueError: missing risks", resample)
        return Refit(
            risk,
            converged=not late,
            separated=bool(apart) or is_separated(model, rows, y),
            warned=tuple(sorted(kinds - late - apart, key=lambda kind: kind.__name__)),
            chosen=getattr(model, "best_params_", None),
        )

    def _settings(self):
        """Let scikit-learn leave out what was checked before the first refit."""
        return config_context(skip_parameter_validation=True) if self.procedure.sound else _AS_IS

    def _failed(self, reason, resample):
        if self.on_error == "record":
            return Refit(None, reason)
        name = type(self.procedure.estimator).__name__
        raise InputError(
            f"{self.label or name} could not be refitted in {resample.where}: {reason} "
            f"(seed {resample.seed}). Fit it on the training rows of that split alone to see more."
        ) from None


def _take(X, rows):
    """Return a copy of some rows."""
    if type(X) is np.ndarray or hasattr(X, "iloc"):
        return X.take(rows, axis=0)
    return _safe_indexing(X, rows)


def _is_named(kind, name):
    """Say whether a category is one of this name: scikit-learn's, statsmodels' or our own."""
    return any(parent.__name__ == name for parent in kind.__mro__)
