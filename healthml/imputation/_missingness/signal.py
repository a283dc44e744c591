"""How much the mere fact that values are missing says about the outcome."""

from numbers import Integral

import numpy as np
from scipy.stats import norm
from sklearn.utils import check_random_state

from healthml._core._checks import check_patient_cv
from healthml._core._numerics import cluster_variance, fit_logistic
from healthml.imputation._missingness.patterns import distinct_patterns

# Cells (or rows) of the rarer kind below which no AUC is given: with 20 its 95 % interval is about
# 0.25 wide and says little. Chosen by that arithmetic; moved down, intervals grow, not errors.
FEWEST_EVENTS = 20
# As in `predictability`: worth one row, against separation.
RIDGE = 1.0


def indicator_auc(is_missing, y, groups, cv, confidence_level, random_state):
    """Return the out-of-fold AUC of a logistic regression on the missing indicators.

    The mean over folds, weighted by their rows. Its variance is that of the placement values,
    summed by patient, times one plus the sum over folds of test over training rows: training
    rows overlap, so folds err together [1]_.

    References
    ----------
    .. [1] Nadeau C, Bengio Y. Inference for the generalization error. Mach Learn.
       2003;52:239-281.
    """
    if y is None:
        return {}
    varying = is_missing.any(axis=0) & ~is_missing.all(axis=0)
    indicators = _distinct_columns(is_missing[:, varying])
    n_events = int(y.sum())
    if not indicators.shape[1]:
        return {"reason": "no column is missing in some rows only"}
    if min(n_events, len(y) - n_events) < FEWEST_EVENTS:
        return {"reason": f"fewer than {FEWEST_EVENTS} events or non-events"}
    patterns, row = distinct_patterns(indicators)
    patterns, pieces = patterns.astype(float), []
    for train, test in patient_folds(y, groups, cv, random_state):
        if len(np.unique(y[train])) == 2:
            risk = _pattern_risk(patterns, row[train], y[train])[row[test]]
            pieces.append((len(train), test, risk))
    auc = auc_over_folds(y, pieces, groups, confidence_level)
    if "reason" in auc:
        return auc
    return auc | {
        "n_samples": len(y),
        "n_events": n_events,
        "n_indicators": indicators.shape[1],
    }


def _distinct_columns(flags):
    """Return the columns that differ, in the order in which `numpy.unique` has them."""
    place = {column.tobytes(): j for j, column in enumerate(np.packbits(flags, axis=0).T)}
    return flags[:, [place[key] for key in sorted(place)]]


def auc_over_folds(y, pieces, groups, confidence_level):
    """Return the mean AUC over folds with its interval, or the reason why there is none.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        0/1.
    pieces : list of (int, ndarray, ndarray)
        For each fold the number of training rows, the test rows and their risks.
    groups : ndarray of shape (n_samples,) or None
        Patient of each row.
    confidence_level : float

    Returns
    -------
    dict
        ``estimate``, ``lower``, ``upper``, or ``reason``.
    """
    auc, weight, overlap, influence = [], [], 0.0, np.zeros(len(y))
    for n_train, test, risk in pieces:
        if len(np.unique(y[test])) == 2:
            value, effect = _auc(y[test], risk)
            auc.append(value)
            weight.append(len(test))
            overlap += len(test) / n_train
            influence[test] += effect * len(test)
    if not auc:
        return {"reason": "no fold holds both outcomes"}
    estimate = float(np.average(auc, weights=weight))
    variance = cluster_variance(influence / sum(weight), groups) * (1 + overlap)
    half = norm.ppf(0.5 + confidence_level / 2) * np.sqrt(variance)
    return {
        "estimate": estimate,
        "lower": max(0.0, float(estimate - half)),
        "upper": min(1.0, float(estimate + half)),
    }


def patient_folds(y, groups, cv, random_state):
    """Yield train and test rows; patients are stratified by the event."""
    if not isinstance(cv, Integral):
        yield from check_patient_cv(cv, y, groups).split(np.empty((len(y), 0)), y, groups)
        return
    patient = np.arange(len(y)) if groups is None else groups
    has_event = np.bincount(patient, weights=y) > 0
    order = check_random_state(random_state).permutation(len(has_event))
    order = order[np.argsort(has_event[order], kind="stable")]
    fold = np.empty(len(order), dtype=int)
    fold[order] = np.arange(len(order)) % cv
    for k in range(cv):
        yield np.flatnonzero(fold[patient] != k), np.flatnonzero(fold[patient] == k)


def _pattern_risk(patterns, row, y):
    """Fit the logistic regression on counts per pattern: the same fit, many fewer rows."""
    size = np.bincount(row, minlength=len(patterns)).astype(float)
    events = np.bincount(row, weights=y, minlength=len(patterns))
    seen = size > 0
    fit = fit_logistic(patterns[seen], events[seen] / size[seen], weight=size[seen], ridge=RIDGE)
    return fit.coef[0] + patterns @ fit.coef[1:]


def _auc(y, risk):
    """Return the AUC and each row's influence on it (placement values), ties counting half."""
    value, row = np.unique(risk, return_inverse=True)
    event = np.bincount(row[y == 1], minlength=len(value))
    other = np.bincount(row[y == 0], minlength=len(value))
    n1, n0 = event.sum(), other.sum()
    place1 = ((np.cumsum(other) - other / 2) / n0)[row[y == 1]]
    place0 = ((n1 - np.cumsum(event) + event / 2) / n1)[row[y == 0]]
    auc = place1.mean()
    influence = np.empty(len(y))
    influence[y == 1] = (place1 - auc) / n1
    influence[y == 0] = (place0 - auc) / n0
    return auc, influence
