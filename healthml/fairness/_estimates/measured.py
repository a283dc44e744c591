"""One measure of all groups of a partition: each group, everybody else, and how they vary."""

from dataclasses import dataclass

import numpy as np

from healthml.fairness._estimates.callables import callable_of_groups
from healthml.fairness._estimates.from_sums import from_sums, gradient_of
from healthml.fairness._estimates.ranked import auroc_of_groups, expected_auroc_of_groups
from healthml.fairness._estimates.recalibrated import calibration_of_groups
from healthml.fairness._estimates.spread import Estimates
from healthml.fairness._sums import RATIOS

SUMMED = (*RATIOS, "scaled_brier")
CALIBRATION = ("calibration_in_the_large", "calibration_slope")
WITHOUT_GAPS = ("expected_auroc", "event_rate", "mean_risk")  # facts about patients, not the model


@dataclass(frozen=True)
class Measured:
    """A measure in every group; made by `measure_groups`.

    Parameters
    ----------
    name : str
        The measure.
    own : Estimates
        Of each group.
    rest : Estimates or None
        Of everybody outside of each group.
    rest_correlation : ndarray of shape (n_groups,)
        Between both, from patients with rows in both; on the scale of gaps.
    covariance : ndarray of shape (n_groups, n_groups)
        Of the groups' estimates, on the measure's own scale.
    """

    name: str
    own: Estimates
    rest: Estimates | None
    rest_correlation: np.ndarray
    covariance: np.ndarray


def measure_groups(name, rows, codes, sums, *, right=(), function=None, n_resamples=200, seed=0):
    """Return one measure of every group and of everybody else.

    Parameters
    ----------
    name : str
        A measure, or the name of `function`.
    rows : Rows or None
        All rows; None where only sums are known.
    codes : ndarray of int
        Group of each row, -1 for none.
    sums : GroupSums
        Of the same groups.
    right : sequence of RightRisks
        Risks of each repeat recalibrated on all rows, for the expected AUC.
    function : callable, optional
        Of a user.
    n_resamples, seed : int
        Bootstrap of a user's function.
    """
    n_groups = len(sums.names)
    if name in SUMMED:
        return _summed(name, rows, sums)
    if name == "expected_auroc":
        own = expected_auroc_of_groups(rows, codes, n_groups, right)
        return _with_rest(name, rows, own, None)
    engine = {
        "auroc": lambda at, n: auroc_of_groups(rows, at, n),
        "calibration_in_the_large": lambda at, n: (calibration_of_groups(name, rows, at, n), None),
        "calibration_slope": lambda at, n: (calibration_of_groups(name, rows, at, n), None),
    }.get(name)
    if engine is None:
        options = {"n_resamples": n_resamples, "seed": seed}
        engine = lambda at, n: (callable_of_groups(function, rows, at, n, **options), None)  # noqa: E731
    own, influence = engine(codes, n_groups)
    if n_groups == 1:
        return _with_rest(name, rows, own, None)
    if n_groups == 2:
        return _with_rest(name, rows, own, own.take(np.array([1, 0])), codes, influence, influence)
    rest = [engine(np.where((codes >= 0) & (codes != k), 0, -1), 1) for k in range(n_groups)]
    moved = None if influence is None else [part for _, part in rest]
    rest = _joined([part for part, _ in rest])
    return _with_rest(name, rows, own, rest, codes, influence, moved)


def _summed(name, rows, sums):
    rest_sums = sums.rest()
    gradient, rest_gradient = gradient_of(name, sums.sums), gradient_of(name, rest_sums)
    covariance = sums.covariance(gradient)
    variance, shared = sums.rest_variance(gradient, rest_gradient)
    several = rows is not None and rows.thresholds is not None and np.size(rows.thresholds) > 1
    simple = rows is None or len(rows.risk) == 1
    options = {
        "independent": sums.independent and simple,
        "threshold": None if rows is None or several else rows.threshold,
    }
    own = from_sums(name, sums.sums, np.diag(covariance).copy(), sums.n_patients, **options)
    rest = None
    if len(sums.names) > 1:
        rest = from_sums(name, rest_sums, variance, sums.n_others, **options)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = shared / np.sqrt(np.diag(covariance) * variance)
    return Measured(name, own, rest, _bounded(correlation), covariance)


def _with_rest(name, rows, own, rest, codes=None, influence=None, moved=None):
    n_groups = len(own.value)
    covariance, correlation = np.diag(own.error**2), np.zeros(n_groups)
    if rows.patient is not None and influence is not None and rest is not None:
        by_patient = _by_patient(influence, codes, rows.patient, n_groups)
        shared = (by_patient.T @ by_patient).toarray()
        covariance = np.where(np.eye(n_groups) > 0, covariance, shared)
        correlation = np.array(
            [_shared(by_patient, k, moved, rows.patient, codes) for k in range(n_groups)]
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = _bounded(correlation / own.error / rest.error)
    return Measured(name, own, rest, correlation, covariance)


def _by_patient(influence, codes, patient, n_groups):
    from scipy import sparse

    inside = codes >= 0
    place = (patient[inside], codes[inside])
    shape = (int(patient.max()) + 1, n_groups)
    return sparse.csc_array((influence[inside], place), shape=shape)


def _shared(by_patient, k, moved, patient, codes):
    """Return the covariance of a group with everybody else, from patients with rows in both."""
    other = moved[k] if isinstance(moved, list) else np.where(codes == 1 - k, moved, 0.0)
    other = np.bincount(patient, np.where(codes == k, 0.0, other), by_patient.shape[0])
    return float((by_patient[:, [k]].T @ other)[0])


def _bounded(correlation):
    return np.clip(np.nan_to_num(correlation), -1, 1)


def _joined(parts):
    """Return several single estimates as one."""
    first = parts[0]
    names = ("value", "error", "kind", "reason", "freedom", "method")
    joined = {
        name: None
        if getattr(first, name) is None
        else np.concatenate([getattr(part, name) for part in parts])
        for name in names
    }
    return Estimates(**joined, limits=first.limits, on_log=first.on_log)
