"""Shares of missing cells, compared between outcomes, sites, times and groups of patients."""

import numpy as np
import pandas as pd
from pandas.api import types
from scipy.stats import rankdata

from healthml._core._checks import sorted_codes
from healthml._core._contingency import chi_square_by_group, hide_small_groups, row_blocks
from healthml._core._intervals import recovered, wilson
from healthml._core._numerics import cluster_variance
from healthml._core._tables import refuse_nested, role_series, to_pandas
from healthml.exceptions import InputError

# Parts into which times and numeric sensitive features are cut, and the fewest rows of a block of
# the file's order: enough parts to see a change, enough rows in each for a share within 7 points
# (50 rows). Chosen by judgement, not by simulation; more parts find shorter periods less surely.
PERIODS = 10
# Parts of a numeric sensitive feature; see above.
QUARTERS = 4
# Fewest rows of a block of the file's order; see above.
ORDER_BLOCK = 50
SHARE_COLUMNS = ["by", "group", "column", "estimate", "n_samples"]


def compare_outcomes(is_missing, y, groups, confidence_level):
    """Return shares among events and others, their difference and its interval.

    Newcombe's, each arm's size divided by the design effect of repeated patients.
    """
    if y is None:
        return np.full((5, is_missing.shape[1]), np.nan)
    arms = []
    for arm in (y == 1, y == 0):
        share = is_missing[arm].mean(axis=0)
        effect = _design_effect(is_missing[arm], share, None if groups is None else groups[arm])
        effective = arm.sum() / effect
        arms.append((share, *wilson(share * effective, effective, confidence_level)))
    event, other = (share for share, *_ in arms)
    return event, other, event - other, *recovered(*arms)


def _design_effect(is_missing, share, groups):
    """Return, per column, the variance of the share over that of independent rows, at least 1."""
    effect = np.ones(is_missing.shape[1])
    if groups is None or len(np.unique(groups)) < 2:
        return effect
    n = len(is_missing)
    for j, p in enumerate(share):
        if 0 < p < 1:
            variance = cluster_variance((is_missing[:, j] - p) / n, groups)
            effect[j] = max(1.0, variance * n / (p * (1 - p)))
    return effect


def check_length(name, values, n):
    """Refuse values that are not one for each row."""
    if values is not None and len(values) != n:
        raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each row.")


def places(site, time, n):
    """Yield site, time and order as integer codes with labels."""
    for by, values in (("site", site), ("time", time)):
        check_length(by, values, n)
        codes, labels = np.full(n, -1), []
        if values is not None:
            codes, labels = _site_codes(values) if by == "site" else _time_codes(values)
        yield by, codes, labels
    order = row_blocks(n, smallest=ORDER_BLOCK)
    labels = [f"rows from position {(order == b).argmax()}" for b in range(order.max() + 1)]
    yield "order", order, labels


def _site_codes(values):
    codes, levels = pd.factorize(role_series(values, "site"), sort=False)
    return codes, [str(level) for level in levels]


def _time_codes(values):
    codes, levels = sorted_codes(role_series(values, "time"), "time")
    if len(levels) <= PERIODS:
        return codes, [str(level) for level in levels]
    return _equal_parts(codes, PERIODS), [f"period {k + 1} of {PERIODS}" for k in range(PERIODS)]


def _equal_parts(codes, k):
    """Cut sorted codes into `k` parts of equal size; negative codes stay outside."""
    rank = rankdata(codes, method="average") - 0.5
    return np.where(codes < 0, -1, (rank * k // len(codes)).astype(int))


def sensitive_codes(features, n):
    """Yield each sensitive feature as integer codes with labels; missing is a group of its own.

    Numbers and dates of more than ten values are cut into quarters.
    """
    if features is None:
        return
    if isinstance(features, dict):
        features = pd.DataFrame(features)
    if not hasattr(features, "columns") and not hasattr(features, "name"):
        features = np.asarray(features, dtype=object)
        features = features.reshape(len(features), -1)
    frame = to_pandas(features, "sensitive_features")
    refuse_nested(frame, "sensitive_features")
    check_length("sensitive_features", frame, n)
    for name in frame.columns:
        series = frame[name].reset_index(drop=True).infer_objects()
        codes, levels = pd.factorize(series)
        labels = [f"{name}: {level}" for level in levels]
        dtype = series.dtype
        if len(levels) > 10 and (
            types.is_numeric_dtype(dtype) or types.is_datetime64_any_dtype(dtype)
        ):
            codes = _equal_parts(pd.factorize(series, sort=True)[0], QUARTERS)
            labels = [f"{name}: quarter {k + 1} of {QUARTERS}" for k in range(QUARTERS)]
        yield np.where(codes < 0, len(labels), codes), [*labels, f"{name}: missing"]


def compare_sensitive(features, is_missing, names, groups):
    """Return what `compare_places` does over all sensitive features, and their shares.

    The range is that over all groups, Cramer's V the largest, and the p-value the smallest times
    the number of features.
    """
    nothing = (np.full(len(names), np.nan), pd.DataFrame(columns=SHARE_COLUMNS))
    comparisons = [
        compare_places("sensitive", codes, labels, is_missing, names, groups)
        for codes, labels in sensitive_codes(features, len(is_missing))
    ]
    if not comparisons or not names:
        return [nothing[0]] * 4, [nothing[1]]
    low, high, v, p_value = np.array([numbers for numbers, _ in comparisons]).swapaxes(0, 1)
    range_and_v = np.fmin.reduce(low), np.fmax.reduce(high), np.fmax.reduce(v)
    worst = np.minimum(np.fmin.reduce(p_value) * len(comparisons), 1)
    return [*range_and_v, worst], [shares for _, shares in comparisons]


def compare_places(by, codes, labels, is_missing, names, groups):
    """Return range, Cramer's V and p-value per column, and the shares as a long table.

    Every group counts in the test; the shares of groups below 11 patients are not shown.
    """
    if len(np.unique(codes[codes >= 0])) < 2 or not names:
        return np.full((4, len(names)), np.nan), pd.DataFrame(columns=SHARE_COLUMNS)
    shares, p_value, v = chi_square_by_group(codes, is_missing)
    used = np.unique(hide_small_groups(codes, groups))
    used = used[used >= 0]
    if not len(used):
        nothing = np.full(len(names), np.nan)
        return (nothing, nothing, v, p_value), pd.DataFrame(columns=SHARE_COLUMNS)
    size = np.bincount(codes[codes >= 0])
    long = pd.DataFrame(
        {
            "by": by,
            "group": np.repeat([labels[k] for k in used], len(names)),
            "column": np.tile(names, len(used)),
            "estimate": shares[used].ravel(),
            "n_samples": np.repeat(size[used], len(names)),
        }
    )
    return (shares[used].min(axis=0), shares[used].max(axis=0), v, p_value), long
