"""The one shape of every answer: a tidy table, a sentence, a picture, a machine-readable form."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd


@dataclass(frozen=True, repr=False)
class Result:
    """Base of all results: frozen, with a tidy table and the ways to look at it.

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
        return self.table.round(3).to_string(index=False)

    def to_json(self, *, indent=None):
        """Return the result as JSON text; missing numbers become null."""
        return json.dumps(plain(self), indent=indent)

    def __repr__(self):
        """Return the plain-text table."""
        return f"{type(self).__name__}\n{self.summary()}"

    def _repr_html_(self):
        return self.table.round(3).to_html(index=False, border=0)


def plain(value):
    """Turn results, tables and numpy values into what JSON can hold."""
    if isinstance(value, pd.DataFrame):
        return [
            {str(k): plain(v) for k, v in row.items()} for row in value.to_dict(orient="records")
        ]
    if isinstance(value, pd.Series | pd.Index | np.ndarray):
        return [plain(item) for item in value.tolist()]
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
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
