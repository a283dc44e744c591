"""MissingCodes: words and numbers that stand for missing become missing, and nothing else does."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._routing import clear_errors
from healthml.cleaning._columns import STOPS, factorized, is_text, numbers_of, variables_of
from healthml.cleaning._lab_values import read_levels
from healthml.cleaning._missing_codes.levels import NUMBER
from healthml.cleaning._missing_codes.numbers import learn_numbers, new_codes
from healthml.cleaning._missing_codes.sentinels import VITALS, zeros_at_odds
from healthml.cleaning._missing_codes.words import (
    AMONG_NUMBERS,
    BLANK_TEXT,
    INFINITE,
    NEW,
    POSSIBLE,
    TEXT,
    learn_words,
    table_of_words,
    word_rules,
)
from healthml.cleaning._record import CellCleaner, Change

CODE = "missing_code_number"
_CODE_TABLE = ["column", "code", "decision", "reason", "n_cells"]


@clear_errors
class MissingCodes(CellCleaner):
    """Set codes for missing values to missing: words, numbers such as -99 or 999, some zeros.

    Words are judged by what their column holds: "not done" among numbers is no value; "none"
    among drugs is an answer. A number is a code only if it is impossible or stands apart from the
    column's other values and is repeated; a zero only if the measurement cannot be zero, or a
    heart or breathing rate of 0 stands beside other vital signs. Counts, scores and results that
    can be 0 stay.

    Parameters
    ----------
    schema : Schema, default=None
        Its ``missing_codes`` are codes without further judgement, levels of a ``vocabulary`` are
        none; its units and limits help to judge.

    Attributes
    ----------
    codes_ : pandas.DataFrame
        One row per column and code of the training rows: ``decision`` ("blank", "keep" or
        "verify"), ``reason`` and ``n_cells``.

    Raises
    ------
    ValueError
        If the table has other columns than in `fit`.

    See Also
    --------
    quality_report : The codes with where they pile up, and nothing changed.
    healthml.imputation.missingness_report : What is missing, and whether that tells the outcome.
    ClinicalCleaner : All steps of cleaning in their order.

    Notes
    -----
    Rules: ``missing_code_text``, ``missing_code_number``, ``blank_text``, ``infinite`` (blanked);
    ``possible_missing_code`` (flagged: may be real); ``new_missing_code`` (flagged: a known code
    that the training rows did not have, far outside their values or impossible).

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import MissingCodes
    >>> table = pd.DataFrame({"sodium": [140, 138, 999, 141, 999, 136, 143, 999] * 5})
    >>> codes = MissingCodes()
    >>> int(codes.fit_transform(table)["sodium"].isna().sum())
    15
    >>> codes.codes_[["code", "decision"]].values.tolist()
    [['999', 'blank']]
    """

    def __init__(self, schema=None):
        self.schema = schema

    def _learn(self, frame, y):
        variables = variables_of(self.schema)
        self.words_, numbers, rows = {}, {}, []
        for name in frame.columns:
            if frame.of(name, is_text):
                levels = frame.of(name, read_levels, factorized)
                if levels is None:
                    continue
                words = self.words_[name] = learn_words(levels, variables.get(name))
                rows += [(name, *row) for row in table_of_words(levels, words)]
                if words["context"] == NUMBER:
                    numbers[name] = levels.values
            elif frame.of(name, _is_number):
                numbers[name] = frame.of(name, numbers_of)
        self.numbers_, more = learn_numbers(numbers, self.schema)
        self.codes_ = pd.DataFrame(rows + more, columns=_CODE_TABLE)

    def _changes(self, frame, prepared=None):
        values = {}
        for name in frame.columns:
            learnt = self.numbers_.get(name)
            if learnt is not None and frame.of(name, _is_number):
                values[name] = frame.of(name, numbers_of)
            elif (name in self.words_ or learnt is not None) and frame.of(name, is_text):
                levels = frame.of(name, read_levels, factorized)
                if levels is None:
                    continue
                yield from self._words(name, levels)
                if learnt is not None:
                    values[name] = levels.values
            if name in values:
                yield from _numbers(name, values[name], learnt)
                if learnt["concept"] not in VITALS:
                    del values[name]
        yield from self._stopped(values)

    def _words(self, name, levels):
        for rule, places in sorted(
            word_rules(levels, self.words_.get(name, AMONG_NUMBERS)).items()
        ):
            rows, _ = levels.rows(np.array(places))
            action, severity, evidence = _WORDS[rule]
            new = np.full(len(rows), np.nan) if action == "blanked" else None
            yield Change(name, rule, rows, new, action, severity, evidence)

    def _stopped(self, vitals):
        """Yield zeros of heart and breathing rate, blanked beside other vital signs above 0."""
        concept = {name: self.numbers_[name]["concept"] for name in vitals}
        for name, number in vitals.items():
            if concept[name] not in STOPS:
                continue
            others = [v for n, v in vitals.items() if concept[n] != concept[name]]
            odds = zeros_at_odds(number, others)
            detail = "0 beside other vital signs above 0"
            unclear = "0: an arrest, or a code for missing"
            if self.numbers_[name]["stop"]:
                yield _blanked(name, CODE, odds, detail)
                yield _flagged(name, POSSIBLE, (number == 0) & ~odds, "verify", unclear)
            elif self.numbers_[name]["zero_asked"]:
                yield _flagged(name, POSSIBLE, number == 0, "verify", unclear)
            else:
                yield _flagged(name, NEW, odds, "error", f"{detail}; not repeated in training")


_WORDS = {
    TEXT: ("blanked", "error", "a word for missing"),
    BLANK_TEXT: ("blanked", "note", "text without a visible sign"),
    INFINITE: ("blanked", "error", "an infinite number"),
    POSSIBLE: ("flagged", "verify", "a word that means missing or is an answer"),
    NEW: ("flagged", "verify", "a word that may mean missing, which training did not have"),
}


def _numbers(name, values, learnt):
    """Yield the codes, infinite numbers and new codes that stand among numbers."""
    if (infinite := np.isinf(values)).any():
        yield _blanked(name, INFINITE, infinite, "an infinite number")
    for code in learnt["codes"]:
        if (mask := values == code).any():
            yield _blanked(name, CODE, mask, f"the code {code:g}")
    for code in learnt["asked"]:
        if (mask := values == code).any():
            detail = f"{code:g} may stand for missing or be real"
            yield _flagged(name, POSSIBLE, mask, "verify", detail)
    if (new := new_codes(values, learnt)).any():
        yield _flagged(name, NEW, new, "error", "a code that training did not have")


def _blanked(name, rule, mask, detail):
    rows = np.flatnonzero(mask)
    return Change(name, rule, rows, np.full(len(rows), np.nan), "blanked", "error", detail)


def _flagged(name, rule, mask, severity, detail):
    return Change(name, rule, np.flatnonzero(mask), None, "flagged", severity, detail)


def _is_number(series):
    if isinstance(series.dtype, np.dtype):  # asked of every column of every served row
        return series.dtype.kind in "iuf"
    return types.is_numeric_dtype(series.dtype) and not types.is_bool_dtype(series.dtype)
