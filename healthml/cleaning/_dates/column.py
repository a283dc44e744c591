"""A column of dates: which order, century and day zero, learnt from the cells that tell."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from healthml.cleaning._columns import content
from healthml.cleaning._dates.one_date import (
    COMPACT,
    ISO,
    NAMED,
    SERIAL,
    UNIX,
    ZULU,
    is_day,
    read_date,
    split_time,
)

FORMAT, IMPOSSIBLE, PLACEHOLDER = "date_format", "impossible_date", "placeholder_date"
AMBIGUOUS, INCOMPLETE, UNREADABLE = "ambiguous_date", "incomplete_date", "unreadable_date"
FAR, OPEN_END, SWAPPED = "far_date", "open_date", "day_month_swapped"
BLANKED = (IMPOSSIBLE, PLACEHOLDER)
LEFT = (AMBIGUOUS, INCOMPLETE, UNREADABLE)
# Day zero of serial numbers: of spreadsheets, and of Unix.
EPOCHS = {"excel": date(1899, 12, 30), "unix": date(1970, 1, 1)}
# Share of rows with the shape of a date from which a column is read, and where its name says date;
# of telling cells that must agree on the order of day and month (a typing error may contradict);
# of serial numbers that one day zero must place among the other dates. Chosen by judgement, not by
# simulation: the lower, the more columns of two countries are read as one; the higher, the more a
# few odd cells keep a column of dates from being read.
STRONG, NAMED_SHARE, AGREES, IN_BULK = 0.8, 0.6, 0.98, 0.9
BEYOND, LEAST_BEYOND = 50, 0.1  # years, and share of the bulk, beyond it: far from, and near to it
PIVOT = 39  # two digits of a year up to it are 20xx where nothing else tells; as the usual days
BULK = 0.01, 0.99  # shares of the full dates that lie before the bulk and before its end
CONVENTION = 0.1  # share of the rows from which a placeholder has a meaning of its own
FEWEST_FOR_BULK = 20  # full dates from which the years of a column are known
# A spreadsheet of another country turns the dates whose day is 12 or less round and leaves the
# others as text. CHANCE_SWAPPED is the probability that so many dates fall apart like that by
# themselves (a day is 12 or less in 39 % of all dates); chosen by judgement: at 0.01 a column of a
# few dates in two formats would be accused, at 1e-6 tables of thirty rows would not.
CHANCE_SWAPPED, EARLY_DAYS, LAST_EARLY = 1e-3, 12 / 30.44, 12
FEWEST_SIDE = 3  # distinct dates of each kind
FEWEST_DAYS = 3  # days of the month: dates cut to the first of the month show nothing
MOST_OPEN = 0.05  # share of the text whose order is open: the spreadsheet would have read it
# Days in a year, on average.
YEAR = 365.25
# Days that are usual for a column with too few dates to show its range. By judgement, not by
# simulation; wider, and more odd dates pass.
_USUAL = (date(1990, 1, 1).toordinal(), date(2039, 12, 31).toordinal())
# Days that systems write where no date is known: first and last days of their ranges and round
# years. By judgement, from the ranges of common software; more of them accuse more real dates.
_PLACEHOLDERS = {
    date(*parts).toordinal()
    for parts in (
        *((year, 1, 1) for year in (1, 1000, 1600, 1753, 1800, 1850, 1900, 1901, 1904, 1970)),
        *((year, 12, 31) for year in (1899, 1900, 1969, 2049, 2050, 2078, 2099, 2100, 2999)),
        *((year, 12, 31) for year in (4000, 4712, 8888, 9998, 9999)),
        *((1899, 12, 30), (1111, 11, 11), (2222, 2, 2), (9999, 9, 9), (9999, 1, 1), (2099, 1, 1)),
        *((2100, 1, 1), (3000, 1, 1), (1960, 1, 1), (8888, 8, 8), (9999, 12, 30)),
    )
}
# Full years that dates in nanoseconds (64 bits, as in pandas) can hold.
_FIRST_DAY, _LAST_DAY = date(1678, 1, 1).toordinal(), date(2261, 12, 31).toordinal()


@dataclass
class DateColumn:
    """What was learnt about a column of dates."""

    name: object
    is_birth: bool = False
    style: str = ISO
    orders: dict = field(default_factory=dict)
    bulk: tuple | None = None
    epoch: str | None = None
    stays_text: bool = False
    conventions: frozenset = frozenset()
    half_swapped: bool = False
    latest: int = 0  # no birth lies after the day of fit

    def __post_init__(self):
        """Start without days read."""
        self._seen = {}  # what was settled of a day serves all its times

    def settle(self, text):
        """Return (days since year 1, seconds, rule) for a cell; days are None where unknown."""
        clean = content(text)
        if not clean:
            return None, 0, None
        head, seconds = split_time(clean)
        if seconds:
            if head not in self._seen:
                self._seen[head] = self.settle(head)
            day, _, rule = self._seen[head]
            return day, 0 if day is None else seconds, rule
        reading = read_date(clean)
        if reading is None:
            return None, 0, UNREADABLE
        if reading.incomplete:
            return None, 0, INCOMPLETE
        days = self._possible_days(reading)
        if not days:
            return None, 0, UNREADABLE if reading.style in (SERIAL, UNIX) else IMPOSSIBLE
        if len(days) > 1:
            return None, 0, AMBIGUOUS
        return self._placed(days[0], reading)

    def doubts(self, days):
        """Say which plain ISO days need `settle`: placeholders, and days far from the others."""
        placed = np.fromiter((day in _PLACEHOLDERS for day in days.tolist()), bool, len(days))
        doubtful = placed | (self.style != ISO) | self.half_swapped
        if self.bulk is not None:
            low, high = self.bulk
            more = max(BEYOND * YEAR, high - low)
            doubtful |= (days < low - more) | (days > high + more)
        return doubtful | (days < _FIRST_DAY) | (days > _LAST_DAY)

    def _placed(self, day, reading):
        if day in _PLACEHOLDERS and self._is_outside(day, 0.1, 5):
            if day in self.conventions:
                return day, reading.seconds, OPEN_END
            return None, 0, PLACEHOLDER
        if not _FIRST_DAY <= day <= _LAST_DAY:
            return None, 0, IMPOSSIBLE
        if self._is_outside(day, 1, 50):
            return day, reading.seconds, FAR
        if self.half_swapped and reading.style.removesuffix(ZULU) == ISO and _can_swap(reading):
            return day, reading.seconds, SWAPPED
        usual = reading.style == self.style and not reading.is_end_of_day
        return day, reading.seconds, None if usual else FORMAT

    def _possible_days(self, reading):
        if reading.style == SERIAL:
            epochs = [self.epoch] if self.epoch else list(EPOCHS)
            days = [(EPOCHS[e] + timedelta(days=reading.serial)).toordinal() for e in epochs]
            return [d for d in days if self._is_near(d)]
        if reading.style == UNIX:
            day = (EPOCHS["unix"] + timedelta(days=reading.serial)).toordinal()
            return [day] if self._is_near(day) else []
        pairs = reading.days(self.orders.get(reading.style))
        if not pairs and reading.is_open:
            pairs = reading.days(None)
        days = {
            date(year, month, day).toordinal()
            for year in self._years(reading)
            for month, day in pairs
            if is_day(year, month, day)
        }
        return sorted(days)

    def _years(self, reading):
        if not reading.short_year:
            return [reading.year]
        both = [1900 + reading.year % 100, 2000 + reading.year % 100]
        if self.bulk is not None:
            near = [y for y in both if self._is_near(date(y, 7, 1).toordinal())]
            return near or self._until_today(both)
        late = reading.year % 100 <= PIVOT
        if self.is_birth and late:
            return self._until_today(both)
        return both[1:] if late else both[:1]

    def _until_today(self, years):
        """Return the years in which a patient may have been born by the day of fit."""
        if not self.is_birth:
            return years
        return [year for year in years if date(year, 1, 1).toordinal() <= self.latest]

    def _is_near(self, day):
        if self.bulk is None:
            return not self.is_birth and _USUAL[0] <= day <= _USUAL[1]
        low, high = self.bulk
        more = max(YEAR, LEAST_BEYOND * (high - low))
        return low - more <= day <= high + more

    def _is_outside(self, day, share, years):
        if self.bulk is None:
            return False
        low, high = self.bulk
        more = max(years * YEAR, share * (high - low))
        return not low - more <= day <= high + more


def learn_dates(name, levels, counts, *, hinted, is_birth, order="auto", declared=False):
    """Return what a column of dates looks like, or None where it holds no dates.

    From its distinct cells and their rows. `hinted` and `is_birth`: the name says date, or birth;
    `declared`: a schema does. `order` ("auto", "day" or "month") is that of cells whose year stands
    last.

    >>> cells = ["13/02/2021", "04/05/2021", "28/02/2021"]
    >>> learn_dates("seen", cells, np.ones(3), hinted=False, is_birth=False).orders
    {'?/?/yyyy': 'day'}
    """
    read, rows = [], []
    for level, n in zip(levels, counts, strict=True):
        clean = content(level)
        if n and clean:
            read.append(read_date(clean))
            rows.append(n)
    if not read:
        return None
    strong = sum(n for r, n in zip(read, rows, strict=True) if _is_strong(r))
    weak = sum(n for r, n in zip(read, rows, strict=True) if r is not None)
    enough = strong >= STRONG * sum(rows) or (
        (hinted or declared) and weak >= NAMED_SHARE * sum(rows)
    )
    if not enough or (weak and not strong and not (hinted or declared)):
        return None
    pairs = [(r, n) for r, n in zip(read, rows, strict=True) if r is not None and not r.incomplete]
    if not pairs:  # months and years without a day
        return None
    column = DateColumn(name, is_birth, latest=date.today().toordinal())
    column.style = Counter(dict(_tally((r.style, n) for r, n in pairs))).most_common(1)[0][0]
    column.orders = {s: order for s, _ in _votes(pairs)} if order != "auto" else decide(pairs)
    column.bulk = _bulk(pairs)
    column.epoch = _epoch(pairs, column)
    column.conventions = _conventions(pairs)
    column.half_swapped = _is_half_swapped(pairs, column.orders)
    return column


def _can_swap(reading):
    return reading.second <= LAST_EARLY and reading.first != reading.second


def _is_half_swapped(pairs, orders):
    """Say whether ISO dates were made of day and month turned round, the others left as text.

    The day of every ISO date is then 12 or less, and that of every date left as text more.
    """
    iso = {(r.year, r.first, r.second) for r, _ in pairs if r.style.removesuffix(ZULU) == ISO}
    texts = [r for r, _ in pairs if r.is_open and orders.get(r.style)]
    left = {(r.year, r.first, r.second) for r in texts}
    n_open = sum(max(r.first, r.second) <= LAST_EARLY for r in texts)
    if min(len(iso), len(left)) < FEWEST_SIDE or n_open > MOST_OPEN * len(texts):
        return False
    days = {day for _, _, day in iso}
    if max(days) > LAST_EARLY or len(days) < FEWEST_DAYS:
        return False
    return EARLY_DAYS ** len(iso) * (1 - EARLY_DAYS) ** len(left) < CHANCE_SWAPPED


def _tally(pairs):
    total = {}
    for key, n in pairs:
        total[key] = total.get(key, 0) + n
    return total.items()


def _is_strong(reading):
    if reading is None or reading.incomplete:
        return False
    return reading.style not in (SERIAL, COMPACT, UNIX) and not (
        reading.short_year and reading.style != NAMED
    )


def _votes(pairs):
    """Return [(style, Counter of orders)] from cells that only one order can explain."""
    votes = {}
    for reading, n in pairs:
        if reading.is_open:
            tally = votes.setdefault(reading.style, Counter())
            day, month = (bool(reading.days(order)) for order in ("day", "month"))
            if day != month:
                tally["day" if day else "month"] += n
    return list(votes.items())


def decide(pairs):
    """Return {style: "day" or "month"} for the styles whose telling cells agree."""
    return {style: side for style, tally in _votes(pairs) if (side := _winner(tally)) is not None}


def _winner(tally):
    if not tally:
        return None
    side, n = tally.most_common(1)[0]
    return side if n >= AGREES * tally.total() else None


def share_orders(columns):
    """Give styles that a column cannot decide the order that all deciding columns agree on."""
    orders_of = {}
    for column in columns:
        for style, order in column.orders.items():
            orders_of.setdefault(style, set()).add(order)
    for column in columns:
        for style, orders in orders_of.items():
            if len(orders) == 1:
                column.orders.setdefault(style, next(iter(orders)))


def _conventions(pairs):
    """Return the placeholders that stand in over a tenth of the rows and fit a datetime."""
    rows = {}
    for reading, n in pairs:
        if reading.style == ISO and is_day(reading.year, reading.first, reading.second):
            day = date(reading.year, reading.first, reading.second).toordinal()
            rows[day] = rows.get(day, 0) + n
    total = sum(n for _, n in pairs)
    common = {day for day, n in rows.items() if n > CONVENTION * total}
    return frozenset(d for d in common & _PLACEHOLDERS if _FIRST_DAY <= d <= _LAST_DAY)


def _bulk(pairs):
    """Return the days between which 98% of the full dates lie, or None with fewer than 20."""
    days, rows = [], []
    for reading, n in pairs:
        if reading.short_year or reading.style in (SERIAL, UNIX):
            continue
        valid = reading.days(None)
        if valid and 1 <= reading.year <= 9999:
            day = date(reading.year, *valid[0]).toordinal()
            if day not in _PLACEHOLDERS:
                days.append(day)
                rows.append(n)
    if sum(rows) < FEWEST_FOR_BULK:
        return None
    order = np.argsort(days)
    days, share = np.array(days)[order], np.cumsum(np.array(rows)[order]) / sum(rows)
    low, high = np.searchsorted(share, BULK)
    return int(days[low]), int(days[min(high, len(days) - 1)])


def _epoch(pairs, column):
    """Return the day zero that puts nine tenths of the serial numbers where the dates are."""
    serials = [(r.serial, n) for r, n in pairs if r.style == SERIAL]
    if not serials:
        return None
    share = {}
    for name, zero in EPOCHS.items():
        near = [n for s, n in serials if column._is_near((zero + timedelta(days=s)).toordinal())]
        share[name] = sum(near) / sum(n for _, n in serials)
    best, other = sorted(share, key=share.get, reverse=True)
    return best if share[best] >= IN_BULK > share[other] else None


def as_times(days, seconds):
    """Return days since year 1 (None: missing) and seconds as datetimes.

    >>> as_times([737791, None], [0, 0]).astype(str).tolist()
    ['2021-01-01T00:00:00.000000000', 'NaT']
    """
    known = np.array([d is not None for d in days], dtype=bool)
    number = np.array([719163 if d is None else d for d in days], dtype=np.int64) - 719163
    times = (number * 86400 + np.asarray(seconds, dtype=np.int64)).astype("datetime64[s]")
    times = times.astype("datetime64[ns]")
    times[~known] = np.datetime64("NaT", "ns")
    return times


def iso_text(times):
    """Return datetimes as text, without a time of day where there is none; None where missing.

    >>> iso_text(np.array(["2021-01-01T00:00", "2021-01-01T07:05", "NaT"], dtype="datetime64[ns]"))
    ['2021-01-01', '2021-01-01 07:05:00', None]
    """
    moments = np.asarray(times).astype("datetime64[s]")
    days = moments.astype("datetime64[D]")
    text = np.datetime_as_string(days).astype(object)
    timed = (moments != days) & ~np.isnat(moments)
    if timed.any():
        whole = np.char.replace(np.datetime_as_string(moments[timed]), "T", " ")
        text[timed] = whole.astype(object)
    text[np.isnat(moments)] = None
    return text.tolist()
