"""Rubin's rules as arithmetic: one table of estimates from m."""

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import norm, t

# Smallest share of variance due to the gaps that the degrees of freedom are worked out from, as in
# mice: they stay finite where nothing varies between tables.
LEAST_LAMBDA = 1e-4

# scale -> (to it, its derivative, back from it, the derivative back)
SCALES = {
    "identity": (lambda q: q, np.ones_like, lambda z: z, np.ones_like),
    "log": (np.log, lambda q: 1 / q, np.exp, np.exp),
    "logit": (logit, lambda q: 1 / (q * (1 - q)), expit, lambda z: expit(z) * expit(-z)),
    "r_squared": (  # Fisher's z of the root; reached only by pool_r_squared
        lambda q: np.arctanh(np.sqrt(q)),
        None,
        lambda z: np.tanh(np.maximum(z, 0)) ** 2,
        lambda z: 2 * np.tanh(z) / np.cosh(z) ** 2,
    ),
}


def rubin(Q, U, dfcom):
    """Return estimate, total variance, df, riv, lambda and fmi of each term.

    Parameters
    ----------
    Q, U : ndarray of shape (m, n_terms)
        Estimates and their variances.
    dfcom : float
        Degrees of freedom of the complete data.

    Returns
    -------
    dict of str to ndarray of shape (n_terms,)
    """
    m, ubar = len(Q), U.mean(axis=0)
    unknown = np.full(Q.shape[1], np.nan)
    if m == 1:
        parts = {"df": unknown + np.inf if np.isinf(dfcom) else np.full(Q.shape[1], float(dfcom))}
        return {"estimate": Q[0], "t": ubar, **parts, **dict.fromkeys(RATIOS, unknown)}
    between = (1 + 1 / m) * Q.var(axis=0, ddof=1)
    total = ubar + between
    riv, share = between / ubar, between / total
    df = barnard_rubin(m, share, dfcom)
    fmi = (riv + 2 / (df + 3)) / (1 + riv)
    return {
        "estimate": Q.mean(axis=0),
        "t": total,
        "df": df,
        "riv": riv,
        "lambda": share,
        "fmi": fmi,
    }


RATIOS = ("riv", "lambda", "fmi")


def barnard_rubin(m, share, dfcom):
    """Return degrees of freedom from the share of variance that missing values bring.

    Examples
    --------
    >>> from healthml.imputation._pooled.table import barnard_rubin
    >>> round(float(barnard_rubin(5, 0.25, 100)), 1)
    34.2
    """
    share = np.maximum(share, LEAST_LAMBDA)
    of_draws = (m - 1) / share**2
    if np.isinf(dfcom):
        return of_draws
    of_rows = (dfcom + 1) / (dfcom + 3) * dfcom * (1 - share)
    return of_draws * of_rows / (of_draws + of_rows)


def pooled_table(Q, U, dfcom, confidence_level, scale):
    """Return the pooled numbers of each term, estimate and limits back on their own scale."""
    pooled = rubin(Q, U, dfcom)
    _, _, back, slope = SCALES[scale]
    se = np.sqrt(pooled["t"])
    reach = t.ppf((1 + confidence_level) / 2, pooled["df"]) * se
    return pd.DataFrame(
        {
            "estimate": back(pooled["estimate"]),
            "se": se * slope(pooled["estimate"]),
            "lower": back(pooled["estimate"] - reach),
            "upper": back(pooled["estimate"] + reach),
            "df": pooled["df"],
            "p": 2 * t.sf(np.abs(pooled["estimate"]) / se, pooled["df"]),
            **{name: pooled[name] for name in RATIOS},
        }
    )


def monte_carlo_table(Q, U, dfcom, confidence_level, scale):
    """Return jackknife errors of the pooled numbers over the imputations; NaN where unknown."""
    m = len(Q)
    columns = ["estimate", "se", "lower", "upper", "df", "p"]
    if m == 1:
        return pd.DataFrame(np.full((Q.shape[1], len(columns)), np.nan), columns=columns)
    left = np.stack(
        [
            pooled_table(np.delete(Q, k, 0), np.delete(U, k, 0), dfcom, confidence_level, scale)[
                columns
            ].to_numpy()
            for k in range(m)
        ]
    )
    errors = np.sqrt((m - 1) / m * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    if m == 2:  # one table left says nothing about what imputation adds
        errors[:, 1:] = np.nan
    return pd.DataFrame(errors, columns=columns)


def imputations_wanted(fmi, m, se_precision):
    """Return the imputations that keep standard errors as precise as asked.

    The upper end of the 95% interval of the fraction of missing information enters the quadratic
    rule ``1 + (fmi / precision) ** 2 / 2``.

    Parameters
    ----------
    fmi : array-like of shape (n_terms,)
        Fraction of missing information.
    m : int
        Imputations that it was estimated from.
    se_precision : float
        Coefficient of variation that a standard error may have between imputations.

    Returns
    -------
    pandas.array of Int64

    Examples
    --------
    >>> from healthml.imputation._pooled.table import imputations_wanted
    >>> imputations_wanted([0.3], 20, 0.05).tolist()
    [41]
    """
    fmi = np.asarray(fmi, dtype=float)
    highest = expit(logit(fmi) + norm.ppf(0.975) * np.sqrt(2 / m))
    return pd.array(np.ceil(1 + (highest / se_precision) ** 2 / 2), dtype="Float64").astype("Int64")
