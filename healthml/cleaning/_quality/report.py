"""One look at a table: what is missing, coded, impossible, mistyped or repeated, and where."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event
from healthml._core._contingency import chi_square_by_group, hide_small_groups
from healthml._core._tables import to_pandas
from healthml.cleaning._columns import FOUND, TableView
from healthml.cleaning._quality.lazy.report import lazy_report
from healthml.cleaning._quality.lazy.table import lazy_table
from healthml.cleaning._quality.places import count_by_group, read_groups, read_periods
from healthml.cleaning._quality.result import CODE_RULES, SUSPECTED_CODE_RULES, QualityReport
from healthml.cleaning._quality.screens import (
    computed,
    dates,
    declared,
    keys,
    plausible,
    roles,
    storage,
)
from healthml.cleaning._quality.screens import fills as fill
from healthml.cleaning._quality.screens import missing_codes as codes
from healthml.cleaning._quality.screens import row_order as order
from healthml.cleaning._quality.table import RoleColumn, name_roles, not_assessed, tidy
from healthml.exceptions import InputError

_PLACED = (*CODE_RULES, *SUSPECTED_CODE_RULES, plausible.IMPOSSIBLE, plausible.NEGATIVE)


def quality_report(X, schema=None, *, y=None, groups=None, site=None, time=None):
    """Look at a table and say what is missing, coded, impossible, mistyped or repeated.

    Nothing is changed. "found" means the data show it, "suspected" that a person should look
    before acting, "note" that it may matter. Ranges are shipped facts that no clinician has
    reviewed yet; the column ``reviewed`` says so row by row. Every row stands in the terms of
    Kahn et al. [1]_ and, where OHDSI's DataQualityDashboard [2]_ has the same check, under its
    name.

    A lazy table (polars LazyFrame, DuckDB relation, Spark DataFrame, or another that narwhals
    reads lazily) is never loaded: its columns are judged by the same rules from aggregate queries,
    and what needs the rows side by side is judged on about 50,000 of them, spread over the table,
    which the detail then says. What was not looked at is listed in ``not_assessed``.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table: pandas, polars, or lazy.
    schema : Schema, default=None
        Declared units, limits, missing codes and vocabulary take the place of the shipped facts;
        declared roles are used where the argument of that name is not given.
    y : array-like of shape (n_samples,) or str, default=None
        Outcome 0/1, to count events among flagged rows and to test the row order; or the name of
        its column in `X`.
    groups : array-like of shape (n_samples,) or str, default=None
        Patient of each row, or the name of that column.
    site, time : array-like of shape (n_samples,) or str, default=None
        Site and time of each row, or the name of that column: every rule about cells is counted
        by site and by period, groups of fewer than 11 patients hidden.

    Returns
    -------
    QualityReport

    Raises
    ------
    InputError
        If the table is empty, lengths differ, or a named column is not there; for a lazy table
        also if a role is an array.

    References
    ----------
    .. [1] Kahn MG, Callahan TJ, Barnard J, et al. A harmonized data quality assessment
       terminology and framework for the secondary use of electronic health record data. eGEMs.
       2016;4(1):18.
    .. [2] Blacketer C, Defalco FJ, Ryan PB, Rijnbeek PR. Increasing trust in real-world evidence
       through evaluation of observational data quality. J Am Med Inform Assoc.
       2021;28:2251-2257.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import quality_report
    >>> rng = np.random.default_rng(0)
    >>> sodium = rng.normal(138, 4, size=300).round()
    >>> sodium[::15] = -1
    >>> report = quality_report(pd.DataFrame({"sodium": sodium}))
    >>> report.table[["column", "rule", "n_cells", "category"]].to_string(index=False, header=False)
    'sodium missing_code_number       20 completeness'
    """
    lazy = lazy_table(X)
    roles = {"y": y, "groups": groups, "site": site, "time": time}
    if lazy is not None:
        return lazy_report(lazy, schema, roles)
    view, roles = _read(X, schema, roles)
    flags = [_placed(flag, view, roles["site"], roles["time"]) for flag in _look(view, schema)]
    masks = {(f.column, f.rule): f.mask for f in flags if f.mask is not None}
    evidence = {(f.column, f.rule): f.evidence for f in flags if f.evidence}
    events = [view.n_events(flag.mask) for flag in flags]
    return QualityReport(
        tidy(flags, view.n, events),
        masks,
        evidence,
        **_by_place(flags, view, roles["site"], roles["time"]),
        not_assessed=not_assessed(view.y is None, view.groups is None, schema is None),
    )


def _read(X, schema, roles):
    """Return the view of a table and its roles as arrays; declared roles fill in."""
    frame = to_pandas(X)
    check_alignment(X=frame, **roles)
    roles = name_roles(roles, schema, [str(c) for c in frame.columns])
    columns = dict(zip((str(c) for c in frame.columns), frame.columns, strict=True))
    for role, given in roles.items():
        if isinstance(given, RoleColumn):
            values = frame[columns[given.name]]
            whole = not (given.declared and values.isna().any())
            roles[role] = values if whole or role in ("site", "time") else None
    if isinstance(y := roles["y"], pd.Series) and schema is not None and schema.event is not None:
        roles["y"] = check_event(y, event=schema.event, name="the outcome")[1]
    return TableView(frame, y=roles["y"], groups=roles["groups"], schema=schema), roles


def _by_place(flags, view, site, time):
    """Count the flagged cells by site and by period."""
    placed, counted = {}, [flag for flag in flags if flag.mask is not None]
    for name, values, read in (("site", site, read_groups), ("time", time, read_periods)):
        if values is not None:
            codes_, labels = read(values, view.n, name)
            placed[f"by_{name}"] = count_by_group(counted, codes_, labels, view.groups)
    return placed


def _look(view, schema):
    """Run every screen; cells explained as codes are left out of the later ones."""
    yield from declared.screen_declared(view, schema)
    yield from storage.screen_emptiness(view)
    coded = [*codes.screen_text_codes(view), *codes.screen_number_codes(view)]
    yield from coded
    explained, sure = {}, {}
    for flag in coded:
        explained[flag.column] = explained.get(flag.column, False) | flag.mask
        if flag.status == FOUND:
            sure[flag.column] = sure.get(flag.column, False) | flag.mask
    yield from plausible.screen_plausibility(view, explained)
    yield from storage.screen_text_numbers(view)
    yield from storage.screen_level_variants(view)
    yield from storage.screen_level_synonyms(view)
    yield from dates.screen_date_columns(view)
    yield from dates.screen_date_order(view)
    yield from roles.screen_codes(view)
    identifiers = list(roles.screen_identifiers(view))
    yield from identifiers
    names = {flag.column for flag in identifiers if flag.rule != roles.SORTED}
    yield from keys.screen_duplicate_rows(view, names)
    yield from keys.screen_repeated_identifiers(view)
    yield from roles.screen_probabilities(view)
    yield from roles.screen_future_counts(view)
    yield from fill.screen_constant_fill(view, explained)
    names = {flag.column for flag in identifiers}
    yield from computed.screen_repeated(view, explained, names)
    yield from order.screen_row_order(view, sure)


def _placed(flag, view, site, time):
    """Add to codes and odd values where they pile up, by site and by time."""
    if flag.rule not in _PLACED:
        return flag
    where, words = {}, []
    for name, values in (("site", site), ("time", time)):
        if values is None:
            continue
        parts = _parts(values, view.n, name)
        shares, p_value, v = chi_square_by_group(parts, flag.mask[:, None])
        shown = np.unique(hide_small_groups(parts, view.groups))
        if p_value[0] < 0.001 and v[0] >= 0.1:
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


def _parts(values, n, name, most=20):
    """Return sites as they are, and times with many values in runs of equal size."""
    series = pd.Series(np.asarray(values)) if not isinstance(values, pd.Series) else values
    if len(series) != n:
        raise InputError(f"{name} has {len(series)} values for {n} rows; pass one for each row.")
    codes_, levels = pd.factorize(series, sort=name == "time")
    if name == "time" and len(levels) > most:
        codes_ = np.where(codes_ < 0, -1, codes_ * most // len(levels))
    return codes_
