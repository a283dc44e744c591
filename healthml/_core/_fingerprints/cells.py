"""Columns made comparable for finding repeated rows: codes, closeness, bits of evidence."""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._numerics import median_and_spread
from healthml._core._parallel import run_in_threads

# What agreement of numbers means: within a share of the standard deviation, or the median. Chosen
# by judgement, not by simulation; wider readings find copies that were rounded or retyped.
READINGS = {"exact": (0.0, 0.0), "close": (0.05, 0.0), "loose": (0.05, 0.02)}
# Share of the standard deviation that is the tolerance at most: the share of a large median would
# call everybody equal where values lie close together. Chosen by judgement, not by simulation;
# larger finds copies that are farther off, and more strangers.
MOST_OF_SPREAD = 0.25
# Share of the cells of a text column that must be numbers for it to be compared as numbers. Chosen
# by judgement; lower drops more words from the comparison.
MOSTLY_NUMBERS = 0.9
# Pairs that must agree by chance among all rows, and parts of the ranks within which they do, so
# that random pairs show it often enough. Chosen by judgement; coarser ranks overstate how columns
# go together, finer ones leave too few pairs.
ENOUGH_PAIRS, RANK_PARTS = 20, 32
RANKED = 4096  # rows that ranks are read from; an error of a rank below 2%
# Values without a source were chosen by judgement, not by simulation.
# Random pairs from which the chance of agreeing is counted; its error is below 0.5 points.
N_PAIRS = 50_000


class Scale(NamedTuple):
    """Numbers in units of the width of a bin, their lowest and highest, whether none is missing."""

    places: np.ndarray
    low: float
    high: float
    whole: bool

    @classmethod
    def of(cls, numbers, width):
        places = numbers / width
        known = places[~np.isnan(places)]
        low, high = (np.floor(known.min()), known.max()) if len(known) else (0.0, 0.0)
        return cls(places, low, high, len(known) == len(places))


@dataclass
class Cells:
    """One column: codes for equality, numbers and a tolerance for closeness, bits of evidence."""

    name: object
    codes: np.ndarray
    numbers: np.ndarray | None
    tolerance: dict = field(default_factory=dict)
    bits: dict = field(default_factory=dict)
    chance: dict = field(default_factory=dict)
    independence: float = 1.0
    scales: dict = field(default_factory=dict)

    def scale(self, reading):
        """Return the numbers in bins of ten tolerances."""
        if reading not in self.scales:
            self.scales[reading] = Scale.of(self.numbers, 10 * self.tolerance[reading])
        return self.scales[reading]

    def agree(self, first, second, widen=1):
        """Return agreement of two sets of rows, for each reading."""
        equal = self.codes[first] == self.codes[second]
        if self.numbers is None:
            return dict.fromkeys(READINGS, equal)
        apart = np.abs(self.numbers[first] - self.numbers[second])  # nan is never within
        near = {r: equal | (apart <= widen * self.tolerance[r]) for r in ("close", "loose")}
        return {"exact": equal, **near}


def encode(series):
    """Return codes (-1 where missing) and, for columns of numbers, the numbers as floats."""
    try:
        codes, levels = pd.factorize(series)
    except TypeError:  # lists and other values without a hash
        codes, levels = pd.factorize(series.map(str, na_action="ignore"))
    values = pd.Series(levels)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    numbers = _as_numbers(values)
    if numbers is None:
        return codes.astype(np.int32), None
    numbers = np.append(numbers, np.nan)  # code -1, missing, reads the last
    return codes.astype(np.int32), np.where(np.isfinite(numbers), numbers, np.nan)[codes]


def _as_numbers(values):
    if types.is_bool_dtype(values) or not len(values):
        return None
    if types.is_numeric_dtype(values) and not types.is_complex_dtype(values):
        return values.to_numpy(dtype=float, na_value=np.nan)
    if not (types.is_object_dtype(values) or types.is_string_dtype(values)):
        return None
    numbers = pd.to_numeric(values.astype(str), errors="coerce").to_numpy(dtype=float)
    return numbers if np.isfinite(numbers).mean() >= MOSTLY_NUMBERS else None


def comparable(name, codes, numbers):
    """Return a column with its evidence, or None if agreement in it says nothing."""
    observed = codes >= 0
    counts = np.bincount(codes[observed], minlength=1)
    n_observed, n_levels = counts.sum(), len(counts)
    if n_levels < 2 or (n_levels == n_observed and _is_label(numbers)):
        return None
    column = Cells(name, codes, numbers)
    equal = np.where(observed, counts[codes] / n_observed, 1.0)
    order = None if numbers is None else np.argsort(numbers)[: np.isfinite(numbers).sum()]
    for reading in READINGS:
        share = equal
        if numbers is not None and reading != "exact":
            column.tolerance[reading] = _tolerance(numbers[order], *READINGS[reading])
            share = np.maximum(equal, _share_within(numbers, order, column.tolerance[reading]))
        column.bits[reading], column.chance[reading] = _evidence(share, counts, codes)
    return column


def _is_label(numbers):
    """Whether values, all different, are names or row numbers rather than measurements."""
    known = np.empty(0) if numbers is None else numbers[np.isfinite(numbers)]
    return bool((known == np.round(known)).all())


def _tolerance(known, of_spread, of_median):
    if not len(known):
        return 0.0
    middle, spread = median_and_spread(known)
    spread = spread or known.std()
    return float(np.clip(of_median * abs(middle), of_spread * spread, MOST_OF_SPREAD * spread))


def _share_within(numbers, order, tolerance):
    """Return for each row the share of rows whose number lies within the tolerance of its own."""
    ordered = numbers[order]
    upper = np.searchsorted(ordered, ordered + tolerance, "right")
    lower = np.searchsorted(ordered, ordered - tolerance, "left")
    share = np.zeros(len(numbers))
    share[order] = (upper - lower) / max(len(order), 1)
    return share


def _evidence(share, counts, codes):
    """Return bits per cell, limited to the column's typical agreement, and chance agreement.

    The commonest value (often a missing code or "No") is left out of what is typical.
    """
    observed = codes >= 0
    other = observed & (codes != counts.argmax())
    limit = min(np.log2(len(counts)), -np.log2(share[other].mean()))
    return np.minimum(-np.log2(share), limit).astype(np.float32), float(share[observed].mean())


def share_out(cells, n, random, n_jobs=None):
    """Give each column 1 / (number of columns that agree when it does), from random pairs."""
    first = random.randint(0, n, N_PAIRS)
    second = (first + random.randint(1, n, N_PAIRS)) % n
    agreement = partial(_centred_agreement, first, second, n)
    together = run_in_threads(agreement, cells, n_rows=n, n_jobs=n_jobs)
    together = np.column_stack(together)
    squared = (together.T @ together) ** 2
    np.fill_diagonal(squared, 1.0)
    for column, total in zip(cells, squared.sum(axis=0), strict=True):
        column.independence = float(1 / total)


def _centred_agreement(first, second, n, column):
    """Return in which pairs a column agrees, around its mean and of length 1."""
    both = (column.codes[first] >= 0) & (column.codes[second] >= 0)
    agree = _coarse_agreement(column, first, second, n)
    centred = np.where(both, agree - agree[both].mean() if both.any() else 0.0, 0.0)
    return (centred / (np.linalg.norm(centred) or 1.0)).astype(np.float32)


def _coarse_agreement(column, first, second, n):
    """Agreement common enough to be seen in random pairs: within a part of the ranks, or equal."""
    if column.numbers is None or column.chance["exact"] >= ENOUGH_PAIRS / n:
        return column.codes[first] == column.codes[second]
    some = np.sort(column.numbers[first[:RANKED]])
    if n < len(first):  # each row once rather than each pair
        rank = np.searchsorted(some, column.numbers)
        ranks = [rank[first], rank[second]]
    else:
        ranks = [np.searchsorted(some, column.numbers[rows]) for rows in (first, second)]
    return np.abs(ranks[0] - ranks[1]) < np.isfinite(some).sum() / RANK_PARTS
