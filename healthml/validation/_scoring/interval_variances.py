"""Where the error of an out-of-sample value comes from: who judges, and which model is judged."""

import numpy as np
from scipy.sparse import csr_array

REPEATS_TO_TRAINING = 3.0
ONE_REPEAT = 0.25


def draw_variances(influence, event, out, groups=None):
    """Return for each draw the variance that the choice of patients gives to its model.

    Estimated from the rows out of bag, for a judgement by all rows.

    Parameters
    ----------
    influence : ndarray of shape (n_draws, n_samples)
        How much each out-of-bag row moves the value of each draw; 0 for the others.
    event : ndarray of shape (n_samples,)
        Outcome as 0/1.
    out : ndarray of bool, shape (n_draws, n_samples)
        Rows out of bag.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    ndarray of shape (n_draws,)
        Missing where fewer than two patients with, or without, the event were out of bag.

    Examples
    --------
    >>> influence = np.array([[0.1, -0.1, 0.05, -0.05, 0.0, 0.0, 0.0, 0.0]])
    >>> event = np.array([1, 1, 0, 0, 1, 1, 0, 0])
    >>> draw_variances(influence, event, influence != 0).round(4).tolist()
    [0.025]
    """
    if groups is not None:
        influence, event, out = _to_patients(influence, event, out, groups)
    classes = np.column_stack([event == 0, event == 1]).astype(float)
    squares, count = influence**2 @ classes, out @ classes
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.where(count > 1, squares * count / (count - 1), np.nan).sum(axis=1)
    return variance * count.sum(axis=1) / len(event)


def draws_training(test, out=None, sampling=None, share_out=np.nan):
    """Return the variance over models of the procedure, from bootstrap draws.

    Parameters
    ----------
    test : ndarray of shape (n_draws,)
        Value of each refitted model on all rows.
    out : ndarray of shape (n_draws,), optional
        Value of each refitted model on its out-of-bag rows, for learners that remember rows: their
        values on all rows hardly differ. The larger of the two variances is taken.
    sampling : float, optional
        Mean of `draw_variances`, with which the part of the variance of `out` is taken off that
        comes from different rows out of bag.
    share_out : float, optional
        Share of rows out of bag, on average.

    Returns
    -------
    float

    Examples
    --------
    >>> round(draws_training(np.array([0.7, 0.72, 0.74])), 6)
    0.0004
    """
    training = _variance(test)
    if out is None:
        return training
    different_rows = sampling * (1 - share_out) / share_out
    return float(np.nanmax([training, _variance(out) - different_rows, 0.0]))


def folds_training(repeats, influence, groups=None):
    """Return the variance over models of the procedure, from repeats of cross-validation.

    Repeats differ in their models alone. Models of two repeats share most of their rows, so that
    they differ less than models of two cohorts; the factor 3 was measured by simulation (see the
    guide). One repeat tells nothing: a quarter of the sampling variance is taken instead.

    Parameters
    ----------
    repeats : ndarray of shape (n_repeats,)
        Value of each repeat.
    influence : ndarray of shape (n_samples,)
        How much each row moves the estimate.
    groups : ndarray of shape (n_samples,), optional
        Patient of each row.

    Returns
    -------
    float

    Examples
    --------
    >>> round(folds_training(np.array([0.70, 0.72, 0.71]), np.zeros(9)), 6)
    0.0003
    """
    if np.isfinite(repeats).sum() > 1:
        return REPEATS_TO_TRAINING * _variance(repeats)
    return ONE_REPEAT * sum_of_squares(by_patient(influence, groups))


def between_folds(name, event, deviation):
    """Return what the rows of a fold add to their influence because the fold is a better one.

    Influence values of a fold are centred at the fold's own value. With few events a fold that
    alone makes them far too small.

    Parameters
    ----------
    name : str
        The measure.
    event : ndarray of shape (n_rows,)
        Outcomes of the fold's rows as 0/1.
    deviation : float
        Value of the fold minus the estimate over all folds.

    Returns
    -------
    ndarray of shape (n_rows,)
        For AUC the deviation over the rows of the same class, else over all rows.

    Examples
    --------
    >>> between_folds("auroc", np.array([1, 0, 0, 0]), 0.3).round(2).tolist()
    [0.3, 0.1, 0.1, 0.1]
    >>> between_folds("brier", np.array([1, 0, 0, 0]), 0.2).round(2).tolist()
    [0.05, 0.05, 0.05, 0.05]
    """
    if not np.isfinite(deviation):
        return np.zeros(len(event))
    if name != "auroc":
        return np.full(len(event), deviation / len(event))
    events = np.sum(event)
    return np.where(event == 1, deviation / events, deviation / (len(event) - events))


def by_patient(influence, groups):
    """Return influence values summed by patient."""
    influence = np.asarray(influence, dtype=float)
    if groups is None:
        return influence
    sums = np.bincount(groups, influence)
    return sums[np.bincount(groups) > 0]


def sum_of_squares(moved):
    """Return the variance of an estimate from the influence of each patient."""
    count = len(moved)
    return float(moved @ moved * count / (count - 1)) if count > 1 else np.nan


def _to_patients(influence, event, out, groups):
    """Sum rows of a patient; one with any event is a patient with the event."""
    codes = np.unique(groups, return_inverse=True)[1].ravel()
    member = csr_array((np.ones(len(codes)), (np.arange(len(codes)), codes)))
    return influence @ member, (event @ member > 0).astype(int), out @ member > 0


def _variance(values):
    values = values[np.isfinite(values)]
    return float(values.var(ddof=1)) if len(values) > 1 else np.nan
