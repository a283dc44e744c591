"""A table of results as it may leave the session: small counts hidden, figures coarsened."""

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype

from healthml._core._intervals import wilson
from healthml._core._release.columns import (
    EVENTS,
    ROWS,
    TOTALS,
    WHOLES,
    count_columns,
    group_column,
    needs_protection,
    whole_keys,
)
from healthml._core._release.digits import AXES, RATES, figure_digits
from healthml._core._release.figures import FINEST, NOTHING, Rate, RatioInterval
from healthml._core._release.flow import FLOW, release_flow
from healthml._core._release.histogram import HISTOGRAM, SHARES, release_histogram, release_shares
from healthml._core._release.suppression import (
    HIDDEN,
    MIN_COUNT,
    ROUNDED,
    SHOWN,
    is_small,
    protect,
)
from healthml._core._release.words import SMALL_GROUPS, count_number, count_text

_OF_COUNTS = (*RATES, "oe_ratio", "mean_risk")
"""Measures from which, together, the counts of a group follow."""


def release_table(table, *, linked=(), min_count=MIN_COUNT, as_text=False, keep_rows=False):
    """Return a table as it may be printed, drawn or written.

    Counts are found by their names (``n_samples``, ``n_events``, ``n_patients``, ...), groups by a
    column ``group``, ``site``, ``level``, ``period`` or the like. Times become months, since the
    first or last of some rows is the admission of one patient. A table in which no count is small
    and no time stands is returned as it is.

    Parameters
    ----------
    table : pandas.DataFrame
        A table of results; it is not changed.
    linked : sequence of pandas.DataFrame, default=()
        Other tables that leave with it. Where one of them knows a group of the same whole that this
        table leaves out, the groups here are protected as if it stood among them.
    min_count : int, default=11
        Smallest count shown; 1 shows everything.
    as_text : bool, default=False
        Write counts as words ("<11", "~290", "not shown") instead of numbers with gaps.
    keep_rows : bool, default=False
        Keep a row for each small group, although its rows then say the same.

    Returns
    -------
    pandas.DataFrame
    """
    if not len(table):
        return table
    table = _without_exact_times(table)
    if set(table.columns) >= HISTOGRAM:
        return release_histogram(table, min_count)
    if set(table.columns) >= SHARES:
        return release_shares(table, min_count)
    if set(table.columns) >= FLOW:
        return release_flow(table, min_count, as_text)
    absent = _absent_groups(table, linked)
    known = needs_protection(table, min_count) or needs_protection(absent, min_count)
    if not (known or _has_small_rest(table, min_count)):
        return table
    out, table = table.reset_index(drop=True), table.reset_index(drop=True)
    counts = count_columns(table)
    out = out.astype(dict.fromkeys(counts, object if as_text else float))
    for rows in _wholes(table):
        _release_whole(
            table, out, rows, counts, _same_whole(absent, table.loc[rows]), min_count, as_text
        )
    return out if keep_rows else out.loc[~_repeats(out, table)].reset_index(drop=True)


def _without_exact_times(table):
    """Return a table of counts with months in place of times, which are those of patients."""
    if not count_columns(table):
        return table
    times = [c for c in table.columns if pd.api.types.is_datetime64_any_dtype(table[c])]
    return table.assign(**{c: table[c].dt.strftime("%Y-%m") for c in times}) if times else table


def _wholes(table):
    """Return the rows of each whole: a table of groups may hold several, each with its total."""
    group = group_column(table)
    keys = [c for c in WHOLES if c in table.columns and c != group and c != "kind"]
    if group is None:
        return [np.array([row]) for row in range(len(table))]
    if not keys:
        return [np.arange(len(table))]
    codes = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    return [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]


def _release_whole(table, out, rows, counts, absent, min_count, as_text):
    part = table.loc[rows]
    unit, first, is_total = _units(part, counts)
    inside = np.flatnonzero(~is_total[first])  # totals are what the groups add up to
    inside = inside if len(inside) else np.arange(len(first))
    base = pd.concat([part.iloc[first[inside]], absent])
    base = _with_rest(base, part[is_total], counts)
    n_name = next((c for c in ROWS if c in counts), None)
    e_name = next((c for c in EVENTS if c in counts), None)
    whole = {name: base[name].fillna(0).to_numpy(np.int64) for name in counts}
    few = np.zeros(len(base), bool)
    if "n_patients" in whole:
        few = is_small(whole["n_patients"], min_count)
    n, events = whole[n_name or e_name], whole[e_name] if n_name and e_name else None
    figures = _figures(part, unit, inside, len(base))
    protection = protect(n, events, rates=figures, hide=few, min_count=min_count)
    others = {
        name: protect(whole[name], hide=few, min_count=min_count).n
        for name in counts
        if name not in (n_name, e_name)
    }
    if protection.is_open and all((state == SHOWN).all() for state in others.values()):
        _write_counts(out, rows, part, counts, as_text)
        return
    place = {code: k for k, code in enumerate(inside)}
    written = _WrittenRows(part, counts, as_text, min_count)
    for position, code in enumerate(unit):
        k = place.get(code)
        if k is None:
            states = _total_states(part.iloc[position][counts], min_count)
            written.add(position, states, FINEST, HIDDEN in states.values())
            continue
        states = {name: others[name][k] for name in others} | {n_name or e_name: protection.n[k]}
        if events is not None:
            states[e_name] = protection.events[k]
        if protection.n[k] == HIDDEN or few[k]:
            states = dict.fromkeys(counts, HIDDEN)
        level = NOTHING if few[k] else protection.level(k)
        written.add(position, states, level, bool(protection.has_hidden[k]))
    written.store(out, rows)


def _has_small_rest(table, min_count):
    """Say whether a total counts a few more people than the groups of the table do."""
    counts = count_columns(table)
    if group_column(table) is None or not counts:
        return False
    for rows in _wholes(table):
        part = table.loc[table.index[rows]]
        _, first, is_total = _units(part, counts)
        if is_total.any() and not is_total.all():
            base = part.iloc[first[~is_total[first]]]
            if needs_protection(_with_rest(base, part[is_total], counts), min_count):
                return True
    return False


def _with_rest(base, totals, counts):
    """Add the people of the largest total who are in no group of the table."""
    if totals.empty:
        return base
    rest = totals[counts].max() - base[counts].sum()
    if not rest.iloc[0] > 0:
        return base
    return pd.concat([base, rest.clip(lower=0).to_frame().T], ignore_index=True)


def _absent_groups(table, linked):
    """Return the groups of the same wholes that linked tables count and this one leaves out."""
    group, counts = group_column(table), count_columns(table)
    if group is None or not counts or not linked:
        return table.iloc[:0]
    names = [*whole_keys(table), group]
    needed = [*names, *counts]
    others = [t[needed] for t in linked if t is not table and set(needed) <= set(t.columns)]
    if not others:
        return table.iloc[:0]
    frame = pd.concat(others, ignore_index=True).dropna(subset=counts).drop_duplicates(names)
    frame = frame[~frame[group].astype(str).str.lower().isin(TOTALS)]
    known = set(map(tuple, table[names].astype(str).to_numpy()))
    wholes = {key[:-1] for key in known}
    keys = map(tuple, frame[names].astype(str).to_numpy())
    return frame[[key not in known and key[:-1] in wholes for key in keys]]


def _same_whole(absent, part):
    same = np.ones(len(absent), bool)
    for name in whole_keys(part):
        same &= absent[name].astype(str).to_numpy() == str(part[name].iloc[0])
    return absent[same]


def _units(part, counts):
    """Return the group of each row as a code, the first row of each, and which rows are totals."""
    group = group_column(part)
    keys = ([group] if group else []) + counts
    codes, first = pd.factorize(pd.MultiIndex.from_frame(part[keys].astype(object)))[0], []
    first = np.array([np.flatnonzero(codes == code)[0] for code in range(codes.max() + 1)])
    is_total = np.zeros(len(part), dtype=bool)
    for name in {group, "kind"} & set(part.columns):
        label = part[name].astype(str).str.lower()
        is_total |= (label.isin(TOTALS) | label.str.startswith("all ")).to_numpy()
    return codes, first, is_total


def _figures(part, unit, inside, n_groups):
    """Return the figures of a table that follow from its counts, by their names."""
    figures, columns = [], set(part.columns)
    if set(RATES) & columns:
        has_ends = {"lower", "upper"} <= columns and "estimate" not in columns
        figures.append(Rate(_rate_and_ends if has_ends else _rate))
    elif {"share", "n_cells", "n_samples"} <= columns:
        figures.append(Rate(_rate))
    if not {"measure", "n_events", "estimate"} <= columns:
        return figures
    estimates = {name: _of_measure(part, name, unit, inside, n_groups) for name in _OF_COUNTS}
    estimates = {name: values for name, values in estimates.items() if np.isfinite(values).any()}
    if set(RATES) & set(estimates):
        figures.append(Rate(_rate_and_ends if {"lower", "upper"} <= columns else _rate))
    if "oe_ratio" in estimates:
        risk = estimates.get("mean_risk")
        risk = None if risk is None else risk[:, 0]
        figures.append(RatioInterval(estimates["oe_ratio"], mean_risk=risk))
    return figures


def _of_measure(part, measure, unit, inside, n_groups):
    """Return estimate, lower and upper of a measure, one row per group; missing without."""
    values = np.full((n_groups, 3), np.nan)
    figures = part.reindex(columns=["estimate", "lower", "upper"]).to_numpy(float)
    is_measure = (part["measure"] == measure).to_numpy()
    for k, code in enumerate(inside):
        lines = np.flatnonzero(is_measure & (unit == code))
        if len(lines):
            values[k] = figures[lines[0]]
    return values


def _rate(n, events):
    return events / n


def _rate_and_ends(n, events):
    rate = events / n
    return (rate, *wilson(np.minimum(events, n), n))


def _write_counts(out, rows, part, counts, as_text):
    if as_text:
        for name in counts:
            out.loc[rows, name] = [count_text(value, SHOWN) for value in part[name]]


def _total_states(counts, min_count):
    small = {name: pd.notna(v) and bool(is_small(v, min_count)) for name, v in counts.items()}
    return {name: HIDDEN if is_hidden else ROUNDED for name, is_hidden in small.items()}


class _WrittenRows:
    """The rows of a whole as they are written: counts by their states, figures by their digits."""

    def __init__(self, part, counts, as_text, min_count):
        self.min_count, self.write = min_count, count_text if as_text else count_number
        self.names, self.group = list(part.columns), group_column(part)
        self.figures = [
            name
            for name in self.names
            if name not in counts and name not in AXES and is_float_dtype(part[name])
        ]
        self.cells = {name: part[name].tolist() for name in (*counts, *self.figures)}
        self.measures = part["measure"].astype(str).tolist() if "measure" in part else None
        self.written = {name: [] for name in self.cells}
        self.small = []

    def add(self, position, states, level, has_hidden):
        """Write one row: its counts by their states, its figures with the digits of a level."""
        for name, state in states.items():
            count = self.cells[name][position]
            self.written[name].append(self.write(count, state, self.min_count))
        known = [self.cells[name][position] for name, state in states.items() if state != HIDDEN]
        known = [count for count in known if pd.notna(count) and count > 0]
        measure = self.measures[position] if self.measures else ""
        has_hidden |= HIDDEN in states.values()
        for name in self.figures:
            used = figure_digits(name, measure, self.names, level, known, has_hidden)
            figure = self.cells[name][position]
            self.written[name].append(np.nan if used is None else np.round(figure, used))
        self.small.append(all(state == HIDDEN for state in states.values()))

    def store(self, out, rows):
        """Put what was written into the rows of a table; small groups lose their names."""
        for name, cells in self.written.items():
            out.loc[rows, name] = pd.Series(cells, index=rows, dtype=out[name].dtype)
        if self.group and any(self.small):
            out[self.group] = out[self.group].astype(object)
            out.loc[rows[self.small], self.group] = SMALL_GROUPS


def _repeats(out, table):
    """Return rows of small groups that repeat another one, now that names and counts are gone."""
    group = group_column(table)
    if group is None:
        return np.zeros(len(out), dtype=bool)
    hidden = (out[group].astype(object) == SMALL_GROUPS).to_numpy(dtype=bool)
    return hidden & out.astype(str).duplicated().to_numpy()
