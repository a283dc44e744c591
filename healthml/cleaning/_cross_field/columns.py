"""Which columns belong together: found by concept, by schema, or named by the user."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import concept_limits, concept_names, has_word, population_soft
from healthml.cleaning._columns import POPULATIONS, Measure, factorized, hull, numbers_of
from healthml.exceptions import InputError

ROLES = ("birth_date", "reference_date", "pf_ratio")  # beside the concepts
_RATIO = re.compile(r"(pafi|pf|pfratio|p2f|pao2fio2(ratio)?|po2fio2(ratio)?)")


@dataclass(frozen=True)
class Field:
    """A column in one role, with the way to the concept's canonical unit."""

    column: object
    role: str
    factor: float = 1.0
    offset: float = 0.0

    def numbers(self, frame):
        """Return the column in canonical units, NaN where there is no finite number."""
        numbers = frame.of(self.column, numbers_of)
        if numbers is None:
            return np.full(len(frame), np.nan)
        numbers = numbers * self.factor + self.offset
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def back(self, canonical):
        """Return canonical values in the column's own unit."""
        return (canonical - self.offset) / self.factor

    def in_unit(self, factor, offset=0.0):
        """Return the field with its column read in another unit."""
        return replace(self, factor=factor, offset=offset)


def find_fields(frame, measures, columns):
    """Return {role: [Field, ...]} for concepts, dates and the ratio of PaO2 to FiO2.

    What the user named (`columns`) goes before what is found.
    """
    fields = {}
    for column, measure in measures.items():
        if measure.concept:
            field = Field(column, measure.concept, measure.factor, measure.offset)
            fields.setdefault(measure.concept, []).append(field)
    for column in frame.columns:
        joined = re.sub(r"[^a-z0-9]", "", str(column).lower())
        if _RATIO.fullmatch(joined) and frame.of(column, numbers_of) is not None:
            fields.setdefault("pf_ratio", []).append(Field(column, "pf_ratio"))
    for column in date_columns(frame):
        role = "birth_date" if has_word(column, "birth") else "reference_date"
        fields.setdefault(role, []).append(Field(column, role))
    starts = [f for f in fields.get("reference_date", []) if has_word(f.column, "start")]
    others = [f for f in fields.get("reference_date", []) if f not in starts]
    fields["reference_date"] = starts + others
    for role, column in (columns or {}).items():
        _check(role, column, frame)
        measure = measures.get(column)
        known = isinstance(measure, Measure) and measure.concept == role
        reading = (measure.factor, measure.offset) if known else (1.0, 0.0)
        fields[role] = [Field(column, role, *reading)]
    return fields


def partner(field, candidates):
    """Return the candidate whose name goes best with a field's ("admissionheight" and "-weight").

    >>> pressures = [Field("dbp", "dbp"), Field("ni_dbp", "dbp")]
    >>> partner(Field("ni_sbp", "sbp"), pressures).column
    'ni_dbp'
    """

    def shared(candidate):
        a, b = str(field.column).lower(), str(candidate.column).lower()
        start = _same(a, b)
        return start + _same(a[start:][::-1], b[start:][::-1])

    return max(candidates, key=shared, default=None)


def dates_of(series):
    """Return a column as days since 1970 (NaN where it holds no ISO date), or None.

    >>> dates_of(pd.Series(["1970-01-03", "soon"])).tolist()
    [2.0, nan]
    """
    if types.is_numeric_dtype(series.dtype) or types.is_timedelta64_dtype(series.dtype):
        return None
    if types.is_datetime64_any_dtype(series.dtype):
        return _days(pd.DatetimeIndex(series))
    factors = factorized(series)
    if factors is None:
        return None
    codes, levels = factors
    parsed = pd.to_datetime(
        pd.Series(levels, dtype=object), errors="coerce", format="ISO8601", utc=True
    )
    return np.append(_days(pd.DatetimeIndex(parsed)), np.nan)[codes]


def date_columns(frame):
    """Return the columns that hold dates: by dtype, or ISO text in most of the first rows."""
    dates = []
    for column in frame.columns:
        series = frame[column]
        if types.is_datetime64_any_dtype(series.dtype):
            dates.append(column)
        elif not types.is_numeric_dtype(series.dtype):
            some = series.dropna().iloc[:200]
            text = some.astype(str)
            if len(some) and text.str.match(r"\s*\d{4}-\d{1,2}-\d{1,2}").mean() > 0.5:
                dates.append(column)
    return dates


def soft_hull(role, populations=POPULATIONS):
    """Return the soft limits of a concept for any of the populations, in its canonical unit."""
    usual = concept_limits(role)["soft"]
    return hull(population_soft(role, p) or usual for p in populations)


def _same(a, b):
    """Return how many first letters two words share."""
    differ = (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)
    return next(differ, min(len(a), len(b)))


def _days(index):
    if index.tz is not None:
        index = index.tz_convert(None)
    days = (index - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return np.asarray(days, dtype=float)


def _check(role, column, frame):
    if role not in ROLES and role not in concept_names():
        raise InputError(
            f"columns names the role {role!r}; use a concept such as 'height' or one of "
            f"{', '.join(ROLES)}."
        )
    if column not in frame.columns:
        raise InputError(f"columns[{role!r}] is {column!r}, which X does not have.")
