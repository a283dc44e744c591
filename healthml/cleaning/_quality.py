"""One look at a table: what is missing, coded, impossible, mistyped or repeated, and where."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._core._contingency import chi_square_by_group, hide_small_groups
from healthml.cleaning import _column_roles as roles
from healthml.cleaning import _column_types as kinds
from healthml.cleaning import _computed as computed
from healthml.cleaning import _fill_screen as fill
from healthml.cleaning import _missing_code_screen as codes
from healthml.cleaning import _plausible_screen as plausible
from healthml.cleaning import _redundancy as redundancy
from healthml.cleaning import _row_order as order
from healthml.cleaning._quality_result import CODE_RULES, SUSPECTED_CODE_RULES, QualityReport
from healthml.cleaning._table_view import FOUND, TableView
from healthml.exceptions import InputError

_PLACED = (*CODE_RULES, *SUSPECTED_CODE_RULES, plausible.IMPOSSIBLE, plausible.NEGATIVE)
_TABLE_COLUMNS = {
    "column": str,
    "rule": str,
    "status": str,
    "n_cells": "int64",
    "share": float,
    "n_samples": "int64",
    "n_events": "Int64",
    "estimate": float,
    "lower": float,
    "upper": float,
    "related": str,
    "detail": str,
    "reviewed": str,
}


def quality_report(X, *, y=None, groups=None, site=None, time=None, schema=None):
    """Look at a table and say what is missing, coded, impossible, mistyped or repeated.

    Nothing is changed. "found" means the data show it, "suspected" that a person should look
    before acting, "note" that it may matter. Ranges are shipped facts that no clinician has
    reviewed yet; the column ``reviewed`` says so row by row.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        The table, pandas or polars.
    y : array-like of shape (n_samples,), default=None
        Outcome 0/1, to count events among flagged rows and to test the row order.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row.
    site, time : array-like of shape (n_samples,), default=None
        Site and time of each row, to say where codes pile up.
    schema : Schema, default=None
        Declared units, limits and missing codes take the place of the shipped facts.

    Returns
    -------
    QualityReport

    Raises
    ------
    InputError
        If the table is empty or lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.cleaning import quality_report
    >>> rng = np.random.default_rng(0)
    >>> sodium = rng.normal(138, 4, size=300).round()
    >>> sodium[::15] = -1
    >>> report = quality_report(pd.DataFrame({"sodium": sodium}))
    >>> report.table[["column", "rule", "n_cells"]].to_string(index=False, header=False)
    'sodium missing_code_number       20'
    """
    view = TableView(X, y=y, groups=groups, schema=schema)
    flags = [_placed(flag, view, site, time) for flag in _look(view)]
    masks = {(f.column, f.rule): f.mask for f in flags if f.mask is not None}
    evidence = {(f.column, f.rule): f.evidence for f in flags if f.evidence}
    return QualityReport(_tidy(flags, view), masks, evidence)


def _look(view):
    """Run every screen; cells explained as codes are left out of the later ones."""
    yield from kinds.screen_emptiness(view)
    coded = [*codes.screen_text_codes(view), *codes.screen_number_codes(view)]
    yield from coded
    explained, sure = {}, {}
    for flag in coded:
        explained[flag.column] = explained.get(flag.column, False) | flag.mask
        if flag.status == FOUND:
            sure[flag.column] = sure.get(flag.column, False) | flag.mask
    yield from plausible.screen_plausibility(view, explained)
    yield from kinds.screen_text_numbers(view)
    yield from kinds.screen_level_variants(view)
    yield from roles.screen_codes(view)
    identifiers = list(roles.screen_identifiers(view))
    yield from identifiers
    yield from roles.screen_probabilities(view)
    yield from roles.screen_future_counts(view)
    yield from fill.screen_constant_fill(view, explained)
    yield from _repeated(view, explained, {flag.column for flag in identifiers})
    yield from order.screen_row_order(view, sure)


def _repeated(view, explained, identifiers):
    """Find copies, then what the others compute, copies not counted among the others."""
    numeric = redundancy.numeric_columns(view, explained)
    numeric = {name: values for name, values in numeric.items() if name not in identifiers}
    rows = redundancy.sample_rows(view.n)
    partners = {}
    for (a, b), flag in redundancy.screen_pairs(view, numeric, rows):
        yield flag
        partners.setdefault(a, set()).add(b)
        partners.setdefault(b, set()).add(a)
    yield from computed.screen_computed(view, numeric, partners, rows)


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


def _tidy(flags, view):
    rows = [
        (
            f.column,
            f.rule,
            f.status,
            f.n_cells,
            f.n_cells / view.n,
            view.n,
            view.n_events(f.mask),
            f.estimate,
            f.lower,
            f.upper,
            f.related,
            f.detail,
            f.reviewed,
        )
        for f in flags
    ]
    table = pd.DataFrame(rows, columns=list(_TABLE_COLUMNS))
    table["n_events"] = pd.array(table["n_events"].tolist(), dtype="Int64")
    return table.astype(_TABLE_COLUMNS)
