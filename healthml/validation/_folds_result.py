"""From out-of-fold or later risks to the result: table, remarks, warnings."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.metrics._fast import Block
from healthml.validation._by_site import site_table
from healthml.validation._corrected_curves import CurveData
from healthml.validation._draws_result import estimand
from healthml.validation._fold_scores import FoldScores
from healthml.validation._interval_choice import Ends, folds_interval
from healthml.validation._mishaps import Mishaps
from healthml.validation._table import finish_table, predictions_of
from healthml.validation._task import slow_value
from healthml.validation._validation_result import ValidationResult


def folds_result(task, method, whole, apparent, scores, refits, ci, remarks, site):
    """Return the result of cross-validation."""
    numbers = [(one.number, one.seed) for one in scores.splits.resamples]
    mishaps = Mishaps(task, refits, numbers, whole)
    judged = (scores.fold >= 0).any(axis=0)
    rows = [_row(task, method, name, apparent[name], scores, ci) for name in task.measures]
    details = [_detail(row, scores) for row in rows]
    table, details = finish_table(task, rows, details, judged, estimand(task))
    remarks = [*remarks, f"{scores.splits.text}.", *_pooling_remark(scores)]
    remarks += mishaps.remarks(details)
    risk, count = scores.mean_risk()
    by_site, words = site_table(task, scores.risk, scores.fold >= 0, scores.fold, site)
    mishaps.warn()
    return ValidationResult(
        table,
        method,
        (*remarks, *words),
        details,
        predictions_of(task, risk, count, whole.risk),
        mishaps.table,
        mishaps.chosen(),
        by_site,
        task.confidence_level,
        _curves(task, whole.risk, scores),
    )


def temporal_result(task, splits, refits, ci, remarks, site):
    """Return the result of fitting on earlier rows and judging later ones.

    Parameters
    ----------
    splits : Splits
        Earlier and later rows.
    refits : list of Refit
        Risks of all rows from each split's model.

    Where patients return, all later rows come first in the table and those of new patients after.
    """
    numbers = [(one.number, one.seed) for one in splits.resamples]
    mishaps = Mishaps(task, refits, numbers)
    apparent = _earlier(task, splits, refits)
    populations = _populations(task, splits)
    tables, details = [], []
    for whom, some in populations.items():
        scores = FoldScores(task, some, _risks_of(some, refits))
        rows = [_row(task, "temporal", name, apparent[name], scores, ci) for name in task.measures]
        judged = (scores.fold >= 0).any(axis=0)
        detail = [_detail(row, scores) | {"judged": whom} for row in rows]
        target = f"procedure fitted on earlier rows, for {whom} at a later time"
        table, detail = finish_table(task, rows, detail, judged, target)
        tables.append(table)
        details.append(detail)
    scores = FoldScores(task, splits, _risks_of(splits, refits))
    remarks = [*remarks, f"{splits.text}."]
    if len(populations) > 1:
        share = tables[1]["n_samples"].iloc[0] / tables[0]["n_samples"].iloc[0]
        remarks.append(
            f"{1 - share:.0%} of the later rows are of patients seen before. They are part of whom "
            "the model will meet, and are easier to predict; new patients have rows of their own."
        )
    remarks += mishaps.remarks(details[0])
    risk, count = scores.mean_risk()
    by_site, words = site_table(task, scores.risk, scores.fold >= 0, scores.fold, site)
    mishaps.warn()
    first = np.full(task.n, np.nan)
    train = splits.resamples[0].train
    first[train] = refits[0].risk[train]
    return ValidationResult(
        pd.concat(tables, ignore_index=True),
        "temporal",
        (*remarks, *words),
        pd.concat(details, ignore_index=True),
        predictions_of(task, risk, count, first),
        mishaps.table,
        mishaps.chosen(),
        by_site,
        task.confidence_level,
        _curves(task, first, scores),
    )


def _earlier(task, splits, refits):
    """Return the mean apparent value of every measure over the splits' training rows."""
    found = []
    for split, one in zip(splits.resamples, refits, strict=True):
        if one.risk is None:
            raise InputError(f"{split.where} cannot be fitted: {one.failure}.")
        rows = split.train
        weight = None if task.weight is None else task.weight[rows]
        block = Block(task.y[rows], one.risk[None, rows], task.thresholds).weigh(weight)
        found.append({name: slow_value(name, block, weight) for name in task.measures})
    return {name: float(np.mean([one[name] for one in found])) for name in task.measures}


def _populations(task, splits):
    """Return the splits for all later rows and, where patients return, for new patients."""
    if task.groups is None:
        return {"new patients, one row each,": splits}
    new = [
        replace(
            one, predict=one.predict[~np.isin(task.groups[one.predict], task.groups[one.train])]
        )
        for one in splits.resamples
    ]
    same = all(len(a.predict) == len(b.predict) for a, b in zip(new, splits.resamples, strict=True))
    if same:
        return {"new patients": splits}
    everyone = {"new and returning patients": splits}
    if not all(0 < task.y[one.predict].sum() < len(one.predict) for one in new):
        return everyone
    return everyone | {"new patients": replace(splits, resamples=new)}


def _risks_of(splits, refits):
    """Return the refits with the risks of the splits' test rows alone."""
    return [
        replace(found, risk=found.risk[one.predict])
        for one, found in zip(splits.resamples, refits, strict=True)
    ]


def _row(task, method, name, apparent, scores, ci):
    estimate = scores.estimate(name)
    ends = Ends()
    if np.isfinite(estimate):
        ends = folds_interval(ci, name, estimate, scores=scores, later=method == "temporal")
    asked = len(scores.splits.resamples)
    return {
        "measure": name,
        "apparent": apparent,
        "corrected": estimate,
        "ends": ends,
        "method": method,
        "asked": asked,
        "used": scores.used(name),
        "mcse": _error(scores.by_repeat(name)),
        "reasons": scores.why.get(name, {}),
    }


def _detail(row, scores):
    name = row["measure"]
    within = scores.within.get(name, np.array([]))
    return {
        "measure": name,
        "apparent": row["apparent"],
        "corrected": row["corrected"],
        "within_folds": _mean(within),
        "pooled": _mean(scores.pooled[name]),
    }


def _error(parts):
    """Return the standard error that another deal of the folds would show."""
    parts = parts[np.isfinite(parts)]
    return float(parts.std(ddof=1) / np.sqrt(len(parts))) if len(parts) > 1 else np.nan


def _pooling_remark(scores):
    pooled = [n for n in ("auroc",) if n in scores.within and not scores.is_within(n)]
    if not pooled:
        return []
    return [
        "No fold has both classes, so the AUC compares rows of different folds, whose models have "
        "different levels: it is biased downwards (by up to 0.03 where there is no signal)."
    ]


def _curves(task, apparent, scores):
    out = scores.fold >= 0
    judged = np.isfinite(apparent)
    return CurveData(
        task.y,
        apparent,
        np.where(out, scores.risk, 0.0),
        out,
        None,
        task.weight,
        task.groups,
        task.threshold_range,
        None if judged.all() else judged,
    )


def _mean(values):
    values = np.asarray(values)[np.isfinite(values)] if len(values) else np.array([])
    return float(values.mean()) if len(values) else np.nan
