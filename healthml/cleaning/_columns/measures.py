"""Columns as clinical measures: which concept, in which unit, with which limits, for whom.

A column's name is only a hint: the concept is believed when nearly all values lie in its living
range in one of its units. Limits are kept in the column's own unit, so that a cell is judged as
it stands.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import (
    POPULATIONS,
    column_concept,
    concept_limits,
    population_soft,
)
from healthml._core._tables import parse_numbers
from healthml.cleaning._columns.table import factorized
from healthml.cleaning._columns.view import ColumnView, variables_of

UNLIMITED = (-np.inf, np.inf)


@dataclass(frozen=True)
class Measure:
    """A column that holds a clinical measure, limits in the column's own unit."""

    column: object
    concept: str
    category: str
    unit: str
    factor: float
    offset: float
    hard: tuple  # as the column is read
    hard_any: tuple  # in any unit that agrees with the values
    soft_any: tuple
    soft: dict = field(default_factory=dict)  # population -> (low, high)
    others: tuple = ()  # (unit, slope, intercept): the column's value if a cell were in that unit
    reviewed: str = ""
    note: str = ""
    declared_hard: tuple | None = None
    declared_soft: tuple | None = None

    @property
    def widest_soft(self):
        """Soft limits that hold for somebody."""
        return hull(self.soft.values())

    @property
    def is_percent_of_whole(self):
        """Percentages that cannot exceed 100 by definition."""
        facts = concept_limits(self.concept) if self.concept else None
        return bool(facts) and facts["units"][0][0] == "%" and facts["hard"][1] == 100


class MeasureReader:
    """Columns that may hold a measure, read once and judged for any populations."""

    def __init__(self, table, schema=None):
        self.views, self.known = {}, {}
        for column in (table := table.thinned()).columns:
            declared, limits = _declared(schema, column)
            if column_concept(column, declared) is None and limits == (None, None):
                continue
            view, known = table.of(column, _measured)
            if view.numbers is not None and len(view.finite):
                self.views[column] = (view, known, declared, limits)

    def read(self, populations=("adult",)):
        """Return {column: Measure} whose values lie in the ranges of some populations."""
        if populations not in self.known:
            measures = {c: self._measure(c, populations) for c in self.views}
            self.known[populations] = {c: m for c, m in measures.items() if m is not None}
        return self.known[populations]

    def _measure(self, column, populations):
        view, known, declared, limits = self.views[column]
        key = (populations, limits, *declared.items())
        if key not in known:
            known[key] = _measure(column, view, populations, declared, limits)
        return known[key]


def _measured(series):
    """Return the view of a column, and the measures that it is known to be: steps ask again."""
    return ColumnView(series), {}


POUND, INCH = 0.45359237, 2.54  # kilograms and centimetres, by definition
# Rates and saturations that are 0 in an arrest, or where 0 is a code; a pressure is not.
STOPS = frozenset({"heart_rate", "resp_rate", "spo2"})


def numbers_of(series):
    """Return a column as floats, NaN where a cell is no number; None for dates and booleans.

    >>> numbers_of(pd.Series(["7.2", "<5"])).tolist()
    [7.2, nan]
    """
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "f":  # the usual case, of every served row
        return series.to_numpy(dtype=float)
    if types.is_bool_dtype(dtype) or types.is_datetime64_any_dtype(dtype):
        return None
    if types.is_numeric_dtype(dtype):
        return series.to_numpy(dtype=float, na_value=np.nan)
    if types.is_timedelta64_dtype(dtype):
        return None
    factors = factorized(series)
    if factors is None:
        return parse_numbers(series)[0].to_numpy()
    codes, levels = factors
    parsed = parse_numbers(pd.Series(levels, dtype=object))[0].to_numpy()
    return np.append(parsed, np.nan)[codes]


def as_written(series, numbers):
    """Return numbers as a column would hold them: text in a column of text.

    >>> as_written(pd.Series(["94", "7.3"]), np.array([73.00000000000001]))
    ['73']
    """
    clean = [float(f"{number:.12g}") for number in numbers]
    if types.is_numeric_dtype(series.dtype):
        return np.array(clean)
    levels = series.cat.categories if isinstance(series.dtype, pd.CategoricalDtype) else series
    if isinstance(series.dtype, pd.CategoricalDtype) and types.is_numeric_dtype(levels.dtype):
        return np.array(clean)
    return [f"{number:.12g}" for number in clean]


def hull(pairs):
    """Return the narrowest limits that hold all pairs.

    >>> hull([(1, 3), (0, 2)])
    (0, 3)
    """
    lows, highs = zip(*pairs, strict=True)
    return min(lows), max(highs)


def _declared(schema, column):
    """Return what a schema says of a column: concept and unit, and the two pairs of limits."""
    variable = variables_of(schema).get(column)
    if variable is None or variable.kind == "datetime":
        return {}, (None, None)
    declared = {name: getattr(variable, name) for name in ("concept", "unit")}
    limits = _filled(variable.hard), _filled(variable.soft)
    return {name: value for name, value in declared.items() if value}, limits


def _filled(pair):
    if pair is None:
        return None
    return tuple(
        free if limit is None else float(limit) for limit, free in zip(pair, UNLIMITED, strict=True)
    )


def _measure(column, view, populations, declared, limited):
    concept = column_concept(column, declared, *view.unique, populations=populations)
    if concept is None or not concept.readings:
        if limited == (None, None):
            return None
        return Measure(
            column, "", "", declared.get("unit", ""), 1.0, 0.0, UNLIMITED, UNLIMITED,
            UNLIMITED, dict.fromkeys(POPULATIONS, UNLIMITED),
            declared_hard=limited[0], declared_soft=limited[1],
        )  # fmt: skip
    facts, readings = concept_limits(concept.name), concept.readings
    unit, factor, offset = readings[0]
    anybody = hull(_soft(facts, p) for p in populations)
    return Measure(
        column,
        concept.name,
        facts["category"],
        unit,
        factor,
        offset,
        _in_unit(facts["hard"], factor, offset),
        hull(_in_unit(facts["hard"], f, o) for _, f, o in readings),
        hull(_in_unit(anybody, f, o) for _, f, o in readings),
        {p: _in_unit(_soft(facts, p), factor, offset) for p in POPULATIONS},
        tuple(
            (u, f / factor, (o - offset) / factor)
            for u, f, o in facts["units"]
            if (f, o) != (factor, offset)
        ),
        facts["reviewed"],
        facts["note"],
        *limited,
    )


def _soft(facts, population):
    return population_soft(facts["name"], population) or facts["soft"]


def _in_unit(limits, factor, offset):
    return tuple((limit - offset) / factor for limit in limits)
