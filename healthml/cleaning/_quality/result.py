"""The result of a look at a table, and the repairs that it can make on a copy."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._release import is_small
from healthml._core._results import Result, plain, table_text
from healthml._core._tables import to_pandas
from healthml.cleaning._cleaner import CleanerLook
from healthml.cleaning._quality.findings import (
    CODE_RULES,
    SUSPECTED_CODE_RULES,
    is_number_code,
    rule_of,
)
from healthml.cleaning._quality.html import plot_report, released, report_fragment, report_page
from healthml.cleaning._quality.places import no_places, without_small
from healthml.cleaning._quality.screens.emptiness import ALL_MISSING, MISSING
from healthml.cleaning._quality.table import nothing_left_out
from healthml.cleaning._record import Retyped, write_cells
from healthml.exceptions import InputError


@dataclass(frozen=True, repr=False)
class QualityReport(Result):
    """What `quality_report` saw, one row per column and rule.

    Parameters
    ----------
    table : pandas.DataFrame
        ``column`` ("" for the whole table), ``rule``, ``status`` ("found", "suspected", "note"),
        ``n_cells`` and ``share`` of all rows, ``n_samples``, ``n_events`` among flagged rows,
        ``estimate`` with ``lower`` and ``upper`` where the rule measures something (Cramer's V,
        rank correlation, R squared, AUC), ``related`` column, ``detail`` in words, ``reviewed``;
        ``category``, ``subcategory`` and ``context`` after Kahn, ``dqd_check`` after OHDSI.
    masks : dict of (str, str) to ndarray
        ``masks[(column, rule)]``: boolean, the cells concerned, for rules about cells; empty for
        a lazy table.
    evidence : dict of (str, str) to dict
        What a program may want to know besides: codes and counts, limits, units, shapes.
    by_site, by_time : pandas.DataFrame
        ``column``, ``rule``, ``group``, ``n_samples``, ``n_cells``, ``share`` for every rule
        about cells; ``hidden`` where the group has fewer than 11 patients, or would tell such a
        group's counts.
    not_assessed : pandas.DataFrame
        ``column`` ("" for all), ``rule``, ``reason``.
    look : CleanerLook or None
        What `ClinicalCleaner` would do, cell by cell: it holds patients' values, stays out of JSON
        and pages, and pickling leaves it behind. None for a lazy table.
    """

    masks: dict = field(default_factory=dict)
    evidence: dict = field(default_factory=dict)
    by_site: pd.DataFrame = field(default_factory=no_places)
    by_time: pd.DataFrame = field(default_factory=no_places)
    not_assessed: pd.DataFrame = field(default_factory=nothing_left_out)
    look: CleanerLook | None = None

    def summary(self):
        """Return the table as plain text, small counts hidden."""
        return table_text(released(self.table, as_text=True), na_rep="")

    def to_json(self, *, indent=None):
        """Return the table and the evidence as JSON text; the cells themselves stay out."""
        evidence = [
            {"column": column, "rule": rule, **facts}
            for (column, rule), facts in self.evidence.items()
        ]
        parts = {
            "table": released(self.table),
            "evidence": [_released_evidence(facts) for facts in evidence],
            "by_site": without_small(self.by_site),
            "by_time": without_small(self.by_time),
            "not_assessed": self.not_assessed,
        }
        return json.dumps(plain(parts), indent=indent)

    def select(self, *rules, status=None):
        """Return the rows of the table for some rules, and for one status.

        Parameters
        ----------
        *rules : str
            Rules to keep; none means all.
        status : {"found", "suspected", "note"}, default=None
            Status to keep; None means all.

        Returns
        -------
        pandas.DataFrame
        """
        kept = self.table
        if rules:
            kept = kept[kept["rule"].isin(rules)]
        if status:
            kept = kept[kept["status"] == status]
        return kept.reset_index(drop=True)

    def select_codes(self, kind):
        """Return the rows about codes for missing values, sure and suspected.

        Parameters
        ----------
        kind : {"number", "text"}
            Codes that are numbers, or words.

        Returns
        -------
        pandas.DataFrame
        """
        rows = self.select(*CODE_RULES, *SUSPECTED_CODE_RULES)
        is_number = [
            is_number_code(rule, self.evidence.get((column, rule), {}))
            for column, rule in zip(rows["column"], rows["rule"], strict=True)
        ]
        kept = np.array(is_number, dtype=bool) == (kind == "number")
        return rows[kept].reset_index(drop=True)

    def missing_mask(self, X, *, suspected=False):
        """Return which cells are missing, codes for missing values included.

        Parameters
        ----------
        X : DataFrame
            The table that was looked at.
        suspected : bool, default=False
            Count suspected codes as missing too.

        Returns
        -------
        pandas.DataFrame
            Boolean, the shape of `X`.
        """
        frame = self._same_rows(X)
        rules = (MISSING, ALL_MISSING, *CODE_RULES)
        rules += SUSPECTED_CODE_RULES if suspected else ()
        missing = frame.isna().to_numpy().copy()
        for i, column in enumerate(frame.columns):
            for rule in rules:
                missing[:, i] |= self.masks.get((str(column), rule), False)
        return pd.DataFrame(missing, index=frame.index, columns=frame.columns)

    def repaired(self, X, column, rule):
        """Return a copy of the table with one thing repaired; the rest is untouched.

        Flagged cells become missing (codes, impossible values, fill-ins) or what the cleaner
        would make of them (another unit converted, spellings merged, "5,1" read as 5.1), codes
        become text, and columns that should not be features are dropped.

        Parameters
        ----------
        X : DataFrame
            The table that was looked at.
        column : str
            Column to repair.
        rule : str
            A rule of this report that has a repair.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        InputError
            If the report has no such row, or the rule has no repair.
        """
        frame = self._same_rows(X)
        action = self._action(column, rule)
        names = [str(name) for name in frame.columns]
        if column not in names:
            raise InputError(f"X has no column {column!r}; pass the table that was looked at.")
        name = frame.columns[names.index(column)]
        if action == "drop":
            return frame.drop(columns=name)
        frame = frame.copy(deep=False)
        if action == "record":
            frame[name] = self._as_recorded(frame[name], rule)
        elif action == "text":
            frame[name] = frame[name].astype("Int64").astype(str).mask(frame[name].isna())
        else:
            mask = self.masks.get((column, rule))
            frame[name] = write_cells(frame[name], np.flatnonzero(mask), [None] * int(mask.sum()))
        return frame

    def _action(self, column, rule):
        if not (self.table["column"].eq(column) & self.table["rule"].eq(rule)).any():
            raise InputError(
                f"The report has no row for column {column!r} and rule {rule!r}; take both from "
                "its table."
            )
        action = rule_of(rule).repair
        if not action or (action == "record" and not self._recorded(column, rule)):
            raise InputError(f"Rule {rule!r} has no repair: it is there to be looked into.")
        return action

    def _recorded(self, column, rule):
        """Return what the record would make of the cells of a column under a rule."""
        steps = [] if self.look is None else self.look.record.steps
        steps = [s for s in steps if str(s.column) == column and s.rule == rule]
        return [s for s in steps if isinstance(s, Retyped) or s.becomes is not None]

    def _as_recorded(self, series, rule):
        for step in self._recorded(str(series.name), rule):
            if isinstance(step, Retyped):
                return step.values.set_axis(series.index)
            series = write_cells(series, step.rows, step.becomes)
        return series

    def _same_rows(self, X):
        frame = to_pandas(X)
        n_samples = int(self.table["n_samples"].iloc[0]) if len(self.table) else len(frame)
        if len(frame) != n_samples:
            raise InputError(
                f"X has {len(frame)} rows, the report looked at {n_samples}; pass that table."
            )
        return frame

    def plot(self, kind="rules", ax=None):
        """Draw the report.

        Parameters
        ----------
        kind : {"rules", "site", "time"}, default="rules"
            A heat map of columns by rules; or how the rules of a report run over sites or periods.
        ax : matplotlib axes, default=None
            Axes to draw on; a new figure when None.

        Returns
        -------
        matplotlib axes

        Raises
        ------
        InputError
            If `kind` is unknown, or the report was made without that role.
        """
        return plot_report(self, kind, ax)

    def to_html(self, path=None):
        """Return the report as one self-contained page, or write it.

        Parameters
        ----------
        path : path-like, default=None
            File to write; None returns the page only.

        Returns
        -------
        str
            The page; nothing in it is loaded from anywhere.
        """
        return report_page(self, path)

    def _repr_html_(self):
        return report_fragment(self)


_COUNTS = ("codes", "shapes")  # facts that are counts by what was found


def _released_evidence(evidence):
    """Return the facts of a rule; where one of its counts is small, all are left out.

    Counts are n_... and the values of "codes" and "shapes": they add up to cells that are shown.
    """
    if not isinstance(evidence, dict):
        return evidence
    counts = [n for key, n in evidence.items() if str(key).startswith("n_")]
    counts += [n for key in _COUNTS for n in dict(evidence.get(key) or {}).values()]
    is_few = any(isinstance(n, int) and is_small(n) for n in counts)
    out = {}
    for key, value in evidence.items():
        is_count = str(key).startswith("n_")
        is_hidden = is_few and is_count and isinstance(value, int)
        if is_few and key in _COUNTS and value:
            out[key] = dict.fromkeys(value)
        else:
            out[key] = None if is_hidden else _released_evidence(value)
    return out
