"""Columns that repeat others: copies, filled copies, other units, coarser levels."""

from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from healthml.cleaning._columns import FOUND, NOTE, Flag, has_code_name

EQUAL, FILLED, LINEAR = "equal_columns", "filled_copy", "linear_copy"
NEAR, NESTED = "near_copy", "nested_levels"

# Rank correlation from which two columns are called near copies, and correlation from which one is
# a straight line of the other. Chosen by judgement, not by simulation: a lower rank correlation
# calls related measurements copies; a straight line must bear rounding to a decimal and nothing
# more.
ALMOST_EQUAL_RANKS, LINEAR_R = 0.98, 0.99995
# Share of the other column's values below which a column is the coarser one. By judgement:
# conversion and rounding to as many digits change the count by a few per cent.
COARSER = 0.8
MINORITY = 20  # rows outside the most frequent value, so that equality says something
# The same as a share of the rows; and the share of rows in levels that are not rare from which one
# column follows from another. By judgement, not by simulation; lower calls chance a rule.
RARE_SHARE, IN_LARGE = 0.01, 0.9
MOST_ROWS = 5000  # on which candidates are looked for; each is then judged on all rows
MOST_LEVELS = 50  # with more levels a column is a list of names, which follow from any key


def screen_pairs(table, numeric, rows, known=frozenset()):
    """Yield ((column, other column), Flag) for columns that hold the same.

    Candidates are found on some rows, each is then judged on all; pairs already `known` are left
    out.
    """
    pairs = [pair for pair in _numeric_pairs(numeric, rows) if frozenset(pair[0]) not in known]
    yield from pairs
    known = known | {frozenset(names) for names, _ in pairs}
    yield from _nested_levels(table, known, rows)


def sample_rows(n_samples):
    """Return at most 5,000 row positions, evenly spaced."""
    return np.linspace(0, n_samples - 1, min(n_samples, MOST_ROWS)).astype(int)


def numeric_columns(table, codes):
    """Return {name: floats with codes as NaN} of columns with enough variety."""
    columns = {}
    for column in table.columns:
        if column.numbers is None or len(column.unique[0]) < 2 or has_code_name(column.name):
            continue
        values = np.where(np.isfinite(column.numbers), column.numbers, np.nan)
        values = np.where(codes[column.name], np.nan, values) if column.name in codes else values
        if np.isfinite(values).sum() >= 2 * MINORITY:
            columns[column.name] = values
    return columns


def _numeric_pairs(numeric, rows):
    names = list(numeric)
    if len(names) < 2:
        return
    sample = np.column_stack([numeric[name][rows] for name in names])
    rho = _pairwise_rank_correlation(sample)
    for i, j in np.argwhere(np.triu(np.abs(rho) > ALMOST_EQUAL_RANKS, 1)):
        a, b = _derived_first(names[i], names[j], sample[:, [i, j]])
        flag = _compare(a, numeric[a], b, numeric[b], rho[i, j])
        if flag:
            yield (names[i], names[j]), flag


def _derived_first(earlier, later, values):
    """Return two columns, first the one that was made from the other.

    Rounding and ranking take values away, so that the coarser one was made, and arithmetic makes
    decimals; of two alike the later one, since what is computed usually stands behind its source.
    """
    both = values[~np.isnan(values).any(axis=1)]
    first, second = (len(np.unique(column)) for column in both.T)
    if min(first, second) >= COARSER * max(first, second):
        first, second = (unit_of(column) for column in both.T)
    return (earlier, later) if first < second else (later, earlier)


def unit_of(values):
    """Return the step to which values are rounded: 1, 0.1, ..., or 1e-6 at least."""
    seen = values[~np.isnan(values)]
    steps = 10.0 ** -np.arange(7)
    return next((s for s in steps if np.abs(seen / s - np.round(seen / s)).max() < 1e-6), steps[-1])


def _pairwise_rank_correlation(sample):
    """Return rank correlations over the rows where both columns have a value."""
    seen = ~np.isnan(sample)
    ranks = rankdata(np.where(seen, sample, np.inf), axis=0)
    centred = np.where(seen, ranks - ranks.mean(axis=0), 0) / len(sample)
    seen = seen.astype(float)
    n = np.maximum(seen.T @ seen, 1)
    sums, squares = centred.T @ seen, (centred**2).T @ seen
    covariance = centred.T @ centred - sums * sums.T / n
    spread = squares - sums**2 / n
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = covariance / np.sqrt(spread * spread.T)
    return np.where((n >= 2 * MINORITY) & np.isfinite(rho), rho, 0)


def _compare(a_name, a, b_name, b, rho):
    """Return what two columns have in common, judged on all rows."""
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < 2 * MINORITY or min(_minority(a[both]), _minority(b[both])) < MINORITY:
        return None
    equal = np.isclose(a[both], b[both], rtol=1e-6, atol=0)
    if equal.all():
        return _equal_or_filled(a_name, a, b_name, b)
    r = np.corrcoef(a[both], b[both])[0, 1]
    share = equal.mean()
    if abs(r) > LINEAR_R:
        detail = f"a straight line of {b_name} in {both.sum():,} rows: the same in another unit"
        return Flag(
            a_name, LINEAR, FOUND, detail, int(both.sum()), related=b_name, estimate=float(r)
        )
    same = f"; equal in {share:.1%}" if share > 0.5 else ""
    detail = f"orders the patients as {b_name} does (rank correlation {rho:.3f}){same}"
    return Flag(a_name, NEAR, NOTE, detail, int(both.sum()), related=b_name, estimate=float(rho))


def _minority(values):
    return len(values) - np.unique(values, return_counts=True)[1].max()


def _equal_or_filled(a_name, a, b_name, b):
    only_a, only_b = ~np.isnan(a) & np.isnan(b), ~np.isnan(b) & np.isnan(a)
    both = int((~np.isnan(a) & ~np.isnan(b)).sum())
    if only_a.any() == only_b.any():
        detail = f"equal to {b_name} in all {both:,} rows that have both"
        return Flag(a_name, EQUAL, FOUND, detail, both, related=b_name)
    full, empty, mask = (a_name, b_name, only_a) if only_a.any() else (b_name, a_name, only_b)
    detail = (
        f"equal to {empty} in all {both:,} rows that have both, and filled in "
        f"{int(mask.sum()):,} rows where {empty} is empty"
    )
    n_cells = int(mask.sum())
    return Flag(full, FILLED, FOUND, detail, n_cells, mask, related=empty)


def _nested_levels(table, known, rows):
    """Yield columns of levels that follow from the levels of another column."""
    levels = {}
    for column in table.columns:
        codes = level_codes(column)
        if codes is not None:
            levels[column.name] = codes
    for a, b in combinations(levels, 2):
        if frozenset((a, b)) in known:
            continue
        sample_a, sample_b = levels[a][rows], levels[b][rows]
        forth, back = _follows(sample_a, sample_b), _follows(sample_b, sample_a)
        forth = forth and _follows(levels[a], levels[b])
        back = back and _follows(levels[b], levels[a])
        if forth or back:
            which, of = (b, a) if forth else (a, b)
            words = "says the same as" if forth and back else "follows from"
            n = int(((levels[a] >= 0) & (levels[b] >= 0)).sum())
            yield (which, of), Flag(which, NESTED, NOTE, f"{words} {of}", n, related=of)


def level_codes(column):
    """Return levels as integers for columns with a few common levels, else None."""
    if column.has_levels:
        codes = np.where(column.missing, -1, column.level_codes)
    elif column.is_number_type and column.is_integer and len(column.unique[0]) <= MOST_LEVELS:
        codes = np.searchsorted(column.unique[0], np.nan_to_num(column.numbers, posinf=0, neginf=0))
        codes = np.where(np.isfinite(column.numbers), codes, -1)
    else:
        return None
    counts = np.bincount(codes[codes >= 0])
    rare = counts.sum() - counts.max(initial=0) < max(MINORITY, RARE_SHARE * counts.sum())
    return None if len(counts) > MOST_LEVELS or rare else codes


def _follows(a, b):
    """Every level of `a` goes with one level of `b`, and that is no accident of small levels."""
    both = (a >= 0) & (b >= 0)
    if both.sum() < 2 * MINORITY:
        return False
    a, b = a[both], b[both]
    table = np.bincount(a * (b.max() + 1) + b, minlength=(a.max() + 1) * (b.max() + 1))
    table = table.reshape(a.max() + 1, b.max() + 1)
    if ((table > 0).sum(axis=1) > 1).any():
        return False
    large = table[table.sum(axis=1) >= MINORITY]
    if len(large) < 2 or (large.sum(axis=0) > 0).sum() < 2:
        return False
    return large.sum() >= IN_LARGE * len(a)
