"""What a check of the audit hands back, and the small words that several checks use."""

from dataclasses import dataclass

import numpy as np

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
    if case.leaks.risk is not None:
        return case.leaks.risk
    same = not case.refit or base_columns(case) == case.model_columns
    return case.risk if same else case.leaks.answers.case.base_risk


def without_columns(case, drop, *, label):
    """Refit without columns and return the AUC lost, the scores and the variant's risks."""
    kept = [c for c in base_columns(case) if c not in set(drop)]
    return compare_variant(case, case.table[kept], label=label)


def compare_variant(case, table, *, label, max_rows=MANY_ROWS):
    """Refit on a changed table and compare with the model on its base columns.

    The refits use the first repeat of the audit's own splits, and of a large table only as many
    folds as hold `max_rows` rows.

    Returns
    -------
    difference : tuple of float
        AUC of the model minus AUC of the variant, with its interval.
    scores : PairedScores
        Of "model" and "variant".
    risk : ndarray
        Risks of the variant.
    """
    folds = case.judge.folds[:1]
    risk = case.judge.risks(case.model, table, folds=folds, max_rows=max_rows, label=label)
    both = np.isfinite(risk[0])
    scores = case.judge.score(
        {"model": base_risk(case)[:1], "variant": risk}, rows={"model": both, "variant": both}
    )
    return scores.difference("model", "variant"), scores, risk


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
