"""How much the patients of a block move a measure that has no influence function of its own."""

import numpy as np

from healthml._core._sample import make_sample
from healthml.exceptions import InputError
from healthml.metrics._uncertainty import BOUNDED, RANKED, count_statistic
from healthml.validation._task import slow_function

# Blocks of patients left out in turn: enough for a variance with 49 degrees of freedom (standard
# error a fifth), few enough for measures that are slow to compute. By judgement.
N_BLOCKS = 50
_ON_COUNTS = (*BOUNDED, *RANKED)


def assign_blocks(units):
    """Return the block of each row: whole patients at random, up to 50 blocks.

    Examples
    --------
    >>> blocks = assign_blocks(np.arange(200) // 2)
    >>> np.bincount(blocks).tolist() == [4] * 50, (blocks[0::2] == blocks[1::2]).all().item()
    (True, True)
    """
    place = np.unique(units, return_inverse=True)[1].ravel()
    order = np.random.default_rng(0).permutation(place.max() + 1)
    return order[place] % N_BLOCKS


def block_influence(name, y, risk, weight, block):
    """Return how much each block of rows moves a measure: a jackknife that leaves blocks out.

    Parameters
    ----------
    name : str
        The measure.
    y, risk : ndarray of shape (n_rows,)
        Outcome as 0/1 and risk.
    weight : ndarray of shape (n_rows,) or None
        Weight of each row.
    block : ndarray of int, shape (n_rows,)
        Block of each row, below `N_BLOCKS`.

    Returns
    -------
    ndarray of shape (N_BLOCKS,)
        0 for a block without rows; missing throughout where the measure does not exist without
        one of the blocks.

    Examples
    --------
    >>> y, risk = np.tile([0, 1], 100), np.linspace(0.1, 0.9, 200)
    >>> moved = block_influence("accuracy@0.5", y, risk, None, np.arange(200) % 50)
    >>> bool(abs(moved.sum()) < 1e-12)
    True
    """
    value, moved = _on_rows(name, y, risk, weight), np.zeros(N_BLOCKS)
    present = np.unique(block)
    try:
        without = np.array([value(np.flatnonzero(block != number)) for number in present])
    except InputError:
        without = np.array([np.nan])
    if len(without) < 2 or not np.isfinite(without).all():
        return np.full(N_BLOCKS, np.nan)
    moved[present] = (len(present) - 1) / len(present) * (without.mean() - without)
    if name == "log_likelihood":  # a sum: without a block there is less of it
        moved *= len(present) / (len(present) - 1)
    return moved


def _on_rows(name, y, risk, weight):
    """Return function(rows) of a measure, prepared once where that saves work."""
    if name in _ON_COUNTS:
        kind = None if weight is None else "sampling"
        sample = make_sample(y, risk, sample_weight=weight, weight_type=kind)
        statistic = count_statistic(sample, [name])
        return lambda rows: statistic(rows)[name]
    function = slow_function(name)
    return lambda rows: function(y[rows], risk[rows], None if weight is None else weight[rows])
