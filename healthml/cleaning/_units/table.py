"""All looks at the units of a table, in order of their weight, and the verdict on each cell."""

import re
from dataclasses import dataclass, field

import numpy as np
from pandas.api.types import is_numeric_dtype

from healthml._core._knowledge import (
    between_units,
    column_concept,
    distinct_units,
    find_unit,
    same_size,
    unit_at_end,
    unit_like,
)
from healthml.cleaning._columns import factorized, numbers_of
from healthml.cleaning._units.body_size import BodyUnits
from healthml.cleaning._units.column import six_digits
from healthml.cleaning._units.decide import learn_column, settle
from healthml.cleaning._units.pairs import PairUnits
from healthml.cleaning._units.whole_sites import SiteUnits

BODY = ("height", "weight")


@dataclass(frozen=True, eq=False)
class Verdict:
    """Some cells of a column in another unit, and how sure that is.

    ``kind`` is "unit_column" or "unit_in_cell" (written down), "sure", "unsure", "new", or
    "unknown" (a unit that is not known).
    """

    column: object
    kind: str
    rows: np.ndarray
    source: str = ""
    target: str = ""
    values: np.ndarray | None = None
    unit_column: object = None


@dataclass(eq=False)
class TableUnits:
    """What was learnt about the units of all columns of a table."""

    concepts: dict = field(default_factory=dict)
    beside: dict = field(default_factory=dict)
    columns: dict = field(default_factory=dict)
    pairs: list = field(default_factory=list)
    bodies: list = field(default_factory=list)

    def learn(self, frame, variables, groups, n_groups):
        """Learn from the training rows."""
        numbers, named_units = {}, units_by_column(frame.columns)
        for column in frame.columns:
            variable = variables.get(column)
            named = column_concept(column, variable)
            concept = named.name if named else ""
            if concept and len(distinct_units(concept)) < 2 and concept != "bmi":
                continue
            if not concept and unit_column_of(frame, column, named_units) is None:
                continue
            x = frame.of(column, finite_numbers, numbers_of)
            if x is None:
                continue
            numbers[column] = x
            if concept:
                self.concepts[column] = concept
            declared = getattr(variable, "unit", None)
            learnt = learn_unit_column(frame, column, concept, declared, x, named_units)
            if learnt is not None:
                self.beside[column] = learnt
        self._written(frame, numbers)
        for column, x in numbers.items():
            learnt = learn_column(column, variables.get(column), x, groups, n_groups)
            if learnt is not None:
                self.columns[column] = learnt
        settle(list(self.columns.values()), n_groups)
        concepts = list(self.concepts.values())
        for column in self.columns:
            concept = self.concepts[column]
            if concept in BODY or concepts.count(concept) > 1:
                for verdict in self._by_column(column, numbers[column], groups):
                    if verdict.kind == "sure":
                        _put(numbers, column, verdict.rows, verdict.values)
        self._learn_pairs(numbers, groups, n_groups)
        self._learn_sites(numbers, groups, n_groups)
        self._learn_bodies(numbers)
        return self

    def verdicts(self, frame, groups):
        """Return the verdicts on the cells of a table; each cell is converted at most once."""
        numbers = {c: frame.of(c, finite_numbers, numbers_of) for c in self._needed()}
        numbers = {c: x for c, x in numbers.items() if x is not None}
        verdicts = self._written(frame, numbers)
        sure = {}
        for verdict in verdicts:
            sure.setdefault(verdict.column, []).append(verdict.rows)
        for column in self.columns:
            if column in numbers:
                for verdict in self._by_column(column, numbers[column], groups):
                    _keep(verdict, verdicts, sure)
        for look in (*self.pairs, *self.bodies):
            given = (numbers,) if isinstance(look, BodyUnits) else (numbers, groups)
            if not look.columns <= set(numbers):
                continue
            parts = list(look.verdicts(*given))
            for column, unit, factor, kind, rows in parts:
                values = numbers[column][rows] * factor
                home = self._home(column)[0]
                verdict = Verdict(column, kind, rows, unit, home, six_digits(values))
                verdict = _keep(verdict, verdicts, sure)
                if kind == "sure":
                    _put(numbers, column, verdict.rows, verdict.values)
        return verdicts

    def found(self):
        """Yield what was found: column, group, unit, its target, factor, offset, evidence."""
        for column, beside in self.beside.items():
            for unit in beside.seen:
                if not same_size(unit, beside.target):
                    yield column, -1, *_step(unit, beside.target), {"explicit": {}}
        for column, learnt in self.columns.items():
            for (group, k), evidence in learnt.decisions.items():
                step = _step(learnt.mixture.units[k], learnt.home_unit)
                yield column, group, *step, evidence.kinds
        for pair in self.pairs:
            for (column, unit, group), kinds in pair.found.items():
                yield column, group, unit, self._home(column)[0], pair.factor(unit), 0.0, kinds
        for body in self.bodies:
            for (column, unit), kinds in body.decided.items():
                yield column, -1, unit, self._home(column)[0], body.factor(unit), 0.0, kinds

    def _needed(self):
        pairs = {c for look in (*self.pairs, *self.bodies) for c in look.columns}
        return dict.fromkeys([*self.beside, *self.columns, *sorted(pairs, key=str)])

    def _home(self, column):
        learnt = self.columns.get(column)
        return learnt.home_unit if learnt else distinct_units(self.concepts[column])[0]

    def _written(self, frame, numbers):
        """Return the verdicts by units that are written down, and convert the numbers."""
        out = []
        for column, beside in self.beside.items():
            if column not in numbers or beside.units not in frame.columns:
                continue
            x = numbers[column]
            rows, units, lost = beside.look(frame, x)
            if len(lost):
                out.append(Verdict(beside.units, "unknown", lost))
            for unit in dict.fromkeys(units):
                in_unit = rows[[u == unit for u in units]]
                values = six_digits(between_units(x[in_unit], unit, beside.target))
                out.append(
                    Verdict(
                        column,
                        "unit_column",
                        in_unit,
                        unit[0],
                        beside.written,
                        values,
                        beside.units,
                    )
                )
                _put(numbers, column, in_unit, values)
        for column in numbers:
            is_number = is_numeric_dtype(frame[column].dtype)
            if is_number or column not in self.concepts:
                continue
            home = self._home(column)
            rows, values, units = units_in_cells(frame[column], self.concepts[column], home)
            for unit in dict.fromkeys(units):
                in_unit = np.array([u == unit for u in units])
                new = six_digits(values[in_unit])
                out.append(Verdict(column, "unit_in_cell", rows[in_unit], unit, home[0], new))
                _put(numbers, column, rows[in_unit], new)
        return out

    def _by_column(self, column, x, groups):
        learnt, out = self.columns[column], []
        for unit, kind, rows in learnt.verdicts(x, groups):
            values = learnt.converted(x[rows], unit)
            source = learnt.mixture.units[unit][0]
            out.append(Verdict(column, kind, rows, source, learnt.home_unit[0], values))
        return out

    def _learn_pairs(self, numbers, groups, n_groups):
        height = self._first(numbers, "height")
        for concept in dict.fromkeys(self.concepts.values()):
            first, *others = (c for c in numbers if self.concepts.get(c) == concept)
            for second in others:
                scale = None
                if concept == "weight" and height is not None:
                    scale = (numbers[height] / 100) ** 2
                look = PairUnits(first, second, concept).learn(numbers, groups, n_groups, scale)
                if look is not None and look.found:
                    self.pairs.append(look)

    def _learn_sites(self, numbers, groups, n_groups):
        for column, concept in self.concepts.items():
            if n_groups < 3 or column not in numbers or concept in BODY:
                continue
            learnt = self.columns.get(column)
            decided = {g for g, _ in learnt.decisions} if learnt else set()
            if -1 in decided:
                continue
            look = SiteUnits(column, concept, self._home(column))
            if look.learn(numbers, groups, n_groups, decided).found:
                self.pairs.append(look)

    def _learn_bodies(self, numbers):
        height, bmi = self._first(numbers, "height"), self._first(numbers, "bmi")
        weights = [c for c in numbers if self.concepts.get(c) == "weight"]
        if height is not None and weights:
            look = BodyUnits(height, weights[0], bmi).learn(numbers)
            if look is not None:
                self.bodies.append(look)

    def _first(self, numbers, concept):
        return next((c for c in numbers if self.concepts.get(c) == concept), None)


def _step(source, target):
    return source[0], target[0], source[1] / target[1], (source[2] - target[2]) / target[1]


def finite_numbers(series, numbers):
    """Return the numbers of a column without infinite ones, None where it holds none or no text."""
    if numbers is None or (not is_numeric_dtype(series.dtype) and series.isna().all()):
        return None
    return np.where(np.isinf(numbers), np.nan, numbers)


def _put(numbers, column, rows, values):
    if len(rows):
        numbers[column] = numbers[column].copy()
        numbers[column][rows] = values


def _keep(verdict, verdicts, sure):
    """Add a verdict without the cells that already have one."""
    before = sure.get(verdict.column)
    if before:
        left = ~np.isin(verdict.rows, np.concatenate(before))
        verdict = Verdict(
            verdict.column,
            verdict.kind,
            verdict.rows[left],
            verdict.source,
            verdict.target,
            verdict.values[left],
        )
    if len(verdict.rows):
        verdicts.append(verdict)
        if verdict.kind == "sure":
            sure.setdefault(verdict.column, []).append(verdict.rows)
    return verdict


_BESIDE = re.compile(r"(?P<value>.+?)[\s_.]*(?:units?|uom|einheit)")

# "6,1 mmol/L" is read, "1,060 mmol/L" has two readings and is left to LabValueParser.
_CELL = re.compile(r"\s*([+-]?\d+(?:\.\d+|,\d{1,2})?(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-].*?)\s*")


@dataclass(frozen=True, eq=False)
class UnitColumn:
    """A column of units beside a column of values."""

    values: object  # labels of the two columns
    units: object
    concept: str  # concept of the values
    target: tuple  # unit to which values are brought: (unit, factor, offset)
    written: str  # the usual spelling of that unit in the column
    seen: tuple = ()  # units of different size that stand in the training rows

    def look(self, frame, x):
        """Return rows in another unit, their units, and rows whose unit is not known."""
        codes, levels = frame.groups(self.units)
        units = [_unit(self.concept, str(level), self.target[0]) for level in levels]
        other = np.zeros(len(levels) + 1, dtype=bool)  # the last is a missing unit
        unknown = other.copy()
        for k, unit in enumerate(units):
            other[k] = unit is not None and not same_size(unit, self.target)
            unknown[k] = unit is None and str(levels[k]).strip() != ""
        present = np.isfinite(x)
        rows = np.flatnonzero(other[codes] & present)
        lost = np.flatnonzero(unknown[codes] & present)
        return rows, [units[k] for k in codes[rows]], lost


def learn_unit_column(frame, values, concept, declared, x, named_units=None):
    """Return the unit column of a column of values, or None where there is none.

    >>> import pandas as pd
    >>> X = pd.DataFrame({"hb": [13.0, 130.0, 12.0], "hb_unit": ["g/dl", "g/L", "g/dl"]})
    >>> learn_unit_column(X, "hb", "hemoglobin", None, X["hb"].to_numpy()).target
    ('g/dL', 1.0, 0.0)
    """
    beside = unit_column_of(frame, values, named_units)
    if beside is None:
        return None
    written = frame[beside].astype(str).where(frame[beside].notna(), "").str.strip()
    counts = written[np.isfinite(x)].value_counts()
    units = {level: _unit(concept, level) for level in sorted(counts.index) if level}
    units = {level: unit for level, unit in units.items() if unit is not None}
    if not units:
        return None
    target = _unit(concept, declared) if declared else _unit_of_most(units, counts)
    if target is None and not concept and unit_at_end(values):
        target = _unit(concept, unit_at_end(values))
    if target is None and not concept:
        return None
    if target is None:
        bare = x[np.isfinite(x) & (written == "").to_numpy()]
        target = _unit_of_bare(values, concept, bare)
    spelt = [level for level, unit in units.items() if same_size(unit, target)]
    usual = max(spelt, key=lambda level: counts[level]) if spelt else target[0]
    seen = {unit[1:]: unit for unit in units.values()}
    return UnitColumn(values, beside, concept, target, usual, tuple(seen.values()))


def unit_column_of(frame, values, named_units=None):
    """Return the only column of text that is named as the unit of a column, or None."""
    named_units = units_by_column(frame.columns) if named_units is None else named_units
    beside = [c for c in named_units.get(str(values).casefold(), ()) if c != values]
    if len(beside) != 1 or is_numeric_dtype(frame[beside[0]].dtype):
        return None
    return beside[0]


def _unit(concept, spelling, target=None):
    """Return a unit of a concept; without one, any unit that is a multiple of the target."""
    return find_unit(concept, spelling) if concept else unit_like(spelling, target)


def _unit_of_most(units, counts):
    """Return the unit in which more than half of all numbers are written, or None."""
    sizes = {}
    for level, unit in units.items():
        sizes[unit[1:]] = sizes.get(unit[1:], 0) + counts[level]
    best = max(sizes, key=sizes.get)
    if 2 * sizes[best] <= counts.sum():
        return None
    return max((u for u in units.items() if u[1][1:] == best), key=lambda u: counts[u[0]])[1]


def _unit_of_bare(column, concept, numbers):
    """Return the unit in which numbers without one agree with their concept."""
    concept_read = column_concept(column, {"concept": concept}, numbers)
    return next(iter(concept_read.readings), distinct_units(concept)[0])


def units_in_cells(series, concept, home):
    """Return rows of text cells with another unit than the column's, values brought to it, units.

    >>> import pandas as pd
    >>> home = ("mg/dL", 1.0, 0.0)
    >>> units_in_cells(pd.Series(["0.9", "88.4 µmol/L"]), "creatinine", home)
    (array([1]), array([0.9999808]), ['umol/L'])
    """
    factors = factorized(series)
    if factors is None:  # cells that hold lists have no unit
        return np.empty(0, dtype=np.int64), np.empty(0), []
    codes, levels = factors
    values, units = np.full(len(levels), np.nan), [""] * len(levels)
    for k, level in enumerate(levels):
        cell = _CELL.fullmatch(level) if isinstance(level, str) else None
        unit = find_unit(concept, cell[2]) if cell else None
        if unit is not None and not same_size(unit, home):
            values[k], units[k] = (
                between_units(float(cell[1].replace(",", ".")), unit, home),
                unit[0],
            )
    rows = np.flatnonzero(np.append(np.isfinite(values), False)[codes])
    return rows, values[codes[rows]], [units[k] for k in codes[rows]]


def units_by_column(columns):
    """Return the columns that are named as the unit of another one, by its name in small letters.

    >>> units_by_column(["hb", "hb_unit", "Na uom"])
    {'hb': ['hb_unit'], 'na': ['Na uom']}
    """
    named = {}
    for column in columns:
        match = _BESIDE.fullmatch(column.casefold()) if isinstance(column, str) else None
        if match is not None:
            named.setdefault(match["value"].rstrip("_. "), []).append(column)
    return named
