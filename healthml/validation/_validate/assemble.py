"""From scored bootstrap draws to the result: table, remarks, warnings."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.metrics._batched import Block
from healthml.validation._refits import Failures
from healthml.validation._scoring import Ends, FoldScores, draws_interval, folds_interval
from healthml.validation._task import slow_value
from healthml.validation._validate import choose_method as _auto
from healthml.validation._validate.assessable import assessable, meaningful, with_limits
from healthml.validation._validate.corrections import (
    correct,
    no_information,
    rule_of,
    why_out_of_bag,
)
from healthml.validation._validate.curves import CurveData
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.table import finish_table, predictions_of, site_table

_NAMES = {
    "optimism": "optimism",
    "oob": "oob",
    "632": ".632",
    "632+": ".632+",
}


def draws_result(task, method, whole, apparent, scores, ci, remarks, site):
    """Return the result of scored draws under one method."""
    failures = Failures(task, scores.refits, scores.resamples, whole)
    if not failures.n_used:
        raise InputError(failures.nothing_left())
    none = no_information(task, whole.risk)
    rows, details = [], []
    for name in task.measures:
        row, detail = _row(task, method, name, apparent[name], scores, ci, none[name], failures)
        rows.append(row)
        details.append(detail)
    out = [n for n in task.wanted if method.startswith("632") and rule_of(method, n) == "oob"]
    remarks = [*remarks, *([why_out_of_bag(out)] if out else [])]
    if method == "optimism" and not (verdict := _auto.judge(apparent["auroc"], scores)).trusted:
        remarks.insert(0, _auto.distrust_remark(verdict))
        failures.overfitted(verdict if verdict.remembers else None)
    judged = scores.risk_count > 0
    table, details = finish_table(task, rows, details, judged, estimand(task))
    remarks += failures.remarks(details)
    risk = scores.out_of_bag_risk()
    curves = _curves(task, method, whole, scores)
    by_site, words = site_table(task, curves.risk, curves.out, None, site)
    failures.warn()
    return ValidationResult(
        table,
        method,
        (*remarks, *words),
        details,
        predictions_of(task, risk, scores.risk_count, whole.risk),
        failures.table,
        failures.chosen(),
        by_site,
        task.confidence_level,
        curves,
    )


def estimand(task):
    """Say what is judged, and for whom."""
    population = "new patients" if task.groups is not None else "new patients, one row each,"
    return f"procedure refitted on cohorts of this size, for {population} of the same population"


def _row(task, method, name, apparent, scores, ci, none, failures):
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
    if failures.flagged.any():
        kept = {role: drawn[~failures.flagged] for role, drawn in values.items()}
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
    shown = assessable(row, [values[role] for role in roles])
    details = meaningful(name, details)
    detail = {"measure": name, "apparent": apparent, "corrected": shown["corrected"], **details}
    return with_limits(shown, scores.n_at_limits), detail


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


def folds_result(task, method, whole, apparent, scores, refits, ci, remarks, site):
    """Return the result of cross-validation."""
    numbers = [(split.number, split.seed) for split in scores.splits.resamples]
    failures = Failures(task, refits, numbers, whole)
    judged = (scores.fold >= 0).any(axis=0)
    rows = [row_of(task, method, name, apparent[name], scores, ci) for name in task.measures]
    details = [detail_of(row, scores) for row in rows]
    table, details = finish_table(task, rows, details, judged, estimand(task))
    remarks = [*remarks, f"{scores.splits.text}.", *_pooling_remark(scores)]
    remarks += failures.remarks(details)
    risk, count = scores.mean_risk()
    by_site, words = site_table(task, scores.risk, scores.fold >= 0, scores.fold, site)
    failures.warn()
    return ValidationResult(
        table,
        method,
        (*remarks, *words),
        details,
        predictions_of(task, risk, count, whole.risk),
        failures.table,
        failures.chosen(),
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
    row = {
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
    return with_limits(assessable(row, [scores.parts(name)]), scores.n_at_limits)


def detail_of(row, scores):
    """Return what one estimate was made of."""
    name = row["measure"]
    within = scores.within.get(name, np.array([]))
    if np.isnan(row["corrected"]):
        return {"measure": name, "apparent": row["apparent"], "corrected": np.nan}
    return {
        "measure": name,
        "apparent": row["apparent"],
        "corrected": row["corrected"],
        "within_folds": _mean(within),
        "pooled": _mean(scores.pooled[name]),
    }


def _error(parts):
    """Return the standard error between random assignments to folds."""
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


_NEW, _BOTH = "new patients", "new and returning patients"


def later_result(task, splits, refits, ci, remarks, site):
    """Return the result of fitting on earlier rows and judging later ones.

    Parameters
    ----------
    task : Task
        What is asked.
    splits : Splits
        Earlier and later rows.
    refits : list of Refit
        Risks of all rows from each split's model.
    ci, remarks, site
        Kind of interval, remarks so far, and the site of each row.

    Where patients return, all later rows come first in the table and those of new patients after.
    """
    numbers = [(split.number, split.seed) for split in splits.resamples]
    failures = Failures(task, refits, numbers)
    apparent = _earlier(task, splits, refits)
    tables, details, scored = [], [], []
    for population, some in _populations(task, splits).items():
        scores = FoldScores(task, some, _risks_of(some, refits))
        rows = [row_of(task, "temporal", name, apparent[name], scores, ci) for name in apparent]
        judged = (scores.fold >= 0).any(axis=0)
        detail = [detail_of(row, scores) | {"judged": population.rstrip(",")} for row in rows]
        target = f"procedure fitted on earlier rows, for {population} at a later time"
        table, detail = finish_table(task, rows, detail, judged, target)
        tables.append(table)
        details.append(detail)
        scored.append(scores)
    scores = scored[0]
    remarks = [*remarks, f"{splits.text}.", *_returning_remark(task, splits, tables, scored)]
    remarks += failures.remarks(details[0])
    risk, count = scores.mean_risk()
    by_site, words = site_table(task, scores.risk, scores.fold >= 0, scores.fold, site)
    failures.warn()
    first = _apparent_risk(task, splits, refits)
    return ValidationResult(
        pd.concat(tables, ignore_index=True),
        "temporal",
        (*remarks, *words),
        pd.concat(details, ignore_index=True),
        predictions_of(task, risk, count, first),
        failures.table,
        failures.chosen(),
        by_site,
        task.confidence_level,
        curves_of(task, first, scores),
    )


def _earlier(task, splits, refits):
    """Return the mean apparent value of every measure over the splits' training rows."""
    means = []
    for split, fit in zip(splits.resamples, refits, strict=True):
        if fit.risk is None:
            continue
        rows = split.train
        weight = None if task.weight is None else task.weight[rows]
        block = Block(task.y[rows], fit.risk[None, rows], task.thresholds).weigh(weight)
        means.append({name: slow_value(name, block, weight) for name in task.measures})
    if not means:
        raise InputError(f"{splits.resamples[0].where} cannot be fitted: {refits[0].failure}.")
    return {name: float(np.mean([values[name] for values in means])) for name in task.measures}


def _apparent_risk(task, splits, refits):
    """Return the risks of the training rows of the first split that was fitted."""
    risk = np.full(task.n, np.nan)
    pairs = zip(splits.resamples, refits, strict=True)
    split, fit = next(pair for pair in pairs if pair[1].risk is not None)
    risk[split.train] = fit.risk[split.train]
    return risk


def _populations(task, splits):
    """Return the splits for all later rows and, where patients return, for new patients."""
    if task.groups is None:
        return {f"{_NEW}, one row each,": splits}
    new = [
        replace(
            split,
            predict=split.predict[~np.isin(task.groups[split.predict], task.groups[split.train])],
        )
        for split in splits.resamples
    ]
    if all(len(a.predict) == len(b.predict) for a, b in zip(new, splits.resamples, strict=True)):
        return {_NEW: splits}
    if not any(len(split.predict) for split in new):
        return {"returning patients": splits}
    return {_BOTH: splits, _NEW: replace(splits, resamples=new)}


def _returning_remark(task, splits, tables, scored):
    """Say how many later rows are of patients seen before, and what difference they make."""
    if task.groups is None:
        return []
    if tables[0]["estimand"].iloc[0].endswith("for returning patients at a later time"):
        return ["All later rows are of patients seen before; nothing is known of new patients."]
    if len(tables) == 1:
        return []
    share = 1 - tables[1]["n_samples"].iloc[0] / tables[0]["n_samples"].iloc[0]
    returning = f"{share:.0%} of the later rows are of patients seen before"
    both, new = (scores.estimate("auroc") for scores in scored)
    judged = f"the AUC is {both:.3f} with them and {new:.3f} for new patients alone"
    if not np.isfinite(new):
        judged = "new patients alone have one class of outcome, so that their AUC does not exist"
    return [f"{returning}: {judged}. Both have rows in the table."]


def _risks_of(splits, refits):
    """Return the refits with the risks of the splits' test rows alone."""
    return [
        fit if fit.risk is None else replace(fit, risk=fit.risk[split.predict])
        for split, fit in zip(splits.resamples, refits, strict=True)
    ]
