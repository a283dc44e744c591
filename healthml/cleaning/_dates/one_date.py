"""One cell as a date: its style, its parts, and nothing decided that the cell alone cannot tell."""

import re
from calendar import monthrange
from dataclasses import dataclass

ISO, COMPACT, SERIAL, NAMED = "Y-m-d", "Ymd", "serial", "month name"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_TIME = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm])?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(
    rf"(\d{{1,2}})(\s*[-/.]\s*)(\d{{1,2}})(\s*[-/.]\s*)(\d{{4}}|\d{{2}}){_TIME}"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"(?!9999|8888)([4-9]\d{3}|\d{5})(\.\d+)?")  # four digits: not a year
_NAMED = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th)?[\s./-]*([A-Za-z]{{3,9}})\.?[\s,./-]*(\d{{4}}|\d{{2}}){_TIME}"
)
_NAME_FIRST = re.compile(
    rf"([A-Za-z]{{3,9}})\.?[\s/-]*(\d{{1,2}})(?:st|nd|rd|th)?\s*[,\s/-]\s*(\d{{4}}){_TIME}"
)
_NO_YEAR = re.compile(r"([A-Za-z]{3,9})\W*\d{1,2}\W*[A-Za-z]?|\d{4}-\d{2}|([A-Za-z]{3,9})\W*\d{4}")


@dataclass(frozen=True)
class Reading:
    """The parts of a date as written.

    ``first`` and ``second`` are day and month in an order to be found when `is_open`, else month
    and day. A serial number keeps its value; ``seconds`` count from midnight.
    """

    style: str
    year: int = 0
    first: int = 0
    second: int = 0
    seconds: int = 0
    is_open: bool = False
    short_year: bool = False
    serial: float | None = None
    incomplete: bool = False

    def days(self, order):
        """Return the valid (month, day) pairs under an order: "month", "day" or None for both."""
        pairs = []
        if not self.is_open or order in ("month", None):
            pairs.append((self.first, self.second))
        if self.is_open and order in ("day", None) and self.first != self.second:
            pairs.append((self.second, self.first))
        if self.is_open and order == "day" and self.first == self.second:
            pairs.append((self.first, self.second))
        return [p for p in pairs if is_day(self.year, *p)]


def is_day(year, month, day):
    """Say whether the calendar has a day; for years of two digits any leap day counts.

    Examples
    --------
    >>> from healthml.cleaning._dates.one_date import is_day
    >>> is_day(2021, 2, 30), is_day(2022, 13, 5), is_day(2024, 2, 29)
    (False, False, True)
    """
    if year == 0 or not 1 <= month <= 12 or day < 1:
        return False
    return day <= monthrange(2000 if year < 100 else year, month)[1]


def read_date(text):
    """Return the parts of a date, or None when the text has no shape of one.

    Examples
    --------
    >>> from healthml.cleaning._dates.one_date import read_date
    >>> read_date("03 Oct 2021").style, read_date("10/15/21").short_year, read_date("high")
    ('month name', True, None)
    """
    text = text.strip()
    if found := _YEAR_FIRST.fullmatch(text):
        year, separator, month, day = found.groups()[:4]
        style = ISO if separator == "-" else f"Y{separator}m{separator}d"
        return _timed(found.groups()[4:], style, int(year), int(month), int(day))
    if found := _YEAR_LAST.fullmatch(text):
        a, left, b, right, year = found.groups()[:5]
        if left.strip() != right.strip():
            return None
        style = f"?{left}?{right}{'y' * len(year)}"
        short = len(year) == 2
        number = int(year) or (100 if short else 0)
        return _timed(
            found.groups()[5:], style, number, int(a), int(b), is_open=True, short_year=short
        )
    if found := _COMPACT.fullmatch(text):
        return Reading(COMPACT, *(int(part) for part in found.groups()))
    if found := _SERIAL.fullmatch(text):
        part = float(found[2] or 0)
        return Reading(SERIAL, serial=float(found[1]), seconds=round(part * 86400))
    return _read_named(text)


def _read_named(text):
    for pattern, places in ((_NAMED, (1, 0, 2)), (_NAME_FIRST, (0, 1, 2))):
        found = pattern.fullmatch(text)
        if found and (month := month_number(found.groups()[places[0]])):
            day, year = found.groups()[places[1]], found.groups()[places[2]]
            short = len(year) == 2
            number = int(year) or (100 if short else 0)
            return _timed(found.groups()[3:], NAMED, number, month, int(day), short_year=short)
    found = _NO_YEAR.fullmatch(text)
    if found and (not (found[1] or found[2]) or month_number(found[1] or found[2])):
        return Reading("incomplete", incomplete=True)
    return None


def month_number(word):
    """Return the month that an English name or its short form means, or None.

    Examples
    --------
    >>> from healthml.cleaning._dates.one_date import month_number
    >>> month_number("Sept"), month_number("March"), month_number("Mars")
    (9, 3, None)
    """
    word = word.lower()
    if word == "sept":
        return 9
    if word in _MONTHS:
        return _MONTHS.index(word) + 1
    return _LONG.index(word) + 1 if word in _LONG else None


def _timed(time, style, year, first, second, **more):
    hour, minute, second_of, half = time
    seconds = 0
    if hour is not None:
        hours = int(hour) % 12 + (12 if half.lower() == "pm" else 0) if half else int(hour)
        seconds = hours * 3600 + int(minute) * 60 + int(second_of or 0)
        if seconds >= 86400:
            return None
    return Reading(style, year, first, second, seconds, **more)
