"""What the training rows tell about one column of laboratory results, and reading cells by it."""

import re
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import column_concept, concept_limits
from healthml.cleaning._columns import MOSTLY_NUMBERS, has_code_name, is_text
from healthml.cleaning._lab_values.grammar import LabValue, read_cell

NUMBERS, TITRES, PAIRS = "numbers", "titres", "pairs"
SAMPLE = 2000  # levels read to decide what a text column holds
EXACT = 2**53  # whole numbers above lose digits as floats
NAMED = 0.5  # share of number-like cells that is enough where the name is that of a measurement
FEW_NUMBERS = 10  # with fewer distinct numbers words beside them may be levels
WORDS = 0.1
ENOUGH = 20  # cells from which a column's range is taken
BESIDE = 2.0  # how far beyond the training range, as a factor, a reading still counts as near it
_NUMERIC_KINDS = ("number", "censored", "ambiguous")
WIDE = 5  # whole numbers of at least so many digits, all of one width, are labels
CODES = 0.2  # share of codes such as "V45" among the cells that are no numerals
_CODE = re.compile(r"[A-Za-z]{1,3}[-.]?\d[\d.]*")
_GROUPED = re.compile(r"\D*[1-9]\d{0,2}\.\d{3}(?:\D.*)?")
_LEADING_ZERO = re.compile(r"\s*0\d+\s*")


@dataclass(frozen=True)
class LabColumn:
    """How the cells of a column are read.

    Parameters
    ----------
    holds : str
        "numbers", "titres" or "pairs".
    dtype : object
        Type of the column in the training rows where it was one of floats, else ``float``.
    mark : str or None
        Decimal mark, where locale or the other cells settle it.
    low, high : float
        Smallest and largest number of the training rows; NaN where too few.
    hard : tuple of float
        Limits beyond which no value is possible.
    unit : str
        UCUM code of the column's unit, "" where nothing says it.
    concept : str
        Clinical concept by schema or name, "" where neither says one.
    limits : dict of str to float
        Usual limit of "<" and ">" results in the training rows.
    """

    holds: str = NUMBERS
    dtype: object = np.dtype(float)
    mark: str | None = None
    low: float = np.nan
    high: float = np.nan
    hard: tuple = (-np.inf, np.inf)
    unit: str = ""
    concept: str = ""
    limits: tuple = ()


class Levels:
    """A text column as distinct levels, each read once: numerals quickly, the rest by grammar."""

    def __init__(self, series):
        self.series = series
        self.codes, levels = pd.factorize(series)
        self.levels = np.asarray(levels, dtype=object)
        readable = self.levels
        if pd.api.types.infer_dtype(self.levels, skipna=False) != "string":
            kept = np.array([_is_text_or_number(level) for level in self.levels], dtype=bool)
            readable = np.where(kept, self.levels, None)
        some = readable[:: max(len(readable) // SAMPLE, 1)]
        if len(readable) > SAMPLE and not np.isfinite(_numerals(some)).any():
            readable = np.full(len(readable), None)  # quick: what is left is read one by one
        self.numbers = _numerals(readable)
        self.plain = np.isfinite(self.numbers)
        self.numbers = np.where(self.plain, self.numbers, np.nan)
        self.counts = np.bincount(self.codes[self.codes >= 0], minlength=len(levels))

    @property
    def values(self):
        """The column as floats, NaN where a cell is no plain numeral."""
        return np.append(self.numbers, np.nan)[self.codes]

    def sample(self):
        """Return positions of levels evenly spread, all when there are few."""
        n = len(self.levels)
        return np.arange(n) if n <= SAMPLE else np.linspace(0, n - 1, SAMPLE).astype(int)

    def rows(self, positions):
        """Return the rows that hold any of the levels and, for each, the place in `positions`."""
        place = np.full(len(self.levels) + 1, -1)
        place[positions] = np.arange(len(positions))
        found = place[self.codes]
        rows = np.flatnonzero(found >= 0)
        return rows, found[rows]


def learn_column(series, variable, mark, levels=None):
    """Return what a column holds as a `LabColumn`, or None when it is not to be read as numbers.

    Parameters
    ----------
    series : pandas.Series
        The column in the training rows.
    variable : Variable or None
        What a schema declares.
    mark : str or None
        Decimal mark of the locale.
    levels : Levels, optional
        The column's levels where they are at hand.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._lab_values.column import learn_column
    >>> learn_column(pd.Series(["5,1", "<0,5", "7,25"]), None, None).mark
    ','
    >>> learn_column(pd.Series(["I21.4", "A41.9"]), None, None) is None
    True
    """
    kind = getattr(variable, "kind", None)
    if kind not in (None, "numeric") or getattr(variable, "vocabulary", ()):
        return None
    facts = _facts(str(series.name), variable)
    if types.is_bool_dtype(series.dtype):
        return None
    if types.is_numeric_dtype(series.dtype):
        return _of_numbers(series, facts, mark)
    if not is_text(series) or (isinstance(series.dtype, pd.CategoricalDtype) and kind is None):
        return None
    if has_code_name(str(series.name)) and kind is None:
        return None
    levels = levels or read_levels(series)
    return levels and _of_text(levels, facts, mark, sure=kind == "numeric")


def read_levels(series):
    """Return the `Levels` of a column, or None where its cells are no values (lists).

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning._lab_values.column import read_levels
    >>> read_levels(pd.Series(["5", "<3", "5"])).counts.tolist()
    [2, 1]
    """
    try:
        return Levels(series)
    except TypeError:
        return None


def read_level(level, column):
    """Return a level read by the grammar and settled by what is known about its column.

    Examples
    --------
    >>> from healthml.cleaning._lab_values.column import LabColumn, read_level
    >>> read_level("1,060", LabColumn(low=0.2, high=9.0)).value
    1.06
    >>> read_level("1,060", LabColumn(low=0.2, high=2000.0)).kind
    'ambiguous'
    """
    if not isinstance(level, str):
        if isinstance(level, float) and np.isinf(level):
            return LabValue(kind="missing", note="infinite", rule="infinite")
        return LabValue(rule="unreadable", note=f"a {type(level).__name__}")
    return settle(read_cell(level, column.mark), column)


def settle(found, column):
    """Choose among readings where only one of them is possible in this column."""
    readings = (found.value, *found.alternatives)
    if column.holds == TITRES:
        if found.kind == "titre":
            return replace(found, kind="number", rule="")
        if found.note == "titre or ratio":
            return replace(found, kind="number", rule="titre", note="")
        return found
    if found.rule == "letter_for_digit" or found.value is None:
        return found
    if found.kind != "ambiguous" or not found.alternatives:
        return found
    kept = [r for r in dict.fromkeys(readings) if _possible(r, column)]
    if len(kept) != 1 or found.alternatives == (found.value,):
        return found
    kind = "censored" if found.operator else "number"
    return replace(found, value=kept[0], kind=kind, alternatives=(), rule=_rule_of(found, kept[0]))


def _rule_of(found, value):
    if found.operator:
        return "censored"
    bigger = max(map(abs, (found.value, *found.alternatives)))
    if value < 0 or all(abs(r) == abs(value) for r in found.alternatives):
        return "spaced_sign"
    return "thousands_separator" if abs(value) == bigger else "decimal_comma"


def _possible(value, column):
    """Say whether a reading lies near the training values and within the limits."""
    if not column.hard[0] <= value <= column.hard[1]:
        return False
    if np.isnan(column.low):
        return True
    low, high = min(column.low, column.low * BESIDE, column.low / BESIDE), column.high
    return low <= value <= max(high, high * BESIDE, high / BESIDE)


def _facts(name, variable):
    """Return concept, hard limits and unit of a column from its schema and its name."""
    found = column_concept(name, variable)
    hard = (-np.inf, np.inf)
    if found is not None and found.is_named:
        facts = concept_limits(found.name)
        ends = [
            (end - offset) / size for _, size, offset in facts["units"] for end in facts["hard"]
        ]
        hard = min(ends), max(ends)
    for place, limit in enumerate(getattr(variable, "hard", None) or ()):
        open_end = (-np.inf, np.inf)[place]
        hard = (*hard[:place], open_end if limit is None else limit, *hard[place + 1 :])
    return {
        "hard": hard,
        "concept": found.name if found is not None else "",
        "unit": getattr(variable, "unit", None) or "",
        "named": found is not None and found.is_named,
    }


def _of_numbers(series, facts, mark):
    values = series.to_numpy(dtype=float, na_value=np.nan)
    low, high = _range_of(values[np.isfinite(values)])
    dtype = series.dtype if types.is_float_dtype(series.dtype) else np.dtype(float)
    return LabColumn(
        NUMBERS, dtype, mark, low, high, facts["hard"], facts["unit"], facts["concept"]
    )


def _range_of(values):
    if len(values) < ENOUGH:
        return np.nan, np.nan
    return float(values.min()), float(values.max())


def _of_text(levels, facts, mark, *, sure):
    sample = levels.sample()
    if not len(sample):
        return LabColumn(NUMBERS, hard=facts["hard"], mark=mark) if sure else None
    found = {
        int(i): LabValue(levels.numbers[i], kind="number")
        if levels.plain[i]
        else read_level(levels.levels[i], LabColumn(mark=mark))
        for i in sample
    }
    counts = {i: int(levels.counts[i]) for i in found}
    holds = _what_it_holds(found, counts, facts, sure=sure)
    if holds is None:
        return None
    if holds == NUMBERS and not sure and _are_labels(levels, found, counts, facts["named"]):
        return None
    mark = mark or _usual_mark(found, counts, levels)
    values = [f.value for f in found.values() if f.kind == "number" and not f.alternatives]
    n_values = sum(counts[i] for i, f in found.items() if f.kind == "number")
    low, high = _range_of(np.array(values, dtype=float)) if n_values >= ENOUGH else (np.nan,) * 2
    limits = tuple((sign, _usual_limit(found, counts, sign)) for sign in "<>")
    unit = facts["unit"] or _usual_unit(found, counts)
    hard = facts["hard"] if holds == NUMBERS else (-np.inf, np.inf)
    return LabColumn(holds, np.dtype(float), mark, low, high, hard, unit, facts["concept"], limits)


def _what_it_holds(found, counts, facts, *, sure):
    """Return NUMBERS, TITRES, PAIRS or None by what most cells are, missing ones left out."""
    per_kind, words = {}, 0
    for i, f in found.items():
        per_kind[f.kind] = per_kind.get(f.kind, 0) + counts[i]
        words += counts[i] * (f.kind in ("unparseable", "ordinal"))
    total = sum(per_kind.values()) - per_kind.get("missing", 0)
    if sure:
        return NUMBERS
    if not total:
        return None
    for holds, kind in ((TITRES, "titre"), (PAIRS, "pair")):
        if per_kind.get(kind, 0) >= MOSTLY_NUMBERS * total:
            return holds
    numeric = sum(per_kind.get(kind, 0) for kind in _NUMERIC_KINDS)
    if (
        not per_kind.get("number")
        or numeric < (NAMED if facts["named"] else MOSTLY_NUMBERS) * total
    ):
        return None
    distinct = len({f.value for f in found.values() if f.kind == "number"})
    if not facts["named"] and words and (distinct <= FEW_NUMBERS or words > WORDS * total):
        return None
    return NUMBERS


def _are_labels(levels, found, counts, named):
    """Digits that are labels: too long for a float, leading zeros, codes, or all of one width."""
    numbers = levels.numbers[levels.plain]
    whole = numbers == np.floor(numbers)
    if (np.abs(numbers) > EXACT).any():
        return True
    if len(whole) and whole.mean() >= MOSTLY_NUMBERS:
        text = [str(t) for t in levels.levels[levels.plain][np.asarray(whole)]]
        if sum(bool(_LEADING_ZERO.fullmatch(t)) for t in text) >= 2:
            return True
        widths = np.array([len(t.strip()) for t in text])
        if not named and widths.min() >= WIDE and (widths == widths[0]).all() and len(text) > 2:
            return True
    return not named and _are_decorated(levels, found, counts)


def _are_decorated(levels, found, counts):
    """Say whether codes stand among the cells, or most of them carry words or a unit."""
    odd = {i: f for i, f in found.items() if not levels.plain[i] and f.kind != "missing"}
    codes = [i for i in odd if _CODE.fullmatch(str(levels.levels[i]).strip())]
    n_odd, n_codes = (sum(counts[i] for i in part) for part in (odd, codes))
    if len(codes) >= 2 and n_codes > CODES * n_odd:
        return True
    dressed = sum(counts[i] for i, f in odd.items() if f.rule in ("comment", "unit_text"))
    return dressed > 0.5 * sum(counts.values())


def _usual_mark(found, counts, levels):
    """Return "," where all cells with a sure decimal mark write a comma, at least two."""
    commas = dots = 0
    for i, f in found.items():
        text = levels.levels[i]
        if f.kind not in ("number", "censored") or f.alternatives or not isinstance(text, str):
            continue
        if re.fullmatch(r"\D*\d*,\d+(?:\D.*)?", text):
            commas += counts[i]
        elif re.fullmatch(r"\D*\d*\.\d+(?:\D.*)?", text) and not _GROUPED.fullmatch(text):
            dots += counts[i]
    return "," if commas >= 2 and not dots else None


def _usual_limit(found, counts, sign):
    """Return the most frequent limit of results beyond it, NaN without any."""
    votes = {}
    for i, f in found.items():
        if f.kind == "censored" and f.operator[:1] == sign and f.value is not None:
            votes[f.value] = votes.get(f.value, 0) + counts[i]
    return float(max(votes, key=votes.get)) if votes else np.nan


def _usual_unit(found, counts):
    """Return the unit written in most of the cells, "" where most have none."""
    votes = {}
    for i, f in found.items():
        votes[f.unit] = votes.get(f.unit, 0) + counts[i]
    best = max(votes, key=votes.get)
    return best if votes[best] > 0.5 * sum(votes.values()) else ""


def _numerals(levels):
    number = pd.to_numeric(pd.Series(levels, dtype=object), errors="coerce")
    return number.to_numpy(dtype=float, na_value=np.nan)


def _is_text_or_number(level):
    return isinstance(level, str | int | float | np.number) and not isinstance(level, bool)
