"""The quality report of a lazy table: a bounded sample to learn from, exact counts last."""

from dataclasses import replace

import narwhals as nw
import pandas as pd

from healthml.cleaning._cleaner import look
from healthml.cleaning._columns import FOUND, SUSPECTED, TableView
from healthml.cleaning._quality.eager import eager_report, explained_cells, side_by_side
from healthml.cleaning._quality.findings import flags_of_steps
from healthml.cleaning._quality.lazy.cells import conditions
from healthml.cleaning._quality.lazy.columns import counted_columns
from healthml.cleaning._quality.lazy.keys import date_order_flags, repeated_identifiers
from healthml.cleaning._quality.lazy.places import count_places, count_rows, period_key
from healthml.cleaning._quality.lazy.table import read_roles
from healthml.cleaning._quality.lazy.values import ROW_STEPS, flags_of_values, judged_by_rows
from healthml.cleaning._quality.places import group_name
from healthml.cleaning._quality.result import QualityReport
from healthml.cleaning._quality.screens import declared, emptiness, fills, keys, negatives, roles
from healthml.cleaning._quality.table import not_assessed, tidy


class LazyView:
    """What the column screens need of a table: its columns and its length."""

    y = groups = None

    def __init__(self, table, columns):
        self.n, self.columns = table.n, columns


def lazy_report(table, schema, given):
    """Return the quality report of a lazy table; see `quality_report`."""
    if table.is_whole:
        return _report_of_rows(table, schema, given)
    chosen = read_roles(table, schema, given)
    sample = table.sample
    view = TableView(sample, y=chosen.sampled_y(sample), groups=chosen.sampled_groups(sample))
    site = None if chosen.site is None else sample[chosen.site]
    seen = look(sample, schema, site=site)
    cleaner, steps = seen.cleaner, seen.steps
    columns = counted_columns(table, sample, schema)
    by_name = {column.name: column for column in columns}
    flags = _flags_of_columns(LazyView(table, columns), schema, cleaner, steps, sample)
    row_conditions = conditions(table, flags, by_name)
    ordered, order_conditions = date_order_flags(table, by_name, cleaner.steps_["dates"])
    again, unread = repeated_identifiers(table, by_name)
    flags, row_conditions = [*flags, *ordered], [*row_conditions, *order_conditions]
    counted, events = count_rows(table, row_conditions, chosen.event)
    kept = [k for k, flag in enumerate(flags) if counted[k] != 0 or not flag.n_cells]
    flags = [_exact(flag, n) for flag, n in zip(flags, counted, strict=True)]
    flags, row_conditions, events = ([x[k] for k in kept] for x in (flags, row_conditions, events))
    beside = list(_of_rows(view, cleaner, steps, flags, by_name))
    beside = [_of_sample(flag, table, len(sample)) for flag in beside]
    every = [*flags, *beside, *again]
    unread += _not_read(table)
    return QualityReport(
        tidy(every, table.n, [*events, *[None] * (len(beside) + len(again))]),
        evidence={(f.column, f.rule): f.evidence for f in every if f.evidence},
        **_by_place(table, flags, row_conditions, chosen),
        not_assessed=not_assessed(chosen.y is None, chosen.groups is None, schema is None, unread),
    )


def _report_of_rows(table, schema, given):
    """Return the report of a table small enough to be looked at like any other."""
    read_roles(table, schema, given)  # refuses arrays as roles
    report = eager_report(table.sample, schema, given)
    unread = pd.DataFrame(_unreadable(table), columns=report.not_assessed.columns, dtype=str)
    parts = [part for part in (report.not_assessed, unread) if len(part)]
    missing = pd.concat(parts, ignore_index=True) if parts else report.not_assessed
    return replace(report, masks={}, look=None, not_assessed=missing)


def _flags_of_columns(view, schema, cleaner, steps, sample):
    """Return what the values of single columns show, judged by the steps learnt on the sample."""
    acted = list(flags_of_values(cleaner, steps, view.columns, sample))
    explained, _ = explained_cells(acted)
    return [
        *declared.screen_declared(view, schema),
        *emptiness.screen_emptiness(view),
        *acted,
        *negatives.screen_negatives(view, explained),
        *fills.screen_constant_fill(view, explained),
    ]


def _of_rows(view, cleaner, steps, flags, columns):
    """Yield what only rows side by side show, from the sampled rows."""
    yield from flags_of_steps(judged_by_rows(steps), view, cleaner)
    seen = [f for f in flags if f.mask is not None and f.column in columns]
    rows = [replace(f, mask=columns[f.column].flagged_rows(f.mask)) for f in seen]
    explained, sure = explained_cells(rows)
    yield from side_by_side(view, explained, sure, whole=False)
    yield from roles.screen_codes(view)


def _exact(flag, n):
    """Return a flag with its cells counted in the table; an estimate says that it is one."""
    if flag.mask is None:
        return flag
    if n is None:
        return replace(flag, detail=f"{flag.detail}; number of cells estimated from a sample")
    return replace(flag, n_cells=n)


def _of_sample(flag, table, n_sampled):
    """Return a flag seen in a sample: never more than suspected, its cells scaled to the table."""
    status = SUSPECTED if flag.status == FOUND else flag.status
    n_cells = round(flag.n_cells * table.n / n_sampled)
    detail = f"{flag.detail}; in a sample of {n_sampled:,} rows"
    return replace(flag, status=status, mask=None, n_cells=n_cells, detail=detail)


def _unreadable(table):
    why = "a kind of column that is not read: neither numbers, text nor dates"
    return [(name, "", why) for name in table.columns if name not in table.sample]


def _not_read(table):
    """List what was left out, and why."""
    why = "needs every row side by side; the table is not loaded"
    few = f"judged on {len(table.sample):,} rows: what stands in fewer rows may be missed"
    rows = [(step.replace("_", " "), few) for step in ROW_STEPS]
    return [*_unreadable(table), ("", keys.DUPLICATE_ROWS, why), *(("", *row) for row in rows)]


def _by_place(table, flags, row_conditions, chosen):
    placed = {}
    if chosen.site is not None:
        key = nw.col(chosen.site)
        placed["by_site"] = count_places(
            table, flags, row_conditions, key, group_name, chosen.groups
        )
    if chosen.time is not None:
        key, label = period_key(table, chosen.time, table.sample[chosen.time])
        placed["by_time"] = count_places(table, flags, row_conditions, key, label, chosen.groups)
    return placed
