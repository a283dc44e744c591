"""Which texts of a column stand for missing: judged by what the column holds besides."""

import re

import numpy as np

from healthml._core._knowledge import text_codes
from healthml.cleaning._columns import code_meaning, level_keys
from healthml.cleaning._lab_values import missing_reason

NUMBER, CODED, CATEGORY, FREE = "number", "coded", "category", "free"
BLANK, KEEP, ASK = "blank", "keep", "ask"

MOSTLY = 0.8  # share of cells with two digits from which a column holds codes; by judgement
RARE = 0.01  # an answer that is a level of the column is seldom rarer
MANY = 100  # cells from which rarity can be told
ESTABLISHED = 5  # how many times rarer than the rarest usual level a code must be
_NOTHING = frozenset({"none", "nil", "no"})
_CHOSEN = frozenset({"declined", "refused", "prefer not to say", "not applicable", "other/unknown"})
_GRADED = re.compile(
    r".*\b(mild|moderate|severe|some|few|many|trace|low|high|present|positive|yes|partial|full|"
    r"complete|minor|major|slight|once|twice|daily|weekly|one|two|single|multiple|any|normal|"
    r"abnormal|detected|reactive)\b.*|[<>+].*|.*\+"
)
_CONTEXTUAL = ("na", "nd", "-", "--", "---")


def column_context(levels, counts, *, is_number):
    """Return what a text column holds: numbers, codes with digits, categories or free text.

    >>> column_context(["never", "ever", "?"], np.array([50, 40, 1]), is_number=False)
    'category'
    """
    if is_number:
        return NUMBER
    known = np.array([missing_reason(key) is not None for key in level_keys(levels)], dtype=bool)
    total = counts[~known].sum()
    if not total:
        return CATEGORY
    digits = np.array([bool(re.search(r"\d{2}", level)) for level in levels], dtype=bool)
    if counts[digits & ~known].sum() >= MOSTLY * total:
        return CODED
    return FREE if total >= MANY and (~known).sum() > 0.5 * total else CATEGORY


def context_answers(levels):
    """Return {code: meaning} of the codes whose meaning hangs on the column's other levels."""
    keys = level_keys(levels)
    return {code: code_meaning(code, [*keys, code]) for code in _CONTEXTUAL}


def judge_levels(keys, context, answers):
    """Return {key: BLANK, KEEP (an answer), ASK (rarity must decide) or None when it is no code}.

    Keys are levels, trimmed and in lower case.

    >>> judge_levels(["not done"], "number", {}), judge_levels(["none"], "category", {})
    ({'not done': 'blank'}, {'none': 'ask'})
    """
    return {key: _judge_level(key, context, answers) for key in keys}


def _judge_level(key, context, answers):
    meaning = answers.get(key, text_codes().get(key))
    if not key:
        return BLANK
    if context == NUMBER:
        return _judge_in_numbers(key)
    if meaning is None:
        return BLANK if context == CODED and missing_reason(key) and key not in _NOTHING else None
    if context == FREE and re.fullmatch(r"[a-z]{1,4}", key):
        return KEEP
    if meaning == "missing":
        return BLANK
    if key in _CHOSEN or key in answers or key == "undetermined":
        return KEEP
    if context == CODED and key not in _NOTHING:
        return BLANK
    return ASK


def _judge_in_numbers(key):
    reason = missing_reason(key)
    if reason is None or reason == "infinite":
        return None
    return ASK if key in _NOTHING else BLANK


def is_rare(key, keys, counts):
    """Say whether a code is far rarer than the usual levels, and no floor of a graded scale.

    Keys are levels, trimmed and in lower case.

    >>> is_rare("none", ["never", "former", "none"], np.array([600, 398, 2]))
    True
    >>> is_rare("none", ["mild", "severe", "none"], np.array([600, 398, 2]))
    False
    """
    same = np.array([k == key for k in keys], dtype=bool)
    total, count = counts.sum(), counts[same].sum()
    others = [k for k in keys if k != key and missing_reason(k) is None]
    if total < MANY or count >= RARE * total or any(_GRADED.fullmatch(k) for k in others):
        return False
    usual = counts[~same & (counts >= RARE * total)]
    return bool(len(usual) > 0 and count * ESTABLISHED <= usual.min())
