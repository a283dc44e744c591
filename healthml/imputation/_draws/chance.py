"""Chance that belongs to a cell: the same numbers for a row alone and in a batch."""

import numpy as np

# Multipliers of the finaliser of splitmix64 (Steele, Lea and Flood 2014; in Vigna's form). Another
# pair would change every draw.
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))

# Step of splitmix64: 2^64 divided by the golden ratio, made odd. Another one would change every
# draw.
GOLDEN_STEP = np.uint64(0x9E3779B97F4A7C15)


def chance_of(keys, *place):
    """Return one uniform number in [0, 1) per row for a place: seed, chain, round, column.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.imputation._draws.chance import chance_of
    >>> keys = np.array([7, 8], dtype=np.uint64)
    >>> bool(chance_of(keys, 1, 2)[0] == chance_of(keys[:1], 1, 2)[0])
    True
    """
    with np.errstate(over="ignore"):
        salt = np.uint64(0)
        for number in place:
            salt = mixed_bits(salt + np.uint64(number) * GOLDEN_STEP + GOLDEN_STEP)
        mixed = mixed_bits(keys ^ salt)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def mixed_bits(x):
    """Scramble 64 bits (the finaliser of splitmix64)."""
    x = np.asarray(x, dtype=np.uint64)
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return x ^ (x >> np.uint64(31))
