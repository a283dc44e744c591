"""What a parameter holds, in one form: a tuple, a series, seeds."""

from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import _num_samples

from healthml.exceptions import InputError


def as_tuple(value):
    """Return a single value, a sequence or None as a tuple.

    Examples
    --------
    >>> from healthml._core._checks import as_tuple
    >>> as_tuple("sex"), as_tuple(["sex", "race"]), as_tuple(None)
    (('sex',), ('sex', 'race'), ())
    """
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)


def as_series(values):
    """Return anything of one dimension as a Series numbered anew; polars keeps large integers."""
    if isinstance(values, pd.Series):
        return values.reset_index(drop=True)
    if not isinstance(values, pd.Index | pd.api.extensions.ExtensionArray | np.ndarray):
        values = values.to_list() if hasattr(values, "to_list") else list(values)
    return pd.Series(values)


def same_length(X, y):
    """Return rows and outcome ready to be indexed; raise InputError where their numbers differ.

    Examples
    --------
    >>> from healthml._core._checks import same_length
    >>> same_length([[1.0], [2.0]], [0])
    Traceback (most recent call last):
        ...
    healthml.exceptions.InputError: X has 2 rows and y 1 values; pass one outcome for each row.
    """
    n_rows = _num_samples(X)
    n_values = n_rows if y is None else _num_samples(y)  # who needs a y says so
    if n_rows != n_values:
        raise InputError(
            f"X has {n_rows} rows and y {n_values} values; pass one outcome for each row."
        )
    return indexable(X, y)


def sorted_codes(values, name):
    """Return values as codes in their order, -1 where missing, and the levels.

    Examples
    --------
    >>> from healthml._core._checks import sorted_codes
    >>> sorted_codes([3.5, 1.0, None], "time")[0].tolist()
    [1, 0, -1]
    """
    values = pd.Series(values).reset_index(drop=True)
    try:
        return pd.factorize(values, sort=True)
    except TypeError:
        raise InputError(
            f"{name} mixes numbers, dates or texts, which have no common order; convert it first."
        ) from None


def check_seed(random_state):
    """Return one seed that repeats the work: the whole number given, or one that is drawn.

    Parameters
    ----------
    random_state : int, RandomState or None
        Source of randomness; advanced when it is a RandomState.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is anything else.

    Examples
    --------
    >>> from healthml._core._checks import check_seed
    >>> check_seed(7)
    7
    """
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    if not isinstance(random_state, Integral) or not 0 <= random_state < 2**32:
        raise InputError("random_state must be None, a RandomState or a whole number from 0 on.")
    return int(random_state)


def check_random_seeds(random_state, k):
    """Draw `k` seeds up front, so that the answer is the same for any `n_jobs`.

    Parameters
    ----------
    random_state : int, RandomState or None
        Source of randomness; advanced when it is a RandomState.
    k : int
        Number of seeds.

    Returns
    -------
    list of int
        One seed for each draw.

    Examples
    --------
    >>> from healthml._core._checks import check_random_seeds
    >>> check_random_seeds(0, 3) == check_random_seeds(0, 3)
    True
    """
    seeds = check_random_state(random_state).randint(np.iinfo(np.int32).max, size=k)
    return seeds.tolist()
