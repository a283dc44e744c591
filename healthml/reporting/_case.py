"""What an audit is about: the table, the roles of its columns, the model, the splits."""

from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic

import numpy as np
import pandas as pd

from healthml._core._checks import check_event, check_groups, codes_as_meant
from healthml._core._findings import check_rules
from healthml._core._parallel import run_branches
from healthml._core._tables import check_column_names, check_table, sensitive_frame
from healthml.cleaning._quality import eager_report, find_repairs
from healthml.exceptions import InputError
from healthml.schema import Schema
from healthml.validation._leakage import join_units, role_columns, row_copies
from healthml.validation._reference_models import as_read, default_model
from healthml.validation._scoring import Evaluator, default_repeats

# Patients below which an audit is refused: what differs between two of them, each a fold, shows no
# chance at all, and no interval would be true. Chosen by judgement; mostly a site was declared.
FEWEST_PATIENTS = 5


@dataclass(frozen=True)
class Roles:
    """The columns that are not features, aligned with the rows of the table."""

    groups: np.ndarray | None = None
    respelled: np.ndarray | None = None  # patients, identifiers that differ in typing only joined
    site: np.ndarray | None = None
    time: np.ndarray | None = None
    sensitive: pd.DataFrame | None = None
    score: np.ndarray | None = None
    known_after: pd.DataFrame | None = None
    identifiers: pd.DataFrame | None = None
    named: dict = field(default_factory=dict)  # columns of the table taken out of X -> their role


@dataclass(frozen=True)
class Leaks:
    """What `check_leakage` answered; nothing, where there was no column to screen.

    Parameters
    ----------
    answers : LeakAnswers or None
        All findings, open questions and the screening.
    columns : list of str or None
        Columns of the model above suspicion, on which changes of the table are measured.
    risk : ndarray or None
        Out-of-sample risks of the model refitted on these columns, in the audit's own splits;
        None where they are all columns, or nothing is refitted.
    scores : PairedScores or None
        Of "model" and "variant", the model without the suspects; None without suspects.
    """

    answers: object = None
    columns: list | None = None
    risk: np.ndarray | None = None
    scores: object = None

    @property
    def suspects(self):
        """Columns under suspicion and why."""
        return {} if self.answers is None else self.answers.suspects


@dataclass(frozen=True)
class Case:
    """Everything the checks of an audit look at; nothing here is changed by them.

    Parameters
    ----------
    X : DataFrame
        Features as the user gave them, sensitive ones and site included.
    table : DataFrame
        The same as the model reads them: for the audit's own model, texts are categories and so
        are whole numbers that look like codes; for any other model it is X.
    y : ndarray
        Outcome as 0/1.
    model : scikit-learn classifier or None
        The procedure (refit) or fitted model; None when risks are judged as they are.
    model_event : object
        The event as a fitted model names it.
    model_columns : list
        Columns of X that the model is given.
    left_out : dict
        Columns of X that it is not given, and why.
    roles : Roles
        Patient, site, time, sensitive features, existing score.
    units : ndarray or None
        Patients joined with duplicate rows: what a split keeps together.
    judge : Evaluator
        The splits.
    quality : QualityReport
        What stands in the columns.
    risk : ndarray of shape (n_repeats, n_samples)
        Out-of-sample risks of the judged model; one line for risks that are judged as they are.
    clock : Clock or None
        Says how far the audit has come.
    seconds : dict
        Of one refit of the model, and of the look at the columns.
    wanted_repeats : int
        Repeats of the splits without a time budget.
    leaks : Leaks
        What the screening for leaks found.
    performance : Standing or None
        The model and everything simple beside it, scored on the same rows.
    """

    X: pd.DataFrame
    table: pd.DataFrame
    y: np.ndarray
    model: object
    model_columns: list
    roles: Roles
    units: np.ndarray | None
    duplicates: object
    judge: Evaluator
    refit: bool
    is_default: bool
    rules: dict
    thresholds: np.ndarray
    thresholds_declared: bool
    schema: object = None
    flow: pd.DataFrame | None = None
    raw_outcome: pd.Series | None = None
    event_label: str = "1"
    model_event: object = 1
    left_out: dict = field(default_factory=dict)
    columns_given: bool = True
    show_values: bool = False
    verbose: int = 0
    n_jobs: int | None = None
    seed: int = 0
    quality: object = None
    risk: np.ndarray | None = None
    clock: object = None
    seconds: dict = field(default_factory=dict)
    wanted_repeats: int = 1
    leaks: Leaks = field(default_factory=Leaks)
    performance: object = None

    @property
    def features(self):
        """The columns of X that the model is given."""
        return self.table[self.model_columns]

    @cached_property
    def everything(self):
        """The columns of X, and sensitive features that do not stand there."""
        extra = self.roles.sensitive
        if extra is None:
            return self.X
        others = [c for c in extra.columns if c not in self.X.columns]
        return pd.concat([self.X, extra[others].set_axis(self.X.index)], axis=1)

    @cached_property
    def repairs(self):
        """What each step of cleaning would change."""
        return find_repairs(self.quality)

    @cached_property
    def proposal(self):
        """The roles that the columns of X look like."""
        return Schema.infer(self.X)

    def measured(self, **found):
        """Return the case with what was measured; what hangs on the table alone is kept."""
        other = copy(self)
        for name, value in found.items():
            object.__setattr__(other, name, value)
        return other

    def say(self, text):
        """Report progress when asked."""
        self.judge._say(text)


def take_roles(X, y, *, groups, site, time, sensitive_features, score):
    """Take roles given as names of columns out of the table, or check them as arrays.

    Parameters
    ----------
    X : pandas.DataFrame
        The table.
    y : array-like or str
        The outcome, or the name of its column.
    groups, site, time, score : array-like, str or None
        Arrays aligned with X, or names of columns; patient, score and outcome then leave X.
    sensitive_features : DataFrame, array-like, list of str or None
        Features, or names of columns of X; they stay in X.

    Returns
    -------
    X : DataFrame
    y : array-like
    Roles
    """
    left = {}

    def column(value, name, leaves):
        if not isinstance(value, str):
            return _aligned(value, len(X), name)
        if value not in X.columns:
            raise InputError(f"{name} names a column that X does not have; give another one.")
        if leaves:
            left[value] = {"y": "outcome", "groups": "patient"}.get(name, name)
        return X[value]

    outcome = column(y, "y", True)
    patient = column(groups, "groups", True)
    where, when = column(site, "site", False), column(time, "time", False)
    risk = column(score, "score", True)
    sensitive = _take_sensitive(X, sensitive_features)
    codes = None if patient is None else _check_patients(patient, len(X))
    roles = Roles(
        codes,
        None if patient is None else codes_as_meant(patient),
        None if where is None else _as_labels(where),
        None if when is None else np.asarray(when),
        sensitive,
        None if risk is None else np.asarray(pd.Series(risk), dtype=object),
        named=left,
    )
    return X.drop(columns=list(left)), outcome, roles


def _check_patients(patient, n):
    """Return the patients' codes; a handful for many rows is refused, it has no interval."""
    codes = check_groups(patient, n)
    n_patients = int(codes.max(initial=-1)) + 1
    if n_patients < min(FEWEST_PATIENTS, n):
        raise InputError(
            f"groups names {n_patients} patients for {n:,} rows; an audit splits and counts "
            f"patients and needs {FEWEST_PATIENTS} of them. If the column is a site or a ward, "
            "pass it as site; if every row is another patient, leave groups out."
        )
    return codes


def _aligned(value, n, name):
    if value is None:
        return None
    if np.ndim(value) != 1:
        raise InputError(f"{name} has {np.ndim(value)} dimensions; pass one value for each row.")
    if len(value) != n:
        raise InputError(f"{name} has {len(value)} values for {n} rows; pass one for each row.")
    return value


def _as_labels(site):
    text = pd.Series(np.asarray(site, dtype=object))
    return text.where(text.notna(), "missing").map(_label).to_numpy()


def _label(value):
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _take_sensitive(frame, features):
    if features is None:
        return None
    names = [features] if isinstance(features, str) else features
    if isinstance(names, list | tuple) and names and all(isinstance(n, str) for n in names):
        unknown = [n for n in names if n not in frame.columns]
        if not unknown:
            return frame[list(names)]
        if len(names) != len(frame):
            raise InputError(f"sensitive_features names {unknown[0]!r}, which is no column of X.")
    return sensitive_frame(features, len(frame))


def build_case(X, y, roles, *, model, refit, event, options):
    """Check the inputs and draw the splits.

    Parameters
    ----------
    X : DataFrame
        Features.
    y : array-like
        Outcome, possibly with missing values, whose rows are counted and left out.
    roles : Roles
        From `take_roles` or a Schema.
    model : scikit-learn classifier or None
        None gives the default model, when `refit` is True.
    refit : bool
        Whether the procedure is refitted in every split.
    event : object
        Level or comparison that is the event.
    options : dict
        flow, schema, threshold_range, severity_rules, resampling and display options.

    Returns
    -------
    Case
    """
    raw = pd.Series(np.asarray(y, dtype=object)) if not isinstance(y, pd.Series) else y
    if len(raw) != len(X):
        raise InputError(f"y has {len(raw)} values for {len(X)} rows; pass one for each row.")
    known = raw.notna().to_numpy()
    flow = options.get("flow")
    flow = _flow(len(X), int(known.sum())) if flow is None else flow
    X, raw, roles = X[known], raw[known], _take_rows(roles, known)
    if not len(X):
        raise InputError("The outcome is missing in every row; check the outcome's column.")
    classes, y01 = check_event(raw, event=event, name="the outcome", groups=roles.groups)
    X = check_table(X, "table with a known outcome")
    check_column_names(X)
    rng = np.random.RandomState(options.get("seed", 0))
    given = {"groups": roles.groups, "site": roles.site, "time": roles.time}
    duplicates, (looks, seconds) = _side_by_side(X, {"y": y01, **given}, options)
    units = join_units(roles.groups, duplicates)
    thresholds, declared = threshold_grid(options.get("threshold_range"), float(y01.mean()))
    clock = options.get("clock")
    in_time = refit and getattr(clock, "budget", None) is not None
    judge = Evaluator(
        y01,
        groups=units,
        n_repeats=1 if in_time else options.get("n_repeats"),
        thresholds=thresholds,
        n_jobs=options.get("n_jobs"),
        verbose=options.get("verbose", 0),
        random_state=int(rng.randint(2**31 - 1)),
    )
    own = model is None and refit
    codes = looks.select("looks_like_code", status="suspected")["column"]
    table = as_read(X, categories=[c for c in X.columns if str(c) in set(codes)]) if own else X
    is_default, model = model is None, default_model() if own else model
    left_out = _left_out(X, roles, options.get("schema"), own)
    columns = [c for c in X.columns if c not in left_out]
    risk = options.get("risk")
    if refit:
        started = monotonic()
        risk = judge.risks(model, table[columns], label="the model")
        n_refits = len(judge.folds) * len(np.unique(judge.folds[0]))
        seconds["refit"] = (monotonic() - started) / n_refits
    else:
        risk = np.asarray(risk)[None, known]
    return Case(
        X=X,
        table=table,
        y=y01,
        model=model,
        model_columns=columns,
        left_out=left_out,
        roles=roles,
        units=units,
        duplicates=duplicates,
        judge=judge,
        refit=refit,
        is_default=is_default,
        rules=check_rules(options.get("severity_rules")),
        thresholds=thresholds,
        thresholds_declared=declared,
        schema=options.get("schema"),
        flow=flow,
        raw_outcome=raw if options.get("raw_outcome") is None else options["raw_outcome"],
        event_label=str(classes[1]),
        model_event=options.get("model_event", 1),
        risk=risk,
        columns_given=options.get("columns_given", True),
        show_values=options.get("show_values", False),
        verbose=options.get("verbose", 0),
        n_jobs=options.get("n_jobs"),
        seed=options.get("seed", 0),
        quality=looks,
        clock=clock,
        seconds=seconds,
        wanted_repeats=options.get("n_repeats") or default_repeats(len(y01)),
    )


def _side_by_side(X, given, options):
    """Return the copies of rows, and the look at the columns with its seconds."""
    n_jobs = options.get("n_jobs")
    calls = [(_copies, X, n_jobs), (_look_at_columns, X, options.get("schema"), given)]
    return run_branches(calls, n_rows=len(X), n_jobs=n_jobs)


def _copies(X, n_jobs):
    return row_copies(X, n_jobs=n_jobs)


def _look_at_columns(X, schema, given):
    started = monotonic()
    looks = eager_report(X, schema, given, places=False)
    return looks, {"columns": monotonic() - started, "refit": 0.0}


def _flow(n_rows, n_known):
    steps = [("rows in the table", 0, n_rows), ("outcome missing", n_rows - n_known, n_known)]
    columns = ["step", "n_left_out", "n_samples"]
    return pd.DataFrame([*steps, ("analysed", 0, n_known)], columns=columns)


def _take_rows(roles, keep):
    taken = {}
    for name in roles.__dataclass_fields__:
        value = getattr(roles, name)
        taken[name] = value if value is None or isinstance(value, dict) else value[keep]
    if taken["groups"] is not None:
        taken["groups"] = np.unique(taken["groups"], return_inverse=True)[1]
    return replace(roles, **taken)


def _left_out(X, roles, schema, is_default):
    """Return the columns of X that the model is not given, and why.

    A sensitive column stays a feature unless the user takes it out: leaving it out would judge
    another model. Site and time are no features of the audit's own model, because a new site or a
    later year has no learnt value, nor are empty columns; a procedure of the user's is given what
    the user gave.
    """
    if not is_default:
        return {}
    left = {}
    for name in ("site", "time"):
        array = getattr(roles, name)
        declared = getattr(schema, name, None) if schema is not None else None
        if declared is not None:
            left[declared] = f"declared as {name}"
        elif array is not None:
            same = role_columns(X, array, None)
            left |= dict.fromkeys(same, f"declared as {name}")
    left = {name: why for name, why in left.items() if name in X.columns}
    left |= {name: "empty" for name in X.columns if name not in left and X[name].isna().all()}
    if len(left) == X.shape[1]:
        raise InputError("No feature is left for the model beside site, time and empty columns.")
    return left


# The highest threshold of a range that nobody declared: nobody acts on near certainty alone. Chosen
# by judgement; it binds only where nearly half of the rows or more have the event.
_HIGHEST_THRESHOLD = 0.95


def threshold_grid(threshold_range, prevalence, n=21):
    """Return the decision thresholds and whether the user declared them.

    Parameters
    ----------
    threshold_range : tuple of float or None
        Lowest and highest threshold; by default half to twice the prevalence.
    prevalence : float
        Share of rows with the event.
    n : int, default=21
        Thresholds in the grid.

    Returns
    -------
    thresholds : ndarray
    declared : bool
    """
    declared = threshold_range is not None
    if declared and (np.shape(threshold_range) != (2,) or isinstance(threshold_range[0], str)):
        raise InputError("threshold_range must be two risks, such as (0.05, 0.2).")
    usual = prevalence / 2, min(2 * prevalence, _HIGHEST_THRESHOLD)
    low, high = threshold_range if declared else usual
    if not 0 < low <= high < 1:
        raise InputError(
            f"threshold_range is ({low:g}, {high:g}); give two risks with 0 < low <= high < 1."
        )
    return np.linspace(low, high, n), declared
