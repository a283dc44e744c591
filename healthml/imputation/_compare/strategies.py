"""Ways to live with missing values, each a model that is fitted and deployed as a whole."""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.pipeline import make_pipeline
from sklearn.utils import _safe_indexing, get_tags

from healthml._core._parallel import seeded
from healthml._core._routing import failure_reason
from healthml.exceptions import InputError
from healthml.imputation._compare.simple_fill import SimpleFill
from healthml.imputation._missingness import FEWEST_EVENTS

MEAN, INDICATORS, COMPLETE, LEFT = (
    "mean or mode",
    "mean or mode with indicators",
    "complete cases",
    "left missing",
)
SIMPLE = (MEAN, INDICATORS, COMPLETE, LEFT)


@dataclass(frozen=True)
class Strategy:
    """A model from incomplete rows to predictions.

    Parameters
    ----------
    name : str
    model : estimator
        Fitted on training rows and applied to test rows, imputation in it.
    rows : ndarray of bool of shape (n_samples,) or None
        Rows on which it can be fitted and applied; None for all.
    """

    name: str
    model: object
    rows: np.ndarray | None = None


def named_strategies(estimator, imputers):
    """Return a strategy for each imputer of the user.

    Parameters
    ----------
    estimator : estimator
        Model that gets the completed rows.
    imputers : dict of str to transformer, model or None
        A model that predicts is a strategy as it is; None hands on the missing values.

    Returns
    -------
    list of Strategy
    """
    strategies = []
    for name, imputer in imputers.items():
        if name in SIMPLE:
            raise InputError(f"imputers has the name {name!r} of a simple reference; rename it.")
        if getattr(imputer, "include_outcome", False):
            raise InputError(
                f"imputers[{name!r}] has include_outcome=True: it needs the outcome of the rows it "
                "fills in, which new patients do not have yet; use include_outcome=False."
            )
        strategies.append(Strategy(str(name), _as_model(estimator, imputer, name)))
    return strategies


def simple_strategies(wanted, estimator, complete, y, *, is_classes):
    """Return the simple references that can be had, and why others cannot.

    Parameters
    ----------
    wanted : bool or list of str
        All when True.
    estimator : estimator
    complete : ndarray of bool of shape (n_samples,)
        Rows without a missing cell.
    y : ndarray of shape (n_samples,)
        Outcome; 0/1 for a classifier.
    is_classes : bool

    Returns
    -------
    found : list of Strategy
    remarks : list of str
    """
    names = _wanted(wanted)
    strategies, remarks = [], []
    if MEAN in names:
        strategies.append(Strategy(MEAN, make_pipeline(SimpleFill(), clone(estimator))))
    if INDICATORS in names:
        model = make_pipeline(SimpleFill(indicators=True), clone(estimator))
        strategies.append(Strategy(INDICATORS, model))
    if COMPLETE in names:
        share = f"{complete.sum()} of {len(complete)} rows are complete"
        if _are_enough(y[complete], is_classes):
            strategies.append(Strategy(COMPLETE, clone(estimator), complete))
            remarks.append(
                f"complete cases: {share}; fitted on them, scored and compared on them alone, with "
                "no prediction for other patients."
            )
        else:
            remarks.append(f"complete cases are not compared: {share}, which are too few.")
    if LEFT in names:
        if get_tags(estimator).input_tags.allow_nan:
            strategies.append(Strategy(LEFT, clone(estimator)))
        elif wanted is not True:
            raise InputError("the estimator takes no missing values; leave 'left missing' out.")
    return strategies, remarks


def predict_split(task):
    """Fit a strategy on the training rows of a split; return its predictions and warnings.

    Parameters
    ----------
    task : tuple
        Strategy, X, y, training rows, test rows, seed, number of the split.

    Returns
    -------
    rows : ndarray of int
        Test rows with a prediction.
    predicted : ndarray of float
    warned : set of str
        Kinds of warnings.
    """
    strategy, X, y, train, test, seed, number = task
    if strategy.rows is not None:
        train, test = train[strategy.rows[train]], test[strategy.rows[test]]
    if not len(test):
        return test, np.empty(0), set()
    model = seeded(clone(strategy.model), seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model.fit(_safe_indexing(X, train), y[train])
            answer = _predict(model, _safe_indexing(X, test))
        except Exception as error:
            raise InputError(
                f"{strategy.name!r} failed in split {number} ({failure_reason(error, X)}); fit it "
                f"on the {len(train)} training rows of that split to see more."
            ) from None
    return test, answer, {warning.category.__name__ for warning in caught}


def _as_model(estimator, imputer, name):
    if imputer is None:
        return clone(estimator)
    is_estimator = isinstance(imputer, BaseEstimator)
    if is_estimator and (is_classifier(imputer) or is_regressor(imputer)):
        return clone(imputer)
    if not is_estimator or not hasattr(imputer, "transform"):
        raise InputError(
            f"imputers[{name!r}] is a {type(imputer).__name__}; pass an imputer with fit and "
            "transform, a whole model, or None to hand on missing values."
        )
    return make_pipeline(clone(imputer), clone(estimator))


def _wanted(wanted):
    if isinstance(wanted, bool):
        return SIMPLE if wanted else ()
    unknown = [name for name in wanted if name not in SIMPLE]
    if unknown:
        raise InputError(
            f"simple_references has {unknown[0]!r}; there are {', '.join(map(repr, SIMPLE))}."
        )
    return tuple(wanted)


def _are_enough(y, is_classes):
    if not is_classes:
        return len(y) >= 2 * FEWEST_EVENTS
    return min(y.sum(), len(y) - y.sum()) >= FEWEST_EVENTS


def _predict(model, X):
    if is_classifier(model):
        return np.asarray(model.predict_proba(X), dtype=float)[:, 1]
    return np.asarray(model.predict(X), dtype=float).ravel()
