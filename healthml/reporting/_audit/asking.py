"""The checks are asked, side by side where they need nothing of each other."""

from dataclasses import replace

from healthml._core._parallel import iterate_branches
from healthml.reporting._checks import (
    CHECKS,
    ask_for_leaks,
    find_beside,
    find_leaks,
    find_performance,
    screen_for_leaks,
)


def measure(case, selection):
    """Return the case with what several checks word, and what looks found that need none of it.

    What several checks word are the leaks and the scores.
    """
    in_time = case.clock.budget is not None
    if in_time:
        case.clock.state_least(case, selection)
    screened = case.columns_given and selection.needs_leaks
    if screened:
        case.clock.step("Screening for leaks, the longest step")
    early = [c for c in _asked(case, selection) if not c.needs_leaks and not in_time]
    calls = [(screen_for_leaks, case)] if screened else []
    calls += [] if in_time else [(find_beside, case)]
    looks = _side_by_side(case, [*calls, *((check.look, case) for check in early)])
    answers = ask_for_leaks(next(looks)) if screened else None
    if in_time and case.refit:
        case = case.clock.more_repeats(case)
    beside = find_beside(case) if in_time else next(looks)
    if answers is not None:
        case = case.measured(leaks=find_leaks(case, answers))
    case.clock.step("Comparison with simple references")
    case = case.measured(performance=find_performance(case, beside))
    return case, dict(zip((check.name for check in early), looks, strict=True))


def _asked(case, selection):
    """Return the checks that run, in the order of the report."""
    return [check for check in CHECKS if not why_not_asked(case, check, selection)]


def _side_by_side(case, calls):
    """Yield the answers of calls that do not depend on each other."""
    return iter(iterate_branches(calls, n_rows=len(case.y), n_jobs=case.n_jobs))


def find_looks(case, selection, early):
    """Return what every check found, by its name, saying which one is waited for."""
    asked = _asked(case, selection)
    answers = _side_by_side(case, [(c.look, case) for c in asked if c.name not in early])
    looks = {}
    for check in asked:
        case.clock.step(check.question)
        looks[check.name] = early[check.name] if check.name in early else next(answers)
    return looks


def why_not_asked(case, check, selection):
    """Return why a check is not asked, or "" where it is."""
    if not case.columns_given and check.needs_columns:
        return "not asked: only risks were given"
    if not selection.runs(check):
        return "not asked: only with deep=True" if check.deep else "not asked: left out on request"
    return ""


def selected(look, selection):
    """Return the look without findings and open questions of codes that were left out."""
    findings = tuple(f for f in look.findings if selection.keeps(f.code))
    missing = tuple(n for n in look.not_assessed if selection.keeps(n.code))
    return replace(look, findings=findings, not_assessed=missing)
