"""Dates read from text: formats, day and month, centuries, days that cannot be, broken orders."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._routing import clear_errors
from healthml.cleaning._columns import factorized, tidy, variables_of
from healthml.cleaning._dates.cells import (
    Settled,
    distinct_cells,
    is_hinted,
    is_time_hinted,
    may_hold_dates,
    plain_days,
    thin,
)
from healthml.cleaning._dates.column import (
    AMBIGUOUS,
    BLANKED,
    FAR,
    FORMAT,
    IMPOSSIBLE,
    INCOMPLETE,
    LEFT,
    OPEN_END,
    PLACEHOLDER,
    SWAPPED,
    UNREADABLE,
    iso_text,
    learn_dates,
    share_orders,
)
from healthml.cleaning._dates.event_order import (
    BIRTH,
    as_naive,
    find_stays,
    has_role,
    impossible_orders,
    swapped,
)
from healthml.cleaning._record import CellCleaner, Change, Retyped
from healthml.exceptions import InputError

ORDER, REWRITTEN = "date_order", "date_rewritten"
_WHY = {
    FORMAT: "a date in another format than most of the column",
    REWRITTEN: "written in ISO form; the column stays text, since some cells are no dates",
    IMPOSSIBLE: "a day that no calendar has",
    PLACEHOLDER: "a day that stands for a missing date, far from the dates of the column",
    AMBIGUOUS: "day and month, or the century, can be read in two ways",
    INCOMPLETE: "a part of the date is missing",
    UNREADABLE: "not a date",
    OPEN_END: "a day that stands for no date in over a tenth of the rows: a convention, kept",
    SWAPPED: (
        "day and month may be turned round: no ISO date of the column has a day above 12, and "
        "every date left as text has one, as a spreadsheet of another country leaves them"
    ),
    FAR: "more than 50 years from nearly all dates of the column",
}


@clear_errors
class DateParser(CellCleaner):
    """Read columns of dates; settle what the column can tell, list what it cannot.

    Parameters
    ----------
    schema : Schema, default=None
        Columns of kind "datetime" are read as dates; those of another kind are not.
    order : {"auto", "day", "month"}, default="auto"
        Which comes first where the year stands last. "auto" learns it for each style of writing
        (separator, digits of the year) from the cells that only one order explains.

    Attributes
    ----------
    date_columns_ : list
        Columns that are read.
    orders_ : dict
        For each column, {style: "day" or "month"}.
    stays_ : list of Stay
        Pairs of start and end, with the length that 99% do not exceed.
    record_ : CleaningRecord
        Rules: ``date_format``, ``date_rewritten`` (repaired, note); ``impossible_date``,
        ``placeholder_date`` (blanked, error); ``date_order`` (a start after its end: exchanged
        when that gives a usual stay, else flagged; an event before birth or after death: flagged);
        ``far_date`` (flagged, verify);
        ``open_date`` (2099-12-31 and the like where a tenth of the rows have it; flagged, verify);
        ``day_month_swapped`` (a spreadsheet may have turned day and month round; flagged,
        verify); ``ambiguous_date``, ``incomplete_date``, ``unreadable_date`` (verify).

    Raises
    ------
    InputError
        If `order` is unknown.

    See Also
    --------
    CrossFieldCheck : Age against the dates of birth and visit.
    ClinicalCleaner : All steps of cleaning in their order.

    Notes
    -----
    A column is read when 80% of its rows have the shape of a date that nothing else has, or 60%
    any shape (serial numbers, eight digits, years of two digits) and the name says date. It becomes
    a datetime column when every cell of the training rows is settled; otherwise it stays text,
    with the settled dates in ISO form and the others left and listed. In a datetime column, a cell
    of new rows that cannot be settled is blanked and recorded. Serial numbers count from the day
    zero (spreadsheet 1899-12-30, Unix 1970-01-01) that puts nine tenths of them among the other
    dates of the column; nine or more digits are Unix seconds or milliseconds. Years of two digits
    take the century that lies there; no birth lies after the day of fit. Times that end with Z are
    read as they stand, in UTC; other zones are left as they are. 24:00 is 0:00 of the next day. It
    fails where a column writes two orders in one style.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import DateParser
    >>> dates = ["2021-03-04", "2021-05-16", "2021-08-30"] * 10
    >>> dates += ["13/06/2021", "44348", "04/05/2021"]
    >>> parser = DateParser()
    >>> out = parser.fit_transform(pd.DataFrame({"admission_date": dates}))
    >>> out["admission_date"].dt.strftime("%d %b").tolist()[-3:]
    ['13 Jun', '01 Jun', '04 May']
    """

    def __init__(self, schema=None, *, order="auto"):
        self.schema = schema
        self.order = order

    def _learn(self, frame, y):
        if self.order not in ("auto", "day", "month"):
            raise InputError(f"order={self.order!r} is unknown; use 'auto', 'day' or 'month'.")
        self._columns_, cells = {}, {}
        for name in frame.columns:
            candidate = self._candidate(name, frame)
            if candidate is not None:
                self._columns_[name], cells[name] = candidate
        share_orders(self._columns_.values())
        settled = {name: Settled(column, *cells[name]) for name, column in self._columns_.items()}
        for name, column in self._columns_.items():
            column.stays_text = any(rule in LEFT for rule in settled[name].rules)
        self.stays_ = find_stays(self._times(frame, settled))
        self.date_columns_ = list(self._columns_)
        self.orders_ = {name: dict(column.orders) for name, column in self._columns_.items()}
        return settled

    def _candidate(self, name, frame):
        series = frame[name]
        variables = variables_of(self.schema)
        kind = getattr(variables.get(name), "kind", None)
        declared = kind == "datetime"
        hinted = is_hinted(name) or declared
        timed = hinted or is_time_hinted(name)
        if kind not in (None, "datetime") or not may_hold_dates(series, hinted):
            return None
        cells = frame.of(name, distinct_cells, factorized)
        if cells is None:
            return None
        codes, levels = cells
        counts, plain = np.bincount(codes[codes >= 0], minlength=len(levels)), plain_days(levels)
        column = learn_dates(
            name,
            *thin(levels, counts, plain),
            hinted=timed,
            is_birth=has_role(name, BIRTH),
            order=self.order,
            declared=declared,
        )
        if column is None or (
            types.is_numeric_dtype(series.dtype) and not _is_sure(column, levels)
        ):
            return None
        return column, (codes, levels, plain)

    def _settled(self, frame):
        settled = {}
        for name, column in self._columns_.items():
            if not frame.of(name, _is_datetime):
                cells = frame.of(name, distinct_cells, factorized)
                if cells is not None:
                    settled[name] = Settled(column, *cells)
        return settled

    def _times(self, frame, settled):
        """Return every column of dates, read or as it came, as numpy datetimes."""
        times = {}
        for name in frame.columns:
            if name in settled:
                times[name] = settled[name].times()
            elif frame.of(name, _is_datetime):
                times[name] = as_naive(frame[name])
        return times

    def _changes(self, frame, prepared=None):
        settled = self._settled(frame) if prepared is None else prepared
        times = self._times(frame, settled)
        for name, cells in settled.items():
            yield from self._cell_changes(self._columns_[name], cells)
            if not self._columns_[name].stays_text:
                values = pd.Series(times[name], index=frame.index)
                yield Retyped(name, "date_from_text", values, "every cell is a date or missing")
        yield from self._order_changes(times)

    def _cell_changes(self, column, cells):
        if column.stays_text:
            new = iso_text(cells.of_levels)
            other = [
                isinstance(a, str) and a != tidy(b) for a, b in zip(new, cells.levels, strict=True)
            ]
            rows = cells.rows(other)
            usual = np.array([cells.rules[i] is None for i in cells.codes[rows]], dtype=bool)
            yield from _in_iso(column.name, rows[usual], new, cells)
            rows = rows[~usual]
        else:
            rows = cells.rows_of(FORMAT)
            new = iso_text(cells.of_levels) if len(rows) else []
        yield Change(
            column.name,
            FORMAT,
            rows,
            [new[i] for i in cells.codes[rows]],
            "repaired",
            "note",
            _WHY[FORMAT],
        )
        for rule in (*BLANKED, *LEFT, SWAPPED, OPEN_END, FAR):
            rows = cells.rows_of(rule)
            severity = "error" if rule in BLANKED else "verify"
            if rule in BLANKED or (rule in LEFT and not column.stays_text):
                yield Change(
                    column.name, rule, rows, [None] * len(rows), "blanked", severity, _WHY[rule]
                )
            else:
                yield Change(column.name, rule, rows, None, "flagged", severity, _WHY[rule])

    def _order_changes(self, times):
        for stay in self.stays_:
            if not {stay.start, stay.end} <= set(times):
                continue
            restored, broken = swapped(stay, times)
            why = f"{stay.start} lies after {stay.end}"
            for name, other in ((stay.start, stay.end), (stay.end, stay.start)):
                new = times[other][restored]
                new = iso_text(new) if self._is_text(name) else list(pd.to_datetime(new))
                exchanged = f"{why}; exchanged, the stay is as long as others"
                yield Change(name, ORDER, restored, new, "repaired", "error", exchanged)
                yield Change(name, ORDER, broken, None, "flagged", "error", why)
        for columns, rows, severity, why in impossible_orders(times):
            for name in columns:
                evidence = f"{columns[0]} against {columns[1]}: {why}"
                yield Change(name, ORDER, rows, None, "flagged", severity, evidence)

    def _is_text(self, name):
        return name in self._columns_ and self._columns_[name].stays_text


def _in_iso(name, rows, new, cells):
    """Yield the cells of the usual format that are rewritten because the column stays text."""
    new = [new[i] for i in cells.codes[rows]]
    yield Change(name, REWRITTEN, rows, new, "repaired", "note", _WHY[REWRITTEN])


def _is_datetime(series):
    return types.is_datetime64_any_dtype(series.dtype)


def _is_sure(column, levels):
    """Say whether whole numbers are surely dates: every one of them, by one day zero."""
    return all(column.settle(level)[2] in (None, FORMAT, FAR) for level in levels)
