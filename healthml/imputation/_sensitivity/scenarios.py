"""A table imputed again and again, the draws of one column shifted further each time."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import check_random_state

from healthml._core._parallel import iterate_parallel
from healthml.exceptions import InputError
from healthml.imputation._chained import (
    Chain,
    ChainedImputer,
    Plan,
    automatic_columns,
    check_names,
    make_plan,
    place_of,
)
from healthml.imputation._draws import Shifted
from healthml.imputation._table import (
    DATE,
    GROUP,
    ORDERED,
    as_completed,
    learn_columns,
    observed_support,
    read_columns,
)


@dataclass
class Scenarios:
    """The table as the chains read it, and the column that is shifted.

    Parameters
    ----------
    imputer : ChainedImputer
    frame : pandas.DataFrame
    columns : list of Coded
    values, missing : list of ndarray
        Cells as `Coded.read` gives them, and which are missing.
    plan : Plan
        Without a shift.
    j, level : int
        Number of the column that is shifted, and of its level.
    rows : ndarray of bool
        Rows whose imputed cells are shifted.
    unit : float
        What a delta of 1 counts, in units of the column or log-odds.
    unit_name : str
    """

    imputer: ChainedImputer
    frame: pd.DataFrame
    columns: list
    values: list
    missing: list
    plan: Plan
    j: int
    level: int | None
    rows: np.ndarray
    unit: float
    unit_name: str

    @classmethod
    def of(cls, imputer, frame, name, level, rows, unit):
        """Read the table and check what is asked."""
        j = place_of(name, list(frame.columns), "column")
        if types.is_integer_dtype(frame[name].dtype) and name not in imputer.ordered:
            frame = frame.assign(**{name: frame[name].astype(float)})  # shifts may be fractions
        names = list(frame.columns)
        check_names(imputer, names, names)
        unskewed = automatic_columns(names, imputer) - {name}  # a shift counts units, not ratios
        columns = learn_columns(frame, imputer.ordered, imputer.patient, unskewed)
        values, missing, _ = read_columns(columns, frame)
        _refuse_column(columns[j], imputer, int(missing[j].sum()))
        rows = _rows(rows, len(frame))
        if not (rows & missing[j]).any():
            raise InputError(f"no missing cell of column {name!r} is in rows; nothing is shifted.")
        plan = make_plan(columns, values, missing, imputer)
        number = _level(columns[j], level)
        size, unit_name = _unit(columns[j], frame[name], unit, number)
        return cls(imputer, frame, columns, values, missing, plan, j, number, rows, size, unit_name)

    @property
    def n_shifted(self):
        """Number of cells that are shifted."""
        return int((self.rows & self.missing[self.j]).sum())

    @property
    def observed(self):
        """Mean of the observed cells, or share of the shifted level."""
        return self._middle(self.values[self.j][~self.missing[self.j]])

    def imputed(self, deltas):
        """Yield each delta, its completed tables, and the middle of the shifted cells."""
        seed = int(check_random_state(self.imputer.random_state).randint(2**31 - 1))
        m, n_iter = self.imputer.m, self.imputer.n_iter
        plans = [self._shifted(delta) for delta in deltas]
        tasks = (
            (plan, self.values, self.missing, (seed, k), n_iter) for plan in plans for k in range(m)
        )
        options = {"n_jobs": self.imputer.n_jobs, "verbose": self.imputer.verbose}
        chains = iterate_parallel(
            _last_cells, tasks, **options, what="chains", total=m * len(deltas)
        )
        moved = self.rows[np.flatnonzero(self.missing[self.j])]
        supports = self._supports()
        for delta in deltas:
            last = [next(chains) for _ in range(m)]
            tables = [as_completed(self.frame, self.columns, filled, supports) for filled in last]
            middle = self._middle(np.concatenate([filled[self.j][1][moved] for filled in last]))
            yield float(delta), tables, middle

    def _shifted(self, delta):
        shifted = (delta * self.unit, self.rows, self.level)
        method = Shifted(self.plan.methods[self.j], *shifted)
        return replace(self.plan, methods={**self.plan.methods, self.j: method})

    def _supports(self):
        """Return the observed values of the other columns that are filled in from donors."""
        return {
            k: observed_support(column, self.frame[column.name])
            for k, column in enumerate(self.columns)
            if k != self.j
            and k in self.plan.methods
            and column.has_missing
            and not column.is_category
            and self.plan.methods[k].on_support
        }

    def _middle(self, cells):
        column = self.columns[self.j]
        if column.is_category:
            wanted = len(column.levels) - 1 if self.level is None else self.level
            return float((cells == wanted).mean())
        return float(column.number(cells).mean())


def _last_cells(task):
    """Run one chain and return the missing cells of each column in the last round."""
    plan, values, missing, seed, n_iter = task
    chain = Chain(plan, values, missing, seed)
    chain.run(n_iter)
    return {j: (chain.missing_rows[j], chain.current[j]) for j in plan.sequence}


def _refuse_column(column, imputer, n_missing):
    name = column.name
    if column.kind in (GROUP, DATE):
        raise InputError(
            f"column {name!r} holds {'groups' if column.kind == GROUP else 'dates'}, which are "
            "not shifted; for a date, shift the days from a fixed day."
        )
    if name in (imputer.passive or {}):
        raise InputError(f"column {name!r} is computed from others; shift one of those.")
    if not n_missing:
        raise InputError(f"column {name!r} has no missing cell, so there is nothing to shift.")
    if column.is_category and len(column.levels) < 2:
        raise InputError(f"column {name!r} has one level only, so its odds cannot be shifted.")


def _rows(rows, n):
    if rows is None:
        return np.ones(n, dtype=bool)
    rows = np.asarray(rows)
    if rows.dtype != bool or rows.shape != (n,):
        raise InputError(f"rows must be {n} booleans, one for each row of X.")
    return rows


def _level(column, level):
    if not column.is_category:
        if level is not None:
            raise InputError(
                f"category is for a column with levels; {column.name!r} holds numbers."
            )
        return None
    if level is None:
        if column.kind != ORDERED and len(column.levels) > 2:
            raise InputError(
                f"column {column.name!r} has {len(column.levels)} levels without an order; name "
                "the one whose log-odds are shifted with category."
            )
        return 1 if len(column.levels) == 2 else None
    places = [number for number, filled in enumerate(column.levels) if filled == level]
    if not places:
        raise InputError(f"category={level!r} was not observed in column {column.name!r}.")
    return places[0]


def _unit(column, series, unit, level):
    """Return what a delta of 1 counts, and how it is called."""
    if unit not in ("units", "sd"):
        raise InputError(f"unit={unit!r} is unknown; use 'units' or 'sd'.")
    if column.is_category:
        which = "the higher levels" if level is None else f"the level {column.levels[level]!r}"
        return 1.0, f"log-odds of {which}"
    return (float(series.std(ddof=0)), "observed SDs") if unit == "sd" else (1.0, "units")
