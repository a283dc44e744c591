"""The declaration itself: the prediction task, the roles of columns, and their checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real

import pandas as pd

from healthml._core._checks import as_tuple
from healthml._core._tables import refuse_nested, to_pandas
from healthml.exceptions import SchemaError
from healthml.schema._eligibility import read_eligibility
from healthml.schema._split import Parts, split_table
from healthml.schema._text import read_json, read_yaml, write_json, write_yaml
from healthml.schema._variable import (
    Variable,
    check_keys,
    check_pair,
    close_names,
    declared,
    refuse_lists,
)

_ONE_COLUMN = ("outcome", "patient", "site", "time", "follow_up", "score")
_MANY_COLUMNS = ("sensitive", "identifier", "known_after")
_LEAVES_X = ("outcome", "patient", "follow_up", "score", "identifier", "known_after")


@dataclass(frozen=True, repr=False)
class Schema:
    """The prediction task and the columns of a table.

    Parameters
    ----------
    outcome : str, optional
        Column of the outcome. `split` needs it.
    event : scalar or str, optional
        The level that is the event ("<30", "Died") or a comparison (">0"). Not needed for 0/1 and
        booleans, where 1 is the event; required otherwise, since it is never guessed.
    patient : str, optional
        Column that says which rows belong to one patient.
    site : str, optional
        Column of the hospital, centre or ward.
    time : str, optional
        Column of the time of the prediction (date or year).
    prediction_time : str, optional
        In words, when the prediction is made ("24 hours after admission").
    horizon : number, optional
        How far the prediction looks ahead, in the unit of `follow_up`.
    follow_up : str, optional
        Column of the time from the prediction to the event, or to the end of follow-up when there
        was none (censoring).
    eligibility : str, mapping or list of them, optional
        Who may be predicted: "age >= 18", ``{"column": "ward", "levels": ["A", "B"]}``. All rules
        must be met; other rows are counted and left out.
    score : str, optional
        Column of another model's risk.
    sensitive : str or list of str, default=()
        Columns by which fairness is judged. They may also be the site or the time.
    identifier : str or list of str, default=()
        Columns that name a patient, an encounter or a row.
    known_after : str or list of str, default=()
        Columns known only after the prediction.
    variables : mapping of str to Variable or mapping, optional
        What is declared about single columns.
    threshold_range : pair of float, optional
        Lowest and highest decision threshold of interest, between 0 and 1.

    evidence : DataFrame, optional
        Set by `infer` only.

    Attributes
    ----------
    evidence : DataFrame or None
        Why `infer` proposed each role: column, role, adopted, evidence.

    Raises
    ------
    SchemaError
        If the declaration contradicts itself; the message names the column and the remedy.

    See Also
    --------
    Variable : What is declared about one column.
    healthml.audit : Takes a schema in place of its roles.
    healthml.cleaning.ClinicalCleaner : Takes units, limits and missing codes from it.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.schema import Schema
    >>> df = pd.DataFrame({"id": [7, 7, 8], "age": [70, 71, 40], "died": ["No", "Yes", "No"]})
    >>> schema = Schema(outcome="died", event="Yes", patient="id", eligibility="age >= 18")
    >>> parts = schema.split(df)
    >>> parts.X.columns.tolist(), parts.y.tolist(), parts.groups.tolist()
    (['age'], [0, 1, 0], [7, 7, 8])
    """

    outcome: str | None = None
    event: object = None
    patient: str | None = None
    site: str | None = None
    time: str | None = None
    prediction_time: str | None = None
    horizon: float | None = None
    follow_up: str | None = None
    eligibility: tuple = ()
    score: str | None = None
    sensitive: tuple = ()
    identifier: tuple = ()
    known_after: tuple = ()
    variables: dict = field(default_factory=dict)
    threshold_range: tuple | None = None
    evidence: pd.DataFrame | None = field(default=None, compare=False)

    def __post_init__(self):
        for name in _MANY_COLUMNS:
            object.__setattr__(self, name, as_tuple(getattr(self, name)))
        object.__setattr__(self, "eligibility", read_eligibility(self.eligibility))
        object.__setattr__(self, "variables", _read_variables(self.variables))
        self._check_roles()
        self._check_task()

    def split(self, df, *, drop_sensitive=False, drop_site=False, drop_time=False) -> Parts:
        """Take a table apart into features, outcome and roles.

        Outcome, patient, identifiers, follow-up, score and columns known after the prediction
        leave X. Sensitive columns, site and time stay unless they are dropped. Declared missing
        codes become missing; rows that are not eligible or have no outcome are left out and
        counted in ``flow``.

        Parameters
        ----------
        df : DataFrame
            The table; pandas, polars or any frame that narwhals reads.
        drop_sensitive, drop_site, drop_time : bool, default=False
            Take these columns out of X as well.

        Returns
        -------
        Parts

        Raises
        ------
        SchemaError
            If the table lacks a column, a patient or site is missing, an outcome is censored
            before the horizon, or no row is left.
        OutcomeError
            If the outcome has one class, or its event must be named.
        InputError
            If the table is empty, repeats a column name or holds an infinite feature.
        """
        frame = self.check(df)
        out = {column for role in _LEAVES_X for column in as_tuple(getattr(self, role))}
        for drop, role in ((drop_sensitive, "sensitive"), (drop_site, "site"), (drop_time, "time")):
            out |= set(as_tuple(getattr(self, role))) if drop else set()
        features = [column for column in frame.columns if column not in out]
        if not features:
            raise SchemaError("no column is left as a feature; give fewer columns a role.")
        return split_table(self, frame, features)

    def check(self, df) -> pd.DataFrame:
        """Return the table as pandas after checking that it has every declared column.

        Parameters
        ----------
        df : DataFrame
            The table.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        SchemaError
            If a declared column is not in the table; close names are suggested.
        """
        frame = to_pandas(df, "table")
        for column, role in self._named_columns():
            if column not in frame.columns:
                known = list(frame.columns)
                raise SchemaError(
                    f"the table has no column {column!r}, declared as {role}"
                    f"{close_names(column, known)}."
                )
        return frame

    @classmethod
    def infer(cls, df, **known) -> "Schema":
        """Propose a schema with its evidence, to be read and corrected before use.

        Roles are proposed from names and counts. The event is decided only for 0/1 and
        booleans. Limits come from healthml's shipped ranges when a name matches a concept and the
        values fit, never from the data. An existing score is proposed in ``evidence`` only.

        Parameters
        ----------
        df : DataFrame
            The table.
        **known
            What is known already, by the names of `Schema` (``outcome="died"``); it is kept.

        Returns
        -------
        Schema
            With `evidence`.

        Examples
        --------
        >>> import pandas as pd
        >>> from healthml.schema import Schema
        >>> df = pd.DataFrame({"sex": ["f", "m", "f"], "hosplos": [3, 5, 2], "died": [0, 1, 0]})
        >>> schema = Schema.infer(df, outcome="died")
        >>> schema.sensitive, schema.known_after
        (('sex',), ('hosplos',))
        """
        from healthml.schema._infer import propose

        check_keys(known, _names(cls), "Schema")
        frame = to_pandas(df, "table")
        refuse_nested(frame, "the table")
        cls(**{name: given for name, given in known.items() if name != "event"}).check(frame)
        roles, evidence = propose(frame, known)
        return cls(**{**roles, **known}, evidence=evidence)

    def to_dict(self) -> dict:
        """Return what was declared as plain values, ready for YAML or JSON."""
        given = declared(self, leave_out=("evidence",))
        if self.eligibility:
            given["eligibility"] = [_plain(declared(rule)) for rule in self.eligibility]
        if self.variables:
            given["variables"] = {k: _plain(declared(v)) for k, v in self.variables.items()}
        return _plain(given)

    @classmethod
    def from_dict(cls, mapping) -> "Schema":
        """Make a schema from plain values; an unknown key is refused."""
        check_keys(mapping, _names(cls), "Schema")
        return cls(**mapping)

    def to_yaml(self, path=None) -> str:
        """Return the schema as YAML, and write it to `path` if one is given."""
        return write_yaml(self.to_dict(), path)

    @classmethod
    def from_yaml(cls, source) -> "Schema":
        """Make a schema from a YAML file (a path) or from YAML text."""
        return cls.from_dict(read_yaml(source))

    def to_json(self, path=None) -> str:
        """Return the schema as JSON, and write it to `path` if one is given."""
        return write_json(self.to_dict(), path)

    @classmethod
    def from_json(cls, source) -> "Schema":
        """Make a schema from a JSON file (a path) or from JSON text."""
        return cls.from_dict(read_json(source))

    def __repr__(self):
        given = declared(self, leave_out=("evidence",))
        return "Schema(" + ", ".join(f"{name}={value!r}" for name, value in given.items()) + ")"

    def _named_columns(self):
        """Every declared column with its role, in order."""
        for role in (*_ONE_COLUMN, *_MANY_COLUMNS):
            yield from ((column, role) for column in as_tuple(getattr(self, role)))
        yield from ((rule.column, "eligibility") for rule in self.eligibility)
        yield from ((column, "a variable") for column in self.variables)

    def _check_roles(self):
        roles = {}
        for role in (*_ONE_COLUMN, *_MANY_COLUMNS):
            named = getattr(self, role)
            if role in _ONE_COLUMN and isinstance(named, list | tuple | dict | set):
                raise SchemaError(f"{role}={named!r} must be the name of one column.")
            refuse_lists(as_tuple(named), role)
            for column in as_tuple(named):
                _refuse_second_role(column, role, roles.setdefault(column, []))
                roles[column].append(role)

    def _check_task(self):
        if self.event is not None and self.outcome is None:
            raise SchemaError(f"event={self.event!r} has no outcome; declare the outcome's column.")
        if self.horizon is not None:
            is_number = isinstance(self.horizon, Real) and not isinstance(self.horizon, bool)
            if not is_number or not 0 < self.horizon < float("inf"):
                raise SchemaError(f"horizon={self.horizon!r} is not a time; give a number above 0.")
            if self.follow_up is None:
                raise SchemaError(
                    f"horizon={self.horizon} is declared without follow_up, so nobody can tell who "
                    "was followed that long; declare the column of the follow-up time."
                )
        if self.prediction_time is not None and not isinstance(self.prediction_time, str):
            raise SchemaError("prediction_time must be words; give the column as time.")
        pair = check_pair(self.threshold_range, "threshold_range")
        if pair is not None and (None in pair or not 0 < pair[0] <= pair[1] < 1):
            raise SchemaError(
                f"threshold_range={list(pair)!r} must lie between 0 and 1; "
                "give risks at which a decision would change, such as [0.05, 0.3]."
            )
        object.__setattr__(self, "threshold_range", pair)


def _refuse_second_role(column, role, others):
    shared = {"sensitive", "site", "time"}
    for other in others:
        if other == role:
            raise SchemaError(f"column {column!r} is listed twice as {role}; list it once.")
        if not ({other, role} <= shared and "sensitive" in {other, role}):
            raise SchemaError(
                f"column {column!r} is declared as {other} and as {role}; keep one of the two."
            )


def _read_variables(variables):
    if variables is None:
        return {}
    if not isinstance(variables, Mapping):
        raise SchemaError("variables must map columns to what is declared; write 'age: {unit: a}'.")
    return {column: _read_variable(column, given) for column, given in variables.items()}


def _read_variable(column, given):
    if isinstance(given, Variable):
        return given
    check_keys(given, [f.name for f in fields(Variable)], f"variable {column!r}")
    try:
        return Variable(**given)
    except SchemaError as error:
        raise SchemaError(f"variable {column!r}: {error}") from None


def _names(cls):
    return [f.name for f in fields(cls) if f.name != "evidence"]


def _plain(value):
    """Tuples as lists and numpy scalars as Python's, which YAML and JSON can write."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.item() if hasattr(value, "item") else value
