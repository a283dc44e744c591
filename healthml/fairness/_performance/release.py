"""The tables as they may leave the session: no small cell can be worked out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._intervals import wilson
from healthml._core._release import (
    MIN_COUNT,
    SMALL_GROUPS,
    RatioInterval,
    count_number,
    is_small,
    protect,
    round_count,
)
from healthml._core._results import Result, table_text
from healthml.fairness._sums import PROPORTIONS, ratio_of

_AROUND = 9  # how far from the truth each cell is tried; fewer possible values hide more, not less
_FEWEST = 5  # possible values of a hidden cell, as everywhere else (see _core._release)
_CELLS = ("tp", "fp", "fn", "tn")
_NUMBERS = ("estimate", "lower", "upper")
_NO_FIGURES = "a count of 1 to 10 is hidden here or beside it: no figures"


@dataclass(frozen=True, repr=False)
class ReleasedGroups(Result):
    """Tables by group that may leave; made by `GroupPerformanceResult.to_release`.

    Parameters
    ----------
    table : DataFrame
        As in the result; of groups with a hidden count one row without figures.
    gaps, claims, tests, shrunken, metrics, overall : DataFrame
        As in the result, for the features of which nothing had to be hidden.
    notes : tuple of str
        What was left out.
    confidence_level : float
        Of the intervals.
    """

    gaps: pd.DataFrame = None
    claims: pd.DataFrame = None
    tests: pd.DataFrame = None
    shrunken: pd.DataFrame = None
    metrics: pd.DataFrame = None
    overall: pd.DataFrame = None
    notes: tuple = ()
    confidence_level: float = 0.95

    def summary(self):
        """Return the table and the notes as plain text."""
        return "\n".join([table_text(self.table, na_rep=""), *self.notes])

    def plot(self, ax=None, *, measure="oe_ratio", **kwargs):
        """Draw one measure by group with its intervals; returns the matplotlib axes."""
        from healthml.fairness._performance.pictures import draw_forest

        return draw_forest(self, ax, measure, measure, **kwargs)


def release(result, *, strict=False, min_count=MIN_COUNT):
    """Return the tables of a result as they may leave; see `GroupPerformanceResult.to_release`."""
    parts, open_keys, notes = [], set(), []
    for key, sums in result.sums.items():
        rows = result.table[_of(result.table, key)]
        whole = _Whole(rows, sums, strict, min_count)
        if whole.is_open:
            open_keys.add(key)
            parts.append(rows)
        elif "|" in key[0]:
            notes.append(
                f"{key[0]} is left out: it has small cells, and its totals stand in other tables. "
                "Join levels, or pool more small groups (pool_below)."
            )
        else:
            parts.append(whole.table())
            notes.append(f"{key[0]} has small cells: gaps, tests and totals are left out.")
    table = pd.concat(parts, ignore_index=True) if parts else result.table.iloc[:0]
    names = ("gaps", "claims", "tests", "shrunken", "metrics")
    others = {name: _only(getattr(result, name), open_keys) for name in names}
    everything = len(open_keys) == len(result.sums)
    overall = result.overall if everything else result.overall.iloc[:0]
    return ReleasedGroups(
        table,
        **others,
        overall=overall,
        notes=(*result.notes, *notes),
        confidence_level=result.confidence_level,
    )


def _of(table, key):
    return (table["feature"] == key[0]) & (table["control"] == key[1])


def _only(table, keys):
    kept = np.zeros(len(table), bool)
    for key in keys:
        kept |= _of(table, key).to_numpy()
    return table[kept].reset_index(drop=True)


class _Whole:
    """The groups of one partition, which of their counts are hidden, and what may be written."""

    def __init__(self, rows, sums, strict, min_count):
        self.rows, self.sums, self.min_count = rows, sums, min_count
        cells = np.round(sums.sums[:, :4]).astype(np.int64)
        few = is_small(sums.n_patients, min_count)
        figures = [_CellFigures(cells, _names_of(rows)), *_ratio_figures(rows, sums)]
        self.protection = protect(
            sums.n_samples, sums.n_events, rates=figures, hide=few, min_count=min_count
        )
        hidden = is_small(cells, min_count) if strict else np.zeros_like(cells, bool)
        self.closed_cells = _with_seconds(cells, hidden, min_count).any(axis=1)
        self.few = few
        self.is_open = self.protection.is_open and not few.any() and not hidden.any()

    def table(self):
        """Return one row without figures for closed groups, rounded figures of the others."""
        parts = [self._group(k, str(name)) for k, name in enumerate(self.sums.names)]
        table = pd.concat(parts, ignore_index=True)
        small = table["group"] == SMALL_GROUPS
        return table[~(small & table.astype(str).duplicated())].reset_index(drop=True)

    def _group(self, k, name):
        rows = self.rows[self.rows["group"] == name].copy()
        state = self.protection
        counts = {
            "n_samples": count_number(self.sums.n_samples[k], state.n[k], self.min_count),
            "n_events": count_number(self.sums.n_events[k], state.events[k], self.min_count),
        }
        patients = float(self.sums.n_patients[k])
        rounded = state.n[k] == "shown" and state.is_open
        counts["n_patients"] = patients if rounded else float(round_count(patients))
        nameless = self.few[k] or state.n[k] == "hidden"
        if nameless:
            counts = dict.fromkeys(counts, np.nan)
        states = (state.n[k], state.events[k], state.others[k])
        digits = None if state.has_hidden[k] or not _written(states) else state.row_digits(k)
        if digits is None or nameless or self.closed_cells[k]:
            rows = rows.iloc[:1].assign(measure="all", method="", reason=_NO_FIGURES)
            rows = rows.assign(**dict.fromkeys(_NUMBERS, np.nan))
        else:
            rows[list(_NUMBERS)] = rows[list(_NUMBERS)].round(digits)
        rows["group"] = SMALL_GROUPS if nameless else name
        return rows.assign(**counts)


def _written(states):
    return all(state in ("shown", "rounded") for state in states)


def _names_of(rows):
    return [name for name in rows["measure"].unique() if name in PROPORTIONS]


def _ratio_figures(rows, sums):
    """Return O:E with its interval, whose width tells the number of events."""
    of = rows[rows["measure"] == "oe_ratio"].set_index("group")
    if of.empty:
        return []
    return [RatioInterval(of.loc[list(sums.names), list(_NUMBERS)].to_numpy(float))]


class _CellFigures:
    """Rates with their intervals, all of which have to print the same.

    A pair (people, events) of a group is possible where some true and false positives near the
    truth print all rates like the true ones.
    """

    def __init__(self, cells, names):
        self.cells, self.ratios = cells, [ratio_of(name) for name in names]

    def alike(self, row, truth, people, events, digits):
        """Say which pairs print the same figures as the true pair of a group."""
        tp, fp = (int(count) for count in self.cells[row, :2])
        around = np.arange(-_AROUND, _AROUND + 1)
        pair, tps, fps = (
            part.ravel()
            for part in np.meshgrid(np.arange(len(people)), tp + around, fp + around, indexing="ij")
        )
        cells = np.column_stack([tps, fps, events[pair] - tps, (people - events)[pair] - fps])
        possible = (cells >= 0).all(axis=1)
        cells, pair = cells[possible], pair[possible]
        true = np.array([[tp, fp, truth[1] - tp, truth[0] - truth[1] - fp]])
        for ratio in self.ratios:
            same = _prints_like(ratio, cells, true, digits)
            cells, pair = cells[same], pair[same]
        return np.isin(np.arange(len(people)), pair)


def _prints_like(ratio, cells, true, digits):
    """Say which cells print the same share and interval as the true ones."""
    printed = []
    for counts in (cells, true):
        top, bottom = counts @ ratio.top[:4], counts @ ratio.bottom[:4]
        with np.errstate(divide="ignore", invalid="ignore"):
            figures = (top / bottom, *wilson(np.minimum(top, bottom), bottom))
        printed.append(np.round(np.nan_to_num(np.column_stack(figures), nan=-1), digits))
    return (printed[0] == printed[1]).all(axis=1)


def _with_seconds(cells, hidden, min_count):
    """Close more groups until each hidden cell has five possible values, its total known.

    The closed groups' sum of a cell is known from its total and the others. The small one then has
    as many values as leave the second ones at `min_count` or more.
    """
    closed = hidden.copy()
    for column in range(cells.shape[1]):
        counts = cells[:, column]
        while closed[:, column].any() and not closed[:, column].all():
            second = closed[:, column] & ~hidden[:, column]
            room = counts[second].sum() - min_count * second.sum()
            smalls = hidden[:, column].sum()
            if room + (smalls > 1) * _FEWEST >= _FEWEST:
                break
            left = np.flatnonzero(~closed[:, column])
            closed[left[np.argmin(counts[left])], column] = True
    return closed
