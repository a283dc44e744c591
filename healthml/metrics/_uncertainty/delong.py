"""Variance of areas under the ROC curve without resampling: DeLong; Obuchowski for patients."""

from typing import NamedTuple

import numpy as np

from healthml._core._inputs import rising_order


class Placements(NamedTuple):
    """For each row, the share of the other class which it outranks (events) or trails (others)."""

    area: float
    value: np.ndarray


def placements(event, proba, weight=None):
    """Return the area and every row's placement value in O(n log n); ties count one half."""
    order = rising_order(proba)
    ranked, is_event = proba[order], (event == 1)[order]
    tied = bool((ranked[1:] == ranked[:-1]).any())
    by_rank = _tied if tied or weight is not None else _untied
    area, sorted_value = by_rank(ranked, is_event, None if weight is None else weight[order])
    value = np.empty(len(proba))
    value[order] = sorted_value
    return Placements(float(area), value)


def _untied(ranked, is_event, _):
    """Placement values of rows in rising order of distinct risks."""
    n = len(is_event)
    events = np.cumsum(is_event)
    n_pos = int(events[-1])
    beaten = (np.arange(1, n + 1) - events) / (n - n_pos)
    area = (beaten @ is_event) / n_pos
    return area, np.where(is_event, beaten, 1 - events / n_pos)


def _tied(ranked, is_event, weight):
    """Placement values with ties or weights, from the sums at each distinct risk."""
    weight = np.ones(len(ranked)) if weight is None else weight
    first = np.r_[0, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1]
    pos = np.add.reduceat(weight * is_event, first)
    neg = np.add.reduceat(weight * ~is_event, first)
    n_pos, n_neg = pos.sum(), neg.sum()
    beaten = (np.cumsum(neg) - neg / 2) / n_neg
    beating = 1 - (np.cumsum(pos) - pos / 2) / n_pos
    sizes = np.diff(np.r_[first, len(ranked)])
    value = np.where(is_event, np.repeat(beaten, sizes), np.repeat(beating, sizes))
    return pos @ beaten / n_pos, value


def delong_covariance(event, parts, weight, groups=None, *, frequency=True):
    """Covariance matrix of the areas in `parts`, one Placements for each score of the same rows.

    Without groups this is DeLong's; with groups (patient codes) Obuchowski's for clustered data.
    A frequency weight counts as that many rows; a sampling weight keeps its row single.
    """
    by_class, cross = _components(event, parts, weight, groups, frequency)
    return sum(covariance for covariance, _ in by_class) + cross


def delong_freedom(event, part, weight, groups=None, *, frequency=True):
    """Satterthwaite's degrees of freedom of the variance: how few events or others it rests on."""
    by_class, _ = _components(event, [part], weight, groups, frequency)
    total = sum(float(v[0, 0]) for v, _ in by_class)
    shares = [float(v[0, 0]) ** 2 / (n - 1) for v, n in by_class]
    return total**2 / sum(shares) if sum(shares) > 0 else np.inf


def _components(event, parts, weight, groups, frequency):
    """Return (covariance, number of rows or patients) of events and others, and what they share."""
    centred = np.stack([part.value - part.area for part in parts])
    if groups is not None:
        return _clustered(centred, event == 1, event == 0, weight, groups)
    by_class = [_class_part(centred, weight * part, frequency) for part in (event, 1 - event)]
    return by_class, np.zeros((len(parts), len(parts)))


def _class_part(centred, weight, frequency):
    total = weight.sum()
    n = total if frequency else np.count_nonzero(weight)
    power = weight if frequency else weight**2
    if n <= 1:
        return np.full((len(centred), len(centred)), np.nan), n
    return (centred * power) @ centred.T / total**2 * n / (n - 1), n


def _clustered(centred, pos, neg, weight, groups):
    n_groups = int(groups.max()) + 1
    present = np.count_nonzero(np.bincount(groups, weights=weight, minlength=n_groups))
    sums, by_class = [], []
    for rows in (pos, neg):
        scaled = centred[:, rows] * weight[rows]
        total = np.stack([np.bincount(groups[rows], row, n_groups) for row in scaled])
        n = np.count_nonzero(np.bincount(groups[rows], weight[rows], n_groups))
        total = total / weight[rows].sum()
        sums.append(total)
        factor = n / (n - 1) if n > 1 else np.nan
        by_class.append((total @ total.T * factor, n))
    cross = sums[0] @ sums[1].T
    return by_class, (cross + cross.T) * (present / max(present - 1, 1))
