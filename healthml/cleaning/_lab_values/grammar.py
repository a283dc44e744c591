"""One typed laboratory result: a number, limit, titre, range, finding, reason, or unclear."""

import re
from dataclasses import dataclass
from functools import lru_cache

from healthml._core._knowledge import unit_code
from healthml.cleaning._lab_values.numerals import (
    NUMERAL,
    POWER,
    decimal_mark,
    plain_text,
    read_numeral,
    read_power,
)
from healthml.cleaning._lab_values.words import (
    beyond_detection,
    finding,
    missing_reason,
    spelt_number,
    words_to_operator,
)
from healthml.exceptions import InputError

_SIGN = {"=<": "<=", "=>": ">=", "=<=": "<=", "=>=": ">=", "<<": "<", ">>": ">"}
_OPERATOR = re.compile(r"(<<|>>|=\s*<|=\s*>|<|>)\s*=?\s*")
_FLAG = r"(?:HH|LL|HI|LO|H|L|A|N|AA|\*{1,3}|!{1,2}|\^|↑|↓|#)"
_FLAG_BEFORE = re.compile(rf"(?:\(?{_FLAG}\)?\s+|[*↑↓!#]+\s*|\({_FLAG}\)\s*)(?=[-+<>\d.,])")
_FLAG_AFTER = re.compile(rf"[(\[]?{_FLAG}[)\]]?")
_ABOUT = re.compile(
    r"(?:~|≈|approx\.?|approximately|about|around|circa|ca\.?|c\.|etwa|ungefähr|environ|env\.|"
    r"aprox\.?|unos|unas|cerca de|ongeveer)\s*(?=[-+\d.,])",
    re.I,
)
_LABEL = re.compile(
    r"(?:=(?!\s*[<>])|(?:(?:final |corrected |repeat(?:ed)? )?(?:result|value|level|reading|"
    r"repeat(?:ed)?|corrected)|[a-z][a-z0-9 ]{0,14}(?=[:=]))\s*[:=]?)\s*(?=[-+<>=\d.,])",
    re.I,
)
_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE = re.compile(
    r"\d{4}-\d{1,2}(?:-\d{1,2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*|\d{4}/\d{1,2}/\d{1,2}.*|"
    r"(?:[2-9]|\d{2}):\d{2}(?::\d{2})?.*|"
    rf".*\d[ -](?:{_MONTHS})[a-z]*\b.*|(?:{_MONTHS})[a-z]*[ -]\d.*",
    re.I,
)
_TITRE = re.compile(r"1\s*:\s*(\d[\d,.]*(?: \d{3})*)((?:\s+|\s*[,;(]\s*)[^\W\d_][^\d]*)?")
_SLASH = re.compile(
    r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*(mm\s?hg)?((?:\s+|\s*[,;(]\s*)[^\W\d_][^\d]*)?", re.I
)
_COMA = re.compile(r"E\s?([1-4])\W*V\s?([1-5])\W*M\s?([1-6])", re.I)  # eyes, voice, movement
_RANGE = re.compile(rf"(?:between\s+)?({NUMERAL})\s*(?:-|to|and|\.\.\.)\s*({NUMERAL})\s*(.*)", re.I)
_NUMBER = re.compile(rf"({NUMERAL})({POWER})?(.*)")
_FEET = re.compile(
    r"(\d)\s*(?:'|ft\.?|feet|foot)\s*(\d{1,2}(?:\.\d+)?)\s*(?:\"|''|in\.?|inch(?:es)?)?"
)
_TWO_UNITS = re.compile(
    r"(\d+)\s*([a-z]{1,6})\.?\s*(?:,|and|&)?\s*(\d{1,3}(?:[.,]\d+)?)\s*(?:([a-z]{1,6})\.?)?", re.I
)
# Larger unit -> {smaller unit: how many of them make one}, and the unit of the sum.
_SMALLER = {
    "[stone_av]": ({"[lb_av]": 14}, "[lb_av]"),
    "[lb_av]": ({"[oz_av]": 16}, "[lb_av]"),
    "m": ({"cm": 100}, "m"),
    "a": ({"mo": 12, "wk": 365.25 / 7, "d": 365.25}, "a"),
    "mo": ({"wk": 365.25 / 84, "d": 365.25 / 12}, "mo"),
    "wk": ({"d": 7}, "wk"),
    "d": ({"h": 24}, "d"),
    "h": ({"min": 60}, "h"),
    "kg": ({"g": 1000}, "kg"),
}
# What a number without its unit is of, behind these: "11st4", "1m80", "2h30".
_UNSPOKEN = {"[stone_av]": "[lb_av]", "m": "cm", "h": "min"}
_COMMENT = re.compile(r"(?:\s+|\s*[,;:(\[-]\s*)[^\W\d_][^\d]*|\s*[(\[].*[)\]]|\s*;.*")
# Words that take a number back, before it or behind it, and words that join it to something else.
_VOIDED = (
    r"invalid|cancel\w*|void\w*|ignore|disregard|error|erroneous|wrong|do not|not valid|incorrect|"
    r"mistake|mislabel\w*|unlabel\w*|rejected|reject|retracted|withdrawn|unsuitable|contaminated|"
    r"delete\w*|"
    r"storniert|ungültig|fehlerhaft|falsch|annul[ée]\w*|annullato|anulad\w+|cancelad\w+|erron[ée]\w*|"
    r"erreur|errore|erro|inv[áa]lid\w+|invalide|non valid\w+|nicht valide|geannuleerd|ongeldig|"
    r"verworfen|rejet[ée]|rechazad\w+|rifiutato"
)
_VOID = re.compile(rf"\b(?:{_VOIDED}|not|no|or|and|to|of|x)\b", re.I)
_VOID_AFTER_UNIT = re.compile(rf"\b(?:{_VOIDED})\b", re.I)
_VOID_BEFORE = re.compile(rf"(?:[^\W\d_]+ )*(?:{_VOIDED})\b(?: [^\W\d_]+)*\W*(?=[<>=]*\s*\d)", re.I)
# Exponents beyond are typing errors: no result is larger than 1e30.
_LARGEST_POWER = 30
SO_MANY_OF = "ratio or so many of"  # note of "14/15" and "5/10"
TITRE_OR_RATIO = "titre or ratio"  # note of "1/80"
# Word or abbreviation after a number -> what it multiplies by.
_TIMES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "thou": 1e3, "mil": 1e6}
_LOOKALIKE = str.maketrans("lIOo|SBZ", "11001582")


@dataclass(frozen=True)
class LabValue:
    """A laboratory result read from text; made by `parse_lab_value`.

    Parameters
    ----------
    value : float, str, tuple or None
        The number; the limit of a censored result; the reciprocal of a titre; both ends of a
        range or both numbers of a pair; a finding as a word or as the number of plus signs. Of an
        ambiguous result the likelier reading, not to be used without further evidence.
    operator : str, default=""
        "<", "<=", ">" or ">=" of a censored result.
    unit : str, default=""
        UCUM code of a unit written in the cell.
    kind : str
        "number", "censored", "titre", "range", "pair", "ordinal", "missing", "ambiguous" or
        "unparseable".
    note : str, default=""
        What else stood there: a comment, a flag, a reason for no value.
    alternatives : tuple of float, default=()
        Other readings.
    rule : str, default=""
        How the cell was written; "" for a plain numeral.

    Examples
    --------
    >>> from healthml.cleaning import LabValue
    >>> LabValue(value=5.6, operator="", unit="mmol/L", kind="number", note="").unit
    'mmol/L'
    """

    value: object = None
    operator: str = ""
    unit: str = ""
    kind: str = "unparseable"
    note: str = ""
    alternatives: tuple = ()
    rule: str = ""


def parse_lab_value(text, *, locale=None):
    """Read one laboratory result as people and machines write them, without guessing.

    Parameters
    ----------
    text : str
        The cell.
    locale : str, default=None
        Language or country code that settles the decimal mark ("de": "1.025" is 1025), or the
        mark itself. Without it "1,060" has two readings and is ambiguous.

    Returns
    -------
    LabValue

    Raises
    ------
    InputError
        If `text` is no text or `locale` is unknown.

    See Also
    --------
    LabValueParser : Reads whole columns, where other cells settle what is unclear in one.
    convert : Takes a value from one unit to another.

    Examples
    --------
    >>> from healthml.cleaning import parse_lab_value
    >>> parse_lab_value("<0,5 mg/L").value, parse_lab_value("<0,5 mg/L").operator
    (0.5, '<')
    >>> [parse_lab_value(t).kind for t in ("1:40", "1,060", "+++", "TNP", "12..3")]
    ['titre', 'ambiguous', 'ordinal', 'missing', 'unparseable']
    """
    if not isinstance(text, str):
        raise InputError(f"text is a {type(text).__name__}; pass the cell as text.")
    return read_cell(text, decimal_mark(locale))


@lru_cache(maxsize=65536)  # a column is read again after the missing codes have left it
def read_cell(text, mark=None):
    """Return `parse_lab_value` for a decimal mark that is known already.

    >>> read_cell("H 256").note
    'flag H'
    """
    plain = _without_quotes(plain_text(text))
    coma = _COMA.fullmatch(plain)
    if coma:
        value = float(sum(map(int, coma.groups())))
        return LabValue(value, kind="number", note="sum of eyes, voice and movement", rule="coma")
    key = plain.casefold().strip()
    reason = missing_reason(key)
    if reason is not None:
        rule = "infinite" if reason == "infinite" else "missing_reason"
        return LabValue(kind="missing", note=reason, rule=rule)
    level = finding(key)
    if level is not None:
        return LabValue(level, kind="ordinal", rule="finding")
    beyond = beyond_detection(key)
    if beyond:
        return LabValue(None, beyond, kind="censored", note=plain, rule="censored")
    quantity = _quantity(words_to_operator(plain), mark)
    if not quantity.rule and not text.isascii():
        return _with(quantity, rule="unusual_characters")
    return quantity


def _without_quotes(plain):
    """Return a cell without quotation marks around it; one behind a number means inches."""
    inner = plain.strip("\"'") if len(plain) > 1 else plain
    mark = plain[-1:]
    is_length = mark in ("'", '"') and plain[:1] != mark and inner[-1:].isdigit()
    is_length &= mark == '"' or bool(re.fullmatch("[3-7]", inner))  # 6': feet alone
    return f"{inner}{mark}" if is_length else inner


def _quantity(plain, mark):
    """Read what should hold a number."""
    if _DATE.fullmatch(plain):
        return LabValue(note="date or time", rule="unreadable")
    if re.fullmatch(r"10\s*\^\s*[+-]?\d{1,2}", plain):
        return LabValue(float(f"1e{plain.split('^')[1].strip()}"), kind="number", rule="exponent")
    notes, rule = [], ""
    voided = _VOID_BEFORE.match(plain)
    if voided:
        why = voided[0].strip(" :,;-([")
        return _doubted(_quantity(plain[voided.end() :].rstrip(")]"), mark), why)
    reason = re.match(r"[a-z .]{5,}?[ :,;-]+(?=[<>]?\d)", plain, re.I)
    if reason and missing_reason(reason[0].strip(" :,;-").casefold()):
        notes, rule = [reason[0].strip(" :,;-")], "comment"
        plain = plain[reason.end() :]
    for pattern, label, name in (
        (_FLAG_BEFORE, "flag", "result_flag"),
        (_ABOUT, "approximate", "approximate"),
        (_LABEL, "label", "comment"),
    ):
        match = pattern.match(plain)
        if match:
            head = match[0].strip(" ()")
            notes.append(label if label == "approximate" else f"{label} {head}")
            rule, plain = name, plain[match.end() :]
    operator = _OPERATOR.match(plain)
    if operator:
        sign = operator[0].replace(" ", "")
        sign = _SIGN.get(sign, sign)
        return _censored(_with_note(_amount(plain[operator.end() :], mark), notes, rule), sign)
    return _with_note(_amount(plain, mark), notes, rule)


def _censored(amount, sign):
    if amount.kind in ("number", "titre"):
        return _with(amount, kind="censored", operator=sign, rule="censored")
    return _with(amount, operator=sign if amount.kind in ("ambiguous", "pair") else "")


def _amount(plain, mark):
    """Read a number, a titre, a range or a pair, with what stands around it."""
    if plain.endswith("?"):
        return _doubted(_amount(plain.rstrip("? "), mark), "marked with a question mark")
    patterns = ((_TITRE, _titre), (_SLASH, _slash), (_FEET, _feet), (_TWO_UNITS, _two_units))
    for pattern, read in patterns:
        match = pattern.fullmatch(plain)
        if match and (result := read(match)) is not None:
            return result
    span = _RANGE.fullmatch(plain)
    if span:
        return _range(span, mark)
    signed = re.match(r"[+-]\s*", plain)
    sign = signed[0].strip() if signed else ""
    match = _NUMBER.fullmatch(plain[len(signed[0]) if signed else 0 :])
    if not match:
        return _spelt(plain)
    result = _number(match, mark)
    if sign == "-":
        result = _negative(result, spaced=signed[0] != "-")
    return result


def _number(match, mark):
    """Read a numeral, a power of ten, and a tail of unit, flag or comment."""
    numeral = read_numeral(match[1], mark)
    tail = match[3]
    if numeral is None:
        return _unreadable(match[0])
    scale, rule = 1.0, numeral.form
    if abs(read_power(match[2] or "")) > _LARGEST_POWER:
        return _unreadable(match[0])
    if match[2]:
        unit = unit_code(f"10*{read_power(match[2])}{tail.strip()}") if tail.strip() else None
        if unit and (match[2][0].isspace() or match[2][0] not in "eE"):
            tail = f" {unit}"
        else:
            scale, rule = 10.0 ** read_power(match[2]), rule or "exponent"
    times = _TIMES.get(tail.strip().casefold())
    if times:
        scale, rule, tail = times, "exponent", ""
    if tail == "+" and numeral.value >= 10:
        return LabValue(numeral.value, ">=", kind="censored", rule="censored")
    factor = {"-": -1.0, "k": 1e3, "K": 1e3, "+": 1.0}.get(tail.strip())
    if factor:
        others = (factor * numeral.value,)
        return LabValue(numeral.value, "", "", "ambiguous", "", others, "ambiguous_number")
    unit, note, tail_rule = _tail(tail)
    if unit is None:
        return _unreadable(match[0])
    value = _scaled(numeral.value, scale)
    others = () if numeral.other is None else (_scaled(numeral.other, scale),)
    kind = "number" if numeral.sure else "ambiguous"
    result = LabValue(value, "", unit, kind, note, others, tail_rule or rule)
    if not numeral.sure:
        return _with(result, rule="ambiguous_number")
    doubts = {"comment": _VOID, "unit_text": _VOID_AFTER_UNIT}.get(tail_rule)
    return _doubted(result, note) if doubts and doubts.search(note) else result


def _tail(tail):
    """Return unit, note and rule of what follows a number; the unit is None if it is unclear."""
    bare = tail.strip()
    if not bare or bare == ".":
        return "", "", ""
    if _FLAG_AFTER.fullmatch(bare) and not (bare == "L" and tail == bare):
        both = " or litre" if bare == "L" else ""
        return "", f"flag {bare.strip('()[]')}{both}", "result_flag"
    unit = unit_code(bare)
    if unit:
        return unit, "", "unit_text"
    words = bare.split(" ")
    if len(words) > 1 and _FLAG_AFTER.fullmatch(words[0]):
        unit = unit_code(" ".join(words[1:]))
        if unit:
            return unit, f"flag {words[0].strip('()[]')}", "unit_text"
    for n in range(len(words) - 1, 0, -1):
        unit = unit_code(" ".join(words[:n]).rstrip(",;"))
        rest = " ".join(words[n:])
        if unit and (_FLAG_AFTER.fullmatch(rest) or _COMMENT.fullmatch(" " + rest)):
            is_flag = _FLAG_AFTER.fullmatch(rest)
            return unit, f"flag {rest}" if is_flag else rest.strip("() "), "unit_text"
    if _COMMENT.fullmatch(tail) and _is_comment(bare):
        return "", bare.strip("()[],;:- "), "comment"
    return None, "", ""


def _is_comment(bare):
    """Say whether a tail is words, or a reference interval, and not a second result."""
    inside = bare.strip("()[];,:- ")
    digits = re.search(r"\d", inside)
    is_interval = re.fullmatch(
        r"(?:[a-z. :]*)?[<>]?\s*\d[\d.,]*\s*(?:-\s*\d[\d.,]*)?[^\d]*", inside, re.I
    )
    letters = re.sub(r"[\W\d_]", "", inside)
    if digits:
        return bool(is_interval and ("-" in inside or "<" in inside or ">" in inside))
    return len(letters) > 1


def _titre(match):
    numeral = read_numeral(match[1].strip())
    value = None if numeral is None else max(numeral.value, numeral.other or 0)
    if value is None or value != round(value) or value < 1:
        return _unreadable(match[0])
    return _commented(LabValue(value, kind="titre", rule="titre"), match[2])


def _commented(result, words):
    """Keep the words behind a result, which may take it back."""
    note = (words or "").strip("()[],;:- ")
    if not note:
        return result
    result = _with(result, note=note if not result.note else f"{result.note}; {note}")
    return _doubted(result, note) if _VOID.search(note) else result


# Numbers with a slash between them that are two pressures in mmHg, the higher first: what monitors
# show of living patients. Chosen by judgement; wider takes ratios for pressures.
_SYSTOLIC, _DIASTOLIC = (40, 320), (15, 220)


def _slash(match):
    """Read two numbers with a slash: two pressures, a titre, or so many points of a total."""
    first, second = float(match[1]), float(match[2])
    unit = "mm[Hg]" if match[3] else ""
    of_a_total = first <= second and second % 10 == 0 and not unit
    is_pair = _SYSTOLIC[0] <= first <= _SYSTOLIC[1] and _DIASTOLIC[0] <= second <= _DIASTOLIC[1]
    if is_pair and not of_a_total:
        pair = LabValue((first, second), "", unit, "pair", "two numbers", rule="pair")
        return _commented(pair, match[4])
    if match[4] and _VOID.search(match[4]):
        return _unreadable(match[0])
    if first == 1:
        return LabValue(second, kind="ambiguous", note=TITRE_OR_RATIO, rule="ambiguous_number")
    both = {"alternatives": (first, second), "rule": "ambiguous_number"}
    return LabValue(None, kind="ambiguous", note=SO_MANY_OF, **both)


def _feet(match):
    value = 12 * float(match[1]) + float(match[2])
    return LabValue(value, "", "[in_i]", "number", "feet and inches", rule="unit_text")


def _two_units(match):
    """Read "11 st 4 lb", "1 year 6 months" or "1m80"; None where the units do not go together."""
    large, small = unit_code(match[2]), match[4] and unit_code(match[4])
    if large not in _SMALLER:
        return None
    smaller, unit = _SMALLER[large]
    if large == "a" and (match[4] or "").casefold() == "m":
        small = "mo"  # beside years, m is no metre
    if match[4] is None and (large == "[stone_av]" or len(match[3]) == 2):
        small = _UNSPOKEN.get(large)
    rest = float(match[3].replace(",", "."))
    if small not in smaller or rest >= smaller[small]:
        return None
    value = float(match[1]) + rest / smaller[small]
    value = value * smaller[small] if unit == small else value
    return LabValue(
        float(f"{value:.12g}"), "", unit, "number", "two units in one cell", rule="unit_text"
    )


def _range(span, mark):
    ends = [read_numeral(end, mark) for end in span.groups()[:2]]
    unit, note, _ = _tail(" " + span[3] if span[3] else "")
    if None in ends or unit is None:
        return _unreadable(span[0])
    values = tuple(end.value for end in ends)
    if not all(end.sure for end in ends):
        return LabValue(values, "", unit, "ambiguous", note, rule="ambiguous_number")
    if values[0] > values[1]:
        return _unreadable(span[0])
    return LabValue(values, "", unit, "range", note, rule="range")


def _spelt(plain):
    spelt = spelt_number(plain.casefold())
    if spelt is None:
        return _unreadable(plain)
    unit, note, _ = _tail(f" {spelt[1]}" if spelt[1] else "")
    if unit is None:
        return _unreadable(plain)
    result = LabValue(spelt[0], "", unit, "number", note, rule="number_in_words")
    return _doubted(result, note) if _VOID.search(note) else result


def _negative(result, *, spaced):
    """Turn the sign; with a space between, the dash may be a bullet or a separator."""
    if result.kind not in ("number", "ambiguous") or result.value is None:
        return result
    turned = _with(result, value=-result.value, alternatives=tuple(-a for a in result.alternatives))
    if not spaced:
        return turned
    others = (-result.value, *result.alternatives)
    return _with(result, kind="ambiguous", alternatives=others, rule="ambiguous_number")


def _doubted(result, why):
    if result.kind not in ("number", "titre", "censored", "pair"):
        return result
    return _with(result, kind="ambiguous", note=why, rule="ambiguous_number")


def _unreadable(plain):
    """Keep the text as unreadable; a letter that looks like a digit is named, not replaced."""
    swapped = plain.replace(" ", "").translate(_LOOKALIKE)
    letters = any(c.isalpha() or c == "|" for c in plain)
    if letters and any(c.isdigit() for c in plain) and re.fullmatch(r"\d+(?:\.\d+)?", swapped):
        note = "a letter in place of a digit"
        return LabValue(note=note, alternatives=(float(swapped),), rule="letter_for_digit")
    return LabValue(rule="unreadable")


def _scaled(value, scale):
    return value if scale == 1.0 else float(f"{value * scale:.15g}")


def _with_note(result, notes, rule):
    if not notes:
        return result
    note = "; ".join(filter(None, (*notes, result.note)))
    return _with(result, note=note, rule=result.rule or rule)


def _with(result, **changes):
    fields = {name: getattr(result, name) for name in result.__dataclass_fields__}
    return LabValue(**{**fields, **changes})
