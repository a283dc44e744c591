"""From scored bootstrap draws to the result: table, remarks, warnings."""

import numpy as np

from healthml.exceptions import InputError
from healthml.validation._refits.failures import Mishaps
from healthml.validation._scoring.interval_choice import Ends, draws_interval
from healthml.validation._validate import choose_method as _auto
from healthml.validation._validate.by_site import site_table
from healthml.validation._validate.corrections import (
    correct,
    no_information,
    rule_of,
    why_out_of_bag,
)
from healthml.validation._validate.curves import CurveData
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.table import finish_table, predictions_of

_NAMES = {
    "optimism": "optimism",
    "oob": "oob",
    "632": ".632",
    "632+": ".632+",
}


def draws_result(task, method, whole, apparent, scores, ci, remarks, site):
    """Return the result of scored draws under one method."""
    mishaps = Mishaps(task, scores.refits, scores.resamples, whole)
    if not mishaps.n_used:
        raise InputError(mishaps.nothing_left())
    none = no_information(task, whole.risk)
    rows, details = [], []
    for name in task.measures:
        row, detail = _row(task, method, name, apparent[name], scores, ci, none[name], mishaps)
        rows.append(row)
        details.append(detail)
    out = [n for n in task.wanted if method.startswith("632") and rule_of(method, n) == "oob"]
    remarks = [*remarks, *([why_out_of_bag(out)] if out else [])]
    if method == "optimism" and not (verdict := _auto.judge(apparent["auroc"], scores)).trusted:
        remarks.insert(0, _auto.distrust_remark(verdict))
        mishaps.overfitted(verdict if verdict.remembers else None)
    judged = scores.risk_count > 0
    table, details = finish_table(task, rows, details, judged, estimand(task))
    remarks += mishaps.remarks(details)
    risk = scores.out_of_bag_risk()
    curves = _curves(task, method, whole, scores)
    by_site, words = site_table(task, curves.risk, curves.out, None, site)
    mishaps.warn()
    return ValidationResult(
        table,
        method,
        (*remarks, *words),
        details,
        predictions_of(task, risk, scores.risk_count, whole.risk),
        mishaps.table,
        mishaps.chosen(),
        by_site,
        task.confidence_level,
        curves,
    )


def estimand(task):
    """Say what is judged, and for whom."""
    whom = "new patients" if task.groups is not None else "new patients, one row each,"
    return f"procedure refitted on cohorts of this size, for {whom} of the same population"


def _row(task, method, name, apparent, scores, ci, none, mishaps):
    rule = rule_of(method, name)
    values = {role: scores.values[role, name] for role in ("train", "test", "out")}
    corrected, mcse, used, details = correct(rule, name, apparent, values, none)
    optimism = apparent - corrected if rule == "optimism" else np.nan
    ends = Ends()
    if np.isfinite(corrected):
        plus = np.nan
        if rule_of("632+", name) == "632+":
            plus = correct("632+", name, apparent, values, none)[0]
        ends = draws_interval(
            ci, rule, name, corrected, scores=scores, optimism=optimism, plus=plus
        )
    if mishaps.flagged.any():
        kept = {role: one[~mishaps.flagged] for role, one in values.items()}
        details["without_flagged"] = correct(rule, name, apparent, kept, none)[0]
    roles = ("train", "test") if rule == "optimism" else ("out",)
    reasons = scores.reasons(name, roles)
    row = {
        "measure": name,
        "apparent": apparent,
        "corrected": corrected,
        "ends": ends,
        "method": _NAMES[rule],
        "asked": scores.total,
        "used": used,
        "mcse": mcse,
        "reasons": reasons,
        "moved": scores.influence(name),
    }
    return row, {"measure": name, "apparent": apparent, "corrected": corrected, **details}


def _curves(task, method, whole, scores):
    risk, counts = np.array(scores.kept_risk), np.array(scores.kept_count)
    return CurveData(
        task.y,
        whole.risk,
        risk,
        scores._out_of_bag(counts),
        counts if method == "optimism" else None,
        task.weight,
        task.groups,
        task.threshold_range,
    )
