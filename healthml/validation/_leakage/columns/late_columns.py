"""Columns declared or dated as later than the prediction, and what columns add to the AUC."""

import numpy as np
import pandas as pd

from healthml.validation._leakage.case import LEAK, Unknown
from healthml.validation._leakage.columns.as_dates import as_dates
from healthml.validation._leakage.words import interval_words, names_in_words

# Share of a column's dates that lie after the prediction, from which the column is late. By
# judgement, not by simulation; higher misses columns filled in for some patients before, lower
# accuses a column for wrong dates.
LATER_SHARE = 0.5
# Rows with both dates below which the share that lies later is not judged. By judgement, not by
# simulation; lower, and a few wrong dates accuse a column.
_FEWEST_DATES = 10


def look_at_columns(case):
    """Return what the columns declared or dated as late do to the AUC."""
    if case.known_after:
        yield _later(case)
    for name, (share, n) in case.screening.dated.items():
        if name not in case.known_after:
            yield _dated(case, name, share, n)
    if not case.known_after:
        yield Unknown(
            "Which columns become known only after the prediction?",
            "none was declared, and a table does not say when a cell was filled in",
            "Declare the columns known only after the prediction (known_after), or confirm that "
            "all are known in time.",
            "HM303",
        )


def dated_later(X, time):
    """Return the columns of dates that lie after the prediction: share of later dates, dates.

    Parameters
    ----------
    X : DataFrame
        The table.
    time : array-like or None
        Time of the prediction of each row; only dates can be compared.

    Returns
    -------
    dict of str to (float, int)
    """
    moment = as_dates(pd.Series(np.asarray(time)) if time is not None else None)
    if moment is None:
        return {}
    later = {}
    for name in X.columns:
        dates = as_dates(X[name].reset_index(drop=True))
        if dates is None:
            continue
        both = (dates.notna() & moment.notna()).to_numpy()
        share = float((dates[both] > moment[both]).mean()) if both.any() else 0.0
        if both.sum() >= _FEWEST_DATES and share >= LATER_SHARE:
            later[name] = (share, int(both.sum()))
    return later


def added(case, columns, meaning, *, base=None):
    """Return the AUC with columns minus the AUC without them, as an effect, and the scores.

    Parameters
    ----------
    case : LeakCase
        Rows, outcome and procedure.
    columns : list of str
        Columns in question.
    meaning : str
        What is compared, in words.
    base : list of str, optional
        Columns beside them; by default those that are not suspect.

    Returns
    -------
    effect : Effect
    scores : PairedScores or None
        None when there are no other columns; the AUC is then compared with 0.5.
    """
    if not case.refits:
        return None, None
    clean = case.clean_columns
    rest = [c for c in (clean if base is None else base) if c not in set(columns)]
    risk = case.refitted(with_gaps(case, [*rest, *columns], columns))
    used = np.isfinite(risk).all(axis=0)
    rows = np.flatnonzero(used)
    if not rest:
        scores = case.judge.score({"with": risk}, rows={"with": used})
        gain = scores.get("with", "auroc")[["estimate", "lower", "upper"]] - 0.5
        meaning = f"{meaning}, which is 0.5 for want of other columns"
        return case.effect(*gain, meaning, rows=rows), None
    plain = case.base_risk if rest == clean else case.refitted(case.table[rest])
    both = {"with": used, "without": used}
    scores = case.judge.score({"with": risk, "without": plain}, rows=both)
    return case.effect(*scores.difference("with", "without"), meaning, rows=rows), scores


def with_gaps(case, kept, columns):
    """Return columns of the table; the default model also sees where those in question are empty.

    A cell that is filled in only after the event tells by being there.
    """
    table = case.table[kept]
    if not case.is_default:
        return table
    filled = {f"{c} is there": case.X[c].notna().to_numpy(float) for c in columns}
    return table.assign(**{name: cells for name, cells in filled.items() if 0 < cells.mean() < 1})


def auc_words(scores):
    """Return the AUC with and without columns in words."""
    if scores is None:
        return "No other column is left to compare with."
    with_, without = (interval_words(scores.get(k, "auroc")) for k in ("with", "without"))
    return f"AUC {with_} with, {without} without."


def _later(case):
    names = list(case.known_after)
    effect, scores = added(case, names, f"AUC with {names_in_words(names)} minus AUC without")
    return case.leak(
        "HM303",
        LEAK,
        effect,
        f"{names_in_words(names)}: declared as known only after the prediction",
        f"The table holds {len(names)} such column{'s' if len(names) > 1 else ''}. "
        f"{auc_words(scores)}",
        "Leave them out; distrust any number that was reached with them.",
        columns=names,
    )


def _dated(case, name, share, n):
    effect, scores = added(case, [name], f"AUC with {name} minus AUC without")
    return case.leak(
        "HM303",
        LEAK,
        effect,
        f"{name} holds dates after the prediction",
        f"{share:.0%} of its {n:,} dates lie after the time of the prediction. {auc_words(scores)}",
        "Leave it out, and everything that was filled in on that date.",
        columns=(name,),
    )
