"""Columns that may hold the answer: declared or dated later, too strong, named for later."""

import numpy as np
import pandas as pd
from pandas.api import types

from healthml.exceptions import InputError
from healthml.validation._leakage.case import ASK, LEAK, MANY_ROWS, Unknown
from healthml.validation._leakage.repeated_rows import base_columns, clean_columns
from healthml.validation._leakage.screen_columns import screen_columns
from healthml.validation._reference_models import as_read, default_model

REPEATS_OUTCOME = 0.98  # a column whose AUC alone is above this holds the outcome
TOO_STRONG = 0.90  # alone above this: no measurement at the time of prediction is expected to be
LEVEL_NAMED_AND_TELLING = 0.70
LATER_SHARE = 0.5  # of the dates of a column lie after the prediction
_FEWEST_DATES = 10


def suspect_columns(table):
    """Return the suspect columns and why: far too strong alone, or named for a later time.

    Parameters
    ----------
    table : DataFrame
        Of `screen_columns`.

    Returns
    -------
    dict of str to str
    """
    suspects = {}
    for row in table.itertuples():
        if row.lower >= TOO_STRONG:
            suspects[row.column] = "too strong alone"
        elif row.named:
            suspects[row.column] = f"its name says '{row.named}'"
        elif row.level_named and row.lower >= LEVEL_NAMED_AND_TELLING:
            suspects[row.column] = f"one of its levels says '{row.level_named}'"
    return suspects


def screen(case):
    """Screen every column alone, once, and note which ones the base model does without."""
    found = screen_columns(
        case.table,
        case.y,
        fold=case.judge.folds[0],
        groups=case.units,
        outcome=case.outcome,
        confidence_level=case.level,
    )
    case.cache["screen"] = found.table
    case.cache["dated"] = dated_later(case.X, case.time)
    proven = [*case.known_after, *case.cache["dated"]]
    suspects = {c: why for c, why in suspect_columns(found.table).items() if c not in proven}
    case.cache["suspects"] = suspects
    case.cache["out"] = set(proven) | set(suspects)


def look_at_columns(case):
    """Return what the columns declared, dated or suspected as late do to the AUC."""
    later = _later(case)
    if later is not None:
        yield later
    for name, (share, n) in case.cache["dated"].items():
        if name not in case.known_after:
            yield _dated(case, name, share, n)
    if case.cache["suspects"]:
        yield _suspected(case)
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
    found = {}
    for name in X.columns:
        dates = as_dates(X[name].reset_index(drop=True))
        if dates is None:
            continue
        both = (dates.notna() & moment.notna()).to_numpy()
        share = float((dates[both] > moment[both]).mean()) if both.any() else 0.0
        if both.sum() >= _FEWEST_DATES and share >= LATER_SHARE:
            found[name] = (share, int(both.sum()))
    return found


def as_dates(values):
    """Return dates without a time zone, or None where a column holds none."""
    if values is None or not len(values):
        return None
    if types.is_datetime64_any_dtype(values.dtype):
        return values.dt.tz_localize(None) if values.dt.tz is not None else values
    if types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype):
        return None
    seen = values.dropna().astype(str)
    shape = r"\s*\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}.*)?"
    if not len(seen) or seen.str.fullmatch(shape).mean() < 0.95:
        return None
    dates = pd.to_datetime(values.astype(object), errors="coerce", format="mixed", utc=True)
    return dates.dt.tz_localize(None)


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
    clean = clean_columns(case)
    rest = [c for c in (clean if base is None else base) if c not in set(columns)]
    risk = refitted(case, _with_gaps(case, [*rest, *columns], columns))
    used = np.isfinite(risk).all(axis=0)
    rows = np.flatnonzero(used)
    if not rest:
        scores = case.judge.score({"with": risk}, rows={"with": used})
        auc = scores.get("with", "auroc")[["estimate", "lower", "upper"]] - 0.5
        return case.effect(*auc, f"{meaning}, against a coin toss", rows=rows), None
    plain = base_risk(case) if rest == clean else refitted(case, case.table[rest])
    both = {"with": used, "without": used}
    scores = case.judge.score({"with": risk, "without": plain}, rows=both)
    return case.effect(*scores.difference("with", "without"), meaning, rows=rows), scores


def _with_gaps(case, kept, columns):
    """Return columns of the table; the default model also sees where those in question are empty.

    A cell that is filled in only after the event tells by being there.
    """
    table = case.table[kept]
    if not case.is_default:
        return table
    gaps = {f"{c} is there": case.X[c].notna().to_numpy(float) for c in columns}
    told = {name: there for name, there in gaps.items() if 0 < there.mean() < 1}
    return table.assign(**told)


def base_risk(case):
    """Return the risks of the procedure on the columns above suspicion, refitted once."""
    if "base_risk" not in case.cache:
        case.cache["base_risk"] = refitted(case, case.table[base_columns(case)])
    return case.cache["base_risk"]


def refitted(case, table, *, model=None):
    """Return out-of-sample risks by whole units; the default model where the own one cannot."""
    model = case.model if model is None else model
    folds = case.judge.folds
    options = {"folds": folds, "max_rows": MANY_ROWS}
    try:
        return case.judge.risks(model, table, label="a variant of the table", **options)
    except InputError:
        if case.is_default:
            raise
        case.cache["fallback"] = True
        return case.judge.risks(default_model(), as_read(table), **options)


def auc_words(scores):
    """Return the AUC with and without columns in words."""
    if scores is None:
        return "No other column is left to compare with."
    told = []
    for name in ("with", "without"):
        row = scores.get(name, "auroc")
        told.append(f"{row['estimate']:.3f} ({row['lower']:.3f} to {row['upper']:.3f})")
    return f"AUC {told[0]} with, {told[1]} without."


def names_in_words(columns, most=6):
    """Return column names as one phrase."""
    shown = ", ".join(map(str, list(columns)[:most]))
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")


def _later(case):
    names = list(case.known_after)
    if not names:
        return None
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


def _suspected(case):
    suspects, table = case.cache["suspects"], case.cache["screen"].set_index("column")
    names = list(suspects)
    effect, scores = added(case, names, f"AUC with {names_in_words(names)} minus AUC without")
    alone = table.loc[names]
    repeats = bool(alone["lower"].max() >= REPEATS_OUTCOME)
    told = "; ".join(
        f"{name}: AUC {row['estimate']:.3f} ({row['lower']:.3f} to {row['upper']:.3f}) alone, "
        f"{suspects[name]}"
        for name, row in alone.head(12).iterrows()
    )
    some = names_in_words(names, 4)
    verb = "this becomes" if len(names) == 1 else "these become"
    return case.leak(
        "HM301" if repeats else "HM302",
        ASK,
        effect,
        f"Ask when {verb} known: {some}",
        f"{told}. {auc_words(scores)}",
        f"Ask the person who records {some}; declare what is known later (known_after).",
        columns=names,
    )
