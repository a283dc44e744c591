"""What `check_leakage` looks at: the table, its roles, the split and the ways to measure."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from healthml._core._findings import NOTE, SERIOUS, Effect, Finding, grade
from healthml.validation._leakage.split import GivenSplit
from healthml.validation._reference_models import TableEncoder
from healthml.validation._scoring import Evaluator

LEAK, ASK, NOTED = "leak", "ask", "note"
MANY_ROWS = 20_000  # rows left out that are plenty to measure what a column does
SOME_ROWS = 8_000  # rows that are plenty to measure with a forest what repeated rows do


@dataclass(frozen=True)
class Leak:
    """One answer: a finding, and whether it is a leak, a question or a fact to know."""

    finding: Finding
    verdict: str


@dataclass(frozen=True)
class Unknown:
    """What could not be told, why, and what would settle it."""

    topic: str
    reason: str
    remedy: str
    code: str


@dataclass(frozen=True)
class LeakCase:
    """Inputs of `check_leakage`, checked once.

    Parameters
    ----------
    X : DataFrame
        All columns that were handed in, roles left out.
    table : DataFrame
        The same as the models read it.
    y : ndarray
        Outcome as 0/1.
    groups, site, time : ndarray or None
        Roles.
    known_after : tuple
        Columns declared as known later.
    split : GivenSplit or None
        The split that was handed in.
    model : scikit-learn classifier
        The procedure, or the default one.
    is_default : bool
        Whether no procedure was handed in.
    duplicates : DuplicateRows
        Copies of rows.
    units : ndarray
        Patients, joined where rows are copies.
    judge : Evaluator
        Splits by whole units.
    """

    X: pd.DataFrame
    table: pd.DataFrame
    y: np.ndarray
    groups: np.ndarray | None
    site: np.ndarray | None
    time: np.ndarray | None
    known_after: tuple
    split: GivenSplit | None
    model: object
    is_default: bool
    duplicates: object
    units: np.ndarray
    judge: Evaluator
    rules: dict
    outcome: str | None = None
    transformer: object = None
    n_jobs: int | None = None
    seed: int = 0
    level: float = 0.95
    cache: dict = field(default_factory=dict)

    @property
    def row_model(self):
        """The procedure that repeated rows are measured with: one that can remember rows."""
        return memory_probe() if self.is_default else self.model

    def effect(self, estimate, lower, upper, meaning, *, rows=None):
        """Return a change in AUC as an effect."""
        y = self.y if rows is None else self.y[rows]
        counts = (len(y), int(y.sum()))
        return Effect(
            "auroc",
            *map(float, (estimate, lower, upper)),
            meaning,
            *counts,
            confidence_level=self.level,
        )

    def leak(self, code, verdict, effect, title, evidence, remedy, *, columns=(), by_change=False):
        """Grade a finding by its effect: a leak up to serious, a question up to moderate.

        Where only a changed split or refit shows it (`by_change`), it is called a leak if the
        conservative end of the change passes the harm, and otherwise a fact to know.
        """
        severity = NOTE
        if effect is not None and verdict != NOTED:
            severity = grade(effect, self.rules, cause_known=verdict == LEAK)
        if by_change and verdict == LEAK and severity != SERIOUS:
            verdict = NOTED
        names = tuple(map(str, columns))
        return Leak(Finding(code, severity, title, evidence, remedy, effect, names), verdict)

    def part(self):
        """Return rows of whole units, all of them or about as many as are plenty for rows."""
        most = SOME_ROWS if self.is_default else MANY_ROWS
        size = np.bincount(self.units)
        order = np.random.RandomState(self.seed).permutation(len(size))
        rank = np.empty(len(order), dtype=int)
        rank[order] = np.cumsum(size[order])
        return np.flatnonzero(rank[self.units] <= max(most, size.max()))


def memory_probe():
    """Return a model that can remember rows, which no straight line can: a small forest.

    Returns
    -------
    Pipeline
    """
    forest = RandomForestClassifier(30, max_features=0.5, random_state=0)
    return Pipeline([("encode", TableEncoder()), ("forest", forest)])


def join_units(groups, duplicates):
    """Join patients that share a duplicated row: what no split may separate.

    Parameters
    ----------
    groups : ndarray of int or None
        The patient of each row.
    duplicates : DuplicateRows or None
        Clusters of nearly identical rows.

    Returns
    -------
    ndarray of int or None
        None when every row stands for itself.
    """
    if duplicates is None or not duplicates.n_near + duplicates.n_exact:
        return groups
    near = np.unique(duplicates.near_id, return_inverse=True)[1]
    if groups is None:
        return near
    n_groups = int(groups.max()) + 1
    size = n_groups + int(near.max()) + 1
    links = coo_matrix((np.ones(len(groups)), (groups, n_groups + near)), shape=(size, size))
    label = connected_components(links, directed=False)[1][groups]
    return np.unique(label, return_inverse=True)[1]
