"""Pounds and inches among kilograms and centimetres, found by a second column of the row.

A weight of 160 may be either, and children weigh what adults weigh in pounds. So a row is judged
by its own body mass index: the column, where there is one, must agree with the converted values
and not with those that stand there; else height and weight must be impossible together as they
stand and usual together after conversion. Swapped columns and decimal slips are weighed as well.
"""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._knowledge import concept_limits
from healthml.cleaning._columns import INCH, POUND
from healthml.cleaning._units.evidence import FEWEST_COMPARED, NEARLY_ALL_ON_STEP, ODDS, on_step
from healthml.cleaning._units.mixture import Shape

READINGS = {  # height factor, weight factor
    ("", "[lb_av]"): (1.0, POUND),
    ("[in_i]", ""): (INCH, 1.0),
    ("[in_i]", "[lb_av]"): (INCH, POUND),
    ("", f"kg*{POUND:.5g}"): (1.0, 1 / POUND),
    (f"cm*{INCH:.5g}", ""): (1 / INCH, 1.0),
}
# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Body mass index of a living person at any age; a row outside it is looked at. Narrower, and the
# very ill and newborns are looked at too.
POSSIBLE_BMI = (8.0, 100.0)
# Body mass index after conversion, and of the rows that are learnt from. Wider takes in more rows
# that are wrong as they stand.
USUAL_BMI = (12.0, 60.0)
# Decimal slips that would explain a row as well; what one of them explains is not converted.
SLIPS = (10.0, 0.1, 100.0, 0.01)
# How much rarer two columns in other units are than one. Larger converts more rows in inches and
# pounds at once, and more swapped ones wrongly.
BOTH = 0.01
# Rows from which a unit counts as found; with fewer it is only suspected in each.
FEW_ROWS = 3
# Share of rows in which the index must follow from height and weight to be used as a witness.
# Lower trusts indices of another day; higher loses tables with much dirt.
IDENTITY_SHARE = 0.7
# Relative difference of an index beyond what rounding explains: unrounded inputs of a stored
# index.
SLACK = 0.002
# Least spread of heights and of body mass indices in log units.
NARROWEST = 0.03
# Standard deviations of its height within which a row is usual. Larger converts heights of children
# among adults; smaller leaves the very tall and short as they are.
USUAL_HEIGHT = 4
# Times the allowed difference within which the index fits what stands there: such a row is left.
# Smaller converts rows whose index was rounded or measured on another day.
FITS_AS_IT_IS = 4
# Decimals looked at; five and more are arithmetic, not writing.
STEPS = range(5)


@dataclass(eq=False)
class BodyUnits:
    """Height, weight and body mass index of a table, and which other units were found."""

    height: object
    weight: object
    bmi: object = None
    steps: dict = field(default_factory=dict)
    shapes: tuple | None = None
    decided: dict = field(default_factory=dict)  # (column, unit) -> numbers of the evidence

    @property
    def columns(self):
        """Columns that are looked at."""
        return {self.height, self.weight} | ({self.bmi} - {None})

    def learn(self, numbers):
        """Take usual heights and body mass indices, and count rows in other units."""
        h, w = numbers[self.height], numbers[self.weight]
        for column in (self.height, self.weight, self.bmi):
            if column is not None:
                self.steps[column] = _step(numbers[column])
        index = _index(h, w)
        low, high = concept_limits("height")["hard"]
        good = (index > USUAL_BMI[0]) & (index < USUAL_BMI[1]) & (h > low) & (h < high)
        if good.sum() < FEWEST_COMPARED:
            return None
        self.shapes = tuple(Shape.of(np.log(v[good]), NARROWEST) for v in (h, index))
        if self.bmi is not None and not self._is_identity(numbers):
            self.bmi = None
        for column, unit, rows, off in self._found(numbers):
            n = len(rows)
            if n >= FEW_ROWS:
                kinds = {"paired": {"n_cells": n, "off": off}, "range": {}}
                if self.bmi is not None:
                    kinds = {"paired": {"n_cells": n, "off": off}, "factor": {"centre_off": off}}
                self.decided[column, unit] = kinds
        return self

    def verdicts(self, numbers):
        """Yield (column, unit, factor, kind, positions), row by row."""
        for column, unit, rows, _ in self._found(numbers):
            kind = "sure" if (column, unit) in self.decided else "new"
            yield column, unit, self.factor(unit), kind, rows

    @staticmethod
    def factor(unit):
        """Return what values in a unit are multiplied by."""
        return next(f[k.index(unit)] for k, f in READINGS.items() if unit in k)

    def _found(self, numbers):
        """Return (column, unit, positions, how far the index is off) of all rows that are sure."""
        agrees = self._by_index(numbers) if self.bmi is not None else None
        h, w = numbers[self.height], numbers[self.weight]
        size = None if agrees is not None else self._by_size(h, w)
        if size is None and (agrees is None or not agrees.any()):
            return []
        out = []
        for column, place in ((self.height, 0), (self.weight, 1)):
            for unit in dict.fromkeys(names[place] for names in READINGS if names[place]):
                named = np.array([names[place] == unit for names in READINGS])
                off = 0.0
                if agrees is None:
                    rows = self._sure(size, named)
                else:
                    rows = np.flatnonzero(agrees[named].any(axis=0))
                    off = self._off(numbers, agrees, rows)
                out.append((column, unit, rows, off))
        return out

    def _off(self, numbers, agrees, rows):
        """Return the median log difference of index and converted measures."""
        if not len(rows):
            return 0.0
        index = _index(numbers[self.height][rows], numbers[self.weight][rows])
        shift = _shifts()[agrees[:, rows].argmax(axis=0)]
        return float(np.median(np.log(numbers[self.bmi][rows]) - np.log(index) - shift))

    def _by_index(self, numbers):
        """Say, per reading and row, whether it alone agrees with the index column."""
        h, w, b = (numbers[c] for c in (self.height, self.weight, self.bmi))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.log(b) - np.log(_index(h, w))
            swapped = np.log(b) - np.log(_index(w, h))
            allowed = self._allowed(h, w, b)
            agrees = np.abs(apart - _shifts()[:, None]) <= allowed
            near = FITS_AS_IT_IS * allowed
            other = (np.abs(apart) <= near) | (np.abs(swapped) <= near)
            for slip in SLIPS:
                other |= np.abs(apart - np.log(slip)) <= allowed
                other |= np.abs(apart + 2 * np.log(slip)) <= allowed
            fits = np.array([self._usual(h * f, w * g) for f, g in READINGS.values()])
        agrees &= fits & ~other
        return agrees & (agrees.sum(axis=0) == 1)

    def _by_size(self, h, w):
        """Return (positions, log weight of each reading and slip) of rows that are impossible.

        None where there are no such rows.
        """
        index = _index(h, w)
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero((index < POSSIBLE_BMI[0]) | (index > POSSIBLE_BMI[1]))
        if not len(rows):
            return None
        h, w = h[rows], w[rows]
        ways = [(h * f, w * g) for f, g in READINGS.values()]
        others = [(w, h), *((h * s, w) for s in SLIPS), *((h, w * s) for s in SLIPS)]
        scores = np.array([self._score(*way) for way in (*ways, *others)])
        both = np.array([bool(a and b) for a, b in READINGS])
        scores[: len(ways)][both] += np.log(BOTH)
        usual = np.array([self._usual(*way) for way in ways])
        return rows, scores, usual

    def _sure(self, size, named):
        """Return the rows where a unit of one column is beyond doubt, whatever the other's."""
        rows, scores, usual = size
        is_named = np.zeros(len(scores), dtype=bool)
        is_named[: len(named)] = named
        gain = np.logaddexp.reduce(scores[is_named]) - np.logaddexp.reduce(scores[~is_named])
        best = scores[: len(named)][named].argmax(axis=0)
        fits = usual[named][best, np.arange(len(rows))]
        return rows[(gain >= np.log(ODDS)) & fits]

    def _score(self, h, w):
        height, index = self.shapes
        h, w = np.maximum(h, 1e-6), np.maximum(w, 1e-6)
        return height.log_density(np.log(h)) + index.log_density(np.log(_index(h, w)))

    def _usual(self, h, w):
        """Say which rows have a usual height and index for this table."""
        with np.errstate(invalid="ignore", divide="ignore"):
            index = _index(h, w)
            near = np.abs(self.shapes[0].z(np.log(h))) < USUAL_HEIGHT
            return near & (index > USUAL_BMI[0]) & (index < USUAL_BMI[1])

    def _is_identity(self, numbers):
        h, w, b = (numbers[c] for c in (self.height, self.weight, self.bmi))
        with np.errstate(invalid="ignore", divide="ignore"):
            apart = np.abs(np.log(b) - np.log(_index(h, w)))
            known = np.isfinite(apart)
            within = apart <= self._allowed(h, w, b)
        return known.sum() >= FEWEST_COMPARED and within[known].mean() >= IDENTITY_SHARE

    def _allowed(self, h, w, b):
        """Return how far the log index may be off, from the rounding of the three numbers."""
        steps = self.steps
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = steps[self.height] / h + 0.5 * steps[self.weight] / w
            parts = parts + 0.5 * steps[self.bmi] / b
        return parts + SLACK


def _shifts():
    """Return the log factor by which each reading changes the index."""
    return np.array([np.log(g) - 2 * np.log(f) for f, g in READINGS.values()])


def _index(h, w):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((h > 0) & (w > 0), w / (h / 100) ** 2, np.nan)


def _step(x):
    x = x[np.isfinite(x)]
    for decimals in STEPS:
        if len(x) and on_step(x, decimals).mean() >= NEARLY_ALL_ON_STEP:
            return 10.0**-decimals
    return 10.0 ** -max(STEPS)
