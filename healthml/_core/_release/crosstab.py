"""Counts by two groupings, protected jointly: the sums of all rows and columns are known."""

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array

from healthml._core._release.suppression import (
    BASE,
    FEWEST,
    HIDDEN,
    MIN_COUNT,
    ROUNDED,
    SECOND,
    SHOWN,
    is_small,
    round_count,
)
from healthml._core._release.words import count_text


def release_crosstab(counts, people=None, *, min_count=MIN_COUNT):
    """Return counts by two groupings in words, protected along rows and columns together.

    Parameters
    ----------
    counts : pandas.DataFrame
        Counts of rows; zero is shown.
    people : pandas.DataFrame, default=None
        Patients behind each count, where they are fewer than the rows.
    min_count : int, default=11
        Smallest count shown.

    Returns
    -------
    pandas.DataFrame
        Of text: "1,217", "~220", "<11" or "not shown".

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml._core._release import release_crosstab
    >>> counts = pd.DataFrame({"alive": [120, 80, 96], "dead": [31, 0, 4]}, index=["a", "b", "c"])
    >>> release_crosstab(counts).values.tolist()
    [['~120', '~30'], ['~80', '0'], ['~100', '<11']]
    """
    values = counts.to_numpy(np.int64)
    behind = values if people is None else people.to_numpy(np.int64)
    small = is_small(values, min_count)
    few = is_small(behind, min_count) & ~small
    states = np.full(values.shape, SHOWN, dtype=object)
    if (small | few).any():
        states[values > 0] = ROUNDED
        states[small], states[few] = HIDDEN, SECOND
        _hide_seconds(values, states, small | few, min_count)
    words = [
        [count_text(value, state, min_count) for value, state in zip(*row, strict=True)]
        for row in zip(values, states, strict=True)
    ]
    return pd.DataFrame(words, index=counts.index, columns=counts.columns)


def _hide_seconds(values, states, protected, min_count):
    """Hide the smallest count beside each one that is told too well; in place.

    What is hidden for one cell makes others no narrower, so that each is looked at once.
    """
    for cell in map(tuple, np.argwhere(protected)):
        while _possible(values, states, cell, min_count) < FEWEST:
            is_beside = np.zeros(values.shape, dtype=bool)
            is_beside[cell[0]], is_beside[:, cell[1]] = True, True
            is_open = states == ROUNDED
            candidates = is_open & is_beside if (is_open & is_beside).any() else is_open
            if not candidates.any():
                return
            smallest = np.where(candidates, values, np.iinfo(np.int64).max).argmin()
            states[np.unravel_index(smallest, values.shape)] = SECOND


def _possible(values, states, cell, min_count):
    """Return how many values a cell can have, the sums of all rows and columns being known.

    These sums are those of a network, so that every whole number between the least and the largest
    value is possible.
    """
    low, high = _limits(values, states, min_count)
    sums = _sums_of_cells(values.shape)
    totals = np.concatenate([values.sum(axis=1), values.sum(axis=0)])
    bounds = np.column_stack([low.ravel(), high.ravel()])
    goal = np.zeros(values.size)
    goal[np.ravel_multi_index(cell, values.shape)] = 1
    least, most = (
        sign * linprog(sign * goal, A_eq=sums, b_eq=totals, bounds=bounds).fun for sign in (1, -1)
    )
    return round(most - least) + 1


def _limits(values, states, min_count):
    """Return the least and the largest count that each written cell can stand for."""
    near, total = round_count(values), values.sum()
    low = np.where(states == SHOWN, values, np.maximum(near - BASE // 2, min_count))
    high = np.where(states == SHOWN, values, near + BASE // 2 - 1)
    low[states == HIDDEN], high[states == HIDDEN] = 1, min_count - 1
    low[states == SECOND], high[states == SECOND] = min_count, total
    return low, high


def _sums_of_cells(shape):
    """Return the equations of the sums of rows and columns, over the cells row by row."""
    n_rows, n_columns = shape
    cells = np.arange(n_rows * n_columns)
    equation = np.concatenate([cells // n_columns, n_rows + cells % n_columns])
    ones = np.ones(len(equation))
    return csr_array((ones, (equation, np.tile(cells, 2))), (n_rows + n_columns, len(cells)))
