"""Is one level a typing error for another? Judged word by word, with what must never merge."""

import re
from functools import lru_cache

from healthml._core._fingerprints import n_edits
from healthml._core._knowledge import confusable_pairs, synonym_table

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Letters from which words are compared; shorter ones have too many real neighbours.
SHORTEST_WORD = 4
# Letters from which two errors in one word are believed when other columns agree.
LONG_WORD = 8
# Share of the letters that a blotted level may have lost. By judgement, not by simulation; more,
# and two names that share an ending are taken for one.
MOST_BLOTTED = 1 / 4
_WORD = re.compile(r"[^\W\d_]+")
_PAIRS = """
hypo/hyper pre/post pre/peri peri/post in/out intra/inter intra/extra intra/infra inter/infra
infra/supra sub/supra endo/ecto endo/exo ante/anti ab/ad poly/oligo mono/poly micro/macro
brady/tachy eu/dys para/peri left/right homo/hetero
"""
_OPPOSITES = tuple(tuple(pair.split("/")) for pair in _PAIRS.split())
_ROMAN = re.compile(r"[ivx]+")


def is_near(word, usual, most=1):
    """Say whether a word differs from another by typing errors, and not as two words do.

    At most `most` errors: a letter too many, too few, wrong, or two exchanged. Never for words
    under four letters (nor for a wrong letter in one of four), numbers in Roman, opposites and
    negations (hypo and hyper, febrile and afebrile), plurals, the masculine and feminine of a word,
    pairs of real words in the shipped list, or a first letter that differs, which typists seldom
    miss [1]_.

    References
    ----------
    .. [1] Yannakoudakis EJ, Fawthrop D. The rules of spelling errors. Inf Process Manag.
       1983;19:87-99.

    >>> is_near("femlae", "female"), is_near("afebrile", "febrile"), is_near("hypo", "hyper")
    (True, False, False)
    """
    if min(len(word), len(usual)) < SHORTEST_WORD or word[0] != usual[0]:
        return False
    if abs(len(word) - len(usual)) > most or _are_two_words(word, usual):
        return False
    if len(word) == len(usual) == SHORTEST_WORD and sorted(word) != sorted(usual):
        return False
    return n_edits(word, usual, most) <= most


def is_real_word(word):
    """Say whether a lower-case word is in the dictionary: then it is no typing error.

    English words and those of the shipped clinical lists. A level such as "casts" is kept beside
    "casks", though it may have been meant: another real word is never written in its place.

    >>> is_real_word("tibia"), is_real_word("femlae")
    (True, False)
    """
    return word in _clinical_words() or word in _english_words()


@lru_cache
def _clinical_words():
    listed = [word for pair in confusable_pairs() for word in pair]
    spellings = [word for table in synonym_table().values() for word in table]
    return frozenset(part for text in (*listed, *spellings) for part in text.split())


@lru_cache
def _english_words():
    """Return the dictionary of pyspellchecker, read when a likely typing error is first met."""
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language="en").word_frequency.words())


def _are_two_words(word, other):
    if frozenset((word, other)) in confusable_pairs() or _is_inflection(word, other):
        return True
    if _ROMAN.fullmatch(word) and _ROMAN.fullmatch(other):
        return True
    return any(
        (word.startswith(a) and other.startswith(b) and not word.startswith(b))
        or (word.startswith(b) and other.startswith(a) and not other.startswith(b))
        for a, b in _OPPOSITES
    )


def _is_inflection(word, other):
    short, long = sorted((word, other), key=len)
    if len(short) == len(long):
        return short[:-1] == long[:-1] and {short[-1], long[-1]} <= set("aoe")
    return long in (short + "s", short + "e", short + "d", short + "es", short + "ed")


@lru_cache(maxsize=65536)
def _pieces(text):
    """Cut a level into its words and what stands between them."""
    return tuple(_WORD.findall(text)), tuple(_WORD.split(text))


def is_near_level(level, usual, most=1):
    """Say whether a level differs from another by typing errors in some words alone.

    Digits and signs are never typing errors: "type 1" and "type 2", "A+" and "A-" stay apart.

    >>> is_near_level("heart faliure", "heart failure"), is_near_level("A+", "A-")
    (True, False)
    """
    pairs = _differing_words(level, usual)
    return bool(pairs) and all(is_near(w, u, most if len(u) >= LONG_WORD else 1) for w, u in pairs)


def is_typo(level, usual, most=1):
    """Say whether a level is a typing error for another: near it, and no word of its own.

    >>> is_typo("heart faliure", "heart failure"), is_typo("sprain", "strain")
    (True, False)
    """
    if not is_near_level(level, usual, most):
        return False
    return not any(is_real_word(word) for word, _ in _differing_words(level, usual))


def _differing_words(level, usual):
    """Return the pairs of words that differ, none where what stands between them differs too."""
    (words, between), (usual_words, usual_between) = _pieces(level), _pieces(usual)
    if between != usual_between or len(words) != len(usual_words):
        return []
    return [(w, u) for w, u in zip(words, usual_words, strict=True) if w != u]


def is_smudge(level, usual, mark, most=0.75):
    """Say whether a level is the usual one with some characters replaced by one mark.

    >>> is_smudge("1xx19", "10019", "x"), is_smudge("10018", "10019", "x")
    (True, False)
    """
    if mark is None or len(level) != len(usual) or level == usual:
        return False
    other = [a for a, b in zip(level, usual, strict=True) if a != b]
    return set(other) == {mark} and len(other) <= most * len(usual)


def is_blotted(level, usual):
    """Say whether a few letters of a level are replaced by one sign that is no letter.

    >>> is_blotted("har?ow general", "harlow general"), is_blotted("grade a-", "grade a+")
    (True, False)
    """
    if len(level) != len(usual) or len(usual) < LONG_WORD:
        return False
    pairs = [(a, b) for a, b in zip(level, usual, strict=True) if a != b]
    signs = {a for a, _ in pairs}
    if len(signs) != 1 or any(a.isalnum() or a.isspace() for a in signs):
        return False
    return all(b.isalpha() for _, b in pairs) and len(pairs) <= len(usual) * MOST_BLOTTED


def is_abbreviated(text, template, usual):
    """Say whether another letter stands in a short word that is written with inner capitals.

    Each letter of an abbreviation means something: HBsAg and HBeAg are two antigens. Letters that
    are only exchanged are a typing error all the same.

    >>> is_abbreviated("HBsAg", "hbeag", "hbsag"), is_abbreviated("BLACK", "blakc", "black")
    (True, False)
    """
    if sorted(template) == sorted(usual):
        return False
    words = zip(_WORD.findall(text), _WORD.findall(template), _WORD.findall(usual), strict=False)
    return any(
        a != b and len(word) < LONG_WORD - 2 and any(c.isupper() for c in word[1:])
        for word, a, b in words
    )
