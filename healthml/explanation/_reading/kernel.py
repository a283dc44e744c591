"""Trees over many rows, compiled: what they predict, and their exact Shapley values.

numba compiles at first use and keeps what it compiled beside the file. This module is imported
only when trees are read.
"""

import math

import numba
import numpy as np

from healthml.exceptions import InputError

MOST_PLAYERS = 60
"""Distinct columns on one path of a tree; a set of them is kept in one whole number of 64 bits."""


def predict_trees(matrix, trees):
    """Return the sum of the trees for each row of a matrix."""
    matrix = np.ascontiguousarray(matrix, dtype=float)
    return _predict(matrix, *_arrays(trees))


def tree_values(rows, background, batch, owner, n_players, trees):
    """Return exact interventional Shapley values of the sum of trees, per batch of the background.

    For a leaf with k players on its path, a row x and a background row b reach it together where
    each player's conditions hold in x or in b. With `m` players that only b can give and `a` that
    only x can, the value v of the leaf adds ``v (a-1)! m! / (a+m)!`` to each of the latter and
    ``-v a! (m-1)! / (a+m)!`` to each of the former. `m` depends on x alone and `a` on b alone, so
    rows that meet the same conditions are counted, not repeated.

    Parameters
    ----------
    rows, background : ndarray of shape (n, n_columns), (n_background, n_columns)
        What the trees read.
    batch : ndarray of int of shape (n_background,)
        Batch of each background row, from 0.
    owner : ndarray of int of shape (n_columns,)
        Player of each column, below 0 for columns that never differ.
    n_players : int
        Number of players.
    trees : Trees
        The trees.

    Returns
    -------
    ndarray of shape (n, n_players, n_batches)
        Sums over the background rows of each batch, not means.
    """
    matrix = np.ascontiguousarray(np.vstack([rows, background]), dtype=float)
    n_batches = int(batch.max()) + 1
    values = np.zeros((len(rows), n_players, n_batches))
    plus, minus = shapley_weights(MOST_PLAYERS)
    deep = _leaf_values(
        matrix,
        len(rows),
        np.asarray(batch, dtype=np.int64),
        n_batches,
        np.asarray(owner, dtype=np.int64),
        n_players,
        plus,
        minus,
        values,
        *_arrays(trees),
    )
    if deep:
        raise InputError(
            f"A path of a tree asks about more than {MOST_PLAYERS} columns; name groups of columns "
            "in players."
        )
    return values


def shapley_weights(most):
    """Return the weights of a leaf by (players from x alone, players from the background alone)."""
    plus, minus = np.zeros((most + 1, most + 1)), np.zeros((most + 1, most + 1))
    for a in range(most + 1):
        for m in range(most + 1 - a):
            if a:
                plus[a, m] = 1 / (a * math.comb(a + m, a))
            if m:
                minus[a, m] = 1 / (m * math.comb(a + m, m))
    return plus, minus


def _arrays(trees):
    return (
        trees.feature,
        trees.threshold,
        trees.left,
        trees.right,
        trees.missing_left,
        trees.category,
        trees.value,
        trees.roots,
        trees.levels,
    )


@numba.njit(cache=True, nogil=True)
def _goes_left(number, node, threshold, missing_left, category, levels):
    if math.isnan(number):
        return missing_left[node]
    row = category[node]
    if row < 0:
        return number <= threshold[node]
    return 0 <= number < levels.shape[1] and levels[row, int(number)]


@numba.njit(cache=True, nogil=True)
def _predict(matrix, feature, threshold, left, right, missing_left, category, value, roots, levels):
    total = np.zeros(len(matrix))
    for root in roots:
        for i in range(len(matrix)):
            node = root
            while left[node] >= 0:
                number = matrix[i, feature[node]]
                if _goes_left(number, node, threshold, missing_left, category, levels):
                    node = left[node]
                else:
                    node = right[node]
            total[i] += value[node]
    return total


@numba.njit(cache=True, nogil=True)
def _leaf_values(
    matrix, n, batch, n_batches, owner, n_players, plus, minus, values,
    feature, threshold, left, right, missing_left, category, value, roots, levels,
):  # fmt: skip
    """Walk every tree once with all rows; add the values of its leaves. Return whether too deep."""
    n_all = len(matrix)
    depth = _deepest(left, right, roots)
    masks = np.zeros((depth + 2, n_all), dtype=np.int64)
    place = np.full(n_players, -1, dtype=np.int64)  # bit of each player on the path
    players = np.zeros(depth + 2, dtype=np.int64)
    stack = np.zeros((depth + 2, 4), dtype=np.int64)  # node, step, player that was new, n players
    seen = np.zeros(n_all, dtype=np.int64)
    codes = np.zeros(n_all, dtype=np.int64)
    counts = np.zeros((n_all, n_batches))
    length = 2
    while length < 2 * n_all:
        length *= 2
    slot = np.full(length, -1, dtype=np.int64)
    for root in roots:
        level, k = 0, 0
        masks[0, :] = 0
        stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = root, 0, -1, 0
        while level >= 0:
            node, step = stack[level, 0], stack[level, 1]
            if left[node] < 0:
                if value[node] != 0.0 and k:
                    _add_leaf(
                        masks[level], n, batch, n_batches, players, k, value[node], plus, minus,
                        values, seen, codes, counts, slot,
                    )  # fmt: skip
                level -= 1
                continue
            player = owner[feature[node]]
            if step == 0 and player >= 0 and place[player] < 0:
                if k >= MOST_PLAYERS:
                    return True
                place[player] = k
                players[k] = player
                stack[level, 2] = player
                k += 1
            if step == 2:
                if stack[level, 2] >= 0:
                    k -= 1
                    place[stack[level, 2]] = -1
                level -= 1
                continue
            stack[level, 1] += 1
            to_left = step == 0
            child = left[node] if to_left else right[node]
            bit = np.int64(0) if player < 0 else np.int64(1) << place[player]
            column = feature[node]
            if player < 0 and (
                _goes_left(matrix[0, column], node, threshold, missing_left, category, levels)
                != to_left
            ):
                continue  # a column that never differs: no row comes here
            for i in range(n_all):
                went = _goes_left(
                    matrix[i, column], node, threshold, missing_left, category, levels
                )
                masks[level + 1, i] = masks[level, i] | (bit if went != to_left else 0)
            level += 1
            stack[level, 0], stack[level, 1], stack[level, 2] = child, 0, -1
    return False


@numba.njit(cache=True, nogil=True)
def _deepest(left, right, roots):
    """Return the greatest depth of any tree."""
    depth, stack = np.zeros(len(left), dtype=np.int64), np.zeros(len(left), dtype=np.int64)
    deepest = 0
    for root in roots:
        top = 0
        stack[0] = root
        while top >= 0:
            node = stack[top]
            top -= 1
            deepest = max(deepest, depth[node])
            if left[node] >= 0:
                for child in (left[node], right[node]):
                    depth[child] = depth[node] + 1
                    top += 1
                    stack[top] = child
    return deepest


@numba.njit(cache=True, nogil=True)
def _number_sets(masks, slot, seen, codes):
    """Give each distinct set a number: codes holds that of each row, seen the sets.

    `slot` is a hash table with open addressing, twice as long as there are rows; -1 is empty.
    """
    n_sets, last = 0, len(slot) - 1
    for i in range(len(masks)):
        mask = masks[i]
        place = (mask ^ (mask >> 9) ^ (mask >> 21) ^ (mask >> 37)) & last
        while slot[place] >= 0 and seen[slot[place]] != mask:
            place = (place + 1) & last
        if slot[place] < 0:
            slot[place] = n_sets
            seen[n_sets] = mask
            n_sets += 1
        codes[i] = slot[place]
    slot[:] = -1
    return n_sets


@numba.njit(cache=True, nogil=True)
def _bits(number):
    count = 0
    while number:
        number &= number - 1
        count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _add_leaf(
    masks, n, batch, n_batches, players, k, leaf, plus, minus, values, seen, codes, counts, slot
):
    """Add one leaf; a mask holds the players whose conditions fail in a row."""
    # background rows that meet no reader are skipped: x and b must not fail the same player
    n_sets = _number_sets(masks[n:], slot, seen, codes)
    for s in range(n_sets):
        for c in range(n_batches):
            counts[s, c] = 0.0
    for b in range(len(batch)):
        counts[codes[b], batch[b]] += 1.0
    sizes = np.empty(n_sets, dtype=np.int64)
    for s in range(n_sets):
        sizes[s] = _bits(seen[s])
    n_rows = _number_sets(masks[:n], slot, seen[n_sets:], codes)
    added = np.zeros((n_rows, k, n_batches))
    useful = np.zeros(n_rows, dtype=np.bool_)
    down = np.zeros(n_batches)
    for r in range(n_rows):
        failed = seen[n_sets + r]
        m = _bits(failed)
        down[:] = 0.0
        for s in range(n_sets):
            other = seen[s]
            if failed & other:
                continue
            a = sizes[s]
            useful[r] = True
            if m:
                weight = minus[a, m] * leaf
                for c in range(n_batches):
                    down[c] -= weight * counts[s, c]
            if a:
                weight = plus[a, m] * leaf
                j = 0
                while other:
                    if other & 1:
                        for c in range(n_batches):
                            added[r, j, c] += weight * counts[s, c]
                    other >>= 1
                    j += 1
        if m:
            j = 0
            while failed:
                if failed & 1:
                    for c in range(n_batches):
                        added[r, j, c] += down[c]
                failed >>= 1
                j += 1
    for i in range(n):
        r = codes[i]
        if useful[r]:
            for j in range(k):
                player = players[j]
                for c in range(n_batches):
                    values[i, player, c] += added[r, j, c]
