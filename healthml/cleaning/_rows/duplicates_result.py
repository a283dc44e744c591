"""Which rows may be the same twice, as pairs with their evidence; nothing is merged."""

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from healthml._core._release import count_text
from healthml._core._results import Result, plain
from healthml.exceptions import InputError

KINDS = {
    "exact": "equal in every column",
    "near": "equal but for a few cells, beyond chance",
    "id_spelling": "one identifier in two spellings",
    "repeated_id": "an identifier that should differ in every row",
    "same_person": "one person under two identifiers",
    "exact_common": "equal in every column, with values so common that two patients may share them",
}
EVIDENT = ("exact", "near")
_PAIR = {
    "first": "int64",
    "second": "int64",
    "kind": object,
    "agreement": float,
    "match_weight": float,
    "probability": float,
    "column": object,
}


@dataclass(frozen=True, repr=False)
class DuplicatesResult(Result):
    """Pairs of rows that may be the same, made by `find_duplicates`; proposed, never merged.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per kind: ``kind``, ``n_rows`` (rows that repeat an earlier one; each counted in
        the first kind that names it), ``share`` of all rows, ``n_pairs``, ``n_clusters``,
        ``columns`` (identifiers looked at, or the columns in which near pairs differ most) and
        ``meaning``.
    pairs : pandas.DataFrame
        One row per pair: ``first`` and ``second`` (row positions, the second is the repeat),
        ``kind``, ``agreement`` (share of informative cells), ``match_weight`` (bits),
        ``probability`` (for "same_person"), ``n_differing`` and ``differing`` columns,
        ``same_patient`` (missing without groups), ``column`` of the identifier.
    cluster : ndarray of int
        Cluster of each row over exact and near pairs.
    n_samples : int
        Rows in the table.
    share_assessable : float
        Share of rows that hold enough information for a repeat of them to be recognised.
    reason : str
        In words, where not finding says little or pairs were not compared.
    """

    pairs: pd.DataFrame = None
    cluster: np.ndarray = None
    n_samples: int = 0
    share_assessable: float = np.nan
    reason: str = ""

    def repeats(self, *kinds):
        """Return the positions of rows that repeat an earlier one, for `drop_rows`.

        Parameters
        ----------
        *kinds : str
            Kinds to take; none means "exact" and "near".

        Returns
        -------
        ndarray of int
            Sorted positions; the first row of each cluster is never among them.
        """
        unknown = sorted(set(kinds) - set(KINDS))
        if unknown:
            raise InputError(f"kinds names {unknown}; the kinds are {list(KINDS)}.")
        chosen = self.pairs["kind"].isin(kinds or EVIDENT)
        return np.unique(self.pairs.loc[chosen, "second"].to_numpy(dtype=int))

    def select(self, *kinds):
        """Return the pairs of some kinds.

        Parameters
        ----------
        *kinds : str
            Kinds to keep; none means all.

        Returns
        -------
        pandas.DataFrame
        """
        kept = self.pairs[self.pairs["kind"].isin(kinds or KINDS)]
        return kept.reset_index(drop=True)

    def summary(self):
        """Return the counts in plain words."""
        table = self.table[self.table["n_pairs"] > 0]
        lines = [f"{self.n_samples:,} rows; pairs are proposed, nothing is merged."]
        for _, row in table.iterrows():
            where = f" ({row['columns']})" if row["columns"] else ""
            rows = f"{count_text(row['n_rows'])} rows"
            lines.append(f"  {row['kind']}: {rows}, {row['meaning']}{where}")
        if table.empty:
            lines.append("  no row repeats another on the evidence looked at")
        return "\n".join([*lines, *([self.reason] if self.reason else [])])

    def to_json(self, *, indent=None):
        """Return counts and pairs as JSON text: positions and columns, no values."""
        shown = {
            "table": self.table,
            "pairs": self.pairs.astype(object).where(self.pairs.notna(), None),
            "n_samples": self.n_samples,
            "share_assessable": self.share_assessable,
            "reason": self.reason,
        }
        return json.dumps(plain(shown), indent=indent)

    def plot(self, ax=None, **kwargs):
        """Draw the number of repeated rows of each kind; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, new_axes

        ax = new_axes(ax, height=2.6)
        table = self._drawn()
        bars = ax.barh(table["kind"], table["n_rows"], **{"color": BLUE, **kwargs})
        ax.bar_label(bars, fmt="{:,.0f}", padding=3)
        ax.invert_yaxis()
        ax.margins(x=0.15)
        ax.set_xlabel(f"Rows that repeat another, of {self.n_samples:,}")
        return ax


@dataclass
class PairList:
    """Pairs gathered kind by kind; a pair stays in the first kind that named it."""

    parts: list = field(default_factory=list)

    def add(self, kind, first, second, **columns):
        """Add pairs of positions, the earlier row first."""
        low, high = np.minimum(first, second), np.maximum(first, second)
        part = pd.DataFrame({"first": low, "second": high, **columns}).assign(kind=kind)
        self.parts.append(part.reindex(columns=list(_PAIR)).astype(_PAIR))

    def to_frame(self):
        """Return all pairs with the same columns and types, whatever was found."""
        parts = [part for part in self.parts if len(part)] or self.parts[:1]
        pairs = pd.concat(parts, ignore_index=True)
        return pairs.drop_duplicates(["first", "second"], ignore_index=True)


def count_kinds(pairs, n, columns):
    """Return the table of a `DuplicatesResult`."""
    counted, rows = np.zeros(n, dtype=bool), []
    for kind, meaning in KINDS.items():
        own = pairs[pairs["kind"] == kind]
        repeat = np.zeros(n, dtype=bool)
        repeat[own["second"].to_numpy(dtype=int)] = True
        n_rows = int((repeat & ~counted).sum())
        counted |= repeat
        n_clusters = _n_clusters(own, n)
        named = columns.get(kind, "") if len(own) else ""
        rows.append((kind, n_rows, n_rows / n, len(own), n_clusters, named, meaning))
    names = ["kind", "n_rows", "share", "n_pairs", "n_clusters", "columns", "meaning"]
    return pd.DataFrame(rows, columns=names)


def _n_clusters(pairs, n):
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if pairs.empty:
        return 0
    ends = (pairs["first"].to_numpy(), pairs["second"].to_numpy())
    codes, positions = pd.factorize(np.concatenate(ends))
    half = len(pairs)
    links = coo_matrix(
        (np.ones(half, dtype=bool), (codes[:half], codes[half:])), shape=(len(positions),) * 2
    )
    return int(connected_components(links, directed=False)[0])
