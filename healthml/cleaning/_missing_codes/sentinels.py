"""Numbers that stand for missing, beyond the screen: learnt ones, local spikes, vital zeros."""

import re

import numpy as np
from scipy.stats import poisson

from healthml._core._knowledge import column_concept, concept_limits, is_number_code, name_words
from healthml.cleaning._columns import FOUND, STOPS, SUSPECTED
from healthml.cleaning._missing_codes.number_codes import (
    FEW_DISTINCT,
    SPIKE,
    judge_code,
    judge_number_codes,
)

VITALS = STOPS | {"sbp", "dbp", "map"}
PRESSURES = frozenset({"sbp", "dbp", "map"})
FEWEST_BESIDE = FEW_DISTINCT / 4  # on the shorter side: an end has no neighbours to compare with
AROUND = 10  # distinct values on either side with which a spike is compared
CHANCE = 1e-6  # of a spike inside a column by Poisson counts, all codes together
LEAST, FAR = 20, 3.0  # values, and their spread, below which a negative code may stand once
MANY = 50  # distinct values of a continuous column
STRETCH = 0.8  # the upper fifth below a value at the end
CHANCE_AT_END = 1e-4  # of a pile at the end; there the codes are expected, so less is asked
# Sizes and signs that no living body has at zero, whatever they are called besides, and words that
# make an amount of something else of them (a change, a setting, a drug, which may well be 0).
_BODY_WORDS = """
triceps biceps skinfold skin thickness circumference girth waist hip weight wt height ht bmi
pressure bp systolic diastolic pulse hr rr temperature temp lvef diameter
"""
_BODY = frozenset(_BODY_WORDS.split())
_NOT_A_STATE_WORDS = """
change loss gain delta diff difference support peep end dose rate ulcer sore sores tumor tumour
lesion nodule plaque pain
"""
_NOT_A_STATE = frozenset(_NOT_A_STATE_WORDS.split())
# A zero stands apart where the smallest other value is GAP usual steps away and hardly a value lies
# in the lowest LOW_SHARE of the range; more than MOST_ZEROS zeros are a column that is mostly
# something else. Chosen by judgement on simulated columns (tests), not by a study.
GAP, LOW_SHARE, MOST_ZEROS = 4, 0.05, 0.6
_NINES = re.compile(r"-?(?:9{1,}|8{2,}|7{2,}|[1-6]{3,})(?:\.9+)?")


def judge_numbers(table):
    """Return {column name: {code: (status, reason)}} for a table."""
    verdicts = {name: (c, dict(j)) for name, (c, j) in judge_number_codes(table).items()}
    for column, judged in verdicts.values():
        for code in _learnt_candidates(column):
            verdict = judge_code(column, code)
            if verdict and verdict[0] == FOUND:
                judged[code] = verdict
        for code in column.codes_present:
            if float(code) not in judged and _is_far_negative(column, code):
                judged[float(code)] = (
                    FOUND,
                    "negative, many times further off than the others spread",
                )
            if float(code) in judged or not _is_nines(column, code):
                continue
            if _is_local_spike(column, code):
                judged[float(code)] = FOUND, "far more often than the values on both sides"
            elif _is_pile(column, code):
                status = FOUND if _named(column) else SUSPECTED
                judged[float(code)] = status, "the largest value, far more often than those below"
        if _is_amount_that_may_be_zero(column) and judged.get(0.0, (FOUND,))[0] == SUSPECTED:
            del judged[0.0]
        if 0.0 not in judged and _is_zero_of_a_body(column):
            judged[0.0] = (
                SUSPECTED,
                "zero, far below the others, of a measure that is never 0",
            )
        if 0.0 not in judged and _is_impossible_zero(column):
            judged[0.0] = FOUND, "zero is impossible for this measurement, repeated"
        if column.concept and column.concept["name"] in PRESSURES and 0.0 in judged:
            judged[0.0] = FOUND, "no pressure is 0, even in an arrest; repeated"
    _judge_stops(verdicts)
    return {name: judged for name, (_, judged) in verdicts.items()}


def zeros_at_odds(number, others):
    """Return rows with 0 in one vital sign and another one above 0: no arrest.

    >>> zeros_at_odds(np.array([0.0, 0.0, 80.0]), [np.array([120.0, np.nan, 110.0])]).tolist()
    [True, False, False]
    """
    lives = np.zeros(len(number), dtype=bool)
    for other in others:
        with np.errstate(invalid="ignore"):
            lives |= other > 0
    return (number == 0) & lives


def _judge_stops(verdicts):
    """Judge zeros of heart and breathing rate by the other vital signs of their rows."""
    vitals = {
        name: column
        for name, (column, _) in verdicts.items()
        if column.concept and column.concept["name"] in VITALS
    }
    for name, column in vitals.items():
        judged = verdicts[name][1]
        zero = column.numbers == 0
        if column.concept["name"] not in STOPS or zero.sum() < 2:
            continue
        others = [c.numbers for n, c in vitals.items() if _other(c, column) and n != name]
        odds = zeros_at_odds(column.numbers, others)
        if odds.sum() >= 2:
            judged[0.0] = FOUND, "0 beside other vital signs above 0, repeated"


def _other(a, b):
    return a.concept["name"] != b.concept["name"]


def _learnt_candidates(column):
    """Return values at the ends that are no known codes but look or lie like one."""
    values, counts = column.unique
    known = is_number_code(values)
    values, counts = values[~known], counts[~known]
    if len(values) < 3 or np.isinf(values).any():
        return []
    candidates = []
    if values[0] < 0 <= values[1] and counts[0] >= SPIKE:
        candidates.append(float(values[0]))
    top = float(values[-1])
    shaped = bool(_NINES.fullmatch(f"{top:g}")) and len(values) > FEW_DISTINCT
    beyond = column.concept is not None and top == round(top) and _is_beyond(column, top)
    if counts[-1] >= SPIKE and (shaped or beyond):
        candidates.append(top)
    return candidates


def _is_beyond(column, value):
    """Say whether a value is above the hard limits in every unit that fits the column."""
    concept = column.concept
    return all(value * f + o > concept["hard"][1] for _, f, o in concept["agreeing"])


def _named(column):
    """Say whether the name is that of a measurement, whatever units stand in the column."""
    concept = column_concept(column.name, column.declared)
    return concept is not None and concept.is_named


def _is_far_negative(column, code):
    """Say whether a negative code stands far below values that are all positive, be it once."""
    values = column.unique[0]
    values = values[~np.isin(values, column.codes_present[column.codes_present < 0])]
    if code > -9 or len(column.finite) < LEAST or len(values) < 3 or values[0] <= 0:
        return False
    return values[0] - code > FAR * (values[-1] - values[0])


def _is_impossible_zero(column):
    """Say whether zeros stand in a named measurement that is above zero in every unit it has."""
    values, counts = column.unique
    if len(values) <= FEW_DISTINCT or values[0] != 0 or counts[0] < 2 or not _named(column):
        return False
    limits = concept_limits(column_concept(column.name, column.declared).name)
    return limits["hard"][0] > 0 and all(offset == 0 for _, _, offset in limits["units"])


def _is_amount_that_may_be_zero(column):
    """Say whether a column is named as a change, a setting or a dose of something."""
    return column.concept is None and bool(set(name_words(column.name)) & _NOT_A_STATE)


def _is_zero_of_a_body(column):
    """Say whether zeros stand apart in a column named as a size or sign that every body has."""
    words = set(name_words(column.name))
    values, counts = column.unique
    if not words & _BODY or words & _NOT_A_STATE or len(values) <= FEW_DISTINCT:
        return False
    if values[0] != 0 or counts[0] < SPIKE or counts[0] > MOST_ZEROS * counts.sum():
        return False
    between = counts[(values > 0) & (values < LOW_SHARE * values[-1])].sum()
    step = np.median(np.diff(values[1:]))
    return values[1] >= GAP * step and counts[0] >= SPIKE * max(between, 1)


def _is_nines(column, code):
    """Say whether a code of equal digits stands in a column of many different values."""
    text = f"{code:g}"
    return len(column.unique[0]) >= MANY and len(text) > 1 and bool(_NINES.fullmatch(text))


def _is_pile(column, code):
    """Say whether the largest value holds more cells than the whole stretch below it.

    A ceiling of measurement gathers the tail beyond it, which is thinner than the tail before it.
    """
    values, counts = column.unique
    if code != values[-1] or code < 9 or counts[-1] < SPIKE:
        return False
    below = counts[(values >= STRETCH * code) & (values < code)].sum()
    return poisson.sf(counts[-1] - 1, max(below, 1)) < CHANCE_AT_END


def _is_local_spike(column, code):
    """Say whether a code inside a continuous column occurs far more often than its neighbours."""
    values, counts = column.unique
    at = int(np.searchsorted(values, code))
    near = np.r_[counts[max(at - AROUND, 0) : at], counts[at + 1 : at + 1 + AROUND]]
    if min(at, len(values) - 1 - at) < FEWEST_BESIDE or counts[at] < SPIKE:
        return False
    n_looks = max(len(column.codes_present), 1)
    by_chance = poisson.sf(counts[at] - 1, near.max())
    return counts[at] >= SPIKE * near.max() and by_chance * n_looks < CHANCE
