"""Rows of one class closer together than any smooth risk explains: made, copied or repeated ones.

Rounded to whole numbers, rows made by interpolation lie on no line any more. But they stand beside
the rows that they were made from: the nearest rows share the outcome, those a little further away
do so as chance and risk let them. Real patients have no such clumps, however strong a predictor is.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import NearestNeighbors

from healthml._core._numerics import cluster_variance
from healthml.validation._leakage.case import ASK, MANY_ROWS, memory_probe
from healthml.validation._leakage.words import interval_words
from healthml.validation._reference_models import (
    as_read,
    bent_logistic,
    boosted_trees,
    numbers_of,
)

NEAR = 3  # nearest rows that are looked at; SMOTE draws from five
FAR = 20, 60  # ranks of the rows that they are compared with
# Excess of agreement, and its distance from 0 in standard errors, from which rows are named; beyond
# the risks of bent lines and those of boosted trees, of which the smaller counts. In some 40 honest
# tables (seven generators, strong predictors, leaks, sharp interactions) it stayed below 0.05 and
# 3.3; where made rows fill a class up to half of the other and more, none was below 0.08 and 6.
EXCESS, SURE = 0.06, 5.0
_FEWEST = 60  # rows of a class
_MOST_ROWS = 10_000  # rows among which neighbours are sought, evenly spaced
_MOST_LOOKED = 3_000  # rows of a class whose neighbours are sought
_JITTER = 1e-6  # of a standard deviation: equal rows have no order otherwise


@dataclass(frozen=True)
class CloseRows:
    """How often neighbours share the outcome of rows of one class, against what risks let expect.

    Parameters
    ----------
    event : int
        The class.
    near, far : float
        Share of the nearest rows, and of those further away, that are of the class.
    expected : tuple of float
        The same two shares by the risks.
    excess : float
        What nearness adds beyond the risks.
    z : float
        In standard errors.
    """

    event: int
    near: float
    far: float
    expected: tuple
    excess: float
    z: float

    @property
    def is_beyond(self):
        """Whether no honest table reaches it."""
        return self.excess >= EXCESS and self.z >= SURE


NOTHING = CloseRows(1, 0.0, 0.0, (0.0, 0.0), 0.0, 0.0)  # where a class has too few rows


def agreement(table, y, units, risk=None):
    """Return the class whose nearest rows agree most beyond the risks, or None.

    Parameters
    ----------
    table : DataFrame
        The columns; those of numbers are used.
    y : ndarray of shape (n,)
        Outcome as 0/1.
    units : ndarray of int, shape (n,)
        The patient of each row, whose other rows are no neighbours.
    risk : ndarray of shape (n,), optional
        Out-of-fold risks of a smooth model; without them agreement itself is compared.

    Returns
    -------
    CloseRows or None
    """
    values = _standardised(table)
    if values.shape[1] < 2 or min(np.bincount(y, minlength=2)) < _FEWEST:
        return None
    pool = np.arange(len(y))[:: -(-len(y) // _MOST_ROWS)]
    tree = NearestNeighbors().fit(values[pool])
    risk = np.full(len(y), y.mean()) if risk is None else risk
    gaps = [_of_class(event, values, pool, tree, y, units, risk) for event in (0, 1)]
    return max((f for f in gaps if f is not None), key=lambda f: f.excess, default=None)


def _of_class(event, values, pool, tree, y, units, risk):
    rows = pool[(y[pool] == event) & np.isfinite(risk[pool])]
    rows = rows[:: -(-len(rows) // _MOST_LOOKED)] if len(rows) else rows
    if len(rows) < _FEWEST or len(pool) <= 2 * FAR[1]:
        return None
    n_asked = min(2 * FAR[1], len(pool) - 1)
    near = pool[tree.kneighbors(values[rows], n_neighbors=n_asked, return_distance=False)]
    other = (units[near] != units[rows][:, None]) & np.isfinite(risk[near])
    rank = np.cumsum(other, axis=1) - 1
    shares = {}
    for name, (low, high) in {"near": (0, NEAR), "far": FAR}.items():
        use = other & (rank >= low) & (rank < high)
        count = np.maximum(use.sum(axis=1), 1)
        observed = (use * (y[near] == event)).sum(axis=1) / count
        chance = risk if event else 1 - risk
        shares[name] = observed, (use * np.where(use, chance[near], 0)).sum(axis=1) / count
    excess = shares["near"][0] - shares["near"][1] - shares["far"][0] + shares["far"][1]
    mean = float(excess.mean())
    error = np.sqrt(cluster_variance((excess - mean) / len(excess), units[rows]))
    (near_seen, near_chance), (far_seen, far_chance) = (
        tuple(float(part.mean()) for part in shares[name]) for name in ("near", "far")
    )
    expected = near_chance, far_chance
    return CloseRows(event, near_seen, far_seen, expected, mean, mean / max(error, 1e-12))


def _standardised(table):
    """Return the columns of numbers, standardised, gaps filled with the median."""
    columns = []
    for name in table.columns:
        if table[name].dtype.kind not in "iufb":
            continue
        values = numbers_of(table[name])
        seen = np.isfinite(values)
        if seen.sum() > len(values) / 2 and np.ptp(values[seen]) > 0:
            values = np.where(seen, values, np.median(values[seen]))
            columns.append((values - values.mean()) / values.std())
    values = np.column_stack(columns) if columns else np.empty((len(table), 0))
    return values + np.random.RandomState(0).normal(0, _JITTER, values.shape)


def look_at_close_rows(case):
    """Name rows of one class that stand together as only made or repeated ones do."""
    columns = [c for c in case.X.columns if c not in case.known_after]
    if not case.refits:
        return
    first = agreement(case.X[columns], case.y, case.likely_units)
    if first is None or not first.is_beyond:
        return
    table = case.table[columns] if case.is_default else as_read(case.table[columns])
    options = {"folds": case.judge.folds[:1], "max_rows": MANY_ROWS, "label": "rows close together"}
    risks, smallest = {}, first
    for name, make in {"smooth": bent_logistic, "trees": boosted_trees}.items():
        risks[name] = case.judge.risks(make(), table, **options)
        smallest = min(smallest, _beyond(case, columns, risks[name][0]), key=lambda f: f.excess)
        if not smallest.is_beyond:
            return
    risks = {"neighbours": case.judge.risks(memory_probe(), table, **options), **risks}
    used = np.all([np.isfinite(risk[0]) for risk in risks.values()], axis=0)
    scores = case.judge.score(risks, rows=dict.fromkeys(risks, used))
    meaning = "AUC of a forest, which remembers neighbours, minus AUC of bent lines"
    effect = case.effect(
        *scores.difference("neighbours", "smooth"), meaning, rows=np.flatnonzero(used)
    )
    yield case.leak(
        "HM309",
        ASK,
        effect,
        f"Rows {_kind(smallest)} the event are alike beyond their risk: synthetic or repeated "
        "rows?",
        f"{_words(smallest)} {_auc_words(scores)}",
        "Ask whether rows were made before this table was handed over (SMOTE, interpolation), and "
        "whether patients repeat. If so, go back to the real rows, or declare the patient of each "
        "row (groups).",
        above=True,
    )


def _beyond(case, columns, risk):
    return agreement(case.X[columns], case.y, case.likely_units, risk) or NOTHING


def _kind(found):
    return "with" if found.event else "without"


def _words(found):
    shares = [f"{share:.0%}" for share in (found.near, *found.expected[:1], found.far)]
    return (
        f"Of the {NEAR} rows nearest to one {_kind(found)} the event {shares[0]} are of its class, "
        f"where their risk lets {shares[1]} be expected; of those ranked {FAR[0]} to {FAR[1]} "
        f"{shares[2]}, where it lets {found.expected[1]:.0%}. Rows made by interpolation do this, "
        "rounded or not, and so do repeated ones."
    )


def _auc_words(scores):
    remembered, smooth = (interval_words(scores.get(k, "auroc")) for k in ("neighbours", "smooth"))
    return f"AUC {remembered} of a forest, {smooth} of bent lines."
