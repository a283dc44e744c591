"""Systolic over mean over diastolic; direct bilirubin within total; parts and their sum."""

import numpy as np

from healthml.cleaning._columns import POPULATIONS
from healthml.cleaning._cross_field.columns import soft_hull
from healthml.cleaning._cross_field.rule import FieldRule, inside, robust, spread

SWAPPED, ORDER, MEAN = "pressures_swapped", "pressure_order", "mean_pressure"
DIRECT, SUM, RATIO = "direct_above_total", "gcs_sum", "pf_ratio"
# A pair is taken for swapped where both are ordinary (within the BULK of their columns) the other
# way round and that is exp(EVIDENCE / 2) = 20 times likelier under normal distributions. Chosen by
# judgement, not by simulation: a lower EVIDENCE turns patients in shock with an older diastolic
# pressure round, a higher one leaves swaps of close pressures.
BULK, EVIDENCE = 0.98, 6.0
OUT_OF_PLACE = 2.0  # standard deviations of the diastolic where the systolic is no living one
DEEP = 0.9  # of the soft limit of the systolic pressure
FAR = 5.0  # standard deviations from the usual place; chosen by judgement
MEAN_ERROR = 2.0  # mmHg; the least spread of a mean around its third of the way
LEAST = 3.0  # mmHg; no group of patients varies less
# Spreads of the log ratio of two pressures within which a pair is usual, and its least spread. By
# judgement, not by simulation; smaller leaves swapped pairs, larger turns patients in shock round.
USUAL_RATIO, NARROWEST_RATIO = 2, 0.05
# What direct bilirubin may be above total for the error of two assays: a share, and mg/dL. By
# judgement, not by simulation; smaller accuses pairs of low values, larger passes wrong ones.
ASSAY_SHARE, ASSAY_ERROR = 1.1, 0.2
# Least spread of the logarithms of bilirubin, what keeps 0 among them, and the spreads within which
# one of the two is in place. By judgement, not by simulation; smaller blames one of the two more
# often, where now both are to be looked at.
NARROWEST, ABOVE_ZERO, IN_PLACE = 0.1, 0.1, 2
SIMULTANEOUS = 0.99  # share from which pressures were measured together


class PressureRule(FieldRule):
    """The diastolic pressure lies below the systolic; the two may stand swapped."""

    name = ORDER

    def __init__(self, sbp, dbp, populations=POPULATIONS):
        super().__init__(sbp, dbp)
        self.soft = [soft_hull(role, populations) for role in ("sbp", "dbp")]

    def judge(self, frame):
        sbp, dbp = (field.numbers(frame) for field in self.fields)
        with np.errstate(invalid="ignore"):
            return (sbp > 0) & (dbp > 0), dbp < sbp

    def learn(self, frame):
        super().learn(frame)
        judged, holds = self.judge(frame)
        values = [field.numbers(frame)[judged & holds] for field in self.fields]
        self.bulk = [spread(pressure, BULK) for pressure in values]
        self.place = [robust(pressure) for pressure in values]
        self.ratio = robust(np.log(values[1] / values[0]))
        return self

    def changes(self, frame, mode):
        sbp, dbp = (field.numbers(frame) for field in self.fields)
        judged, holds = self.judge(frame)
        wrong = judged & ~holds
        swapped = wrong & (sbp < dbp) & self._likelier_swapped(sbp, dbp)
        for field, other in zip(self.fields, (dbp, sbp), strict=True):
            why = "systolic below diastolic, and both in place the other way round"
            yield self.repair(field, frame, swapped, other, why, mode=mode, rule=SWAPPED)
            why = "diastolic not below systolic: one of the two is another moment's, or wrong"
            yield self.flag(field, wrong & ~swapped, why, severity="verify")

    def _likelier_swapped(self, sbp, dbp):
        """Return where both pressures are out of place as they stand and in place swapped.

        A systolic pressure a little below the soft limit speaks of shock and an older diastolic
        as well as of a swap, unless the diastolic is out of place too. Far below it, no older
        diastolic helps: the swap stands when it gives a living pair with a usual ratio.
        """
        (s_middle, s_scale), (d_middle, d_scale) = self.place
        s_scale, d_scale = max(s_scale, LEAST), max(d_scale, LEAST)

        def off(s, d):
            return ((s - s_middle) / s_scale) ** 2 + ((d - d_middle) / d_scale) ** 2

        ordinary = inside(dbp, self.bulk[0]) & inside(sbp, self.bulk[1])
        likelier = ordinary & (off(sbp, dbp) - off(dbp, sbp) > EVIDENCE)
        high = (dbp - d_middle) / d_scale > OUT_OF_PLACE
        with np.errstate(all="ignore"):
            off = np.abs(np.log(sbp / dbp) - self.ratio[0])
        usual = off <= USUAL_RATIO * max(self.ratio[1], NARROWEST_RATIO)
        living = inside(dbp, self.soft[0]) & inside(sbp, self.soft[1]) & usual
        low = self.soft[0][0]
        return (likelier & ((sbp >= low) | high)) | (living & (sbp < DEEP * low))


class MeanPressureRule(FieldRule):
    """The mean pressure lies between diastolic and systolic, near a third of the way."""

    name = MEAN

    def __init__(self, sbp, dbp, mean):
        super().__init__(sbp, dbp, mean)

    def judge(self, frame):
        sbp, dbp, mean = (field.numbers(frame) for field in self.fields)
        with np.errstate(invalid="ignore"):
            judged = (dbp < sbp) & (dbp > 0) & (mean > 0)
            return judged, (mean >= dbp - 1) & (mean <= sbp + 1)

    def learn(self, frame):
        super().learn(frame)
        judged, holds = self.judge(frame)
        self.place = robust(self._off(frame)[judged & holds])
        return self

    def changes(self, frame, mode):
        judged, holds = self.judge(frame)
        middle, scale = self.place
        far = np.abs(self._off(frame) - middle) > FAR * max(scale, MEAN_ERROR)
        together = self.share >= SIMULTANEOUS
        why = "mean pressure outside diastolic to systolic"
        rows, severity = judged & ~holds & far, "error" if together else "verify"
        yield self.flag(self.fields[2], rows, why, severity=severity)

    def _off(self, frame):
        sbp, dbp, mean = (field.numbers(frame) for field in self.fields)
        return mean - (dbp + (sbp - dbp) / 3)


class DirectBilirubinRule(FieldRule):
    """Direct bilirubin is a part of total bilirubin, but for the error of two assays."""

    name = DIRECT

    def __init__(self, direct, total):
        super().__init__(direct, total)

    def judge(self, frame):
        direct, total = (field.numbers(frame) for field in self.fields)
        with np.errstate(invalid="ignore"):
            return (direct >= 0) & (total >= 0), direct <= ASSAY_SHARE * total + ASSAY_ERROR

    def learn(self, frame):
        super().learn(frame)
        judged, holds = self.judge(frame)
        self.place = [
            robust(np.log(field.numbers(frame)[judged & holds] + 0.1)) for field in self.fields
        ]
        return self

    def changes(self, frame, mode):
        judged, holds = self.judge(frame)
        values = [field.numbers(frame) for field in self.fields]
        with np.errstate(invalid="ignore"):
            far = [
                np.abs(np.log(value + ABOVE_ZERO) - middle) / max(scale, NARROWEST)
                for value, (middle, scale) in zip(values, self.place, strict=True)
            ]
        for i, field in enumerate(self.fields):
            blamed = (far[i] > FAR) & (far[1 - i] < IN_PLACE)
            why = "direct bilirubin above total"
            yield self.flag(field, judged & ~holds & blamed, f"{why}; the other is in place")
            unclear = judged & ~holds & ~blamed & ~((far[1 - i] > FAR) & (far[i] < IN_PLACE))
            yield self.flag(field, unclear, f"{why}: one of the two is wrong", severity="verify")


class ComaSumRule(FieldRule):
    """The Glasgow coma scale is the sum of eye, verbal and motor response."""

    name, needed = SUM, 0.95
    ranges = ((1, 4), (1, 5), (1, 6))

    def judge(self, frame):
        *parts, total = (field.numbers(frame) for field in self.fields)
        fine = [inside(part, limits) for part, limits in zip(parts, self.ranges, strict=True)]
        with np.errstate(invalid="ignore"):
            return np.all(fine, axis=0) & np.isfinite(total), total == np.sum(parts, axis=0)

    def changes(self, frame, mode):
        judged, holds = self.judge(frame)
        total = np.sum([field.numbers(frame) for field in self.fields[:-1]], axis=0)
        why = "not the sum of eye, verbal and motor response"
        yield self.repair(self.fields[-1], frame, judged & ~holds, total, why, mode=mode)


class OxygenRatioRule(FieldRule):
    """The ratio of PaO2 to FiO2 follows from the two."""

    name, needed = RATIO, 0.95
    tolerance = 0.05

    def judge(self, frame):
        po2, fio2, ratio = (field.numbers(frame) for field in self.fields)
        with np.errstate(all="ignore"):
            judged = inside(po2, soft_hull("po2")) & inside(fio2, soft_hull("fio2")) & (ratio > 0)
            off = np.abs(np.log(ratio / (po2 / fio2 * 100)))
            return judged, off <= self.tolerance + 0.5 / np.minimum(po2, fio2)

    def changes(self, frame, mode):
        judged, holds = self.judge(frame)
        po2, fio2, _ = (field.numbers(frame) for field in self.fields)
        with np.errstate(all="ignore"):
            ratio = np.round(po2 / fio2 * 100, 1)
        why = "does not follow from PaO2 and FiO2, which are in place"
        yield self.repair(self.fields[2], frame, judged & ~holds, ratio, why, mode=mode)
