"""What all imputers of a comparison are judged by: outcome, patients, measures."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from healthml._core._checks import check_event, check_groups
from healthml._core._intervals import check_confidence_level
from healthml.exceptions import InputError

REGRESSION = ("r_squared", "mse")
DIRECTIONS = {
    "auroc": "higher",
    "scaled_brier": "higher",
    "brier": "lower",
    "net_benefit": "higher",
    "r_squared": "higher",
    "mse": "lower",
}


@dataclass(frozen=True)
class Task:
    """What all strategies are judged by.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Outcome; 0/1 for a classifier.
    groups : ndarray of int or None
        Patient of each row.
    measures : tuple of str
    thresholds : ndarray or None
    level : float
        Confidence level.
    is_classes : bool
    """

    y: np.ndarray
    groups: np.ndarray | None
    measures: tuple
    thresholds: np.ndarray | None
    level: float
    is_classes: bool


def make_task(estimator, y, n, groups, measures, thresholds, event, confidence_level):
    level = check_confidence_level(confidence_level)
    is_estimator = isinstance(estimator, BaseEstimator)
    if not is_estimator or not (is_classifier(estimator) or is_regressor(estimator)):
        raise InputError(
            f"estimator is a {type(estimator).__name__}; pass a classifier or a regressor."
        )
    is_classes = is_classifier(estimator)
    if len(y) != n:
        raise InputError(f"y has {len(y)} values for {n} rows; pass one for each row.")
    if is_classes:
        _, y = check_event(y, event=event)
    else:
        y = np.asarray(y, dtype=float)
        bad = np.flatnonzero(~np.isfinite(y))
        if len(bad):
            raise InputError(
                f"y has {len(bad)} missing or infinite values, the first at position {bad[0]}; "
                "leave these rows out."
            )
    groups = None if groups is None else check_groups(groups, n)
    if thresholds is not None:
        thresholds = np.atleast_1d(np.asarray(thresholds, dtype=float))
        if not ((thresholds > 0) & (thresholds < 1)).all():
            raise InputError("thresholds must lie between 0 and 1.")
    return Task(
        y, groups, _measures(measures, thresholds, is_classes), thresholds, level, is_classes
    )


def _measures(measures, thresholds, is_classes):
    known = [m for m in DIRECTIONS if (m in REGRESSION) != is_classes]
    if measures is None:
        if not is_classes:
            return ("r_squared",)
        return ("auroc", "scaled_brier") + (() if thresholds is None else ("net_benefit",))
    measures = (measures,) if isinstance(measures, str) else tuple(measures)
    unknown = [m for m in measures if m not in known]
    if unknown or not measures:
        what = f"{unknown[0]!r}" if unknown else "nothing"
        raise InputError(f"measures has {what}; there are {', '.join(known)}.")
    if "net_benefit" in measures and thresholds is None:
        raise InputError("net_benefit needs thresholds; pass the decision thresholds.")
    return measures
