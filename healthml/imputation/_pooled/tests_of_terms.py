"""Tests of several terms at once, after multiple imputation: D1, D2 and D3."""

import numpy as np
from scipy import stats

from healthml.exceptions import InputError


def wald_d1(Q, U, dfcom=np.inf):
    """Test that all terms are 0 by the pooled Wald statistic D1.

    Parameters
    ----------
    Q : ndarray of shape (m, k)
        Estimates of the terms under test.
    U : ndarray of shape (m, k, k)
        Their covariances.
    dfcom : float, default=inf
        Degrees of freedom of the complete data; finite ones give Reiter's.

    Returns
    -------
    dict
        ``statistic`` (F), ``df1``, ``df2``, ``p``, ``riv``.

    Notes
    -----
    Reiter's degrees of freedom need ``k * (m - 1) > 4`` and more rows than his expansion takes
    away. Where they do not exist, Li, Raghunathan and Rubin's are combined with those of the rows
    as Barnard and Rubin combine them for one term.

    References
    ----------
    Li KH, Raghunathan TE, Rubin DB. Large-sample significance levels from multiply imputed data.
    J Am Stat Assoc 1991;86:1065-1073. Reiter JP. Small-sample degrees of freedom for
    multi-component significance tests with multiple imputation. Biometrika 2007;94:502-508.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._pooled.tests_of_terms import wald_d1
    >>> Q = np.array([[1.0, 2.0], [1.2, 1.8], [0.9, 2.2]])
    >>> found = wald_d1(Q, np.stack([np.eye(2)] * 3))
    >>> round(found["statistic"], 3)
    2.431
    """
    m, k = Q.shape
    centre, within = Q.mean(axis=0), U.mean(axis=0)
    between = np.cov(Q, rowvar=False, ddof=1).reshape(k, k)
    riv = (1 + 1 / m) * np.trace(np.linalg.solve(within, between)) / k
    statistic = centre @ np.linalg.solve((1 + riv) * within, centre) / k
    return _answer(statistic, k, _d1_df(k, k * (m - 1), riv, dfcom), riv)


def combine_d2(statistics, k):
    """Combine Wald or likelihood-ratio statistics alone, when nothing else is at hand: D2.

    Parameters
    ----------
    statistics : array-like of shape (m,)
        Chi-square statistic of each completed table, on `k` degrees of freedom.
    k : int
        Degrees of freedom.

    Returns
    -------
    dict
        As `wald_d1`.

    References
    ----------
    Li KH, Meng XL, Raghunathan TE, Rubin DB. Significance levels from repeated p-values with
    multiply-imputed data. Stat Sin 1991;1:65-92.

    Examples
    --------
    >>> from healthml.imputation._pooled.tests_of_terms import combine_d2
    >>> round(combine_d2([10.0, 12.0, 9.0], 2)["statistic"], 3)
    4.673
    """
    d = np.maximum(np.asarray(statistics, dtype=float), 0)
    m = len(d)
    riv = (1 + 1 / m) * np.sqrt(d).var(ddof=1)
    statistic = (d.mean() / k - (m + 1) / (m - 1) * riv) / (1 + riv)
    df2 = np.inf if riv == 0 else k ** (-3 / m) * (m - 1) * (1 + 1 / riv) ** 2
    return _answer(max(statistic, 0.0), k, df2, riv)


def likelihood_d3(at_own, at_pooled, k):
    """Compare nested models by their likelihoods: Meng and Rubin's D3.

    Parameters
    ----------
    at_own : array-like of shape (m,)
        Likelihood-ratio statistic of each completed table, each model at its own estimates.
    at_pooled : array-like of shape (m,)
        The same with the slopes of each model at their pooled estimates; `fit_pooled` takes
        intercept and residual variance at their best given these, as mice does.
    k : int
        Number of coefficients by which the models differ.

    Returns
    -------
    dict
        As `wald_d1`.

    Notes
    -----
    The relative increase in variance can come out negative by chance; it is then 0.

    References
    ----------
    Meng XL, Rubin DB. Performing likelihood ratio tests with multiply-imputed data sets.
    Biometrika 1992;79:103-111.

    Examples
    --------
    >>> from healthml.imputation._pooled.tests_of_terms import likelihood_d3
    >>> round(likelihood_d3([10.0, 12.0, 9.0], [9.0, 11.0, 8.0], 2)["statistic"], 3)
    2.333
    """
    m = len(at_own)
    own, pooled = np.mean(at_own), np.mean(at_pooled)
    riv = max(0.0, (m + 1) / (k * (m - 1)) * (own - pooled))
    return _answer(pooled / (k * (1 + riv)), k, _large_sample_df(k, k * (m - 1), riv), riv)


def wald_statistics(Q, U):
    """Return the Wald statistic of each completed table."""
    return np.array([q @ np.linalg.solve(u, q) for q, u in zip(Q, U, strict=True)])


def refuse_one(m):
    """Raise InputError where a single completed table cannot tell what imputation adds."""
    if m < 2:
        raise InputError("tests of several terms need at least 2 completed tables; impute m=5.")


def _answer(statistic, k, df2, riv):
    p = stats.f.sf(statistic, k, df2) if np.isfinite(df2) else stats.chi2.sf(statistic * k, k)
    return {
        "statistic": float(statistic),
        "df1": int(k),
        "df2": float(df2),
        "p": float(p),
        "riv": float(riv),
    }


# Degrees of freedom above which the formulas of Li, Raghunathan and Rubin (1991) and of Reiter
# (2007) exist; they divide by what is left beyond it.
_BEYOND = 4


def _large_sample_df(k, v, riv):
    if riv <= 0:
        return np.inf
    if v > _BEYOND:
        return _BEYOND + (v - _BEYOND) * (1 + (1 - 2 / v) / riv) ** 2
    return v * (1 + 1 / k) * (1 + 1 / riv) ** 2 / 2


def _d1_df(k, v, riv, dfcom):
    large = _large_sample_df(k, v, riv)
    if np.isinf(dfcom):
        return large
    reiter = _reiter_df(v, riv, dfcom) if v > _BEYOND else np.nan
    if reiter > _BEYOND:
        return reiter
    of_rows = (dfcom + 1) / (dfcom + 3) * dfcom / (1 + riv)
    return 1 / (1 / large + 1 / of_rows)


def _reiter_df(v, riv, dfcom):
    """Return Reiter's small-sample degrees of freedom, from his expansion in the rows' own."""
    a = riv * v / (v - 2)
    rows = (dfcom + 1) / (dfcom + 3) * dfcom
    c0, c1, c2 = 1 / (v - 4), rows - 2 * (1 + a), rows - 4 * (1 + a)
    if c2 <= 0:
        return np.nan
    draws = (
        a**2 * c1 / ((1 + a) ** 2 * c2)
        + 8 * a**2 * c1 / ((1 + a) * c2**2)
        + 4 * a**2 / ((1 + a) * c2)
        + 4 * a**2 / (c2 * c1)
        + 16 * a**2 * c1 / c2**3
        + 8 * a**2 / c2**2
    )
    return 4 + 1 / (1 / c2 + c0 * draws)
