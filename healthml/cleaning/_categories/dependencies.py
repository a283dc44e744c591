"""Columns that determine others (a hospital its town), and levels their determinants contradict."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml.cleaning._categories.typos import is_blotted, is_near_level, is_smudge
from healthml.cleaning._columns import key_of

# Values without a source were chosen by judgement on the tables of benchmarks/dirty_tables.py,
# not by simulation.
# Share of rows in which the determinant's usual level must stand. Lower lets weak associations
# correct cells.
HOLDS = 0.9
# Rows of a determinant's level from which it says anything.
FEWEST_IN_GROUP = 5
# Share of the rows in groups of that size.
COVERS = 0.5
# Largest error left, as a share of the error of always saying the commonest level: a column of
# one level is determined by everything.
GAIN = 0.5
# Levels above which a column is left out, to keep the time linear.
MOST_LEVELS = 5000
# Rows per level below which a column determines others by chance (an identifier does always).
ROWS_PER_LEVEL = 3
# Rows of the first screen of all pairs of columns; it only saves time.
SCREEN_ROWS = 20_000
# Cells up to which no screen is needed.
SMALL_TABLE = 1_000_000
# Rows of a contradicted level for each row of the determined one. More, and the level is real.
MOST_STRAY = 0.2
# Typing errors believed in a long word when other columns agree.
LONG_SLIPS = 2
# Difference of length, and number of comparisons, up to which levels are compared; they bound the
# time.
MOST_LENGTHS = 4
# By judgement, not by simulation; a column with more of them is passed over.
MOST_COMPARISONS = 300_000
DEPENDENCY, SMUDGE = "dependency", "smudge"


@dataclass
class Dependency:
    """What one column's levels say about another's: {level: usual level of the other}."""

    determinant: object
    dependent: object
    usual: dict
    share: float
    n_groups: int
    n_samples: int


def learn_dependencies(columns):
    """Return the approximate functional dependencies between text columns.

    Each holds in 90% of the rows of groups of five or more (a row not judging itself) and leaves at
    most half the error of the commonest level.
    """
    usable = [c for c in columns if _is_usable(c)]
    n, dependencies, screen = len(columns[0].codes) if columns else 0, [], None
    if n > SCREEN_ROWS:
        screen = np.linspace(0, n - 1, SCREEN_ROWS).astype(np.int64)
    for b in usable:
        for a in usable:
            if a is b:
                continue
            if screen is not None and _tabulate(a, b, screen) is None:
                continue
            dependency = _tabulate(a, b, slice(None))
            if dependency is not None:
                dependencies.append(dependency)
    return dependencies


def _is_usable(column):
    present = int((column.codes >= 0).sum())
    return 2 <= len(column.levels) <= min(MOST_LEVELS, present / ROWS_PER_LEVEL)


def _tabulate(a, b, rows):
    x, y = a.codes[rows], b.codes[rows]
    both = (x >= 0) & (y >= 0)
    if not both.any():
        return None
    pair, n = _count(x[both] * np.int64(len(b.levels)) + y[both], len(a.levels) * len(b.levels))
    group, level = np.divmod(pair, len(b.levels))
    order = np.lexsort((level, -n, group))
    group, level, n = group[order], level[order], n[order]
    first = np.append(True, group[1:] != group[:-1])
    size = np.add.reduceat(n, np.flatnonzero(first))
    top, usual, group = n[first], level[first], group[first]
    large = size >= FEWEST_IN_GROUP
    if size[large].sum() < COVERS * both.sum():
        return None
    held = (size * (top - 1) / np.maximum(size - 1, 1))[large].sum() / size[large].sum()
    commonest = np.bincount(y[both]).max() / both.sum()
    if held < HOLDS or 1 - held > GAIN * (1 - commonest):
        return None
    says = {a.levels[g]: b.levels[u] for g, u in zip(group[large], usual[large], strict=True)}
    return Dependency(a.name, b.name, says, float(held), int(large.sum()), int(both.sum()))


def _count(values, n_values):
    """Return the distinct whole numbers below `n_values` and how often each occurs."""
    if n_values > SMALL_TABLE:
        return np.unique(values, return_counts=True)
    counts = np.bincount(values, minlength=n_values)
    pair = np.flatnonzero(counts)
    return pair, counts[pair]


def as_table(dependencies):
    """Return the dependencies as a table."""
    rows = [(d.determinant, d.dependent, d.share, d.n_groups, d.n_samples) for d in dependencies]
    names = ["determinant", "dependent", "share", "n_groups", "n_samples"]
    return pd.DataFrame(rows, columns=names)


class Contradictions:
    """Cells that differ from what their determinants say, and what they would have to be."""

    def __init__(self, dependencies, counts):
        self.by_column = {}
        for dependency in dependencies:
            self.by_column.setdefault(dependency.dependent, []).append(dependency)
        self.counts = counts  # column -> {level: rows at fit}

    def of(self, column, columns, mark):
        """Yield (level, determined level, rows) of a column where the two are close.

        A level that is what some group says is never a stray.
        """
        says = [d for d in self.by_column.get(column.name, []) if d.determinant in columns]
        near = self._near(column, {level for d in says for level in d.usual.values()}, mark)
        rows = np.flatnonzero(np.append([x in near for x in column.levels], False)[column.codes])
        if not len(rows):
            return
        expected = [self._expected(d, columns, rows) for d in says]
        pairs = {}
        for i, row in enumerate(rows):
            votes = Counter(levels[i] for levels in expected if levels[i] is not None)
            usual, n = votes.most_common(1)[0] if votes else (None, 0)
            level = column.levels[column.codes[row]]
            if 2 * n > votes.total() and usual in near[level]:
                pairs.setdefault((level, usual), []).append(row)
        for (level, usual), where in pairs.items():
            yield level, usual, np.array(where)

    def _near(self, column, real, mark):
        """Return {stray level: determined levels it is near}."""
        counts = self.counts.get(column.name, {})
        stray = [x for x in column.levels if x not in real]
        if not real or len(stray) * len(real) > MOST_COMPARISONS:
            return {}
        near = {}
        for level in stray:
            most = counts.get(level, 0) / MOST_STRAY
            close = {r for r in real if most <= counts.get(r, 0) and is_close(level, r, mark)}
            if close:
                near[level] = close
        return near

    def _expected(self, dependency, columns, rows):
        other = columns[dependency.determinant]
        usual = [dependency.usual.get(level) for level in other.levels] + [None]
        return [usual[code] for code in other.codes[rows]]


def is_close(level, usual, mark):
    """Say whether a level is the determined one with typing errors, or under the table's mark."""
    level, usual = key_of(level), key_of(usual)
    if abs(len(level) - len(usual)) > MOST_LENGTHS:
        return False
    if is_near_level(level, usual, LONG_SLIPS) or is_smudge(level, usual, mark):
        return True
    return mark is None and is_blotted(level, usual)
