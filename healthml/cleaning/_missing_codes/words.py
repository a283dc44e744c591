"""What the training rows teach about the words of a text column that may mean missing."""

import numpy as np

from healthml._core._knowledge import column_concept
from healthml.cleaning._columns import level_key
from healthml.cleaning._lab_values import learn_column
from healthml.cleaning._missing_codes.levels import (
    ASK,
    BLANK,
    CATEGORY,
    CODED,
    FREE,
    NUMBER,
    column_context,
    context_answers,
    is_rare,
    judge_level,
)

SAMPLE = 5000  # levels from which is told what a column holds
TEXT, POSSIBLE, NEW = "missing_code_text", "possible_missing_code", "new_missing_code"
BLANK_TEXT, INFINITE = "blank_text", "infinite"
LONGEST = 60  # no code is longer
_INFINITE = ("inf", "infinity", "∞")
_AMONG = {
    NUMBER: "among numbers",
    CODED: "among codes or dates",
    CATEGORY: "among categories",
    FREE: "in free text",
}
AMONG_NUMBERS = {
    "context": NUMBER,
    "answers": {},
    "declared": frozenset(),
    "vocabulary": frozenset(),
    "asked": {},
}


def learn_words(levels, variable):
    """Return what decides over the words of a text column.

    Parameters
    ----------
    levels : Levels
        The column in the training rows.
    variable : Variable or None
        What a schema declares.

    Returns
    -------
    dict
        ``context`` (what the column holds), ``answers`` (codes whose meaning hangs on the other
        levels), ``declared``, ``vocabulary`` and ``asked`` (words decided by how rare they are).
    """
    words = {
        **AMONG_NUMBERS,
        "declared": frozenset(level_key(str(c)) for c in getattr(variable, "missing_codes", ())),
        "vocabulary": frozenset(level_key(str(v)) for v in getattr(variable, "vocabulary", ())),
        "asked": {},
    }
    column = learn_column(levels.series, variable, None, levels)
    if column is None:
        some = [str(level) for level in levels.levels[:SAMPLE]]
        words["context"] = column_context(some, levels.counts[:SAMPLE], is_number=False)
        words["answers"] = context_answers(some)
    keys = {i: level_key(str(levels.levels[i])) for i in candidates(levels, words)}
    for key in set(keys.values()):
        if judge_level(key, words["context"], words["answers"]) == ASK:
            words["asked"][key] = _answer(key, words["context"], levels)
    return words


def word_rules(levels, words):
    """Return {rule: positions of levels} for the levels that mean missing or may do so."""
    rules = {}
    for i in candidates(levels, words):
        rule = _rule(levels.levels[i], words)
        if rule:
            rules.setdefault(rule, []).append(i)
    return rules


def table_of_words(levels, words):
    """Return rows (code, decision, reason, cells) for the codes that occur."""
    table = {}
    for i in candidates(levels, words):
        key = level_key(str(levels.levels[i]))
        rule = _rule(levels.levels[i], words)
        decision = {TEXT: "blank", POSSIBLE: "verify"}.get(rule)
        if decision is None and judge_level(key, words["context"], words["answers"]):
            decision = "keep"
        if key and decision:
            table[key, decision] = table.get((key, decision), 0) + int(levels.counts[i])
    reason = _AMONG[words["context"]]
    return [(key, decision, reason, n) for (key, decision), n in sorted(table.items())]


def candidates(levels, words):
    """Return positions of levels that could be a code: short, no numeral, no digit at the end."""
    declared = words["declared"]
    if declared:
        return [i for i, level in enumerate(levels.levels) if _may_be_code(level, declared)]
    odd = np.flatnonzero(~levels.plain)
    return [
        i
        for i, level in zip(odd, levels.levels[odd], strict=True)
        if isinstance(level, str) and not level[-1:].isdigit() and len(level) <= LONGEST
    ]


def _may_be_code(level, declared):
    if level_key(str(level)) in declared:
        return True
    return isinstance(level, str) and not level[-1:].isdigit() and len(level) <= LONGEST


def _answer(key, context, levels):
    """Return "blank", "keep" or "verify" for a word that may be an answer."""
    if context == NUMBER:
        numbers = levels.numbers[levels.plain]
        if column_concept(levels.series.name) is not None:
            return "blank"
        whole = len(numbers) > 0 and (numbers == np.round(numbers)).all()
        return "verify" if whole and numbers.min() in (0, 1) else "blank"
    keys = [level_key(str(level)) for level in levels.levels]
    return "blank" if is_rare(key, keys, levels.counts) else "keep"


def _rule(level, words):
    """Return the rule for one level, or None when it stays."""
    key = level_key(str(level))
    if key in words["vocabulary"]:
        return None
    if key in words["declared"]:
        return TEXT
    if not isinstance(level, str):
        return None
    if words["context"] == NUMBER and key.lstrip("+-") in _INFINITE:
        return INFINITE
    verdict = judge_level(key, words["context"], words["answers"])
    if verdict == ASK:
        asked = words["asked"].get(key)
        return NEW if asked is None else {"blank": TEXT, "verify": POSSIBLE}.get(asked)
    if verdict != BLANK:
        return None
    return TEXT if key else BLANK_TEXT
