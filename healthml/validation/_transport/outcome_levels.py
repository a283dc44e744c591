"""Whether every site uses the same levels of the outcome."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

_SURE = (
    0.001  # chance over all cells together that a level is absent; by judgement, lower finds less
)
_MOST_LEVELS = 20  # of an outcome; more are numbers


@dataclass(frozen=True)
class OutcomeLevels:
    """Levels of the outcome by site; made by `outcome_levels`.

    Parameters
    ----------
    rows, patients : DataFrame
        Rows, and patients, of each site (index) with each level (columns).
    absent : ndarray of bool, shape (n_sites, n_levels)
        Levels that a site never uses although chance would have shown them there.
    """

    rows: pd.DataFrame
    patients: pd.DataFrame
    absent: np.ndarray

    @property
    def sites(self):
        """Sites that never use some level."""
        return [str(s) for s, row in zip(self.rows.index, self.absent, strict=True) if row.any()]


def outcome_levels(outcome, site, groups=None):
    """Return the levels of an outcome by site, or None where it has two or very many.

    Parameters
    ----------
    outcome : Series
        The outcome as it was recorded, before an event was named.
    site : array-like of shape (n_samples,)
        Site of each row.
    groups : ndarray of shape (n_samples,), optional
        The patient of each row.

    Returns
    -------
    OutcomeLevels or None

    Examples
    --------
    >>> outcome = pd.Series(["none", "mild", "severe"] * 30 + ["none", "mild", "mild"] * 30)
    >>> outcome_levels(outcome, ["a"] * 90 + ["b"] * 90).sites
    ['b']
    """
    if not 2 < outcome.astype("object").nunique() <= _MOST_LEVELS:
        return None
    level = pd.Series(outcome.to_numpy(dtype=object)).map(str)
    rows = pd.crosstab(pd.Series(np.asarray(site), name="site"), level)
    counts = rows.to_numpy()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    absent = (counts == 0) & (np.exp(-expected) * counts.size < _SURE)
    patient = np.arange(len(level)) if groups is None else groups
    single = pd.DataFrame({"site": np.asarray(site), "level": level, "patient": patient})
    single = single.drop_duplicates()
    return OutcomeLevels(rows, pd.crosstab(single["site"], single["level"]), absent)
