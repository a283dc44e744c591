"""One cell as a date: its style, its parts, and nothing decided that the cell alone cannot tell."""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from functools import lru_cache

ISO, COMPACT, SERIAL, NAMED = "Y-m-d", "Ymd", "serial", "month name"
UNIX = "Unix seconds"
ZULU = " in UTC"  # end of the style of a cell that ends with Z
DAY = 86400  # seconds
# Names of months and their short forms: English, German, French, Spanish, Italian, Dutch and
# Portuguese, without accents. No name means two months.
_MONTHS = {
    word: month
    for month, words in enumerate(
        (
            "jan january januar janner janvier janv enero ene gennaio gen januari janeiro",
            "feb february februar fevrier fevr fev febrero febbraio februari fevereiro",
            "mar march marz maerz mrz mars marzo maart mrt marco",
            "apr april avril avr abril abr aprile",
            "may mai mayo maggio mag mei maio",
            "jun june juni juin junio giugno giu junho",
            "jul july juli juillet juil julio luglio lug julho",
            "aug august aout agosto ago augustus",
            "sep sept september septembre septiembre setiembre settembre set setembro",
            "oct october okt oktober octobre octubre ottobre ott outubro out",
            "nov november novembre noviembre novembro",
            "dec december dez dezember decembre diciembre dic dicembre dezembro",
        ),
        start=1,
    )
    for word in words.split()
}
_TIME = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([AaPp][Mm]|Z)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}")
_YEAR_LAST = re.compile(
    rf"(\d{{1,2}})(\s*[-/.]\s*)(\d{{1,2}})(\s*[-/.]\s*)(\d{{4}}|\d{{2}}){_TIME}"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
# 1973 to 2128 in seconds since 1970, or thousandths of them down to nanoseconds: nine digits or
# more, so no day number
_UNIX = re.compile(r"([1-4]\d{9}|\d{9})(?:\d{3}){0,3}(?:\.\d+)?")
_SERIAL = re.compile(r"(?!9999|8888)([4-9]\d{3}|\d{5})(\.\d+)?")  # four digits: not a year
_WORD = r"[^\W\d_]{3,10}"
_NAMED = re.compile(
    rf"(\d{{1,2}})(?:st|nd|rd|th|er|[º°])?[\s./-]*(?:de\s+)?({_WORD})\.?[\s,./-]*(?:del?\s+)?"
    rf"(\d{{4}}|\d{{2}}){_TIME}"
)
_NAME_FIRST = re.compile(
    rf"({_WORD})\.?[\s/-]*(\d{{1,2}})(?:st|nd|rd|th)?\s*[,\s/-]\s*(\d{{4}}){_TIME}"
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
    is_end_of_day: bool = False  # written as 24:00, which is 0:00 of the next day

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

    >>> is_day(2021, 2, 30), is_day(2022, 13, 5), is_day(2024, 2, 29)
    (False, False, True)
    """
    if year == 0 or not 1 <= month <= 12 or day < 1:
        return False
    return day <= monthrange(2000 if year < 100 else year, month)[1]


def read_date(text):
    """Return the parts of a date, or None when the text has no shape of one.

    >>> read_date("03 Oct 2021").style, read_date("10/15/21").short_year, read_date("high")
    ('month name', True, None)
    """
    text = text.strip()
    if written := _YEAR_FIRST.fullmatch(text):
        year, separator, month, day = written.groups()[:4]
        style = ISO if separator == "-" else f"Y{separator}m{separator}d"
        return _timed(written.groups()[4:], style, int(year), int(month), int(day))
    if written := _YEAR_LAST.fullmatch(text):
        a, left, b, right, year = written.groups()[:5]
        if left.strip() != right.strip():
            return None
        style = f"?{left}?{right}{'y' * len(year)}"
        short = len(year) == 2
        number = int(year) or (100 if short else 0)
        return _timed(
            written.groups()[5:], style, number, int(a), int(b), is_open=True, short_year=short
        )
    if written := _COMPACT.fullmatch(text):
        return Reading(COMPACT, *(int(part) for part in written.groups()))
    if written := _SERIAL.fullmatch(text):
        part = float(written[2] or 0)
        return Reading(SERIAL, serial=float(written[1]), seconds=round(part * DAY))
    if written := _UNIX.fullmatch(text):
        days, seconds = divmod(int(written[1]), DAY)
        return Reading(UNIX, serial=float(days), seconds=seconds)
    return _read_named(text)


def _read_named(text):
    for pattern, places in ((_NAMED, (1, 0, 2)), (_NAME_FIRST, (0, 1, 2))):
        match = pattern.fullmatch(text)
        if match and (month := month_number(match.groups()[places[0]])):
            day, year = match.groups()[places[1]], match.groups()[places[2]]
            short = len(year) == 2
            number = int(year) or (100 if short else 0)
            return _timed(match.groups()[3:], NAMED, number, month, int(day), short_year=short)
    match = _NO_YEAR.fullmatch(text)
    if match and (not (match[1] or match[2]) or month_number(match[1] or match[2])):
        return Reading("incomplete", incomplete=True)
    return None


def month_number(word):
    """Return the month that a name or its short form means in seven languages, or None.

    >>> month_number("Sept"), month_number("März"), month_number("août"), month_number("Mart")
    (9, 3, 8, None)
    """
    plain = unicodedata.normalize("NFKD", word.casefold())
    return _MONTHS.get("".join(c for c in plain if not unicodedata.combining(c)))


def _timed(time, style, year, first, second, **more):
    hour, minute, second_of, mark = time
    seconds, is_utc = 0, mark == "Z"
    if hour is not None:
        half = "" if mark is None or is_utc else mark.lower()
        hours = int(hour) % 12 + (12 if half == "pm" else 0) if half else int(hour)
        seconds = hours * 3600 + int(minute) * 60 + int(second_of or 0)
        if seconds > DAY or int(minute) > 59:
            return None
    style += ZULU if is_utc else ""
    more["is_end_of_day"] = seconds == DAY
    return Reading(style, year, first, second, seconds, **more)


_PLAIN_TIME = re.compile(r"(.*\d)[T ](\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)")


@lru_cache(maxsize=DAY)
def _seconds_of(time):
    """Return the seconds of a plain time of day, or None for one that needs a closer look."""
    hour, minute, *second = time.split(":")
    seconds = int(hour) * 3600 + int(minute) * 60 + int(float(second[0]) if second else 0)
    return seconds if seconds < DAY and int(minute) < 60 else None


def split_time(text):
    """Return the text without its plain time of day, and that time in seconds (0 without one).

    Many cells share few days: what is read once for the day serves all its times. A text whose
    time is not plain is returned whole.

    >>> split_time("2021-03-04 07:05"), split_time("2021-03-04 24:00")
    (('2021-03-04', 25500), ('2021-03-04 24:00', 0))
    """
    match = _PLAIN_TIME.fullmatch(text)
    if match is None or match[1].replace(".", "").isdigit():  # a day number has no time beside it
        return text, 0
    seconds = _seconds_of(match[2])
    return (text, 0) if seconds is None else (match[1], seconds)
