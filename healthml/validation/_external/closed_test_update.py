"""How much updating does a model need? A closed test from no update to a full revision."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import chi2
from scipy.stats import f as fisher

from healthml._core._numerics import cluster_variance, expit, fit_logistic
from healthml._core._recalibration import fit_intercept, fit_slope
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError, OutcomeError

NOT_ASSESSABLE = "not assessable"
_SAME = 1e-3  # a column this close (of its spread) to a combination of others adds nothing


@dataclass(frozen=True)
class ClosedTest:
    """What the closed test found; made by `closed_test`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per update: update, log_likelihood, n_parameters, statistic (against the largest
        update), df, p_value, intercept, slope, their standard errors, method, chosen.
    decision : str
        The smallest update that is not rejected, or "not assessable".
    reason : str
        Why it is not assessable, or "".
    fits : dict of str to LogisticFit
        The fitted updates.
    extra : ndarray of shape (n_samples, k), or None
        What the covariates add to the linear predictor, as orthogonal columns.
    """

    table: pd.DataFrame
    decision: str
    reason: str = ""
    fits: dict = field(default_factory=dict)
    extra: np.ndarray | None = None


def closed_test(event, logit, X=None, *, groups=None, test_level=0.05):
    """Choose the smallest update that the outcomes do not reject.

    The largest update (a revision of all coefficients when X is given, else a new intercept and
    slope) is tested against no update, then against a new intercept, then against a new intercept
    and slope; the first test that is not significant ends the search. So the chance to update a
    model that needs none is at most `test_level`.

    Parameters
    ----------
    event : ndarray of shape (n_samples,)
        Outcome as 0/1 floats.
    logit : ndarray of shape (n_samples,)
        Log odds of the predicted risks.
    X : ndarray of shape (n_samples, p), optional
        Covariates as numbers.
    groups : ndarray of int, optional
        The patient of each row; the tests are then Wald tests with a variance for patients.
    test_level : float, default=0.05
        Level of each test.

    Returns
    -------
    ClosedTest
    """
    ones = np.ones(len(event))
    extra = None if X is None else added_columns(logit, X)
    try:
        fits = {
            "original": None,
            "intercept": fit_intercept(event, logit, ones),
            "recalibration": fit_slope(event, logit, ones),
        }
    except OutcomeError as error:
        return ClosedTest(pd.DataFrame(), NOT_ASSESSABLE, str(error), {}, extra)
    reason = ""
    if extra is not None:
        fits["revision"] = fit_logistic(np.column_stack([logit, extra]), event)
        reason = _unusable(fits["revision"], extra, event)
    table = _compared(event, logit, fits, groups, extra, usable=not reason)
    if reason:
        return ClosedTest(table.assign(chosen=False), NOT_ASSESSABLE, reason, fits, extra)
    significant = table["p_value"].to_numpy()[:-1] < test_level
    if not np.isfinite(table["p_value"].to_numpy()[:-1]).all():
        reason = "fewer patients than parameters"
        return ClosedTest(table.assign(chosen=False), NOT_ASSESSABLE, reason, fits, extra)
    decision = list(fits)[int(np.argmin(np.r_[significant, False]))]
    return ClosedTest(table.assign(chosen=table["update"] == decision), decision, "", fits, extra)


def added_columns(logit, X):
    """Return orthogonal columns that span what X adds to an intercept and the log odds."""
    spread = X.std(axis=0)
    scaled = (X - X.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    known = (logit - logit.mean())[:, None]
    if known.any():
        known = known / np.linalg.norm(known)
        scaled = scaled - known @ (known.T @ scaled)
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = size > _SAME * np.sqrt(len(X))
    return left[:, kept] * np.sqrt(len(X))


def numeric_covariates(X, n):
    """Return covariates as numbers: a category becomes indicators without its first level."""
    frame = to_pandas(X)
    if len(frame) != n:
        raise InputError(f"X has {len(frame)} rows and y has {n}; pass the same rows.")
    missing = int(frame.isna().any(axis=1).sum())
    if missing:
        raise InputError(
            f"X has missing values in {missing} of {n} rows; impute them before a revision is "
            "tested, or leave X out."
        )
    numbers = [
        pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype)
        for dtype in frame.dtypes
    ]
    categories = frame.columns[~np.array(numbers)].tolist()
    if categories:
        frame = pd.get_dummies(frame.astype(dict.fromkeys(categories, "string")), drop_first=True)
    values = frame.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise InputError("X has infinite numbers; correct them or leave X out.")
    return values


def _unusable(fit, extra, event):
    if fit.separated or not fit.converged:
        return (
            f"the revision's {extra.shape[1] + 2} coefficients separate {int(event.sum())} events "
            f"from {int((1 - event).sum())} non-events, so its likelihood has no maximum; leave X "
            "out, or collect more events"
        )
    return ""


def _compared(event, logit, fits, groups, extra, usable):
    """Return one row per update with its test against the largest."""
    names, rows = list(fits), []
    largest = fits[names[-1]]
    rank = 2 if extra is None else 2 + extra.shape[1]
    for number, name in enumerate(names):
        fit = fits[name]
        size = {"original": 0, "intercept": 1, "recalibration": 2}.get(name, rank)
        likelihood = _likelihood(event, logit) if fit is None else fit.log_likelihood
        row = {"update": name, "log_likelihood": likelihood, "n_parameters": size}
        row |= {"statistic": np.nan, "df": rank - size, "p_value": np.nan, "method": ""}
        if number < len(names) - 1 and usable:
            row |= _test(event, logit, largest, likelihood, rank - size, groups, extra)
        rows.append(row | _coefficients(name, fit, usable))
    return pd.DataFrame(rows)


def _test(event, logit, largest, likelihood, df, groups, extra):
    if groups is None:
        statistic = 2 * (largest.log_likelihood - likelihood)
        return {
            "statistic": statistic,
            "p_value": float(chi2.sf(max(statistic, 0.0), df)),
            "method": "likelihood ratio",
        }
    design = np.column_stack([np.ones(len(event)), logit])
    design = design if extra is None else np.column_stack([design, extra])
    score = design * (event - expit(design @ largest.coef))[:, None]
    spread = np.atleast_2d(cluster_variance(score @ largest.covariance, groups))
    away = largest.coef - np.eye(len(largest.coef))[1]  # no update: intercept 0, slope 1, rest 0
    kept = np.arange(len(away) - df, len(away))
    n_patients = len(np.unique(groups))
    if n_patients <= df:
        return {"method": "Wald, patients"}
    wald = float(away[kept] @ np.linalg.solve(spread[np.ix_(kept, kept)], away[kept]))
    scaled = wald * (n_patients - df) / ((n_patients - 1) * df)
    p_value = float(fisher.sf(scaled, df, n_patients - df))
    return {"statistic": wald, "p_value": p_value, "method": "Wald, patients"}


def _coefficients(name, fit, usable):
    nothing = dict.fromkeys(("intercept", "slope", "se_intercept", "se_slope"), np.nan)
    if name == "original":
        return {**nothing, "intercept": 0.0, "slope": 1.0}
    if name == "revision":
        return nothing
    error = np.sqrt(np.diag(fit.covariance))
    coefficients = {"intercept": fit.coef[0], "se_intercept": error[0]}
    if name == "recalibration":
        coefficients |= {"slope": fit.coef[1], "se_slope": error[1]}
    return {**nothing, "slope": 1.0, **coefficients}


def _likelihood(event, logit):
    return float(event @ logit - np.logaddexp(0, logit).sum())
