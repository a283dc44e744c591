"""The steps of cleaning taken one after the other on a copy, each with its record.

The transformers run in the order of `ClinicalCleaner`. Nothing is handed on but records: whoever
asks what a repair changes writes its cells into the table as it is, and nothing else.
"""

from dataclasses import dataclass

import pandas as pd

from healthml.cleaning._categories import CategoryNormalizer, renamed_levels
from healthml.cleaning._cross_field import CrossFieldCheck
from healthml.cleaning._lab_values import LabValueParser
from healthml.cleaning._plausible import DecimalSlips
from healthml.cleaning._record import Change, write_cells
from healthml.cleaning._units import UnitHarmonizer

_SITE = "__site__"
_CODES = ("missing_code_number", "missing_code_text")


@dataclass(frozen=True)
class Repairs:
    """What each step of cleaning would change; made by `find_repairs`.

    Parameters
    ----------
    records : dict of str to CleaningRecord or None
        By step: "results", "levels", "units", "slips", "fields".
    levels : DataFrame
        The table with one writing for each level.
    closed : frozenset of str
        Columns whose levels are a closed list.
    unit_proposals : DataFrame
        What the harmonizer of units proposes.
    """

    records: dict
    levels: pd.DataFrame
    closed: frozenset
    unit_proposals: pd.DataFrame

    def counts(self, step, *rules):
        """Return cells by column and rule of one step, for these rules (all without any)."""
        record = self.records[step]
        if record is None:
            return pd.DataFrame({"column": [], "rule": [], "n_cells": [], "severity": []})
        counts = record.counts()
        return counts[counts["rule"].isin(rules)] if rules else counts

    def renamed(self, time):
        """Return levels that end at a time when others begin in their place."""
        return [] if time is None else renamed_levels(self.levels, time)

    def one_name(self, renamed):
        """Return the changes that give a level its later name, where one became one other."""
        changes = []
        for pair in renamed:
            if len(pair.old) == len(pair.new) == 1:
                column = self.levels[pair.column]
                rows = column.eq(pair.old[0]).fillna(False).to_numpy(bool).nonzero()[0]
                new = pd.Series([pair.new[0]] * len(rows), dtype=object).to_numpy()
                changes.append(Change(str(pair.column), "renamed", rows, new))
        return changes

    def repaired(self, step, table, columns, extra=()):
        """Return a table with the cells of one step repaired, or None where none would be.

        Parameters
        ----------
        step : str
            Whose repairs are written.
        table : DataFrame
            The table as it is.
        columns : list
            Columns of `table` that may change.
        extra : sequence of Change
            Repairs beside those of the step.
        """
        record, names = self.records[step], {str(c): c for c in columns}
        found = [] if record is None else [s for s in record.steps if isinstance(s, Change)]
        changes = [s for s in [*found, *extra] if s.column in names and _acts(s)]
        if not changes:
            return None
        table = table.copy(deep=False)
        for change in changes:
            column = names[change.column]
            new = [None] * len(change.rows) if change.new is None else change.new
            table[column] = write_cells(table[column], change.rows, new)
        return table


def _acts(step):
    """Say whether a step repairs its cells, or knows only that they are wrong (made missing)."""
    return step.new is not None or step.severity == "error"


def find_repairs(X, report, *, schema=None, site=None):
    """Run the steps of cleaning on a copy of the table.

    Parameters
    ----------
    X : DataFrame
        The table.
    report : QualityReport
        Of the same table: which cells are known codes, which columns are numbers written as text.
    schema : Schema, optional
        What is declared of the columns.
    site : ndarray, optional
        Site of each row: units are compared site by site.

    Returns
    -------
    Repairs
    """
    frame = _without_codes(X, report)
    frame, results = _parsed(frame, report, schema)
    step = CategoryNormalizer(schema=_fitting(schema, frame))
    levels = frame = step.fit_transform(frame)
    closed = frozenset(c for c, kind in step.kinds_.items() if kind == "closed")
    records = {"results": results, "levels": step.record_}
    frame, records["units"], proposals = _harmonized(frame, schema, site)
    for name, kind in (("slips", DecimalSlips), ("fields", CrossFieldCheck)):
        step = kind(schema=_fitting(schema, frame), mode="apply")
        frame = step.fit_transform(frame)
        records[name] = step.record_
    return Repairs(records, levels, closed, proposals)


def _without_codes(frame, report):
    """Return the table with known codes made missing and names of columns as text."""
    for row in report.select(*_CODES).itertuples():
        frame = report.repaired(frame, row.column, row.rule)
    return frame.set_axis([str(c) for c in frame.columns], axis=1)


def _parsed(frame, report, schema):
    """Return the table with results written as text read as numbers, and the record."""
    texts = set(report.select("numbers_as_text")["column"])
    columns = [c for c in frame.columns if c in texts]
    if not columns:
        return frame, None
    parser = LabValueParser(schema=_fitting(schema, frame))
    frame = frame.copy(deep=False)
    frame[columns] = parser.fit_transform(frame[columns])[columns]
    return frame, parser.record_


def _harmonized(frame, schema, site):
    by = None
    if site is not None:
        frame, by = frame.assign(**{_SITE: site}), _SITE
    step = UnitHarmonizer(schema=_fitting(schema, frame), by=by, mode="apply")
    frame = step.fit_transform(frame).drop(columns=[_SITE], errors="ignore")
    return frame, step.record_, step.proposals_


def _fitting(schema, frame):
    """Return the declared schema, where the table has the column of its site."""
    site = getattr(schema, "site", None)
    return schema if site is None or site in frame.columns else None
