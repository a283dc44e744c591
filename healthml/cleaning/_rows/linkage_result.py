"""Pairs of records that may be of one person, with the weights behind them."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from healthml._core._results import Result, plain

BANDS = (0.5, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)


@dataclass(frozen=True, repr=False)
class LinkageResult(Result):
    """Proposed pairs of one person's records, made by `link_records`; nothing is merged.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per band of probability: ``probability_from``, ``probability_to``, ``n_pairs``,
        ``n_rows`` (rows in these pairs) and ``n_expected_wrong`` (sum of one minus probability).
    pairs : pandas.DataFrame
        ``first`` and ``second`` (row positions), ``match_weight`` (bits, the prior included),
        ``probability``.
    person : ndarray of int
        Person of each row when all proposed pairs were true; rows without a pair are alone.
    columns : tuple of str
        Columns that were compared.
    threshold : float
        Least probability.
    n_samples : int
        Rows in the table.
    """

    pairs: pd.DataFrame = None
    person: np.ndarray = None
    columns: tuple = ()
    threshold: float = 0.9
    n_samples: int = 0

    @classmethod
    def of_pairs(cls, pairs, records, who, threshold):
        """Count pairs by their probability and join them to persons."""
        n, rows = len(records), []
        for low, high in zip((0.0, *BANDS[:-1]), BANDS, strict=True):
            inside = pairs["probability"].gt(low) & pairs["probability"].le(high)
            own = pairs[inside]
            n_rows = len(np.unique(own[["first", "second"]].to_numpy()))
            if high > threshold:
                wrong = float((1 - own["probability"]).sum())
                rows.append((max(low, threshold), high, len(own), n_rows, wrong))
        names = ["probability_from", "probability_to", "n_pairs", "n_rows", "n_expected_wrong"]
        ends = (pairs["first"].to_numpy(), pairs["second"].to_numpy())
        links = coo_matrix((np.ones(len(pairs), dtype=bool), ends), shape=(n, n))
        return cls(
            table=pd.DataFrame(rows, columns=names),
            pairs=pairs,
            person=pd.factorize(connected_components(links, directed=False)[1])[0],
            columns=tuple(str(c) for c in (*who.names, who.birth_date, who.sex) if c is not None),
            threshold=threshold,
            n_samples=n,
        )

    def summary(self):
        """Return the counts in plain words."""
        wrong = self.table["n_expected_wrong"].sum()
        return (
            f"{len(self.pairs):,} pairs of {self.n_samples:,} rows may be of one person "
            f"(probability of at least {self.threshold:g}, by {', '.join(self.columns)}); "
            f"about {wrong:.1f} of them are expected to be wrong. Nothing is merged.\n"
            f"{self.table.round(3).to_string(index=False)}"
        )

    def to_json(self, *, indent=None):
        """Return counts and pairs as JSON text: positions, no values."""
        shown = {"table": self.table, "pairs": self.pairs, "columns": self.columns}
        return json.dumps(plain(shown), indent=indent)

    def plot(self, ax=None, **kwargs):
        """Draw how many pairs have which match weight; returns the matplotlib axes."""
        from healthml._core._style import BLUE, new_axes

        ax = new_axes(ax, height=3.2)
        ax.hist(self.pairs["match_weight"], **{"bins": 30, "color": BLUE, **kwargs})
        ax.set(xlabel="Match weight (bits)", ylabel="Proposed pairs")
        return ax
