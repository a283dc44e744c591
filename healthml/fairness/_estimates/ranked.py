"""AUC of every group from one sort of all rows, and what its spread of risk allows."""

from functools import partial

import numpy as np
import pandas as pd

from healthml._core._numerics import cluster_variance
from healthml._core._paired import expected_auroc_influence
from healthml.fairness._estimates.spread import LOGIT, WALD, Estimates
from healthml.metrics._uncertainty import spread_of_error

_WIDE = 4  # numbers of patients for each row up to which they are counted as they are; speed only


def placements_by_segment(y, risk, segment, n_segments, order, weight=None):
    """Return the AUC of every segment, the placement of every row, and the weights of both kinds.

    Parameters
    ----------
    y, risk, segment : ndarray of shape (n_samples,)
        Outcome, risk, and the segment (group, or group and fold) of each row, -1 for none.
    n_segments : int
        How many there are.
    order : ndarray of int
        Rows in rising order of the risk, shared by all partitions.
    weight : ndarray of shape (n_samples,), optional
        Weights.

    Returns
    -------
    area : ndarray of shape (n_segments,)
        NaN where one kind is missing.
    placement : ndarray of shape (n_samples,)
        Share of the other kind that a row outranks (events) or trails (others).
    totals : ndarray of shape (2, n_segments)
        Weight of the events and of the others.
    """
    order = order[np.argsort(_small(segment)[order], kind="stable")]
    order = order[np.searchsorted(segment[order], 0) :]
    if not len(order):
        return np.full(n_segments, np.nan), np.full(len(y), np.nan), np.zeros((2, n_segments))
    own, ranked, event = segment[order], risk[order], y[order] == 1
    first = np.r_[0, np.flatnonzero((ranked[1:] != ranked[:-1]) | (own[1:] != own[:-1])) + 1]
    level_segment = own[first]
    events, others, passed = _of_levels(event, first, None if weight is None else weight[order])
    totals = np.stack([np.bincount(level_segment, x, n_segments) for x in (events, others)])
    before = np.cumsum(totals, axis=1) - totals  # in the segments in front
    below = passed[1] - others / 2 - before[1][level_segment]
    above = (totals[0] + before[0])[level_segment] - passed[0] + events / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        area = np.bincount(level_segment, events * below, n_segments) / (totals[0] * totals[1])
        below /= totals[1][level_segment]
        above /= totals[0][level_segment]
    if len(first) < len(order):
        size = np.diff(np.r_[first, len(order)])
        below, above = np.repeat(below, size), np.repeat(above, size)
    ranks = np.where(event, below, above)
    placement = np.full(len(y), np.nan)
    placement[order] = ranks
    return area, placement, totals


def _of_levels(event, first, weight):
    """Return the weight of events and of others at each level of risk, and both passed so far."""
    if weight is not None:
        kinds = [np.add.reduceat(weight * kind, first) for kind in (event, ~event)]
        return *kinds, [np.cumsum(kind) for kind in kinds]
    last = np.r_[first[1:], len(event)]
    events = np.cumsum(event)[last - 1]
    passed = [events, last - events]
    return *(np.diff(kind, prepend=0) for kind in passed), passed


def _small(codes):
    """Return codes in the smallest type, of which numpy sorts the small ones by their digits."""
    return codes.astype(np.int16) if codes.max(initial=0) < np.iinfo(np.int16).max else codes


def auroc_of_groups(rows, codes, n_groups):
    """Return the AUC of every group as `Estimates` and the influence of every row."""
    parts = [_one_repeat(rows, r, codes, n_groups) for r in range(len(rows.risk))]
    value = np.mean([part[0] for part in parts], axis=0)
    influence = np.mean([part[1] for part in parts], axis=0)
    if rows.single:
        return _delong(rows, codes, value, parts[0][2]), influence
    error = errors_by_group(influence, codes, n_groups, rows.patients)
    kind = np.where((value > 0) & (value < 1), LOGIT, WALD).astype(object)
    reason = np.where(np.isfinite(value), "", "needs events and non-events").astype(object)
    method = np.full(n_groups, "logit-Wald, influence by patient", dtype=object)
    return Estimates(value, error, kind, reason, limits=(0, 1), method=method), influence


def _one_repeat(rows, r, codes, n_groups):
    """Return the AUC within folds of each group, each row's influence, and its placement."""
    line = rows.risk[r]
    seen = np.isfinite(line) & rows.used & (codes >= 0)
    segment, n_folds = codes, 1
    if rows.fold is not None:
        fold = np.unique(np.nan_to_num(rows.fold[r]), return_inverse=True)[1]
        n_folds = int(fold.max()) + 1
        segment = codes * n_folds + fold
    segment = np.where(seen, segment, -1)
    placed = placements_by_segment(
        rows.y, line, segment, n_groups * n_folds, rows.order[r], rows.weight
    )
    area, placement, totals = placed
    pairs = np.where(np.isfinite(area), totals[0] * totals[1], 0.0).reshape(n_groups, n_folds)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = pairs / pairs.sum(axis=1, keepdims=True)
        value = np.where(
            pairs.sum(axis=1) > 0,
            np.nansum(share * np.nan_to_num(area).reshape(pairs.shape), axis=1),
            np.nan,
        )
        own = np.where(rows.y == 1, totals[0][segment], totals[1][segment])
        moved = (placement - area[segment]) / own * share.ravel()[segment]
    moved = moved if rows.weight is None else moved * rows.weight
    return value, np.where(seen, np.nan_to_num(moved), 0.0), placement


def _delong(rows, codes, value, placement):
    """Return DeLong's, or for patients Obuchowski's, spread of every group's AUC."""
    n_groups = len(value)
    by_kind, counts, variance = _variances(rows, codes, value, placement)
    total = by_kind.sum(axis=0)
    freedom = np.full(n_groups, np.inf)
    kind, reason, method = (np.full(n_groups, "", dtype=object) for _ in range(3))
    kind[:], error = WALD, np.sqrt(variance)
    for k in range(n_groups):
        if not np.isfinite(value[k]):
            reason[k] = "needs events and non-events"
            continue
        spread = spread_of_error(
            float(value[k]),
            float(error[k]),
            partial(_freedom, total[k], by_kind[:, k], counts[:, k]),
            clustered=rows.patient is not None,
        )
        freedom[k], reason[k], method[k] = spread.freedom, spread.reason, spread.method
        kind[k] = LOGIT if spread.scale == "logit" else WALD
    error = np.where(error > 0, error, np.nan)
    options = {"freedom": freedom, "limits": (0, 1), "method": method}
    return Estimates(value, error, kind, reason, **options)


def _freedom(total, by_kind, counts):
    """Return Satterthwaite's degrees of freedom: how few events or others it rests on."""
    squares = (by_kind**2 / (counts - 1)).sum()
    return float(total**2 / squares) if squares > 0 else np.inf


def _variances(rows, codes, value, placement):
    """Return the variance from events and from others, how many there are, and the whole variance.

    All groups in one pass: a patient's rows of a group are added up in a cell of (patient, group).
    """
    n_groups = len(value)
    own = np.flatnonzero(rows.used & (codes >= 0) & np.isfinite(placement))
    code, event = codes[own], rows.y[own] == 1
    weight = None if rows.weight is None else rows.weight[own]
    moved = placement[own] - value[code]
    moved = moved if weight is None else moved * weight
    kinds = [np.flatnonzero(event), np.flatnonzero(~event)]
    totals = np.array(
        [np.bincount(code[k], None if weight is None else weight[k], n_groups) for k in kinds]
    )
    if rows.patient is None:
        counts = np.array([np.bincount(code[k], minlength=n_groups) for k in kinds])
        squares = [np.bincount(code[k], moved[k] ** 2, n_groups) for k in kinds]
        shared = np.zeros(n_groups)
    else:
        cell, group = _cells(rows.patient[own], code, n_groups)
        sums = [np.bincount(cell[k], moved[k], len(group)) for k in kinds]
        present = [np.bincount(cell[k], minlength=len(group)) > 0 for k in kinds]
        counts = np.array([np.bincount(group[part], minlength=n_groups) for part in present])
        squares = [np.bincount(group, part**2, n_groups) for part in sums]
        n_patients = np.bincount(group[present[0] | present[1]], minlength=n_groups)
        shared = 2 * np.bincount(group, sums[0] * sums[1], n_groups)
        shared *= n_patients / np.maximum(n_patients - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(counts > 1, counts / (counts - 1), np.nan)
        by_kind = np.array(squares) / totals**2 * factor
        return by_kind, counts, by_kind.sum(axis=0) + shared / totals.prod(axis=0)


def _cells(patient, code, n_groups):
    """Return the cell of (patient, group) of each row, and the group of each cell."""
    n_patients = int(patient.max(initial=-1)) + 1
    if n_patients > _WIDE * max(len(patient), 1):
        patient = pd.factorize(patient)[0]
        n_patients = int(patient.max(initial=-1)) + 1
    group = np.zeros(n_patients, dtype=np.intp)
    group[patient] = code
    if (group[patient] == code).all():  # nobody is in two groups
        return patient, group
    return patient * n_groups + code, np.tile(np.arange(n_groups), n_patients)


def errors_by_group(influence, codes, n_groups, patient):
    """Return the standard error of each group's estimate from the influences of its rows."""
    error = np.full(n_groups, np.nan)
    for k in range(n_groups):
        own = codes == k
        if own.any():
            error[k] = np.sqrt(cluster_variance(influence[own], patient[own]))
    return error


def expected_auroc_of_groups(rows, codes, n_groups, right):
    """Return the AUC that each group would have if every (recalibrated) risk were right [1]_.

    References
    ----------
    .. [1] van Klaveren D, et al. A new concordance measure for risk prediction models in external
       validation settings. Stat Med. 2016;35:4136-4152.
    """
    value, influence = np.zeros(n_groups), np.zeros(len(rows.y))
    for r, found in enumerate(right):
        seen = np.flatnonzero(np.isfinite(rows.risk[r]) & rows.used)
        for k in range(n_groups):
            local = np.flatnonzero(codes[seen] == k)
            part = None if rows.fold is None else rows.fold[r, seen[local]]
            weight = None if rows.weight is None else rows.weight[seen[local]]
            area, moved, _ = expected_auroc_influence(found.risk[local], part, weight)
            value[k] += area / len(right)
            influence[seen[local]] += moved / len(right)
    if not right:
        value[:] = np.nan
    error = errors_by_group(influence, codes, n_groups, rows.patients)
    reason = np.where(np.isfinite(value), "", "the risks cannot be recalibrated").astype(object)
    kind = np.full(n_groups, WALD, dtype=object)
    return Estimates(value, np.where(error > 0, error, np.nan), kind, reason, limits=(0, 1))
