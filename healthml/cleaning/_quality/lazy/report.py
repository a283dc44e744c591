"""The quality report of a lazy table: counted columns, a bounded sample, exact counts last."""

from dataclasses import replace

import narwhals as nw

from healthml.cleaning._columns import FOUND, SUSPECTED, TableView
from healthml.cleaning._quality.lazy.cells import conditions
from healthml.cleaning._quality.lazy.columns import counted_columns
from healthml.cleaning._quality.lazy.keys import date_order_flags, repeated_identifiers
from healthml.cleaning._quality.lazy.places import count_places, count_rows, period_key
from healthml.cleaning._quality.lazy.table import read_roles
from healthml.cleaning._quality.places import group_name
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
from healthml.cleaning._quality.table import not_assessed, tidy


class LazyView:
    """What the column screens need of a table: its columns and its length."""

    y = groups = None

    def __init__(self, table, columns):
        self.n, self.columns = table.n, columns


def lazy_report(table, schema, given):
    """Return the quality report of a lazy table; see `quality_report`."""
    told = read_roles(table, schema, given)
    sample = table.sample
    columns = counted_columns(table, sample, schema)
    by_name = {column.name: column for column in columns}
    flags = list(_columns_judged(LazyView(table, columns), schema))
    found = conditions(table, flags, by_name)
    ordered, order_conditions = date_order_flags(table, by_name)
    again, unread = repeated_identifiers(table, by_name)
    counted, events = count_rows(table, [*found, *order_conditions], told.event)
    flags, found = [*flags, *ordered], [*found, *order_conditions]
    present = [k for k, flag in enumerate(flags) if counted[k] != 0 or not flag.n_cells]
    flags = [_exact(flag, n) for flag, n in zip(flags, counted, strict=True)]
    flags, found, events = ([x[k] for k in present] for x in (flags, found, events))
    view = TableView(sample, y=told.sampled_y(sample), groups=told.sampled_groups(sample))
    beside = [
        _of_sample(flag, table, len(sample))
        for flag in _side_by_side(view, by_name, flags, table.is_whole)
    ]
    events += [view.n_events(flag.mask) if table.is_whole else None for flag in beside]
    every = [*flags, *beside, *again]
    unread += _not_read(table, sample)
    return QualityReport(
        tidy(every, table.n, [*events, *[None] * len(again)]),
        evidence={(f.column, f.rule): f.evidence for f in every if f.evidence},
        **_by_place(table, flags, found, told),
        not_assessed=not_assessed(told.y is None, told.groups is None, schema is None, unread),
    )


def _columns_judged(view, schema):
    """Run the screens that look at one column at a time, as the report of rows does."""
    yield from declared.screen_declared(view, schema)
    yield from storage.screen_emptiness(view)
    coded = [*codes.screen_text_codes(view), *codes.screen_number_codes(view)]
    yield from coded
    explained = _explained(coded)
    yield from plausible.screen_plausibility(view, explained)
    for screen in (
        storage.screen_text_numbers,
        storage.screen_level_variants,
        storage.screen_level_synonyms,
        dates.screen_date_columns,
    ):
        yield from screen(view)
    yield from fill.screen_constant_fill(view, explained)


def _explained(coded):
    explained = {}
    for flag in coded:
        explained[flag.column] = explained.get(flag.column, False) | flag.mask
    return explained


def _exact(flag, n):
    """Return a flag with its cells counted in the table; an estimate says that it is one."""
    if flag.mask is None:
        return flag
    if n is None:
        return replace(flag, detail=f"{flag.detail}; number of cells estimated from a sample")
    return replace(flag, n_cells=n)


def _side_by_side(view, columns, flags, whole):
    """Run the screens that need rows side by side on the sampled rows."""
    coded = [f for f in flags if f.rule in (*CODE_RULES, *SUSPECTED_CODE_RULES)]
    explained, sure = {}, {}
    for flag in coded:
        rows = columns[flag.column].flagged_rows(flag.mask)
        explained[flag.column] = explained.get(flag.column, False) | rows
        if flag.status == FOUND:
            sure[flag.column] = sure.get(flag.column, False) | rows
    identifiers = list(roles.screen_identifiers(view))
    yield from identifiers
    if whole:
        names = {flag.column for flag in identifiers if flag.rule != roles.SORTED}
        yield from keys.screen_duplicate_rows(view, names)
    yield from roles.screen_codes(view)
    yield from roles.screen_probabilities(view)
    yield from roles.screen_future_counts(view)
    names = {flag.column for flag in identifiers}
    yield from computed.screen_repeated(view, explained, names)
    yield from order.screen_row_order(view, sure)


def _of_sample(flag, table, n_sampled):
    """Return a flag seen in a sample: never more than suspected, its cells scaled to the table."""
    if table.is_whole:
        return flag
    status = SUSPECTED if flag.status == FOUND else flag.status
    n_cells = round(flag.n_cells * table.n / n_sampled)
    detail = f"{flag.detail}; in a sample of {n_sampled:,} rows"
    return replace(flag, status=status, mask=None, n_cells=n_cells, detail=detail)


def _not_read(table, sample):
    """List what was left out, and why."""
    rows = [
        (name, "", "a kind of column that is not read: neither numbers, text nor dates")
        for name in table.columns
        if name not in sample
    ]
    if not table.is_whole:
        why = "needs every row side by side; the table is not loaded"
        rows.append(("", keys.DUPLICATE_ROWS, why))
    return rows


def _by_place(table, flags, found, told):
    placed = {}
    if told.site is not None:
        key = nw.col(told.site)
        placed["by_site"] = count_places(table, flags, found, key, group_name, told.groups)
    if told.time is not None:
        key, label = period_key(table, told.time, table.sample[told.time])
        placed["by_time"] = count_places(table, flags, found, key, label, told.groups)
    return placed
