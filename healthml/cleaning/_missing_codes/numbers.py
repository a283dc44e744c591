"""What the training rows teach about the numbers of a column that stand for missing."""

import numpy as np
import pandas as pd

from healthml._core._knowledge import column_concept, is_number_code
from healthml.cleaning._columns import FOUND, STOPS, TableView, variables_of
from healthml.cleaning._missing_codes.number_codes import SPIKE
from healthml.cleaning._missing_codes.sentinels import judge_numbers

ROUNDS = 3  # a code that hid another is taken away before the column is judged again
LEAST = 20  # numbers from which a range is learnt
FAR = 1.0  # a known code further outside than the training values spread is a new code
_PEEK = 10_000  # values by which is decided whether sorting or hashing counts faster


def learn_numbers(columns, schema):
    """Return what decides over the numbers of each column, and the codes that were judged.

    By column: ``codes`` (they become missing), ``asked`` (may be real), ``stop`` (zero is judged by
    the row's other vital signs), ``zero_asked`` (and may be real), ``seen``, ``ends`` (beyond them
    a known code is new) and ``concept``; then rows of (column, code, decision, reason, cells).
    """
    variables = variables_of(schema)
    looked = {c: v for c, v in columns.items() if _is_worth_a_look(c, v, variables.get(c))}
    views, judged = _judge(looked, schema)
    learnt, rows = {}, []
    for name, values in columns.items():
        if name not in looked:
            learnt[name] = _without_codes(values)
            continue
        view, verdicts = views[name], judged.get(str(name), {})
        learnt[name] = _learnt(view, verdicts)
        unique, counts = view.unique
        for code, (status, reason) in sorted(verdicts.items()):
            decision = "blank" if status == FOUND else "verify"
            rows.append((name, f"{code:g}", decision, reason, int(counts[unique == code].sum())))
    return learnt, rows


def new_codes(values, learnt):
    """Return cells with a known code that training did not have, impossible or far outside."""
    low, high = learnt["ends"]
    outside = ((values < low) | (values > high)) & np.isfinite(values)
    if outside.any():
        odd = values[outside]
        outside[outside] = is_number_code(odd) & ~np.isin(odd, learnt["seen"])
    return outside


def _ends(low, high, hard):
    """Return the values beyond which a known code that training did not have is a new code."""
    spread = FAR * max(high - low, 0.0)
    if not np.isfinite(spread):
        return hard
    least = max(low - spread, 0.0) if low >= 0 else low - spread
    return max(least, hard[0]), min(high + spread, hard[1])


def _is_worth_a_look(name, values, variable):
    """Say whether a column can hold a code: a known one, a repeated end, or a named measurement."""
    if variable is not None or column_concept(name) is not None:
        return True
    finite = values[np.isfinite(values)]
    if is_number_code(finite).any():
        return True
    if not len(finite):
        return False
    return max((finite == finite.min()).sum(), (finite == finite.max()).sum()) >= SPIKE


def _judge(columns, schema):
    """Return views and verdicts; columns are judged again without the codes that were found."""
    first, verdicts = {}, {}
    for _ in range(ROUNDS if columns else 0):
        table = _view(columns, schema)
        views = dict(zip(columns, table.columns, strict=True))
        first = first or views
        fresh = {}
        for name, judged in judge_numbers(table).items():
            known = verdicts.setdefault(name, {})
            fresh[name] = [c for c, (s, _) in judged.items() if s == FOUND and c not in known]
            verdicts[name] = {**judged, **known}
        columns = {
            c: np.where(np.isin(v, fresh[str(c)]), np.nan, v)
            for c, v in columns.items()
            if fresh.get(str(c))
        }
        if not columns:
            break
    return first, verdicts


def _view(columns, schema):
    table = TableView(pd.DataFrame(columns, copy=False), schema=schema)
    for column in table.columns:
        column.unique = _counted(column.finite)
    return table


def _counted(values):
    """Return sorted distinct values and counts; by hashing where values repeat."""
    if len(values) <= _PEEK or len(np.unique(values[:_PEEK])) > _PEEK / 2:
        return np.unique(values, return_counts=True)
    codes, unique = pd.factorize(values)
    order = np.argsort(unique)
    return unique[order], np.bincount(codes, minlength=len(unique))[order]


def _learnt(column, judged):
    sure = sorted(code for code, (status, _) in judged.items() if status == FOUND)
    asked = sorted(code for code, (status, _) in judged.items() if status != FOUND)
    values = column.unique[0]
    values = values[~np.isin(values, [*sure, *asked])]
    concept = column.concept["name"] if column.concept else None
    stops = concept in STOPS
    enough = len(values) > 1 and len(column.finite) >= LEAST
    low, high = (float(values[0]), float(values[-1])) if enough else (-np.inf, np.inf)
    return {
        "codes": tuple(c for c in sure if not (c == 0 and stops)),
        "asked": tuple(c for c in asked if not (c == 0 and stops)),
        "stop": stops and 0.0 in sure,
        "zero_asked": stops and 0.0 in asked,
        "seen": column.codes_present,
        "ends": _ends(low, high, _hard_limits(column)),
        "concept": concept,
    }


def _without_codes(values):
    finite = values[np.isfinite(values)]
    enough = len(finite) >= LEAST and finite.min() < finite.max()
    low, high = (float(finite.min()), float(finite.max())) if enough else (-np.inf, np.inf)
    return {
        "codes": (),
        "asked": (),
        "stop": False,
        "zero_asked": False,
        "seen": np.empty(0),
        "ends": _ends(low, high, (-np.inf, np.inf)),
        "concept": None,
    }


def _hard_limits(column):
    """Return limits outside of which a value is impossible in every unit that fits."""
    low, high = column.declared.get("low"), column.declared.get("high")
    if low is not None or high is not None:
        return (-np.inf if low is None else float(low), np.inf if high is None else float(high))
    if not column.concept:
        return -np.inf, np.inf
    ends = [
        [(limit - offset) / factor for limit in column.concept["hard"]]
        for _, factor, offset in column.concept["agreeing"]
    ]
    return min(e[0] for e in ends), max(e[1] for e in ends)
