"""Units of measurement: the UCUM code behind a spelling, and the units that a concept has.

One table (``unit_spellings.csv``) and one normalising function serve whoever meets a unit: a cell
of laboratory results, a column of units, a Schema, or `healthml.cleaning.convert`.
"""

import re
from functools import lru_cache

import numpy as np

from healthml._core._knowledge.facts import concept_limits, read_facts

# Metric units by the letters that people write; a prefix may stand before each.
_METRIC = {
    "g": ("g", " k m u n p f"),
    "mol": ("mol", " k m u n p f"),
    "m": ("m", " k m u n"),
    "l": ("L", " d c m u n f"),
    "kat": ("kat", " u n m"),
    "u": ("U", " m u k n"),
    "iu": ("[IU]", " m u k n"),
    "eq": ("eq", " m u n"),
    "osm": ("osm", " m"),
}
# Powers of ten of the SI prefixes.
_PREFIX = {"": 0, "k": 3, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
# What a unit measures and its size among units of the same kind. A year of age is 365.25 days, a
# month a twelfth of it (as in clinical_units.csv); one U is one umol of substrate per minute, so a
# katal is 6e7 of them. U and [IU] are the same for any one analyte; litres are not cubic metres.
_KIND = {
    "g": ("mass", 1.0), "mol": ("amount", 1.0), "m": ("length", 1.0), "L": ("volume", 1.0),
    "um3": ("volume", 1e-15), "U": ("activity", 1.0), "[IU]": ("activity", 1.0),
    "kat": ("activity", 6e7), "eq": ("charge", 1.0), "osm": ("osmoles", 1.0),
    "s": ("time", 1.0), "min": ("time", 60.0), "h": ("time", 3600.0), "d": ("time", 86400.0),
    "(24.h)": ("time", 86400.0), "wk": ("time", 7 * 86400.0), "mo": ("time", 86400 * 365.25 / 12),
    "a": ("time", 86400 * 365.25),
}  # fmt: skip
_METRIC_CODE = re.compile(r"([kdcmunpf]?)(g|mol|m|L|U|\[IU\]|kat|eq|osm)")
_BRACKETS_AND_SPACES = re.compile(r"[\s_\[\]{}()]+")
_PLAIN = str.maketrans("µμ²³⁹⁶", "uu2396")
_POWER = re.compile(r"(?:x|\*|\u00d7)?10(?:\^|\*\*?|e)?e?(3|6|9|12)")
_ASSAY = re.compile(r"(feu|ddu|urea)$")  # fibrinogen or D-dimer equivalents; urea, not its nitrogen
_OF_CREATININE = re.compile(r"(?<=[gl])(creatinine|creat|crea|cr)$")
# A unit is derived only within this factor of the canonical one: no laboratory prints an analyte in
# a unit a thousand times larger, so it would be a slip in the unit. Chosen by judgement, not by
# simulation; larger lets "g/L" for "mg/L" pass as a unit, smaller loses weeks of age (1/52).
MOST = 1000 * (1 - 1e-9)
SAME_SIZE = 1e-6  # relative; the factors of clinical_units.csv have seven to ten digits


@lru_cache(maxsize=4096)
def unit_code(spelling):
    """Return the UCUM code of a unit written in any usual spelling, or None.

    Parameters
    ----------
    spelling : str
        The unit alone, as somebody wrote it.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml._core._knowledge.units import unit_code
    >>> [unit_code(u) for u in ("mg/dl", "µmol/l", "mm Hg", "x10^9/L", "mIU/L", "°F", "high")]
    ['mg/dL', 'umol/L', 'mm[Hg]', '10*9/L', 'm[IU]/L', '[degF]', None]
    """
    text = " ".join(str(spelling).split())
    if text in _shipped_codes():
        return text
    key = _key(text)
    if key in _spellings():
        return _spellings()[key]
    assay = _ASSAY.search(key)
    if assay and "/" in key:
        code = unit_code(key[: assay.start()])
        return code and f"{code}{{{assay[1] if assay[1] == 'urea' else assay[1].upper()}}}"
    return _compound(_OF_CREATININE.sub("", key))


@lru_cache(maxsize=4096)
def find_unit(concept, spelling):
    """Return a unit as one of a concept: (UCUM code, factor, offset) to its canonical unit.

    Units that differ from a shipped one only by powers of ten or by time ("g/L" for "mg/dL",
    weeks for years) follow from it; what a mole weighs is never derived.

    Parameters
    ----------
    concept : str
        Name in clinical_ranges.csv.
    spelling : str
        Unit as somebody wrote it.

    Returns
    -------
    tuple or None
        None where the concept has no such unit.

    Examples
    --------
    >>> from healthml._core._knowledge.units import find_unit
    >>> find_unit("creatinine", "µmol/L"), find_unit("wbc", "K/cumm")
    (('umol/L', 0.011312, 0.0), ('10*3/uL', 1.0, 0.0))
    >>> find_unit("hemoglobin", "mg/mL")
    ('mg/mL', 0.1, 0.0)
    >>> find_unit("creatinine", "mmHg") is None
    True
    """
    code = unit_code(spelling)
    if code is None and str(spelling).strip() != "1":
        return None
    units = concept_limits(concept)["units"]
    for unit in units:
        if unit_code(unit[0]) == code or unit[0] == code:
            return unit
    kind, size = _size(code or "1")
    for unit, factor, offset in units:
        other, base = _size(unit)
        derived = factor * size / base
        near = 1 / MOST < derived < MOST or abs(size / base - 1) < SAME_SIZE
        if kind is not None and kind == other and not offset and near:
            return code, float(f"{derived:.12g}"), 0.0
    return None


# UCUM codes that a reader would not know from their letters
_READABLE = {
    "a": "years", "mo": "months", "wk": "weeks", "d": "days", "Cel": "°C", "[degF]": "°F",
    "[in_i]": "inches", "[lb_av]": "pounds", "[oz_av]": "ounces", "[pH]": "", "{score}": "",
    "{ratio}": "", "{INR}": "",
}  # fmt: skip


def readable_unit(code):
    """Return a UCUM code as a reader would write it; anything else as it is.

    Parameters
    ----------
    code : str or None
        The code.

    Returns
    -------
    str
        Empty for quantities without a unit.

    Examples
    --------
    >>> from healthml._core._knowledge.units import readable_unit
    >>> [readable_unit(code) for code in ("a", "mm[Hg]", "10*3/uL", "mL/min/{1.73_m2}", "{score}")]
    ['years', 'mmHg', '10^3/uL', 'mL/min/1.73 m2', '']
    """
    if not isinstance(code, str):
        return ""
    if code in _READABLE:
        return _READABLE[code]
    text = code.replace("10*", "10^").replace("(24.h)", "24 h").replace("/{1.73_m2}", "/1.73 m2")
    return re.sub(r"[\[\]]", "", re.sub(r"\{(\w+)\}", r" \1", text)).strip()


@lru_cache(maxsize=4096)
def unit_like(spelling, other=None):
    """Return a unit whose size is known without a concept: (UCUM code, size, 0.0), or None.

    Parameters
    ----------
    spelling : str
        Unit as somebody wrote it.
    other : str, optional
        UCUM code of a unit of which it must be a multiple.

    Examples
    --------
    >>> from healthml._core._knowledge.units import unit_like
    >>> unit_like("mcg", "mg"), unit_like("mL", "mg") is None
    (('ug', 1e-06, 0.0), True)
    """
    code = unit_code(spelling)
    kind, size = _size(code) if code else (None, 1.0)
    if kind is None or (other is not None and _size(other)[0] != kind):
        return None
    return code, size, 0.0


@lru_cache
def distinct_units(concept):
    """Return the units of a concept that differ in size, the canonical one first.

    Examples
    --------
    >>> from healthml._core._knowledge.units import distinct_units
    >>> [unit for unit, _, _ in distinct_units("wbc")]
    ['10*3/uL', '/uL']
    """
    distinct = []
    for unit in concept_limits(concept)["units"]:
        if not any(same_size(unit, other) for other in distinct):
            distinct.append(unit)
    return tuple(distinct)


def same_size(unit, other):
    """Say whether two (unit, factor, offset) of one concept are equal but for their names.

    Examples
    --------
    >>> from healthml._core._knowledge.units import find_unit, same_size
    >>> same_size(find_unit("sodium", "mEq/L"), find_unit("sodium", "mmol/L"))
    True
    """
    return bool(np.isclose(unit[1], other[1], rtol=SAME_SIZE, atol=0)) and unit[2] == other[2]


def between_units(values, source, target):
    """Return numbers taken from one (unit, factor, offset) to another.

    Examples
    --------
    >>> from healthml._core._knowledge.units import between_units
    >>> between_units(98.6, ("[degF]", 5 / 9, -160 / 9), ("Cel", 1.0, 0.0)).round(6)
    np.float64(37.0)
    """
    values = np.asarray(values, dtype=float)
    if source[1:] == target[1:]:
        return values
    return (values * source[1] + (source[2] - target[2])) / target[1]


def _key(text):
    """Return a spelling without case, spaces, brackets and other signs that carry no meaning."""
    key = text.translate(_PLAIN).casefold().strip().rstrip(".")
    key = re.sub(r"\s*\bper\b(?! ?cent)\s*", "/", key).replace("^2", "2")
    return _BRACKETS_AND_SPACES.sub("", key)


@lru_cache
def _spellings():
    """Return {key: code} of units that stand alone, shipped codes included."""
    table = read_facts("unit_spellings")
    table = table[~table["unit"].str.fullmatch(r"10\*\d+")]  # "5 million" is a number, no unit
    codes = {_key(code): code for code in sorted(_shipped_codes(), reverse=True)}
    return codes | {_key(s): u for s, u in zip(table["spelling"], table["unit"], strict=True)}


@lru_cache
def _parts():
    """Return {key: code} of units that may stand between slashes."""
    table = read_facts("unit_spellings").query("in_compounds == 'yes'")
    codes = {
        prefix.strip() + letters: prefix.strip() + code
        for letters, (code, prefixes) in _METRIC.items()
        for prefix in prefixes.split(" ")
    }
    return codes | {_key(s): u for s, u in zip(table["spelling"], table["unit"], strict=True)}


@lru_cache
def _shipped_codes():
    units = read_facts("clinical_units")
    return frozenset(units["unit"]) - {"1"} | frozenset(units["canonical_ucum"])


def _compound(key):
    """Return a code put together from parts between slashes, or None."""
    parts = key.split("/")
    if len(parts) > 3 or not parts[-1]:
        return None
    codes = [_part(part) for part in parts]
    if None in codes or (len(parts) == 1 and key in _parts() and codes[0].startswith("10*")):
        return None
    return "/".join(codes)


def _part(key):
    power = _POWER.fullmatch(key)
    if power:
        return f"10*{power[1]}"
    return "" if key in ("", "cells", "cell") else _parts().get(key)


@lru_cache
def _size(code):
    """Return what a code measures and how large it is; (None, 1) where that is not known."""
    assay = re.search(r"\{(FEU|DDU|urea)\}$", code)
    kinds, size = [], 1.0
    for place, part in enumerate((code[: assay.start()] if assay else code).split("/")):
        kind, factor = _size_of_part(part)
        if kind is None:
            return None, 1.0
        kinds.append(kind)
        size = size * factor if place == 0 else size / factor
    if len(kinds) == 2 and kinds[0] == kinds[1]:
        kinds = ["number"]  # litres of a litre
    return (*kinds, assay[1] if assay else ""), size


def _size_of_part(part):
    if part in ("", "1", "{ratio}"):
        return "number", 1.0
    if part.startswith("10*"):
        return "number", 10.0 ** int(part[3:])
    if part in _KIND:
        return _KIND[part]
    metric = _METRIC_CODE.fullmatch(part)
    if not metric:
        return None, 1.0
    kind, size = _KIND[metric[2]]
    return kind, size * float(f"1e{_PREFIX[metric[1]]}")
