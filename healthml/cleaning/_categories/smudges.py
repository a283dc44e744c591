"""A mark that stands for lost characters all over a table, learnt from cells known otherwise."""

from collections import Counter

from healthml.cleaning._categories.levels import ESTABLISHED, group_templates, is_rare
from healthml.cleaning._categories.typos import is_smudge
from healthml.cleaning._columns import DIGITS, fill_template, key_of, template_of

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Replaced characters in distinct pairs of levels from which one mark damages the table.
FEWEST = 20
# Share of all replaced characters that are that mark.
DOMINATES = 0.8
# Different letters that it replaces: a mark replaces any, a typing error its neighbours.
FEWEST_LETTERS = 5
# Levels above which a column is not read through the mark, to bound the time.
MOST_COLUMN_LEVELS = 2000


def learn_mark(pairs):
    """Return the character that replaces others wherever a table was damaged, or None.

    From pairs of levels with typing errors and what they should be, known from other evidence. The
    mark makes at least four fifths of 20 or more wrong characters and stands for five or more
    different ones.

    >>> learn_mark([("fxrence", "florence"), ("fromer", "former")]) is None
    True
    """
    swaps = [
        (wrong, right)
        for level, usual in {(key_of(a), key_of(b)) for a, b in pairs}
        if len(level) == len(usual)
        for wrong, right in zip(level, usual, strict=True)
        if wrong != right
    ]
    if len(swaps) < FEWEST:
        return None
    mark, n = Counter(wrong for wrong, _ in swaps).most_common(1)[0]
    stands_for = {right for wrong, right in swaps if wrong == mark}
    return mark if n >= DOMINATES * len(swaps) and len(stands_for) >= FEWEST_LETTERS else None


class Smudges:
    """The levels of each column at fit, against which a smudged one is read.

    >>> levels = {"100%": 249, "98%": 45, "97%": 51, "1xx%": 3, "9x%": 2}
    >>> smudges = Smudges({"score": levels}, "x")
    >>> [smudges.read("score", level) for level in ("1xx%", "9x%", "98%")]
    ['100%', None, '98%']
    """

    def __init__(self, counts, mark):
        self.mark = mark
        self.counts = {} if mark is None else counts
        self.templates = {column: group_templates(own) for column, own in self.counts.items()}

    def read(self, column, level):
        """Return what a level was before the mark fell on it; None when several levels fit."""
        counts = self.counts.get(column, {})
        if self.mark is None or not 0 < len(counts) <= MOST_COLUMN_LEVELS:
            return level
        key = key_of(level)
        if self.mark not in key:
            return level
        by_template = self._by_template(key, self.templates[column])
        if by_template is not None:
            return by_template
        n = counts.get(level, 1)
        fits = [(m, x) for x, m in counts.items() if m > n and is_smudge(key, key_of(x), self.mark)]
        if not fits:
            return level
        m, usual = max(fits)
        return usual if len(fits) == 1 and m >= ESTABLISHED and is_rare(n, m) else None

    def _by_template(self, key, templates):
        template, digits = template_of(key)
        n = templates[template][0] if template in templates else 1
        fits = [
            text
            for other, (m, text) in templates.items()
            if m >= ESTABLISHED
            and other.count(DIGITS) == template.count(DIGITS)
            and any(c.isalpha() for c in other)
            and is_smudge(template, other, self.mark)
            and is_rare(n, m)
        ]
        return fill_template(fits[0], digits) if len(fits) == 1 else None
