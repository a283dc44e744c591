"""Diagnosis, laboratory and drug codes: shape, check digit, and repairs that only one code fits."""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._knowledge import name_words
from healthml._core._routing import clear_errors
from healthml.cleaning._categories.code_shapes import (
    ATC,
    ICD9,
    ICD10,
    LOINC,
    SHAPES,
    UCUM,
    icd10_readings,
    is_valid,
    typical_codes,
    valid_codes,
)
from healthml.cleaning._categories.columns import is_wide, text_levels
from healthml.cleaning._columns import content, contents, factorized, is_text, variables_of
from healthml.cleaning._record import CellCleaner, Change
from healthml.exceptions import InputError

CODE_FORMAT, CODE_SHAPE, CHECK_DIGIT = "code_format", "code_shape", "check_digit"
LOST_ZEROS = "lost_zeros"
# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Share of the rows that must have the shape of a code system when the name says nothing. Lower
# takes words for codes.
RECOGNISED = 0.9
# The same where the column's name says so: dirt is then dirt, not another kind of column.
NAMED = 0.6
# Distinct codes from which a column is recognised.
FEWEST_CODES = 3
# Rows without the shape above which another system stands in the same column, and nothing is
# repaired.
MOST_ODD = 0.02
_HINTS = {
    ICD10: {"icd", "diagnosis", "diagnoses", "diag", "dx", "cause"},
    ICD9: {"icd", "diagnosis", "diagnoses", "diag", "dx"},
    LOINC: {"loinc"},
    ATC: {"atc"},
    UCUM: {"ucum"},
}
_ONLY_NAMED = {ICD9, UCUM}  # three digits or any word: no evidence without a name


@dataclass
class CodeColumn:
    """What was learnt about a column of codes: system, point, case and the codes in use."""

    system: str
    dotted: bool = True
    lower: bool = False
    mixed: bool = False
    known: set = field(default_factory=set)

    def judge(self, level):
        """Return (code, rule, severity) for a level; the rule is None where nothing is wrong."""
        text = content(level)
        if not text:
            return level, None, None
        usual = text.lower() if self.lower else text
        if self._is_right(usual):
            return (level, None, None) if usual == level else (usual, CODE_FORMAT, "note")
        readings = self._readings(text)
        in_use = [r for r in readings if r in self.known]
        needs_proof = len(readings) > 1 or text[0].isdigit()  # 250.00 is also an ICD-9 code
        chosen = in_use if needs_proof and self.system == ICD10 else readings
        if self.mixed and text[0].isdigit():
            chosen = []
        if len(chosen) == 1:
            plain = chosen[0].replace(".", "") == text.upper().replace(".", "")
            code = chosen[0].lower() if self.lower else chosen[0]
            return code, CODE_FORMAT, "note" if plain else "error"
        if self.system == LOINC and SHAPES[LOINC].fullmatch(text):
            return level, CHECK_DIGIT, "error"
        if self.system == ICD9 and text.replace(".", "", 1).isdigit() and len(text) < 6:
            return level, LOST_ZEROS, "note"
        return level, None if self.mixed else CODE_SHAPE, "verify"

    def _is_right(self, text):
        code = text.upper() if self.lower else text
        if not is_valid(code, self.system):
            return False
        return self.system != ICD10 or len(code) == 3 or ("." in code) == self.dotted

    def _readings(self, text):
        if self.system == ICD10:
            return icd10_readings(text, self.dotted)
        if self.system == UCUM:
            return []
        plain = "".join(text.upper().split()).rstrip(".")
        return [plain] if is_valid(plain, self.system) else []


@clear_errors
class CodeChecker(CellCleaner):
    """Check the shape of clinical codes; repair a code where exactly one fits.

    Parameters
    ----------
    schema : Schema, default=None
        Columns declared numeric or dates are passed over.
    systems : dict, default=None
        Code system of columns, ``{column: "icd10"}``: "icd10", "icd9", "loinc", "atc", "ucum", or
        None for no codes. Other columns are recognised by their shape.

    Attributes
    ----------
    systems_ : dict
        Code system of each column that holds codes.
    record_ : CleaningRecord
        Rules: ``code_format`` (repaired: point, case or spaces, note; a letter for a digit or the
        reverse, error); flagged are ``check_digit`` (LOINC, error), ``code_shape`` (verify) and
        ``lost_zeros`` (ICD-9 kept as a number, note).

    Raises
    ------
    InputError
        If `systems` names a column that X does not have, or a system that is unknown.

    See Also
    --------
    CategoryNormalizer : Levels that are words.
    ClinicalCleaner : All steps of cleaning in their order.

    Notes
    -----
    A column is recognised when 90% of its rows have the shape of the system (60% when its name
    says so) in three or more codes; ICD-10 without a point, ICD-9 and UCUM need the name or
    `systems`, for bed numbers and identifiers look alike. Letters and digits are told by their
    place: "EII.9" is E11.9. Where two codes fit ("l50.9": L50.9 or I50.9) the one that the training
    rows hold is taken, and neither when they hold both or none; a first digit ("150.9") becomes a
    letter only for a code in use. Where over 2% of the rows have another shape the column holds a
    second system, and shapes are not flagged. The vocabularies are licensed and
    not shipped, so a code of the right shape that does not exist is not found.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.cleaning import CodeChecker
    >>> codes = ["I21.4", "E11.9", "J18.9"] * 20 + ["EII.9", "J189"]
    >>> CodeChecker().fit_transform(pd.DataFrame({"dx": codes}))["dx"].tolist()[-2:]
    ['E11.9', 'J18.9']
    """

    def __init__(self, schema=None, *, systems=None):
        self.schema = schema
        self.systems = systems

    def _learn(self, frame, y):
        declared = self._declared(frame)
        variables = variables_of(self.schema)
        self._columns_ = {}
        for name in frame.columns:
            kind = getattr(variables.get(name), "kind", None)
            system = declared.get(name)
            skip = name in declared and system is None
            if skip or kind in ("numeric", "datetime", "boolean") or not frame.of(name, is_text):
                continue
            if system is None and not _hinted(name) and is_wide(frame[name], name):
                continue
            read = frame.of(name, text_levels, factorized)
            column = None if read is None else learn_codes(name, *read, system)
            if column is not None:
                self._columns_[name] = column
        self.systems_ = {name: column.system for name, column in self._columns_.items()}

    def _changes(self, frame, prepared=None):
        for name, column in self._columns_.items():
            is_read = frame.of(name, is_text)
            read = frame.of(name, text_levels, factorized) if is_read else None
            if read is None:
                continue
            codes, levels = read
            judged = [column.judge(level) for level in levels]
            for rule, severity in dict.fromkeys((r, s) for _, r, s in judged if r is not None):
                hit = np.array([(r, s) == (rule, severity) for _, r, s in judged])
                rows = np.flatnonzero(np.append(hit, False)[codes])
                why = f"{_WHY[rule]} ({column.system})"
                if rule == CODE_FORMAT:
                    new = [judged[code][0] for code in codes[rows]]
                    yield Change(name, rule, rows, new, "repaired", severity, why)
                else:
                    yield Change(name, rule, rows, None, "flagged", severity, why)

    def _declared(self, frame):
        declared = dict(self.systems or {})
        for name, system in declared.items():
            if system is not None and system not in SHAPES:
                raise InputError(
                    f"systems[{name!r}]={system!r} is unknown; use one of {', '.join(SHAPES)}."
                )
            if name not in frame.columns:
                raise InputError(
                    f"systems name the column {name!r}, which X does not have; correct the name."
                )
        return declared


_WHY = {
    CODE_FORMAT: "the only code that fits, by shape and by the codes of the training rows",
    CODE_SHAPE: "not the shape of a code",
    CHECK_DIGIT: "the check digit does not fit the number",
    LOST_ZEROS: "fewer than three digits: zeros in front were lost when it was read as a number",
}


def learn_codes(name, codes, levels, system=None):
    """Return what a column's codes look like, or None where it holds none.

    >>> learn_codes("x", np.arange(3), ["I21.4", "E11.9", "J18.9"]).system
    'icd10'
    >>> learn_codes("bed", np.arange(3), ["A12", "B07", "C33"]) is None
    True
    """
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    texts = contents(levels)
    keep = np.array([bool(t) for t in texts]) & (counts > 0)
    texts = [t for t, k in zip(texts, keep, strict=True) if k]
    counts = counts[keep]
    if not texts:
        return None
    for candidate in (system,) if system else SHAPES:
        column = _as_system(name, texts, counts, candidate, system is not None)
        if column is not None:
            return column
    return None


def _as_system(name, texts, counts, system, declared):
    hinted = declared or bool(_HINTS[system] & set(name_words(str(name))))
    if not hinted and system in _ONLY_NAMED:
        return None
    lower = system != UCUM and counts[[t != t.upper() for t in texts]].sum() > counts.sum() / 2
    cased = [t.upper() if lower else t for t in texts]
    valid = valid_codes(cased, system)
    point = counts[[v and "." in t for v, t in zip(valid, cased, strict=True)]].sum()
    longer = counts[[v and len(t) > 3 for v, t in zip(valid, cased, strict=True)]].sum()
    dotted = bool(2 * point >= longer) if longer else True
    typical = typical_codes(cased, system, dotted or not hinted)
    if not hinted and system == ICD10 and point < RECOGNISED * longer:
        return None
    needed = NAMED if hinted else RECOGNISED
    if not declared and (
        counts[typical].sum() < needed * counts.sum()
        or typical.sum() < FEWEST_CODES
        or (system == ICD10 and not hinted and not point)
    ):
        return None
    codes = {t for t, v in zip(cased, typical, strict=True) if v}
    column = CodeColumn(system, dotted, bool(lower), known=codes)
    odd = [column.judge(t)[1] in (CODE_SHAPE, LOST_ZEROS) for t in texts]
    column.mixed = bool(system != ICD9 and counts[odd].sum() > MOST_ODD * counts.sum())
    return column


def _hinted(name):
    return any(words & set(name_words(str(name))) for words in _HINTS.values())
