"""More than two outcomes: each class against the rest, through the same functions."""

from dataclasses import dataclass
from functools import wraps

import numpy as np
import pandas as pd

from healthml._core._checks import check_event
from healthml._core._results import Result
from healthml.exceptions import InputError

__all__ = ["OneVsRestResult"]


@dataclass(frozen=True, repr=False)
class OneVsRestResult(Result):
    """The same result for each class against the rest.

    Parameters
    ----------
    table : pandas.DataFrame
        The tables of all classes, the first column `class`.
    results : dict
        Class label -> the result of this class.
    """

    results: dict

    def plot(self, ax=None, **kwargs):
        """Draw each class; `ax` is an array with one axes per class, made when None."""
        from healthml._core._displays import new_grid

        axes = new_grid(len(self.results)) if ax is None else np.ravel(ax)
        for panel, (label, result) in zip(axes, self.results.items(), strict=False):
            result.plot(ax=panel, **kwargs)
            title = f"{label} against the rest"
            panel.set_title(title, fontsize="medium", parse_math=False)
        return axes


def one_vs_rest(function):
    """Let a function of binary outcomes take three or more columns of risks, class by class."""

    @wraps(function)
    def each_class(y_true, y_proba, *, classes=None, **options):
        if not is_multiclass(y_proba):
            if classes is not None:
                raise InputError(
                    "classes is for a y_proba with three or more columns; leave it out."
                )
            return function(y_true, y_proba, **options)
        if options.get("event") is not None:
            raise InputError("event and a y_proba of several classes exclude each other; pass one.")
        proba, labels, y_true = _check_columns(y_true, y_proba, classes)
        results = {
            label: function(y_true == label, proba[:, place], **options)
            for place, label in enumerate(labels)
        }
        tables = [result.table.assign(**{"class": label}) for label, result in results.items()]
        table = pd.concat(tables, ignore_index=True)
        return OneVsRestResult(table[["class", *table.columns.drop("class")]], results)

    return each_class


def is_multiclass(y_proba):
    """Tell whether risks have three or more columns."""
    if isinstance(y_proba, dict):
        return False
    shape = np.shape(y_proba)
    return len(shape) == 2 and shape[1] > 2


def refuse_multiclass(y_proba, what):
    """Refuse three or more columns of risks by name."""
    options = y_proba.values() if isinstance(y_proba, dict) else [y_proba]
    if any(len(np.shape(proba)) == 2 and np.shape(proba)[1] > 2 for proba in options):
        raise InputError(
            f"{what} compares risks of one event; pass one class's outcome and its column."
        )


def risk_of_event(estimator, X, event=None):
    """Return the column of `predict_proba` that is the event's, and refuse several classes."""
    proba = np.asarray(estimator.predict_proba(X))
    if proba.ndim != 2 or proba.shape[1] != 2:
        raise InputError(
            "from_estimator draws the risks of one event; pass predict_proba(X) of several classes "
            "to the function that makes the curve, with classes=estimator.classes_."
        )
    column = check_event(estimator.classes_, event=event, name="estimator.classes_")[1]
    return proba[:, int(np.argmax(column))]


# How far the risks of a row may add up from 1: float32 and printed risks of three decimals are let
# in. Chosen by judgement; larger lets in scores that are no probabilities.
_SUM_OFF = 1e-3


def _check_columns(y_true, y_proba, classes):
    proba, y_true = np.asarray(y_proba, dtype=float), np.asarray(y_true)
    labels = list(np.unique(y_true)) if classes is None else list(classes)
    if len(labels) != proba.shape[1]:
        raise InputError(
            f"y_proba has {proba.shape[1]} columns for {len(labels)} classes; "
            "name the class of each column with classes."
        )
    if not np.isin(y_true, labels).all():
        n_other = int((~np.isin(y_true, labels)).sum())
        raise InputError(f"y_true has {n_other} rows of no class in classes; name all of them.")
    off = np.flatnonzero(np.abs(proba.sum(axis=1) - 1) > _SUM_OFF)
    if off.size:
        raise InputError(
            f"y_proba does not add up to 1 in {off.size} rows, the first at position {off[0]}; "
            "pass predict_proba(X)."
        )
    return proba, labels, y_true
