"""Histograms with bins so wide that no bar counts few people."""

from itertools import pairwise

import numpy as np
import pandas as pd

from healthml._core._release.suppression import MIN_COUNT, is_small

HISTOGRAM = {"low", "high", "n_events", "n_others"}
SHARES = {"outcome", "low", "high", "n_samples", "share"}
"""Columns of histograms of counts, and of shares by outcome."""


def release_histogram(table, min_count):
    """Return histograms, one for each curve, with bins so wide that no count is small."""
    names, parts = ["n_events", "n_others"], []
    curves = table["curve"] if "curve" in table.columns else pd.Series(0, table.index)
    for curve, part in table.groupby(curves, sort=False):
        counts = part[names].to_numpy(np.int64)
        low, high, counts = wider_bins(part["low"], part["high"], counts, min_count=min_count)
        counts = np.where(is_small(counts, min_count), np.nan, counts)
        joined = {"low": low, "high": high, "n_events": counts[:, 0], "n_others": counts[:, 1]}
        parts.append(pd.DataFrame(joined).assign(curve=curve))
    return pd.concat(parts, ignore_index=True)[list(table.columns)]


def release_shares(table, min_count):
    """Return histograms of shares, one for each outcome, with bins so wide that no count is small.

    Where a whole outcome is small, nothing is left of it.
    """
    parts = []
    for outcome, part in table.groupby("outcome", sort=False):
        counts = part[["n_samples"]].to_numpy(np.int64)
        if is_small(counts.sum(), min_count):
            continue
        low, high, joined = wider_bins(part["low"], part["high"], counts, min_count=min_count)
        bins = np.searchsorted(low, part["low"].to_numpy(), side="right") - 1
        share = np.bincount(bins, part["share"], minlength=len(low))
        columns = {"low": low, "high": high, "n_samples": joined[:, 0], "share": share}
        parts.append(pd.DataFrame(columns).assign(outcome=outcome))
    return pd.concat([table.iloc[:0], *parts], ignore_index=True)[list(table.columns)]


def released_histogram(values, bins, *, min_count=MIN_COUNT):
    """Return edges and heights of a histogram whose bars count no few people.

    Parameters
    ----------
    values : array-like
        One number for each person or row.
    bins : int or array-like
        As in `numpy.histogram`.
    min_count : int, default=11
        Smallest count shown.

    Returns
    -------
    edges : ndarray of shape (n_bars + 1,)
    heights : ndarray of shape (n_bars,)
        Counts for each width of a bin that was asked for; none where all values are too few.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._release import released_histogram
    >>> risk = np.repeat([0.1, 0.4, 0.9], [20, 3, 12])
    >>> edges, heights = released_histogram(risk, [0, 0.3, 0.6, 1])
    >>> edges.tolist(), heights.round(2).tolist()
    ([0.0, 0.3, 1.0], [20.0, 6.43])
    """
    counts, edges = np.histogram(values, bins)
    low, high, joined = wider_bins(edges[:-1], edges[1:], counts[:, None], min_count=min_count)
    if is_small(joined, min_count).any():
        return edges[[0, -1]], np.zeros(1)
    heights = joined[:, 0] / (high - low) * (edges[1] - edges[0])
    return np.append(low, high[-1]), heights


def wider_bins(low, high, counts, *, min_count=MIN_COUNT):
    """Join neighbouring bins of a histogram until no count is small.

    Parameters
    ----------
    low, high : ndarray of shape (n_bins,)
        Ends of the bins, rising.
    counts : ndarray of int of shape (n_bins, k)
        Counts of each bin, one column for each kind of people.
    min_count : int, default=11
        Every count is 0 or at least this, as far as the whole histogram allows.

    Returns
    -------
    low, high, counts : ndarray
        Fewer and wider bins with the same sums.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml._core._release import wider_bins
    >>> counts = np.array([[20], [3], [9], [0]])
    >>> low, high, counts = wider_bins(np.arange(4), np.arange(1, 5), counts)
    >>> low.tolist(), high.tolist(), counts.ravel().tolist()
    ([0, 1, 3], [1, 3, 4], [20, 12, 0])
    """
    counts = np.asarray(counts)
    starts, sums = [0], np.zeros(counts.shape[1], dtype=np.int64)
    for k in range(len(counts)):
        if k > starts[-1] and not is_small(sums, min_count).any():
            starts.append(k)
            sums = np.zeros_like(sums)
        sums = sums + counts[k]
    while len(starts) > 1 and is_small(counts[starts[-1] :].sum(axis=0), min_count).any():
        starts.pop()
    ends = [*starts, len(counts)]
    joined = np.array([counts[a:b].sum(axis=0) for a, b in pairwise(ends)])
    low, high = np.asarray(low), np.asarray(high)
    return low[starts], high[np.array(ends[1:]) - 1], joined
