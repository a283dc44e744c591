"""One column's doubtful values against its limits: impossible, explained by a unit, to verify."""

import numpy as np

from healthml.cleaning._columns.measures import hull, outside
from healthml.cleaning._record.record import Change

IMPOSSIBLE, VERIFY = "impossible_value", "verify_value"
UNIT, TWICE = "unit_suspected", "converted_twice"
CONVERTED_AT_ENTRY = frozenset({"[in_i]", "[lb_av]", "[degF]"})


def judge(column, measure, limits, populations, values):
    """Yield ``(Change, trusted)`` for values of rows that belong to the given populations.

    Parameters
    ----------
    column : hashable
        Label of the column; rows of the changes count from the first value.
    measure : Measure or None
        What the column is; None where only the user set limits.
    limits : dict
        population -> Limits. A row that may belong to several is judged by the widest.
    populations : tuple of str
        Populations that the rows may belong to.
    values : ndarray
        Finite numbers.
    """
    several = [limits[p] for p in populations]
    first = several[0]
    name, unit = (measure.concept or column, measure.unit) if measure else (column, "")
    absurd = np.all([outside(values, one.definition) for one in several], axis=0)
    impossible = np.all([one.impossible(values) for one in several], axis=0) & ~absurd
    open_ = ~absurd
    if measure is not None and first.bulk is not None and not first.is_set:
        beyond = open_ & outside(values, first.hard)
        if first.forgives_zero:
            beyond &= values != 0
        for rule, found, why in _by_unit(measure, first, values, beyond):
            yield _flag(column, rule, found, "error", why), False
            open_ &= ~found
    why = f"{name} {_beyond(first.definition)} by definition"
    yield _flag(column, IMPOSSIBLE, absurd, "error", why), True
    why = f"{name} {_beyond(first.hard)} {unit}; {first.source}"
    yield _flag(column, IMPOSSIBLE, impossible & open_, "error", why), first.trusted
    soft = hull(one.soft[p] for one, p in zip(several, populations, strict=True))
    unusual = outside(values, soft) & open_ & ~impossible
    why = f"{name} {_beyond(soft)} {unit}; {first.soft_source}: may be a real patient"
    yield _flag(column, VERIFY, unusual, "verify", why), False


def _flag(column, rule, mask, severity, why):
    return Change(column, rule, np.flatnonzero(mask), None, "flagged", severity, why)


def _by_unit(measure, limits, values, beyond):
    """Yield values that are ordinary in another unit, or were before one conversion too many."""
    left = beyond.copy()
    said = f"{measure.concept} {_beyond(limits.hard)} {measure.unit}, ordinary"
    for unit, slope, intercept in measure.others:
        found = left & ~outside(values * slope + intercept, limits.bulk)
        left &= ~found
        yield UNIT, found, f"{said} in {unit}"
    for unit, slope, intercept in measure.others:
        if unit in CONVERTED_AT_ENTRY:
            found = left & ~outside((values - intercept) / slope, limits.bulk)
            left &= ~found
            yield TWICE, found, f"{said} before a conversion from {unit}"


def _beyond(limits):
    low, high = limits
    if np.isinf(low):
        return f"above {high:.6g}"
    return f"below {low:.6g}" if np.isinf(high) else f"outside {low:.6g} to {high:.6g}"
