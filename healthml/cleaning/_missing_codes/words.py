"""What the training rows teach about the words of a text column that may mean missing."""

import numpy as np

from healthml._core._knowledge import column_concept
from healthml.cleaning._columns import level_keys
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
    judge_levels,
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

    ``context`` (what the column holds), ``answers`` (codes whose meaning hangs on the other
    levels), ``declared``, ``vocabulary`` and ``asked`` (words decided by how rare they are).
    """
    words = {
        **AMONG_NUMBERS,
        "declared": frozenset(level_keys(getattr(variable, "missing_codes", ()))),
        "vocabulary": frozenset(level_keys(getattr(variable, "vocabulary", ()))),
        "asked": {},
    }
    column = learn_column(levels.series, variable, None, levels)
    if column is None:
        some = [str(level) for level in levels.levels[:SAMPLE]]
        words["context"] = column_context(some, levels.counts[:SAMPLE], is_number=False)
        words["answers"] = context_answers(some)
    keys = candidate_keys(levels, words).values()
    for key, verdict in judge_levels(set(keys), words["context"], words["answers"]).items():
        if verdict == ASK:
            words["asked"][key] = _answer(key, words["context"], levels)
    return words


def word_rules(levels, words):
    """Return {rule: positions of levels} for the levels that mean missing or may do so."""
    rules = {}
    for i, _, _, rule in _judged(levels, words):
        if rule:
            rules.setdefault(rule, []).append(i)
    return rules


def table_of_words(levels, words):
    """Return rows (code, decision, reason, cells) for the codes that occur."""
    table = {}
    for i, key, verdict, rule in _judged(levels, words):
        decision = {TEXT: "blank", POSSIBLE: "verify"}.get(rule)
        if decision is None and verdict:
            decision = "keep"
        if key and decision:
            table[key, decision] = table.get((key, decision), 0) + int(levels.counts[i])
    reason = _AMONG[words["context"]]
    return [(key, decision, reason, n) for (key, decision), n in sorted(table.items())]


def _judged(levels, words):
    """Yield (position, key, verdict, rule) of the levels that may be a code."""
    keys = candidate_keys(levels, words)
    verdicts = judge_levels(set(keys.values()), words["context"], words["answers"])
    for i, key in keys.items():
        yield i, key, verdicts[key], _rule(levels.levels[i], key, verdicts[key], words)


def candidate_keys(levels, words):
    """Return {position: key} of levels that may be a code: declared, or short without a numeral."""
    declared = words["declared"]
    if declared:
        keys = level_keys(levels.levels)
        return {i: key for i, key in enumerate(keys) if key in declared or _is_short(levels, i)}
    odd = [i for i in np.flatnonzero(~levels.plain) if _is_short(levels, i)]
    return dict(zip(odd, level_keys(levels.levels[odd]), strict=True))


def _is_short(levels, i):
    level = levels.levels[i]
    return isinstance(level, str) and not level[-1:].isdigit() and len(level) <= LONGEST


def _answer(key, context, levels):
    """Return "blank", "keep" or "verify" for a word that may be an answer."""
    if context == NUMBER:
        numbers = levels.numbers[levels.plain]
        if column_concept(levels.series.name) is not None:
            return "blank"
        whole = len(numbers) > 0 and (numbers == np.round(numbers)).all()
        return "verify" if whole and numbers.min() in (0, 1) else "blank"
    keys = level_keys(levels.levels)
    return "blank" if is_rare(key, keys, levels.counts) else "keep"


def _rule(level, key, verdict, words):
    """Return the rule for one level, or None when it stays."""
    if key in words["vocabulary"]:
        return None
    if key in words["declared"]:
        return TEXT
    if not isinstance(level, str):
        return None
    if words["context"] == NUMBER and key.lstrip("+-") in _INFINITE:
        return INFINITE
    if verdict == ASK:
        asked = words["asked"].get(key)
        return NEW if asked is None else {"blank": TEXT, "verify": POSSIBLE}.get(asked)
    if verdict != BLANK:
        return None
    return TEXT if key else BLANK_TEXT
