"""Where a conclusion changes along a grid of shifts, and how sure the imputations are of it."""

import numpy as np
import pandas as pd

from healthml.imputation._pooled import diagonal, pooled_table

COLUMNS = ["direction", "delta", "mc_error", "conclusion", "reason"]


def conclude(lower, upper, null):
    """Say on which side of `null` an interval lies.

    Examples
    --------
    >>> from healthml.imputation._sensitivity.tipping import conclude
    >>> conclude(0.1, 0.4, 0), conclude(-0.1, 0.4, 0), conclude(-0.4, -0.1, 0)
    ('above', 'unclear', 'below')
    """
    return "above" if lower > null else "below" if upper < null else "unclear"


def tipping_table(deltas, limits, null, draws):
    """Return the shift nearest to 0 on each side at which the conclusion is no longer that of 0.

    Parameters
    ----------
    deltas : ndarray of shape (n_deltas,)
        Ascending, with 0 among them.
    limits : ndarray of shape (n_deltas, 2)
        Lower and upper end at each shift.
    null : float
        Value with which the ends are compared.
    draws : ndarray of shape (m, n_deltas, 2)
        The same without one of the imputations, or none with fewer than 3 of them.

    Returns
    -------
    pandas.DataFrame
        ``direction`` ("down", "up"), ``delta``, its Monte-Carlo error ``mc_error`` (jackknife over
        imputations), ``conclusion`` beyond it and ``reason`` why there is none.
    """
    rows = []
    for direction in ("down", "up"):
        delta, conclusion = _first_change(deltas, limits, null, direction)
        left = [_first_change(deltas, draw, null, direction)[0] for draw in draws]
        m, error = len(left), np.nan
        if m > 2 and np.isfinite([delta, *left]).all():
            error = float(np.sqrt((m - 1) / m * np.sum((left - np.mean(left)) ** 2)))
        rows.append((direction, delta, error, conclusion, _reason(deltas, delta, direction)))
    return pd.DataFrame(rows, columns=COLUMNS)


def limits_without_one(results, place):
    """Return the ends at each shift with each imputation left out once; none below 3 of them.

    Parameters
    ----------
    results : list of PooledResult
        One for each shift.
    place : int
        Number of the term.

    Returns
    -------
    ndarray of shape (m, n_deltas, 2)
    """
    m = len(results[0].estimates)
    if m < 3:
        return np.empty((0, len(results), 2))
    ends = np.empty((m, len(results), 2))
    for number, result in enumerate(results):
        Q = result.estimates.to_numpy()[:, [place]]
        U = diagonal(result.within)[:, [place]]
        options = (result.dfcom, result.confidence_level, result.scale)
        for k in range(m):
            table = pooled_table(np.delete(Q, k, 0), np.delete(U, k, 0), *options)
            ends[k, number] = table.loc[0, ["lower", "upper"]]
    return ends


def _first_change(deltas, limits, null, direction):
    """Return the interpolated shift at which an end crosses `null`, and what holds beyond it."""
    start = int(np.flatnonzero(deltas == 0)[0])
    step = -1 if direction == "down" else 1
    here = conclude(*limits[start], null)
    place = start
    while 0 <= place + step < len(deltas):
        there = conclude(*limits[place + step], null)
        if there != here:
            side = there if here == "unclear" else here
            end = 0 if side == "above" else 1  # the end that reaches or leaves this side
            a, b = limits[place, end] - null, limits[place + step, end] - null
            share = a / (a - b) if a != b else 0.0
            return float(deltas[place] + share * (deltas[place + step] - deltas[place])), there
        place += step
    return np.nan, here


def _reason(deltas, delta, direction):
    if np.isfinite(delta):
        return ""
    end = deltas[0] if direction == "down" else deltas[-1]
    return f"not within the grid, which ends at {end:g}"
