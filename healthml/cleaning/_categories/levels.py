"""The levels of one column: how each is written and what it may be a typing error for."""

from dataclasses import dataclass, field

import numpy as np

from healthml._core._intervals import wilson
from healthml._core._knowledge import synonym_table
from healthml._core._tables import MOST_LEVELS
from healthml.cleaning._categories.typos import is_abbreviated, is_near_level, is_typo
from healthml.cleaning._columns import (
    contents,
    fill_template,
    key_of,
    template_of,
    usual_spellings,
    visible,
)

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Rows from which a level counts as real. Lower traces typing errors to other typing errors.
ESTABLISHED = 20

# Share of the writings of a word that one kind of typing error makes up at most. Higher rewrites
# rare real levels.
MOST_ERRORS = 0.02

# Rows of a typing error for each row of the level, at most; for small tables, where the share
# above says little.
MOST_RATIO = 0.1

# Share of established levels that are near each other up to which being near is evidence.
MOST_NEIGHBOURS = 0.02

# Share of rows in levels that are not established above which a vocabulary is open, and nothing
# is repaired.
MOST_TAIL = 0.1

# Good and Turing's chance that the next row brings a new level, up to which a vocabulary is
# closed and new levels are flagged.
MOST_UNSEEN = 0.05

# Share of rows in spellings of one shipped concept from which the column is taken for it.
CONCEPT_SHARE = 0.8

INVISIBLE, SPACES, CASE = "invisible_characters", "spaces", "case"

SYNONYM, TYPO = "synonym", "typo"


@dataclass
class LevelPlan:
    """What was learnt about the levels of one column.

    ``exact`` maps tidy levels seen at fit to their final writing and rule, ``keys`` does so for
    every writing with the same key; ``usual`` maps templates of established levels to their text.
    """

    exact: dict = field(default_factory=dict)
    keys: dict = field(default_factory=dict)
    senses: dict = field(default_factory=dict)
    concept: str | None = None
    usual: dict = field(default_factory=dict)
    closed: bool = False
    is_open: bool = False

    def rewrite(self, levels):
        """Return for each level its writing, the rule (None: unchanged), and if it is known."""
        if self.is_open:
            return [_without_invisible(level) for level in levels]
        return [
            self._rewritten(level, clean)
            for level, clean in zip(levels, contents(levels), strict=True)
        ]

    def _rewritten(self, level, clean):
        if not clean:
            return level, None, True
        new, rule, known = self._settle(clean)
        if new == level:
            return level, None, known
        return new, rule or (SPACES if visible(level) == level else INVISIBLE), known

    def _settle(self, clean):
        if clean in self.exact:
            return (*self.exact[clean], True)
        key = key_of(clean)
        if key in self.keys:
            new, rule = self.keys[key]
            return new, rule or (CASE if new != clean else None), True
        sense = _sense_of(key, self.concept)
        if sense in self.senses:
            return self.senses[sense], SYNONYM, True
        new = find_typo(key, self.usual)
        return (new, TYPO, True) if new is not None else (clean, None, False)


def _without_invisible(level):
    seen = visible(level)
    seen = seen.strip() if seen != level else level
    return (seen, INVISIBLE, True) if seen and seen != level else (level, None, True)


def learn_levels(counts, *, synonyms=None, vocabulary=(), typos=True, real=()):
    """Learn from the levels of a category and their rows how each is to be written.

    `synonyms` are the user's own; levels of the `vocabulary` stay as they are; `real` are levels
    that other columns bear out, which are no typing errors.

    >>> plan = learn_levels({"never": 900, "former": 500, "Never ": 6, "fromer": 5, "ex": 4})
    >>> [writing for writing, _, _ in plan.rewrite(["Never ", "fromer", "ex", "nevver"])]
    ['never', 'former', 'former', 'never']
    """
    steps = _Steps(counts, {str(word) for word in vocabulary})
    steps.move(_user_moves(steps.now, synonyms or {}), SYNONYM)
    steps.move(usual_spellings(steps.now, tuple(vocabulary)), CASE)
    concept, senses = recognise_concept(steps.now, vocabulary)
    steps.move(_synonym_moves(steps.now, concept, senses, steps.vocabulary), SYNONYM)
    usual = {}
    while typos:
        usual = established(steps.now, steps.vocabulary)
        moves = _typo_moves(steps.now, usual, steps.vocabulary, concept, real)
        if not moves:
            break
        steps.move(moves, TYPO)
    keys = _by_key(steps.way)
    keys |= {key_of(str(a)): (str(b), SYNONYM) for a, b in (synonyms or {}).items()}
    total = sum(steps.now.values())
    once = sum(n == 1 for n in steps.now.values())
    return LevelPlan(
        exact=steps.way,
        keys=keys,
        senses=senses,
        concept=concept,
        usual=usual,
        closed=bool(vocabulary) or once <= MOST_UNSEEN * max(total, 1),
    )


class _Steps:
    """Levels on their way to their final writing, with rows and the last rule."""

    def __init__(self, counts, vocabulary):
        self.vocabulary, self.way, self.now = vocabulary, {}, {}
        for clean, n in zip(contents(counts), counts.values(), strict=True):
            if clean:
                self.way.setdefault(clean, (clean, None))
                self.now[clean] = self.now.get(clean, 0) + n

    def move(self, moves, rule):
        """Rewrite levels; their rows go to the new writing."""
        if not moves:
            return
        for first, (level, before) in self.way.items():
            self.way[first] = (moves[level], rule) if level in moves else (level, before)
        now = {}
        for level, n in self.now.items():
            new = moves.get(level, level)
            now[new] = now.get(new, 0) + n
        self.now = now


def _by_key(way):
    """Return {key: (writing, rule)} for the keys whose levels all end in one writing."""
    keys, unclear = {}, set()
    for level, (new, rule) in way.items():
        key = key_of(level)
        if keys.setdefault(key, (new, None if rule == CASE else rule))[0] != new:
            unclear.add(key)
    return {key: writing for key, writing in keys.items() if key not in unclear}


def _user_moves(counts, synonyms):
    writings = {key_of(str(old)): str(new) for old, new in synonyms.items()}
    moves = {level: writings[key_of(level)] for level in counts if key_of(level) in writings}
    return {level: new for level, new in moves.items() if level != new}


def recognise_concept(counts, vocabulary=()):
    """Return the concept whose spellings fill a column, and the level in use for each sense.

    >>> recognise_concept({"M": 60, "F": 40, "male": 5})
    ('sex', {'male': 'M', 'female': 'F'})
    >>> recognise_concept({"M": 60, "S": 30, "D": 10})
    (None, {})
    """
    words = {x: n for x, n in counts.items() if not x.isdigit()}
    total = sum(words.values())
    for concept, spellings in synonym_table().items():
        spelt = {x: spellings[key_of(x)] for x in words if key_of(x) in spellings}
        written_out = {sense for sense, needs_words in spelt.values() if not needs_words}
        rows = sum(words[x] for x, (_, short) in spelt.items() if not short or len(written_out) > 1)
        if len(written_out - {"other", "unknown"}) < 2 or rows < CONCEPT_SHARE * total:
            continue
        senses = {}
        for x in sorted(spelt, key=lambda x: (x in vocabulary, words[x], x)):
            senses[spelt[x][0]] = x
        return concept, {sense: senses[sense] for sense, _ in spellings.values() if sense in senses}
    return None, {}


def _sense_of(key, concept):
    return synonym_table()[concept].get(key, (None,))[0] if concept else None


def _synonym_moves(counts, concept, senses, vocabulary):
    moves = {}
    for level in counts:
        new = senses.get(_sense_of(key_of(level), concept))
        if new is not None and new != level and level not in vocabulary:
            moves[level] = new
    return moves


def established(counts, vocabulary=()):
    """Return {template: text} of the levels that errors may be traced to; empty where none may.

    None may where the vocabulary is open (a tenth of the rows in levels that are rare, or more than
    50 that are not: with their number grows that of real neighbours), or where levels that are
    surely real are near one another: there, to be near is no evidence.

    >>> established({"Alena": 50, "Alina": 40})
    {}
    """
    templates = group_templates(counts)
    total = sum(n for n, _ in templates.values())
    real = {
        t: (n, text) for t, (n, text) in templates.items() if n >= ESTABLISHED or text in vocabulary
    }
    inside = sum(n for n, _ in real.values())
    if not vocabulary and (inside < (1 - MOST_TAIL) * total or len(real) > MOST_LEVELS):
        return {}
    near = sum(any(_are_both_real(real, t, other) for other in real if other != t) for t in real)
    return {} if near > MOST_NEIGHBOURS * len(real) else real


def _are_both_real(real, level, other):
    few, many = sorted((real[level][0], real[other][0]))
    return is_near_level(level, other) and not is_rare(few, many)


def group_templates(counts):
    """Return {template of the key: (rows, text of the usual level's template)}."""
    groups = {}
    for level in sorted(counts, key=lambda x: (-counts[x], x)):
        template = template_of(key_of(level))[0]
        n, text = groups.get(template, (0, template_of(level)[0]))
        groups[template] = (n + counts[level], text)
    return groups


def _typo_moves(counts, usual, vocabulary, concept, real):
    if not usual:
        return {}
    rows = {t: n for t, (n, _) in group_templates(counts).items()}
    moves = {}
    for level in counts:
        key = key_of(level)
        if level in vocabulary or level in real or _sense_of(key, concept) is not None:
            continue
        new = find_typo(key, usual, rows[template_of(key)[0]], vocabulary)
        if new is not None and new != level:
            moves[level] = new
    return moves


def find_typo(key, usual, n=1, vocabulary=()):
    """Return the established level of which a key is the only possible typing error, or None."""
    template, digits = template_of(key)
    originals = [
        text
        for other, (n_usual, text) in usual.items()
        if other != template
        and abs(len(other) - len(template)) <= 2
        and (text in vocabulary or is_rare(n, n_usual))
        and is_typo(template, other)
        and not (len(template) == len(other) and is_abbreviated(text, template, other))
    ]
    return fill_template(originals[0], digits) if len(originals) == 1 else None


def is_rare(n, n_usual):
    """Say whether a writing is rare enough beside the usual one to be an error."""
    if n > MOST_RATIO * n_usual:
        return False
    return bool(np.asarray(wilson(n, n + n_usual)[0]) <= MOST_ERRORS)
