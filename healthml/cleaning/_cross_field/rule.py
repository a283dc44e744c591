"""What all rules between columns share: learnt on training rows, applied only where they hold."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from healthml._core._numerics import SD_BY_MAD
from healthml.cleaning._columns import as_written
from healthml.cleaning._cross_field.columns import Field
from healthml.cleaning._record import Change
from healthml.exceptions import InputError

# Share of training rows in which a rule must hold before it says anything: where it holds in
# fewer, the columns mean something else than their names say. Chosen by judgement, not by
# simulation: lower, and strangers are compared; higher, and a table with many wrong cells is not
# checked.
HOLDS = 0.8

FEWEST = 10  # training rows that can be judged


class FieldRule:
    """A relation between columns.

    A rule sets ``name`` and ``fields`` and offers ``judge(frame)``: which rows can be judged, and
    in which of these it holds. `learn` keeps the share; ``changes(frame, mode)`` yields changes.
    """

    name = ""
    needed = HOLDS

    def __init__(self, *fields):
        self.fields = fields
        self.n_assessed, self.share = 0, np.nan

    def learn(self, frame):
        """Learn from the training rows; return the rule itself."""
        judged, holds = self.judge(frame)
        self.n_assessed = int(judged.sum())
        self.share = float(holds[judged].mean()) if self.n_assessed else np.nan
        return self

    @property
    def status(self):
        """Whether the rule is applied, else why not."""
        if self.n_assessed < FEWEST:
            return "not assessed: too few rows with all columns"
        if self.share < self.needed:
            return "not assessed: does not hold in most rows; the columns may mean something else"
        return "applied"

    @property
    def columns(self):
        """Labels of the columns."""
        return [field.column for field in self.fields]

    def flag(self, field, rows, why, *, rule=None, severity="error"):
        """Return a flag on cells of one field's column."""
        rows = np.flatnonzero(rows)
        return Change(field.column, rule or self.name, rows, None, "flagged", severity, why)

    def repair(self, field, frame, rows, canonical, why, *, mode, rule=None):
        """Return a repair of cells with ``mode="apply"``, else a flag."""
        places, rule = np.flatnonzero(rows), rule or self.name
        new = as_written(frame[field.column], field.back(canonical[places]))
        if mode == "apply":
            return Change(field.column, rule, places, new, evidence=why)
        return Change(field.column, rule, places, None, "flagged", "error", why, proposed=new)


def robust(values):
    """Return median and robust standard deviation, NaN ignored.

    >>> robust(np.array([1.0, 2.0, 3.0, 100.0, np.nan]))
    (2.5, 1.4826)
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan
    middle = float(np.median(values))
    return middle, float(SD_BY_MAD * np.median(np.abs(values - middle)))


def inside(values, limits):
    """Return which values lie within limits; NaN does not."""
    with np.errstate(invalid="ignore"):
        return (values >= limits[0]) & (values <= limits[1])


def spread(values, share):
    """Return the limits between which a share of the values lies."""
    values = values[np.isfinite(values)]
    if not len(values):
        return (-np.inf, np.inf)
    return tuple(float(q) for q in np.quantile(values, [(1 - share) / 2, (1 + share) / 2]))


class UserRule(FieldRule):
    """A rule of the user's: always applied, since the user knows what the columns mean."""

    status = "applied"

    def __init__(self, name, check, columns):
        super().__init__(*(Field(column, column) for column in columns))
        self.name, self.check = name, check

    def judge(self, frame):
        frame = frame.to_frame()
        judged = frame[self.columns].notna().all(axis=1).to_numpy()
        holds = np.ones(len(frame), dtype=bool)
        if judged.any():
            holds[judged] = self._holds(frame[judged])
        return judged, holds

    def changes(self, frame, mode):
        judged, holds = self.judge(frame)
        for field in self.fields:
            yield self.flag(field, judged & ~holds, f"the user's rule {self.name} does not hold")

    def _holds(self, rows):
        if callable(self.check):
            answer = self.check(rows)
        else:
            try:
                answer = rows.eval(self.check, engine="python")
            except Exception as error:
                raise InputError(
                    f"rule {self.name!r}: {self.check!r} cannot be evaluated "
                    f"({type(error).__name__}); compare columns of numbers or dates, with "
                    "backticks around names that hold spaces."
                ) from None
        answer = pd.array(np.asarray(answer, dtype=object), dtype="boolean")
        if len(answer) != len(rows):
            raise InputError(
                f"rule {self.name!r} gave {len(answer)} answers for {len(rows)} rows; return one "
                "True or False for each row."
            )
        return answer.fillna(True).astype(bool)


def user_rules(rules, frame):
    """Return the user's rules as `UserRule`.

    As ``{name: "a <= b"}``, ``{name: (function, [columns])}`` or expressions alone.
    """
    if rules is None:
        return []
    if isinstance(rules, str):
        rules = [rules]
    named = rules if isinstance(rules, Mapping) else {str(rule): rule for rule in rules}
    made = []
    for name, rule in named.items():
        check, columns = rule if isinstance(rule, tuple) else (rule, None)
        if not isinstance(check, str) and not callable(check):
            raise InputError(f"rule {name!r} is neither an expression nor a function.")
        if columns is None:
            if callable(check):
                raise InputError(
                    f"rule {name!r} is a function; name its columns: (function, [columns])."
                )
            columns = _columns_in(check, frame)
        absent = [column for column in columns if column not in frame.columns]
        if absent or not columns:
            what = (
                f"names the columns {absent}, which X does not have"
                if absent
                else "has no column of X"
            )
            raise InputError(f"rule {name!r} {what}.")
        made.append(UserRule(name, check, list(columns)))
    return made


def _columns_in(expression, frame):
    """Return the columns that an expression names, in their order in the table."""
    quoted = set(re.findall(r"`([^`]*)`", expression))
    words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"`[^`]*`|'[^']*'|\"[^\"]*\"", " ", expression)))
    words -= {"and", "or", "not", "in", "abs"}
    unknown = sorted(word for word in words | quoted if word not in frame.columns)
    if unknown:
        raise InputError(f"the rule {expression!r} names {unknown}, which X does not have.")
    return [column for column in frame.columns if column in words | quoted]
