"""LabValueParser: columns of laboratory results typed as text become numbers, nothing lost."""

import numpy as np
import pandas as pd

from healthml._core._knowledge import find_unit, same_size, unit_code
from healthml._core._routing import clear_errors
from healthml.cleaning._columns import factorized, is_text, variables_of
from healthml.cleaning._lab_values.column import (
    NUMBERS,
    PAIRS,
    is_grouped,
    learn_column,
    read_level,
    read_levels,
)
from healthml.cleaning._lab_values.grammar import LabValue
from healthml.cleaning._lab_values.numerals import decimal_mark
from healthml.cleaning._record import CellCleaner, Change, Retyped
from healthml.exceptions import InputError

_WORDS = {
    "decimal_comma": "decimal comma",
    "thousands_separator": "separators of thousands",
    "unit_text": "a unit written in the cell",
    "unit_differs": "a unit written in the cell that is not the column's",
    "exponent": "a power of ten",
    "result_flag": "a flag beside the number",
    "comment": "words beside the number",
    "approximate": "marked as approximate",
    "number_in_words": "a number in words",
    "censored": "beyond a limit of measurement: the limit is the value",
    "new_censored": "beyond a limit of measurement, in a column without such results in training",
    "censored_without_limit": "beyond a limit of measurement that is not named",
    "unusual_characters": "characters that only look like plain ones",
    "spaced_sign": "a dash apart from the number; the other sign is impossible here",
    "mark_by_range": "a comma or dot that may be either mark; the other reading is impossible here",
    "mark_unclear": "a dot that may stand between thousands: all other numbers are whole",
    "of_total": "so many of a total that all such cells have",
    "coma": "the sum of eyes, voice and movement",
    "missing_reason": "no value, with a reason",
    "infinite": "an infinite number",
    "ambiguous_number": "more than one reading is possible in this column",
    "letter_for_digit": "a letter in place of a digit",
    "range": "two ends of a range",
    "pair": "two numbers in one cell",
    "titre": "a titre in a column of numbers",
    "finding": "a finding in words or signs in a column of numbers",
    "unreadable": "not a number",
    "too_long": "a whole number with more digits than a float holds",
}
_SAME_VALUE = (
    "decimal_comma thousands_separator unit_text exponent result_flag comment approximate "
    "number_in_words censored unusual_characters spaced_sign titre of_total coma"
)
_OPTIONS = ("blank", "keep")
_TWO_OR_NONE = ("pair", "missing")  # what may stand in a column of two numbers


@clear_errors
class LabValueParser(CellCleaner):
    """Read numbers out of text by one grammar, the same in training and in prediction.

    A column is read when most of its cells are numbers: identifiers, codes, dates, categories and
    free text are left alone. Limits such as "<0.5" keep their sign in a column
    ``<column>__censored``. What has two readings ("1,060") is settled by the locale, or by two
    cells of the training rows that show the decimal mark by themselves ("8,405.10", "4,25"); else
    it is flagged to be verified and takes the only reading that is possible for the analyte, or
    is not guessed. A unit in a cell that is not the column's is flagged; the column's unit is the
    declared one, else the one written in most cells, else the one in which the cells without any
    agree with their concept. Columns of pressures ("120/80") gain ``__systolic`` and
    ``__diastolic``.

    Parameters
    ----------
    schema : Schema, default=None
        Kinds, units and limits that are known; ``kind="numeric"`` makes a column be read, any
        other kind leaves it.
    locale : str, default=None
        Language or country code, or the decimal mark itself, for all columns.
    unreadable : {"blank", "keep"}, default="blank"
        What becomes of a cell that cannot be read: set to missing, so that the column is one of
        floats, or left as text. Either way it is in the record.
    unit_columns : bool, default=False
        Add ``<column>__unit`` with the UCUM code written in each cell, for columns where cells of
        the training rows carry one.

    Attributes
    ----------
    columns_ : dict
        What was learnt about each column that is read: decimal mark, range, unit, limits.

    Raises
    ------
    InputError
        If `locale` or `unreadable` is unknown, or a column to be added is there already.

    See Also
    --------
    parse_lab_value : Reads one cell.
    UnitHarmonizer : Converts values whose cell or unit column names another unit.
    MissingCodes : Words and numbers that stand for missing, in any column.

    Notes
    -----
    Rules: ``number_from_text`` (the column's new form); with the same value ``decimal_comma``,
    ``thousands_separator``, ``unit_text``, ``exponent``, ``result_flag``, ``comment``,
    ``approximate``, ``number_in_words``, ``unusual_characters``, ``spaced_sign``, ``titre``,
    ``of_total``, ``coma`` (E4V5M6), ``censored``; to be looked at ``mark_by_range``,
    ``mark_unclear``, ``unit_differs``,
    ``new_censored``, ``censored_without_limit``;
    without a usable number ``missing_reason``, ``infinite``, ``ambiguous_number``,
    ``letter_for_digit``, ``range``, ``pair``, ``finding``, ``unreadable``, ``too_long``.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import LabValueParser
    >>> crp = pd.DataFrame({"crp": ["5.1", "<0.6", "12,4", "88 mg/L", "hemolyzed"]})
    >>> parser = LabValueParser()
    >>> parser.fit_transform(crp)["crp"].tolist()
    [5.1, 0.6, 12.4, 88.0, nan]
    >>> parser.record_.counts()["rule"].tolist()
    ['censored', 'decimal_comma', 'missing_reason', 'unit_text']
    """

    def __init__(self, schema=None, *, locale=None, unreadable="blank", unit_columns=False):
        self.schema = schema
        self.locale = locale
        self.unreadable = unreadable
        self.unit_columns = unit_columns

    def _learn(self, frame, y):
        if self.unreadable not in _OPTIONS:
            raise InputError(f"unreadable={self.unreadable!r} is unknown; use 'blank' or 'keep'.")
        mark = decimal_mark(self.locale)
        variables = variables_of(self.schema)
        learnt = {c: _learnt(frame, c, variables.get(c), mark) for c in frame.columns}
        self.columns_ = {c: column for c, column in learnt.items() if column is not None}
        self._added_ = []
        for name, column in self.columns_.items():
            self._added_ += self._new_names(name, column, frame)
        taken = set(map(str, frame.columns)) & {new for new, _, _ in self._added_}
        if taken:
            raise InputError(
                f"columns {sorted(taken)} are there already and would be added; rename them."
            )

    def _new_names(self, name, column, frame):
        """Return (new name, column, part) of the columns to add for one column."""
        if not frame.of(name, is_text):
            return []
        cells = _Cells(frame.of(name, read_levels, factorized), column)
        parts = ["systolic", "diastolic"] if column.holds == PAIRS else []
        if any(map(_has_limit, cells.read)):
            parts.append("censored")
        if self.unit_columns and column.holds != PAIRS and any(f.unit for f in cells.read):
            parts.append("unit")
        return [(f"{name}__{part}", name, part) for part in parts]

    def _added(self):
        return [new for new, _, _ in self._added_]

    def _changes(self, frame, prepared=None):
        read = {}
        for name, column in self.columns_.items():
            if not frame.of(name, is_text):
                continue
            read[name] = cells = _Cells(frame.of(name, read_levels, factorized), column)
            if column.holds == PAIRS:
                yield from self._listed(name, cells)
            else:
                yield from self._numbers(name, column, cells, frame[name])
        for new, name, part in self._added_:
            values = _added_column(part, read.get(name), len(frame))
            values = pd.Series(values, index=frame.index, name=new)
            yield Retyped(new, f"{part}_column", values, f"read from {name}", added=True)

    def _numbers(self, name, column, cells, series):
        """Yield the cell changes of a column, by rule, and then the column as floats."""
        has_limits = any(new == f"{name}__censored" for new, _, _ in self._added_)
        by_rule = {}
        for i, cell in enumerate(cells.read):
            rule, value = _verdict(cell, column, has_limits=has_limits)
            by_rule.setdefault(rule, []).append((i, value))
        kept_text = False
        for rule in sorted(r for r in by_rule if r):
            places = np.array([i for i, _ in by_rule[rule]])
            values = np.array([value for _, value in by_rule[rule]], dtype=float)
            rows, which = cells.rows(places)
            keep = self.unreadable == "keep" and not np.isfinite(values).any()
            keep &= rule not in ("missing_reason", "infinite")
            kept_text |= keep
            yield _change(name, rule, rows, None if keep else values[which], column)
        if not kept_text:
            values = cells.numbers([_verdict(f, column, has_limits=True)[1] for f in cells.read])
            values = pd.Series(values, index=series.index, name=name).astype(column.dtype)
            if series.dtype != values.dtype:
                yield Retyped(name, "number_from_text", values, "most cells are numbers")

    def _listed(self, name, cells):
        """Yield flags for the cells of a column of pairs that are none."""
        odd = [cells.others[i] for i, f in enumerate(cells.read) if f.kind not in _TWO_OR_NONE]
        rows, _ = cells.levels.rows(np.array([*np.flatnonzero(cells.plain), *odd], dtype=int))
        yield Change(name, "unreadable", rows, action="flagged", evidence="not two numbers")


def _learnt(frame, name, variable, mark):
    levels = frame.of(name, read_levels, factorized) if frame.of(name, is_text) else None
    return learn_column(frame[name], variable, mark, levels)


class _Cells:
    """A text column of one table: numerals, and every other level read by the grammar."""

    def __init__(self, levels, column):
        self.levels = levels
        self.plain = self.levels.plain & ~self._to_look_at(column)
        self.others = np.flatnonzero(~self.plain)
        self.read = [self._read(i, column) for i in self.others]

    def _to_look_at(self, column):
        """Return the plain numerals that are not taken as they are."""
        levels = self.levels
        with np.errstate(invalid="ignore"):
            long = (np.abs(levels.numbers) > 2**53) & (levels.numbers == np.floor(levels.numbers))
        if column.is_whole:
            return long | np.array([is_grouped(str(level)) for level in levels.levels], dtype=bool)
        if column.mark != ",":
            return long
        return long | np.array(["." in str(level) for level in levels.levels], dtype=bool)

    def _read(self, i, column):
        level = self.levels.levels[i]
        if column.mark == "," and isinstance(level, int | float | np.number):
            return LabValue(float(level), kind="number")
        if self.levels.plain[i] and abs(self.levels.numbers[i]) > 2**53:
            return LabValue(rule="too_long")
        return read_level(level, column)

    def rows(self, places):
        """Return the rows of some of the levels in `read` and the place of each."""
        return self.levels.rows(self.others[places])

    def numbers(self, values, *, plain=True):
        """Return the column as floats; `values` are those of `read`, plain numerals by choice."""
        kept = self.plain if plain else np.zeros_like(self.plain)
        table = np.append(np.where(kept, self.levels.numbers, np.nan), np.nan)
        table[self.others] = np.asarray(values, dtype=float)
        return table[self.levels.codes]

    def part(self, pick, empty):
        """Return one object per row from what was read; `empty` where a plain numeral stands."""
        table = np.full(len(self.levels.levels) + 1, empty, dtype=object)
        table[-1] = None
        table[self.others] = np.array([pick(f) for f in self.read] + [None], dtype=object)[:-1]
        return table[self.levels.codes]


def _verdict(cell, column, *, has_limits):
    """Return the rule under which a cell is recorded ("" for none) and its number."""
    known = cell.kind in ("number", "censored") and cell.value is not None
    if known and cell.unit and not _same_unit(cell.unit, cell.value, column):
        return "unit_differs", cell.value
    if cell.kind == "number":
        return cell.rule, cell.value
    if cell.kind == "censored":
        value = cell.value
        if value is None:
            limit = dict(column.limits).get(cell.operator[:1], np.nan)
            return "censored_without_limit", limit
        return "censored" if has_limits else "new_censored", value
    if cell.kind == "pair" and column.holds == NUMBERS:
        return "pair", np.nan
    return cell.rule or "unreadable", np.nan


def _same_unit(unit, value, column):
    """Say whether a unit is the column's, or equal to it for this analyte.

    Where nothing says the column's own, a number among those without a unit speaks for it.
    """
    if not column.unit:
        return not (value < column.bare[0] or value > column.bare[1])
    if unit == unit_code(column.unit):
        return True
    if not column.concept:
        return False
    both = find_unit(column.concept, unit), find_unit(column.concept, column.unit)
    return None not in both and same_size(*both)


def _change(name, rule, rows, values, column):
    evidence = _WORDS.get(rule, rule)
    if rule == "unit_differs":
        evidence += f" ({column.unit or 'not known'})"
    if values is None:
        return Change(name, rule, rows, None, "flagged", "error", evidence)
    if rule in _SAME_VALUE.split():
        return Change(name, rule, rows, values, "repaired", "note", evidence)
    if np.isfinite(values).any():
        return Change(name, rule, rows, values, "repaired", "verify", evidence)
    severity = "note" if rule == "missing_reason" else "error"
    return Change(name, rule, rows, values, "blanked", severity, evidence)


def _added_column(part, cells, n_rows):
    """Return the values of a new column; without text there is nothing in it."""
    if part in ("systolic", "diastolic"):
        if cells is None:
            return np.full(n_rows, np.nan)
        place = 0 if part == "systolic" else 1
        values = [f.value[place] if f.kind == "pair" else np.nan for f in cells.read]
        return cells.numbers(values, plain=False)  # a lone number is not both pressures
    if cells is None:
        return np.full(n_rows, "", dtype=object)
    if part == "unit":
        return cells.part(lambda f: f.unit, "")
    return cells.part(lambda f: f.operator if _has_limit(f) else "", "")


def _has_limit(cell):
    """Say whether a result is a limit: "<5", ">200/110"."""
    return bool(cell.operator) and cell.kind in ("censored", "pair")
