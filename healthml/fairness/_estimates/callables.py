"""Measures that users bring: any function of outcomes and risks, with a bootstrap of patients."""

import numpy as np
from sklearn.utils import check_random_state

from healthml.exceptions import InputError
from healthml.fairness._estimates.spread import WALD, Estimates


def callable_of_groups(function, rows, codes, n_groups, *, n_resamples, seed):
    """Return the estimates of a user's function, with standard errors from whole patients redrawn.

    Parameters
    ----------
    function : callable
        ``function(y_true, y_proba)``, with ``sample_weight=`` where there are weights.
    rows : Rows
        One risk a row.
    codes : ndarray of int
        Group of each row, -1 for none.
    n_groups : int
        How many there are.
    n_resamples : int
        Bootstrap resamples of each group.
    seed : int
        Seed of the resamples.
    """
    value, error = np.full((2, n_groups), np.nan)
    reason = np.full(n_groups, "", dtype=object)
    random = check_random_state(seed)
    for k in range(n_groups):
        own = np.flatnonzero((codes == k) & rows.used)
        value[k], reason[k] = _call(function, rows, own)
        if not reason[k]:
            drawn = [
                _call(function, rows, at)[0] for at in _resamples(rows, own, n_resamples, random)
            ]
            known = np.isfinite(drawn)
            error[k] = np.std(np.array(drawn)[known], ddof=1) if known.sum() > 1 else np.nan
    method = np.full(n_groups, f"Wald, {n_resamples} bootstrap resamples of patients", dtype=object)
    kind = np.full(n_groups, WALD, dtype=object)
    return Estimates(value, np.where(error > 0, error, np.nan), kind, reason, method=method)


def _call(function, rows, own):
    if not len(own):
        return np.nan, "no rows"
    weight = {} if rows.weight is None else {"sample_weight": rows.weight[own]}
    risk = rows.risk[:, own]
    try:
        value = [
            function(rows.y[own][seen], line[seen], **{k: w[seen] for k, w in weight.items()})
            for line in risk
            for seen in [np.isfinite(line)]
        ]
        value = float(np.mean(value))
    except ValueError as error:
        return np.nan, f"undefined: {type(error).__name__} in the function"
    except TypeError as error:
        raise InputError(
            f"a measure failed on one group ({type(error).__name__}); pass functions of (y_true, "
            "y_proba) that return one number, with sample_weight where there are weights."
        ) from error
    return value, "" if np.isfinite(value) else "undefined: the function returned no number"


def _resamples(rows, own, n_resamples, random):
    """Yield rows of patients drawn with replacement."""
    codes = np.unique(rows.patients[own], return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    starts = np.cumsum(counts) - counts
    for _ in range(n_resamples):
        drawn = random.randint(len(counts), size=len(counts))
        size = counts[drawn]
        steps = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        yield own[order[np.repeat(starts[drawn], size) + steps]]
