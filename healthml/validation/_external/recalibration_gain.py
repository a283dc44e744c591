"""What an update of the risks brings on patients it was not fitted on."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._checks import check_random_seeds
from healthml._core._inputs import EPSILON
from healthml._core._numerics import cluster_variance, expit, fit_logistic
from healthml._core._paired import paired_scores
from healthml.exceptions import InputError
from healthml.validation._scoring import default_repeats
from healthml.validation._splits import RepeatedStratifiedGroupKFold

MEASURES = ("auroc", "brier", "calibration_slope", "oe_ratio")
COMPARED = ("auroc", "brier", "net_benefit")  # a slope or ratio nearer to 1 is no difference
COLUMNS = ["update", "measure", "estimate", "lower", "upper", "difference", "difference_lower"]
COLUMNS += ["difference_upper", "n_samples", "n_events", "reason"]
_LEAST = 2  # patients with and without the event: one for each side of a fold


def recalibration_gain(
    sample, extra, *, thresholds, level, random_state, n_folds=5, n_repeats=None
):
    """Score every update on folds of patients that it was not fitted on.

    Parameters
    ----------
    sample : Sample
        Outcomes, risks and patients.
    extra : ndarray of shape (n_samples, k), or None
        What the covariates add to the log odds; with it a revision is scored, too.
    thresholds : ndarray or None
        Decision thresholds over which net benefit is averaged.
    level : float
        Level of the intervals.
    random_state : int
        Seed of the folds.
    n_folds : int
        Folds by whole patients.
    n_repeats : int, optional
        How often patients are assigned to folds; by default 5 times, less often in large tables.

    Returns
    -------
    DataFrame
        One row per update and measure, with the paired difference from the risks as they are where
        more is better or worse. Intervals take the refitted updates of the folds as given.
    """
    y = sample.event.astype(int)
    units = np.arange(len(y)) if sample.groups is None else sample.groups
    scarcest = min(len(np.unique(units[y == k])) for k in (0, 1))
    if scarcest < _LEAST:
        return pd.DataFrame(columns=COLUMNS)
    splitter = RepeatedStratifiedGroupKFold(
        min(n_folds, scarcest),
        n_repeats=n_repeats or default_repeats(len(y)),
        random_state=check_random_seeds(random_state, 1)[0],
    )
    folds = splitter.fold_ids(y, sample.groups)
    risks, reasons = {"original": np.tile(sample.proba, (len(folds), 1))}, {}
    updates = {"intercept": _intercept, "recalibration": _slope}
    if extra is not None:
        updates["revision"] = _revision
    for name, update in updates.items():
        risks[name], reasons[name] = _out_of_fold(update, sample, extra, folds)
    return _scored(y, risks, reasons, folds, sample.groups, thresholds, level)


def _out_of_fold(update, sample, extra, folds):
    """Return each row's risk from an update fitted without its fold, or why there is none."""
    risk = np.empty(folds.shape)
    for r, fold in enumerate(folds):
        for k in np.unique(fold):
            train, test = fold != k, fold == k
            try:
                made = update(sample.event, sample.logit, extra, train)
            except InputError:
                made = None
            if made is None:
                return np.full(folds.shape, np.nan), "it cannot be fitted without some fold"
            risk[r, test] = made[test]
    return risk, ""


def _intercept(event, logit, _, train):
    return _fitted(None, event, train, logit)


def _slope(event, logit, _, train):
    return _fitted(logit[:, None], event, train, None)


def _revision(event, logit, extra, train):
    return _fitted(np.column_stack([logit, extra]), event, train, None)


def _fitted(columns, event, train, offset):
    """Return the risks of all rows from a model fitted on some, or None where it has no maximum."""
    rows = None if columns is None else columns[train]
    fit = fit_logistic(rows, event[train], offset=None if offset is None else offset[train])
    if fit.separated or not fit.converged:
        return None
    score = fit.coef[0] + (0.0 if columns is None else columns @ fit.coef[1:])
    return expit(score + (0.0 if offset is None else offset))


def _scored(y, risks, reasons, folds, groups, thresholds, level):
    measures = MEASURES if thresholds is None else (*MEASURES, "net_benefit")
    usable = {name: risk for name, risk in risks.items() if not reasons.get(name)}
    options = {"thresholds": thresholds, "measures": measures, "confidence_level": level}
    fold_of = dict.fromkeys(usable, folds)  # the AUC compares rows of one fold: of one update
    scores = paired_scores(y, usable, folds=fold_of, groups=groups, **options)
    rows = []
    for name in risks:
        if name not in usable:
            rows.append({"update": name, "measure": "", "reason": reasons[name]})
            continue
        table = scores.table[scores.table["model"] == name].to_dict(orient="records")
        for row in table:
            kept = {key: row[key] for key in ("measure", "estimate", "lower", "upper")}
            gain = (np.nan,) * 3
            if name != "original" and row["measure"] in COMPARED:
                gain = scores.difference(name, "original", row["measure"])
            rows.append({"update": name, **kept, **_gain(gain)})
        rows.append({"update": name, **_log_loss(y, risks, name, groups, level)})
    table = pd.DataFrame(rows).assign(n_samples=len(y), n_events=int(y.sum()))
    table = table.reindex(columns=COLUMNS)
    return table.assign(reason=table["reason"].astype(object).fillna(""))


def _log_loss(y, risks, name, groups, level):
    """Return log loss with its interval, and its difference from that of the risks as they are."""
    own, base = (_losses(y, risks[which]).mean(axis=0) for which in (name, "original"))
    z = norm.ppf(0.5 + level / 2)
    line = {"measure": "log_loss", **_around(own, groups, z, ("estimate", "lower", "upper"))}
    if name == "original":
        return line | _gain((np.nan,) * 3)
    names = ("difference", "difference_lower", "difference_upper")
    return line | _around(own - base, groups, z, names)


def _around(values, groups, z, names):
    mean = float(values.mean())
    step = z * float(np.sqrt(cluster_variance((values - mean) / len(values), groups)))
    return dict(zip(names, (mean, mean - step, mean + step), strict=True))


def _losses(y, risk):
    inside = np.clip(risk, EPSILON, 1 - EPSILON)
    return -np.where(y == 1, np.log(inside), np.log1p(-inside))


def _gain(values):
    return dict(zip(("difference", "difference_lower", "difference_upper"), values, strict=True))
