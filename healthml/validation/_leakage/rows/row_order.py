"""The place of a row in the file, and columns that number rows or count a patient's."""

import numpy as np
import pandas as pd

from healthml._core._contingency import row_blocks
from healthml._core._knowledge import counted_hint
from healthml.cleaning._columns import TableView
from healthml.cleaning._quality import (
    FUTURE_COUNT,
    IDENTIFIER,
    ORDER_OUTCOME,
    ROW_NUMBER,
    UNIQUE_TEXT,
    screen_future_counts,
    screen_identifiers,
    screen_row_order,
)
from healthml.validation._leakage.case import ASK, LEAK, NOTED, Unknown
from healthml.validation._leakage.columns.as_dates import as_dates
from healthml.validation._leakage.columns.late_columns import (
    added,
    auc_words,
)
from healthml.validation._leakage.words import names_in_words

_PLACES, _STRETCH = 20, 50  # stretches of the file, and rows in one, at least
# Levels of a role that are kept, the commonest; the rest are 'other'. By judgement, not by
# simulation: more cost time, and levels of few rows predict little.
_MOST_SITES = 50


def number_columns(case):
    """Return the columns that number rows or count a patient's, and flags of the row order."""
    view = TableView(case.X, y=case.y, groups=case.groups)
    rule_of = {}
    for flag in (*screen_identifiers(view), *screen_future_counts(view)):
        if flag.rule in (ROW_NUMBER, IDENTIFIER, UNIQUE_TEXT, FUTURE_COUNT):
            rule_of[flag.column] = (flag.rule, flag.detail)
    names = {str(c): c for c in case.X.columns}
    numbered = {names[c]: rule for c, rule in rule_of.items() if c in names}
    return numbered, tuple(screen_row_order(view, {}))


def look_at_order(case):
    """Return what the place in the file and numbering columns add to the AUC."""
    numbered = case.screening.numbered
    counted = [c for c, (rule, _) in numbered.items() if rule == FUTURE_COUNT]
    others = [c for c in numbered if c not in counted]
    for code, verdict, names, title, remedy in (
        (
            "HM306",
            LEAK,
            counted,
            "counts the patient's rows in this file, later ones too",
            "Count earlier rows only, or leave it out.",
        ),
        (
            "HM308",
            ASK,
            others,
            "names or numbers rows; ask what its order stands for",
            "Declare it as an identifier, or leave it out.",
        ),
    ):
        if names:
            yield _numbering(case, code, verdict, names, title, remedy)
    if case.screening.order:
        yield _order(case)
    yield from _counts(case)


def _counts(case):
    """List columns named as counts of visits or tests of which nothing says up to when."""
    known = {*case.known_after, *case.screening.excluded}
    names = [
        c
        for c in case.X.columns
        if c not in known and counted_hint(str(c)) and _holds_counts(case.X[c])
    ]
    if names:
        some = names_in_words(names)
        yield Unknown(
            "Do counts hold only what came before the prediction?",
            f"{some} {'is' if len(names) == 1 else 'are'} named as counts, and a table does not "
            "say up to which day they were counted",
            f"Ask until when {some} {'was' if len(names) == 1 else 'were'} counted: those who live "
            "have more visits after the prediction.",
            "HM306",
        )


def _holds_counts(column):
    """Say whether a column holds whole numbers from 0 on, several different ones."""
    if column.dtype.kind not in "iuf":
        return False
    values = column.dropna().to_numpy(dtype=float)
    whole = len(values) and (values >= 0).all() and (values == np.round(values)).all()
    return bool(whole and len(np.unique(values)) > 2)


def _numbering(case, code, verdict, names, title, remedy):
    effect, scores = added(case, names, f"AUC with {names_in_words(names)} minus AUC without")
    details = "; ".join(f"{c}: {case.screening.numbered[c][1]}" for c in names)
    return case.leak(
        code,
        verdict,
        effect,
        f"{names_in_words(names)}: {title}",
        f"{details}. {auc_words(scores)}",
        remedy,
        columns=names,
    )


def _order(case):
    """Say what depends on the place in the file; what it adds to the AUC where the outcome does."""
    flags = case.screening.order
    outcome = [f for f in flags if f.rule == ORDER_OUTCOME]
    missing = [f.column for f in flags if f.rule != ORDER_OUTCOME]
    effect, scores = _place_added(case) if outcome and case.refits else (None, None)
    gaps = f"{names_in_words(missing)} missing more often in some runs of rows than in others"
    words = [f"the {f.detail}" for f in outcome] + [gaps] * bool(missing)
    measured = f" {auc_words(scores)}" if scores is not None else ""
    what = "The event rate" if outcome else "What is missing"
    declared = case.site is not None and case.time is not None
    return case.leak(
        "HM213",
        ASK if outcome else NOTED,
        effect,
        f"{what} differs between runs of rows in the file: ask what the order stands for",
        _sentence(f"{'; '.join(words)}.{measured}"),
        "Never split by file order nor use the row number"
        + ("." if declared else "; declare the time or the site if the order is that of one."),
        columns=missing,
    )


def _place_added(case):
    """Return the AUC that the place in the file adds to the columns, site and time."""
    table = case.table[case.base_columns].copy(deep=False)
    for name, values in (("site", case.site), ("time", case.time)):
        if values is not None:
            table[_free(table, name)] = _role_column(values)
    n = len(case.y)
    place = pd.Series(row_blocks(n, smallest=_STRETCH, most=_PLACES), index=table.index).astype(str)
    more = table.assign(**{_free(table, "place in the file"): place.astype("category")})
    risks = {"without": case.refitted(table), "with": case.refitted(more)}
    used = np.isfinite(risks["with"]).all(axis=0)
    scores = case.judge.score(risks, rows=dict.fromkeys(risks, used))
    effect = case.effect(
        *scores.difference("with", "without"),
        "AUC with the place in the file minus AUC without",
        rows=np.flatnonzero(used),
    )
    return effect, scores


def _role_column(values):
    """Return a role as a column that any of the models here can read."""
    column = pd.Series(np.asarray(values))
    if column.dtype.kind in "iufM":
        return column.to_numpy()
    dates = as_dates(column)
    if dates is not None:
        return dates.to_numpy()
    kept = column.astype(str)
    common = kept.value_counts().index[:_MOST_SITES]
    return kept.where(kept.isin(common), "other").astype("category").to_numpy()


def _free(table, name):
    while name in table.columns:
        name += " "
    return name


def _sentence(text):
    return text[:1].upper() + text[1:]
