"""Age against the date of birth and a date of the visit."""

import numpy as np

from healthml.cleaning._columns import BEYOND, OLDEST, TOP_CODES
from healthml.cleaning._cross_field.columns import dates_of
from healthml.cleaning._cross_field.rule import FieldRule

AGE, CENTURY = "age_birth_date", "birth_century"
# Days in a year of the Gregorian calendar, on average.
YEAR = 365.2425
ROUNDED = 1.5  # years by which an age may differ through cutting, rounding and the moment meant
# Share of whole numbers from which ages are written in whole years; lower, and repairs of ages with
# decimals lose theirs. By judgement, not by simulation.
WHOLE = 0.9
USUAL = 0.01, 0.99  # quantiles of the difference that are its usual range; wider takes errors in
TOP_CODED = 89  # years: HIPAA lets nobody be shown as older
MARGIN = 1.0  # years added to the usual difference; less would accuse rounded ages
LIKELY = 100.0  # years; beyond, a year of birth a century off is likelier than the age
# Years by which a birth date written with two digits of the year may be off.
CENTURIES = (100.0, -100.0)


class AgeRule(FieldRule):
    """The age in years is the time from birth to a date of the visit, cut or rounded."""

    name = AGE

    def __init__(self, age, birth, reference, others=()):
        super().__init__(age, birth, reference)
        self.others = others

    def judge(self, frame):
        off = self._off(frame, self.fields[2])
        return np.isfinite(off), np.abs(off) <= ROUNDED

    def learn(self, frame):
        super().learn(frame)
        off = self._off(frame, self.fields[2])
        off = off[np.abs(off) <= ROUNDED]
        self.range = (0.0, 0.0)
        if len(off):
            low, high = np.quantile(off, USUAL)
            self.range = (float(low) - MARGIN, float(high) + MARGIN)
        age = self.fields[0].numbers(frame)
        age = age[np.isfinite(age)]
        self.whole = len(age) > 0 and (age == np.round(age)).mean() > WHOLE
        return self

    def changes(self, frame, mode):
        field, birth, reference = self.fields
        age, off = field.numbers(frame), self._off(frame, reference)
        true = age - off
        with np.errstate(invalid="ignore"):
            wrong = np.isfinite(off) & ~self._agrees(off)
            for other in self.others:  # another date agrees: the date is wrong, not the age
                wrong &= ~self._agrees(self._off(frame, other))
            century = np.any([self._agrees(off - shift) for shift in CENTURIES], axis=0)
            century &= wrong & (age <= OLDEST) & ((true < 0) | (true > LIKELY))
            coded = (np.isin(age, TOP_CODES) | (age >= BEYOND[0])) & (true >= TOP_CODED)
            wrong &= (true >= 0) & (true <= OLDEST) & ~century & ~coded
        why = "the year of birth is a hundred years from the one that the age says"
        yield self.flag(birth, century, why, rule=CENTURY)
        true = np.floor(true) if self.whole else np.round(true, 1)
        why = f"{MARGIN:g} year or more from what {birth.column} and {reference.column} say"
        yield self.repair(field, frame, wrong, true, why, mode=mode)

    def _agrees(self, off):
        with np.errstate(invalid="ignore"):
            return (off >= self.range[0]) & (off <= self.range[1])

    def _off(self, frame, reference):
        """Return age minus the time from birth to a date, in years; NaN where one is absent."""
        days = [dates_of(frame[field.column]) for field in (self.fields[1], reference)]
        if any(column is None for column in days):
            return np.full(len(frame), np.nan)
        return self.fields[0].numbers(frame) - (days[1] - days[0]) / YEAR
