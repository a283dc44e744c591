"""Explained rows and background rows in one table, and mixtures of the two, player by player."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

# Rows on which it is tried whether each encoded column comes from one player alone. By judgement,
# not by simulation; more cost time, fewer may miss a rule that fires seldom. The sum of the values
# is compared with the model afterwards in any case.
_ROWS_TRIED = 600


@dataclass(frozen=True)
class Pool:
    """Rows to mix.

    Parameters
    ----------
    frame : DataFrame of shape (n_pool, n_columns)
        Explained rows, then background rows.
    n_rows : int
        How many of them are explained.
    player : ndarray of int of shape (n_columns,)
        Player of each column.
    n_players : int
    as_array : bool
        Whether the model was given arrays.
    """

    frame: pd.DataFrame
    n_rows: int
    player: np.ndarray
    n_players: int
    as_array: bool = False

    def mixed(self, index):
        """Return rows whose players come from the pool rows in `index` (n, n_players)."""
        columns = {
            name: self.frame.iloc[:, k].take(index[:, self.player[k]]).array
            for k, name in enumerate(self.frame.columns)
        }
        return self.handed(pd.DataFrame(columns))

    def rows(self, positions):
        """Return rows of the pool as the model reads them."""
        return self.handed(self.frame.iloc[positions].reset_index(drop=True))

    def handed(self, frame):
        """Return a frame as the model was given its rows."""
        return frame.to_numpy() if self.as_array else frame


def join_rows(rows, background):
    """Return explained and background rows as one frame whose columns keep their kind.

    Levels of categories are joined, and whole numbers become floats only where cells are missing.
    """
    columns = {}
    for name in background.columns:
        a, b = rows[name], background[name]
        kinds = (a.dtype, b.dtype)
        if all(isinstance(kind, pd.CategoricalDtype) for kind in kinds) and a.dtype != b.dtype:
            levels = b.cat.categories.union(a.cat.categories, sort=False)
            a, b = a.cat.set_categories(levels), b.cat.set_categories(levels)
        elif a.isna().all() and a.dtype != b.dtype:
            a = pd.Series(pd.array([None] * len(a), dtype=_missable(b.dtype)))
        columns[name] = pd.concat([a, b], ignore_index=True)
    return pd.DataFrame(columns)


def _missable(dtype):
    return float if dtype.kind in "iub" and isinstance(dtype, np.dtype) else dtype


def cell_codes(table):
    """Return a table as a matrix of floats in which equal cells of a column have equal numbers."""
    if hasattr(table, "toarray"):
        table = table.toarray()
    if isinstance(table, np.ndarray) and table.dtype.kind in "fiub":
        return table.astype(float)
    frame = table if isinstance(table, pd.DataFrame) else pd.DataFrame(table)
    coded = np.empty(frame.shape)
    for k in range(frame.shape[1]):
        column = frame.iloc[:, k]
        plain = isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"
        coded[:, k] = column.to_numpy(float) if plain else pd.factorize(column)[0]
    return coded


def player_codes(codes, owner, n_players):
    """Return whole numbers (n_pool, n_players): two rows share one where the player is the same."""
    out = np.zeros((len(codes), n_players), dtype=np.int64)
    for player in range(n_players):
        for k in np.flatnonzero(owner == player):
            code = np.unique(codes[:, k], return_inverse=True)[1].ravel()
            if out[:, player].any():
                both = out[:, player] * (code.max() + 1) + code
                code = np.unique(both, return_inverse=True)[1].ravel()
            out[:, player] = code
    return out


def owners(pool, encode, random):
    """Return what an encoder makes of the pool and the player of each of its columns.

    Every player is swapped against other rows of the pool, half of the players at a time, so that
    each column of the answer is traced to the one player that moves it; and each of these mixtures
    must be encoded to the same mixture of the encoded rows.

    Parameters
    ----------
    pool : Pool
    encode : callable
        Turns rows of the table into a table.
    random : numpy.random.RandomState

    Returns
    -------
    encoded : table of n_pool rows
    owner : ndarray of int or None
        Player of each encoded column, -1 where it never differs; None where a column depends on
        several players.
    """
    encoded = encode(pool.handed(pool.frame))
    codes = cell_codes(encoded)
    tried = _rows_to_try(codes, random)
    n, swaps = len(tried), _swaps(pool.n_players)
    # in a circle, so that a column with two values changes somewhere, however few rows there are
    tried = random.permutation(tried)
    other = np.roll(tried, 1)
    index = np.concatenate(
        [
            np.where(swap, other[:, None], tried[:, None])
            for swap in [np.zeros_like(swaps[0]), *swaps]
        ]
    )
    variants = cell_codes(encode(pool.mixed(index))).reshape(len(swaps) + 1, n, -1)
    owner = _traced(variants, swaps)
    if owner is None or not _composed(variants, owner, swaps, other, tried):
        return encoded, None
    unknown = (owner < 0) & ~_same(codes, codes[:1]).all(axis=0)
    return encoded, None if unknown.any() else owner


def _rows_to_try(codes, random):
    """Return rows, among them the smallest and largest of each encoded column."""
    if len(codes) <= _ROWS_TRIED:
        return np.arange(len(codes))
    filled = np.where(np.isnan(codes), -np.inf, codes)
    ends = np.concatenate([filled.argmin(axis=0), filled.argmax(axis=0)])
    drawn = random.permutation(len(codes))[:_ROWS_TRIED]
    return np.unique(np.concatenate([drawn, ends]))


def _swaps(n_players):
    """Return sets of players to swap: by each digit of their binary number, and the others."""
    digits = max(1, int(n_players - 1).bit_length())
    sets = []
    for digit in range(digits):
        has = (np.arange(n_players) >> digit) & 1 == 1
        sets += [has, ~has]
    return sets


def _traced(variants, swaps):
    """Return the player that moves each column, -1 for none, or None if several do."""
    moved = ~_same(variants[1:], variants[:1]).all(axis=1)
    with_digit, without = moved[::2], moved[1::2]
    moves = with_digit | without
    if (with_digit & without).any() or not (moves == moves[0]).all():
        return None
    number = (with_digit * (1 << np.arange(len(with_digit)))[:, None]).sum(axis=0)
    number = np.where(moves[0], number, -1)
    return None if (number >= len(swaps[0])).any() else number


def _composed(variants, owner, swaps, other, tried):
    """Whether each mixture of rows was encoded to the mixture of the encoded rows."""
    place = {row: k for k, row in enumerate(tried)}
    donor = variants[0][[place[row] for row in other]]
    for swap, seen in zip(swaps, variants[1:], strict=True):
        from_other = np.append(swap, False)[owner]
        if not _same(seen, np.where(from_other, donor, variants[0])).all():
            return False
    return True


def _same(a, b):
    """Return where two arrays agree, missing with missing."""
    near = np.abs(a - b) <= 1e-12 * np.maximum(1.0, np.abs(b))
    return near | (a == b) | (np.isnan(a) & np.isnan(b))
