"""Rows in groups (sites, patients): who belongs where, and the means of each group."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


def group_codes(levels, series):
    """Return the number of the group of each row; a group not seen at fit is between -2 and -1.

    The fraction is a hash of the label, so that the rows of a new group share one drawn effect
    whoever else is in the batch.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from healthml.imputation._table.groups import group_codes
    >>> group_codes(np.array(["a", "b"], dtype=object), pd.Series(["b", "a"])).tolist()
    [1.0, 0.0]
    """
    labels = series.astype(object).where(series.notna(), None).to_numpy()
    codes = pd.Index(levels).get_indexer(labels).astype(float)
    new = np.flatnonzero(codes < 0)
    if len(new):
        text = np.array([str(label) for label in labels[new]], dtype=object)
        codes[new] = -1 - (pd.util.hash_array(text) >> np.uint64(11)) * 2.0**-53
    return codes


class Groups:
    """The rows of a chain by group, and their means.

    Parameters
    ----------
    codes : ndarray of int
        Group of each row, 0 to the number of groups - 1; each has a row.
    """

    def __init__(self, codes):
        self.codes = codes.astype(np.int64)
        self.order = np.argsort(self.codes, kind="stable")
        self.counts = np.bincount(self.codes)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])

    def means(self, columns):
        """Return the mean of some columns in each group."""
        return np.add.reduceat(columns[self.order], self.starts, axis=0) / self.counts[:, None]


@dataclass(frozen=True)
class GroupMeans:
    """Means of the design in each group at fit, for new rows; a new group has the overall means."""

    table: np.ndarray
    overall: np.ndarray

    def of(self, codes):
        """Return the means for the group of each row."""
        known = codes >= 0
        shares = np.tile(self.overall, (len(codes), 1))
        shares[known] = self.table[codes[known].astype(np.int64)]
        return shares
