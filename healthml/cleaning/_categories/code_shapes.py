"""Shapes of code systems: ICD-10, ICD-9, LOINC, ATC, UCUM. No vocabulary is shipped."""

import re
from itertools import product

import numpy as np

ICD10, ICD9, LOINC, ATC, UCUM = "icd10", "icd9", "loinc", "atc", "ucum"
SHAPES = {
    ICD10: re.compile(r"[A-Z]\d[0-9AB](\.?[0-9A-HJ-NP-Z]{1,4})?"),
    ICD9: re.compile(r"(\d{3}|V\d\d)(\.?\d{1,2})?|E\d{3}(\.?\d)?"),
    LOINC: re.compile(r"\d{1,5}-\d"),
    ATC: re.compile(r"[A-DGHJLMNPRSV](\d{2}([A-Z]([A-Z](\d{2})?)?)?)?"),
    UCUM: re.compile(r"[!-~]+"),
}
_FULL_ATC = re.compile(r"[A-DGHJLMNPRSV]\d{2}[A-Z]{2}\d{2}")
_AS_DIGIT = {"I": "1", "L": "1", "|": "1", "O": "0", "S": "5", "B": "8", "Z": "2"}
_AS_LETTER = {"1": "IL", "|": "IL", "l": "LI", "0": "O", "5": "S", "8": "B", "2": "Z"}
# Characters of the longest ICD-10-CM code, without its dot.
_LONGEST_ICD10 = 7


def loinc_check_digit(number):
    """Return the check digit of a LOINC number (mod 10, Luhn).

    >>> loinc_check_digit("2160")  # creatinine, 2160-0
    0
    """
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return -total % 10


def is_valid(code, system):
    """Say whether a code has the shape of its system, check digit and brackets included.

    >>> is_valid("2160-0", "loinc"), is_valid("2160-1", "loinc"), is_valid("mm[Hg", "ucum")
    (True, False, False)
    """
    if not SHAPES[system].fullmatch(code):
        return False
    if system == LOINC:
        number, check = code.split("-")
        return loinc_check_digit(number) == int(check)
    if system == UCUM:
        return all(code.count(a) == code.count(b) for a, b in ("[]", "{}", "()"))
    return True


def valid_codes(codes, system):
    """Return for each code whether it has the shape of its system."""
    return np.array([is_valid(code, system) for code in codes], dtype=bool)


def typical_codes(codes, system, dotted):
    """Say which codes speak for their system: of full length, with the point where one is used.

    >>> typical_codes(["I21.4", "P100"], "icd10", True)
    array([ True, False])
    """
    if system == ATC:
        return np.array([bool(_FULL_ATC.fullmatch(code)) for code in codes], dtype=bool)
    valid = valid_codes(codes, system)
    if system == ICD10 and dotted:
        valid &= np.array(["." in code or len(code) == 3 for code in codes], dtype=bool)
    return valid


def icd10_readings(text, dotted):
    """Return what a text may be as an ICD-10 code, letters and digits taken by their place.

    Readings are in upper case; none where no reading has the shape. `dotted`: the column writes the
    point.

    >>> icd10_readings("EII.9", True), icd10_readings("l21.4", True), icd10_readings("I214", True)
    (['E11.9'], ['L21.4', 'I21.4'], ['I21.4'])
    """
    body = re.sub(r"\s", "", text).replace(",", ".").rstrip(".;:-")
    if "." in body and body.find(".") != 3:
        return []
    chars = body.replace(".", "")
    if not 3 <= len(chars) <= _LONGEST_ICD10 or body.count(".") > 1:
        return []
    first = _AS_LETTER.get(chars[0], chars[0].upper())
    second = [_digit(chars[1])]
    third = [chars[2].upper() if chars[2] in "ABab" else _digit(chars[2])]
    rest = [_late(c) for c in chars[3:]]
    readings = ["".join(r) for r in product(first, second, third, *rest)]
    readings = [f"{r[:3]}.{r[3:]}" if dotted and len(r) > 3 else r for r in readings]
    return [r for r in readings if SHAPES[ICD10].fullmatch(r)]


def _digit(char):
    return char if char.isdigit() else _AS_DIGIT.get(char.upper(), char)


def _late(char):
    """Read a place after the third: I and O are not used there, so they are 1 and 0."""
    return "1" if char in "Iil|" else "0" if char in "Oo" else char.upper()
