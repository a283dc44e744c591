"""Who is eligible: rules on columns, and the rows that do not meet them."""

import operator
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

from healthml._core._checks import as_tuple
from healthml._core._tables import parse_numbers
from healthml.exceptions import SchemaError
from healthml.schema._variable import check_keys, refuse_lists

_COMPARE = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_SIGN = r"(<=|>=|==|!=|=|<|>)"
_SENTENCE = re.compile(rf"\s*(.+?)\s*{_SIGN}\s*(.+?)\s*")
_RULE = re.compile(rf"\s*{_SIGN}\s*(.+?)\s*")
_EXAMPLE = "write {column: age, rule: '>=18'} or {column: ward, levels: [A, B]}"


@dataclass(frozen=True)
class Eligibility:
    """One rule: a column and either a comparison or the levels that are eligible.

    Parameters
    ----------
    column : str
        Column that the rule looks at.
    rule : str, optional
        Comparison such as ">=18", "!=Transfer" or ">=2015-01-01".
    levels : sequence, default=()
        Levels that are eligible.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.schema._eligibility import Eligibility
    >>> Eligibility("age", ">=18").met(pd.Series([17, 18, None])).tolist()
    [False, True, False]
    """

    column: str
    rule: str | None = None
    levels: tuple = ()

    def __post_init__(self):
        object.__setattr__(self, "levels", as_tuple(self.levels))
        refuse_lists((self.column,), "column")
        refuse_lists(self.levels, "levels")
        if (self.rule is None) == (not self.levels):
            raise SchemaError(
                f"eligibility on {self.column!r} needs either a rule or levels; {_EXAMPLE}."
            )
        if self.rule is not None and not _RULE.fullmatch(str(self.rule)):
            raise SchemaError(f"eligibility rule {self.rule!r} is no comparison; {_EXAMPLE}.")

    def met(self, values):
        """Return True where a value meets the rule; a missing value does not."""
        if self.levels:
            wanted = {str(level) for level in self.levels}
            text = values.astype(object).map(_label, na_action="ignore")
            return text.isin(wanted).to_numpy(dtype=bool)
        sign, bound = _RULE.fullmatch(self.rule).groups()
        if types.is_datetime64_any_dtype(values.dtype):
            met = _COMPARE[sign](values, _as_date(bound, self.column))
        elif _is_number(bound):
            met = _COMPARE[sign](_numbers(values, self.column), float(bound))
        elif sign in ("=", "==", "!="):
            met = _COMPARE[sign](values.astype(object).map(str, na_action="ignore"), bound)
        else:
            raise SchemaError(
                f"eligibility on {self.column!r} orders by {bound!r}, which is no number, and the "
                "column holds no dates; compare with a number or name the levels."
            )
        return met.to_numpy(dtype=bool, na_value=False) & values.notna().to_numpy()

    def __str__(self):
        if self.levels:
            return f"{self.column} in {', '.join(map(str, self.levels))}"
        return f"{self.column} {self.rule.strip()}"


def read_eligibility(rules):
    """Return the rules of a schema, however they were written.

    Parameters
    ----------
    rules : None, str, mapping, Eligibility or list of them
        "age >= 18", ``{"column": "age", "rule": ">=18"}``; all of a list must be met.

    Returns
    -------
    tuple of Eligibility

    Examples
    --------
    >>> from healthml.schema._eligibility import read_eligibility
    >>> [str(rule) for rule in read_eligibility(["age >= 18", {"column": "ward", "levels": ["A"]}])]
    ['age >=18', 'ward in A']
    """
    return tuple(_read_one(rule) for rule in as_tuple(rules))


def _read_one(rule):
    if isinstance(rule, Eligibility):
        return rule
    if isinstance(rule, str):
        parts = _SENTENCE.fullmatch(rule)
        if not parts:
            raise SchemaError(f"eligibility {rule!r} is no comparison; write 'age >= 18'.")
        return Eligibility(parts[1], f"{parts[2]}{parts[3]}")
    check_keys(rule, ("column", "rule", "levels"), "eligibility")
    if "column" not in rule:
        raise SchemaError(f"eligibility names no column; {_EXAMPLE}.")
    return Eligibility(**rule)


def _numbers(values, column):
    numbers, is_text = parse_numbers(values)
    bad = np.flatnonzero(is_text)
    if bad.size:
        raise SchemaError(
            f"eligibility compares {column!r} with a number, but {bad.size} of its cells are not "
            f"numbers, the first at position {bad[0]}; clean the column or name the levels."
        )
    return numbers


def _label(level):
    whole = isinstance(level, float) and level.is_integer()
    return f"{level:.0f}" if whole else str(level)


def _as_date(bound, column):
    try:
        return pd.Timestamp(bound)
    except ValueError as error:
        raise SchemaError(
            f"eligibility compares the dates of {column!r} with {bound!r}; write 2015-01-31."
        ) from error


def _is_number(text):
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None
