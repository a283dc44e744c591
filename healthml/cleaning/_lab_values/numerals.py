"""Numerals as laboratories write them: decimal commas, thousands, powers of ten."""

import re
import unicodedata
from dataclasses import dataclass

from healthml.exceptions import InputError


def _codes(text):
    return frozenset(text.split())


_COMMA = _codes(
    "de fr it es pt nl be at da dk sv se no nb nn fi pl cs cz sk hu ro bg ru tr el gr hr sl si et "
    "lv lt id br ar"
)
_DOT = _codes("en us gb uk ie au nz in zh cn ja jp ko kr he il th mx ch c posix")
_SUPERSCRIPT = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_HIDDEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\u202a-\u202e]")
# "13·5" and "37°5": a decimal mark; "5·10^9" is a product
_RAISED_MARK = re.compile(r"(?<=\d)·(?=\d)(?!10\s*(?:\^|\*\*|[eE]))|(?<=\d)°(?=\d(?!\d))")
NUMERAL = r"(?:\d(?:[ '](?=\d{3}(?!\d))|[.,]?\d)*\.?|[.,]\d+)"
POWER = r"(?:\s?[eE][+-]?\d{1,3}(?!\w)|\s*[x*\u00d7·]\s*10\s*(?:\^|\*\*|[eE])\s*[+-]?\d{1,3}(?!\d))"


@dataclass(frozen=True)
class Numeral:
    """A numeral read: its value, how it was written, and another reading where there is one."""

    value: float
    form: str = ""
    other: float | None = None
    sure: bool = True


def decimal_mark(locale):
    """Return the decimal mark of a language or country code, or None for None.

    A mark itself ("," or ".") stays; an unknown code is refused.

    >>> [decimal_mark(code) for code in ("DE", "en_GB", "de_CH", ",", None)]
    [',', '.', '.', ',', None]
    """
    if locale is None or locale in (",", "."):
        return locale
    parts = [p for p in re.split(r"[-_.]", str(locale).lower()) if p]
    if parts and parts[-1] == "ch":
        return "."
    for part in parts[:1]:
        if part in _COMMA | _DOT:
            return "," if part in _COMMA else "."
    raise InputError(
        f"locale={locale!r} is unknown; pass a language code such as 'de' or 'en', or the decimal "
        "mark itself, ',' or '.'."
    )


def plain_text(text):
    r"""Return a cell in plain characters: superscripts as ``^``, full width, minus, space.

    >>> plain_text(" \uff1e5\u00a0"), plain_text("10⁹/L"), plain_text("\u22125")
    ('>5', '10^9/L', '-5')
    """
    if not text.isascii():
        text = re.sub(
            r"(?<=\d)[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda m: "^" + m[0].translate(_SUPERSCRIPT), text
        )
        text = unicodedata.normalize("NFKC", _HIDDEN.sub("", text))
        text = re.sub("[\u2010-\u2015\u2212]", "-", text)
        text = _RAISED_MARK.sub(".", text).replace("\u2032\u2032", '"').replace("\u2032", "'")
        text = re.sub("[\u2018\u2019\u02bc\u00b4]", "'", text).replace("\u201c", '"')
        text = (
            text.replace("≤", "<=").replace("≥", ">=").replace("\u2044", "/").replace("\u201d", '"')
        )
        text = "".join(str(unicodedata.digit(c)) if _is_digit(c) else c for c in text)
    return " ".join(text.split())


def read_numeral(text, mark=None):
    """Return a numeral without sign and unit read as a `Numeral`, or None.

    Without a known mark a dot is a decimal mark, since that is how tables are stored, and "1,060"
    has two readings.

    >>> [read_numeral(t).value for t in ("5,1", "1 234,5", "1,025.36", "1.234.567")]
    [5.1, 1234.5, 1025.36, 1234567.0]
    >>> read_numeral("1,060").sure, read_numeral("1.025", mark=",").value
    (False, 1025.0)
    >>> read_numeral("5,6,7") is None and read_numeral("12..3") is None
    True
    """
    text, form = text.strip(), ""
    if text.endswith(".") and re.search("[.,]", text[:-1]):
        text = text[:-1]  # "1.8.": the end of a sentence
    if " " in text or "'" in text:
        if not re.fullmatch(r"[1-9]\d{0,2}(?:[ ']\d{3})+(?:[.,]\d+)?", text):
            return None
        form, text = "thousands_separator", text.replace(" ", "").replace("'", "")
        return Numeral(float(text.replace(",", ".")), form)
    commas, dots = text.count(","), text.count(".")
    if commas and dots:
        return _both(text)
    if commas + dots > 1:
        return _many(text)
    if not commas + dots:
        return Numeral(float(text)) if text.isdigit() else None
    return _one(text, "," if commas else ".", mark)


def _one(text, separator, mark):
    """Read a numeral with a single separator."""
    whole, fraction = text.split(separator)
    if not fraction and (separator == "," or not whole):
        return None
    decimal = float(f"{whole or '0'}.{fraction or '0'}")
    form = "decimal_comma" if separator == "," else ""
    if not re.fullmatch(r"[1-9]\d{0,2}", whole) or len(fraction) != 3:
        return Numeral(decimal, form)
    grouped = float(whole + fraction)
    if mark is None and separator == ",":
        return Numeral(grouped, "thousands_separator", decimal, sure=False)
    if mark is None or mark == separator:
        return Numeral(decimal, form, grouped if mark is None else None)
    return Numeral(grouped, "thousands_separator")


def _both(text):
    """Read a numeral with dots and commas: the last mark, standing once, is the decimal one."""
    decimal = max(",.", key=text.rfind)
    group = "." if decimal == "," else ","
    pattern = rf"[1-9]\d{{0,2}}(?:\{group}\d{{3}})+\{decimal}\d+"
    if not re.fullmatch(pattern, text):
        return None
    return Numeral(float(text.replace(group, "").replace(decimal, ".")), "thousands_separator")


def _many(text):
    """Read a numeral with one kind of separator several times: groups of thousands or nothing."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3}){2,}|[1-9]\d{0,2}(?:\.\d{3}){2,}", text) or (
        re.fullmatch(r"[1-9]\d?(?:,\d{2})+,\d{3}", text)
    ):
        return Numeral(float(re.sub("[.,]", "", text)), "thousands_separator")
    return None


def read_power(text):
    """Return the exponent of "E9" or " x 10^-9".

    >>> read_power("E9"), read_power(" x 10^-9"), read_power("")
    (9, -9, 0)
    """
    match = re.search(r"[+-]?\d+$", re.sub(r"^\s*[x*\u00d7·]\s*10", "", text.strip()))
    return int(match[0]) if match else 0


def _is_digit(character):
    return not character.isascii() and character.isdecimal()
