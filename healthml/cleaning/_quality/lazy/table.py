"""A table that stays where it is: rows are counted there, and a bounded sample is fetched."""

import inspect
from dataclasses import dataclass
from functools import cached_property

import narwhals as nw
import numpy as np
import pandas as pd

from healthml._core._checks import check_event
from healthml._core._tables import to_pandas
from healthml.cleaning._quality.table import RoleColumn, name_roles
from healthml.exceptions import InputError

# Rows fetched to learn from. A value that stands in one of 10,000 rows is then seen five times on
# average, which is what makes a spike (`SPIKE`); with 5,000 rows it would be missed, and more rows
# cost memory in proportion.
MOST_SAMPLED = 50_000

COUNT, KEY = "healthml_count", "healthml_key"  # columns of our own queries

_ROW = "healthml_row"

_STRIDE, _TURN = 2654435761, 2**32  # the golden ratio of a turn

_AS_TEXT = (nw.Categorical, nw.Enum)

READABLE = ("number", "text", "boolean", "date")


def lazy_table(X):
    """Return a lazy table as `LazyTable`; None for anything that is in memory already."""
    if isinstance(X, pd.DataFrame | pd.Series | np.ndarray):
        return None
    frame = nw.from_native(X, pass_through=True)
    return LazyTable(frame) if isinstance(frame, nw.LazyFrame) else None


class LazyTable:
    """A lazy table with what every look at it needs: kinds of columns, rows, a sample.

    Decimals are read as floats, categories as text.
    """

    def __init__(self, frame):
        schema = frame.collect_schema()
        if not len(schema):
            raise InputError("X has no columns; pass a table with at least one.")
        dotted = [name for name in schema if "." in name]
        if dotted and frame.implementation.is_pyspark():
            raise InputError(
                f"Spark reads the dot in the name of column {dotted[0]!r} as a field inside "
                "another; rename such columns first."
            )
        cast = [nw.col(c).cast(nw.Float64) for c, d in schema.items() if d == nw.Decimal]
        cast += [nw.col(c).cast(nw.String) for c, d in schema.items() if d in _AS_TEXT]
        self.source = frame
        self.frame = frame.with_columns(*cast) if cast else frame
        self.kinds = {name: _kind(dtype) for name, dtype in schema.items()}
        self.floats = {n for n, d in schema.items() if d.is_float() or d == nw.Decimal}
        self.whole = {n for n, d in schema.items() if d.is_integer()}

    @property
    def columns(self):
        """Names of the columns."""
        return list(self.kinds)

    @cached_property
    def n(self):
        """Number of rows."""
        n = int(collect(self.frame.select(nw.len().alias(COUNT)))[COUNT].iloc[0])
        if not n:
            raise InputError("X has 0 rows; pass a table with at least one.")
        return n

    @cached_property
    def sample(self):
        """About 50,000 rows as a pandas frame, or all of them where they are fewer."""
        readable = [name for name, kind in self.kinds.items() if kind in READABLE]
        rows = nw.from_native(_spread(self.source, self.n))
        rows = rows.select(*(nw.col(name) for name in readable))
        cast = [
            nw.col(c).cast(nw.Float64) for c, d in rows.collect_schema().items() if d == nw.Decimal
        ]
        return collect(rows.with_columns(*cast) if cast else rows)

    @property
    def is_whole(self):
        """The sample holds every row."""
        return self.n <= MOST_SAMPLED


def collect(frame):
    """Return the answer of a query as pandas; polars answers in batches, not all at once."""
    how = {}
    if frame.implementation.is_polars():
        parameters = inspect.signature(type(frame.to_native()).collect).parameters
        how = {"engine": "streaming"} if "engine" in parameters else {"streaming": True}
    answer = frame.collect(**how)
    return to_pandas(answer.to_native()) if len(answer) else pd.DataFrame(columns=answer.columns)


def _kind(dtype):
    if dtype.is_numeric():
        return "number"
    if dtype == nw.Boolean:
        return "boolean"
    if dtype in (nw.Date, nw.Datetime):
        return "date"
    return "text" if dtype == nw.String or dtype in _AS_TEXT else "other"


def _spread(frame, n):
    """Return about `MOST_SAMPLED` rows, spread over the table by a multiplicative sequence.

    Rows at even distances would meet every table of 24 rows a patient at the same hour. Spark,
    whose rows have no order, draws them.
    """
    native, implementation = frame.to_native(), frame.implementation
    if n <= MOST_SAMPLED:
        return native
    below = int(MOST_SAMPLED / n * _TURN)
    if implementation.is_polars():
        import polars as pl

        row = pl.col(_ROW).cast(pl.UInt64)
        return native.with_row_index(_ROW).filter(row * _STRIDE % _TURN < below).drop(_ROW)
    if implementation.is_duckdb():
        rows = native.project(f"*, cast(row_number() over () - 1 as hugeint) as {_ROW}")
        rows = rows.filter(f"{_ROW} * {_STRIDE} % {_TURN} < {below}")
        return rows.project(f"* exclude ({_ROW})")
    if implementation.is_pyspark():
        return native.sample(fraction=MOST_SAMPLED / n, seed=0)
    return frame.head(MOST_SAMPLED).to_native()


MOST_LEVELS = 1_000  # of an outcome; more are no outcome, and `check_event` says so


@dataclass(frozen=True)
class LazyRoles:
    """Columns of the roles, and the event as a condition on the rows."""

    y: str | None
    groups: str | None
    site: str | None
    time: str | None
    event: object = None
    level: object = None

    def sampled_y(self, sample):
        """Return the outcome of the sampled rows as 0/1, or None."""
        if self.y is None or sample[self.y].nunique() < 2:
            return None
        return check_event(sample[self.y], event=self.level)[1]

    def sampled_groups(self, sample):
        """Return the patient of each sampled row, or None where some are missing."""
        if self.groups is None or sample[self.groups].isna().any():
            return None
        return sample[self.groups]


def read_roles(table, schema, given):
    """Return the roles of a lazy table, declared ones filled in."""
    for role, value in given.items():
        if value is not None and not isinstance(value, str):
            raise InputError(
                f"X is a lazy table and {role} is a {type(value).__name__}; pass the name of a "
                "column of X."
            )
    named = name_roles(given, schema, table.columns)
    names = {role: c.name if isinstance(c, RoleColumn) else None for role, c in named.items()}
    if names["y"] is None:
        return LazyRoles(**names)
    event = getattr(schema, "event", None) if named["y"].declared else None
    level = _event_level(table, names["y"], event, named["y"].declared)
    if level is None:
        return LazyRoles(**{**names, "y": None})
    condition = nw.col(names["y"]) == nw.lit(level)
    return LazyRoles(**names, event=condition, level=event)


def _event_level(table, name, event, declared):
    """Return the level that is the event; None for a declared outcome with gaps."""
    values = table.frame.select(nw.col(name).alias(KEY))
    cells = collect(values.group_by(KEY).agg(nw.len().alias(COUNT)).head(MOST_LEVELS))[KEY]
    if declared and cells.isna().any():
        return None
    y01 = check_event(cells, event=event, name=f"the outcome {name!r}")[1]
    return cells[y01 == 1].tolist()[0] if (y01 == 1).sum() == 1 else None
