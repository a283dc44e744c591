"""One value far too often in the middle of a continuous column: perhaps a value filled in."""

import numpy as np

from healthml.cleaning._columns import SUSPECTED, Flag

CONSTANT_FILL = "constant_fill"

# A column is looked at from SMALLEST_COLUMN numbers and MOST_LIKE_SCALE distinct values (fewer are
# a scale). The value must hold SHARE of the cells, with SMALLEST_SIDE of them on either side (at
# an edge it is a detection limit), be TIMES_NEIGHBOURS as frequent as its neighbours, and tower
# TIMES_OTHER_HEAPS over the heaps at round numbers. Chosen by judgement, not by simulation: the
# lower, the more a preference for round numbers is called a fill-in; the higher, the more fill-ins
# of few cells are missed.
SMALLEST_COLUMN, MOST_LIKE_SCALE = 200, 30
# Shares of the cells: on either side of the value, and at the value; see above.
SMALLEST_SIDE, SHARE = 0.05, 0.01
# Times; see above.
TIMES_NEIGHBOURS, TIMES_OTHER_HEAPS = 3, 4
# Standard errors of its neighbours' counts that the value is beyond them; the share of its count
# and the times its neighbours from which another value is a heap. By judgement, as above.
CLEAR, HEAP_SHARE, HEAP_TIMES = 6, 0.2, 2
# Share of the other numbers that have fewer decimals than the value; how close, in interquartile
# ranges, it is to their mean or median to be named so. By judgement, as above.
OTHERS_SHORTER, CLOSE = 0.99, 0.01


def screen_constant_fill(table, codes):
    """Yield columns with a suspected constant fill-in.

    Natural zeros, values at the edge (detection limits, caps) and heaps at round numbers are not
    called: the spike must stand in the middle and tower over every other heap, or lie off the
    grid of decimals that the other values keep to.
    """
    for column in table.columns:
        if column.numbers is None:
            continue
        explained = codes.get(column.name, np.zeros(column.n, dtype=bool))
        values, counts = column.count_numbers(np.isfinite(column.numbers) & ~explained)
        if counts.sum() < SMALLEST_COLUMN or len(values) < MOST_LIKE_SCALE:
            continue
        spike, why = _find_spike(values, counts)
        if spike is None:
            continue
        mask = column.numbers == values[spike]
        share = counts[spike] / counts.sum()
        detail = f"one value in {counts[spike]:,} cells ({share:.1%} of those with a number), {why}"
        evidence = {"near": _nearest_summary(values, counts, spike)}
        yield Flag.of_cells(column, CONSTANT_FILL, SUSPECTED, detail, mask, evidence=evidence)


def _find_spike(values, counts):
    """Return the position of the filled-in value and why, or (None, "")."""
    spike = _off_grid(values, counts)
    if spike is not None and _stands_inside(values, counts, spike):
        return spike, "with more decimals than the others"
    spike = int(np.argmax(counts))
    if not _stands_inside(values, counts, spike):
        return None, ""
    count, expected = counts[spike], _expected(counts)
    ratio = counts / expected
    clear = count >= expected[spike] + CLEAR * np.sqrt(expected[spike] + 1)
    others = np.arange(len(counts)) != spike
    heaps = others & (counts >= HEAP_SHARE * count) & (ratio >= HEAP_TIMES)
    tower = count >= TIMES_OTHER_HEAPS * counts[others].max()
    if clear and ratio[spike] >= TIMES_NEIGHBOURS and (tower or not heaps.any()):
        return spike, f"{ratio[spike]:.0f} times its neighbours"
    return None, ""


def _stands_inside(values, counts, spike):
    """Say whether a value is frequent, is not zero, and has others on both sides."""
    total = counts.sum()
    edge = min(counts[:spike].sum(), counts[spike + 1 :].sum())
    frequent = counts[spike] >= max(10, SHARE * total)
    return frequent and values[spike] != 0 and edge >= SMALLEST_SIDE * total


def _expected(counts):
    """Return the mean count of the two nearest values on either side."""
    padded = np.pad(counts.astype(float), 2, mode="reflect")
    return (padded[:-4] + padded[1:-3] + padded[3:-1] + padded[4:]) / 4


def _off_grid(values, counts):
    """Return the one value with more decimals than nearly all others, or None."""
    for decimals in (0, 1, 2):
        off = ~np.isclose(values, np.round(values, decimals), rtol=0, atol=1e-9)
        if not off.any():
            return None
        spike = int(np.argmax(np.where(off, counts, 0)))
        others = counts.sum() - counts[spike]
        if counts[~off].sum() >= OTHERS_SHORTER * others:
            return spike
    return None


def _nearest_summary(values, counts, spike):
    """Say which summary of the other values the spike equals, if any."""
    others, kept = np.delete(values, spike), np.delete(counts, spike)
    position = np.cumsum(kept) / kept.sum()
    middle = others[np.searchsorted(position, 0.5)]
    spread = others[np.searchsorted(position, 0.75)] - others[np.searchsorted(position, 0.25)]
    if abs(values[spike] - np.average(others, weights=kept)) <= CLOSE * spread:
        return "mean of the others"
    return "median of the others" if abs(values[spike] - middle) <= CLOSE * spread else ""
