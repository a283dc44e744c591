"""Rubin's rules: estimates from m completed tables become one, with all of its uncertainty."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._checks import as_numbers
from healthml._core._intervals import check_confidence_level
from healthml.exceptions import InputError, SingleImputationWarning
from healthml.imputation._pooled.input import diagonal, read_estimates
from healthml.imputation._pooled.result import PooledResult
from healthml.imputation._pooled.table import (
    SCALES,
    imputations_wanted,
    monte_carlo_table,
    pooled_table,
)

# Scale -> open range of the estimates that can be put on it.
OPEN_RANGE = {"log": (0, np.inf), "logit": (0, 1)}


def pool(
    estimates,
    variances,
    *,
    terms=None,
    dfcom=np.inf,
    scale="identity",
    confidence_level=0.95,
    se_precision=0.05,
):
    """Pool the estimates of m completed tables by Rubin's rules.

    The same numbers as mice's ``pool`` and ``pool.scalar``, with the Monte-Carlo error of each
    estimate and the number of imputations that its missing information asks for.

    Parameters
    ----------
    estimates : array-like of shape (m,) or (m, n_terms)
        One estimate, or one row of estimates, for each completed table; a DataFrame or a list of
        Series brings the names of the terms.
    variances : array-like of shape (m,), (m, n_terms) or (m, n_terms, n_terms)
        Squared standard errors, or covariance matrices; only these allow tests of several terms.
    terms : sequence of str, default=None
        Names of the terms.
    dfcom : float, default=inf
        Degrees of freedom that the complete data would leave, rows minus coefficients; infinity
        takes the sample as large. With it the degrees of freedom are Barnard and Rubin's [2]_.
    scale : {"identity", "log", "logit"}, default="identity"
        Where the estimates are close to normal and are pooled: "logit" for an AUC or a
        proportion, "log" for a ratio. Estimates and variances come in, and estimate, standard
        error and limits go out, on their own scale.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    se_precision : float, default=0.05
        Coefficient of variation that the standard errors may have if the table were imputed
        again; `m_wanted` keeps it with 97.5% confidence [3]_.

    Returns
    -------
    PooledResult

    Raises
    ------
    InputError
        If shapes do not fit, a number is missing, or a variance is not positive.

    Warns
    -----
    SingleImputationWarning
        With one completed table: nothing is pooled, and what imputation adds to the standard
        error is not known.

    See Also
    --------
    fit_pooled : Fits a regression to each table and pools it.
    pool_r_squared : For R squared.

    References
    ----------
    .. [1] Rubin DB. Multiple imputation for nonresponse in surveys. Wiley 1987.
    .. [2] Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation.
       Biometrika 1999;86:948-955.
    .. [3] von Hippel PT. How many imputations do you need? A two-stage calculation using a
       quadratic rule. Sociol Methods Res 2020;49:699-718.

    Examples
    --------
    >>> from healthml.imputation import pool
    >>> result = pool([0.31, 0.29, 0.40, 0.25, 0.34], [0.012, 0.013, 0.012, 0.013, 0.013])
    >>> result.table[["estimate", "se", "fmi"]].round(3).values.tolist()
    [[0.318, 0.128, 0.252]]
    """
    check_confidence_level(confidence_level)
    _check_options(dfcom, scale, se_precision)
    Q, within, names = read_estimates(estimates, variances, terms)
    Q, within = _to_scale(Q, within, scale)
    return _pooled(Q, within, names, float(dfcom), scale, confidence_level, se_precision)


def pool_r_squared(r_squared, n_samples, *, confidence_level=0.95, se_precision=0.05):
    """Pool the explained variance of m linear models on Fisher's z scale.

    Parameters
    ----------
    r_squared : array-like of shape (m,)
        R squared of each completed table, from 0 to below 1.
    n_samples : int
        Rows of each table.
    confidence_level, se_precision
        As in `pool`.

    Returns
    -------
    PooledResult
        One row; ``p`` is missing, since the z of an R squared does not test anything.

    Raises
    ------
    InputError
        If an R squared is not from 0 to below 1, or `n_samples` is 3 or less.

    See Also
    --------
    pool : For coefficients and other estimates with a variance.

    References
    ----------
    .. [1] Harel O. The estimation of R2 and adjusted R2 in incomplete data sets using multiple
       imputation. J Appl Stat 2009;36:1109-1118.

    Examples
    --------
    >>> from healthml.imputation import pool_r_squared
    >>> pool_r_squared([0.42, 0.39, 0.45], 120).table["estimate"].round(3).tolist()
    [0.42]
    """
    r_squared = as_numbers(r_squared, "r_squared")
    bad = np.flatnonzero(~((r_squared >= 0) & (r_squared < 1)))
    if len(bad):
        raise InputError(f"r_squared at position {bad[0]} is not from 0 to below 1.")
    if not n_samples > 3:
        raise InputError(f"n_samples={n_samples!r} is too few; Fisher's z needs more than 3 rows.")
    check_confidence_level(confidence_level)
    z = np.arctanh(np.sqrt(np.atleast_1d(r_squared)))[:, None]
    within = np.full(z.shape, 1 / (n_samples - 3))
    result = _pooled(z, within, ["r_squared"], np.inf, "r_squared", confidence_level, se_precision)
    return replace(result, table=result.table.assign(p=np.nan))


def _pooled(Q, within, names, dfcom, scale, confidence_level, se_precision):
    """Return the result for estimates that are on the scale of pooling already."""
    if len(Q) == 1:
        warnings.warn(
            "there is one completed table, so nothing was pooled: the standard errors leave out "
            "what imputation adds to them. Impute at least m=5 tables.",
            SingleImputationWarning,
            stacklevel=3,
        )
    options = {"dfcom": dfcom, "confidence_level": confidence_level, "scale": scale}
    table = pooled_table(Q, diagonal(within), **options)
    table.insert(0, "term", names)
    table["mc_error"] = monte_carlo_table(Q, diagonal(within), **options)["estimate"]
    table["m"] = len(Q)
    table["m_wanted"] = imputations_wanted(table["fmi"], len(Q), se_precision)
    return PooledResult(table, estimates=pd.DataFrame(Q, columns=names), within=within, **options)


def _check_options(dfcom, scale, se_precision):
    if not dfcom > 0:
        raise InputError(
            f"dfcom={dfcom!r} is not above 0; pass the rows minus the number of coefficients."
        )
    if scale != "identity" and scale not in OPEN_RANGE:
        raise InputError(f"scale={scale!r} is unknown; use 'identity', 'log' or 'logit'.")
    if not 0 < se_precision < 1:
        raise InputError(f"se_precision={se_precision!r} is not between 0 and 1.")


def _to_scale(Q, within, scale):
    if scale == "identity":
        return Q, within
    low, high = OPEN_RANGE[scale]
    bad = np.argwhere(~((low < Q) & (high > Q)))
    if len(bad):
        raise InputError(
            f"estimates has {len(bad)} numbers not between {low} and {high}, the first for table "
            f"{bad[0][0]}; they cannot be pooled on scale={scale!r}."
        )
    there, slope, _, _ = SCALES[scale]
    factor = slope(Q)
    if within.ndim == 3:
        return there(Q), within * factor[:, :, None] * factor[:, None, :]
    return there(Q), within * factor**2
