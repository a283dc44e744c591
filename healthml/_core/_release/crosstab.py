"""Counts by two groupings."""

import numpy as np
import pandas as pd

from healthml._core._release.suppression import MIN_COUNT, ROUNDED, SHOWN, is_small, protect
from healthml._core._release.words import count_text


def release_crosstab(counts, people=None, *, min_count=MIN_COUNT):
    """Return counts by two groupings in words, protected along rows and along columns.

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
    few = is_small(behind, min_count) & ~is_small(values, min_count)
    states = np.where(values == 0, SHOWN, ROUNDED).astype(object)
    if not (is_small(values, min_count) | few).any():
        states[:] = SHOWN
    for part, own, hide in ((states, values, few), (states.T, values.T, few.T)):
        for line, (row, off) in enumerate(zip(own, hide, strict=True)):
            found = protect(row, hide=off, min_count=min_count).n
            closed = (found != SHOWN) & (found != ROUNDED)
            part[line, closed] = found[closed]
    words = [
        [count_text(value, state, min_count) for value, state in zip(*row, strict=True)]
        for row in zip(values, states, strict=True)
    ]
    return pd.DataFrame(words, index=counts.index, columns=counts.columns)
