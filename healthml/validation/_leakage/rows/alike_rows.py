"""Patients that nobody declared: columns that act as identifiers, and rows alike as visits are."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from healthml.validation._leakage.columns.suspects import is_level_column

# What follows was chosen by judgement; tests/simulation/leak_kinds.py counts hits and false alarms.
KEPT = 0.95  # agreement inside a level from which a column is constant for a patient
COMMON = 0.7  # chance agreement above which a column says nothing about who is who
FEWEST_KEPT = 2  # such columns that make a column of levels an identifier
STEADY = 0.5  # the same, beyond chance, for pairs of rows that were only found by their agreement
FEWEST_STEADY = 3  # of these; two that depend on each other agree beyond chance by themselves
TIMES_CHANCE = 2.0  # how often rows must agree in two columns against chance to be looked at
SHARE = 0.10  # of the rows that must have another of their patient, or nothing is changed by it
MOST_VISITS = 50  # rows of one patient
# Share of the changes along the values that chance lets expect, below which a column follows from
# the order of another. Birth years follow numbers given at birth (a tenth of them change less);
# higher misses patients numbered by their date of birth, lower accuses an age of its own bands.
IN_ORDER = 0.5
_MOST_COLUMNS = 15  # columns whose pairs are tried, the most telling first
_MORE_ALIKE = 1e-4  # p-value of the columns that change, compared with rows that differ in one


@dataclass(frozen=True)
class AlikeRows:
    """Rows that are alike as visits of one patient are.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        The patient that a row seems to belong to.
    columns : tuple
        The identifier, or the columns that stay constant.
    by_name : bool
        Whether one column acts as the identifier.
    compared : str
        Which pairs of rows, in words, are less alike in what changes.
    """

    codes: np.ndarray
    columns: tuple
    by_name: bool
    compared: str = ""


def acts_as_identifier(table):
    """Return the column of levels inside which other columns stay constant, or None.

    Parameters
    ----------
    table : DataFrame
        The columns.

    Returns
    -------
    AlikeRows or None
    """
    codes, chance = coded(table)
    best = None
    for name, code in codes.items():
        n_levels = int(code.max()) + 1  # empty cells as one level: they are no patients
        if not len(table) / MOST_VISITS <= n_levels <= (1 - SHARE / 2) * len(table):
            continue
        if not is_level_column(table[name]):
            continue
        code = numbers_as_codes(table[name])
        first, second = neighbours(code)
        if len(first) < SHARE * len(table):
            continue
        kept = [
            c
            for c in codes
            if c != name
            and chance[c] <= COMMON
            and (codes[c][first] == codes[c][second]).mean() >= KEPT
            and not follows_order(table[name], code, codes[c], chance[c])
        ]
        if len(kept) >= FEWEST_KEPT and (best is None or len(kept) > best[0]):
            best = len(kept), AlikeRows(code, (name,), True)
    return None if best is None else best[1]


def numbers_as_codes(column):
    """Return the patient that each cell of a column of numbers names; an empty cell names nobody.

    Parameters
    ----------
    column : Series
        The column.

    Returns
    -------
    ndarray of int
        A row with an empty cell has a code of its own.
    """
    code, levels = pd.factorize(column)
    empty = np.flatnonzero(code < 0)
    code[empty] = len(levels) + np.arange(len(empty))
    return code


def follows_order(column, code, other, chance):
    """Say whether another column changes seldom along the values of a column of numbers.

    A decile or a flag of an age stays constant inside each age, as a birth year does inside each
    patient; but it follows the order of the ages, and nothing of a patient follows the order of
    the numbers.

    Parameters
    ----------
    column : Series
        The column.
    code, other : ndarray of int, shape (n,)
        Levels of the column and of the other one.
    chance : float
        Chance that two rows agree in the other column.

    Returns
    -------
    bool
    """
    if column.dtype.kind not in "iuf":
        return False
    first = np.unique(code, return_index=True)[1]
    order = np.argsort(column.to_numpy(dtype=float)[first], kind="stable")
    along = other[first][order]
    return bool((along[1:] != along[:-1]).mean() < IN_ORDER * (1 - chance))


def rows_alike(table):
    """Find rows that agree in columns which stay constant for a patient, more than chance lets.

    Pairs of columns are sought in which rows agree together far more often than their shares
    allow. Columns that then agree as well are taken as constant for a patient, and rows that agree
    in all of them as one patient's. People alike in correlated coarse columns do so too; but the
    columns that change from visit to visit are then no more alike than in rows that differ in one
    of the constant columns, as those of one patient are.

    Parameters
    ----------
    table : DataFrame
        The columns.

    Returns
    -------
    AlikeRows or None
    """
    codes, chance = coded(table)
    pair = _telling_pair(codes, chance, len(table))
    if pair is None:
        return None
    steady = _grown(pair, codes, chance)
    if len(steady) < FEWEST_STEADY:
        return None
    joint = joint_code([codes[c] for c in steady])
    size = np.bincount(joint)
    if size.max() > MOST_VISITS or (size[joint] > 1).mean() < SHARE:
        return None
    changing = [c for c in codes if c not in steady]
    compared = _less_alike(table, codes, steady, joint, changing)
    return AlikeRows(joint, tuple(steady), False, compared) if compared else None


def coded(table):
    """Return the codes of each column, and the chance that two rows agree in it.

    Parameters
    ----------
    table : DataFrame
        The columns; constant ones are left out.

    Returns
    -------
    codes : dict of str to ndarray of int
    chance : dict of str to float
    """
    codes, chance, n = {}, {}, len(table)
    for name in table.columns:
        code = pd.factorize(table[name], use_na_sentinel=False)[0]
        size = np.bincount(code)
        if len(size) > 1:
            codes[name] = code
            chance[name] = float((size * (size - 1.0)).sum() / (n * (n - 1.0)))
    return codes, chance


def joint_code(codes):
    """Return one code for the combination of several.

    Parameters
    ----------
    codes : list of ndarray of int, shape (n,)
        Levels of each column.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    joint = codes[0]
    for code in codes[1:]:
        joint = np.unique(joint * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    return joint


def neighbours(code):
    """Return pairs of rows that stand beside each other inside a level.

    Parameters
    ----------
    code : ndarray of int, shape (n,)
        Levels.

    Returns
    -------
    first, second : ndarray of int
    """
    order = np.argsort(code, kind="stable")
    same = code[order][1:] == code[order][:-1]
    return order[:-1][same], order[1:][same]


def _pairs(codes):
    """Return how many pairs of rows agree in all of some columns."""
    size = np.bincount(joint_code(codes)).astype(float)
    return (size * (size - 1) / 2).sum()


def _telling_pair(codes, chance, n):
    """Return the two columns in which rows agree together most often beyond chance, or None."""
    repeated = [c for c in codes if len(neighbours(codes[c])[0]) >= SHARE * n]
    names = sorted(repeated, key=lambda c: chance[c])[:_MOST_COLUMNS]
    best, found = TIMES_CHANCE, None
    for first, second in combinations(names, 2):
        observed = _pairs([codes[first], codes[second]])
        expected = n * (n - 1) / 2 * chance[first] * chance[second]
        if observed >= SHARE / 2 * n and observed / max(expected, 1.0) > best:
            best, found = observed / max(expected, 1.0), (first, second)
    return found


def _grown(pair, codes, chance):
    """Add columns in which nearly all of these pairs of rows agree as well, far beyond chance."""
    steady, agreeing = list(pair), _pairs([codes[c] for c in pair])
    rest = {c for c in codes if c not in pair}
    while rest:
        kept = {
            c: _pairs([codes[k] for k in (*steady, c)]) / agreeing for c in sorted(rest, key=str)
        }
        beyond = {c: (kept[c] - chance[c]) / (1 - chance[c]) for c in kept}
        best = max(beyond, key=beyond.get)
        if beyond[best] < STEADY:
            break
        steady.append(best)
        agreeing *= kept[best]
        rest.remove(best)
    return steady


def _less_alike(table, codes, steady, joint, changing):
    """Return which pairs of rows, in words, are less alike in what changes than a cluster's; ""."""
    numbers = [c for c in changing if table[c].dtype.kind in "iuf" and codes[c].max() >= 10]
    inside = neighbours(joint)
    beside = [_beside(codes, steady, joint, c) for c in steady]
    beside = [np.concatenate(side) for side in zip(*beside, strict=True)]
    if not numbers or len(inside[0]) < 20:
        return ""
    compared = "rows that differ in one of them"
    if len(beside[0]) < 20:  # no two rows are nearly in one cluster: the clusters are no chance
        rows = np.random.RandomState(0).randint(len(table), size=(2, 2_000))
        beside, compared = list(rows), "two rows drawn at random"
    z = []
    for name in numbers:
        rank = rankdata(table[name].to_numpy(dtype=float), nan_policy="omit")
        near, far = (np.abs(rank[a] - rank[b]) for a, b in (inside, beside))
        near, far = near[np.isfinite(near)], far[np.isfinite(far)]
        if min(len(near), len(far)) >= 20:
            spread = np.sqrt(near.var() / len(near) + far.var() / len(far))
            z.append((far.mean() - near.mean()) / max(spread, 1e-12))
    alike = bool(z) and norm.sf(np.sum(z) / np.sqrt(len(z))) < _MORE_ALIKE
    return compared if alike else ""


def _beside(codes, steady, joint, without):
    """Return pairs of rows that agree in all constant columns but one."""
    rest = [codes[c] for c in steady if c != without]
    if not rest:
        return np.empty(0, dtype=int), np.empty(0, dtype=int)
    first, second = neighbours(joint_code(rest))
    other = joint[first] != joint[second]
    return first[other], second[other]
