"""The attack: which counts groups can have, when what is printed has to add up to the totals."""

import numpy as np

REACH = 21
"""How far from the truth sums of groups are followed. Fewer possible values are then found than
there are, so a smaller reach hides more and never less."""


_FEW = 60  # offsets up to which shifts are quicker than a transform; only speed depends on it


def balanced(pairs, totals):
    """Keep of each group's offsets those that the other groups can bring back to the totals.

    Sums of offsets are sets on a grid; the sums of two groups are a convolution. Groups that can
    have the same offsets are alike, so a table of many groups is one of a few kinds. The grid has
    one column where only people are counted, as `totals` then has.
    """
    reach = np.array(totals.shape) // 2
    kinds = {}
    for row, offsets in enumerate(pairs):
        kinds.setdefault(_grid(offsets, reach).tobytes(), []).append(row)
    rows = list(kinds.values())
    grids = [_grid(pairs[alike[0]], reach) for alike in rows]
    before = [totals[::-1, ::-1]]
    for grid, alike in zip(grids[:-1], rows, strict=False):
        before.append(_sums(before[-1], _repeated(grid, len(alike))))
    kept, after = [None] * len(pairs), _repeated(grids[-1], 0)
    for grid, alike, earlier in zip(grids[::-1], rows[::-1], before[::-1], strict=True):
        others = _sums(_sums(earlier, after), _repeated(grid, len(alike) - 1))
        after = _sums(after, _repeated(grid, len(alike)))
        for row in alike:
            kept[row] = pairs[row][others[tuple((reach - pairs[row]).T)]]
    return kept


def _repeated(grid, n_groups):
    """Return the sums of so many groups that all have the offsets of `grid`, by doubling."""
    total = np.zeros_like(grid)
    total[tuple(np.array(grid.shape) // 2)] = True
    while n_groups:
        if n_groups % 2:
            total = _sums(total, grid)
        n_groups //= 2
        twice = _sums(grid, grid) if n_groups else grid
        if (twice == grid).all():  # as many groups as one likes have no further sums
            return _sums(total, grid) if n_groups else total
        grid = twice
    return total


def _grid(offsets, reach):
    grid = np.zeros(2 * reach + 1, dtype=bool)
    grid[tuple((offsets + reach).T)] = True
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
    reach = np.array(first.shape) // 2
    size = tuple(3 * reach + 1)  # sums beyond reach wrap around to places that are cut off below
    product = np.fft.rfft2(first, size) * np.fft.rfft2(second, size)
    full = np.fft.irfft2(product, size) > 0.5
    return full[reach[0] :, reach[1] :]


def _shifted(many, few):
    """Return the sums of two sets by moving the larger by each offset of the smaller."""
    (height, width), reach = many.shape, np.array(many.shape) // 2
    around = np.zeros(4 * reach + 1, dtype=bool)
    around[reach[0] : reach[0] + height, reach[1] : reach[1] + width] = many
    total = np.zeros_like(many)
    for row, column in 2 * reach - np.argwhere(few):
        total |= around[row : row + height, column : column + width]
    return total
