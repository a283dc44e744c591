"""Columns that sites write in different ways: other words, or words here and numbers there."""

import numpy as np
import pandas as pd

from healthml._core._tables import parse_numbers

OTHER_WORDS, WORDS_AND_NUMBERS = "other words", "words and numbers"
FEW_NUMBERS = "few numbers"
_FEWEST_ROWS = 20  # known rows of a site, below which its words say nothing; chosen by judgement
_MOST_LEVELS = 50  # of a column; more are names or free text
_ALIEN = 0.05  # share of a site's rows whose level is known elsewhere, at most; by judgement
# Different values up to which a site writes a number in classes, and from which, in as many cells,
# the others write it in full; by judgement. Values rounded to tens have more than the first.
_CLASSES, _IN_FULL = 6, 20
_FEWEST_CELLS = 50  # of a site, so that full numbers would show; chosen by judgement
_PURE = 0.95  # share of a site's cells that are numbers (or are not), at least; by judgement


def words_by_site(X, site):
    """Find columns in which some sites use words that the other sites do not.

    A column of which every site has words of its own (wards, staff) is not listed: at least two
    sites must share theirs, unless there are two sites only. Nor is a site listed with one word in
    all its rows, which is a property of the site (its country, its kind).

    Kinds are "other words", "words and numbers" and "few numbers" (classes written as numbers);
    n_sites counts those that differ, n_compared those with enough rows, n_samples rows of the
    first.

    >>> sex = ["m", "f"] * 20 + ["male", "female"] * 20
    >>> words_by_site(pd.DataFrame({"sex": sex}), ["a"] * 40 + ["b"] * 40)["kind"].tolist()
    ['other words']
    """
    site, words = pd.factorize(np.asarray(site, dtype=object))[0], []
    for name in X.columns:
        column = X[name]
        if pd.api.types.is_datetime64_any_dtype(column):
            continue
        known = column.notna().to_numpy() & (site >= 0)
        sizes = np.bincount(site[known], minlength=site.max() + 1)
        if pd.api.types.is_numeric_dtype(column):
            big = np.flatnonzero(sizes >= _FEWEST_CELLS)
            apart, kind = _in_classes(column[known].to_numpy(dtype=float), site[known], big)
        else:
            big = np.flatnonzero(sizes >= _FEWEST_ROWS)
            apart, kind = _apart(column[known].astype(str).str.strip(), site[known], big)
        if len(apart):
            words.append((str(name), kind, len(apart), len(big), int(sizes[apart].sum())))
    return pd.DataFrame(words, columns=["column", "kind", "n_sites", "n_compared", "n_samples"])


def _apart(text, site, big):
    """Return the sites that write a column in another way than the others, and in which."""
    nothing = np.array([], dtype=int), ""
    if len(big) < 2:
        return nothing
    number = ~parse_numbers(text.reset_index(drop=True))[1].to_numpy()
    share = np.array([number[site == k].mean() for k in big])
    if ((share >= _PURE) | (share <= 1 - _PURE)).all() and np.ptp(share) > 0.5:
        few = share >= _PURE if (share >= _PURE).sum() <= len(big) / 2 else share <= 1 - _PURE
        return big[few], WORDS_AND_NUMBERS
    levels = text.to_numpy()
    if number.mean() > 0.5 or len(np.unique(levels)) > _MOST_LEVELS:
        return nothing
    elsewhere = pd.crosstab(levels, site)[big]
    used = (elsewhere > 0).to_numpy()
    shared = used.sum(axis=1) > 1
    counts = elsewhere.to_numpy()
    alien = (counts * shared[:, None]).sum(axis=0) / counts.sum(axis=0) <= _ALIEN
    alien &= used.sum(axis=0) > 1  # one level in all rows of a site is a property of the site
    if not alien.any() or (alien.all() and len(big) > 2):
        return nothing
    return (big[alien][:1] if alien.all() else big[alien]), OTHER_WORDS


def _in_classes(values, site, big):
    """Return the sites, fewer than half, that write in classes what the others write in full.

    One value in all cells of a site is a code for missing or a filled-in constant, and no class.
    """
    cells = {k: values[site == k] for k in big}
    n_least = min((len(v) for v in cells.values()), default=0)
    few = [k for k, v in cells.items() if 2 <= len(np.unique(v)) <= _CLASSES]
    full = [k for k, v in cells.items() if len(np.unique(v[:n_least])) >= _IN_FULL]
    if not few or len(few) + len(full) < len(big) or len(few) >= len(full) + (len(big) == 2):
        return np.array([], dtype=int), ""
    return np.array(few), FEW_NUMBERS
