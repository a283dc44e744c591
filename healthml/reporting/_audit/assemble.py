"""The report is put together from what all checks found."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml._version import __version__
from healthml.reporting._audit.asking import find_looks, measure, selected, why_not_asked
from healthml.reporting._audit.close_calls import mark_close
from healthml.reporting._audit.first_lines import columns_line, headline_of, statement_of
from healthml.reporting._checks import CHECKS, Look
from healthml.reporting._declared import declared_facts, event_words
from healthml.reporting._judged import judged_rows
from healthml.reporting._lines import Call, with_line
from healthml.reporting._plan import take_selection
from healthml.reporting._report import AuditReport, NotAssessed, findings_table, sort_findings

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


def make_report(case, what, selection=None, call=None):
    call = _whole_call(case, call or Call(judged=what))
    selection = take_selection() if selection is None else selection
    case, early = measure(case, selection)
    answers = find_looks(case, selection, early)
    looks = [] if case.columns_given else [Look(not_assessed=(_NO_COLUMNS,))]
    ran = []
    for check in CHECKS:
        look, reason = None, why_not_asked(case, check, selection)
        if not reason:
            look = selected(answers[check.name], selection)
            looks.append(look)
        ran.append((check.question, ", ".join(check.codes), reason or findings_in_words(look)))
    looks.append(Look(not_assessed=tuple(selection.left_out())))
    marked = [mark_close(case, f) for look in looks for f in look.findings]
    findings = sort_findings(with_line(f, call) for f in marked)
    missing = [m for look in looks for m in look.not_assessed] + list(_BEYOND_THE_TABLE)
    missing.sort(key=lambda question: question.code != "HM304")  # whose rows they are comes first
    return AuditReport(
        findings_table(findings),
        statement=statement_of(case, what),
        columns=columns_line(case, what),
        checks=pd.DataFrame(ran, columns=["question", "codes", "found"]),
        headline=headline_of(case),
        findings=findings,
        not_assessed=tuple(missing),
        sections=tuple(s for look in looks for s in look.sections),
        about=_about(case, selection, call),
        declared=declared_facts(case, what),
        judged=judged_rows(case),
    )


def findings_in_words(look):
    """Say in a few words what a check found, so that silence can be told from not looking."""
    words = [f"{f.code} ({f.severity})" for f in look.findings]
    open_ = len(look.not_assessed)
    if open_:
        words.append(f"{open_} question{'s' * (open_ > 1)} not assessed")
    return ", ".join(words) or "nothing"


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


def _about(case, selection, call):
    groups = case.roles.groups
    return {
        "version": __version__,
        "seed": case.seed,
        "n_samples": len(case.y),
        "n_events": int(case.y.sum()),
        "n_patients": None if groups is None else int(groups.max()) + 1,
        "n_columns": case.X.shape[1] if case.columns_given else 0,
        "event": event_words(case),
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
