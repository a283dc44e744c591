"""Names of units as people write them, and the conversion of one concept's values."""

import re
from functools import lru_cache

import numpy as np
import pandas as pd

from healthml._core._knowledge import concept_limits, load_ranges, match_concept
from healthml.exceptions import InputError

_SAME = {
    "lb": "lb_av lbs pound pounds lbm",
    "oz": "oz_av ounce ounces",
    "stone": "stone_av st",
    "in": "in_i inch inches in_us",
    "ft": "ft_i foot feet ft_us",
    "degf": "f fahrenheit degreef degreesf degfahrenheit",
    "cel": "c degc celsius degreec degreesc degcelsius",
    "k": "kelvin",
    "%": "percent pct",
    "1": "fraction proportion ratio decimal l/l g/g",
    "a": "y yr yrs year years",
    "mo": "month months mon mth",
    "d": "day days",
    "kg": "kgs kilo kilogram kilograms",
    "g": "gm gram grams",
    "cm": "cms centimeter centimetre centimeters centimetres",
    "mm": "millimeter millimetre",
    "m": "meter metre meters metres",
    "mmhg": "torr mm_hg",
    "meq/l": "mval/l",
    "miu/l": "mu/l uiu/ml uu/ml",
    "u/l": "iu/l units/l",
    "uiu/ml": "",
    "10*9/l": "giga/l g_pt/l",
    "10*3/ul": "k/ul thou/ul 10*3/mm3 k/mm3 tsd/ul",
    "10*6/ul": "m/ul mill/ul 10*6/mm3",
    "10*12/l": "t/l tera/l",
    "/ul": "/mm3 cells/ul cells/mm3",
    "ml/min/1.73m2": "ml/min/1.73 ml/min ml/min/1.73sqm",
    "mosm/kg": "mosmol/kg mosm/kgh2o",
    "mg/dl": "mg% mgdl",
    "mmol/l": "mmoll mm/l",
    "umol/l": "umoll",
    "ml/24.h": "ml/24h ml/day ml/d",
    "l/24.h": "l/24h l/day l/d",
    "bpm": "/min beats/min 1/min",
}
_PREFIXES = ((r"^mc(?=mol|g)|micro(?=mol|g|kat|l)", "u"), (r"milli(?=mol|g|l)", "m"))
_POWER = re.compile(r"^x?10(?:\*|\^|e|\*\*)?e?(3|6|9|12)(?=/)")
SEPARATOR = re.compile(r"[\s_\[\]{}()]+")


@lru_cache(maxsize=4096)
def unit_key(name):
    """Return the spelling under which a unit is looked up: "µmol/L", "umol/l" are one.

    Parameters
    ----------
    name : str
        Unit as somebody wrote it, in UCUM or not.

    Returns
    -------
    str

    Examples
    --------
    >>> from healthml.cleaning._units.convert import unit_key
    >>> unit_key("µmol/L") == unit_key("umol / l"), unit_key("°F") == unit_key("[degF]")
    (True, True)
    >>> unit_key("lbs"), unit_key("x10^9/L"), unit_key("ng/mL FEU")
    ('lb', '10*9/l', 'ng/mlfeu')
    """
    text = str(name).replace("µ", "u").replace("μ", "u").replace("°", "deg")
    text = text.replace("²", "2").replace("³", "3").replace("⁹", "9").replace("⁶", "6")
    text = re.sub(r"\bper\b", "/", text.lower()).replace("^2", "2")
    text = SEPARATOR.sub("", text)
    text = text.replace("litre", "l").replace("liter", "l").replace("gm/", "g/")
    for pattern, letter in _PREFIXES:
        text = re.sub(pattern, letter, text)
    text = _POWER.sub(r"10*\1", text)
    return _same().get(text, text)


@lru_cache
def _same():
    """Return {spelling: usual spelling}, spellings without separators."""
    pairs = {}
    for usual, others in _SAME.items():
        for other in others.split():
            pairs.setdefault(SEPARATOR.sub("", other), usual)
    return pairs


@lru_cache(maxsize=4096)
def find_unit(concept, name):
    """Return a concept's unit by any spelling, as (unit, factor, offset), or None.

    Examples
    --------
    >>> from healthml.cleaning._units.convert import find_unit
    >>> find_unit("creatinine", "µmol/L")
    ('umol/L', 0.011312, 0.0)
    >>> find_unit("creatinine", "mmHg") is None
    True
    """
    key = unit_key(name)
    for unit in concept_limits(concept)["units"]:
        if unit_key(unit[0]) == key:
            return unit
    return None


def distinct_units(concept):
    """Return the units of a concept that differ in size, the canonical one first.

    Examples
    --------
    >>> from healthml.cleaning._units.convert import distinct_units
    >>> [unit for unit, _, _ in distinct_units("wbc")]
    ['10*3/uL', '/uL']
    """
    kept = []
    for unit in concept_limits(concept)["units"]:
        if not any(np.isclose(unit[1], k[1], rtol=1e-6) and unit[2] == k[2] for k in kept):
            kept.append(unit)
    return kept


def between(values, source, target):
    """Return numbers taken from one (unit, factor, offset) to another.

    Examples
    --------
    >>> from healthml.cleaning._units.convert import between
    >>> between(98.6, ("[degF]", 5 / 9, -160 / 9), ("Cel", 1.0, 0.0)).round(6)
    np.float64(37.0)
    """
    if source[1:] == target[1:]:
        return np.asarray(values, dtype=float)
    return (np.asarray(values, dtype=float) * source[1] + (source[2] - target[2])) / target[1]


def convert(values, concept, from_unit, to_unit):
    """Convert values of one clinical concept from one unit to another.

    The concept decides: a factor that is right for creatinine is wrong for bilirubin, HbA1c has
    an offset, an equivalent of calcium is half a mole, urea and urea nitrogen are not the same.

    Parameters
    ----------
    values : float or array-like of float
        Values in `from_unit`; missing ones stay missing.
    concept : str
        Concept, by its name in healthml's table of ranges or a known synonym ("creatinine").
    from_unit, to_unit : str
        Units, in UCUM or as usually written ("mg/dL", "umol/L", "µmol/l", "°F", "lb").

    Returns
    -------
    float, ndarray or pandas.Series
        Of the kind of `values`.

    Raises
    ------
    InputError
        If the concept is unknown, or has no such unit; the known ones are listed.

    Examples
    --------
    >>> from healthml.cleaning import convert
    >>> round(convert(100.0, "creatinine", "µmol/L", "mg/dL"), 4)
    1.1312
    >>> round(convert(48.0, "hba1c", "mmol/mol", "%"), 2)
    6.54
    """
    name = _concept(concept)
    source, target = (_known_unit(name, unit) for unit in (from_unit, to_unit))
    if isinstance(values, pd.Series):
        numbers = values.to_numpy(dtype=float, na_value=np.nan)
        return pd.Series(between(numbers, source, target), index=values.index, name=values.name)
    out = between(values, source, target)
    return float(out) if out.ndim == 0 else out


def _concept(name):
    names = set(load_ranges()["name"])
    found = name if name in names else match_concept(str(name))
    if found is None:
        raise InputError(
            f"concept={name!r} is not known; use a name of healthml's table of ranges, "
            "such as 'creatinine' or 'glucose'."
        )
    return found


def _known_unit(concept, name):
    unit = find_unit(concept, name)
    if unit is None:
        known = ", ".join(u for u, _, _ in concept_limits(concept)["units"])
        raise InputError(f"{concept} has no unit {name!r}; known units: {known}.")
    return unit
