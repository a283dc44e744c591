"""From the risks of later rows to the result, for all of them and for those of new patients."""

from dataclasses import replace

import numpy as np
import pandas as pd

from healthml.exceptions import InputError
from healthml.metrics._batched.measures import Block
from healthml.validation._refits.failures import Mishaps
from healthml.validation._scoring.folds import FoldScores
from healthml.validation._task import slow_value
from healthml.validation._validate.by_site import site_table
from healthml.validation._validate.folds_result import curves_of, detail_of, row_of
from healthml.validation._validate.result import ValidationResult
from healthml.validation._validate.table import finish_table, predictions_of

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
    numbers = [(one.number, one.seed) for one in splits.resamples]
    mishaps = Mishaps(task, refits, numbers)
    apparent = _earlier(task, splits, refits)
    tables, details, scored = [], [], []
    for whom, some in _populations(task, splits).items():
        scores = FoldScores(task, some, _risks_of(some, refits))
        rows = [row_of(task, "temporal", name, apparent[name], scores, ci) for name in apparent]
        judged = (scores.fold >= 0).any(axis=0)
        detail = [detail_of(row, scores) | {"judged": whom.rstrip(",")} for row in rows]
        target = f"procedure fitted on earlier rows, for {whom} at a later time"
        table, detail = finish_table(task, rows, detail, judged, target)
        tables.append(table)
        details.append(detail)
        scored.append(scores)
    scores = scored[0]
    remarks = [*remarks, f"{splits.text}.", *_returning_remark(task, splits, tables, scored)]
    remarks += mishaps.remarks(details[0])
    risk, count = scores.mean_risk()
    by_site, words = site_table(task, scores.risk, scores.fold >= 0, scores.fold, site)
    mishaps.warn()
    first = _apparent_risk(task, splits, refits)
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
        curves_of(task, first, scores),
    )


def _earlier(task, splits, refits):
    """Return the mean apparent value of every measure over the splits' training rows."""
    found = []
    for split, one in zip(splits.resamples, refits, strict=True):
        if one.risk is None:
            continue
        rows = split.train
        weight = None if task.weight is None else task.weight[rows]
        block = Block(task.y[rows], one.risk[None, rows], task.thresholds).weigh(weight)
        found.append({name: slow_value(name, block, weight) for name in task.measures})
    if not found:
        raise InputError(f"{splits.resamples[0].where} cannot be fitted: {refits[0].failure}.")
    return {name: float(np.mean([one[name] for one in found])) for name in task.measures}


def _apparent_risk(task, splits, refits):
    """Return the risks of the training rows of the first split that was fitted."""
    risk = np.full(task.n, np.nan)
    pairs = zip(splits.resamples, refits, strict=True)
    split, one = next(pair for pair in pairs if pair[1].risk is not None)
    risk[split.train] = one.risk[split.train]
    return risk


def _populations(task, splits):
    """Return the splits for all later rows and, where patients return, for new patients."""
    if task.groups is None:
        return {f"{_NEW}, one row each,": splits}
    new = [
        replace(
            one, predict=one.predict[~np.isin(task.groups[one.predict], task.groups[one.train])]
        )
        for one in splits.resamples
    ]
    if all(len(a.predict) == len(b.predict) for a, b in zip(new, splits.resamples, strict=True)):
        return {_NEW: splits}
    if not any(len(one.predict) for one in new):
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
    said = f"{share:.0%} of the later rows are of patients seen before"
    both, new = (scores.estimate("auroc") for scores in scored)
    judged = f"the AUC is {both:.3f} with them and {new:.3f} for new patients alone"
    if not np.isfinite(new):
        judged = "new patients alone have one class of outcome, so that their AUC does not exist"
    return [f"{said}: {judged}. Both have rows in the table."]


def _risks_of(splits, refits):
    """Return the refits with the risks of the splits' test rows alone."""
    return [
        found if found.risk is None else replace(found, risk=found.risk[one.predict])
        for one, found in zip(splits.resamples, refits, strict=True)
    ]
