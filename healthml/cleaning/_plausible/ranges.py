"""Values that cannot be, and real patients to verify: never clipped, never quietly removed."""

from dataclasses import replace

import numpy as np
from pandas.api import types

from healthml._core._knowledge import column_concept, readable_unit
from healthml._core._routing import clear_errors
from healthml.cleaning._columns import (
    GROUPS,
    POPULATIONS,
    MeasureReader,
    find_age,
    hull,
    learn_top_codes,
    numbers_of,
    outside,
    population_groups,
    populations_present,
)
from healthml.cleaning._plausible.limits import ends_by_group, shipped_limits, user_limits
from healthml.cleaning._record import CellCleaner, Change
from healthml.exceptions import InputError

INFINITE, TOP_CODE = "infinite", "age_top_coded"


@clear_errors
class PlausibleRange(CellCleaner):
    """Mark what no living person has, and real patients whose values a person should verify.

    Outside hard limits a value is impossible; outside soft limits it is unusual, and the sickest
    patients live there: such cells are flagged, never changed. Nothing is ever clipped.

    A column is judged when its name means a clinical concept and at least 80% of its training
    values (95% for names that often mean something else) lie in the concept's living range in
    one of its units; else it is left alone. A value beyond the hard limits of a laboratory
    measure counts as impossible only where it also stands apart from the column's own tail: a
    tail that runs smoothly through a limit shows the limit to be wrong.

    Rules in the record:

    ``impossible_value``
        Outside the hard limits. Set to missing (by `hard`) where the limits are set by the user
        or reviewed by a clinician, and where the value contradicts what the measure is (an
        amount below zero, a saturation above 100%, a score off its scale); else flagged, since
        shipped limits are not clinically reviewed.
    ``infinite``
        Infinite numbers, in any column.
    ``unit_suspected``
        Outside the hard limits as the column is read, and ordinary in another unit of the
        concept. Flagged, since the number is not lost: see `UnitHarmonizer`.
    ``converted_twice``
        Outside the hard limits, and ordinary before a conversion from another unit.
    ``verify_value``
        Outside the soft limits.
    ``age_top_coded``
        A code for everybody over 89 (90, 91.4, 200, 300): the age is censored.

    Parameters
    ----------
    schema : Schema, default=None
        Declared concepts, units and limits; they go before the shipped ones.
    hard : {"nan", "flag", "raise"}, default="nan"
        What happens to an impossible value whose limits may act: set to missing, flag, or raise
        `InputError` (naming column, count and first position, no value).
    soft : {"flag"} or None, default="flag"
        Whether values outside the soft limits are flagged.
    population : {"adult", "child", "neonate"}, column name or None, default=None
        Whose soft limits hold; a column of ages in years picks them row by row (neonates to 28
        days, children to 18 years). None takes the column of ages where the table has exactly
        one, else adults.
    limits : mapping, default=None
        The user's limits by column, in the column's unit: ``(low, high)`` for hard limits,
        ``{"hard": pair, "soft": pair}``, or either of these per population.
    trust_unreviewed : bool, default=False
        Let the shipped limits act as if a clinician had reviewed them.

    Attributes
    ----------
    limits_ : dict
        Limits by column and population.
    measures_ : dict
        What each judged column was read as: concept and unit.
    not_assessed_ : list
        Columns whose name means a concept that the values do not agree with.
    record_ : CleaningRecord
        What was done to the table cleaned last.

    Raises
    ------
    InputError
        If a parameter is unknown, a named column is absent, or by ``hard="raise"``.

    See Also
    --------
    UnitHarmonizer, DecimalSlips : Run first: an impossible value may be another unit or a slip.
    CrossFieldCheck : Values that are impossible beside others.
    ClinicalCleaner : All steps of cleaning in their order.

    References
    ----------
    Kahn MG et al. A harmonized data quality assessment terminology and framework. eGEMs
    2016;4:1244.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import PlausibleRange
    >>> table = pd.DataFrame({"temp": [36.9, 37.4, 58.4, 36.5, 38.2], "spo2": [97] * 4 + [172]})
    >>> cleaner = PlausibleRange()
    >>> cleaner.fit_transform(table).isna().sum().tolist()
    [0, 1]
    >>> cleaner.record_.counts()[["column", "rule", "action", "severity"]].values.tolist()
    [['temp', 'impossible_value', 'flagged', 'error'],
     ['spo2', 'impossible_value', 'blanked', 'error']]
    """

    def __init__(
        self,
        schema=None,
        *,
        hard="nan",
        soft="flag",
        population=None,
        limits=None,
        trust_unreviewed=False,
    ):
        self.schema = schema
        self.hard = hard
        self.soft = soft
        self.population = population
        self.limits = limits
        self.trust_unreviewed = trust_unreviewed

    def _learn(self, frame, y):
        self._check(frame)
        reader = MeasureReader(frame, self.schema)
        first = reader.read(POPULATIONS)
        self.age_column_ = self._age_column(frame, find_age(first))
        if self.population in POPULATIONS:
            present = (self.population,)
        else:
            present = populations_present(frame, self.age_column_)
        self.measures_ = reader.read(present)
        self.age_measure_ = first.get(self.age_column_)
        self.limits_, self.top_codes_ = {}, {}
        for column, measure in self.measures_.items():
            numbers = frame.of(column, numbers_of)
            limits = shipped_limits(measure, numbers, trust=self.trust_unreviewed)
            self.limits_[column] = dict.fromkeys(POPULATIONS, limits)
            if measure.concept == "age" and measure.factor == 1:
                self.top_codes_[column] = learn_top_codes(numbers)
        for column, spec in (self.limits or {}).items():
            self.limits_[column] = user_limits(self.limits_.get(column, {}), spec, column)
        self._ends_ = {c: ends_by_group(limits) for c, limits in self.limits_.items()}
        self.not_assessed_ = [
            c for c in frame.columns if c not in self.limits_ and column_concept(c)
        ]

    def _check(self, frame):
        for name, allowed in (("hard", ("nan", "flag", "raise")), ("soft", ("flag", None))):
            if getattr(self, name) not in allowed:
                raise InputError(f"{name}={getattr(self, name)!r}; use one of {allowed}.")
        for column in self.limits or {}:
            if column not in frame.columns:
                raise InputError(f"limits names the column {column!r}, which X does not have.")
        known = self.population is None or self.population in POPULATIONS
        if not known and self.population not in frame.columns:
            raise InputError(
                f"population={self.population!r} is neither a column of X nor one of "
                f"{', '.join(POPULATIONS)}."
            )

    def _age_column(self, frame, only_age):
        if self.population in POPULATIONS:
            return None
        return only_age if self.population is None else self.population

    def _changes(self, frame, prepared=None):
        groups = self._groups(frame)
        for column in frame.columns:
            series = frame[column]
            if column not in self.limits_ and not types.is_float_dtype(series.dtype):
                continue
            numbers = frame.of(column, numbers_of)
            if numbers is None:
                continue
            if len(rows := np.flatnonzero(np.isinf(numbers))):
                why = "no measure is infinite"
                yield self._act(Change(column, INFINITE, rows, evidence=why), True)
            if column in self.top_codes_:
                yield self._top_coded(column, numbers)
            if column in self.limits_:
                yield from self._judge(column, numbers, groups)

    def _groups(self, frame):
        """Return the group of `GROUPS` that each row belongs to, or one for all rows."""
        if self.age_column_ is None:
            population = self.population if self.population in POPULATIONS else "adult"
            return GROUPS.index((population,))
        return population_groups(frame, self.age_column_, self.age_measure_)

    def _judge(self, column, numbers, groups):
        """Yield the changes of one column, group by group of the doubtful cells."""
        limits = self.limits_[column]
        places = doubtful(numbers, self._ends_[column], groups)
        if not len(places):
            return
        if column in self.top_codes_ and len(places):
            is_code = np.isin(numbers[places], self.top_codes_[column])
            places = places[~is_code]
        own = np.full(len(places), groups) if isinstance(groups, int) else groups[places]
        for group in np.unique(own):
            here = places[own == group]
            measure = self.measures_.get(column)
            for change, trusted in judge(column, measure, limits, GROUPS[group], numbers[here]):
                if change.severity == "error" or self.soft == "flag":
                    yield self._act(replace(change, rows=here[change.rows]), trusted)

    def _top_coded(self, column, numbers):
        rows = np.flatnonzero(np.isin(numbers, self.top_codes_[column]))
        why = "a code for all ages over 89: the age is censored, not measured"
        return Change(column, TOP_CODE, rows, None, "flagged", "verify", why)

    def _act(self, change, trusted):
        """Return a change as `hard` wants it, or raise."""
        if change.severity != "error" or not trusted or self.hard == "flag" or not len(change.rows):
            return replace(change, action="flagged")
        if self.hard == "raise":
            raise InputError(
                f"column {str(change.column)!r} has {len(change.rows)} impossible "
                f"value{'s' if len(change.rows) > 1 else ''} ({change.rule}: {change.evidence}), "
                f"the first at position {change.rows[0]}; correct the source, or pass hard='nan' "
                "or hard='flag'."
            )
        return replace(change, new=np.full(len(change.rows), np.nan), action="blanked")


def doubtful(numbers, ends, groups):
    """Return the positions of values outside the limits inside of which nothing is asked."""
    lows, highs, alike = ends
    if alike or isinstance(groups, int):
        group = groups if isinstance(groups, int) else 0
        beyond = outside(numbers, (lows[group], highs[group]))
    else:
        with np.errstate(invalid="ignore"):
            beyond = (numbers < lows[groups]) | (numbers > highs[groups])
    return np.flatnonzero(beyond & np.isfinite(numbers))


IMPOSSIBLE, VERIFY = "impossible_value", "verify_value"

UNIT, TWICE = "unit_suspected", "converted_twice"

CONVERTED_AT_ENTRY = frozenset({"[in_i]", "[lb_av]", "[degF]"})


def judge(column, measure, limits, populations, values):
    """Yield ``(Change, trusted)`` for values of rows that belong to the given populations.

    A row that may belong to several is judged by the widest limits; `measure` is None where only
    the user set limits. Rows of the changes count from the first value.
    """
    several = [limits[p] for p in populations]
    first = several[0]
    name, unit = (column, "")
    if measure is not None:
        name, unit = measure.concept or column, readable_unit(measure.unit)
    absurd = np.all([outside(values, limit.definition) for limit in several], axis=0)
    impossible = np.all([limit.impossible(values) for limit in several], axis=0) & ~absurd
    open_ = ~absurd
    if measure is not None and first.bulk is not None and not first.is_set:
        beyond = open_ & outside(values, first.hard)
        if first.forgives_zero:
            beyond &= values != 0
        for rule, mask, why in _by_unit(measure, first, values, beyond):
            yield _flag(column, rule, mask, "error", why), False
            open_ &= ~mask
    why = f"{name} {_beyond(first.definition)} by definition"
    yield _flag(column, IMPOSSIBLE, absurd, "error", why), True
    why = f"{name} {_beyond(first.hard)} {unit}".rstrip() + f"; {first.source}"
    yield _flag(column, IMPOSSIBLE, impossible & open_, "error", why), first.trusted
    soft = hull(limit.soft[p] for limit, p in zip(several, populations, strict=True))
    unusual = outside(values, soft) & open_ & ~impossible
    why = (
        f"{name} {_beyond(soft)} {unit}".rstrip() + f"; {first.soft_source}: may be a real patient"
    )
    yield _flag(column, VERIFY, unusual, "verify", why), False


def _flag(column, rule, mask, severity, why):
    return Change(column, rule, np.flatnonzero(mask), None, "flagged", severity, why)


def _by_unit(measure, limits, values, beyond):
    """Yield values that are ordinary in another unit, or were before one conversion too many."""
    left = beyond.copy()
    place = f"{measure.concept} {_beyond(limits.hard)} {readable_unit(measure.unit)}, ordinary"
    for unit, slope, intercept in measure.others:
        mask = left & ~outside(values * slope + intercept, limits.bulk)
        left &= ~mask
        yield UNIT, mask, f"{place} in {readable_unit(unit)}"
    for unit, slope, intercept in measure.others:
        if unit in CONVERTED_AT_ENTRY:
            mask = left & ~outside((values - intercept) / slope, limits.bulk)
            left &= ~mask
            yield TWICE, mask, f"{place} before a conversion from {readable_unit(unit)}"


def _beyond(limits):
    low, high = limits
    if np.isinf(low):
        return f"above {high:.6g}"
    return f"below {low:.6g}" if np.isinf(high) else f"outside {low:.6g} to {high:.6g}"
