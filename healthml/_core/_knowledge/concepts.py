"""Which clinical concept is a column? One answer with its evidence, for whoever asks.

A schema decides; else the name is a hint that the values must confirm, in one of the concept's
units. Who asks before the values are numbers (a parser of text) can use the name alone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from healthml._core._knowledge.facts import (
    concept_limits,
    concept_names,
    is_ambiguous,
    is_number_code,
    match_concept,
    population_soft,
)
from healthml._core._knowledge.units import distinct_units, find_unit, unit_code, unit_like

# Endings of names that are units, too, and mostly mean something else: minimum, "in", letters of
# versions and groups.
_OTHER_ENDINGS = frozenset({"min", "in", "a", "an", "m", "l", "u", "y", "mes", "dia", "mon", "ora"})
POPULATIONS = ("adult", "child", "neonate")
# Share of the values that must lie in the soft limits before a name is believed. Chosen by
# judgement on the shared tables, not by simulation: real columns of the very ill have a few per
# cent beyond the soft limits, and dirty ones up to a tenth in codes and other units. Lower, and
# "mass" of a tumour becomes a body mass index; higher, and one site in other units hides a column.
AGREES = 0.8
AGREES_AMBIGUOUS = 0.95  # the same for names that often mean something else ("ca", "map")
# When a whole column is taken to be in another unit although most values agree with the canonical
# one, too: share that the other explains, cells and share that the canonical one leaves outside the
# limits, and how many times fewer the other leaves. Chosen by judgement on simulated columns of 28
# concepts with cells in other units; laxer, and a few odd cells decide for hundreds.
WHOLLY, FEWEST_OUTSIDE, LEAST_OUTSIDE, TIMES_FEWER = 0.98, 3, 0.01, 4
FEWEST_DISTINCT = 10  # with fewer distinct values, an ambiguous name may be a coded category


@dataclass(frozen=True)
class ColumnConcept:
    """The concept of a column and what speaks for it; made by `column_concept`.

    Parameters
    ----------
    name : str
        Concept, as in clinical_ranges.csv.
    is_declared : bool
        A schema says so; else the column's name does.
    is_ambiguous : bool
        The name often means something else.
    readings : tuple of (unit, factor, offset)
        Units in which the values agree with the concept, the likeliest first; empty where none
        does or no values were given.
    share : float
        Share of the values within the soft limits in the likeliest unit.
    share_mixed : float
        Share of the values within the soft limits in any of the concept's units.
    """

    name: str
    is_declared: bool = False
    is_ambiguous: bool = False
    readings: tuple = ()
    share: float = np.nan
    share_mixed: float = np.nan

    @property
    def is_named(self):
        """The schema or an unmistakable name says so, whatever the values are."""
        return self.is_declared or not self.is_ambiguous

    @property
    def needed(self):
        """Share of values that must agree."""
        return AGREES if self.is_named else AGREES_AMBIGUOUS

    @property
    def agrees_mixed(self):
        """Nearly all values agree, each in some unit: a column may hold several."""
        return self.share_mixed >= self.needed


def column_concept(column, declared=None, values=None, counts=None, *, populations=POPULATIONS):
    """Return which clinical concept a column is, with the evidence, or None.

    Parameters
    ----------
    column : hashable
        Label of the column.
    declared : Variable or mapping, optional
        What a schema says; its concept decides, its unit is the only one that is read.
    values : array-like of float, optional
        Finite numbers of the column. Without any, the answer rests on schema and name.
    counts : array-like of int, optional
        How often each value occurs; once where not given.
    populations : sequence of str
        Whose soft limits the values may lie in.

    Returns
    -------
    ColumnConcept or None

    Examples
    --------
    >>> from healthml._core._knowledge import column_concept
    >>> found = column_concept("serum_creatinine", values=[62.0, 88.0, 104.0])
    >>> found.name, [unit for unit, _, _ in found.readings]
    ('creatinine', ['umol/L', 'mg/L'])
    >>> column_concept("map").is_named, column_concept("ward") is None
    (False, True)
    """
    concept, unit = (_declared(declared, key) for key in ("concept", "unit"))
    name = concept or match_concept(str(column))
    if name not in concept_names():
        return None
    ambiguous = not concept and is_ambiguous(str(column))
    if values is None or not len(values):
        return ColumnConcept(name, bool(concept), ambiguous)
    values = np.asarray(values, dtype=float)
    counts = np.ones(len(values)) if counts is None else np.asarray(counts)
    soft = _soft_limits(name, populations)
    shares, mixed = _shares(values, counts, _units_to_read(column, name, unit), name, soft)
    concept_found = ColumnConcept(name, bool(concept), ambiguous, (), max(shares.values()), mixed)
    if ambiguous and len(np.unique(values)) < FEWEST_DISTINCT:
        return concept_found
    readings = _readings(name, shares, concept_found.needed)
    if len(readings) > 1 and unit is None and unit_in_name(str(column), name) is None:
        other = _whole_unit(name, values, counts, shares, soft)
        readings = tuple(sorted(readings, key=lambda unit: unit != other)) if other else readings
    return replace(concept_found, readings=readings)


def _declared(declared, key):
    is_mapping = isinstance(declared, Mapping)
    return declared.get(key) if is_mapping else getattr(declared, key, None)


def _soft_limits(name, populations):
    usual = concept_limits(name)["soft"]
    pairs = [population_soft(name, population) or usual for population in populations]
    return min(low for low, _ in pairs), max(high for _, high in pairs)


@lru_cache(maxsize=4096)
def unit_in_name(column, concept):
    """Return the unit at the end of a column's name, as one of a concept, or None.

    Examples
    --------
    >>> from healthml._core._knowledge.concepts import unit_in_name
    >>> unit_in_name("crp_mg_dl", "crp")[0], unit_in_name("crp", "crp") is None
    ('mg/dL', True)
    """
    words = [word for word in re.split(r"[^a-z0-9]+", column.lower()) if word]
    for n in (3, 2, 1):
        if len(words) > n and not words[-1].isdigit():
            unit = find_unit(concept, "/".join(words[-n:]))
            if unit is not None:
                return unit
    return None


@lru_cache(maxsize=4096)
def unit_at_end(column):
    """Return the unit with which a column's name ends, as UCUM code, or "" where it has none.

    Only for a column whose cells name units, too: "los_days" among cells such as "36 h".

    Examples
    --------
    >>> from healthml._core._knowledge.concepts import unit_at_end
    >>> unit_at_end("los_days"), unit_at_end("dose (mg)"), unit_at_end("sofa_min")
    ('d', 'mg', '')
    """
    words = [word for word in re.split(r"[^a-z0-9]+", str(column).lower()) if word]
    if len(words) < 2 or words[-1] in _OTHER_ENDINGS or words[-1].isdigit():
        return ""
    unit = unit_code(words[-1])
    return unit if unit is not None and unit_like(unit) is not None else ""


def _units_to_read(column, name, unit):
    """Return the declared unit alone where the concept has it; else all, the name's first."""
    declared = find_unit(name, unit) if unit else None
    if declared:
        return [declared]
    named, units = unit_in_name(str(column), name), concept_limits(name)["units"]
    return units if named is None else [named, *(u for u in units if u[1:] != named[1:])]


def _shares(values, counts, units, name, soft):
    """Return {unit: share of the values within limits}, and the share within those of any unit.

    A missing code speaks against no unit.
    """
    no_code, known = ~is_number_code(values), distinct_units(name)
    inside = {unit: _inside(values, unit, soft) for unit in {*units, *known}}

    def share(inside):
        n_judged = counts[inside | no_code].sum()
        return float(counts[inside].sum() / n_judged) if n_judged else 0.0

    in_any = np.logical_or.reduce([inside[unit] for unit in known])
    return {unit: share(inside[unit]) for unit in units}, share(in_any)


def _inside(values, unit, limits):
    canonical = values * unit[1] + unit[2]
    return (canonical >= limits[0]) & (canonical <= limits[1])


def _is_of_body(name):
    return concept_limits(name)["category"] == "anthropometric"


def _whole_unit(name, values, counts, shares, soft):
    """Return the unit of the whole column where that is another than the canonical one, or None.

    The values beyond the canonical limits are all ordinary in that unit, and so are the rest, whose
    middle lies nearer to the middle of the limits: the column is in that unit, not these cells.
    """
    units = list(shares)
    outside = {unit: 1 - shares[unit] for unit in units}
    n_outside = outside[units[0]] * counts.sum()
    if _is_of_body(name) or n_outside < FEWEST_OUTSIDE or outside[units[0]] < LEAST_OUTSIDE:
        return None
    order = np.argsort(values)
    middle = values[order][np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)]

    def off_centre(unit):
        canonical = middle * unit[1] + unit[2]
        return abs(np.log(canonical) - np.log(soft).mean()) if canonical > 0 else np.inf

    allowed = min(1 - WHOLLY, outside[units[0]] / TIMES_FEWER)
    others = [unit for unit in units[1:] if outside[unit] <= allowed]
    best = min([units[0], *others], key=off_centre) if soft[0] > 0 else units[0]
    return None if best == units[0] else best


def _readings(name, shares, needed):
    """Return the units that agree: the canonical one first, else by their share."""
    units = list(shares)
    agreeing = [unit for unit in units if shares[unit] >= needed]
    if name == "age" and units[0] in agreeing:  # months and days lie among possible years too
        agreeing = units[:1]
    if _is_of_body(name) and shares[units[0]] >= AGREES:  # adults' kilograms are infants' ounces
        agreeing = list(dict.fromkeys([units[0], *agreeing]))
    if units[0] not in agreeing:
        agreeing.sort(key=lambda unit: -shares[unit])
    return tuple(agreeing)
