"""Estimates and variances as users have them: numbers, labelled tables, covariance matrices."""

import numpy as np
import pandas as pd

from healthml._core._checks import as_numbers
from healthml.exceptions import InputError


def read_estimates(estimates, variances, terms):
    """Return what is to be pooled as arrays, labels put in the order of the terms.

    Parameters
    ----------
    estimates, variances, terms
        As in `pool`.

    Returns
    -------
    Q : ndarray of shape (m, k)
        Estimates.
    within : ndarray of shape (m, k) or (m, k, k)
        Variances or covariances.
    names : list of str
        Names of the terms.

    Raises
    ------
    InputError
        If shapes do not fit, a number is missing, or a variance is not positive.

    Examples
    --------
    >>> from healthml.imputation._pooled.input import read_estimates
    >>> read_estimates([1.0, 2.0], [0.1, 0.2], None)[2]
    ['estimate']
    """
    Q, names = _rows(estimates)
    m, k = Q.shape
    if terms is not None:
        names = [str(term) for term in terms]
    if len(names) != k:
        raise InputError(f"terms has {len(names)} names for {k} estimates; pass one for each.")
    if len(set(names)) < k:
        raise InputError("terms has a name twice; give each estimate a name of its own.")
    within = _spreads(variances, names if _is_labelled(estimates) else None)
    within = within[:, None] if within.ndim == 1 and k == 1 else within
    if within.shape not in ((m, k), (m, k, k)):
        raise InputError(
            f"variances has shape {within.shape} for {m} tables with {k} estimates each; pass "
            f"({m}, {k}) squared standard errors or ({m}, {k}, {k}) covariances."
        )
    _check_numbers(Q, within)
    return Q, within, names


def _rows(estimates):
    if isinstance(estimates, list | tuple) and estimates and isinstance(estimates[0], pd.Series):
        estimates = pd.DataFrame([series.rename(None) for series in estimates])
    if isinstance(estimates, pd.DataFrame):
        return estimates.to_numpy(dtype=float), [str(c) for c in estimates.columns]
    Q = as_numbers(estimates, "estimates")
    if Q.ndim == 1 and len(Q):
        return Q[:, None], ["estimate"]
    if Q.ndim != 2 or not Q.size:
        raise InputError(
            f"estimates has shape {Q.shape}; pass one estimate, or one row of estimates, for each "
            "completed table."
        )
    return Q, [f"x{j}" for j in range(Q.shape[1])]


def _is_labelled(estimates):
    first = estimates[0] if isinstance(estimates, list | tuple) else estimates
    return isinstance(first, pd.DataFrame | pd.Series)


def _spreads(variances, names):
    """Return variances or covariances as an array, labels put in the order of the terms."""
    if isinstance(variances, list | tuple) and names is not None:
        variances = [_in_order(part, names) for part in variances]
    if isinstance(variances, pd.DataFrame) and names is not None:
        variances = variances.rename(columns=str).reindex(columns=names)
    return as_numbers(variances, "variances")


def _in_order(part, names):
    if isinstance(part, pd.DataFrame):
        part = part.rename(index=str, columns=str)
        return as_numbers(part.reindex(index=names, columns=names), "variances")
    if isinstance(part, pd.Series):
        return as_numbers(part.rename(index=str).reindex(names), "variances")
    return as_numbers(part, "variances")


def _check_numbers(Q, within):
    for name, numbers in (("estimates", Q), ("variances", within)):
        bad = np.argwhere(~np.isfinite(numbers))
        if len(bad):
            raise InputError(
                f"{name} has {len(bad)} missing or infinite numbers, the first for table "
                f"{bad[0][0]}; every completed table must give every estimate."
            )
    bad = np.argwhere(diagonal(within) <= 0)
    if len(bad):
        raise InputError(
            f"variances has {len(bad)} numbers that are not positive, the first for table "
            f"{bad[0][0]}; pass squared standard errors."
        )


def diagonal(within):
    """Return the variances of variances or covariances."""
    return within if within.ndim == 2 else np.diagonal(within, axis1=1, axis2=2)
