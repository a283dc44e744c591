"""What `check_leakage` looks at: the table, its roles, the split and the ways to measure."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline

from healthml._core._findings import MODERATE, NOTE, SERIOUS, Effect, Finding, grade
from healthml.exceptions import InputError
from healthml.validation._leakage.split import GivenSplit
from healthml.validation._reference_models import TableEncoder, as_read, default_model
from healthml.validation._scoring import Evaluator

LEAK, ASK, NOTED = "leak", "ask", "note"
# Rows left out that are plenty to measure what a column does: the standard error of an AUC of
# 0.8 is then about 0.005 where a tenth has the event. More rows cost time and change no severity.
MANY_ROWS = 20_000
# Rows that are plenty for a forest, whose refits cost more; chosen by judgement, not by simulation.
SOME_ROWS = 8_000
FEW_ROWS = 1_000  # below it variants are refitted in two repeats, to steady the comparison


@dataclass(frozen=True)
class Leak:
    """One answer: a finding; whether it is a leak, a question or a fact to know; its tables."""

    finding: Finding
    verdict: str
    tables: tuple = ()


@dataclass(frozen=True)
class Unknown:
    """What could not be told, why, and what would settle it."""

    topic: str
    reason: str
    remedy: str
    code: str


@dataclass(frozen=True)
class Screening:
    """Columns that the base model must do without, found before anything is measured.

    Parameters
    ----------
    alone : ColumnScreen or None
        AUC of each column alone, out of sample.
    suspects : dict of str to Suspect
        Columns that may hold the answer, and why.
    dated : dict of str to (float, int)
        Columns of dates after the prediction: share of later dates, number of dates.
    encoded : dict of str to str
        Columns computed from the outcomes of these rows, and over what.
    numbered : dict of str to (str, str)
        Columns that number rows or count a patient's rows: rule and details.
    order : tuple
        Flags of the place in the file that tells the outcome.
    """

    alone: object = None
    suspects: dict = field(default_factory=dict)
    dated: dict = field(default_factory=dict)
    encoded: dict = field(default_factory=dict)
    numbered: dict = field(default_factory=dict)
    order: tuple = ()

    @property
    def excluded(self):
        """All of these columns."""
        return {*self.suspects, *self.dated, *self.encoded, *self.numbered}


@dataclass(frozen=True)
class LeakCase:
    """Inputs of `check_leakage`, checked once, and what the screening found.

    Parameters
    ----------
    X : DataFrame
        All columns that were handed in, roles left out.
    table : DataFrame
        The same as the models read them.
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
    duplicates : DuplicateRows or None
        Copies of rows.
    units : ndarray
        Patients, joined where rows are copies.
    judge : Evaluator
        Splits by whole units.
    risk : ndarray of shape (n,) or None
        Risks of a fitted model, judged as they are: nothing is refitted then.
    n_repeats : int
        Repeats in which variants of the table are refitted.
    show_values : bool
        Whether the levels of columns with many values are listed.
    fallbacks : list
        Variants for which the default model stood in, since the procedure could not be refitted.
    respelled : ndarray of int or None
        The patients once identifiers that differ in typing only are one; None where none do.
    alike : AlikeRows or None
        Patients that nobody declared: by a column that acts as their number, or by rows alike.
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
    risk: np.ndarray | None = None
    n_jobs: int | None = None
    seed: int = 0
    level: float = 0.95
    n_repeats: int = 1
    show_values: bool = False
    screening: Screening = field(default_factory=Screening)
    fallbacks: list = field(default_factory=list)
    respelled: np.ndarray | None = None
    alike: object = None

    @property
    def likely_units(self):
        """The units, and joined with them rows that seem to be of one patient nobody declared.

        What many rows have in common is no evidence where a few patients own them.
        """
        return self.units if self.alike is None else join_codes(self.alike.codes, self.units)

    @property
    def refits(self):
        """Whether variants of the table may be refitted."""
        return self.risk is None

    @property
    def clean_columns(self):
        """The columns that are neither suspect nor proven to be late."""
        out = {*self.known_after, *self.screening.excluded}
        return [c for c in self.table.columns if c not in out]

    @property
    def base_columns(self):
        """The clean columns, or all that are not declared as later where none is left."""
        allowed = [c for c in self.table.columns if c not in self.known_after]
        return self.clean_columns or allowed or list(self.table.columns)

    @cached_property
    def base_risk(self):
        """Risks on the base columns, one line per repeat; those handed in are taken as given."""
        if not self.refits:
            return self.risk[None, :]
        return self.refitted(self.table[self.base_columns])

    def refitted(self, table, *, model=None):
        """Return out-of-sample risks by whole units; the default model where the own one cannot.

        Parameters
        ----------
        table : DataFrame
            A variant of the table.
        model : scikit-learn classifier, optional
            Instead of the procedure.

        Returns
        -------
        ndarray of shape (n_repeats, n)
        """
        options = {"folds": self.judge.folds[: self.n_repeats], "max_rows": MANY_ROWS}
        try:
            model = self.model if model is None else model
            return self.judge.risks(model, table, label="a variant of the table", **options)
        except InputError:
            if self.is_default:
                raise
            self.fallbacks.append(tuple(table.columns))
            return self.judge.risks(default_model(), as_read(table), **options)

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

    def leak(self, code, verdict, effect, title, evidence, remedy, **options):
        """Grade a finding by its effect: a leak up to serious, a question up to moderate.

        Where only a changed split or refit shows it (`by_change`), it is called a leak if the
        conservative end of the change passes the harm, and otherwise a fact to know. `columns`
        are those concerned, `tables` (caption, DataFrame) pairs of evidence; `cause_known` lets a
        question be serious, `above` makes it moderate at least.
        """
        severity = NOTE
        if effect is not None and verdict != NOTED:
            cause_known = options.get("cause_known", verdict == LEAK)
            severity = grade(effect, self.rules, cause_known=cause_known)
            if options.get("above") and severity == NOTE:
                severity = MODERATE
        if options.get("by_change") and verdict == LEAK and severity != SERIOUS:
            verdict = NOTED
        names = tuple(map(str, options.get("columns", ())))
        finding = Finding(code, severity, title, evidence, remedy, effect, names)
        return Leak(finding, verdict, tuple(options.get("tables", ())))

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


def join_codes(first, second):
    """Return the units that two groupings of the rows together may not separate.

    Parameters
    ----------
    first, second : ndarray of int, shape (n,)
        Units of each row.

    Returns
    -------
    ndarray of int
    """
    size = int(first.max()) + int(second.max()) + 2
    ends = (first, int(first.max()) + 1 + second)
    links = coo_matrix((np.ones(len(first)), ends), shape=(size, size))
    label = connected_components(links, directed=False)[1][first]
    return np.unique(label, return_inverse=True)[1]
