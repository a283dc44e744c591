"""Why studies differ: random-effects regression of their estimates on what is known of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from healthml._core._intervals import check_confidence_level
from healthml._core._results import Result
from healthml.exceptions import InputError
from healthml.meta_analysis._heterogeneity import (
    Weighted,
    between_variance,
    critical,
    freedom_of,
    inconsistency,
    scaled_covariance,
    two_sided,
)
from healthml.meta_analysis._options import FEWEST, check_words
from healthml.meta_analysis._random_effects import check_studies

__all__ = ["MetaRegressionResult", "meta_regression"]


@dataclass(frozen=True, repr=False)
class MetaRegressionResult(Result):
    """Coefficients of what explains differences between studies; made by `meta_regression`.

    Parameters
    ----------
    table : pandas.DataFrame
        term, estimate, standard_error, lower, upper, p_value, n_studies, method.
    tau2, se_tau2 : float
        Between-study variance that is left.
    r2 : float
        Percent of the between-study variance that is explained.
    i2, h2, q, q_df, q_p : float
        Heterogeneity that is left.
    n_studies : int
        Studies used.
    left_out : tuple of str
        Studies without an estimate, a standard error or a covariate.
    confidence_level : float
        Level of the intervals.
    """

    tau2: float = np.nan
    se_tau2: float = np.nan
    r2: float = np.nan
    i2: float = np.nan
    h2: float = np.nan
    q: float = np.nan
    q_df: int = 0
    q_p: float = np.nan
    n_studies: int = 0
    left_out: tuple = ()
    confidence_level: float = 0.95

    def plot(self, ax=None, **kwargs):
        """Draw the coefficients without the intercept; returns the matplotlib axes."""
        from healthml._core._displays import draw_forest

        rows = self._drawn().iloc[1:].rename(columns={"term": "study"})
        rows = rows.assign(kind="study", weight=np.nan, reason="")
        return draw_forest(
            rows, ax=ax, **{"confidence_level": self.confidence_level, "ideal": 0.0, **kwargs}
        )


def meta_regression(
    theta,
    se,
    covariates,
    *,
    names=None,
    method="REML",
    test="knha",
    search="metafor",
    confidence_level=0.95,
) -> MetaRegressionResult:
    """Regress estimates of studies (sites) on their characteristics.

    Parameters
    ----------
    theta, se : array-like of shape (n_studies,)
        Estimates and standard errors, as in `random_effects`.
    covariates : DataFrame or array-like of shape (n_studies,) or (n_studies, n_covariates)
        Numbers that describe each study: its mean age, the spread of its risks, 0/1 for a setting.
    names : array-like of str, shape (n_studies,), default=None
        Names of the studies.
    method : {"REML", "DL", "ML", "PM"}, default="REML"
        Estimator of the between-study variance.
    test : {"knha", "z"}, default="knha"
        Intervals with t on k - p degrees of freedom, or normal.
    search : {"metafor", "exact"}, default="metafor"
        Where to stop looking for Paule and Mandel's estimate, as in `random_effects`.
    confidence_level : float, default=0.95
        Level of the intervals.

    Returns
    -------
    MetaRegressionResult

    Raises
    ------
    InputError
        If fewer than 3 studies are left, or not at least 2 more than coefficients, or covariates
        are constant or combinations of each other.

    See Also
    --------
    random_effects : Pool estimates of several studies (sites) whose true values differ.

    References
    ----------
    .. [1] Debray TPA, et al. A guide to systematic review and meta-analysis of prediction model
       performance. BMJ. 2017;356:i6460.

    Examples
    --------
    >>> from healthml.meta_analysis import meta_regression
    >>> logit_auc, error = [1.1, 1.4, 0.9, 1.6, 1.2], [0.1, 0.2, 0.1, 0.2, 0.15]
    >>> found = meta_regression(logit_auc, error, [0, 1, 0, 1, 1])
    >>> found.to_frame()["estimate"].round(3).tolist()
    [1.0, 0.37]
    """
    check_words(method, test, "t(k-2)", search=search)
    if method == "FE":
        raise InputError("method is 'FE', which knows no differences; choose REML, DL, ML or PM.")
    level = check_confidence_level(confidence_level)
    frame = _covariate_frame(covariates, len(np.atleast_1d(theta)))
    complete = np.isfinite(frame.to_numpy()).all(axis=1)
    estimates = np.where(complete, np.array(theta, dtype=float, ndmin=1), np.nan)
    studies = check_studies(estimates, se, names)
    used = (studies["reason"] == "").to_numpy()
    X = np.column_stack([np.ones(used.sum()), frame.to_numpy()[used]])
    _check_design(X)
    values = studies["theta"].to_numpy()[used], studies["se"].to_numpy()[used] ** 2
    fixed = Weighted(*values, X)
    tau2, se_tau2 = between_variance(fixed, method, search)
    alone = between_variance(Weighted(*values, X[:, :1]), method, search)[0]
    i2, h2 = inconsistency(fixed, tau2, method)
    table = _coefficients(fixed.at(tau2), frame.columns, level, test)
    return MetaRegressionResult(
        table.assign(n_studies=int(used.sum()), method=f"{method}, {test}"),
        tau2,
        se_tau2,
        100 * max(0.0, (alone - tau2) / alone) if alone > 0 else np.nan,
        i2,
        h2,
        fixed.q,
        fixed.freedom,
        float(chi2.sf(fixed.q, fixed.freedom)),
        int(used.sum()),
        tuple(studies["study"][~used]),
        level,
    )


def _coefficients(model, names, level, test):
    freedom = freedom_of(model, test)
    error = np.sqrt(np.diag(scaled_covariance(model, test)))
    step = critical(level, freedom) * error
    return pd.DataFrame(
        {
            "term": ["intercept", *names],
            "estimate": model.coef,
            "standard_error": error,
            "lower": model.coef - step,
            "upper": model.coef + step,
            "p_value": two_sided(model.coef / error, freedom),
        }
    )


def _covariate_frame(covariates, k):
    if hasattr(covariates, "to_pandas"):
        covariates = covariates.to_pandas()
    if isinstance(covariates, pd.Series):
        covariates = covariates.to_frame(covariates.name or "covariate")
    if not isinstance(covariates, pd.DataFrame):
        values = np.asarray(covariates)
        values = values[:, None] if values.ndim == 1 else values
        is_single = values.shape[1] == 1
        names = (
            ["covariate"] if is_single else [f"covariate {j + 1}" for j in range(values.shape[1])]
        )
        covariates = pd.DataFrame(values, columns=names)
    if len(covariates) != k:
        raise InputError(f"covariates has {len(covariates)} rows for {k} studies; pass one each.")
    try:
        return covariates.astype(float).rename(columns=str)
    except (TypeError, ValueError):
        raise InputError("covariates must be numbers; code a category as 0 and 1.") from None


def _check_design(X):
    k, p = X.shape
    if k < max(FEWEST, p + 2):
        raise InputError(
            f"{k} studies for {p} coefficients; at least {max(FEWEST, p + 2)} are needed."
        )
    scaled = X / np.sqrt((X**2).sum(axis=0)).clip(1e-300)
    if np.linalg.matrix_rank(scaled, tol=1e-9) < p:
        raise InputError(
            "covariates are constant or combinations of each other in the studies used; leave "
            "some out."
        )
