"""The table of a quality report, the roles it was told, and what it could not look at."""

from dataclasses import dataclass

import pandas as pd

from healthml.cleaning._quality.findings import rule_of
from healthml.cleaning._quality.kahn import place_of
from healthml.cleaning._quality.screens.declared import (
    ABSENT,
    OUTSIDE_VOCABULARY,
    REQUIRED,
    WRONG_KIND,
)
from healthml.cleaning._quality.screens.roles import FUTURE_COUNT
from healthml.cleaning._quality.screens.row_order import ORDER_OUTCOME
from healthml.exceptions import InputError

TABLE_COLUMNS = {
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
    "category": str,
    "subcategory": str,
    "context": str,
    "dqd_check": str,
}
_DECLARED_AS = {"y": "outcome", "groups": "patient", "site": "site", "time": "time"}


@dataclass(frozen=True)
class RoleColumn:
    """A role that is a column of the table, named by the user or declared in a schema."""

    name: str
    declared: bool


def tidy(flags, n_samples, n_events):
    """Return flags as the table of a report."""
    rows = [
        (
            *(f.column, f.rule, f.status, f.n_cells, f.n_cells / n_samples, n_samples, events),
            *(f.estimate, f.lower, f.upper, f.related, f.detail, f.reviewed, *_place(f)),
        )
        for f, events in zip(flags, n_events, strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(TABLE_COLUMNS))
    table["n_events"] = pd.array(table["n_events"].tolist(), dtype="Int64")
    return table.astype(TABLE_COLUMNS)


def _place(flag):
    return place_of(rule_of(flag.rule).place, flag.evidence)


def name_roles(roles, schema, columns):
    """Return the roles, a column's name as `RoleColumn`; declared roles fill in those not given.

    Declared roles fill in those not given.
    """
    named = {}
    for role, given in roles.items():
        declared = getattr(schema, _DECLARED_AS[role], None)
        if isinstance(given, str):
            if given not in columns:
                raise InputError(
                    f"{role} names a column that the table does not have; pass one of its "
                    f"{len(columns)} columns, or one value for each row."
                )
            given = RoleColumn(given, declared=False)
        elif given is None and declared is not None and str(declared) in columns:
            given = RoleColumn(str(declared), declared=True)
        named[role] = given
    return named


def not_assessed(no_outcome, no_patients, no_schema, more=()):
    """Return what was not looked at and why, one row per rule.

    >>> not_assessed(False, True, False)["rule"].tolist()
    ['future_count']
    """
    rows = [("", ORDER_OUTCOME, "no outcome is given (y)")] if no_outcome else []
    if no_patients:
        rows.append(("", FUTURE_COUNT, "the patient of each row is not given (groups)"))
    if no_schema:
        declared = (ABSENT, WRONG_KIND, REQUIRED, OUTSIDE_VOCABULARY)
        rows += [("", rule, "nothing is declared (schema)") for rule in declared]
    return pd.DataFrame([*rows, *more], columns=["column", "rule", "reason"], dtype=str)


def nothing_left_out():
    """Return the empty table of what was not looked at."""
    return not_assessed(False, False, False)
