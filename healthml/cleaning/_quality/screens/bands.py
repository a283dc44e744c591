"""Columns of few levels that are bands of another column: deciles, age groups, flags."""

import numpy as np

from healthml.cleaning._columns import FOUND, Flag
from healthml.cleaning._quality.screens.redundant import MINORITY, level_codes

BANDS = "bands_of_another"

# Different values that the other column must have for each band; by judgement. Fewer, and levels
# of one column follow from those of another, which `nested_levels` says.
VALUES_PER_BAND = 2


def screen_bands(table, numeric):
    """Yield ((column, other column), Flag) for columns that cut another one into bands.

    No value of a band may lie inside another band; one at their border may stand in both, as
    deciles of tied values do.
    """
    levels = {c.name: codes for c in table.columns if (codes := level_codes(c)) is not None}
    for name, codes in levels.items():
        for other, values in numeric.items():
            both = (codes >= 0) & ~np.isnan(values)
            if other == name or both.sum() < 2 * MINORITY or not _varied(codes[both]):
                continue
            if are_bands(codes[both], values[both]):
                n = int(both.sum())
                detail = f"bands of {other}: each level holds a range of its values"
                yield (name, other), Flag(name, BANDS, FOUND, detail, n, related=other)


def _varied(codes):
    size = np.bincount(codes)
    return (size > 0).sum() > 1 and size.sum() - size.max() >= MINORITY


def are_bands(codes, values):
    """Say whether levels hold ranges of the values that do not overlap.

    The other column has no missing values.
    """
    n_levels = int(codes.max()) + 1
    low, high = np.full(n_levels, np.inf), np.full(n_levels, -np.inf)
    np.minimum.at(low, codes, values)
    np.maximum.at(high, codes, values)
    used = np.isfinite(low)
    order = np.lexsort((high[used], low[used]))
    low, high = low[used][order], high[used][order]
    if not (high[:-1] <= low[1:]).all():
        return False
    return len(np.unique(values)) >= VALUES_PER_BAND * used.sum()
