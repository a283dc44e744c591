"""The two ways in: a model or procedure, and risks that are given."""

import pandas as pd

from healthml._core._checks import check_alignment, check_proba, check_seed
from healthml._core._tables import to_pandas
from healthml.exceptions import InputError
from healthml.reporting._audit.assemble import make_report
from healthml.reporting._audit.inputs import fitted_risk, take_inputs
from healthml.reporting._case import build_case, take_roles
from healthml.reporting._checks import CHECKS
from healthml.reporting._lines import describe_call
from healthml.reporting._plan import Clock, take_selection


def audit(
    estimator,
    X,
    y=None,
    *,
    groups=None,
    sensitive_features=None,
    site=None,
    time=None,
    schema=None,
    score=None,
    event=None,
    refit=True,
    threshold_range=None,
    known_after=None,
    severity_rules=None,
    n_repeats=None,
    only=None,
    skip=None,
    deep=False,
    time_budget=None,
    show_values=False,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Judge a clinical prediction model on a table, and say what must be settled first.

    With ``refit=True`` a procedure is judged: it is refitted whole in every split of the patients,
    so the answer is for new patients of the same kind. With ``refit=False`` a fitted model is
    judged as it is on these rows, which must not be those it was made with. Beside the model
    stand, on the same resamples: the prevalence only, age and sex, penalised logistic regression,
    and the existing score if there is one.

    Parameters
    ----------
    estimator : scikit-learn classifier, Pipeline or None
        The procedure to refit, or a fitted model. None judges the table with the audit's own
        penalised logistic regression, which uses every column but site and time.
    X : DataFrame or array-like of shape (n_samples, n_features)
        Features; with a `schema` and no `y`, the whole table.
    y : array-like of shape (n_samples,) or str, optional
        Outcome, or the name of its column in `X`. 0/1 and booleans: 1 is the event.
    groups : array-like of shape (n_samples,) or str, optional
        The patient of each row. Rows of a patient never stand on both sides of a split.
    sensitive_features : DataFrame, array-like or list of str, optional
        For whom performance is shown apart. Names are columns of `X` and stay features of the
        model; what leaving them out would cost is shown.
    site, time : array-like of shape (n_samples,) or str, optional
        Site and time of each row: is the model right at a site left out, and later?
    schema : Schema, optional
        Declares all roles at once, and the prediction task.
    score : array-like of shape (n_samples,) or str, optional
        Risk of the score already in use, compared and never used as a feature.
    event : scalar or str, optional
        Which outcome is the event, for anything but 0/1: a level ("Died") or comparison (">0").
    refit : bool, default=True
        Judge the procedure (True) or the fitted model as it is (False).
    threshold_range : tuple of (float, float), optional
        Decision thresholds that make sense clinically; by default half to twice the prevalence,
        which the report marks as not declared.
    known_after : list of str or DataFrame, optional
        Columns known only after the prediction: left out, and what they would have pretended is
        shown.
    severity_rules : dict, optional
        Other cut-offs of harm, such as ``{"auroc": 0.05}``; see the table of severities.
    n_repeats : int, optional
        Repeats of the 5-fold cross-validation; by default by size (5, 3, 2, 1).
    only, skip : str or list of str, optional
        Codes of findings ("HM301") or names of checks ("leaks", "sites") that are asked, or left
        out. The report says so, and is a part of an audit.
    deep : bool, default=False
        Also refit in bootstrap samples (would another sample have given the patients other risks?)
        and compare ways to deal with a rare outcome: many times the work.
    time_budget : float, optional
        Seconds that the audit may take: it then makes as many repeats of the splits as fit, says
        how many, and gives no two runs the same number. What is needed at least is said (`verbose`)
        before the long work, and is done even where it takes longer, with a `TimeBudgetWarning`.
    show_values : bool, default=False
        Allow values of cells in the report.
    n_jobs : int, optional
        Parallel refits, as in joblib; the answer does not depend on it.
    verbose : int, default=0
        Progress on standard error, with the steps that are left.
    random_state : int or None, default=None
        Randomness of the splits and shuffles.

    Returns
    -------
    AuditReport
        Findings, what was not assessed, the evidence; `to_html`, `to_json`, `summary`.

    Raises
    ------
    InputError
        If the inputs cannot be used; one sentence with place and remedy.

    See Also
    --------
    audit_predictions : Judges risks that exist already.
    healthml.validation.validate : Performance of a procedure alone, by any resampling.
    healthml.validation.check_leakage : The questions of leakage alone.
    healthml.cleaning.quality_report : The look at the table alone.

    Examples
    --------
    >>> import healthml
    >>> from healthml.datasets import make_ehr_cohort
    >>> cohort = make_ehr_cohort(600, random_state=0)
    >>> report = healthml.audit(
    ...     None, cohort.X, cohort.y, groups=cohort.groups, random_state=0
    ... )
    >>> report.table.columns[:3].tolist()
    ['code', 'severity', 'title']
    """
    arguments = dict(locals())
    works = hasattr(estimator, "fit") or hasattr(estimator, "predict_proba")
    if isinstance(estimator, type) or (estimator is not None and not works):
        raise InputError("estimator must be a classifier such as LogisticRegression(), or None.")
    if estimator is None and not refit:
        raise InputError("refit=False needs a fitted model; pass one, or judge the table alone.")
    selection = take_selection(only, skip, deep=deep)
    clock = Clock(time_budget, verbose)
    clock.steps = 2 + selection.needs_leaks + len(selection.names)
    clock.step("Splits, and the model refitted in them" if refit else "Risks of the fitted model")
    X, y, roles, extra = take_inputs(
        X, y, groups, sensitive_features, site, time, schema, score, known_after
    )
    seed = check_seed(random_state)
    options = {
        **extra,
        "clock": clock,
        "schema": schema,
        "threshold_range": threshold_range or getattr(schema, "threshold_range", None),
        "severity_rules": severity_rules,
        "n_repeats": n_repeats,
        "show_values": show_values,
        "verbose": verbose,
        "n_jobs": n_jobs,
        "seed": seed,
    }
    if not refit:
        label = _event_label(event if event is not None else getattr(schema, "event", None))
        options |= {"risk": fitted_risk(estimator, X, label), "model_event": label}
    event = event if schema is None or extra.get("split") is None else None
    case = build_case(X, y, roles, model=estimator, refit=refit, event=event, options=options)
    what = "procedure" if refit else "model"
    call = describe_call(arguments, schema if extra else None, what)
    return make_report(case, what, selection, call)


def audit_predictions(
    y_true,
    y_proba,
    *,
    X=None,
    groups=None,
    sensitive_features=None,
    site=None,
    time=None,
    score=None,
    schema=None,
    event=None,
    threshold_range=None,
    severity_rules=None,
    only=None,
    skip=None,
    show_values=False,
    n_jobs=None,
    verbose=0,
    random_state=None,
):
    """Judge an existing score: risks that were predicted for patients it was not made with.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome.
    y_proba : array-like of shape (n_samples,)
        Predicted risks, between 0 and 1.
    X : DataFrame, optional
        Columns for Table 1, data quality and the age-and-sex reference, which is refitted.
    groups, sensitive_features, site, time, score, event, threshold_range : optional
        As in `audit`.
    schema : Schema, optional
        What it declares of the task (prediction time, horizon, eligibility, event, thresholds) and
        of the columns is written down and used; the roles are given beside it.
    severity_rules, only, skip, show_values, n_jobs, verbose, random_state : optional
        As in `audit`.

    Returns
    -------
    AuditReport

    Raises
    ------
    InputError
        If a risk is missing or outside 0 to 1, a role does not fit the rows or carries their labels
        in another order, or a cell of X is infinite.
    OutcomeError
        If the outcome has not two classes, or its event is not named.

    See Also
    --------
    audit : Judges a procedure or a fitted model.
    healthml.validation.external_validate : Performance and recalibration alone.
    healthml.metrics.performance : The numbers alone.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml import audit_predictions
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.uniform(0.05, 0.6, 500)
    >>> outcome = (rng.uniform(size=500) < risk).astype(int)
    >>> audit_predictions(outcome, risk, random_state=0).exit_code
    0
    """
    call = describe_call({**locals(), "y": None}, None, "score")
    selection, clock = take_selection(only, skip), Clock(None, verbose)
    risk = check_proba(y_proba, len(y_true))
    columns_given = X is not None
    if not columns_given:  # its rows are those of the outcome, whatever their labels
        labels = y_true.index if isinstance(y_true, pd.Series) else None
        X = pd.DataFrame({"risk": risk}, index=labels)
    given = {
        "groups": groups,
        "site": site,
        "time": time,
        "sensitive_features": sensitive_features,
        "score": score,
    }
    check_alignment(X=X, y_true=y_true, y_proba=y_proba, **given)
    X, y, roles = take_roles(to_pandas(X), y_true, **given)
    options = {
        "schema": schema,
        "threshold_range": threshold_range or getattr(schema, "threshold_range", None),
        "severity_rules": severity_rules,
        "show_values": show_values,
        "verbose": verbose,
        "n_jobs": n_jobs,
        "seed": check_seed(random_state),
        "risk": risk,
        "clock": clock,
        "columns_given": columns_given,
    }
    case = build_case(X, y, roles, model=None, refit=False, event=event, options=options)
    asked = [c for c in CHECKS if selection.runs(c) and (columns_given or not c.needs_columns)]
    clock.steps = 1 + (columns_given and selection.needs_leaks) + len(asked)
    return make_report(case, "score", selection, call)


def _event_label(event):
    return 1 if event is None else event
