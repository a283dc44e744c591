"""The one shape of every answer: a tidy table, a sentence, a picture, a machine-readable form."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from healthml._core._release import is_rounded, release_table

WITHHELD = "Figures left out would tell a count of 1 to 10."
"""What stands below a table of which figures are not written."""


@dataclass(frozen=True, repr=False)
class Result:
    """Base of all results: frozen, with a tidy table and the ways to look at it.

    In memory the tables keep every count. What is printed, shown in a notebook or written as JSON
    goes through `release_table`: counts of 1 to 10 are hidden, and what would tell them is rounded.

    Parameters
    ----------
    table : pandas.DataFrame
        Tidy table with a plain index; always the same columns and types for a kind of result.
    """

    table: pd.DataFrame

    def to_frame(self):
        """Return a copy of the tidy table."""
        return self.table.copy()

    def summary(self):
        """Return the table as plain text, rounded for reading."""
        return table_text(self.table)

    def to_json(self, *, indent=None):
        """Return the result as JSON text; missing numbers and hidden counts become null."""
        return json.dumps(plain(self), indent=indent)

    def _drawn(self):
        """Return the table as it may be drawn."""
        return release_table(self.table)

    def __repr__(self):
        """Return the plain-text table."""
        return f"{type(self).__name__}\n{self.summary()}"

    def _repr_html_(self):
        return table_html(self.table)


def table_text(table, columns=None, *, linked=(), digits=3, **options):
    """Return a table as plain text, with small counts hidden; options are those of `to_string`.

    Parameters
    ----------
    table : pandas.DataFrame
        The whole table, with its counts, even where they are not printed.
    columns : list, default=None
        Columns to print; None prints all.
    linked : sequence of pandas.DataFrame, default=()
        Tables that are shown together with it.
    digits : int, default=3
        Digits of numbers, at most.
    **options
        Passed to `pandas.DataFrame.to_string`.
    """
    written = _written(table, columns, linked, digits)
    text = written.to_string(**({"index": False} | options))
    return f"{text}\n{WITHHELD}" if _withholds(table, written) else text


def table_html(table, columns=None, *, linked=(), digits=3, **options):
    """Return a table as HTML, with small counts hidden; see `table_text`."""
    written = _written(table, columns, linked, digits)
    html = written.to_html(**({"index": False, "border": 0} | options))
    return f"{html}<p>{WITHHELD}</p>" if _withholds(table, written) else html


def _withholds(table, written):
    """Say whether a figure of a named row is left out although the table has it."""
    if len(table) != len(written) or not is_rounded(written):
        return False
    names = [name for name in ("estimate", "corrected", "lower") if name in written.columns]
    return any((written[n].isna().to_numpy() & table[n].notna().to_numpy()).any() for n in names)


def _written(table, columns, linked, digits):
    table = release_table(table, linked=linked, as_text=True)
    columns = list(table.columns if columns is None else columns)
    if is_rounded(table):
        return written_figures(table, columns, digits)
    return table[columns].round(digits)


def written_figures(table, columns, digits=3):
    """Return a table with each figure in its own digits, so that 0.3 does not look like 0.300."""
    table = table[columns].copy()
    for name in table.columns[[pd.api.types.is_float_dtype(kind) for kind in table.dtypes]]:
        table[name] = [_figure(value, digits) for value in table[name].round(digits)]
    return table


def _figure(value, digits):
    if not np.isfinite(value):
        return value
    return np.format_float_positional(value + 0.0, precision=digits, trim="0")


def plain(value, linked=()):
    """Turn results, tables and numpy values into what JSON can hold; small counts are hidden.

    `linked` are tables that leave together, so that none tells what another hides.
    """
    if isinstance(value, pd.DataFrame):
        records = release_table(value, linked=linked).to_dict(orient="records")
        return [{str(k): plain(v) for k, v in row.items()} for row in records]
    if isinstance(value, pd.Series | pd.Index | np.ndarray):
        return [plain(item) for item in value.tolist()]
    if hasattr(value, "_to_write"):  # counts in other forms than a column of them
        value = value._to_write()
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        parts = {field.name: getattr(value, field.name) for field in fields(value)}
        tables = [part for part in parts.values() if isinstance(part, pd.DataFrame)]
        return {name: plain(part, [*linked, *tables]) for name, part in parts.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "get_params"):  # an estimator holds more than a result should write
        return type(value).__name__
    return _plain_scalar(value)


def _plain_scalar(value):
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)
