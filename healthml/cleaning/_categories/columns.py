"""Which columns hold categories, and a column's levels while they are being rewritten."""

import re

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._knowledge import id_hint, name_words
from healthml.cleaning._columns import factorized, has_code_name, key_of, template_of

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Share of number-like rows from which a text column is left to the steps for numbers.
MOSTLY = 0.8

# Distinct templates per row above which a column is free text or names. Higher repairs names of
# people.
MOST_DISTINCT = 0.5

# The same for distinct levels: identifiers.
NEARLY_UNIQUE = 0.9

# Rows below which nothing is concluded from how often levels repeat.
FEWEST_ROWS = 20

# Rows above which a sample decides whether a column is worth factorizing; it only saves time.
LONG_TABLE = 20_000

# Rows of that sample.
SAMPLE = 2000

# Distinct levels in the sample below which the column is factorized whole.
SAMPLE_DISTINCT = 400

_NUMBERISH = re.compile(r"\s*[<>=~≤≥]*\s*[+-]?\d[\d.,:/\-T ]*\s*%?\s*")

_PERSON = frozenset({"first", "last", "family", "given", "maiden", "patient", "full", "middle"})

_FREE = frozenset({"comment", "comments", "note", "notes", "text", "narrative", "free", "remark"})

_UNITS = frozenset({"unit", "units", "uom", "ucum"})  # mg and Mg are two units


class TextColumn:
    """A text column as integer codes and levels, with the rows that each rule changed."""

    def __init__(self, name, codes, levels):
        self.name, self.codes, self.levels = name, codes, levels
        self.first_codes, self.first_levels = codes, levels
        self.rules = {}

    @property
    def counts(self):
        """Rows of each level."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    def level_counts(self):
        """Return {level: rows}; levels without rows are left out."""
        return {x: int(n) for x, n in zip(self.levels, self.counts, strict=True) if n}

    def rows_changed(self):
        """Return which rows have another level than came in, as a mask."""
        if not self.rules:
            return np.zeros(len(self.codes), dtype=bool)
        place = {level: i for i, level in enumerate(self.levels)}
        same = [place.get(level, -2) for level in self.first_levels]
        return np.array([*same, -1], dtype=np.int64)[self.first_codes] != self.codes

    def relabel(self, new_levels, rules):
        """Rewrite levels; `rules` names the rule for each level, None where it stays."""
        for rule in {r for r in rules if r is not None}:
            self._note(rule, np.array([r == rule for r in rules]))
        position = {level: i for i, level in enumerate(dict.fromkeys(new_levels))}
        moved = np.array([*(position[level] for level in new_levels), -1], dtype=np.int64)
        self.codes, self.levels = moved[self.codes], list(position)

    def _note(self, rule, of_level):
        self._add(rule, np.append(of_level, False)[self.codes])

    def _add(self, rule, mask):
        before = self.rules.get(rule)  # masks: set arithmetic on row numbers sorts every time
        self.rules[rule] = mask if before is None else before | mask

    def put(self, rows, level, rule):
        """Give rows another level."""
        if level not in self.levels:
            self.levels = [*self.levels, level]
        self.codes = self.codes.copy()
        self.codes[rows] = self.levels.index(level)
        mask = np.zeros(len(self.codes), dtype=bool)
        mask[rows] = True
        self._add(rule, mask)


def read_columns(frame, names):
    """Return {name: TextColumn} of columns, without those that hold no text."""
    levels = {name: frame.of(name, text_levels, factorized) for name in names}
    return {name: TextColumn(name, *parts) for name, parts in levels.items() if parts is not None}


def text_levels(series, factors):
    """Return codes and levels of a text column, or None where it holds no text.

    `factors` is what `factorized` made of it. Cells that are not text (numbers or lists among
    objects) have the code -1.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, levels = series.cat.codes.to_numpy().astype(np.int64), series.cat.categories
    elif factors is None:
        return None
    else:
        codes, levels = factors
    levels = list(levels)
    if types.infer_dtype(levels, skipna=False) == "string":
        return np.asarray(codes), levels
    text = np.array([isinstance(level, str) for level in levels], dtype=bool)
    if not text.any():
        return None
    position = np.append(np.where(text, np.cumsum(text) - 1, -1), -1)
    return position[codes], [level for level in levels if isinstance(level, str)]


def is_wide(series, name):
    """Say whether a long column surely holds no category, from 2,000 of its rows.

    Identifiers, free text, dates and numbers: cheaper to pass over than to factorize.
    """
    if len(series) <= LONG_TABLE or isinstance(series.dtype, pd.CategoricalDtype):
        return False
    some = series.iloc[np.linspace(0, len(series) - 1, SAMPLE).astype(np.int64)].dropna()
    levels = [level for level in set(some.astype(object)) if isinstance(level, str)]
    if len(levels) < SAMPLE_DISTINCT:
        return False
    numbers = sum(bool(_NUMBERISH.fullmatch(level)) for level in levels) >= MOSTLY * len(levels)
    return len(levels) >= NEARLY_UNIQUE * len(some) or (numbers and not is_code_name(name))


def needs_look(series):
    """Say whether a wide column has any character that is not plain and visible."""
    cells = series.dropna().to_numpy(dtype=object)
    try:
        text = "".join(cells)
    except TypeError:  # numbers among the text
        text = "".join([cell for cell in cells if isinstance(cell, str)])
    return not (text.isascii() and text.isprintable())


def kind_of(name, levels, counts, variable=None, is_identifier=False):
    """Return "closed" (a category), "open" (names, identifiers, free text) or "number".

    >>> kind_of("sex", ["M", "F"], np.array([60, 40]))
    'closed'
    >>> kind_of("patient_id", ["P1", "P2"], np.array([60, 40]))
    'open'
    """
    kind = getattr(variable, "kind", None)
    if kind in ("numeric", "datetime"):
        return "number"
    if getattr(variable, "vocabulary", ()) or kind == "categorical":
        return "closed"
    if kind == "text" or is_identifier or _names_open(name):
        return "open"
    total = counts.sum()
    numberish = np.array([bool(_NUMBERISH.fullmatch(level)) for level in levels])
    if counts[numberish].sum() >= MOSTLY * total:
        return "number"
    if total < FEWEST_ROWS:
        return "closed"
    if len(levels) >= NEARLY_UNIQUE * total:
        return "open"
    few = len(levels) <= MOST_DISTINCT * total
    templates = len(levels) if few else len({template_of(key_of(level))[0] for level in levels})
    return "closed" if templates <= MOST_DISTINCT * total else "open"


def _names_open(name):
    words = set(name_words(str(name)))
    is_person = "name" in words and (words == {"name"} or bool(words & _PERSON))
    return id_hint(str(name)) is not None or is_person or bool(words & (_FREE | _UNITS))


def is_code_name(name):
    """Say whether a column's name announces numbers that are labels: codes, telephone numbers."""
    return has_code_name(str(name)) or id_hint(str(name)) is not None
