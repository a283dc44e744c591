"""What the rules of a report are called, what a repair does, and the cleaner's record in words."""

from collections import Counter
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from healthml._core._knowledge import NOT_REVIEWED
from healthml._core._release import counted_words, is_small
from healthml.cleaning._columns import FOUND, NOTE, SUSPECTED, Flag, level_key
from healthml.cleaning._missing_codes import plain_code
from healthml.cleaning._quality import kahn
from healthml.cleaning._quality.kahn import (
    ATEMPORAL,
    COMPLETE,
    COMPUTED,
    RELATIONAL,
    TEMPORAL,
    UNIQUE,
    VALUE,
    Kahn,
)
from healthml.cleaning._quality.screens import (
    bands,
    computed,
    declared,
    emptiness,
    fills,
    keys,
    negatives,
    redundant,
    roles,
    row_order,
)
from healthml.cleaning._record import Change, Retyped

TEXT_CODE, NUMBER_CODE = "missing_code_text", "missing_code_number"
POSSIBLE_CODE, NEW_CODE = "possible_missing_code", "new_missing_code"
KEPT_CODE = "code_kept_as_answer"
IMPOSSIBLE, VERIFY, NUMBERS = "impossible_value", "verify_value", "number_from_text"
DATE_ORDER = "date_order"
CODE_RULES = (TEXT_CODE, NUMBER_CODE, "blank_text")  # no value for sure
SUSPECTED_CODE_RULES = (POSSIBLE_CODE, NEW_CODE, KEPT_CODE)
PLACED = (*CODE_RULES, *SUSPECTED_CODE_RULES, IMPOSSIBLE, "unit_mixup", negatives.NEGATIVE)


class Rule(NamedTuple):
    """A rule in words, where it stands, and what `QualityReport.repaired` does about it.

    Repairs: "drop" the column, "blank" the cells, "text" (numbers become labels), "record" (the
    cells become what the cleaner's record says), or "" for what a person has to look into.
    """

    words: str
    place: Kahn
    repair: str = ""


_LIMITS = ATEMPORAL.validated.named(f"{kahn.LOW}, {kahn.HIGH}")
_EMPTY = COMPLETE.named("measureValueCompleteness")
_OF_SCREENS = {
    emptiness.MISSING: Rule("cells without a value", _EMPTY),
    emptiness.ALL_MISSING: Rule("no value at all", _EMPTY, "drop"),
    emptiness.CONSTANT: Rule("one value only", ATEMPORAL, "drop"),
    emptiness.NEAR_CONSTANT: Rule("one value in more than 99.9 % of the cells", ATEMPORAL, "drop"),
    negatives.NEGATIVE: Rule("a few negative values beside many zeros", ATEMPORAL),
    keys.DUPLICATE_ROWS: Rule("rows equal to an earlier row", UNIQUE),
    keys.REPEATED_IDENTIFIER: Rule("an identifier occurs again", RELATIONAL.named("isPrimaryKey")),
    declared.ABSENT: Rule("declared, and not in the table", RELATIONAL.validated.named("cdmField")),
    declared.WRONG_KIND: Rule("not of the declared kind", VALUE.validated.named("cdmDatatype")),
    declared.REQUIRED: Rule(
        "a row without its patient, site, time or outcome", RELATIONAL.validated.named("isRequired")
    ),
    declared.OUTSIDE_VOCABULARY: Rule(
        "not in the declared vocabulary", VALUE.validated.named("fkDomain")
    ),
    roles.CODE: Rule("whole numbers that may be labels", VALUE, "text"),
    roles.IDENTIFIER: Rule("a different number in every row", RELATIONAL, "drop"),
    roles.ROW_NUMBER: Rule("the place of the row in the file", RELATIONAL, "drop"),
    roles.UNIQUE_TEXT: Rule("names or free text", VALUE, "drop"),
    roles.SORTED: Rule("the rows are sorted by this column", ATEMPORAL),
    roles.PROBABILITY: Rule("may be another model's risk", COMPUTED, "drop"),
    roles.FUTURE_COUNT: Rule(
        "counts the patient's rows of this file, later ones too", COMPUTED, "drop"
    ),
    fills.CONSTANT_FILL: Rule("one value far too often: perhaps filled in", ATEMPORAL, "blank"),
    redundant.EQUAL: Rule("the same as another column", COMPUTED, "drop"),
    redundant.FILLED: Rule("a copy of another column with its gaps filled", COMPUTED, "blank"),
    redundant.LINEAR: Rule("another column in another unit", COMPUTED, "drop"),
    redundant.NEAR: Rule("almost the same order as another column", COMPUTED, "drop"),
    bands.BANDS: Rule("bands or a flag of another column", COMPUTED, "drop"),
    redundant.NESTED: Rule("follows from another column's levels", COMPUTED, "drop"),
    computed.COMPUTED: Rule("nearly determined by the other columns", COMPUTED, "drop"),
    row_order.ORDER_OUTCOME: Rule("the event rate depends on the place in the file", ATEMPORAL),
    row_order.ORDER_MISSING: Rule("what is missing depends on the place in the file", COMPLETE),
}
_OF_STEPS = {
    TEXT_CODE: Rule("a word that means missing", COMPLETE.validated, "blank"),
    NUMBER_CODE: Rule("a number that stands for missing", COMPLETE.validated, "blank"),
    "blank_text": Rule("text without a visible sign", COMPLETE, "blank"),
    POSSIBLE_CODE: Rule("may stand for missing or be an answer", COMPLETE.validated, "blank"),
    NEW_CODE: Rule("may stand for missing", COMPLETE.validated, "blank"),
    KEPT_CODE: Rule("a word that can mean missing, kept as an answer", COMPLETE.validated, "blank"),
    "missing_reason": Rule("no result, with a reason", COMPLETE, "blank"),
    "placeholder_date": Rule("a day that stands for a missing date", COMPLETE, "blank"),
    "infinite": Rule("infinite numbers", VALUE, "blank"),
    NUMBERS: Rule("numbers stored as text", VALUE.named("cdmDatatype"), "record"),
    DATE_ORDER: Rule("dates in an order that cannot be", TEMPORAL, "record"),
    IMPOSSIBLE: Rule("outside what a living person can have", _LIMITS, "blank"),
    VERIFY: Rule("unusual: verify, never delete unseen", _LIMITS),
    "age_top_coded": Rule("ages over 89 under one code", ATEMPORAL.validated),
    "unit_mixup": Rule("values in another unit", ATEMPORAL.validated, "record"),
    "unit_column": Rule("another unit stands in the unit's column", ATEMPORAL.validated, "record"),
    "unit_in_cell": Rule("another unit is written in the cell", ATEMPORAL.validated, "record"),
    "unit_suspected": Rule("ordinary in another unit", ATEMPORAL.validated),
    "converted_twice": Rule("ordinary before a conversion", ATEMPORAL.validated),
    "decimal_slip": Rule("a slipped decimal point", ATEMPORAL.validated, "record"),
    "height_weight_swapped": Rule("height and weight exchanged", ATEMPORAL, "record"),
    "pressures_swapped": Rule("systolic and diastolic exchanged", ATEMPORAL, "record"),
    "bmi_inconsistent": Rule("BMI does not follow from height and weight", COMPUTED, "record"),
    "gcs_sum": Rule("the score is not the sum of its parts", COMPUTED, "record"),
    "pf_ratio": Rule("the ratio does not follow from its parts", COMPUTED, "record"),
    "age_birth_date": Rule("age against the date of birth", COMPUTED, "record"),
    "synonym": Rule("another word for a level in use", VALUE.validated, "record"),
}
RULES = MappingProxyType({**_OF_SCREENS, **_OF_STEPS})
# rules whose cells may well be right: a real patient, a convention, another way to write
_NOTES = {VERIFY, "age_top_coded", "open_date", "far_date", "unit_text", "lost_zeros"}
_NOTES |= {"missing_reason", "date_rewritten"}
# and rules that are a note where nothing more than the rarity of the cells speaks against them
_NOTES_TO_VERIFY = {"pressure_order", "mean_pressure", "body_size", "direct_above_total"}
_NOTES_TO_VERIFY |= {"decimal_slip_possible", DATE_ORDER}
_DATE_CHECKS = {
    "lies after": kahn.START_BEFORE_END,
    "before the day of birth": kahn.AFTER_BIRTH,
    "after the day of death": kahn.BEFORE_DEATH,
    "after death": kahn.BEFORE_DEATH,
}
_MOST_WORDS = 3  # reasons that one row of the report gives


def rule_of(name):
    """Return the `Rule` of a name; a rule without an entry is one of the way a value is written.

    >>> rule_of("decimal_comma").words, rule_of("impossible_value").repair
    ('decimal comma', 'blank')
    """
    return RULES.get(name) or Rule(name.replace("_", " "), VALUE, "record")


def flags_of_steps(steps, view, cleaner):
    """Yield one flag for each column and rule of the cleaner's record, in the order of steps."""
    columns = {column.name: column for column in view.columns}
    flags = {}
    for step in (change for changes in steps.values() for change in changes):
        if isinstance(step, Change) and str(step.column) in columns:
            flags.setdefault((str(step.column), step.rule), []).append(step)
    for (name, rule), changes in flags.items():
        yield _flag(columns[name], rule, changes, cleaner)
    if "missing_codes" in steps:
        yield from _kept_codes(columns, cleaner)
    for step in steps.get("lab_values", ()):
        if isinstance(step, Retyped) and step.rule == NUMBERS and str(step.column) in columns:
            yield _numbers_as_text(columns[str(step.column)], steps["lab_values"])


def _flag(column, rule, changes, cleaner):
    mask = np.zeros(column.n, dtype=bool)
    for change in changes:
        mask[change.rows] = True
    words = list(dict.fromkeys(change.evidence for change in changes))
    evidence, detail = {}, "; ".join(words[:_MOST_WORDS])
    if len(words) > _MOST_WORDS:
        detail += f"; and {len(words) - _MOST_WORDS} more reasons"
    if rule in (TEXT_CODE, NUMBER_CODE, POSSIBLE_CODE, NEW_CODE):
        evidence["codes"] = _codes(changes)
        detail = _code_words(column.name, evidence["codes"], cleaner, detail)
    if rule in (IMPOSSIBLE, VERIFY):
        detail += ": impossible" if rule == IMPOSSIBLE else ": to verify"
        evidence |= _sides(column, mask) | _read_as(column, cleaner) | {"limits": words}
    if rule == DATE_ORDER:
        evidence["checks"] = date_checks(" ".join(words))
    facts = rule_of(rule).place.context == kahn.VALIDATION and not any(
        source in detail for source in ("declared", "set by the user")
    )
    reviewed = NOT_REVIEWED if facts else ""
    status = _status(rule, changes)
    return Flag.of_cells(column, rule, status, detail, mask, reviewed=reviewed, evidence=evidence)


def is_number_code(rule, evidence):
    """Say whether a rule about codes for missing values speaks of numbers, not of words."""
    if rule in (TEXT_CODE, NUMBER_CODE, "blank_text"):
        return rule == NUMBER_CODE
    codes = evidence.get("codes", {})
    return bool(codes) and all(_is_number(code) for code in codes)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def date_checks(words):
    """Return the dashboard's names of the orders of dates that some words speak of.

    >>> date_checks("admission lies after discharge")
    ['plausibleStartBeforeEnd']
    """
    return list(dict.fromkeys(check for text, check in _DATE_CHECKS.items() if text in words))


def _status(rule, changes):
    """Return "found" for what the data show, "suspected" for what a person has to look at."""
    if rule in _NOTES:
        return NOTE
    if rule == IMPOSSIBLE:
        unsure = all(c.action == "flagged" and NOT_REVIEWED in c.evidence for c in changes)
        return SUSPECTED if unsure else FOUND
    if any(change.severity != "verify" for change in changes):
        return FOUND
    return NOTE if rule in _NOTES_TO_VERIFY else SUSPECTED


def _codes(changes):
    """Return {code: cells}; codes are on the shipped list or declared, never a patient's value."""
    counts = Counter()
    for change in changes:
        counts.update(_code_text(cell) for cell in change.old)
    return dict(sorted(counts.items()))


def _code_text(cell):
    if isinstance(cell, str):
        return level_key(cell) or "(blank)"
    return plain_code(float(cell)) if isinstance(cell, int | float | np.number) else str(cell)


def _kept_codes(columns, cleaner):
    """Yield words that can mean missing and were kept, since they are answers in their column."""
    table = cleaner.steps_["missing_codes"].codes_
    kept = table[table["decision"] == "keep"]
    for name, codes in kept.groupby("column", sort=False)["code"]:
        column = columns.get(str(name))
        if column is None or not column.has_levels:
            continue
        keys = [level_key(level) for level in column.levels]
        mask = column.cells_of_levels([key in set(codes) for key in keys])
        counts = Counter()
        for key, n in zip(keys, column.level_counts, strict=True):
            counts[key] += int(n) if key in set(codes) else 0
        evidence = {"codes": {code: n for code, n in sorted(counts.items()) if n}}
        quoted = {f'"{code}"': n for code, n in evidence["codes"].items()}
        listed = ", ".join(counted_words(quoted))
        detail = f"words that can mean missing, taken for answers: {listed}"
        yield Flag.of_cells(column, KEPT_CODE, NOTE, detail, mask, evidence=evidence)


def _read_as(column, cleaner):
    """Return the concept and the unit that a column was read as."""
    measure = cleaner.steps_["plausible_range"].measures_.get(column.name)
    if measure is None:
        return {}
    declared = measure.declared_hard is not None
    return {"concept": measure.concept, "unit": measure.unit, "declared": declared}


def _code_words(name, codes, cleaner, otherwise):
    table = cleaner.steps_["missing_codes"].codes_
    reasons = {(str(row.column), row.code): row.reason for row in table.itertuples()}
    hidden = len(codes) > 1 and is_small(list(codes.values())).any()  # they add up to the cells
    parts = []
    for code, n in codes.items():
        why = reasons.get((name, code))
        shown = code if _is_number(code) else f'"{code}"'
        many = "" if hidden else f" in {n:,} cells"
        parts.append(f"{shown}{many}" + (f" ({why})" if why else ""))
    return f"{'; '.join(parts)}: {otherwise}" if parts else otherwise


def _sides(column, mask):
    """Count the flagged cells below and above the middle of the others."""
    numbers = column.numbers
    if numbers is None:
        return {}
    others = numbers[np.isfinite(numbers) & ~mask]
    middle = np.median(others) if len(others) else np.median(numbers[mask])
    low = int((numbers[mask] < middle).sum())
    return {"n_low": low, "n_high": int(mask.sum()) - low}


def _numbers_as_text(column, steps):
    """Return the flag of a text column that holds numbers, with the cells that are no numerals."""
    shapes, mask = Counter(), np.zeros(column.n, dtype=bool)
    for step in steps:
        if isinstance(step, Change) and str(step.column) == column.name:
            mask[step.rows] = True
            shapes[step.rule] += len(step.rows)
    n_plain = column.count(~column.missing & ~mask)
    kinds = {rule.replace("_", " "): n for rule, n in sorted(shapes.items())}
    listed = ", ".join(counted_words(kinds, column.n - n_plain))
    plain = counted_words({"": n_plain}, column.n - n_plain, *shapes.values())[0]
    detail = f"{plain} plain numbers stored as text; other cells: {listed or 'none'}".strip()
    evidence = {"shapes": dict(shapes), "n_numbers": n_plain}
    status = FOUND if shapes else NOTE
    return Flag.of_cells(column, NUMBERS, status, detail, mask, evidence=evidence)
