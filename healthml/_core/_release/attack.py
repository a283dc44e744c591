"""The attack: which counts groups can have, when what is printed has to add up to the totals."""

import numpy as np

REACH = 21
"""How far from the truth sums of groups are followed. Fewer possible values are then found than
there are, so a smaller reach hides more and never less."""


_FEW = 60  # offsets up to which shifts are quicker than a transform; only speed depends on it


def balanced(pairs, totals):
    """Keep of each group's offsets those that the other groups can bring back to the totals.

    Sums of offsets are sets on a grid; the sums of two groups are a convolution.
    """
    grids = [_grid(offsets) for offsets in pairs]
    before = [totals[::-1, ::-1]]
    for grid in grids[:-1]:
        before.append(_sums(before[-1], grid))
    kept, after = [None] * len(pairs), None
    for row in range(len(pairs) - 1, -1, -1):
        others = before[row] if after is None else _sums(before[row], after)
        kept[row] = pairs[row][others[tuple((REACH - pairs[row]).T)]]
        after = grids[row] if after is None else _sums(after, grids[row])
    return kept


def _grid(offsets):
    grid = np.zeros((2 * REACH + 1,) * 2, dtype=bool)
    grid[tuple((offsets + REACH).T)] = True
    return grid


def _sums(first, second):
    """Return the sums of two sets of offsets, as far as they stay within reach.

    Both hold the offset 0, which is the truth: a set of nothing else changes nothing, and one of
    all offsets stays so. Tables of many groups soon come to the latter.
    """
    n_first, n_second = np.count_nonzero(first), np.count_nonzero(second)
    if n_second == 1 or n_first == first.size:
        return first
    if n_first == 1 or n_second == second.size:
        return second
    if min(n_first, n_second) <= _FEW:
        return _shifted(first, second) if n_second <= n_first else _shifted(second, first)
    size = 3 * REACH + 1  # sums beyond reach wrap around to places that are cut off below
    product = np.fft.rfft2(first, (size, size)) * np.fft.rfft2(second, (size, size))
    full = np.fft.irfft2(product, (size, size)) > 0.5
    return full[REACH : 3 * REACH + 1, REACH : 3 * REACH + 1]


def _shifted(many, few):
    """Return the sums of two sets by moving the larger by each offset of the smaller."""
    width = 2 * REACH + 1
    around = np.zeros((4 * REACH + 1,) * 2, dtype=bool)
    around[REACH : REACH + width, REACH : REACH + width] = many
    total = np.zeros_like(many)
    for row, column in 2 * REACH - np.argwhere(few):
        total |= around[row : row + width, column : column + width]
    return total
