"""Flows of patients: those who leave at each step and those who stay make up a whole."""

import numpy as np
import pandas as pd

from healthml._core._release.suppression import (
    HIDDEN,
    MIN_COUNT,
    ROUNDED,
    SECOND,
    SHOWN,
    is_small,
    protect,
)
from healthml._core._release.words import count_number, count_text

FLOW = {"step", "n_left_out", "n_samples"}
"""Columns of a flow."""
# what leaves at each step of a flow, and what remains of the same
_FLOWING = {
    "n_patients_left_out": "n_patients",
    "n_left_out": "n_samples",
    "n_events_left_out": "n_events",
}


def release_flow(table, min_count, as_text):
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
    for name, column_states in states.items():
        values = [
            write(v, state, min_count) for v, state in zip(table[name], column_states, strict=True)
        ]
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
    leaving_states = protect(parts, own, hide=hide, min_count=min_count).n
    rest, out = np.full(len(table), SHOWN, dtype=object), np.full(len(table), SHOWN, dtype=object)
    if (leaving_states != SHOWN).any():  # sums on the way would tell what leaves at one step
        rest[known] = SECOND
        first = HIDDEN if is_small(remaining[known[0]], min_count) else ROUNDED
        rest[known[remaining[known] == remaining[known[0]]]] = first
        rest[known[remaining[known] == remaining[known[-1]]]] = leaving_states[-1]
        out[known[1:]] = leaving_states[:-1]
    return {staying: rest, **({leaving: out} if leaving in table.columns else {})}


def _leaving(remaining):
    """Return how many leave at each step, and at last those who stay."""
    return np.append(-np.diff(remaining), remaining[-1])


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
    steps = release_flow(flow, min_count, as_text=True)[flow["n_left_out"].to_numpy() > 0]
    is_exact = steps["n_left_out"].map(lambda text: str(text)[0].isdigit()).all()
    state = None if is_exact or is_small(total, min_count) else ROUNDED
    words = "; ".join(f"{row.step}: {row.n_left_out}" for row in steps.itertuples())
    return count_text(total, state, min_count), words
