"""Take a table apart into features, outcome and roles, counting every row that is left out."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import check_event, refuse_inexact
from healthml._core._release import release_table, size_words
from healthml._core._tables import blank_codes, parse_numbers, refuse_infinite
from healthml.exceptions import SchemaError


@dataclass(frozen=True, repr=False)
class Parts:
    """A table taken apart by `Schema.split`; all parts have the same rows and index.

    Attributes
    ----------
    X : DataFrame
        Features.
    y : Series
        Outcome, int64, 1 where the event happened.
    groups, site, time, score : Series or None
        Patient, site, time of prediction and existing risk, each as the table has it.
    sensitive : DataFrame or None
        Columns by which fairness is judged.
    flow : DataFrame
        One row per step: ``step``, ``n_left_out``, ``n_samples``, ``n_patients``, ``n_events``
        (missing where it is not known yet).
    kept : ndarray
        Positions of these rows in the table.

    See Also
    --------
    Schema : Makes these with `split`.

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.schema import Schema
    >>> df = pd.DataFrame({"age": [17, 70, 40], "died": [0, 1, 0]})
    >>> Schema(outcome="died", eligibility="age >= 18").split(df)
    Parts(<11 rows of <11, <11 events, 1 features)
    """

    X: pd.DataFrame
    y: pd.Series
    groups: pd.Series | None
    site: pd.Series | None
    time: pd.Series | None
    sensitive: pd.DataFrame | None
    score: pd.Series | None
    flow: pd.DataFrame
    kept: np.ndarray

    def __repr__(self):
        flow = release_table(self.flow, as_text=True)["n_samples"]
        events = size_words(len(self.y), int(self.y.sum())).split(", ")[1]
        return (
            f"Parts({flow.iloc[-1]} rows of {flow.iloc[0]}, {events}, {self.X.shape[1]} features)"
        )


def split_table(schema, frame, features):
    """Return `Parts` of a checked table.

    Parameters
    ----------
    schema : Schema
        With an outcome.
    frame : pandas.DataFrame
        Table that has every declared column.
    features : list
        Columns of X.

    Returns
    -------
    Parts

    Examples
    --------
    >>> import pandas as pd
    >>> from healthml.schema import Schema
    >>> from healthml.schema._split import split_table
    >>> df = pd.DataFrame({"age": [70, 40], "died": [1, 0]})
    >>> split_table(Schema(outcome="died"), df, ["age"]).y.tolist()
    [1, 0]
    """
    if schema.outcome is None:
        raise SchemaError("the schema declares no outcome; declare the outcome's column.")
    frame = _without_codes(frame, schema.variables)
    numeric = [*features, schema.outcome, schema.follow_up, schema.score]
    refuse_infinite(frame[[c for c in frame.columns if c in numeric]], "table")
    flow = _Flow(frame, schema)
    for rule in schema.eligibility:
        values = frame[rule.column]
        flow.leave_out(values.isna().to_numpy(), f"{rule.column} missing")
        flow.leave_out(~rule.met(values), f"not eligible: {rule}")
    no_value = f"the outcome {schema.outcome!r} has no value in them"
    flow.leave_out(frame[schema.outcome].isna().to_numpy(), "outcome missing", no_value)
    name = f"outcome {schema.outcome!r}"
    patient = None if schema.patient is None else frame[schema.patient].iloc[flow.kept]
    kept = frame[schema.outcome].iloc[flow.kept]
    _, y01 = check_event(kept, event=schema.event, name=name, groups=patient)
    if schema.horizon is not None:
        _check_horizon(schema, frame[schema.follow_up], flow.kept, y01)
    if patient is not None:
        refuse_inexact(patient, f"the patient column {schema.patient!r}")
    for role in ("patient", "site"):
        _refuse_missing(frame, getattr(schema, role), role, flow.kept)
    return _parts(schema, frame.iloc[flow.kept], features, y01, flow)


class _Flow:
    """Positions of kept rows, and what was left out at each step."""

    def __init__(self, frame, schema):
        self.kept = np.arange(len(frame))
        self._patient = None if schema.patient is None else frame[schema.patient]
        self._rows = [("rows in the table", 0, len(frame), self._n_patients())]

    def leave_out(self, is_out, step, reason=None):
        n_out = int(is_out[self.kept].sum())
        if n_out or not step.endswith("missing"):
            self.kept = self.kept[~is_out[self.kept]]
            self._rows.append((step, n_out, len(self.kept), self._n_patients()))
        if not len(self.kept):
            raise SchemaError(
                f"no row of {self._rows[0][2]} is left after the step {step!r}"
                f"{'' if reason is None else f': {reason}'}; "
                "check the rule and how the column was read."
            )

    def to_frame(self, n_events):
        columns = ["step", "n_left_out", "n_samples", "n_patients"]
        last = ("analysed", 0, len(self.kept), self._n_patients())
        flow = pd.DataFrame([*self._rows, last], columns=columns)
        flow["n_patients"] = flow["n_patients"].astype("Int64")
        flow["n_events"] = pd.array([pd.NA] * len(self._rows) + [n_events], dtype="Int64")
        return flow

    def _n_patients(self):
        return None if self._patient is None else self._patient.iloc[self.kept].nunique()


def _without_codes(frame, variables):
    frame = frame.copy(deep=False)
    for column, variable in variables.items():
        if variable.missing_codes:
            frame[column] = blank_codes(frame[column], variable.missing_codes)
    return frame


def _check_horizon(schema, follow_up, kept, y01):
    """Refuse rows of which nobody knows whether the event happened before the horizon."""
    time, is_text = parse_numbers(follow_up)
    column, horizon = schema.follow_up, schema.horizon
    time, is_text = time.to_numpy()[kept], is_text.to_numpy()[kept]
    _refuse(
        is_text | (time < 0),
        kept,
        f"follow_up {column!r} is no time of 0 or more",
        "correct these cells or set them to missing",
    )
    short = ~(time >= horizon) & (y01 == 0)  # a missing time is no proof of follow-up
    _refuse(
        short,
        kept,
        f"the outcome is censored before the horizon of {horizon} (no event, and "
        f"follow_up {column!r} is shorter or missing)",
        "they are not 'no event'; leave them out and say so, follow them up, shorten the horizon, "
        "or use a method for censored outcomes",
    )
    _refuse(
        (time > horizon) & (y01 == 1),
        kept,
        f"the event has a follow_up {column!r} beyond the horizon of {horizon}",
        "set their outcome to no event if it happened after the horizon; otherwise put the time "
        "of the event into the column",
    )


def _refuse(is_bad, kept, what, remedy):
    bad = np.flatnonzero(is_bad)
    if bad.size:
        raise SchemaError(
            f"in {bad.size} of {len(kept)} rows, the first at position {kept[bad[0]]}, "
            f"{what}; {remedy}."
        )


def _refuse_missing(frame, column, role, kept):
    if column is None:
        return
    _refuse(
        frame[column].iloc[kept].isna().to_numpy(),
        kept,
        f"the {role} {column!r} is missing",
        f"leave these rows out, or give each of them a {role} of its own",
    )


def _parts(schema, kept, features, y01, flow):
    def role(column):
        return None if column is None else kept[column].copy()

    return Parts(
        X=kept[features].copy(),
        y=pd.Series(y01, index=kept.index, name=schema.outcome),
        groups=role(schema.patient),
        site=role(schema.site),
        time=role(schema.time),
        sensitive=kept[list(schema.sensitive)].copy() if schema.sensitive else None,
        score=role(schema.score),
        flow=flow.to_frame(int(y01.sum())),
        kept=flow.kept,
    )
