"""Rules that the user writes: an expression over columns, or a function of the table."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from healthml.cleaning._cross_field.columns import Field
from healthml.cleaning._cross_field.rule import FieldRule
from healthml.exceptions import InputError


class UserRule(FieldRule):
    """A rule of the user's: always applied, since the user knows what the columns mean."""

    status = "applied"

    def __init__(self, name, check, columns):
        super().__init__(*(Field(column, column) for column in columns))
        self.name, self.check = name, check

    def judge(self, frame):
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

    Parameters
    ----------
    rules : mapping, sequence of str, or None
        ``{name: "a <= b"}``, ``{name: (function, [columns])}`` or expressions alone.
    frame : pandas.DataFrame
        The training rows.
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
