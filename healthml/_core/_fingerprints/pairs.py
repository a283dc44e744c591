"""Candidate pairs of repeated rows, by hashing rows on random columns."""

from functools import partial

import numpy as np
import pandas as pd

from healthml._core._parallel import run_in_threads

# Hashings of random columns for each reading of equality; chosen by judgement, not by simulation.
# More find pairs that differ in more cells, and cost time in proportion.
ROUNDS = {"exact": 40, "close": 20, "loose": 20}


def _mix(x):
    """Scramble 64-bit integers in place (the finaliser of splitmix64)."""
    shifted = x >> np.uint64(30)
    x ^= shifted
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= np.right_shift(x, np.uint64(27), out=shifted)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= np.right_shift(x, np.uint64(31), out=shifted)
    return x


def _add_to_key(key, codes, position):
    added = codes.astype(np.uint64)
    added += np.uint64((position + 1) << 40)
    added ^= key
    return _mix(added)


def exact_clusters(all_codes, n):
    """Return equal numbers for rows equal in all cells; an empty row stands alone."""
    key, filled = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=bool)
    for position, codes in enumerate(all_codes):
        key = _add_to_key(key, codes.astype(np.int64) + 1, position)
        filled |= codes >= 0
    key = np.where(filled, key >> np.uint64(1), np.arange(n, dtype=np.uint64) + np.uint64(1 << 63))
    return pd.factorize(key)[0]


def candidates(cells, rows, n, random, n_jobs=None):
    """Return pairs of the given rows, as first * n + second, that share a hash of columns."""
    pairs = np.empty(0, dtype=np.int64)
    for reading, rounds in ROUNDS.items():
        seeds = random.randint(np.iinfo(np.int32).max, size=rounds)
        hashed = partial(_hash_round, cells, reading, rows, n)
        for start in range(0, rounds, 10):
            some = seeds[start : start + 10]
            parts = run_in_threads(hashed, some, n_rows=n, n_jobs=n_jobs)
            pairs = distinct(np.concatenate([pairs, *parts]))
    return pairs


def distinct(pairs):
    """Return sorted distinct integers; for millions of them much faster than numpy.unique."""
    ordered = np.sort(pairs)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered


def _hash_round(cells, reading, rows, n, seed):
    """Hash every row on random columns that it has, until few rows can share them by chance."""
    random = np.random.RandomState(seed)
    needed = np.log2(n) + 2
    worth = np.array([c.independence * c.bits[reading].mean() for c in cells]) + 1e-9
    key, is_done = np.zeros(n, dtype=np.uint64), np.zeros(n, dtype=bool)
    own, bits = np.zeros(len(rows), dtype=np.uint64), np.zeros(len(rows))
    for j in np.argsort(-np.log(random.uniform(size=len(cells))) / worth):
        if not len(rows):
            break
        codes, gain = _bins(cells[j], reading, rows, random)
        known = codes >= 0
        if known.all():
            own = _add_to_key(own, codes, int(j))
            bits += cells[j].independence * gain
        else:
            own[known] = _add_to_key(own[known], codes[known], int(j))
            bits[known] += cells[j].independence * gain[known]
        short = bits < needed
        if not short.all():
            full = rows[~short]
            key[full], is_done[full] = own[~short], True
            rows, own, bits = rows[short], own[short], bits[short]
    return _neighbours(_in_order(np.flatnonzero(is_done), key, n), key, n)


def _in_order(rows, key, n):
    """Return rows by their key, those of one key in their own order.

    The last bits of the key give way to the row, so that integers are sorted, which is ten times
    faster than ordering rows by their keys; keys that differ in these bits alone do not matter.
    """
    low = np.uint64((1 << int(n).bit_length()) - 1)
    return (np.sort((key[rows] & ~low) | rows.astype(np.uint64)) & low).astype(np.int64)


def _bins(column, reading, rows, random):
    """Return codes of the rows and their bits; numbers in bins with a random start when near."""
    if not column.tolerance.get(reading, 0.0):
        return column.codes[rows], column.bits[reading][rows]
    scale = column.scale(reading)
    places = scale.places if len(rows) == len(scale.places) else scale.places[rows]
    codes = _codes(places + random.uniform(), scale)
    counts = np.bincount(codes if scale.whole else codes[codes >= 0], minlength=1)
    return codes, -np.log2(np.maximum(counts, 1) / max(counts.sum(), 1))[codes]


# Bins for each row up to which they are numbered as they lie; beyond (few rows far apart) they are
# looked up, which takes less memory than counting empty bins. Only speed depends on it.
_DENSE = 4


def _codes(places, scale):
    """Return a number for each bin, from 0, and -1 where there is none."""
    if not scale.high - scale.low < _DENSE * len(places):  # few rows far apart
        return pd.factorize(np.floor(places))[0]
    places -= scale.low
    if scale.whole:
        return places.astype(np.int32)  # none lies below 0, where cutting is not rounding down
    return np.where(np.isnan(places), -1, places).astype(np.int32)


def _neighbours(ordered, key, n):
    pairs = []
    for lag in (1, 2):
        same = key[ordered[lag:]] == key[ordered[:-lag]]
        first, second = ordered[:-lag][same], ordered[lag:][same]
        pairs.append(np.minimum(first, second) * np.int64(n) + np.maximum(first, second))
    return np.concatenate(pairs)


def exact_pairs(exact_id):
    """Return each row paired with the row before it in its exact cluster."""
    order = np.argsort(exact_id, kind="stable")
    same = exact_id[order[1:]] == exact_id[order[:-1]]
    return order[:-1][same] * np.int64(len(exact_id)) + order[1:][same]
