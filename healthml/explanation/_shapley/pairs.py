"""Shapley values from pairs of an explained row and a background row: all coalitions, or some.

The value of a coalition is a mean over background rows, and Shapley values are linear in it, so
each pair is a game of its own, played only by the players in which the two rows differ.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np

# Mixed rows that a model is asked about in one call. By judgement, not by simulation: more take
# more memory, fewer take more calls; the answer is the same.
ROWS_AT_ONCE = 100_000
# Pairs that differ in at most this many players are counted out: 14 mixtures, no more than two
# antithetic orders ask for, and no error left.
_FEW = 4
# Rounds of orders before the error is judged, and the degrees of freedom that it is judged by. With
# 50 of them 1.1% of the values lay beyond three standard errors (20 rows of a neural network, six
# seeds); with 200 few more than the 0.3% of a normal error.
_FIRST, _FREEDOM = 2, 200


@dataclass(frozen=True)
class PairValues:
    """Values of one explained row against each background row, and their sampling variance."""

    values: np.ndarray
    variance: np.ndarray


def count_out(game, row, background, ends):
    """Return exact values of a row against each background row, by all coalitions.

    Parameters
    ----------
    game : callable
        Values of mixtures; its `codes` say which players are the same in two rows.
    row : int
        Position of the explained row in the pool.
    background : ndarray of int of shape (n_background,)
        Positions of the background rows.
    ends : tuple of float and ndarray
        The model's value of the row, and of each background row.

    Returns
    -------
    ndarray of shape (n_background, n_players)
    """
    differ = game.codes[row] != game.codes[background]
    values = np.zeros(differ.shape)
    size = differ.sum(axis=1)
    for d in np.unique(size[size > 0]):
        _count_out_size(game, row, background, ends, differ, np.flatnonzero(size == d), d, values)
    return values


def _count_out_size(game, row, background, ends, differ, pairs, d, values):
    """Fill in the pairs that differ in d players."""
    players = np.nonzero(differ[pairs])[1].reshape(len(pairs), d)
    masks = ((np.arange(1 << d)[:, None] >> np.arange(d)) & 1).astype(bool)
    weights = coalition_weights(d)
    step = max(1, ROWS_AT_ONCE // len(masks))
    for start in range(0, len(pairs), step):
        part = slice(start, start + step)
        worth = np.empty((len(pairs[part]), len(masks)))
        worth[:, 0], worth[:, -1] = ends[1][pairs[part]], ends[0]
        if len(masks) > 2:
            inner = np.broadcast_to(masks[1:-1], (len(worth), len(masks) - 2, d))
            worth[:, 1:-1] = _worth(game, row, background[pairs[part]], players[part], inner)
        values[pairs[part][:, None], players[part]] = worth @ weights


def _worth(game, row, background, players, from_row):
    """Return the model's value where, for each pair, some of its players come from the row."""
    n, k, _ = from_row.shape
    index = np.repeat(background[:, None], game.codes.shape[1], axis=1)
    index = np.repeat(index[:, None, :], k, axis=1)
    chosen = np.where(from_row, row, background[:, None, None])
    np.put_along_axis(index, np.broadcast_to(players[:, None, :], chosen.shape), chosen, axis=2)
    return game(index.reshape(n * k, -1)).reshape(n, k)


def coalition_weights(d):
    """Return the matrix (2**d, d) that turns the values of all coalitions into Shapley values."""
    codes = np.arange(1 << d)
    size = np.array([int(code).bit_count() for code in codes])
    weight = np.array([factorial(s) * factorial(d - s - 1) / factorial(d) for s in range(d)])
    matrix = np.zeros((1 << d, d))
    for j in range(d):
        out = codes[(codes >> j) & 1 == 0]
        matrix[out, j] -= weight[size[out]]
        matrix[out | (1 << j), j] += weight[size[out]]
    return matrix


def sample(game, row, background, weight, ends, random, tolerance, most_rounds):
    """Return values from antithetic orders of the players, each background row with its own.

    Every round draws, for every background row, one order of the players and its reverse, so that
    the values always add up. The error is that of the orders within background rows.

    Parameters
    ----------
    game, row, background, ends
        As in `count_out`.
    weight : ndarray of shape (n_background,)
        Weight of each background row; they add up to 1.
    random : numpy.random.Generator
    tolerance : float
        Rounds are added until every standard error is below it.
    most_rounds : int
        Rounds at most.

    Returns
    -------
    PairValues
    """
    differ = game.codes[row] != game.codes[background]
    size = differ.sum(axis=1)
    values, variance = np.zeros(differ.shape), np.zeros(differ.shape)
    few = size <= _FEW
    if few.any():
        values[few] = count_out(game, row, background[few], (ends[0], ends[1][few]))
    many = np.flatnonzero(~few & (weight > 0))
    if not len(many):
        return PairValues(values, variance)
    rounds = max(_FIRST, 1 + -(-_FREEDOM // len(many)))
    drawn = _rounds(game, row, background, ends, differ, many, random, rounds)
    error = _errors(drawn, weight[many])
    needed = int(np.ceil(rounds * (error.max() / tolerance) ** 2)) if tolerance > 0 else most_rounds
    more = min(needed, max(most_rounds, rounds)) - rounds
    if more > 0:
        added = _rounds(game, row, background, ends, differ, many, random, more)
        drawn = np.concatenate([drawn, added])
    values[many] = drawn.mean(axis=0)
    variance[many] = drawn.var(axis=0, ddof=1) / len(drawn)
    return PairValues(values, variance)


def _errors(drawn, weight):
    """Return the standard error of each player from rounds of shape (n, n_pairs, n_players)."""
    return np.sqrt((weight[:, None] ** 2 * drawn.var(axis=0, ddof=1) / len(drawn)).sum(axis=0))


def _rounds(game, row, background, ends, differ, pairs, random, n_rounds):
    """Return the values of each round, of shape (n_rounds, n_pairs, n_players)."""
    values = np.zeros((n_rounds, len(pairs), differ.shape[1]))
    size = differ[pairs].sum(axis=1)
    for d in np.unique(size):
        own = np.flatnonzero(size == d)
        rows = pairs[own]
        players = np.nonzero(differ[rows])[1].reshape(len(rows), d)
        rank = random.random((n_rounds, len(rows), d)).argsort(axis=2).argsort(axis=2)
        for r in range(n_rounds):
            step = max(1, ROWS_AT_ONCE // (2 * (d - 1)))
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                contributions = _antithetic(
                    game, row, background[rows[part]], ends[0], ends[1][rows[part]],
                    players[part], rank[r, part],
                )  # fmt: skip
                values[r][own[part][:, None], players[part]] = contributions
    return values


def _antithetic(game, row, background, top, bottom, players, rank):
    """Return the mean change that each player makes in an order and in its reverse."""
    n, d = rank.shape
    total = np.zeros((n, d))
    steps = np.arange(1, d)[None, :, None]
    both = [rank, d - 1 - rank]
    inner = np.concatenate([steps > order[:, None, :] for order in both], axis=1)
    worth = _worth(game, row, background, players, inner)
    for half, order in zip(np.split(worth, 2, axis=1), both, strict=True):
        path = np.column_stack([bottom, half, np.full(n, top)])
        total += np.take_along_axis(np.diff(path, axis=1), order, axis=1)
    return total / 2
