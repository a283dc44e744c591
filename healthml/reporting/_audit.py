"""The main job: the looks of all rooms in order, gathered into one report."""

from dataclasses import replace
from numbers import Integral

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_proba
from healthml._core._findings import is_close_call
from healthml._core._parallel import iterate_branches
from healthml._core._tables import check_table, to_pandas
from healthml._version import __version__
from healthml.exceptions import InputError
from healthml.reporting._case import Roles, build_case, take_roles
from healthml.reporting._checks import (
    CHECKS,
    Look,
    ask_for_leaks,
    find_beside,
    find_leaks,
    find_performance,
    interval_words,
    names_in_words,
    screen_for_leaks,
)
from healthml.reporting._declared import declared_facts
from healthml.reporting._judged import judged_rows
from healthml.reporting._lines import Call, describe_call, with_line
from healthml.reporting._plan import Clock, take_selection
from healthml.reporting._report import AuditReport, NotAssessed, findings_table, sort_findings
from healthml.validation._scoring import predict_risk

_NO_COLUMNS = NotAssessed(
    "What is in the columns, and does one hold the answer?",
    "only outcomes and risks were given",
    "Pass the columns that the risks were made from (X=).",
)

# what no table can show, said in every report
_BEYOND_THE_TABLE = (
    NotAssessed(
        "Was anything learnt from the outcome before this table was made?",
        "imputation, selection, scaling or oversampling done upstream often leaves no trace in the "
        "rows",
        "Confirm that the table is raw, or repeat those steps inside the pipeline.",
    ),
    NotAssessed(
        "Were missing values replaced by normal values or zeros before this table was made?",
        "a filled-in normal value looks like a measured one unless it repeats as a spike",
        "Ask the data's owner how missing values were written.",
    ),
    NotAssessed(
        "Will it help patients?",
        "a table of past patients does not show what using the model would change",
        "Plan an impact study before routine use.",
    ),
)


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
    X, y, roles, extra = _inputs(
        X, y, groups, sensitive_features, site, time, schema, score, known_after
    )
    seed = _seed(random_state)
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
        options |= {"risk": _fitted_risk(estimator, X, label), "model_event": label}
    event = event if schema is None or extra.get("split") is None else None
    case = build_case(X, y, roles, model=estimator, refit=refit, event=event, options=options)
    what = "procedure" if refit else "model"
    call = describe_call(arguments, schema if extra else None, what)
    return _report(case, what, selection, call)


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
        "threshold_range": threshold_range,
        "severity_rules": severity_rules,
        "show_values": show_values,
        "verbose": verbose,
        "n_jobs": n_jobs,
        "seed": _seed(random_state),
        "risk": risk,
        "clock": clock,
        "columns_given": columns_given,
    }
    case = build_case(X, y, roles, model=None, refit=False, event=event, options=options)
    asked = [c for c in CHECKS if selection.runs(c) and (columns_given or not c.needs_columns)]
    clock.steps = 1 + (columns_given and selection.needs_leaks) + len(asked)
    return _report(case, "score", selection, call)


def _inputs(X, y, groups, sensitive_features, site, time, schema, score, known_after):
    """Return features, outcome, roles and what a Schema adds."""
    if schema is not None and y is None:
        given = (groups, sensitive_features, site, time, score, known_after)
        if any(value is not None for value in given):
            raise InputError(
                "The schema declares the columns of every role; declare groups, site, time, "
                "sensitive, score and known_after there, or pass y and all roles without it."
            )
        return _from_schema(check_table(X, "table"), schema)
    if y is None:
        raise InputError("y is missing; pass the outcome, the name of its column, or a schema.")
    roles = {
        "groups": groups,
        "site": site,
        "time": time,
        "sensitive_features": sensitive_features,
        "score": score,
    }
    check_alignment(X=X, y=y, **roles)
    X = check_table(X, "table")
    later = None
    known_after = [known_after] if isinstance(known_after, str) else known_after
    if isinstance(known_after, list | tuple):
        unknown = [c for c in known_after if c not in X.columns]
        if unknown:
            raise InputError(f"known_after names {unknown[0]!r}, which is not a column of X.")
        later, X = X[list(known_after)], X.drop(columns=list(known_after))
        if X.shape[1] == 0:
            raise InputError("known_after names every column of X; nothing is left to predict by.")
    elif known_after is not None:
        check_alignment(X=X, known_after=known_after)
        later = to_pandas(known_after, "known_after")
    X, y, roles = take_roles(X, y, **roles)
    return X, y, Roles(**{**vars(roles), "known_after": later}), {}


def _from_schema(table, schema):
    parts = schema.split(table)
    kept = table.iloc[parts.kept]
    X, y, roles = take_roles(
        parts.X,
        parts.y,
        groups=parts.groups,
        site=parts.site,
        time=parts.time,
        sensitive_features=parts.sensitive,
        score=parts.score,
    )
    later = [c for c in _listed(schema.known_after) if c in kept.columns]
    names = [c for c in _listed(schema.identifier) if c in kept.columns]
    roles = Roles(
        **{
            **vars(roles),
            "known_after": kept[later] if later else None,
            "identifiers": kept[names] if names else None,
            "named": {c: role for c, role in schema._named_columns() if c not in parts.X.columns},
        }
    )
    extra = {"flow": parts.flow, "split": True, "raw_outcome": kept[schema.outcome]}
    return X, y, roles, extra


def _listed(value):
    return [value] if isinstance(value, str) else list(value or ())


def _seed(random_state):
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    if not isinstance(random_state, Integral) or not 0 <= random_state < 2**32:
        raise InputError("random_state must be None, a RandomState or a whole number from 0 on.")
    return int(random_state)


def _fitted_risk(model, X, label):
    """Return the risks of a fitted model, given the columns that it was fitted with."""
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        table = X.to_numpy() if hasattr(model, "n_features_in_") else X
    else:
        absent = [name for name in names if name not in X.columns]
        if absent:
            raise InputError(f"The model was fitted with {absent[0]!r}, which is no column of X.")
        table = X[list(names)]
    try:
        risk = predict_risk(model, table, event_label=label)
    except InputError:
        raise
    except Exception as error:  # its words may hold a patient's value: only its kind is passed on
        raise InputError(
            f"The model could not predict these rows: {type(error).__name__} in "
            f"{type(model).__name__}; refit=False needs a model fitted on the same columns."
        ) from None
    return check_proba(risk, len(X), "the model's predict_proba")


def _event_label(event):
    return 1 if event is None else event


def _statement(case, what):
    """Return the report's first line: what was judged, and for whom."""
    population = (
        "new patients" if case.roles.groups is not None else "new rows (no patient was declared)"
    )
    if what == "procedure":
        name = (
            "the audit's own penalised logistic regression"
            if case.is_default
            else f"the procedure {type(case.model).__name__}"
        )
        n = len(case.judge.folds)
        return (
            f"This judges {name}, refitted in {len(np.unique(case.judge.folds[0]))} folds x "
            f"{n} repeat{'s' * (n > 1)}, for {population} {_like_these(case)}."
        )
    name = "an existing score" if what == "score" else f"the fitted {type(case.model).__name__}"
    return (
        f"This judges {name} as it is, for the patients of this table"
        + ("" if case.roles.groups is None else " (returning patients counted as one)")
        + "; rows it was made with would flatter it."
    )


def _like_these(case):
    """Return of what kind the new patients are, by what was declared."""
    kinds = [
        word + "s" * (len(np.unique(role)) > 1)
        for word, role in (("site", case.roles.site), ("year", case.roles.time))
        if role is not None
    ]
    return f"of the same {' and '.join(kinds)}" if kinds else "like those of this table"


def _columns_line(case, what):
    """Return the report's second line: the columns used and left out, and why."""
    if what == "score":
        return "The risks were handed in: which columns they were made from is not known here."
    used = list(case.model_columns)
    if what == "model":
        used = list(getattr(case.model, "feature_names_in_", used))
    later = () if case.roles.known_after is None else case.roles.known_after.columns
    left = {**case.roles.named, **case.left_out}
    left |= dict.fromkeys(later, "known only after the prediction")
    absent = [c for c in case.X.columns if c not in used and c not in left]
    left |= dict.fromkeys(absent, "not a column of the fitted model")
    text = f"Columns used ({len(used)}): {names_in_words(used, _MOST_NAMED)}."
    if not left:
        return text + " Left out: none."
    words = [f"{name} ({_ROLE_WORDS.get(why, why)})" for name, why in left.items()]
    return f"{text} Left out: {names_in_words(words, _MOST_NAMED)}."


_MOST_NAMED = 30  # columns named one by one at the head of the report; chosen by judgement
_ROLE_WORDS = {"score": "existing score", "known_after": "known only after the prediction"}


def _report(case, what, selection=None, call=None):
    call = _whole_call(case, call or Call(judged=what))
    selection = take_selection() if selection is None else selection
    case, early = _measured(case, selection)
    answers = _looks(case, selection, early)
    looks = [] if case.columns_given else [Look(not_assessed=(_NO_COLUMNS,))]
    ran = []
    for check in CHECKS:
        look, reason = None, _why_not(case, check, selection)
        if not reason:
            look = _selected(answers[check.name], selection)
            looks.append(look)
        ran.append((check.question, ", ".join(check.codes), reason or _found(look)))
    looks.append(Look(not_assessed=tuple(selection.left_out())))
    found = [_mark_close(case, f) for look in looks for f in look.findings]
    findings = sort_findings(with_line(f, call) for f in found)
    missing = [m for look in looks for m in look.not_assessed] + list(_BEYOND_THE_TABLE)
    missing.sort(key=lambda question: question.code != "HM304")  # whose rows they are comes first
    return AuditReport(
        findings_table(findings),
        statement=_statement(case, what),
        columns=_columns_line(case, what),
        checks=pd.DataFrame(ran, columns=["question", "codes", "found"]),
        headline=_headline(case),
        findings=findings,
        not_assessed=tuple(missing),
        sections=tuple(s for look in looks for s in look.sections),
        about=_about(case, selection, call),
        declared=declared_facts(case, what),
        judged=judged_rows(case),
    )


# by measure of an effect, the measure whose random luck stands in for its own
_LUCK_OF = {"net_benefit_per_1000": ("net_benefit", 1000.0)}
# judged without random splits: sites left out and later rows
_WITHOUT_LUCK = ("HM404", "HM405")


def _mark_close(case, finding):
    """Say of a finding near its cut-off that another random split could decide otherwise."""
    if finding.effect is None or finding.code in (*_WITHOUT_LUCK, *_NEVER_GRADED):
        return finding
    measure, scale = _LUCK_OF.get(finding.effect.measure, (finding.effect.measure, 1.0))
    luck, words = scale * case.performance.luck(measure), _CLOSE
    if case.refit and len(case.judge.folds) == 1:
        luck, words = scale * case.performance.most_luck(measure), _CLOSE_ONCE
    close = is_close_call(finding.effect, case.rules, luck)
    if finding.code in _BY_ESTIMATE:
        middle = replace(finding.effect, lower=finding.effect.estimate)
        close = close or is_close_call(middle, case.rules, luck)
    if not close:
        return finding
    return replace(finding, evidence=f"{finding.evidence} {words}")


_CLOSE = (
    "Too close to call: another random split of the patients could put it on the other side of the "
    "cut-off."
)
_CLOSE_ONCE = (
    "Too close to call with one random split of the patients: whether another would put it on the "
    "other side of the cut-off is shown by more repeats of the splits (n_repeats)."
)


# what is beyond chance already, so that the estimate itself is graded too
_BY_ESTIMATE = ("HM301",)
# notes whatever their size
_NEVER_GRADED = ("HM303", "HM407")


def _whole_call(case, call):
    """Return the call with what was found out about the case."""
    t = case.thresholds
    return replace(
        call,
        own_model=case.is_default and case.refit,
        options={**call.options, "random_state": case.seed},
        dropped=tuple(map(str, case.left_out)),
        thresholds=(float(t[0]), float(t[-1])),
    )


def _why_not(case, check, selection):
    """Return why a check is not asked, or "" where it is."""
    if not case.columns_given and check.needs_columns:
        return "not asked: only risks were given"
    if not selection.runs(check):
        return "not asked: only with deep=True" if check.deep else "not asked: left out on request"
    return ""


def _selected(look, selection):
    """Return the look without findings and open questions of codes that were left out."""
    findings = tuple(f for f in look.findings if selection.keeps(f.code))
    missing = tuple(n for n in look.not_assessed if selection.keeps(n.code))
    return replace(look, findings=findings, not_assessed=missing)


def _found(look):
    """Say in a few words what a check found, so that silence can be told from not looking."""
    words = [f"{f.code} ({f.severity})" for f in look.findings]
    open_ = len(look.not_assessed)
    if open_:
        words.append(f"{open_} question{'s' * (open_ > 1)} not assessed")
    return ", ".join(words) or "nothing"


def _measured(case, selection):
    """Return the case with what several checks word, and what looks found that need none of it.

    What several checks word are the leaks and the scores.
    """
    in_time = case.clock.budget is not None
    if in_time:
        case.clock.state_least(case)
    screened = case.columns_given and selection.needs_leaks
    if screened:
        case.clock.step("Screening for leaks, the longest step")
    early = [c for c in _asked(case, selection) if not c.needs_leaks and not in_time]
    calls = [(screen_for_leaks, case)] if screened else []
    calls += [] if in_time else [(find_beside, case)]
    found = _side_by_side(case, [*calls, *((check.look, case) for check in early)])
    answers = ask_for_leaks(next(found)) if screened else None
    if in_time and case.refit:
        case = case.clock.more_repeats(case)
    beside = find_beside(case) if in_time else next(found)
    if answers is not None:
        case = case.measured(leaks=find_leaks(case, answers))
    case.clock.step("Comparison with simple references")
    case = case.measured(performance=find_performance(case, beside))
    return case, dict(zip((check.name for check in early), found, strict=True))


def _asked(case, selection):
    """Return the checks that run, in the order of the report."""
    return [check for check in CHECKS if not _why_not(case, check, selection)]


def _side_by_side(case, calls):
    """Yield the answers of calls that do not depend on each other."""
    return iter(iterate_branches(calls, n_rows=len(case.y), n_jobs=case.n_jobs))


def _looks(case, selection, early):
    """Return what every check found, by its name, saying which one is waited for."""
    asked = _asked(case, selection)
    found = _side_by_side(case, [(c.look, case) for c in asked if c.name not in early])
    looks = {}
    for check in asked:
        case.clock.step(check.question)
        looks[check.name] = early[check.name] if check.name in early else next(found)
    return looks


def _headline(case):
    """Return the AUC, never without the leak beside it, and O:E where risks are judged as is."""
    text = f"AUC {interval_words(case.performance.scores.get('model', 'auroc'))}"
    if not case.refit and case.performance.has("oe_ratio", "model"):
        oe = case.performance.scores.get("model", "oe_ratio")
        text += f"; observed / expected events {interval_words(oe, 2)}"
    n = len(case.leaks.suspects)
    if case.leaks.scores is not None:
        clean = case.leaks.scores.get("variant", "auroc")
        text += (
            f"; without the {n} suspect column{'s' if n > 1 else ''} (leak screening) "
            f"{interval_words(clean)}"
        )
    elif n:
        text += "; suspect columns could not be taken out"
    elif case.columns_given and case.leaks.answers is None:
        text += "; columns were not screened for leaks, which was left out on request"
    elif not case.columns_given:
        text += "; no column was given that could be screened for leaks"
    else:
        text += "; no suspect column was found by the leak screening"
    return text + "."


def _about(case, selection, call):
    groups = case.roles.groups
    return {
        "version": __version__,
        "seed": case.seed,
        "n_samples": len(case.y),
        "n_events": int(case.y.sum()),
        "n_patients": None if groups is None else int(groups.max()) + 1,
        "n_columns": case.X.shape[1] if case.columns_given else 0,
        "event": case.event_label,
        "folds": len(np.unique(case.judge.folds[0])),
        "repeats": len(case.judge.folds),
        "refit": case.refit,
        "thresholds": [float(case.thresholds[0]), float(case.thresholds[-1])],
        "thresholds_declared": case.thresholds_declared,
        "judged_rows": int(np.isfinite(case.risk).all(axis=0).sum()),
        "severity_rules": case.rules,
        **({"selection": selection.words()} if selection.asked else {}),
        **case.clock.facts(case),
        "call": {"audit": call.audit(), "before_lines": call.setup()},
    }
