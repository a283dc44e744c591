"""What a check of the audit hands back, and the small words that several checks use."""

from dataclasses import dataclass

from healthml._core._findings import Effect, Finding, grade
from healthml.validation._leakage import count_words, interval_words, names_in_words

__all__ = ["count_words", "interval_words", "names_in_words"]

MANY_ROWS = 30_000  # rows left out that are plenty to measure what a change of the table does


@dataclass(frozen=True)
class Look:
    """The answer of one check: findings, evidence, and what could not be assessed."""

    findings: tuple = ()
    sections: tuple = ()
    not_assessed: tuple = ()


def auc_effect(case, estimate, lower, upper, meaning, **kwargs):
    """Return an AUC effect on the rows of the case."""
    return Effect(
        "auroc", estimate, lower, upper, meaning, len(case.y), int(case.y.sum()), **kwargs
    )


def graded(case, code, effect, title, evidence, remedy, *, columns=(), **kwargs):
    """Return a finding whose severity follows its effect by the case's rules."""
    severity = grade(effect, case.rules, **kwargs)
    return Finding(code, severity, title, evidence, remedy, effect, tuple(columns))


def base_columns(case):
    """Return the model's columns without the suspects of the leak screening, where any are left.

    Small effects cannot be seen beside a column that holds the answer, so what the checks of the
    data change is measured on the model without such columns.
    """
    return case.leaks.columns or case.model_columns


def base_risk(case):
    """Return the risks of the model on its base columns."""
    return case.risk if case.leaks.risk is None else case.leaks.risk


def without_columns(case, drop, *, label):
    """Refit without columns and return the AUC lost, the scores and the variant's risks."""
    kept = [c for c in base_columns(case) if c not in set(drop)]
    return compare_variant(case, case.table[kept], label=label)


def compare_variant(case, table, *, label, max_rows=MANY_ROWS):
    """Compare the model on its base columns with itself on a changed table."""
    risk = base_risk(case)
    return case.judge.compare_variant(case.model, table, risk, max_rows=max_rows, label=label)


def headline_folds(case):
    """Return the folds of the headline risks; a fitted model has none."""
    return case.judge.folds[: len(case.risk)] if case.refit else None


def proposed(case, role):
    """Return the column that looks like a role nobody declared, or None."""
    return getattr(case.proposal, role)


def looks_like(case, role):
    """Say in brackets which column looks like a role nobody declared, if any."""
    name = proposed(case, role)
    return f" ({name} looks like one)" if name is not None else ""
