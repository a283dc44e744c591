"""Units as people write them, and their UCUM codes: "mg/dl", "µmol/l", "mm Hg", "x10^9/L", "°F"."""

import re
from functools import lru_cache

from healthml._core._knowledge import load_units

_WHOLE = {
    "Cel": "°c|ºc|c|degc|deg c|celsius|degrees c|degrees celsius|centigrade|°",
    "[degF]": "°f|ºf|f|degf|deg f|fahrenheit|degrees f|degrees fahrenheit",
    "%": "%|percent|pct|per cent|vol%",
    "mm[Hg]": "mmhg|mm hg|mm[hg]|torr|mm(hg)",
    "cm[H2O]": "cmh2o|cm h2o|cm[h2o]",
    "kPa": "kpa",
    "/min": "/min|bpm|beats/min|breaths/min|b/min|/minute|min-1|min^-1|beats per minute|brpm",
    "kg/m2": "kg/m2|kg/m^2|kg/sqm|kg/m*2",
    "[in_i]": 'in|inch|inches|"|in.',
    "[ft_i]": "ft|feet|foot",
    "[lb_av]": "lb|lbs|pound|pounds",
    "[oz_av]": "oz|ounce|ounces",
    "[stone_av]": "st|stone|stones",
    "a": "y|yr|yrs|year|years|years old|yo|y/o|y.o|jahre|ans",
    "mo": "mo|mos|mth|mths|month|months|months old",
    "wk": "wk|wks|week|weeks|weeks old",
    "d": "d|day|days|days old",
    "h": "h|hr|hrs|hour|hours",
    "min": "min|mins|minute|minutes",
    "s": "s|sec|secs|second|seconds",
    "mg/dL": "mg%|mgs%",
    "g/dL": "g%|gm%|gms%",
    "10*3/uL": "k/ul|k/mm3|k/cumm|thou/ul|thousand/ul|th/ul|k/mcl|10*3/ul",
    "10*6/uL": "mil/ul|mill/ul|million/ul|million/mm3|mill/mm3|10*6/ul",
    "10*9/L": "giga/l|gpt/l|bil/l|billion/l",
    "10*12/L": "tera/l|tpt/l|t/l",
    "/uL": "cells/ul|cell/ul|/ul|/mm3|cells/mm3|/cumm|cells/cumm|/cmm",
    "mL/min/{1.73_m2}": "ml/min/1.73m2|ml/min/1.73m^2|ml/min/1.73 m2|ml/min/1.73 m^2|"
    "ml/min/{1.73_m2}|ml/min/1.73sqm|ml/min/bsa",
    "{INR}": "inr",
    "{ratio}": "ratio",
    "[pH]": "ph",
    "mm/h": "mm/1h|mm/1hr|mm 1h|mm/first hour",
    "mosm/kg": "mosm/kg h2o|mosm/kgh2o|mosmol/kg|mosm/kg water|mosmol/kg h2o",
    "{score}": "points|point|pts|score",
    "/[HPF]": "/hpf|per hpf|cells/hpf",
    "/[LPF]": "/lpf|per lpf|cells/lpf",
}
_ATOMS = {
    **{f"{p}{u}": f"{p}{u}" for u in ("g", "mol", "m") for p in ("", "k", "m", "u", "n", "p", "f")},
    **{f"{p}l": f"{p}L" for p in ("", "d", "c", "m", "u", "n", "f")},
    **{f"{p}kat": f"{p}kat" for p in ("", "u", "n", "m")},
    **{f"{p}u": f"{p}U" for p in ("", "m", "u", "k", "n")},
    **{f"{p}iu": f"{p}[IU]" for p in ("", "m", "u", "k", "n")},
    **{f"{p}eq": f"{p}eq" for p in ("", "m", "u", "n")},
    **{f"{p}osm": f"{p}osm" for p in ("", "m")},
    "gm": "g", "gms": "g", "gr": "g", "gram": "g", "grams": "g", "mgs": "mg", "kgs": "kg",
    "kilo": "kg", "kilos": "kg", "kilogram": "kg", "kilograms": "kg", "cm": "cm", "cms": "cm",
    "mcg": "ug", "mcmol": "umol", "mcl": "uL", "litre": "L", "liter": "L", "litres": "L",
    "liters": "L", "cc": "mL", "ccs": "mL", "unit": "U", "units": "U", "osmol": "osm",
    "mosmol": "mosm", "mmol/mol": "mmol/mol", "h": "h", "hr": "h", "hour": "h", "24h": "(24.h)",
    "24hr": "(24.h)", "24 h": "(24.h)", "24hrs": "(24.h)", "(24.h)": "(24.h)", "d": "d",
    "day": "d", "min": "min", "s": "s", "sec": "s", "m2": "m2", "copies": "{copies}",
    "cfu": "[CFU]", "um3": "um3", "pmol": "pmol", "meter": "m", "metre": "m",
}  # fmt: skip
_SYNONYMS = {name: code for code, names in _WHOLE.items() for name in names.split("|")}
_POWER = re.compile(r"(?:x|\*|\u00d7)?\s*10\s*(?:\^|\*\*?|e)?\s*(3|6|9|12)")
_ASSAY = re.compile(r"\s*[({\[]?(feu|ddu|urea)[)}\]]?$")
_OF_CREATININE = re.compile(r"\s*[({\[]?(creatinine|creat|crea|cr)[)}\]]?$")


@lru_cache(maxsize=4096)
def ucum_unit(text):
    """Return the UCUM code of a unit written in any usual spelling, or None.

    Parameters
    ----------
    text : str
        The unit alone.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from healthml.cleaning._lab_values.units import ucum_unit
    >>> [ucum_unit(u) for u in ("mg/dl", "µmol/l", "mm Hg", "x10^9/L", "mIU/L", "°F", "high")]
    ['mg/dL', 'umol/L', 'mm[Hg]', '10*9/L', 'm[IU]/L', '[degF]', None]
    """
    text = " ".join(text.split())
    if text in _known_codes():
        return text
    if text in ("M/uL", "M/mm3", "M/mcL", "M/UL"):
        return "10*6/uL"
    key = _key(text)
    if key in _SYNONYMS:
        return _SYNONYMS[key]
    assay = _ASSAY.search(key)
    if assay and "/" in key:
        plain = ucum_unit(key[: assay.start()])
        return plain and f"{plain}{{{assay[1] if assay[1] == 'urea' else assay[1].upper()}}}"
    return _composed(_OF_CREATININE.sub("", key))


def _key(text):
    key = text.casefold().replace("µ", "u").replace("μ", "u").strip().rstrip(".")
    if len(key) > 2 and key[0] + key[-1] in ("()", "[]") and key[1:-1].isascii():
        key = key[1:-1] if not re.search(r"[\[({]", key[1:-1]) else key
    key = re.sub(r"\s*(?:/|\bper\b)\s*", "/", key)
    return re.sub(r"/dl?eciliter|/decilitre", "/dl", re.sub(r"/lit(?:er|re)$", "/l", key))


def _composed(key):
    """Return a code put together from parts between slashes."""
    parts = key.split("/")
    if len(parts) > 3 or not parts[-1]:
        return None
    codes = [_part(part.strip()) for part in parts]
    return None if None in codes else "/".join(codes)


def _part(part):
    power = _POWER.fullmatch(part)
    if power:
        return f"10*{power[1]}"
    if part in ("", "cells", "cell"):
        return ""
    return _ATOMS.get(part)


@lru_cache
def _known_codes():
    units = load_units()
    return frozenset(units["unit"]) - {"1"} | frozenset(units["canonical_ucum"])
