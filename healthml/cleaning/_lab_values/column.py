"""What the training rows tell about one column of laboratory results, and reading cells by it."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import column_concept, concept_limits, find_unit, unit_at_end
from healthml.cleaning._columns import MOSTLY_NUMBERS, factorized, has_code_name, is_text
from healthml.cleaning._lab_values.grammar import (
    SO_MANY_OF,
    TITRE_OR_RATIO,
    LabValue,
    read_cell,
)

NUMBERS, TITRES, PAIRS = "numbers", "titres", "pairs"
# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Levels read to decide what a text column holds; more cost time and change no answer.
SAMPLE = 2000
# Whole numbers above lose digits as floats (IEEE 754).
EXACT = 2**53
# Share of number-like cells that is enough where the name is that of a measurement. Lower reads
# columns of findings with some titres, higher leaves dirty columns as text.
NAMED = 0.5
# Distinct numbers up to which words beside them may be levels of one scale.
FEW_NUMBERS = 10
# Share of words above which a column without a measurement's name stays text.
WORDS = 0.1
# Cells from which a column's range is taken.
ENOUGH = 20
# How far beyond the training range, as a factor, a reading still counts as near it. Larger
# settles fewer cells with two readings, which are a thousand apart.
BESIDE = 2.0
_NUMERIC_KINDS = ("number", "censored", "ambiguous")
# Digits from which whole numbers of one width are labels: postal codes, telephone numbers.
WIDE = 5
# Share of codes such as V45 among the cells that are no numerals from which the column holds
# codes.
CODES = 0.2
_CODE = re.compile(r"[A-Za-z]{1,3}[-.]?\d[\d.]*")
_DIGITS_AND_MARKS = re.compile(r"\d*[.,]?\d[\d.,]*")
_GROUPED = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")  # "1,022": thousands or three decimals
# Cells that settle the decimal mark of a column; a single one may be a typing error.
FEWEST_DECISIVE = 2
# Different points of one total ("3/10", "7/10") that show a scale in a column of no known concept.
FEWEST_POINTS = 5
_LEADING_ZERO = re.compile(r"\s*0\d+\s*")


@dataclass(frozen=True)
class LabColumn:
    """How the cells of a column are read."""

    holds: str = NUMBERS  # "numbers", "titres" or "pairs"
    # Type of the column in the training rows where it was one of floats, else ``float``.
    dtype: object = np.dtype(float)
    mark: str | None = None  # decimal mark, where locale or the other cells settle it
    low: float = np.nan  # smallest and largest number of the training rows; NaN where too few
    high: float = np.nan
    hard: tuple = (-np.inf, np.inf)  # limits beyond which no value is possible
    unit: str = ""  # UCUM code of the column's unit, "" where nothing says it
    concept: str = ""  # clinical concept by schema or name, "" where neither says one
    limits: tuple = ()  # usual limit of "<" and ">" results in the training rows
    # Limits within which most patients lie, in the column's unit; NaN where not known.
    usual: tuple = (np.nan, np.nan)
    # What all results written like "14/15" are out of; NaN where they differ or there are none.
    total: float = np.nan
    # Smallest plain number where most cells are like "56,320" and the plain ones whole, else NaN.
    thousands_from: float = np.nan
    # Smallest and largest number without a unit; NaN where there are too few.
    bare: tuple = (np.nan, np.nan)
    # Whether all numbers are whole but for some like "1.022", whose dot may be either mark.
    is_whole: bool = False


class Levels:
    """A text column as distinct levels, each read once: numerals quickly, the rest by grammar."""

    def __init__(self, series, codes, levels):
        self.series, self.codes, self.levels = series, codes, levels
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
        at = place[self.codes]
        rows = np.flatnonzero(at >= 0)
        return rows, at[rows]


def learn_column(series, variable, mark, levels=None):
    """Return what a column holds as a `LabColumn`, or None when it is not to be read as numbers.

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
    return levels and _of_text(series, levels, facts, variable, mark, sure=kind == "numeric")


def read_levels(series, factors=None):
    """Return the `Levels` of a column, or None where its cells are no values (lists).

    >>> read_levels(pd.Series(["5", "<3", "5"])).counts.tolist()
    [2, 1]
    """
    told_apart = _told_apart(series)
    if factors is None or told_apart is not series:
        factors = factorized(told_apart)
    return None if factors is None else Levels(series, *factors)


def read_level(level, column):
    """Return a level read by the grammar and settled by what is known about its column.

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


def settle(cell, column):
    """Choose among readings where only one of them is possible in this column."""
    if cell.note == SO_MANY_OF:
        return _settle_slash(cell, column)
    if cell.note == TITRE_OR_RATIO and cell.value == column.total:
        return replace(cell, kind="number", value=1.0, rule="of_total", note="")
    if column.holds == TITRES:
        if cell.kind == "titre":
            return replace(cell, kind="number", rule="")
        if cell.note == TITRE_OR_RATIO:
            return replace(cell, kind="number", rule="titre", note="")
        return cell
    if cell.rule == "letter_for_digit" or cell.value is None:
        return cell
    is_unclear = column.is_whole and cell.kind == "number" and not cell.unit
    if (cell.kind != "ambiguous" and not is_unclear) or not cell.alternatives:
        return cell
    value = _likeliest(dict.fromkeys((cell.value, *cell.alternatives)), column)
    if is_unclear and value is None:
        return replace(cell, alternatives=(), rule="mark_unclear")
    if value is None or cell.alternatives == (cell.value,):
        return cell
    kind = "censored" if cell.operator else "number"
    return replace(cell, value=value, kind=kind, alternatives=(), rule=_rule_of(cell, value))


def _settle_slash(cell, column):
    """Read "94/110" among pressures as two numbers, "14/15" among scores as so many of 15."""
    both = {"value": cell.alternatives, "note": "two numbers", "alternatives": ()}
    if column.holds == PAIRS:
        return replace(cell, kind="pair", rule="pair", **both)
    if cell.alternatives[1] == column.total:
        both["value"] = cell.alternatives[0]
        return replace(cell, kind="number", rule="of_total", **both)
    return cell


def _likeliest(readings, column):
    """Return the only reading near the training values, within the usual limits, or not below."""
    for limits in (_near, _usual, _not_below):
        kept = [reading for reading in readings if limits(reading, column)]
        if len(kept) == 1:
            return kept[0]
    return None


def _rule_of(cell, value):
    """Return the rule of a cell of which a single reading is possible in its column."""
    if cell.operator:
        return "censored"
    if len({abs(reading) for reading in (cell.value, *cell.alternatives)}) == 1:
        return "spaced_sign"
    return "mark_by_range"


def _near(value, column):
    """Say whether a reading lies near the training values and within the hard limits."""
    if not column.hard[0] <= value <= column.hard[1]:
        return False
    if np.isnan(column.low):
        return True
    low, high = min(column.low, column.low * BESIDE, column.low / BESIDE), column.high
    return low <= value <= max(high, high * BESIDE, high / BESIDE)


def _usual(value, column):
    """Say whether a reading lies where most patients lie, in the column's unit."""
    return column.usual[0] <= value <= column.usual[1]


def _not_below(value, column):
    """Say whether a reading is no smaller than the plain numbers of a column of thousands.

    Where most cells are like "56,320" and the others whole numbers such as 845, those with a comma
    are the larger ones: as decimals they would all lie below the others.
    """
    return value >= column.thousands_from


def _facts(name, variable):
    """Return concept, hard limits and unit of a column from its schema and its name."""
    concept_named = column_concept(name, variable)
    known = concept_named is not None and concept_named.is_named
    hard = (-np.inf, np.inf)
    if known:
        facts = concept_limits(concept_named.name)
        units, limits = facts["units"], facts["hard"]
        ends = [(limit - offset) / size for _, size, offset in units for limit in limits]
        hard = min(ends), max(ends)
    for place, limit in enumerate(getattr(variable, "hard", None) or ()):
        open_end = (-np.inf, np.inf)[place]
        hard = (*hard[:place], open_end if limit is None else limit, *hard[place + 1 :])
    concept = concept_named.name if concept_named is not None else ""
    unit = getattr(variable, "unit", None) or ""
    return {"hard": hard, "concept": concept, "unit": unit, "named": known}


def _of_numbers(series, facts, mark):
    values = series.to_numpy(dtype=float, na_value=np.nan)
    low, high = _range_of(values[np.isfinite(values)])
    dtype = series.dtype if types.is_float_dtype(series.dtype) else np.dtype(float)
    known = {name: facts[name] for name in ("hard", "unit", "concept")}
    return LabColumn(NUMBERS, dtype, mark, low, high, **known)


def _range_of(values):
    if len(values) < ENOUGH:
        return np.nan, np.nan
    return float(values.min()), float(values.max())


def _of_text(series, levels, facts, variable, mark, *, sure):
    sample = levels.sample()
    if not len(sample):
        return LabColumn(NUMBERS, hard=facts["hard"], mark=mark) if sure else None
    readings = _read_sample(levels, sample, mark)
    counts = {i: int(levels.counts[i]) for i in readings}
    holds = _what_it_holds(readings, counts, facts, sure=sure)
    if holds is None:
        return None
    if holds == NUMBERS and not sure and _are_labels(levels, readings, counts, facts["named"]):
        return None
    mark = mark or _usual_mark(readings, counts, levels)
    readings = _read_sample(levels, sample, mark)
    values, n = _plain_values(readings, counts)
    low, high = _range_of(values) if n.sum() >= ENOUGH else (np.nan, np.nan)
    unit, usual = _unit_and_limits(series.name, variable, readings, counts, facts)
    return LabColumn(
        holds,
        np.dtype(float),
        mark,
        low,
        high,
        hard=facts["hard"] if holds == NUMBERS else (-np.inf, np.inf),
        usual=usual if holds == NUMBERS else (np.nan, np.nan),
        unit=unit,
        concept=facts["concept"],
        limits=tuple((sign, _usual_limit(readings, counts, sign)) for sign in "<>"),
        total=_usual_total(readings, counts),
        thousands_from=_thousands_from(readings, counts, values),
        is_whole=mark is None and _is_whole(readings, counts, levels),
        bare=_range_of(np.repeat(*_plain_values(readings, counts, units=False))),
    )


def _read_sample(levels, sample, mark):
    """Return {position: what was read} of some levels, when the decimal mark is as given."""
    column, readings = LabColumn(mark=mark), {}
    for i in map(int, sample):
        level = levels.levels[i]
        is_decided = levels.plain[i] and not (mark == "," and "." in str(level))
        is_number = isinstance(level, int | float | np.number)
        plain = is_decided or (levels.plain[i] and is_number)
        number = LabValue(levels.numbers[i], kind="number") if plain else None
        readings[i] = number or read_level(level, column)
    return readings


def _plain_values(readings, counts, *, units=True):
    """Return the numbers with a single reading, and how many cells hold each."""
    kept = [i for i, f in readings.items() if f.kind == "number" and not f.alternatives]
    kept = [i for i in kept if units or not readings[i].unit]
    values = np.array([readings[i].value for i in kept], dtype=float)
    return values, np.array([counts[i] for i in kept], dtype=int)


def _unit_and_limits(name, variable, readings, counts, facts):
    """Return the column's unit ("" where nothing says it) and the usual limits in it.

    A declared unit decides; else the one written in most cells; else the one in which the cells
    without a unit agree with the column's concept: a few cells with one never decide for the rest.
    """
    unit = facts["unit"] or _usual_unit(readings, counts)
    concept, unknown = facts["concept"], (np.nan, np.nan)
    if not concept:
        return unit or unit_at_end(name) or _most_written(readings, counts), unknown
    reading = find_unit(concept, unit) if unit else None
    if reading is None:
        values, n = _plain_values(readings, counts, units=False)
        agreeing = column_concept(name, variable, values, n).readings
        usual = concept_limits(concept)["units"][:1]  # without any plain number, the usual unit
        reading = next(iter(agreeing if len(values) else usual), None)
        unit = unit or (reading[0] if agreeing else "")
    if reading is None or not facts["named"]:
        return unit, unknown
    low, high = concept_limits(concept)["soft"]
    return unit, tuple((limit - reading[2]) / reading[1] for limit in (low, high))


def _what_it_holds(readings, counts, facts, *, sure):
    """Return NUMBERS, TITRES, PAIRS or None by what most cells are, missing ones left out."""
    per_kind, words = {}, 0
    share_a_total, total = _share_a_total(readings, counts, facts), _usual_total(readings, counts)
    for i, f in readings.items():
        kind = f.kind
        if f.note in (SO_MANY_OF, TITRE_OR_RATIO) or f.rule == "coma":
            of_it = f.note != TITRE_OR_RATIO or f.value == total
            kind = "number" if share_a_total and of_it else "slash"
        per_kind[kind] = per_kind.get(kind, 0) + counts[i]
        words += counts[i] * (kind in ("unparseable", "ordinal", "slash"))
    n = sum(per_kind.values()) - per_kind.get("missing", 0)
    if sure:
        return NUMBERS
    if not n:
        return None
    for holds, kind in ((TITRES, "titre"), (PAIRS, "pair")):
        if per_kind.get(kind, 0) >= MOSTLY_NUMBERS * n:
            return holds
    numeric = sum(per_kind.get(kind, 0) for kind in _NUMERIC_KINDS)
    sure_of_some = per_kind.get("number") or (facts["named"] and per_kind.get("ambiguous"))
    if not sure_of_some or numeric < (NAMED if facts["named"] else MOSTLY_NUMBERS) * n:
        return None
    distinct = len({f.value for f in readings.values() if f.kind == "number"})
    if not facts["named"] and words and (distinct <= FEW_NUMBERS or words > WORDS * n):
        return None
    return NUMBERS


def _are_labels(levels, readings, counts, named):
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
    return not named and _are_decorated(levels, readings, counts)


def _are_decorated(levels, readings, counts):
    """Say whether codes stand among the cells, or most of them carry words that are no unit."""
    odd = {i: f for i, f in readings.items() if not levels.plain[i] and f.kind != "missing"}
    codes = [i for i in odd if _CODE.fullmatch(str(levels.levels[i]).strip())]
    n_odd, n_codes = (sum(counts[i] for i in part) for part in (odd, codes))
    if len(codes) >= 2 and n_codes > CODES * n_odd:
        return True
    dressed = sum(counts[i] for i, f in odd.items() if f.rule == "comment")
    return dressed > 0.5 * sum(counts.values())


def _is_whole(readings, counts, levels):
    """Say whether all numbers are whole, but for fewer than half that are written like "1.022"."""
    texts = {i: str(levels.levels[i]).strip() for i, f in readings.items() if f.kind == "number"}
    unclear = [i for i, text in texts.items() if is_grouped(text)]
    others = [i for i in texts if i not in set(unclear)]
    n_unclear, n_others = (sum(counts[i] for i in part) for part in (unclear, others))
    is_known = n_others >= ENOUGH and 2 * n_unclear < n_others
    return is_known and all(float(readings[i].value).is_integer() for i in others)


def is_grouped(text):
    """Say whether a numeral is one to three digits, a dot, and three more.

    >>> is_grouped("1.022"), is_grouped("0.125"), is_grouped("1.22")
    (True, False, False)
    """
    return "." in text and _GROUPED.fullmatch(text) is not None


def _usual_mark(readings, counts, levels):
    """Return the decimal mark that the cells which are decisive by themselves settle, or None.

    "4,25" shows a decimal comma, "8,405.10" a comma between thousands. Two such cells settle what
    a comma means, and with it the dot, as long as no cell shows the opposite. Dots alone ("5.6")
    say nothing of commas: a decimal comma may have been typed into such a column.
    """
    decimal, groups = dict.fromkeys(",.", 0), dict.fromkeys(",.", 0)
    for i, f in readings.items():
        text = levels.levels[i]
        if f.kind in ("number", "censored") and isinstance(text, str) and not f.alternatives:
            written = _DIGITS_AND_MARKS.search(text)
            for role, mark in _roles(written[0]) if written else ():
                (decimal if role == "decimal" else groups)[mark] += counts[i]
    if max(decimal[","], groups["."]) >= FEWEST_DECISIVE and not decimal["."] + groups[","]:
        return ","
    if groups[","] >= FEWEST_DECISIVE and not decimal[","] + groups["."]:
        return "."
    return None


def _roles(numeral):
    """Yield (role, mark) of the marks in a numeral that show by themselves what they are."""
    commas, dots = numeral.count(","), numeral.count(".")
    if commas and dots:
        last = max(",.", key=numeral.rfind)
        yield from (("decimal", last), ("group", "." if last == "," else ","))
    elif commas + dots > 1:
        yield "group", "," if commas else "."
    elif commas + dots and not _GROUPED.fullmatch(numeral):
        yield "decimal", "," if commas else "."


def _thousands_from(readings, counts, values):
    """Return the smallest plain number where most cells are like "56,320", the plain ones whole."""
    unclear = sum(
        counts[i] for i, f in readings.items() if f.kind == "ambiguous" and f.alternatives
    )
    n = sum(counts[i] for i, f in readings.items() if f.kind in _NUMERIC_KINDS)
    is_whole = len(values) >= FEWEST_DECISIVE and (values == np.floor(values)).all()
    return float(values.min()) if is_whole and 2 * unclear > n else np.nan


def _share_a_total(readings, counts, facts):
    """Say whether cells such as "14/15" are points of one total, and not ratios or beds."""
    cells = {i: f.alternatives[0] for i, f in readings.items() if f.note == SO_MANY_OF}
    several = len(set(cells.values())) >= FEWEST_POINTS or facts["named"]
    enough = sum(counts[i] for i in cells) >= FEWEST_DECISIVE
    return several and enough and not np.isnan(_usual_total(readings, counts))


def _usual_total(readings, counts):
    """Return the total of results such as "14/15" where all have the same, NaN otherwise."""
    pairs = {f.alternatives for f in readings.values() if f.note == SO_MANY_OF}
    within = all(points <= total for points, total in pairs)
    return pairs.pop()[1] if within and len({total for _, total in pairs}) == 1 else np.nan


def _usual_limit(readings, counts, sign):
    """Return the most frequent limit of results beyond it, NaN without any."""
    votes = {}
    for i, f in readings.items():
        if f.kind == "censored" and f.operator[:1] == sign and f.value is not None:
            votes[f.value] = votes.get(f.value, 0) + counts[i]
    return float(max(votes, key=votes.get)) if votes else np.nan


def _usual_unit(readings, counts):
    """Return the unit written in most of the cells, "" where most have none."""
    votes = _votes(readings, counts)
    best = max(votes, key=votes.get)
    return best if votes[best] > 0.5 * sum(votes.values()) else ""


def _most_written(readings, counts):
    """Return the most frequent unit where most cells name one of several, "" elsewhere."""
    votes = _votes(readings, counts)
    bare = votes.pop("", 0)
    return max(votes, key=votes.get) if len(votes) > 1 and sum(votes.values()) > bare else ""


def _votes(readings, counts):
    votes = {}
    for i, f in readings.items():
        votes[f.unit] = votes.get(f.unit, 0) + counts[i]
    return votes


def _numerals(levels):
    return np.asarray(pd.to_numeric(levels, errors="coerce"), dtype=float)


def _told_apart(series):
    """Return a column in which a Decimal is a number and a truth no 1.0, of which it is a twin."""
    if series.dtype != object:
        return series
    kinds = set(map(type, series))
    if Decimal in kinds:
        series = series.map(lambda cell: float(cell) if isinstance(cell, Decimal) else cell)
    if kinds & {bool, np.bool_} and len(kinds) > 1:
        series = series.map(lambda cell: str(cell) if isinstance(cell, bool | np.bool_) else cell)
    return series


def _is_text_or_number(level):
    return isinstance(level, str | int | float | np.number) and not isinstance(level, bool)
