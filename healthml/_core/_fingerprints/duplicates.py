"""Rows that stand in a table twice, exactly or nearly: found by hashing, judged by evidence."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_random_state

from healthml._core._fingerprints.cells import READINGS, comparable, encode
from healthml._core._fingerprints.judge import Judge
from healthml._core._fingerprints.pairs import exact_clusters
from healthml._core._parallel import run_in_threads
from healthml._core._release import count_text
from healthml.exceptions import InputError


@dataclass(frozen=True, repr=False)
class DuplicateRows:
    """Clusters of repeated rows; made by `duplicate_clusters`.

    Parameters
    ----------
    exact_id : ndarray of shape (n,)
        Cluster of each row, equal in all cells; numbered in order of appearance.
    near_id : ndarray of shape (n,)
        Cluster of each row, equal or nearly so on evidence beyond chance. Exact repeats are in one
        cluster here only when their values are rare enough to be evidence.
    n_exact : int
        Rows that repeat an earlier row in all cells. In a table of few distinct values these can
        be different patients; `n_exact_evident` counts those that hardly are.
    n_exact_evident : int
        Exact repeats that are also in one `near_id` cluster.
    n_near : int
        Further rows that nearly repeat an earlier one.
    agreement : ndarray of shape (n,)
        Share of informative cells in which a row agrees with its most similar partner; missing
        for rows without one.
    pairs : pandas.DataFrame
        Pairs of positions behind `near_id`: first, second, exact, agreement, bits (the match
        weight, to be compared with `bits_needed`).
    differing : pandas.Series
        For each column the share of near (not exact) pairs in which it differs, largest first:
        after a join that multiplied rows, the columns that came in with it.
    columns : tuple
        Columns that were compared; constant columns and row numbers are not.
    bits_needed : float
        Match weight that a pair must reach.
    assessable : bool
        Whether at least half of the rows hold enough information for a repeat to be recognised.
        If not, finding no near duplicates says little.
    share_assessable : float
        Share of such rows.
    n_withheld : int
        Pairs alike enough but not claimed, because the table's own tail of alike pairs (repeated
        visits, correlated columns) explains them.
    reason : str
        In words, when the table is not assessable or pairs were withheld.
    """

    exact_id: np.ndarray
    near_id: np.ndarray
    n_exact: int
    n_exact_evident: int
    n_near: int
    agreement: np.ndarray
    pairs: pd.DataFrame
    differing: pd.Series
    columns: tuple
    bits_needed: float
    assessable: bool
    share_assessable: float
    n_withheld: int
    reason: str

    def __repr__(self):
        """Return the counts as one line."""
        exact, near = count_text(self.n_exact), count_text(self.n_near)
        counts = f"n_exact={exact}, n_near={near}, assessable={self.assessable}"
        return f"DuplicateRows({len(self.exact_id)} rows, {counts})"


def duplicate_clusters(frame, *, columns=None, near=True, n_jobs=None, random_state=0):
    """Find rows that stand in a table twice, exactly or nearly.

    Exact repeats agree in every cell, missing cells with missing cells, whatever the dtype. Near
    repeats survive some changed or emptied cells, small numeric jitter (1/20 of a standard
    deviation or 2 % of the median, whichever is larger, up to 1/4 of a standard deviation), and a
    join that multiplied all rows while a few columns differ.

    Parameters
    ----------
    frame : pandas.DataFrame
        The table; leave out the outcome if it shall not count.
    columns : sequence of str, optional
        Columns to compare; default all.
    near : bool, default=True
        Whether to look for near repeats as well.
    n_jobs : int, optional
        Threads that share a large table.
    random_state : int, RandomState or None, default=0
        For the choice of columns in the hashing; fixed by default so that a table has one answer.

    Returns
    -------
    DuplicateRows

    Raises
    ------
    InputError
        If the frame is not a DataFrame, has repeated column names, or a column is not in it.

    Notes
    -----
    Candidates come from hashing random columns, each row as many as make it rare. A pair is judged
    under three readings of agreement, equal and within two tolerances, by a Fellegi-Sunter weight
    [1]_: log2 of how much likelier the pattern is for one record than for two independent ones.
    Agreeing on a rare value counts more, missing cells count nothing. It must pass a Bonferroni
    bound over all pairs. Independence overstates the evidence of columns that go together (a site's
    columns, one lab in two units, rare diagnoses), so columns share their weight with those that
    agree with them in random pairs, no cell counts more than the typical agreement of its column,
    three quarters of the informative cells must agree, some of them on rare values, and the claims
    must stand out from the tail of alike pairs that the table itself shows: repeated visits of a
    patient form such a tail, repeats of a record stand apart from it.

    References
    ----------
    .. [1] Fellegi IP, Sunter AB. A theory for record linkage. J Am Stat Assoc. 1969;64:1183-1210.

    Examples
    --------
    >>> table = pd.DataFrame(np.random.RandomState(0).normal(size=(300, 12)).round(3))
    >>> doubled = pd.concat([table, table.head(5)], ignore_index=True)
    >>> doubled.iloc[300:303, :2] += 1.0  # two cells of three repeats changed
    >>> duplicate_clusters(doubled)
    DuplicateRows(305 rows, n_exact=<11, n_near=<11, assessable=True)
    """
    table = _select(frame, columns)
    n = len(table)
    columns = [table[name] for name in table]
    read = run_in_threads(_read, [(c, near and n > 1) for c in columns], n_rows=n, n_jobs=n_jobs)
    exact_id = exact_clusters([codes for codes, _ in read], n)
    cells = [column for _, column in read if column is not None]
    random = check_random_state(random_state)
    judged = Judge(cells, n, exact_id, random, n_jobs) if cells else None
    return _assemble(exact_id, judged, near)


def _read(task):
    """Return the codes of a column and, where rows are compared by it, the column with evidence."""
    column, compared = task
    codes, numbers = encode(column)
    return codes, comparable(column.name, codes, numbers) if compared else None


def _select(frame, columns):
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"frame is a {type(frame).__name__}; pass a pandas DataFrame.")
    if not frame.columns.is_unique:
        raise InputError("frame has repeated column names; rename them so that each is unique.")
    absent = [] if columns is None else [name for name in columns if name not in frame.columns]
    if absent:
        raise InputError(f"columns names {absent}, which the table does not have.")
    return frame if columns is None else frame[list(columns)]


def _assemble(exact_id, judged, near):
    n = len(exact_id)
    pairs = _pair_table(judged)
    near_id = _clusters(pairs, n)
    n_exact_evident = n - _n_clusters(_clusters(pairs[pairs["exact"]], n))
    share = float(judged.able.mean()) if judged else 0.0
    n_withheld = int(judged.withheld.sum()) if judged else 0
    return DuplicateRows(
        exact_id=exact_id,
        near_id=near_id,
        n_exact=n - _n_clusters(exact_id),
        n_exact_evident=n_exact_evident,
        n_near=n - _n_clusters(near_id) - n_exact_evident,
        agreement=_best_agreement(pairs, n),
        pairs=pairs,
        differing=_differing(judged),
        columns=tuple(column.name for column in judged.cells) if judged else (),
        bits_needed=judged.bits_needed if judged else np.nan,
        assessable=share >= 0.5,
        share_assessable=share,
        n_withheld=n_withheld,
        reason=_reason(judged, share, n_withheld, near),
    )


def _pair_table(judged):
    names = ["first", "second", "exact", "agreement", "bits"]
    if judged is None:
        return pd.DataFrame({name: np.empty(0) for name in names}).astype(
            {"first": int, "second": int, "exact": bool}
        )
    columns = [judged.first, judged.second, judged.exact]
    for measure in ("share", "bits"):
        columns += [np.max([judged.evidence[r][measure] for r in READINGS], axis=0)]
    table = pd.DataFrame(dict(zip(names, columns, strict=True)))
    return table[judged.claimed].reset_index(drop=True)


def _clusters(pairs, n):
    """Return the connected components of pairs as cluster numbers in order of appearance."""
    ends = (pairs["first"].to_numpy(), pairs["second"].to_numpy())
    links = coo_matrix((np.ones(len(pairs), dtype=bool), ends), shape=(n, n))
    return (
        pd.factorize(connected_components(links, directed=False)[1])[0] if n else np.empty(0, int)
    )


def _n_clusters(ids):
    return int(ids.max()) + 1 if len(ids) else 0


def _best_agreement(pairs, n):
    best = np.full(n, np.nan)
    for end in ("first", "second"):
        np.fmax.at(best, pairs[end].to_numpy(), pairs["agreement"].to_numpy())
    return best


def _differing(judged):
    shares = {}
    if judged is not None and (judged.claimed & ~judged.exact).any():
        chosen = judged.claimed & ~judged.exact
        first, second = judged.first[chosen], judged.second[chosen]
        shares = {c.name: float((~c.agree(first, second)["loose"]).mean()) for c in judged.cells}
    return pd.Series(shares, dtype=float).sort_values(ascending=False, kind="stable")


def _reason(judged, share, n_withheld, near):
    if not near:
        return "Near repeats were not looked for."
    if judged is None:
        return "No column tells rows apart, so near repeats cannot be told from different patients."
    reasons = []
    if share < 0.5:
        reasons.append(
            f"Only {share:.0%} of the rows hold enough distinct values to tell a repeat from two "
            "patients alike."
        )
    if n_withheld:
        reasons.append(
            f"{n_withheld} pairs are alike but not claimed: repeated visits or columns that go "
            "together explain about as many."
        )
    return " ".join(reasons)
