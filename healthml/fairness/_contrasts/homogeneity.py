"""One test for each measure that all groups are alike, and max - min beside its expectation."""

import numpy as np
from scipy.stats import chi2, norm
from scipy.stats import f as f_distribution

from healthml.fairness._contrasts.gaps import sidak
from healthml.fairness._estimates import gap_ends
from healthml.fairness._sums import PROPORTIONS, RATIOS, ratio_of

_DRAWS = 4000  # of all groups alike; the error of a p-value is then at most .008
_SEED = 20_270  # of those draws, fixed so that the same rows always give the same answer


def homogeneity(measured, sums, n_scarce, *, simple=True):
    """Return statistic, degrees of freedom and p-value of all groups being alike, and its name.

    Parameters
    ----------
    measured : Measured
        The measure in every group.
    sums : GroupSums
        Of the same groups.
    n_scarce : ndarray of int
        Events or others, the fewer, of each group.
    simple : bool, default=True
        Whether there is one risk a row.

    Returns
    -------
    dict
    """
    if measured.name in RATIOS:
        return _score_test(ratio_of(measured.name), sums, simple)
    own = measured.own
    use = np.isfinite(own.value) & (own.error > 0) & (n_scarce > 2)
    if use.sum() < 2:
        return _no_test("fewer than two groups have an estimate with an interval")
    return _welch(own.value[use], own.error[use] ** 2, n_scarce[use])


def _no_test(reason):
    return {"statistic": np.nan, "df": 0, "p_value": np.nan, "test": "", "reason": reason}


def _score_test(ratio, sums, simple):
    """Return the score test: what each group has above the line beyond its share."""
    below = sums.sums @ ratio.bottom
    use = (below > 0) & (sums.n_patients > 1)
    if use.sum() < 2:
        return _no_test("fewer than two groups have an estimate")
    pooled = float(sums.sums[use].sum(axis=0) @ ratio.top / below[use].sum())
    column = ratio.top - pooled * ratio.bottom
    excess = (sums.sums @ column)[use]
    variance = _null_covariance(ratio, sums, column, pooled, below, simple)[np.ix_(use, use)]
    share = below[use] / below[use].sum()
    centre = np.eye(use.sum()) - share[:, None]
    variance = centre @ variance @ centre.T
    values, vectors = np.linalg.eigh(variance)
    kept = values > values.max(initial=0) * 1e-10
    if not kept.any() or values.max() <= 0:
        return _no_test("nothing varies")
    statistic = float(((vectors.T @ excess)[kept] ** 2 / values[kept]).sum())
    df = int(kept.sum())
    words = "Pearson's chi-squared" if ratio.name in PROPORTIONS else "score test"
    words += "" if sums.independent else ", patients"
    p_value = float(chi2.sf(statistic, df))
    return {"statistic": statistic, "df": df, "p_value": p_value, "test": words, "reason": ""}


def _null_covariance(ratio, sums, column, pooled, below, simple):
    if sums.independent and simple and ratio.name in PROPORTIONS:
        return np.diag(below * pooled * (1 - pooled))
    if sums.independent and simple and ratio.name == "oe_ratio":
        squares = sums.gram[:, 4, 4]  # sums of squared risks
        own = pooled * below - pooled**2 * squares
        if (own > 0).all():
            return np.diag(own)
    repeated = np.tile(column, (len(below), 1))
    return sums.covariance(repeated)


def _welch(value, variance, n):
    """Return Welch's test of equal means, for estimates with variances of their own [1]_.

    References
    ----------
    .. [1] Welch BL. On the comparison of several mean values: an alternative approach.
       Biometrika. 1951;38:330-336.
    """
    k, weight = len(value), 1 / variance
    total = weight.sum()
    mean = weight @ value / total
    spread = float((weight * (value - mean) ** 2).sum() / (k - 1))
    lack = float((((1 - weight / total) ** 2) / (n - 1)).sum())
    statistic = spread / (1 + 2 * (k - 2) * lack / (k**2 - 1))
    freedom = (k**2 - 1) / (3 * lack)
    p_value = float(f_distribution.sf(statistic, k - 1, freedom))
    return {
        "statistic": statistic,
        "df": k - 1,
        "p_value": p_value,
        "test": "Welch's F",
        "reason": "",
    }


def range_of(measured, sums, level, *, simple=True):
    """Return max - min of a measure, its interval, and what it would be if all groups were alike.

    The interval joins those of all pairs, which hold together. It may start at 0: the largest of
    several gaps is above 0 even where there is none.

    Returns
    -------
    dict
        max_min, max_min_lower, max_min_upper, expected (mean of max - min if all groups were
        alike), expected_p95 (its 95th percentile), largest, smallest (places of groups).
    """
    own = measured.own
    use = np.flatnonzero(np.isfinite(own.on_scale(own.value)))
    if len(use) < 2:
        return None
    value = own.on_scale(own.value)[use]
    lower, upper = pairs_range(measured, use, level)
    drawn = alike_draws(measured, sums, use, simple=simple)
    spread = np.ptp(drawn, axis=0) if drawn is not None else np.full(1, np.nan)
    back = np.exp if own.on_log else lambda x: x
    return {
        "max_min": float(back(np.ptp(value))),
        "max_min_lower": float(back(lower)),
        "max_min_upper": float(back(upper)),
        "expected": float(back(np.mean(spread))),
        "expected_p95": float(back(np.quantile(spread, 0.95))),
        "largest": int(use[np.argmax(value)]),
        "smallest": int(use[np.argmin(value)]),
    }


def pairs_range(measured, use, level):
    """Return the ends of max - min from the intervals of all pairs, on the scale of gaps."""
    first, second = np.triu_indices(len(use), 1)
    z = sidak(level, len(first))
    first, second = use[first], use[second]
    error = np.sqrt(np.diag(measured.covariance))
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = measured.covariance[first, second] / error[first] / error[second]
    shared = np.clip(np.nan_to_num(shared), -1, 1)
    _, low, high = gap_ends(measured.own.take(first), measured.own.take(second), shared, z)
    known = np.isfinite(low) & np.isfinite(high)
    if not known.any():
        return np.nan, np.nan
    low, high = low[known], high[known]
    return float(np.max(np.maximum(np.maximum(low, -high), 0))), float(
        np.max(np.maximum(high, -low))
    )


def alike_draws(measured, sums, use, *, simple=True):
    """Draw the estimates of groups that are alike; shape (n_groups, n_draws), None if unknown."""
    random = np.random.default_rng(_SEED)
    if measured.name in PROPORTIONS and sums.independent and simple:
        ratio = ratio_of(measured.name)
        top, bottom = (sums.sums @ part for part in (ratio.top, ratio.bottom))
        pooled = top[use].sum() / bottom[use].sum()
        n = np.round(bottom[use]).astype(np.int64)[:, None]
        return random.binomial(n, min(max(pooled, 0.0), 1.0), size=(len(use), _DRAWS)) / n
    covariance = measured.covariance[np.ix_(use, use)]
    if measured.own.on_log:
        value = np.where(measured.own.value[use] > 0, measured.own.value[use], np.nan)
        covariance = covariance / np.outer(value, value)
    if not np.isfinite(covariance).all():
        return None
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    return root @ norm.ppf(random.uniform(size=(len(use), _DRAWS)))
