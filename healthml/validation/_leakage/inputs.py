"""Inputs of `check_leakage`, checked once: tables, roles, the split."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups, codes_as_meant
from healthml._core._findings import check_rules
from healthml._core._fingerprints import duplicate_clusters
from healthml._core._tables import check_column_names, check_table, role_series, to_pandas
from healthml.cleaning._columns import SUSPECTED, TableView
from healthml.cleaning._quality import screen_codes
from healthml.exceptions import InputError
from healthml.validation._leakage.case import FEW_ROWS, LeakCase, join_units
from healthml.validation._leakage.split import read_split
from healthml.validation._reference_models import as_read, default_model
from healthml.validation._scoring import Evaluator

# Columns that are plenty to recognise a row by; more cost time. Chosen by judgement.
MANY_COLUMNS = 200


# Options of `check_leakage` as they are when nobody gives them; see there.
_DEFAULTS = {
    "transformer": None,
    "event": None,
    "severity_rules": None,
    "n_repeats": None,
    "confidence_level": 0.95,
    "n_jobs": None,
    "verbose": 0,
    "seed": 0,
    "outcome": None,
    "risk": None,
    "duplicates": None,
    "respelled": None,
    "show_values": False,
}


def make_case(
    X,
    y,
    *,
    groups=None,
    site=None,
    time=None,
    schema=None,
    split=None,
    test=None,
    estimator=None,
    known_after=None,
    **options,
):
    """Check the inputs of `check_leakage` and draw its splits.

    Parameters
    ----------
    X, y, groups, site, time, schema, split, test, estimator, known_after
        As in `check_leakage`.
    **options
        The other parameters of `check_leakage`, and for the audit ``outcome`` (name of the
        outcome), ``risk`` (of a fitted model, which is not refitted), ``duplicates`` (of
        `row_copies`, where they are known already), ``respelled`` (patients of which identifiers
        differ in typing only, where ``groups`` are codes) and ``show_values``.

    Returns
    -------
    LeakCase
    """
    options = {**_DEFAULTS, **options}
    X, y, split, groups = _with_test(X, y, split, test, groups)
    if schema is not None and y is None:
        X, y, groups, site, time, known_after = _from_schema(X, schema, known_after)
    elif schema is not None:
        known_after = _listed(known_after) + _listed(schema.known_after)
    if y is None:
        raise InputError("y is missing; pass the outcome, the name of its column, or a schema.")
    frame = check_table(X, "X")
    check_column_names(frame)
    outcome = y if isinstance(y, str) else getattr(y, "name", options["outcome"])
    given = {"y": y, "groups": groups, "site": site, "time": time}
    roles = {name: _role(frame, value, name) for name, value in given.items()}
    check_alignment(X=frame, **roles)
    drop = [v for v in (y, groups) if isinstance(v, str)]
    frame = frame.drop(columns=drop)
    y01 = check_event(roles["y"], event=options["event"], name="the outcome")[1]
    if len(y01) != len(frame):
        raise InputError(f"y has {len(y01)} values for {len(frame)} rows; pass one for each row.")
    later = tuple(c for c in _listed(known_after) if c in frame.columns)
    unknown = [c for c in _listed(known_after) if c not in frame.columns]
    if unknown and schema is None:
        raise InputError(f"known_after names {unknown[0]!r}, which is not a column of X.")
    options |= {"split": split, "estimator": estimator}
    options["outcome"] = None if outcome is None else str(outcome)
    return _assemble(frame, y01, roles, later, **options)


def _assemble(frame, y, roles, later, **options):
    groups = None if roles["groups"] is None else check_groups(roles["groups"], len(frame))
    respelled = options["respelled"]
    if groups is not None and respelled is None:
        respelled = codes_as_meant(roles["groups"])
    duplicates = options["duplicates"]
    if duplicates is None:
        compared = frame[[c for c in frame.columns if c not in later]]
        duplicates = row_copies(compared, n_jobs=options["n_jobs"])
    estimator, units = options["estimator"], join_units(groups, duplicates)
    if estimator is None:  # a new site, or a later year, has no learnt value
        frame = frame.drop(columns=role_columns(frame, roles["site"], roles["time"]))
    if not frame.shape[1]:
        raise InputError("X has no column beside site and time; nothing is left to look at.")
    units = np.arange(len(frame)) if units is None else units
    return LeakCase(
        X=frame,
        table=_as_read(frame, y, groups) if estimator is None else frame,
        y=y,
        groups=groups,
        site=None if roles["site"] is None else pd.Series(roles["site"]).to_numpy(dtype=object),
        time=roles["time"],
        known_after=later,
        split=read_split(options["split"], y, groups),
        model=default_model() if estimator is None else estimator,
        is_default=estimator is None,
        duplicates=duplicates,
        units=units,
        judge=_judge(y, units, options),
        rules=check_rules(options["severity_rules"]),
        outcome=options["outcome"],
        transformer=options["transformer"],
        risk=options["risk"],
        n_jobs=options["n_jobs"],
        seed=options["seed"],
        level=options["confidence_level"],
        show_values=options["show_values"],
        respelled=respelled,
    )


def _judge(y, units, options):
    return Evaluator(
        y,
        groups=units,
        n_repeats=options["n_repeats"] or (2 if len(y) <= FEW_ROWS else 1),
        confidence_level=options["confidence_level"],
        n_jobs=options["n_jobs"],
        verbose=options["verbose"],
        random_state=options["seed"],
    )


def _as_read(frame, y, groups):
    """Return the table as the default model reads it; numbers that look like codes are levels."""
    flags = screen_codes(TableView(frame, y=y, groups=groups))
    codes = {flag.column for flag in flags if flag.status == SUSPECTED}
    return as_read(frame, categories=[c for c in frame.columns if str(c) in codes])


def role_columns(frame, site, time):
    """Return the columns that hold the declared site or time: roles, not features.

    Parameters
    ----------
    frame : DataFrame of shape (n_samples, n_columns)
        The table.
    site, time : array-like of shape (n_samples,) or None
        The roles.

    Returns
    -------
    list of str
    """
    roles = {"site": site, "time": time}
    declared = [_declared_levels(v, name) for name, v in roles.items() if v is not None]
    return [c for c in frame.columns if any(_same_values(frame[c], levels) for levels in declared)]


def _declared_levels(array, name):
    """Return the level of each row of a role (-1 if missing) and the levels."""
    role = role_series(array, name).astype(object)
    return pd.factorize(role.where(role.ne("missing") & role.notna()))


def _same_values(column, declared):
    """Say whether a column holds the values of a role, missing ones included."""
    codes, levels = pd.factorize(column)
    same = np.array_equal(codes, declared[0])
    return same and [*map(_label, levels)] == [*map(_label, declared[1])]


def _label(value):
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def row_copies(frame, *, n_jobs=None):
    """Look for copies of rows, in a wide table by as many of its columns as are plenty.

    Parameters
    ----------
    frame : DataFrame
        The columns that copies agree in.
    n_jobs : int, optional
        Threads that share a large table.

    Returns
    -------
    DuplicateRows or None
        None for a single column.
    """
    if frame.shape[1] < 2:
        return None
    some = np.unique(np.linspace(0, frame.shape[1] - 1, MANY_COLUMNS).astype(int))
    compared = frame.iloc[:, some] if frame.shape[1] > MANY_COLUMNS else frame
    return duplicate_clusters(compared, n_jobs=n_jobs)


def _with_test(X, y, split, test, groups):
    """Put training and test tables together; the split between them is the one to judge."""
    if test is None:
        return X, y, split, groups
    if split is not None:
        raise InputError("Give test or split, not both: test is the split.")
    if not isinstance(test, tuple) or len(test) not in (2, 3):
        raise InputError("test must be (X_test, y_test) or (X_test, y_test, groups_test).")
    if isinstance(y, str) or y is None:
        raise InputError("With test, pass y as an array for the training rows.")
    first, second = to_pandas(X), to_pandas(test[0])
    if list(first.columns) != list(second.columns):
        raise InputError("The training and the test table have different columns.")
    if (groups is None) != (len(test) == 2):
        raise InputError("Give the patients of both tables, or of neither.")
    check_alignment(X=first, y=y, groups=groups)
    check_alignment(
        X_test=second, y_test=test[1], groups_test=test[2] if groups is not None else None
    )
    joined = pd.concat([first, second], ignore_index=True)
    rows = (np.arange(len(first)), np.arange(len(first), len(joined)))
    both = lambda a, b: np.concatenate([np.asarray(a), np.asarray(b)])  # noqa: E731
    groups = None if groups is None else both(groups, test[2])
    return joined, both(y, test[1]), rows, groups


def _from_schema(X, schema, known_after):
    """Take the roles from a schema; columns that it declares as known later are put back."""
    table = to_pandas(X)
    parts = schema.split(table)
    kept = table.iloc[parts.kept]
    later = [c for c in _listed(schema.known_after) if c in kept.columns]
    frame = pd.concat([parts.X, kept[later].set_axis(parts.X.index)], axis=1)
    names = _listed(known_after) + tuple(later)
    return frame, parts.y, parts.groups, parts.site, parts.time, names


def _listed(value):
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _role(frame, value, name):
    if not isinstance(value, str):
        return value
    if value not in frame.columns:
        raise InputError(f"{name} names a column that X does not have; give another one.")
    return frame[value]
