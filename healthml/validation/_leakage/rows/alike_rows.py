"""Patients that nobody declared: columns that act as identifiers, and rows alike as visits are."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.stats import norm, poisson, rankdata

from healthml.validation._leakage.columns.suspects import is_level_column
from healthml.validation._leakage.words import names_in_words

# What follows was chosen by judgement; tests/simulation/leak_kinds.py counts hits and false alarms.
KEPT = 0.95  # agreement inside a level from which a column is constant for a patient
COMMON = 0.7  # chance agreement above which a column says nothing about who is who
FEWEST_KEPT = 2  # such columns that make a column of levels an identifier
STEADY = 0.5  # the same, beyond chance, for pairs of rows that were only found by their agreement
FEWEST_STEADY = 3  # of these; two that depend on each other agree beyond chance by themselves
TIMES_CHANCE = 2.0  # how often rows must agree in two columns against chance to be looked at
SELDOM = 0.5  # of the agreement that chance lets expect, at most, in what numbers the visits
TOO_COMMON = 0.9  # chance agreement above which a column is no sign of one patient at all
SHARE = 0.10  # of the rows that must have another of their patient, or nothing is changed by it
MOST_VISITS = 50  # rows of one patient
# Share of the changes along the values that chance lets expect, below which a column follows from
# the order of another. Birth years follow numbers given at birth (a tenth of them change less);
# higher misses patients numbered by their date of birth, lower accuses an age of its own bands.
IN_ORDER = 0.5
_MOST_COLUMNS = 15  # columns whose pairs are tried, the most telling first
_FEWEST_PAIRS = 20  # pairs of rows from which two distributions of distances are compared
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
    reason : str
        Which rows agree in what, and why chance does not do that, in words.
    """

    codes: np.ndarray
    columns: tuple
    by_name: bool
    reason: str = ""


def acts_as_identifier(table, y=None):
    """Return the column inside whose values other columns stay constant, or None.

    A column with decimals (an age to the day) is no number of a patient, but one patient's rows
    repeat it: there the outcome may be one of what stays constant.

    Parameters
    ----------
    table : DataFrame
        The columns.
    y : ndarray of shape (n,), optional
        Outcome as 0/1.

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
        code = numbers_as_codes(table[name])
        if len(neighbours(code)[0]) < SHARE * len(table):
            continue
        kept = [c for c in codes if c != name and _stays(table[name], code, codes[c], chance[c])]
        whole = is_level_column(table[name])
        with_y = not whole and y is not None and _stays(table[name], code, y, _chance(y))
        if len(kept) + with_y >= FEWEST_KEPT and kept and (best is None or len(kept) > best[0]):
            alike = AlikeRows(code, (name,), True)
            best = len(kept), alike if whole else _measured_once(name, code, kept, with_y)
    return None if best is None else best[1]


def _stays(column, code, other, chance):
    """Say whether another column stays constant inside the values of a column, as nobody's does."""
    first, second = neighbours(code)
    constant = chance <= COMMON and (other[first] == other[second]).mean() >= KEPT
    return constant and not follows_order(column, code, other, chance)


def _measured_once(name, code, kept, with_y):
    """Return rows that repeat a value with decimals, with what else they agree in."""
    columns = (name, *kept)
    some = names_in_words(kept, 4) + " and the outcome" * with_y
    reason = f"Rows with the same {name} nearly always agree in {some} too, as only one person's do"
    return AlikeRows(code, columns, False, reason)


def _chance(code):
    """Return the chance that two rows agree."""
    size, n = np.bincount(code), len(code)
    return float((size * (size - 1.0)).sum() / (n * (n - 1.0)))


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
        return _alike_but_for_a_count(codes, chance)
    steady = _grown(pair, codes, chance)
    if len(steady) < FEWEST_STEADY:
        return None
    joint = joint_code([codes[c] for c in steady])
    size = np.bincount(joint)
    if size.max() > MOST_VISITS or (size[joint] > 1).mean() < SHARE:
        return None
    changing = [c for c in codes if c not in steady]
    compared = _less_alike(table, codes, steady, joint, changing)
    if not compared:
        return None
    some = names_in_words(steady)
    reason = (
        f"Rows that agree in {some} do so far more often than chance lets, and are more alike in "
        f"what changes than {compared}"
    )
    return AlikeRows(joint, tuple(steady), False, reason)


def _alike_but_for_a_count(codes, chance):
    """Find rows that agree in all columns but one, which numbers the visits of each patient."""
    for name in codes:
        steady = [c for c in codes if c != name]
        if len(steady) < FEWEST_STEADY:
            return None
        joint = joint_code([codes[c] for c in steady])
        size = np.bincount(joint)
        if size.max() > MOST_VISITS or (size[joint] > 1).mean() < SHARE:
            continue
        if _counts_inside(codes[name], chance[name], joint):
            reason = (
                f"Rows that agree in {names_in_words(steady)} hardly ever agree in {name} as well, "
                "as if it numbered the visits of each patient"
            )
            return AlikeRows(joint, tuple(steady), False, reason)
    return None


def _counts_inside(code, chance, joint):
    """Say whether a column differs among the rows of a cluster more than chance lets.

    Months or numbers of visits do; people alike by chance agree in them as often as any two do.
    """
    if not 2 <= code.max() + 1 <= MOST_VISITS:
        return False
    expected, observed = _pairs([joint]) * chance, _pairs([joint, code])
    rare = poisson.cdf(observed, max(expected, 1e-9)) <= _MORE_ALIKE
    return bool(rare and observed < SELDOM * expected)


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
    codes, chance = {}, {}
    for name in table.columns:
        code = pd.factorize(table[name], use_na_sentinel=False)[0]
        size = np.bincount(code)
        if len(size) > 1:
            codes[name], chance[name] = code, _chance(code)
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
    best, pair = TIMES_CHANCE, None
    for first, second in combinations(names, 2):
        observed = _pairs([codes[first], codes[second]])
        expected = n * (n - 1) / 2 * chance[first] * chance[second]
        if observed >= SHARE / 2 * n and observed / max(expected, 1.0) > best:
            best, pair = observed / max(expected, 1.0), (first, second)
    return pair


def _grown(pair, codes, chance):
    """Add columns in which nearly all of these pairs of rows agree as well, far beyond chance."""
    steady, agreeing = list(pair), _pairs([codes[c] for c in pair])
    rest = {c for c in codes if c not in pair and chance[c] <= TOO_COMMON}
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
    if not numbers or len(inside[0]) < _FEWEST_PAIRS:
        return ""
    compared = "rows that differ in one of them"
    if len(beside[0]) < _FEWEST_PAIRS:  # none differ in one column only: it follows from the others
        beside, compared = _nearest_clusters(table, codes, steady, joint), "the rows most like them"
    z = []
    for name in numbers:
        rank = rankdata(table[name].to_numpy(dtype=float), nan_policy="omit")
        near, far = (np.abs(rank[a] - rank[b]) for a, b in (inside, beside))
        near, far = near[np.isfinite(near)], far[np.isfinite(far)]
        if min(len(near), len(far)) >= _FEWEST_PAIRS:
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


def _nearest_clusters(table, codes, steady, joint):
    """Return a row of each cluster with one of the cluster nearest to it in what is constant."""
    rows = np.unique(joint, return_index=True)[1]
    where = np.column_stack(
        [
            rankdata(table[c].to_numpy(dtype=float)[rows]) / len(rows)
            if table[c].dtype.kind in "iuf"
            else 2.0 * codes[c][rows]  # other levels are further off than any number
            for c in steady
        ]
    )
    where = np.nan_to_num(where, nan=-1.0)
    nearest = cKDTree(where).query(where, k=2)[1]
    other = np.where(nearest[:, 0] == np.arange(len(rows)), nearest[:, 1], nearest[:, 0])
    return [rows, rows[other]]
