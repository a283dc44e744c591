"""Height, weight and BMI: which of the three is wrong, and what would explain it."""

from dataclasses import dataclass, replace

import numpy as np

from healthml._core._knowledge import concept_limits
from healthml.cleaning._columns import INCH, POUND
from healthml.cleaning._cross_field.columns import soft_hull
from healthml.cleaning._cross_field.rule import FieldRule, inside, robust, spread
from healthml.cleaning._plausible import usual_decimals

SWAP, BMI, BODY = "height_weight_swapped", "bmi_inconsistent", "body_size"
UNIT, SLIP = "unit_suspected", "decimal_slip"
COARSE = 0.02  # log difference that a height rounded to a whole inch can make
WIDE = 0.1  # most that a BMI may differ (log scale) from its height and weight
FAR, FITS = 5.0, 2.0  # robust standard deviations of log BMI: out of place, and back in place
# Least spread, in log units, of heights and weights, and of BMI about what they give: what rounding
# leaves. By judgement, not by simulation; smaller calls ordinary bodies far.
NARROWEST, NARROWEST_BMI = 0.02, 0.05
BULK = 0.99  # share of heights and weights between which a reading must fall


@dataclass(frozen=True)
class Reading:
    """Height, weight and BMI as they would be if one thing had gone wrong."""

    rule: str
    cells: frozenset
    values: tuple


def readings(height, weight, bmi=None):
    """Yield what may have gone wrong: swapped, another unit, or a moved decimal point."""
    yield Reading(SWAP, frozenset({"height", "weight"}), (weight, height, bmi))
    for unit, factor, _ in concept_limits("height")["units"][1:]:
        if unit not in ("m", "mm"):  # a factor of ten is a slip, see below
            yield Reading(UNIT, frozenset({"height"}), (height * factor, weight, bmi))
    for unit, factor, _ in concept_limits("weight")["units"][1:]:
        if unit != "g":
            yield Reading(UNIT, frozenset({"weight"}), (height, weight * factor, bmi))
    imperial = (height * INCH, weight * POUND, bmi)  # 70 in and 170 lb look like 170 cm and 70 kg
    yield Reading(UNIT, frozenset({"height", "weight"}), imperial)
    for shift in (10.0, 0.1, 100.0, 0.01):
        yield Reading(SLIP, frozenset({"height"}), (height * shift, weight, bmi))
        yield Reading(SLIP, frozenset({"weight"}), (height, weight * shift, bmi))
        if bmi is not None:
            yield Reading(SLIP, frozenset({"bmi"}), (height, weight, bmi * shift))


class BodyRule(FieldRule):
    """BMI is weight over squared height; without a BMI, the two must make a body."""

    name = "bmi"

    def __init__(self, height, weight, bmi, populations):
        super().__init__(*(field for field in (height, weight, bmi) if field is not None))
        self.height, self.weight, self.bmi = height, weight, bmi
        self.soft = {role: soft_hull(role, populations) for role in ("height", "weight", "bmi")}

    def judge(self, frame):
        height, weight, bmi = self._values(frame)
        with np.errstate(all="ignore"):
            judged = (height > 0) & (weight > 0)
            if self.bmi is None:
                return judged, inside(_bmi(height, weight), self.soft["bmi"])
            judged &= bmi > 0
            return judged, np.abs(_off(height, weight, bmi)) <= WIDE / 2

    def learn(self, frame):
        super().learn(frame)
        if self.bmi is not None and self.status != "applied":
            self._read_in_other_units(frame)
        height, weight, bmi = self._values(frame)
        judged, holds = self.judge(frame)
        fine = judged & holds
        self.middle, self.scale = robust(np.log(_bmi(height[fine], weight[fine])))
        self.bulk = {"height": spread(height[fine], BULK), "weight": spread(weight[fine], BULK)}
        self.places = {
            "height": robust(np.log(height[fine])),
            "weight": robust(np.log(weight[fine])),
        }
        self.decimals = 1
        self.learnt = 0.0
        self.halves = [0.5 * 10.0 ** -self._decimals(frame, f) * f.factor for f in self.fields]
        if self.bmi is not None and fine.any():
            self.decimals = self._decimals(frame, self.bmi)
            off = np.abs(_off(height[fine], weight[fine], bmi[fine]))
            self.learnt = min(float(3 * np.quantile(off, 0.75)), WIDE)
        return self

    def changes(self, frame, mode):
        with np.errstate(all="ignore"):
            places = np.flatnonzero(self._odd(*self._values(frame)))
            if not len(places):
                return
            some = frame.rows(places)
            values = self._values(some)
            if self.bmi is not None:
                for change in self._with_bmi(some, *values, mode):
                    yield replace(change, rows=places[change.rows])
            for change in self._without_bmi(some, *values, mode):
                yield replace(change, rows=places[change.rows])

    def _odd(self, height, weight, bmi):
        """Return the rows that are worth a second look."""
        known, computed = bmi > 0, _bmi(height, weight)
        odd = ~known & ~inside(computed, self.soft["bmi"]) & (self._far(computed) > FAR)
        if self.bmi is not None:
            off = np.abs(_off(height, weight, bmi))
            odd |= known & (off > np.maximum(self._tolerance(height, weight, bmi), COARSE))
        return odd & (height > 0) & (weight > 0)

    def _values(self, frame):
        bmi = np.full(len(frame), np.nan) if self.bmi is None else self.bmi.numbers(frame)
        return self.height.numbers(frame), self.weight.numbers(frame), bmi

    def _decimals(self, frame, field):
        numbers = field.back(field.numbers(frame))
        numbers = numbers[np.isfinite(numbers)]
        return usual_decimals(numbers) if len(numbers) else 0

    def _read_in_other_units(self, frame):
        """Read height and weight in the units in which the BMI follows from them, if any do."""
        height, weight = self.height, self.weight
        best, readings = self.needed, (height, weight)
        for _, h, _ in concept_limits("height")["units"]:
            for _, w, _ in concept_limits("weight")["units"]:
                self.height, self.weight = height.in_unit(h), weight.in_unit(w)
                judged, holds = self.judge(frame)
                share = float(holds[judged].mean()) if judged.any() else 0.0
                if share >= best:
                    best, readings, self.share = share, (self.height, self.weight), share
        self.height, self.weight = readings
        self.fields = (*readings, self.bmi)

    def _tolerance(self, height, weight, bmi):
        """Return how far rounding (and what was learnt) may take a BMI from its source."""
        values = (height, weight, bmi)
        h, w, b = (half / np.abs(v) for half, v in zip(self.halves, values, strict=True))
        return np.maximum(2 * (2 * h + w + b), self.learnt)

    def _with_bmi(self, frame, height, weight, bmi, mode):
        """Yield what is wrong where a BMI does not follow from height and weight."""
        wrong = bmi > 0
        fits = [
            (reading, wrong & self._restores(reading.values))
            for reading in readings(height, weight, bmi)
        ]
        yield from self._explained(frame, height, weight, fits, mode)
        left = wrong & ~np.any([rows for _, rows in fits], axis=0)
        odd = {
            role: ~inside(values, self.soft[role])
            for role, values in (("height", height), ("weight", weight), ("bmi", bmi))
        }
        for role, field in (("height", self.height), ("weight", self.weight)):
            why = f"{role} outside its living range, and the BMI does not follow from it"
            yield self.flag(field, left & odd[role], why, rule=BMI)
        computed = _bmi(height, weight)
        plain = left & ~odd["height"] & ~odd["weight"]
        doubtful = plain & ~inside(computed, self.soft["bmi"]) & ~odd["bmi"]
        # A weight still in pounds makes an odd BMI: where the one given is usual, it stays.
        doubtful |= plain & (self._far(computed) > np.maximum(FITS, self._far(bmi)))
        for field in (self.height, self.weight):
            why = "together make an odd BMI, and the BMI given is a usual one"
            yield self.flag(field, doubtful, why, rule=BODY, severity="verify")
        computed = np.round(computed, self.decimals)
        why = "does not follow from height and weight, which are in place"
        yield self.repair(self.bmi, frame, plain & ~doubtful, computed, why, mode=mode, rule=BMI)

    def _without_bmi(self, frame, height, weight, bmi, mode):
        """Yield heights and weights that together are no body, where no BMI can tell."""
        odd, computed = ~(bmi > 0), _bmi(height, weight)
        fits = [(reading, odd & self._fits(reading.values)) for reading in readings(height, weight)]
        yield from self._explained(frame, height, weight, fits, mode)
        left = odd & ~np.any([rows for _, rows in fits], axis=0)
        impossible = left & ~inside(computed, concept_limits("bmi")["hard"])
        far = {}
        for role, values in (("height", height), ("weight", weight)):
            middle, scale = self.places[role]
            far[role] = np.abs(np.log(values) - middle) / max(scale, NARROWEST)
        blamed = {
            "height": (far["height"] > FAR) & (far["weight"] < FAR),
            "weight": (far["weight"] > FAR) & (far["height"] < FAR),
        }
        sure = impossible & (blamed["height"] | blamed["weight"])
        for role, field in (("height", self.height), ("weight", self.weight)):
            why = "with the other of height and weight, a BMI that nobody has had"
            yield self.flag(field, sure & blamed[role], why, rule=BODY)
            why = "height and weight together outside the living range of BMI"
            yield self.flag(field, left & ~sure, why, rule=BODY, severity="verify")

    def _restores(self, values):
        """Return where a reading makes BMI follow from a living height and weight."""
        height, weight, bmi = values
        ok = np.abs(_off(height, weight, bmi)) <= self._tolerance(height, weight, bmi)
        for role, value in zip(("height", "weight", "bmi"), values, strict=True):
            ok &= inside(value, self.soft[role])
        return ok

    def _fits(self, values):
        """Return where a reading gives a height and a weight that go together, both ordinary."""
        height, weight, _ = values
        ok = inside(height, self.bulk["height"]) & inside(weight, self.bulk["weight"])
        return ok & (self._far(_bmi(height, weight)) <= FITS)

    def _far(self, bmi):
        return np.abs(np.log(bmi) - self.middle) / max(self.scale, NARROWEST_BMI)

    def _explained(self, frame, height, weight, fits, mode):
        """Yield errors in the cells that all fitting readings blame, and doubts in the others."""
        count = np.sum([rows for _, rows in fits], axis=0)
        blamed = {
            role: np.sum([rows for reading, rows in fits if role in reading.cells], axis=0)
            for role in ("height", "weight", "bmi")
        }
        fields = {"height": self.height, "weight": self.weight, "bmi": self.bmi}
        other = {"height": weight, "weight": height}
        for reading, rows in fits:
            if not rows.any():
                continue
            for role in sorted(reading.cells):
                sure = rows & (blamed[role] == count)
                swapped = sure & (count == 1) & (reading.rule == SWAP)
                if reading.rule == SWAP:
                    why = "height and weight go together the other way round"
                    yield self.repair(
                        fields[role], frame, swapped, other[role], why, mode=mode, rule=SWAP
                    )
                why = f"{role} goes with the others when read as {_WORDS[reading.rule]}"
                yield self.flag(fields[role], sure & ~swapped, why, rule=reading.rule)
                why += "; another explanation would do too"
                yield self.flag(
                    fields[role], rows & ~sure, why, rule=reading.rule, severity="verify"
                )


_WORDS = {SWAP: "the other one", UNIT: "another unit", SLIP: "a slipped decimal point"}


def _bmi(height, weight):
    return weight / (height / 100) ** 2


def _off(height, weight, bmi):
    """Return by how much, on the log scale, a BMI differs from its height and weight."""
    return np.log(bmi / _bmi(height, weight))
