"""How a column writes its numbers, and what a shifted decimal point would leave behind."""

from dataclasses import dataclass

import numpy as np

from healthml._core._knowledge import concept_limits, is_number_code
from healthml.cleaning._columns import POPULATIONS, outside, thinned
from healthml.cleaning._plausible.limits import bulk_of, ends_by_group, shipped_limits

# Factors that undo a slipped decimal point: one place or two, either way.
SHIFTS = (10.0, 0.1, 100.0, 0.01)
MOST_DECIMALS = 6  # finer digits are rounding of floats
RARE = 0.01  # share of the column's numbers that may be as finely written
# A living range NARROW fold wide holds most of its own slips (log10 of 30 is 1.5 steps of ten), so
# that place alone shows nothing. Chosen by judgement, not by simulation: smaller, and fewer
# measures are judged by place; larger, and real values of wide measures are called slips.
NARROW = 30.0
SYSTEMATIC, FEWEST = 0.02, 5  # a larger share (and number) shifted alike is a unit; by judgement


@dataclass(frozen=True)
class SlipEvidence:
    """What was learnt about one column: limits, bulk, decimals, other units."""

    limits: object
    bulk: tuple
    decimals: int  # that no more than `RARE` of the numbers exceed
    narrow: bool
    others: tuple
    grows: bool  # height or weight: children live where an adult's slip lands
    systematic: frozenset = frozenset()
    ends: tuple = ()  # by group of populations, inside of which nothing is asked


def learn_evidence(measure, numbers):
    """Return the evidence of one column, or None where it cannot show a slip."""
    limits = shipped_limits(measure, numbers, trust=False)
    some = thinned(numbers)
    ordinary = some[np.isfinite(some) & (some > 0)]
    ordinary = ordinary[~outside(ordinary, measure.widest_soft)]
    bulk = bulk_of(ordinary, 0.98)
    if bulk is None or bulk[0] <= 0 or not measure.concept:
        return None
    low, high = concept_limits(measure.concept)["soft"]
    return SlipEvidence(
        limits,
        bulk,
        usual_decimals(ordinary),
        low > 0 and high / low <= NARROW,
        measure.others,
        measure.concept in ("height", "weight", "bmi", "waist", "head_circumference"),
        ends=ends_by_group(dict.fromkeys(POPULATIONS, limits)),
    )


def decimals_of(values):
    """Return how many decimals numbers are written with, at most 6.

    >>> decimals_of(np.array([94.0, 7.3, 17.44])).tolist()
    [0, 1, 2]
    """
    decimals = np.full(len(values), MOST_DECIMALS)
    for digits in range(MOST_DECIMALS - 1, -1, -1):
        exact = np.abs(np.round(values, digits) - values) <= 1e-9 * np.abs(values)
        decimals[exact] = digits
    return decimals


def usual_decimals(values):
    """Return the decimals that at most one in a hundred numbers of a column exceed.

    >>> usual_decimals(np.r_[np.arange(60, 100) + 0.5, 61.25])
    2
    """
    counts = np.bincount(decimals_of(values), minlength=MOST_DECIMALS + 1)
    finer = 1 - np.cumsum(counts) / counts.sum()
    return int(np.argmax(finer <= RARE))


def shifted_back(values, evidence):
    """Return the one power of ten that brings each value into the column's bulk, NaN if none.

    NaN also where two powers would do, where the result is written more finely than the column
    (moving the point leaves the digits), and for codes of missing values.
    """
    moved = np.array([values * shift for shift in SHIFTS])
    lands = ~outside(moved, evidence.bulk)
    lands &= [decimals_of(values) <= evidence.decimals for values in moved]
    shift = np.array(SHIFTS)[lands.argmax(axis=0)]
    one_way = lands.sum(axis=0) == 1
    return np.where(one_way & ~is_number_code(values), shift, np.nan)


def other_unit_fits(values, shift, evidence):
    """Return which values could be another number in another unit.

    In a measure of wide range any living value counts, else only ordinary ones.
    """
    fits = np.zeros(len(values), dtype=bool)
    room = evidence.bulk if evidence.narrow else evidence.limits.soft_any
    for _, slope, intercept in evidence.others:
        reading = values * slope + intercept
        same = np.isclose(reading, values * shift, rtol=1e-3)
        fits |= ~outside(reading, room) & ~same
    return fits


def is_sure(values, shift, evidence):
    """Return which shifts are shown by more than the value's place.

    The number is written more finely than the column writes (a shift to the left leaves a
    decimal behind), or it lies where nobody lives.
    """
    finer = (shift > 1) & (decimals_of(values) > evidence.decimals)
    limits = evidence.limits
    if evidence.narrow:
        return finer | outside(values, limits.hard)
    return limits.impossible(values) & ~other_unit_fits(values, shift, evidence)
