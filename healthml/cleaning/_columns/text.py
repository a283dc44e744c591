"""One level of a category as text: what is visible, its key, and whether it stands for missing."""

import re
import unicodedata
from functools import lru_cache

from healthml._core._knowledge import synonym_table, text_codes

# zero width space, word joiner, byte order mark, soft hyphen, direction marks, control characters
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u200e\u200f\u202a-\u202e\x00-\x08\x0e-\x1f\x7f]")
_JOINERS = re.compile("[\u200c\u200d]")  # letters of some scripts need them
_SPACES = re.compile(r"\s+")
_DIGITS = re.compile(r"\d+")
DIGITS = "\x00"  # no visible text holds it
_TWO_LETTER = frozenset({"na", "nd"})
_SIGNS = frozenset({"+", "++", "+++", "(+)"})
_FINDINGS = frozenset(  # beside these "nd" is "not detected", a result
    ["detected", "reactive", "present", "absent", "trace", "growth"]
)
_LIKE_IT = 0.6  # share of other levels of two letters beside which "na" is an answer; by judgement
_SHORT_KEY = 2  # keys this short may mean something by their case ("Aa", "K" and "k")
_RARE_CASE = 0.05  # share of the commoner writing below which a short key is a slip; by judgement


def visible(text):
    r"""Return the text without invisible characters; spaces that are not plain become plain.

    >>> visible("\ufeffWhite\xa0")
    'White '
    """
    if text.isascii() and text.isprintable():
        return text
    text = _INVISIBLE.sub("", text)
    if not any(ord(c) > 0x24F and c.isalpha() for c in text):
        text = _JOINERS.sub("", text)
    return "".join(" " if c.isspace() else c for c in text)


def tidy(text):
    r"""Return visible text without spaces at its ends.

    >>> tidy("  ex smoker\u200b ")
    'ex smoker'
    """
    return visible(text).strip()


def content(text):
    """Return a level as tidy text; "" where it is blank or a shipped code for missing.

    A missing code is another step's work.

    >>> content(" ever "), content("Unknown")
    ('ever', '')
    """
    text = tidy(text)
    return "" if text_codes().get(text.casefold()) == "missing" else text


def contents(levels):
    """Return the `content` of each level."""
    return [content(level) for level in levels]


def level_key(level):
    """Return a level of text in the form in which codes are compared: trimmed, lower case."""
    return unicodedata.normalize("NFKC", level).strip().casefold()


def level_keys(levels):
    """Return the keys of any levels, numbers written out."""
    return [level_key(str(level)) for level in levels]


def code_meaning(key, keys):
    """Return "missing", "answer" or None; some codes are answers beside their like."""
    if key == "":
        return "missing"
    meaning = text_codes().get(key)
    if key == "nd" and any(_is_finding(other) for other in keys):
        return "answer"
    if key in _TWO_LETTER:
        others = [k for k in keys if k and k not in text_codes()]
        alike = sum(len(k) == 2 and k.isalpha() for k in others)
        return "answer" if others and alike >= _LIKE_IT * len(others) else meaning
    if set(key) == {"-"} and _SIGNS & set(keys):
        return "answer"
    return meaning


def _is_finding(key):
    words = set(key.replace("-", " ").split())
    return key in synonym_table()["test_result"] or key in _SIGNS or bool(words & _FINDINGS)


@lru_cache(maxsize=65536)
def key_of(text):
    """Return what two writings of one level share: width, accents' form, case and spaces ignored.

    >>> key_of("NEVER ") == key_of("never") != key_of("n ever")
    True
    """
    text = unicodedata.normalize("NFKC", tidy(text))
    return _SPACES.sub(" ", tidy(text)).casefold()


def template_of(text):
    r"""Return the text with each run of digits as one placeholder, and the runs.

    >>> template_of("6 patients")
    ('\x00 patients', ('6',))
    """
    return _DIGITS.sub(DIGITS, text), tuple(_DIGITS.findall(text))


def fill_template(template, digits):
    r"""Put runs of digits back into a template.

    >>> fill_template("\x00 patients", ("6",))
    '6 patients'
    """
    parts = template.split(DIGITS)
    return "".join(a + b for a, b in zip(parts, (*digits, ""), strict=True))


def usual_spellings(counts, vocabulary=()):
    """Return which spelling each level takes among those with the same key.

    Only levels that change; declared words win over frequency, and two of them never merge. A key
    of one or two letters is merged only where it is rare, and a doubled letter never: genotypes are
    written by case.

    >>> usual_spellings({"never": 90, "Never": 6, "AA": 50, "Aa": 40})
    {'Never': 'never'}
    """
    declared = {key_of(word): word for word in reversed(vocabulary)}
    groups, moved = {}, {}
    for level in counts:
        groups.setdefault(key_of(level), []).append(level)
    for key, levels in groups.items():
        best = declared.get(key) or max(levels, key=lambda x: (counts[x], x))
        for level in levels:
            same = level == best or level in vocabulary
            if not same and _may_merge(key, counts[level], counts.get(best, 0), key in declared):
                moved[level] = best
    return moved


def _may_merge(key, n, n_best, is_declared):
    if len(key) > _SHORT_KEY or is_declared:
        return True
    doubled = len(key) == 2 and key[0] == key[1]
    return not doubled and n <= _RARE_CASE * n_best
