"""The tables as they may leave the session: no small cell can be worked out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._intervals import wilson
from healthml._core._release import (
    MIN_COUNT,
    NOT_SHOWN,
    SMALL_GROUPS,
    RatioInterval,
    count_number,
    count_text,
    figure_digits,
    is_small,
    protect,
    round_count,
)
from healthml._core._results import Result, written_figures
from healthml.fairness._performance.notes import undefined_note
from healthml.fairness._sums import PROPORTIONS, ratio_of

_AROUND = 9  # how far from the truth each cell is tried; fewer possible values hide more, not less
_FEWEST = 5  # possible values of a hidden cell, as everywhere else (see _core._release)
_CELLS = ("tp", "fp", "fn", "tn")
_NUMBERS = ("estimate", "lower", "upper")
_NO_DIGITS = "any digit of it would tell a count of 1 to 10 in another group"
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
    rounded : tuple of (str, str)
        Features, with their control, whose counts are rounded to 10.
    """

    gaps: pd.DataFrame = None
    claims: pd.DataFrame = None
    tests: pd.DataFrame = None
    shrunken: pd.DataFrame = None
    metrics: pd.DataFrame = None
    overall: pd.DataFrame = None
    notes: tuple = ()
    confidence_level: float = 0.95
    rounded: tuple = ()

    def summary(self):
        """Return the table and the notes as plain text."""
        columns = [name for name in self.table.columns if name not in ("control", "method")]
        if self.table["control"].any():
            columns.insert(1, "control")
        text = written_figures(self._with_words(), columns).to_string(index=False, na_rep="")
        return "\n".join([text, *self.notes])

    def _repr_html_(self):
        text = written_figures(self._with_words(), list(self.table.columns))
        return text.to_html(index=False, border=0, na_rep="")

    def _with_words(self):
        """Return the table with counts in words: "~220" where they are rounded."""
        table, counts = self.table.copy(), ["n_samples", "n_events", "n_patients"]
        keys = zip(table["feature"], table["control"], strict=True)
        states = ["rounded" if key in self.rounded else "shown" for key in keys]
        for name in counts:
            values = zip(table[name], states, strict=True)
            table[name] = [count_text(value, state) or NOT_SHOWN for value, state in values]
        return table

    def plot(self, ax=None, *, measure="oe_ratio", **kwargs):
        """Draw one measure by group with its intervals; returns the matplotlib axes."""
        from healthml.fairness._performance.pictures import draw_forest

        return draw_forest(self, ax, measure, measure, **kwargs)


def release(result, *, strict=False, min_count=MIN_COUNT):
    """Return the tables of a result as they may leave; see `GroupPerformanceResult.to_release`."""
    parts, open_keys, notes, closed_notes = [], set(), [], []
    for key, sums in result.sums.items():
        rows = result.table[_of(result.table, key)]
        whole = _Whole(rows, sums, strict, min_count)
        if whole.is_open:
            open_keys.add(key)
            parts.append(rows)
            continue
        closed_notes.append(undefined_note(*key, sums))  # a count of 0 in a group that is hidden
        if "|" in key[0]:
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
        notes=(*(note for note in result.notes if note not in closed_notes), *notes),
        confidence_level=result.confidence_level,
        rounded=tuple(key for key in result.sums if key not in open_keys),
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
        if state.has_hidden[k] or not _written(states) or nameless or self.closed_cells[k]:
            rows = rows.iloc[:1].assign(measure="all", method="", reason=_NO_FIGURES)
            rows = rows.assign(**dict.fromkeys(_NUMBERS, np.nan))
        else:
            rows = _rounded(rows, state.level(k), [v for v in counts.values() if v > 0])
        rows["group"] = SMALL_GROUPS if nameless else name
        return rows.assign(**counts)


def _rounded(rows, level, counts):
    """Return the rows of a group, each figure with the digits of a level."""
    rows = rows.reset_index(drop=True)
    before = rows["estimate"].notna()
    for row, measure in enumerate(rows["measure"]):
        for name in _NUMBERS:
            digits = figure_digits(name, measure, rows.columns, level, counts, False)
            digits = level.shares if measure in PROPORTIONS else digits
            value = rows.at[row, name]
            rows.at[row, name] = np.nan if digits is None else np.round(value, digits)
    rows.loc[before & rows["estimate"].isna(), "reason"] = _NO_DIGITS
    return rows


def _written(states):
    return all(state in ("shown", "rounded") for state in states)


def _names_of(rows):
    return [name for name in rows["measure"].unique() if name in PROPORTIONS]


def _ratio_figures(rows, sums):
    """Return O:E with its interval and the mean risk, which together tell the events."""
    ratio, risk = (
        rows[rows["measure"] == name].set_index("group").reindex(sums.names)[list(_NUMBERS)]
        for name in ("oe_ratio", "mean_risk")
    )
    if ratio["estimate"].isna().all():
        return []
    return [RatioInterval(ratio.to_numpy(float), mean_risk=risk["estimate"].to_numpy(float))]


class _CellFigures:
    """Rates with their intervals, all of which have to print the same.

    A pair (people, events) of a group is possible where some true and false positives near the
    truth print all rates like the true ones.
    """

    def __init__(self, cells, names):
        self.cells, self.ratios = cells, [ratio_of(name) for name in names]

    def alike(self, row, truth, people, events, level):
        """Say which pairs print the same figures as the true pair of a group."""
        if level.shares is None:
            return np.ones(len(people), dtype=bool)
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
            same = _prints_like(ratio, cells, true, level.shares)
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
