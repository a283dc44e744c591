"""What cleaning did, cell by cell: columnar, cheap to keep, and enough to undo every change."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from healthml._core._release import count_text, is_small
from healthml._core._results import table_html, table_text
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError

CELL_COLUMNS = ["row", "column", "rule", "old", "new", "action", "severity", "evidence", "proposed"]
COUNT_COLUMNS = ["column", "rule", "action", "severity", "n_cells"]


@dataclass(frozen=True)
class Change:
    """Some cells of one column to which one rule applies."""

    column: object  # label of the column
    rule: str  # name of the rule, snake case ("missing_code", "decimal_comma")
    rows: np.ndarray  # positions of the rows, counted from 0
    # What the cells become, one value each; None leaves them as they are (a flag).
    new: object = None
    # "repaired": another value; "blanked": set to missing; "flagged": left, to be looked at.
    action: str = "repaired"
    # "error": this cannot be right; "verify": may be a real patient, a person should look; "note":
    # another way to write the same value.
    severity: str = "error"
    # Why, in words that hold no patient's value: limits, factors, sources, counts.
    evidence: str = ""
    old: object = None  # what the cells were; filled in when the change is applied
    # What a flagged cell would become, one value each, where that is inferred and not carried out
    # (``mode="propose"``).
    proposed: object = None

    @property
    def becomes(self):
        """What the cells become, carried out or only proposed; None for a mere flag."""
        return self.proposed if self.new is None else self.new


@dataclass(frozen=True)
class Retyped:
    """A whole column in another form: the same values under another dtype, or a new column."""

    column: object  # label of the column
    rule: str  # name of the rule ("number_from_text")
    values: pd.Series  # the column in its new form
    evidence: str = ""  # why, in words
    added: bool = False  # the column is a new one, placed after the others


@dataclass(repr=False)
class CleaningRecord:
    """Every cell that cleaning touched or flagged, and how to undo it.

    Made by the transformers of `healthml.cleaning` as their ``record_``. The table holds
    patients' values, so it stays with the data: printing the record shows counts only, and a
    pickled transformer leaves the cells behind.

    Parameters
    ----------
    index : pandas.Index
        Row labels of the table that was cleaned.
    steps : list of Change or Retyped
        What was done, in order.
    originals : dict
        Columns as they were before the first change.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import MissingCodes
    >>> sodium = pd.DataFrame({"sodium": ["138", "not done", "141", "136"]})
    >>> record = MissingCodes().fit(sodium).record_
    >>> record.counts()[["column", "rule", "action", "n_cells"]].values.tolist()
    [['sodium', 'missing_code_text', 'blanked', 1]]
    """

    index: pd.Index
    steps: list = field(default_factory=list)
    originals: dict = field(default_factory=dict)

    @property
    def n_rows(self):
        """Number of rows of the table that was cleaned."""
        return len(self.index)

    def to_frame(self):
        """Return one row per cell and rule: row, column, rule, old, new, action, severity, why.

        ``row`` is the row label; ``position`` counts from 0; ``proposed`` is what a flagged cell
        would become, where a rule says so. The values are patients' values.
        """
        parts = [self._part(step) for step in self.steps if isinstance(step, Change)]
        if not parts:
            empty = pd.DataFrame(columns=["position", *CELL_COLUMNS]).astype({"position": "int64"})
            return empty
        return pd.concat(parts, ignore_index=True)

    def columns(self):
        """Return one row per column that got another form: column, rule, dtypes, why."""
        rows = [
            (
                s.column,
                s.rule,
                "" if s.added else str(self.originals[s.column].dtype),
                str(s.values.dtype),
                s.evidence,
            )
            for s in self.steps
            if isinstance(s, Retyped)
        ]
        return pd.DataFrame(rows, columns=["column", "rule", "old_dtype", "new_dtype", "evidence"])

    def counts(self):
        """Return one row per column and rule: action, severity, cells and share of the rows."""
        return counts_table(count_cells(self.steps), self.n_rows)

    def rows_touched(self, *, severity=None, action=None, column=None):
        """Return which rows have a cell under the given severities, actions and column.

        Parameters
        ----------
        severity, action : str or sequence of str, default=None
            Kinds to count; None counts all.
        column : hashable, default=None
            Column to count; None counts all.

        Returns
        -------
        ndarray of bool
        """
        touched = np.zeros(self.n_rows, dtype=bool)
        for step in self.steps:
            if not isinstance(step, Change) or (column is not None and step.column != column):
                continue
            if _among(step.severity, severity) and _among(step.action, action):
                touched[step.rows] = True
        return touched

    def undo(self, X, rules=None):
        """Return a copy of a cleaned table with changes taken back, dtype included.

        Parameters
        ----------
        X : DataFrame
            The table that the transformer gave back, with the same rows in the same order.
        rules : str or sequence of str, default=None
            Rules to take back; None takes back all, which restores the table exactly. A cell
            returns to what it was before the first of these rules touched it; later changes of
            the same cell go with it. A rule that gave a column another form takes the whole
            column back.

        Returns
        -------
        DataFrame

        Raises
        ------
        InputError
            If the rows are not those of the record, or a rule did nothing here.
        """
        frame = to_pandas(X)
        if len(frame) != self.n_rows:
            raise InputError(
                f"X has {len(frame)} rows, the record {self.n_rows}; pass the table that "
                "`transform` gave back."
            )
        chosen = self._chosen(rules)
        added = [s.column for s in chosen if isinstance(s, Retyped) and s.added]
        frame = frame.drop(columns=[c for c in added if c in frame.columns])
        whole = {s.column for s in chosen if isinstance(s, Retyped) and not s.added}
        if rules is None:
            whole |= set(self.originals)
        for column in whole & set(frame.columns):
            frame[column] = _as_index(self.originals[column], frame.index)
        cells = [s for s in chosen if isinstance(s, Change) and s.new is not None]
        for step in reversed([s for s in cells if s.column not in whole]):
            if step.column in frame.columns:
                frame[step.column] = write_cells(frame[step.column], step.rows, step.old)
        for column in {s.column for s in cells} - whole:
            frame[column] = self._settled(column, frame[column])
        return frame

    def _settled(self, column, series):
        """Return the column in its first dtype where that holds all its values."""
        original = self.originals[column]
        if series.dtype == original.dtype:
            return series
        same = _as_index(original, series.index)
        equal = (series.astype(object) == same.astype(object)) | (series.isna() & same.isna())
        return same if equal.fillna(False).astype(bool).all() else series

    def _chosen(self, rules):
        if rules is None:
            return list(self.steps)
        rules = {rules} if isinstance(rules, str) else set(rules)
        noted = {step.rule for step in self.steps}
        if rules - noted:
            raise InputError(
                f"rules={sorted(rules - noted)!r} did nothing here; rules that did: "
                f"{', '.join(sorted(noted)) or 'none'}."
            )
        return [step for step in self.steps if step.rule in rules]

    def _part(self, step):
        return pd.DataFrame(
            {
                "position": step.rows,
                "row": self.index[step.rows],
                "column": step.column,
                "rule": step.rule,
                "old": pd.Series(list(step.old), dtype=object),
                "new": pd.Series(list(step.old if step.new is None else step.new), dtype=object),
                "action": step.action,
                "severity": step.severity,
                "evidence": step.evidence,
                "proposed": pd.Series(
                    [None] * len(step.rows) if step.proposed is None else list(step.proposed),
                    dtype=object,
                ),
            }
        )

    def __repr__(self):
        """Return the counts; no cell is shown."""
        table, n_cells = self.counts(), self.counts()["n_cells"]
        state = "rounded" if is_small(n_cells).any() and n_cells.sum() > 10 else None
        return (
            f"CleaningRecord of {self.n_rows:,} rows, "
            f"{count_text(n_cells.sum(), state)} cells\n{table_text(table, digits=4, na_rep='')}"
        )

    def _repr_html_(self):
        return table_html(self.counts(), digits=4, na_rep="")

    def __getstate__(self):
        """Leave the cells behind: a model that travels must not carry patients' values."""
        return {"index": pd.RangeIndex(0), "steps": [], "originals": {}}


def count_cells(steps):
    """Return [(column, rule, action, severity, cells)], each cell counted once, as found."""
    rows = {}
    for step in steps:
        if isinstance(step, Change):
            key = (str(step.column), step.rule, step.action, step.severity)
            rows.setdefault(key, []).append(step.rows)
    return [
        (*key, len(parts[0]) if len(parts) == 1 else len(np.unique(np.concatenate(parts))))
        for key, parts in rows.items()
    ]


def counts_table(cells, n_rows):
    """Return counted cells as a table, with the share of the rows."""
    table = pd.DataFrame(cells, columns=COUNT_COLUMNS).astype({"n_cells": "int64"})
    return table.assign(share=table["n_cells"] / max(n_rows, 1))


def write_cells(series, rows, values):
    """Return a copy of a column with some cells replaced, in the narrowest dtype that holds them.

    Integers become floats, or ``Int64`` where a float would lose digits; a category gains the
    levels it needs; text in a column of numbers makes it an object column.

    >>> write_cells(pd.Series([1, 2]), np.array([0]), [None]).tolist()
    [nan, 2.0]
    """
    values = pd.Series(values, dtype=None if len(values) else object)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.cat.add_categories(
            [v for v in values.dropna().unique() if v not in series.cat.categories]
        )
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "iub":
        series = _room_for(series, values)
    out = series.copy()
    try:
        out.iloc[rows] = _fitting(values, out.dtype)
    except (TypeError, ValueError):
        out = series.astype(object)
        out.iloc[rows] = values.astype(object).to_numpy()
    return out


def _room_for(series, values):
    """Return integers or booleans in a dtype that can hold the values."""
    if series.dtype.kind == "b":
        return series.astype("boolean" if values.map(_is_bool_or_missing).all() else object)
    number = pd.to_numeric(values, errors="coerce")
    exact = series.abs().max() <= 2**53 if len(series) else True
    if number.notna().sum() != values.notna().sum():
        return series.astype(object)
    whole = number.dropna().mod(1).eq(0).all()
    if values.notna().all() and whole:
        return series
    return series.astype(float) if exact or not whole else series.astype("Int64")


def _is_bool_or_missing(value):
    return isinstance(value, bool | np.bool_) or pd.isna(value)


def _fitting(values, dtype):
    if isinstance(dtype, np.dtype) and dtype.kind in "fiu":
        if not is_numeric_dtype(values.dtype) and values.map(lambda v: isinstance(v, str)).any():
            raise TypeError("text in a column of numbers")
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        return numbers.astype(dtype) if dtype.kind == "f" else numbers
    if dtype.kind == "O" and isinstance(dtype, np.dtype):
        return values.astype(object).where(values.notna(), np.nan).to_numpy()
    return pd.array(values.where(values.notna(), None).tolist(), dtype=dtype)


def _as_index(series, index):
    """Return a column under other row labels; a new Series would guess its dtype anew."""
    return series.set_axis(index)


def _among(value, wanted):
    if wanted is None:
        return True
    return value in ((wanted,) if isinstance(wanted, str) else wanted)


def perform(frame, step, record):
    """Carry out one step on a copy of a table and note it in the record.

    Columns are replaced, never edited; a change of no cell is passed over.
    """
    if isinstance(step, Retyped):
        if not step.added:
            record.originals.setdefault(step.column, frame[step.column])
        record.steps.append(step)
    elif len(step.rows) == 0:
        return
    else:
        series, rows = frame[step.column], np.asarray(step.rows, dtype=np.int64)
        record.steps.append(replace(step, rows=rows, old=series.iloc[rows].tolist()))
        if step.new is not None:
            record.originals.setdefault(step.column, series)
    write_step(frame, step)


def write_step(frame, step, *, proposals=False):
    """Write what one step changes into a copy of a table.

    Columns are replaced, never edited. With `proposals`, what a flagged cell would become is
    written as well.
    """
    if isinstance(step, Retyped):
        frame[step.column] = step.values.set_axis(frame.index)
        return
    values = step.becomes if proposals else step.new
    if values is not None and len(step.rows):
        frame[step.column] = write_cells(frame[step.column], np.asarray(step.rows), values)
