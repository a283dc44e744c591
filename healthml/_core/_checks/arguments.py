"""What a parameter holds, in one form: a tuple, a series, seeds."""

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state


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
