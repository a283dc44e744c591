"""The result of a look at a table, and the repairs that it can make on a copy."""

import json
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd

from healthml._core._results import Result, plain
from healthml._core._tables import to_pandas
from healthml.cleaning._columns import ColumnView, level_spellings, read_numbers
from healthml.cleaning._quality.html import plot_report, report_fragment, report_page
from healthml.cleaning._quality.places import no_places
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
from healthml.cleaning._quality.screens import redundant as redundancy
from healthml.cleaning._quality.screens import row_order as order
from healthml.cleaning._quality.table import nothing_left_out
from healthml.exceptions import InputError

# rule -> (what a repair does, what the rule says)
RULES = MappingProxyType(
    {
        storage.MISSING: ("", "cells without a value"),
        storage.ALL_MISSING: ("drop", "no value at all"),
        storage.CONSTANT: ("drop", "one value only"),
        storage.NEAR_CONSTANT: ("drop", "one value in more than 99.9 % of the cells"),
        codes.TEXT: ("blank", "a word that means missing"),
        codes.TEXT_SUSPECTED: ("blank", "a word that may mean missing or be an answer"),
        codes.NUMBER: ("blank", "a number that stands for missing"),
        codes.NUMBER_SUSPECTED: ("blank", "a number that may stand for missing"),
        plausible.INFINITE: ("blank", "infinite numbers"),
        plausible.IMPOSSIBLE: ("blank", "outside what a living person can have"),
        plausible.VERIFY: ("", "unusual: verify, never delete unseen"),
        plausible.NEGATIVE: ("", "a few negative values beside many zeros"),
        storage.NUMBERS_AS_TEXT: ("number", "numbers stored as text"),
        storage.LEVEL_VARIANTS: ("merge", "levels that differ by case or space only"),
        storage.LEVEL_SYNONYMS: ("", "one answer in several words"),
        dates.DATE_FORMATS: ("", "dates in several formats"),
        dates.NO_SUCH_DAY: ("", "days that no calendar has"),
        dates.START_AFTER_END: ("", "the end lies before the start"),
        dates.BEFORE_BIRTH: ("", "before the patient's birth"),
        dates.AFTER_DEATH: ("", "after the patient's death"),
        keys.DUPLICATE_ROWS: ("", "rows equal to an earlier row"),
        keys.REPEATED_IDENTIFIER: ("", "an identifier occurs again"),
        declared.ABSENT: ("", "declared, and not in the table"),
        declared.WRONG_KIND: ("", "not of the declared kind"),
        declared.REQUIRED: ("", "a row without its patient, site, time or outcome"),
        declared.OUTSIDE_VOCABULARY: ("", "not in the declared vocabulary"),
        roles.CODE: ("text", "whole numbers that may be labels"),
        roles.IDENTIFIER: ("drop", "a different number in every row"),
        roles.ROW_NUMBER: ("drop", "the place of the row in the file"),
        roles.UNIQUE_TEXT: ("drop", "names or free text"),
        roles.SORTED: ("", "the rows are sorted by this column"),
        roles.PROBABILITY: ("drop", "may be another model's risk"),
        roles.FUTURE_COUNT: ("drop", "counts the patient's rows of this file, later ones too"),
        fill.CONSTANT_FILL: ("blank", "one value far too often: perhaps filled in"),
        redundancy.EQUAL: ("drop", "the same as another column"),
        redundancy.FILLED: ("blank", "a copy of another column with its gaps filled"),
        redundancy.LINEAR: ("drop", "another column in another unit"),
        redundancy.NEAR: ("drop", "almost the same order as another column"),
        redundancy.NESTED: ("drop", "follows from another column's levels"),
        computed.COMPUTED: ("drop", "nearly determined by the other columns"),
        order.ORDER_OUTCOME: ("", "the event rate depends on the place in the file"),
        order.ORDER_MISSING: ("", "what is missing depends on the place in the file"),
    }
)
CODE_RULES = (codes.TEXT, codes.NUMBER)
SUSPECTED_CODE_RULES = (codes.TEXT_SUSPECTED, codes.NUMBER_SUSPECTED)


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
    """

    masks: dict = field(default_factory=dict)
    evidence: dict = field(default_factory=dict)
    by_site: pd.DataFrame = field(default_factory=no_places)
    by_time: pd.DataFrame = field(default_factory=no_places)
    not_assessed: pd.DataFrame = field(default_factory=nothing_left_out)

    def to_json(self, *, indent=None):
        """Return the table and the evidence as JSON text; the cells themselves stay out."""
        evidence = [
            {"column": column, "rule": rule, **found}
            for (column, rule), found in self.evidence.items()
        ]
        told = {
            "table": self.table,
            "evidence": evidence,
            "by_site": self.by_site,
            "by_time": self.by_time,
            "not_assessed": self.not_assessed,
        }
        return json.dumps(plain(told), indent=indent)

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
        rules = (storage.MISSING, storage.ALL_MISSING, *CODE_RULES)
        rules += SUSPECTED_CODE_RULES if suspected else ()
        gone = frame.isna().to_numpy().copy()
        for i, column in enumerate(frame.columns):
            for rule in rules:
                gone[:, i] |= self.masks.get((str(column), rule), False)
        return pd.DataFrame(gone, index=frame.index, columns=frame.columns)

    def repaired(self, X, column, rule):
        """Return a copy of the table with one thing repaired; the rest is untouched.

        Flagged cells become missing (codes, impossible values, fill-ins), text becomes numbers
        ("> 89" becomes 89, "5,1" becomes 5.1, words become missing), spellings are merged, codes
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
        frame = frame.copy()
        frame[name] = _repair(frame[name], action, self.masks.get((column, rule)))
        return frame

    def _action(self, column, rule):
        if not (self.table["column"].eq(column) & self.table["rule"].eq(rule)).any():
            raise InputError(
                f"The report has no row for column {column!r} and rule {rule!r}; take both from "
                "its table."
            )
        if not RULES[rule][0]:
            raise InputError(f"Rule {rule!r} has no repair: it is there to be looked into.")
        return RULES[rule][0]

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


def _repair(series, action, mask):
    view = ColumnView(series)
    if action == "blank":
        return series.mask(mask)
    if action == "number":
        return pd.Series(read_numbers(view), index=series.index, name=series.name)
    if action == "text":
        text = series.astype("Int64").astype(str)
        return text.mask(series.isna())
    return _merge_spellings(view)


def _merge_spellings(view):
    merged = np.array([*level_spellings(view), None], dtype=object)
    return pd.Series(merged[view.level_codes], index=view.series.index, name=view.series.name)
