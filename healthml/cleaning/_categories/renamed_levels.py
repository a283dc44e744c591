"""Levels that end where others of the same share begin: perhaps one thing under two codes."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import sorted_codes

# Values without a source were chosen by judgement, not by simulation.
# Rows that a level would have after its end, or before its beginning, by its share. Lower finds
# rare levels, and chance.
EXPECTED = 20
# Largest ratio of the shares before and after for one level under two names.
ALIKE = 1.5
# Least share of levels that stay; where fewer do, the column only tells the time.
PERSISTING = 0.05
# Levels above which pairs are not compared.
MOST_LEVELS = 100


@dataclass(frozen=True)
class Renamed:
    """Levels of one column that end, and those that begin in their place."""

    column: object  # label of the column
    old: tuple  # the levels
    new: tuple
    n_old: int  # rows that hold them
    n_new: int
    share_before: float  # their shares of the rows before and after the change
    share_after: float


def renamed_levels(frame, time):
    """Find categories of which a part changes its name at one time.

    At that time some levels end and others begin, although at their shares 20 rows or more of
    each would be expected on the other side; both together have nearly the same share (within a
    factor of 1.5); other levels go on as before.

    Text and category columns of at most 100 levels are looked at.


    from healthml._core._checks import sorted_codes
    >>> ward = np.where(np.arange(200) % 2, "A", np.where(np.arange(200) < 120, "B", "W2"))
    >>> found = renamed_levels(pd.DataFrame({"ward": ward}), np.arange(200))
    >>> found[0].old, found[0].new
    (('B',), ('W2',))
    """
    when, _ = sorted_codes(np.asarray(time), "time")
    renames = []
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column].dtype):
            continue
        renames += _of_column(frame[column], when)
    return renames


def _of_column(series, when):
    """Return the change of one column in a list, empty where there is none."""
    try:
        codes, levels = pd.factorize(series)
    except TypeError:  # cells that hold lists and the like
        return []
    if not 3 <= len(levels) <= MOST_LEVELS:
        return []
    known = (codes >= 0) & (when >= 0)
    codes, when = codes[known], when[known]
    counts = np.bincount(codes, minlength=len(levels))
    first, last = _ends(codes, when, len(levels))
    best = None
    for start in np.unique(first[first > when.min(initial=0)]):
        change = _at(start, when, counts, first, last)
        if change is not None and (best is None or change[0].sum() > best[0].sum()):
            best = change
    if best is None:
        return []
    old, new, before, after = best
    names = [tuple(np.asarray(levels, dtype=object)[some]) for some in (old, new)]
    sizes = [int(counts[some].sum()) for some in (old, new)]
    return [Renamed(series.name, *names, *sizes, float(before), float(after))]


def _ends(codes, when, n_levels):
    """Return the first and last time of each level."""
    first = np.full(n_levels, np.iinfo(np.int64).max)
    last = np.full(n_levels, -1)
    np.minimum.at(first, codes, when)
    np.maximum.at(last, codes, when)
    return first, last


def _at(start, when, counts, first, last):
    """Return the levels that end before and begin from a time on, with their shares, or None."""
    n_before = (when < start).sum()
    n_after = len(when) - n_before
    old = last < start
    new = first >= start
    with np.errstate(divide="ignore", invalid="ignore"):
        old &= counts / n_before * n_after >= EXPECTED
        new &= counts / n_after * n_before >= EXPECTED
    if not old.any() or not new.any():
        return None
    before, after = counts[old].sum() / n_before, counts[new].sum() / n_after
    stays = counts[(first < start) & (last >= start)].sum() / len(when)
    if stays < PERSISTING or not 1 / ALIKE <= before / after <= ALIKE:
        return None
    return old, new, before, after
