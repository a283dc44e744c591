"""From out-of-fold risks to the result: table, remarks, warnings."""

import numpy as np

from healthml.validation._refits.failures import Mishaps
from healthml.validation._scoring.interval_choice import Ends, folds_interval
from healthml.validation._validate.assemble import estimand
from healthml.validation._validate.by_site import site_table
from healthml.validation._validate.curves import CurveData
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.table import finish_table, predictions_of


def folds_result(task, method, whole, apparent, scores, refits, ci, remarks, site):
    """Return the result of cross-validation."""
    numbers = [(one.number, one.seed) for one in scores.splits.resamples]
    mishaps = Mishaps(task, refits, numbers, whole)
    judged = (scores.fold >= 0).any(axis=0)
    rows = [row_of(task, method, name, apparent[name], scores, ci) for name in task.measures]
    details = [detail_of(row, scores) for row in rows]
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
        curves_of(task, whole.risk, scores),
    )


def row_of(task, method, name, apparent, scores, ci):
    """Return what the table says of one measure."""
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
        "moved": scores.influence(name),
    }


def detail_of(row, scores):
    """Return what one estimate was made of."""
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


def curves_of(task, apparent, scores):
    """Return what the corrected curves are made of."""
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
