"""A table of results as it may leave the session: small counts hidden, figures coarsened."""

from itertools import pairwise

import numpy as np
import pandas as pd

from healthml._core._intervals import wilson
from healthml._core._release.suppression import (
    HIDDEN,
    MIN_COUNT,
    ROUNDED,
    SECOND,
    SHOWN,
    Rate,
    RatioInterval,
    is_small,
    protect,
    round_count,
)

SMALL_GROUPS = "(small groups)"
NOT_SHOWN = "not shown"
ROWS = (
    "n_samples",
    "n_rows",
    "n_patients",
    "n_test",
    "n_train",
    "n_train_patients",
    "n_left_out",
    "n_missing",
    "n_returning",
    "n_returning_patients",
    "n_new",
    "n_new_patients",
    "n_not_trained",
    "n_assessed",
)
EVENTS = ("n_events", "n_train_events")
"""Columns that count people, their rows or their events; the first of each is what is attacked."""
GROUPS = ("group", "site", "place", "level", "period", "window", "stratum", "subgroup", "curve")
GROUPS += ("columns",)
"""Columns whose values name the groups of a whole; the others tell several wholes apart."""
_WHOLES = ("feature", "control", "column", "model", "estimand", "comparison", "attribute", "kind")
_TOTALS = ("pooled", "a new site", "all", "overall", "everyone", "prediction", "total")
_HISTOGRAM = {"low", "high", "n_events", "n_others"}
_SHARES = {"outcome", "low", "high", "n_samples", "share"}
_FLOW = {"step", "n_left_out", "n_samples"}
# what leaves at each step of a flow, and what remains of the same
_FLOWING = {
    "n_patients_left_out": "n_patients",
    "n_left_out": "n_samples",
    "n_events_left_out": "n_events",
}
_RATES = ("event_rate", "observed", "observed_rate", "prevalence", "rate")
_NO_SHARES = ("auroc", "brier", "scaled_brier", "log_loss", "ici", "eci", "calibration_slope")
_NO_SHARES += ("calibration_intercept", "calibration_in_the_large")
_OF_EVENTS = ("sensitivity", "specificity", "ppv", "npv", "balanced_accuracy", "youden", "f1")
_OF_EVENTS += ("mcc", "kappa", "dor")
_AXES = ("threshold", "risk", "low", "high", "risk_low", "risk_high", "confidence_level")


def _without_exact_times(table):
    """Return a table of counts with months in place of times, which are those of patients."""
    if not count_columns(table):
        return table
    times = [c for c in table.columns if pd.api.types.is_datetime64_any_dtype(table[c])]
    return table.assign(**{c: table[c].dt.strftime("%Y-%m") for c in times}) if times else table


def count_columns(table):
    """Return the columns of a table that count people, rows or events."""
    names = [*ROWS, *EVENTS]
    if "column" not in table.columns:
        names.remove("n_missing")  # there a number of columns
    return [c for c in table.columns if c in names and pd.api.types.is_numeric_dtype(table[c])]


def needs_protection(table, min_count=MIN_COUNT):
    """Say whether a table holds a small count, or events and others of which one is small."""
    counts = count_columns(table)
    if any(is_small(table[name].to_numpy(float), min_count).any() for name in counts):
        return True
    if {"n_samples", "n_events"} <= set(counts):
        others = table["n_samples"].to_numpy(float) - table["n_events"].to_numpy(float)
        return bool(is_small(others, min_count).any())
    return False


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
    if set(table.columns) >= _HISTOGRAM:
        return _release_histogram(table, min_count)
    if set(table.columns) >= _SHARES:
        return _release_shares(table, min_count)
    if set(table.columns) >= _FLOW:
        return _release_flow(table, min_count, as_text)
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


def _wholes(table):
    """Return the rows of each whole: a table of groups may hold several, each with its total."""
    group = _group_column(table)
    keys = [c for c in _WHOLES if c in table.columns and c != group and c != "kind"]
    if group is None:
        return [np.array([row]) for row in range(len(table))]
    if not keys:
        return [np.arange(len(table))]
    codes = table.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    return [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]


def _group_column(table):
    return next((c for c in GROUPS if c in table.columns), None)


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
    for row, code in zip(rows, unit, strict=True):
        k = place.get(code)
        if k is None:
            states = _total_states(table.loc[row, counts], min_count)
            hidden = HIDDEN in states.values()
            _write_row(table, out, row, states, 3, hidden, as_text, min_count)
            continue
        states = {name: others[name][k] for name in others} | {n_name or e_name: protection.n[k]}
        if events is not None:
            states[e_name] = protection.events[k]
        if protection.n[k] == HIDDEN or few[k]:
            states = dict.fromkeys(counts, HIDDEN)
        digits = None if few[k] else protection.row_digits(k)
        has_hidden = bool(protection.has_hidden[k])
        _write_row(table, out, row, states, digits, has_hidden, as_text, min_count)


def _has_small_rest(table, min_count):
    """Say whether a total counts a few more people than the groups of the table do."""
    counts = count_columns(table)
    if _group_column(table) is None or not counts:
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
    group, counts = _group_column(table), count_columns(table)
    if group is None or not counts or not linked:
        return table.iloc[:0]
    names = [*_keys(table), group]
    needed = [*names, *counts]
    others = [t[needed] for t in linked if t is not table and set(needed) <= set(t.columns)]
    if not others:
        return table.iloc[:0]
    frame = pd.concat(others, ignore_index=True).dropna(subset=counts).drop_duplicates(names)
    frame = frame[~frame[group].astype(str).str.lower().isin(_TOTALS)]
    known = set(map(tuple, table[names].astype(str).to_numpy()))
    wholes = {key[:-1] for key in known}
    keys = map(tuple, frame[names].astype(str).to_numpy())
    return frame[[key not in known and key[:-1] in wholes for key in keys]]


def _keys(table):
    return [name for name in ("feature", "column") if name in table.columns]


def _same_whole(absent, part):
    same = np.ones(len(absent), bool)
    for name in _keys(part):
        same &= absent[name].astype(str).to_numpy() == str(part[name].iloc[0])
    return absent[same]


def _units(part, counts):
    """Return the group of each row as a code, the first row of each, and which rows are totals."""
    group = _group_column(part)
    keys = ([group] if group else []) + counts
    codes, first = pd.factorize(pd.MultiIndex.from_frame(part[keys].astype(object)))[0], []
    first = np.array([np.flatnonzero(codes == code)[0] for code in range(codes.max() + 1)])
    is_total = np.zeros(len(part), dtype=bool)
    for name in {group, "kind"} & set(part.columns):
        label = part[name].astype(str).str.lower()
        is_total |= (label.isin(_TOTALS) | label.str.startswith("all ")).to_numpy()
    return codes, first, is_total


def _figures(part, unit, inside, n_groups):
    """Return the figures of a table that follow from its counts, by their names."""
    figures = []
    if set(_RATES) & set(part.columns):
        has_ends = {"lower", "upper"} <= set(part.columns) and "estimate" not in part.columns
        figures.append(Rate(_rate_and_ends if has_ends else lambda n, events: events / n))
    if "measure" not in part.columns or "n_events" not in part.columns:
        return figures
    is_ratio = part["measure"].astype(str).to_numpy() == "oe_ratio"
    names = ["estimate", "lower", "upper"]
    if is_ratio.any() and set(names) <= set(part.columns):
        values = np.full((n_groups, 3), np.nan)
        for k, code in enumerate(inside):
            found = np.flatnonzero(is_ratio & (unit == code))
            if len(found):
                values[k] = part[names].iloc[found[0]].to_numpy(float)
        figures.append(RatioInterval(values))
    return figures


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


def _write_row(table, out, row, states, digits, has_hidden, as_text, min_count=MIN_COUNT):
    """Write the counts of a row by their states, and its figures with so many digits."""
    write = count_text if as_text else count_number
    for name, state in states.items():
        out.at[row, name] = write(table.at[row, name], state, min_count)
    known = [table.at[row, name] for name, state in states.items() if state != HIDDEN]
    known = [value for value in known if pd.notna(value) and value > 0]
    measure = str(table.at[row, "measure"]) if "measure" in table.columns else ""
    has_hidden |= HIDDEN in states.values()
    others, closed = _digits(measure, digits, known, has_hidden), _closed_columns(table, measure)
    for name in table.columns:
        if name in states or name in _AXES or not pd.api.types.is_float_dtype(table[name]):
            continue
        value, used = table.at[row, name], digits if name in closed else others
        out.at[row, name] = np.nan if used is None else np.round(value, used)
    group = _group_column(table)
    if group and all(state == HIDDEN for state in states.values()):
        out[group] = out[group].astype(object)
        out.at[row, group] = SMALL_GROUPS


def _closed_columns(table, measure):
    """Return the figures of a row that follow from its counts alone, as the attack took them."""
    if measure:
        return ("estimate", "lower", "upper") if measure == "oe_ratio" else ()
    rates = [name for name in _RATES if name in table.columns]
    return (*rates, "lower", "upper") if rates and "estimate" not in table.columns else rates


def _digits(measure, digits, counts, has_hidden):
    """Return the digits of the figures of a row.

    `digits` are those that the attack allows for what follows from the counts alone. A share of m
    people lies 1 / m from the next one, so with at most log10(m) digits every count that rounds
    like m has a share that prints the same. Other measures do not tell their denominators, so that
    a group none of whose counts is hidden keeps them even where its ratio cannot be written.
    """
    if digits is None and counts and not has_hidden and measure in _NO_SHARES:
        return 3
    if digits is None or not counts or has_hidden:
        return digits if counts else None
    if measure in _NO_SHARES:
        return 3
    if measure in _OF_EVENTS:
        counts = [min(counts), *([max(counts) - min(counts)] if len(counts) > 1 else [])]
    base = max(min(counts) if measure in _OF_EVENTS else max(counts), 10)
    digits = min(digits, max(int(np.log10(base)), 1))
    return digits - 3 if measure.endswith("_per_1000") else digits


def count_text(value, state=None, min_count=MIN_COUNT):
    """Return a count in words: "217", "~220", "<11" or "not shown".

    Examples
    --------
    >>> from healthml._core._release import count_text
    >>> count_text(1217), count_text(217, "rounded"), count_text(7), count_text(0)
    ('1,217', '~220', '<11', '0')
    """
    if pd.isna(value):
        return ""
    if state is None:
        state = HIDDEN if is_small(value, min_count) else SHOWN
    if state in (SHOWN, ROUNDED):
        exact = state == SHOWN or value == 0
        return f"{value:,.0f}" if exact else f"~{round_count(value):,.0f}"
    return f"<{min_count}" if state == HIDDEN else NOT_SHOWN


def size_words(n_samples, n_events, min_count=MIN_COUNT):
    """Return rows and events in words, as they may leave.

    Examples
    --------
    >>> from healthml._core._release import size_words
    >>> size_words(1234, 160), size_words(123, 7)
    ('1,234 rows, 160 events', '~120 rows, <11 events')
    """
    protection = protect([int(n_samples)], [int(n_events)], min_count=min_count)
    rows = count_text(n_samples, protection.n[0], min_count)
    events = count_text(n_events, protection.events[0], min_count)
    return f"{rows} rows, {events} events"


def count_number(value, state, min_count=MIN_COUNT):
    """Return a count as a number, missing where it is hidden."""
    if pd.isna(value) or state not in (SHOWN, ROUNDED):
        return np.nan
    return value if state == SHOWN else float(round_count(value))


def _repeats(out, table):
    """Return rows of small groups that repeat another one, now that names and counts are gone."""
    group = _group_column(table)
    if group is None:
        return np.zeros(len(out), dtype=bool)
    hidden = (out[group].astype(object) == SMALL_GROUPS).to_numpy(dtype=bool)
    return hidden & out.astype(str).duplicated().to_numpy()


def _release_histogram(table, min_count):
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


def _release_shares(table, min_count):
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


def _release_flow(table, min_count, as_text):
    """Return a flow: those who leave at each step and those who stay at last are one whole."""
    write, table = count_text if as_text else count_number, table.reset_index(drop=True)
    states, few = {}, None
    for leaving, staying in _FLOWING.items():  # patients first: they decide which rows are few
        if staying in table.columns and table[staying].notna().any():
            states |= _flow_states(table, leaving, staying, few, min_count)
            if staying == "n_patients":
                few = is_small(_leaving(table["n_patients"].to_numpy(float)), min_count)
    if "n_matching" in table.columns:
        closed = any((state != SHOWN).any() for state in states.values())
        small = is_small(table["n_matching"].to_numpy(float, na_value=np.nan), min_count)
        states["n_matching"] = np.where(small, HIDDEN, ROUNDED if closed else SHOWN)
    if all((state == SHOWN).all() for state in states.values()) and not as_text:
        return table
    for name, found in states.items():
        values = [write(v, state, min_count) for v, state in zip(table[name], found, strict=True)]
        table[name] = pd.Series(values, dtype=object if as_text else float)
    return table


def _flow_states(table, leaving, staying, few, min_count):
    """Return how to write what leaves at each step, and what remains."""
    remaining = table[staying].to_numpy(float, na_value=np.nan)
    known = np.flatnonzero(np.isfinite(remaining))
    parts = _leaving(remaining[known]).astype(np.int64)
    hide = few if few is not None and len(few) == len(parts) else None
    events = np.full(len(table), np.nan)
    if staying == "n_samples" and "n_events" in table.columns:
        events = table["n_events"].to_numpy(float, na_value=np.nan)
    own = _leaving(events).astype(np.int64) if np.isfinite(events).all() else None
    found = protect(parts, own, hide=hide, min_count=min_count).n
    rest, out = np.full(len(table), SHOWN, dtype=object), np.full(len(table), SHOWN, dtype=object)
    if (found != SHOWN).any():  # sums on the way would tell what leaves at one step
        rest[known] = SECOND
        first = HIDDEN if is_small(remaining[known[0]], min_count) else ROUNDED
        rest[known[remaining[known] == remaining[known[0]]]] = first
        rest[known[remaining[known] == remaining[known[-1]]]] = found[-1]
        out[known[1:]] = found[:-1]
    return {staying: rest, **({leaving: out} if leaving in table.columns else {})}


def _leaving(remaining):
    """Return how many leave at each step, and at last those who stay."""
    return np.append(-np.diff(remaining), remaining[-1])


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


def left_out_words(flow, min_count=MIN_COUNT):
    """Return how many rows a flow left out, and how many at each step, as they may leave.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._release import left_out_words
    >>> rows = [("in the table", 0, 500), ("outcome missing", 7, 493), ("analysed", 0, 493)]
    >>> left_out_words(pd.DataFrame(rows, columns=["step", "n_left_out", "n_samples"]))
    ('<11', 'outcome missing: <11')
    """
    total = int(flow["n_left_out"].sum())
    steps = release_table(flow, min_count=min_count, as_text=True)[
        flow["n_left_out"].to_numpy() > 0
    ]
    is_exact = steps["n_left_out"].map(lambda text: str(text)[0].isdigit()).all()
    state = None if is_exact or is_small(total, min_count) else ROUNDED
    words = "; ".join(f"{row.step}: {row.n_left_out}" for row in steps.itertuples())
    return count_text(total, state, min_count), words


def release_crosstab(counts, people=None, *, min_count=MIN_COUNT):
    """Return counts by two groupings in words, protected along rows and along columns.

    Parameters
    ----------
    counts : pandas.DataFrame
        Counts of rows; zero is shown.
    people : pandas.DataFrame, default=None
        Patients behind each count, where they are fewer than the rows.
    min_count : int, default=11
        Smallest count shown.

    Returns
    -------
    pandas.DataFrame
        Of text: "1,217", "~220", "<11" or "not shown".

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._release import release_crosstab
    >>> counts = pd.DataFrame({"alive": [120, 80, 96], "dead": [31, 0, 4]}, index=["a", "b", "c"])
    >>> release_crosstab(counts).values.tolist()
    [['~120', '~30'], ['~80', '0'], ['~100', '<11']]
    """
    values = counts.to_numpy(np.int64)
    behind = values if people is None else people.to_numpy(np.int64)
    few = is_small(behind, min_count) & ~is_small(values, min_count)
    states = np.where(values == 0, SHOWN, ROUNDED).astype(object)
    if not (is_small(values, min_count) | few).any():
        states[:] = SHOWN
    for part, own, hide in ((states, values, few), (states.T, values.T, few.T)):
        for line, (row, off) in enumerate(zip(own, hide, strict=True)):
            found = protect(row, hide=off, min_count=min_count).n
            closed = (found != SHOWN) & (found != ROUNDED)
            part[line, closed] = found[closed]
    words = [
        [count_text(value, state, min_count) for value, state in zip(*row, strict=True)]
        for row in zip(values, states, strict=True)
    ]
    return pd.DataFrame(words, index=counts.index, columns=counts.columns)


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
