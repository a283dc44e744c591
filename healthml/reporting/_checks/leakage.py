"""Whether the table holds the answer, or the same patient twice: `check_leakage`, in words."""

from dataclasses import replace

import pandas as pd

from healthml._core._findings import NOTE
from healthml.reporting._case import Leaks
from healthml.reporting._checks.look import Look, interval_words, names_in_words
from healthml.reporting._report import Figure, NotAssessed, Section
from healthml.validation._leakage import look_for_leaks, make_case, screened

# Rows up to which the engine draws two repeats, as `check_leakage` does by itself.
_FEW_ROWS = 1_000


def screen_for_leaks(case):
    """Return the case of `check_leakage` for the columns of the model, screened."""
    return screened(_leak_case(case))


def ask_for_leaks(leak_case):
    """Ask `check_leakage` every question of a case that was screened."""
    return look_for_leaks(leak_case)


def find_leaks(case, answers):
    """Refit without the suspects that `ask_for_leaks` found."""
    above = set(answers.case.clean_columns)
    clean = [c for c in case.model_columns if c in above]
    columns = clean or case.model_columns
    if not case.refit or columns == case.model_columns:
        return Leaks(answers, columns)
    risk = case.judge.risks(case.model, case.table[columns], label="without the suspect columns")
    if not answers.suspects:  # columns that number rows are left out, and accused of nothing
        return Leaks(answers, columns, risk)
    return Leaks(answers, columns, risk, case.judge.score({"model": case.risk, "variant": risk}))


def _leak_case(case):
    """Hand the audit's table to `check_leakage` as a user would, with what is known already."""
    X, roles = case.X[case.model_columns], case.roles
    names = () if roles.known_after is None else tuple(roles.known_after.columns)
    if names:
        X = pd.concat([X, roles.known_after.set_axis(X.index)], axis=1)
    return make_case(
        X,
        case.y,
        groups=roles.groups,
        site=roles.site,
        time=roles.time,
        estimator=None if case.is_default else case.model,
        known_after=names,
        severity_rules=case.rules,
        n_repeats=min(len(case.judge.folds), 2 if len(case.y) <= _FEW_ROWS else 1),
        outcome=case.raw_outcome.name,
        risk=None if case.refit else case.risk[0],
        duplicates=case.duplicates,
        respelled=roles.respelled,
        show_values=case.show_values,
        n_jobs=case.n_jobs,
        verbose=case.verbose,
        seed=case.seed,
    )


def check_leaks(case):
    """Word which columns may hold the answer, and what they add to the AUC.

    Columns declared as known later are no features: `check_known_after` speaks of them.
    """
    leaks = case.leaks.answers
    screen = leaks.case.screening.alone
    features = ~screen.table["column"].isin(leaks.case.known_after)
    screen = replace(screen, table=screen.table[features].reset_index(drop=True))
    section = Section(
        "leaks",
        "leakage",
        "Does a column hold the answer?",
        _screen_lead(screen.table, leaks.suspects),
        (
            ("Each column alone, out of sample (strongest 20)", screen.table.head(20)),
            *_tables(leaks, "HM301", "HM302"),
        ),
        (Figure(screen.plot, "AUC of each column alone, strongest first"),),
    )
    return _look(leaks, "HM301", "HM302", "HM309", sections=(section,))


def _screen_lead(table, suspects):
    if table.empty:
        return "All columns are declared as known later."
    best = table.iloc[0]
    text = f"The strongest column alone is {best['column']}, AUC {interval_words(best)}."
    if not suspects:
        return text + " No column is suspected of holding the answer."
    return text + f" Suspects: {names_in_words(list(suspects))}."


def _look(leaks, *codes, sections=()):
    """Return the findings and open questions with some of the codes."""
    findings = tuple(f for f in leaks.findings if f.code in codes)
    missing = tuple(
        NotAssessed(u.topic, u.reason, u.remedy, u.code) for u in leaks.unknown if u.code in codes
    )
    return Look(findings, sections, missing)


def _tables(leaks, *codes):
    """Return the tables of the findings with some of the codes."""
    return tuple(t for leak in leaks.leaks if leak.finding.code in codes for t in leak.tables)


def check_known_after(case):
    """Show what the declared known-after columns would have pretended."""
    look = _look(case.leaks.answers, "HM303")
    declared = set() if case.roles.known_after is None else set(case.roles.known_after.columns)
    left_out = lambda f: set(f.columns) <= {str(c) for c in declared}  # noqa: E731
    return replace(look, findings=tuple(_kept_out(f) if left_out(f) else f for f in look.findings))


def _kept_out(finding):
    """Return a finding about declared columns as a note: the audit does not use them."""
    return replace(
        finding,
        severity=NOTE,
        evidence=f"{finding.evidence} The audit left them out.",
        remedy="Keep them out of the model; any earlier number that used them is too good.",
    )


_NO_COLUMNS = NotAssessed(
    "Does the same patient stand twice?",
    "no patient was declared, and no column was given that could show it",
    "Declare the patient of each row (groups).",
    "HM304",
)


def check_rows_against_patients(case):
    """Compare a split by rows with the split by patients."""
    leaks = case.leaks.answers
    if leaks is None:
        return Look(not_assessed=(_NO_COLUMNS,) if case.roles.groups is None else ())
    tables = _tables(leaks, "HM304")
    lead = next((f.evidence for f in leaks.findings if f.code == "HM304"), "")
    sections = (
        Section(
            "rows_patients",
            "leakage",
            "Would a split by rows have flattered the model?",
            lead,
            tables,
        ),
    )
    return _look(leaks, "HM304", sections=sections if tables else ())


def check_repeated_rows(case):
    """Measure what exact and nearly identical rows would have done to the headline."""
    return _look(case.leaks.answers, "HM204", "HM305")


def check_eligibility(case):
    """Look for strata in which the outcome cannot happen, beyond what the other columns explain."""
    leaks = case.leaks.answers
    tables = [table for _, table in _tables(leaks, "HM103")]
    if not tables:
        return _look(leaks, "HM103")
    shown = pd.concat(tables, ignore_index=True)
    section = Section(
        "strata",
        "cohort",
        "Can the outcome happen to everybody in the table?",
        "Levels in which the outcome (almost) never, or always, happened, although the other "
        "columns let something else be expected. Levels below 11 patients were not looked at.",
        (("Levels with hardly any events, or no non-events", shown),),
    )
    return _look(leaks, "HM103", sections=(section,))


def check_numbering(case):
    """Refit without columns that number rows or count a patient's rows."""
    return _look(case.leaks.answers, "HM306", "HM308")


def check_row_order(case):
    """Report when the place of a row in the file tells the outcome or what is missing."""
    return _look(case.leaks.answers, "HM213")
