"""The steps of cleaning as an audit takes them, and what their repairs change.

The transformers run one after the other on a copy of the table, as `ClinicalCleaner` runs them.
What a repair changes is measured on the table with these cells repaired and nothing else.
"""

import pandas as pd

from healthml._core._findings import NOTE, Finding
from healthml.cleaning import (
    CategoryNormalizer,
    CrossFieldCheck,
    DecimalSlips,
    LabValueParser,
    UnitHarmonizer,
)
from healthml.cleaning._record import Change, write_cells
from healthml.reporting._checks.look import auc_effect, base_columns, compare_variant, graded

_SITE = "__site__"
_CODES = ("missing_code_number", "missing_code_text")


def records(case):
    """Return the record of each step of cleaning, computed once.

    Returns
    -------
    dict of str to CleaningRecord
        "results", "levels", "units", "slips", "fields". The table with one writing for each
        level stands in ``case.cache["levels"]``, its categories in ``["closed"]``, and what the
        harmonizer proposes in ``["unit_proposals"]``.
    """
    if "cleaning" in case.cache:
        return case.cache["cleaning"]
    frame, done = _prepared(case), {}
    frame, done["results"] = _parsed(case, frame)
    step = CategoryNormalizer(schema=_schema(case, frame))
    frame = step.fit_transform(frame)
    done["levels"] = step.record_
    case.cache["levels"] = frame
    case.cache["closed"] = {c for c, kind in step.kinds_.items() if kind == "closed"}
    frame, done["units"] = _harmonized(case, frame)
    for name, kind in (("slips", DecimalSlips), ("fields", CrossFieldCheck)):
        step = kind(schema=_schema(case, frame), mode="apply")
        frame = step.fit_transform(frame)
        done[name] = step.record_
    case.cache["cleaning"] = done
    return done


def _prepared(case):
    """Return the table with known codes made missing and names of columns as text."""
    frame, report = case.X, case.cache["quality"]
    for row in report.select(*_CODES).itertuples():
        frame = report.repaired(frame, row.column, row.rule)
    return frame.set_axis([str(c) for c in frame.columns], axis=1)


def _parsed(case, frame):
    """Return the table with results written as text read as numbers, and the record."""
    texts = set(case.cache["quality"].select("numbers_as_text")["column"])
    columns = [c for c in frame.columns if c in texts]
    if not columns:
        return frame, None
    parser = LabValueParser(schema=_schema(case, frame))
    frame = frame.copy(deep=False)
    frame[columns] = parser.fit_transform(frame[columns])[columns]
    return frame, parser.record_


def _harmonized(case, frame):
    by = None
    if case.roles.site is not None:
        frame, by = frame.assign(**{_SITE: case.roles.site}), _SITE
    step = UnitHarmonizer(schema=_schema(case, frame), by=by, mode="apply")
    frame = step.fit_transform(frame).drop(columns=[_SITE], errors="ignore")
    case.cache["unit_proposals"] = step.proposals_
    return frame, step.record_


def _schema(case, frame):
    """Return the declared schema, where the table has the column of its site."""
    site = getattr(case.schema, "site", None)
    return case.schema if site is None or site in frame.columns else None


def counts_of(record, *rules):
    """Return cells by column and rule, for these rules."""
    if record is None:
        return pd.DataFrame({"column": [], "rule": [], "n_cells": [], "severity": []})
    counts = record.counts()
    return counts[counts["rule"].isin(rules)]


def measured(
    case, code, record, label, title, evidence, remedy, columns, *, changes=(), cause_known=True
):
    """Return a finding graded by the AUC that the mistake costs, or a note without a refit."""
    base = {str(c): c for c in base_columns(case)}
    steps = [] if record is None else [s for s in record.steps if isinstance(s, Change)]
    steps = [s for s in [*steps, *changes] if s.column in base and _acts(s)]
    if not case.refit or not steps:
        return Finding(code, NOTE, title, evidence, remedy, columns=tuple(columns))
    table = case.table.copy(deep=False)
    for step in steps:
        column = base[step.column]
        new = [None] * len(step.rows) if step.new is None else step.new
        table[column] = write_cells(table[column], step.rows, new)
    (change, low, high), _, _ = compare_variant(case, table[base_columns(case)], label=label)
    effect = auc_effect(case, -change, -high, -low, f"AUC with {label} minus AUC as it is")
    return graded(
        case, code, effect, title, evidence, remedy, columns=columns, cause_known=cause_known
    )


def _acts(step):
    """Say whether a step repairs its cells, or knows only that they are wrong (made missing)."""
    return step.new is not None or step.severity == "error"
