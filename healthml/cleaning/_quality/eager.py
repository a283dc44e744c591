"""The quality report of a table in memory: the cleaner's steps, then what no step answers."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event
from healthml._core._contingency import chi_square_by_group, hide_small_groups
from healthml._core._tables import role_series, to_pandas
from healthml.cleaning._cleaner import look
from healthml.cleaning._columns import FOUND, TableView
from healthml.cleaning._quality.findings import (
    CODE_RULES,
    PLACED,
    SUSPECTED_CODE_RULES,
    flags_of_steps,
)
from healthml.cleaning._quality.places import count_by_group, read_groups, read_periods
from healthml.cleaning._quality.result import QualityReport
from healthml.cleaning._quality.screens import (
    computed,
    declared,
    emptiness,
    fills,
    keys,
    negatives,
    roles,
    row_order,
)
from healthml.cleaning._quality.table import RoleColumn, name_roles, not_assessed, tidy
from healthml.exceptions import InputError

# A place is named beside a finding where its cells are spread unevenly: a chi-square p-value below
# 0.001 and a Cramer's V of at least 0.1, "small" after Cohen (1988). Chosen by judgement, not by
# simulation; lower values would name a place beside every rule of a large table.
UNEVEN_P, UNEVEN_V = 0.001, 0.1
MOST_PARTS = 20  # runs of equal size into which a time with many values is cut


def eager_report(X, schema, roles, *, places=True):
    """Return the quality report of a table in memory; see `quality_report`.

    Without `places` the cells are not counted by site and period: to hide small counts in such a
    table costs more than all else where there are a hundred sites.
    """
    view, roles = read_view(X, schema, roles)
    site, time = roles["site"], roles["time"]
    flags, seen = look_at(view, schema, site)
    flags = [_placed(flag, view, site, time) for flag in flags]
    masks = {(f.column, f.rule): f.mask for f in flags if f.mask is not None}
    evidence = {(f.column, f.rule): f.evidence for f in flags if f.evidence}
    events = [view.n_events(flag.mask) for flag in flags]
    return QualityReport(
        tidy(flags, view.n, events),
        masks,
        evidence,
        **(_by_place(flags, view, site, time) if places else {}),
        not_assessed=not_assessed(view.y is None, view.groups is None, schema is None),
        look=seen,
    )


def read_view(X, schema, roles):
    """Return the view of a table and its roles as arrays; declared roles fill in."""
    frame = to_pandas(X)
    check_alignment(X=frame, **roles)
    columns = {str(c): c for c in frame.columns}
    if len(columns) < frame.shape[1]:
        raise InputError("two columns of X have names that read alike as text; rename one.")
    roles = name_roles(roles, schema, list(columns))
    for role, given in roles.items():
        if isinstance(given, RoleColumn):
            values = frame[columns[given.name]]
            whole = not (given.declared and values.isna().any())
            roles[role] = values if whole or role in ("site", "time") else None
    for role in ("site", "time"):
        values = roles[role]
        if values is not None:
            values = role_series(values, role)
        if values is not None and len(values) != len(frame):
            raise InputError(
                f"{role} has {len(values)} values for {len(frame)} rows; pass one for each row."
            )
    if isinstance(y := roles["y"], pd.Series) and schema is not None and schema.event is not None:
        roles["y"] = check_event(y, event=schema.event, name="the outcome")[1]
    return TableView(frame, y=roles["y"], groups=roles["groups"], schema=schema), roles


def look_at(view, schema, site):
    """Return the flags of a table, and the `CleanerLook` that they word.

    Cells explained as codes for missing values are left out of the screens.
    """
    seen = look(view.frame, schema, site=site)
    acted = list(flags_of_steps(seen.steps, view, seen.cleaner))
    explained, sure = explained_cells(acted)
    flags = [
        *declared.screen_declared(view, schema),
        *emptiness.screen_emptiness(view),
        *acted,
        *negatives.screen_negatives(view, explained),
        *roles.screen_codes(view),
    ]
    flags += fills.screen_constant_fill(view, explained)
    flags += side_by_side(view, explained, sure)
    return flags, seen


def side_by_side(view, explained, sure, *, whole=True):
    """Yield what only rows side by side show: keys, copies of columns, the order of the file.

    `whole`: all rows are there, not a sample, so that equal ones can be told.
    """
    identifiers = list(roles.screen_identifiers(view))
    yield from identifiers
    if whole:
        names = {flag.column for flag in identifiers if flag.rule != roles.SORTED}
        yield from keys.screen_duplicate_rows(view, names)
        yield from keys.screen_repeated_identifiers(view)
    yield from roles.screen_probabilities(view)
    yield from roles.screen_future_counts(view)
    names = {flag.column for flag in identifiers}
    yield from computed.screen_repeated(view, explained, names)
    yield from row_order.screen_row_order(view, sure)


def explained_cells(flags):
    """Return the cells that stand for missing by column: all, and those that surely do."""
    explained, sure = {}, {}
    for flag in flags:
        if flag.rule in (*CODE_RULES, *SUSPECTED_CODE_RULES):
            explained[flag.column] = explained.get(flag.column, False) | flag.mask
            if flag.status == FOUND:
                sure[flag.column] = sure.get(flag.column, False) | flag.mask
    return explained, sure


def _by_place(flags, view, site, time):
    """Count the flagged cells by site and by period."""
    placed, counted = {}, [flag for flag in flags if flag.mask is not None]
    for name, values, read in (("site", site, read_groups), ("time", time, read_periods)):
        if values is not None:
            codes, labels = read(values, view.n, name)
            placed[f"by_{name}"] = count_by_group(counted, codes, labels, view.groups)
    return placed


def _placed(flag, view, site, time):
    """Add to codes and odd values where they pile up, by site and by time."""
    if flag.rule not in PLACED:
        return flag
    where, words = {}, []
    for name, values in (("site", site), ("time", time)):
        if values is None:
            continue
        parts = _parts(values, name)
        shares, p_value, v = chi_square_by_group(parts, flag.mask[:, None])
        shown = np.unique(hide_small_groups(parts, view.groups))
        if p_value[0] < UNEVEN_P and v[0] >= UNEVEN_V:
            where[name] = {"cramers_v": float(v[0]), "p_value": float(p_value[0])}
            shares = shares[shown[shown >= 0], 0]
            if len(shares):
                words.append(f"{shares.min():.0%} to {shares.max():.0%} by {name}")
            else:
                words.append(f"uneven by {name}")
    if not where:
        return flag
    detail = f"{flag.detail}; {', '.join(words)}"
    return replace(flag, detail=detail, evidence={**flag.evidence, "where": where})


def _parts(values, name):
    """Return sites as they are, and times with many values in runs of equal size."""
    series = pd.Series(np.asarray(values)) if not isinstance(values, pd.Series) else values
    codes, levels = pd.factorize(series, sort=name == "time")
    if name == "time" and len(levels) > MOST_PARTS:
        codes = np.where(codes < 0, -1, codes * MOST_PARTS // len(levels))
    return codes
