"""What is known of each explained cell: its value, its unit, and how it came to be."""

import numpy as np
import pandas as pd

from healthml._core._knowledge import match_concept, unit_in_name
from healthml._core._tables import parse_numbers
from healthml.cleaning import LabValueParser, parse_lab_value
from healthml.explanation._reading import pipeline_parts

MEASURED, IMPUTED, OUT, BELOW, MISSING = (
    "measured",
    "imputed",
    "out of range",
    "below detection",
    "missing",
)
# From the most to the least trusted; a group of columns has the status of its worst cell
STATUSES = (MEASURED, OUT, BELOW, IMPUTED, MISSING)


def cell_statuses(rows, background, fills, schema=None):
    """Return the status of each cell as positions in `STATUSES`.

    Parameters
    ----------
    rows, background : DataFrame
        Explained rows and the rows that they are compared with.
    fills : ndarray of bool of shape (n_samples, n_columns)
        Whether something fills in a missing cell before the model reads it.
    schema : Schema, optional
        Its hard limits say what is out of range; the background's own range does otherwise.

    Returns
    -------
    ndarray of int of shape (n_samples, n_columns)
    """
    status = np.zeros(rows.shape, dtype=int)
    results = _typed_results(rows, background, schema)
    for k, name in enumerate(rows.columns):
        column, other = results.get(name, (rows[name], background[name]))
        missing = rows[name].isna().to_numpy()
        below = np.zeros(len(rows), bool)
        if name in results:
            below = rows[name].map(_is_below).to_numpy(dtype=bool)
        out = _outside(column, other, _limits(schema, name)) & ~missing & ~below
        filled = np.where(fills[:, k], STATUSES.index(IMPUTED), STATUSES.index(MISSING))
        status[:, k] = np.select(
            [missing, below, out], [filled, STATUSES.index(BELOW), STATUSES.index(OUT)], 0
        )
    return status


def _typed_results(rows, background, schema):
    """Return {column: both tables' numbers} of columns of results as text, such as "<0.5".

    Words such as "below knee" or age bands such as "<30" are levels of a category, no results.
    """
    texts = [c for c in background if pd.api.types.is_string_dtype(background[c].dtype)]
    if not texts or not rows.columns.is_unique:
        return {}
    parser = LabValueParser(schema).fit(background[texts])
    other, own = parser.transform(background[texts]), parser.transform(rows[texts])
    # where nothing was read, as in a column of codes, the cells are levels
    return {name: (own[name], other[name]) for name in texts if name in parser.columns_}


def _is_below(cell):
    return isinstance(cell, str) and parse_lab_value(cell).operator in ("<", "<=")


def _limits(schema, name):
    variable = None if schema is None else schema.variables.get(name)
    return None if variable is None else variable.hard


def _outside(column, other, limits):
    """Return where a number is beyond limits or background, or a level not in the background."""
    values, is_text = parse_numbers(column)
    known, known_text = parse_numbers(other)
    dates = pd.api.types.is_datetime64_any_dtype(column.dtype)
    if dates or is_text.any() or known_text.mean() > 0.5:
        return np.zeros(len(column), bool) if dates else ~column.isin(other.dropna()).to_numpy()
    low, high = limits or (None, None)
    low = known.min() if low is None else low
    high = known.max() if high is None else high
    return ((values < low) | (values > high)).to_numpy()


def column_units(columns, schema=None):
    """Return the unit of each column, "" where none is known: from the schema or the name."""
    return [_unit(name, schema) for name in columns]


def _unit(name, schema):
    variable = None if schema is None else schema.variables.get(name)
    if variable is not None and variable.unit:
        return variable.unit
    concept = match_concept(str(name))
    unit = None if concept is None else unit_in_name(str(name), concept)
    return "" if unit is None else unit[0]


def fills_in(estimator, rows, encoded, owner, player):
    """Return for each cell whether something fills it in before the model reads it.

    A missing cell is filled in where the columns made of it hold no gap. Where it is not known
    which columns are made of it, it counts as filled in if the model's last step reads no gap in
    the row, or if a part of the model is an imputer.
    """
    if encoded is not None and owner is not None:
        gaps = _gaps(encoded)[: len(rows)]
        by_player = np.zeros((len(rows), player.max() + 1), dtype=bool)
        for k in np.flatnonzero(owner >= 0):
            by_player[:, owner[k]] |= gaps[:, k]
        return ~by_player[:, player]
    if encoded is not None:
        return np.repeat(~_gaps(encoded)[: len(rows)].any(axis=1)[:, None], rows.shape[1], axis=1)
    return np.full(rows.shape, _has_imputer(estimator))


def _gaps(table):
    if isinstance(table, pd.DataFrame):
        return table.isna().to_numpy()
    return np.isnan(table) if table.dtype.kind == "f" else pd.isna(table)


def _has_imputer(estimator):
    """Whether any part of a model is an imputer."""
    if not hasattr(estimator, "get_params"):
        return False
    steps, last = pipeline_parts(estimator)
    parts = [*(getattr(step, "__self__", None) for step in steps), last, estimator]
    parts += [p for part in list(parts) if hasattr(part, "get_params")
              for p in part.get_params(deep=True).values()]  # fmt: skip
    return any("Imput" in type(part).__name__ for part in parts)
