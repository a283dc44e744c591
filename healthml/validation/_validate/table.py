"""The tidy table of a validation, whatever the method."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_groups
from healthml._core._paired import paired_scores
from healthml.validation._scoring import by_patient, emax_logistic, largest_change

_ORDER = (
    "measure",
    "apparent",
    "optimism",
    "corrected",
    "estimate",
    "se",
    "lower",
    "upper",
    "method",
    "ci_method",
    "estimand",
    "n_samples",
    "n_events",
    "n_patients",
    "resamples_asked",
    "resamples_used",
    "resamples_failed",
    "mcse",
    "reasons",
)


def finish_table(task, rows, details, judged, estimand):
    """Return the table of the wanted measures and that of their details.

    Parameters
    ----------
    task : Task
        What is asked.
    rows : list of dict
        measure, apparent, corrected, ends (of the interval), method, asked, used, mcse, reasons.
    details : list of dict
        What each corrected value was made of.
    judged : ndarray of bool
        Rows that were judged out of sample.
    estimand : str
        What is estimated.
    """
    row_of = {row["measure"]: row for row in rows}
    derive = {"dxy": _dxy, "emax_logistic": _emax}
    rows = [derive[name](task, row_of) if name in derive else row_of[name] for name in task.wanted]
    counts = {
        "estimand": estimand,
        "n_samples": int(judged.sum()),
        "n_events": int(task.y[judged].sum()),
        "n_patients": len(np.unique(task.units[judged])),
    }
    table = pd.DataFrame([_flat(row) | counts for row in rows])[list(_ORDER)]
    details = pd.DataFrame(details)
    return table, details[details["measure"].isin([*task.wanted, "auroc"])].reset_index(drop=True)


def predictions_of(task, risk, count, apparent):
    """Return the out-of-sample risk of each row beside the apparent one."""
    return pd.DataFrame(
        {
            "position": np.arange(task.n),
            "y": task.y,
            "risk": risk,
            "n_resamples": count,
            "apparent_risk": apparent,
        }
    )


def say_reasons(reasons):
    """Return counted reasons as text."""
    return "; ".join(f"{count} with {words}" for words, count in reasons.items())


def _flat(row):
    ends, corrected = row["ends"], float(row["corrected"])
    return {
        "measure": row["measure"],
        "apparent": float(row["apparent"]),
        "optimism": float(row["apparent"]) - corrected,
        "corrected": corrected,
        "estimate": corrected,
        "se": ends.se,
        "lower": ends.lower,
        "upper": ends.upper,
        "method": row["method"],
        "ci_method": ends.method,
        "resamples_asked": int(row["asked"]),
        "resamples_used": int(row["used"]),
        "resamples_failed": int(row["asked"] - row["used"]),
        "mcse": float(row["mcse"]),
        "reasons": say_reasons(row["reasons"]),
    }


def _dxy(task, known):
    """Somers' D of outcome and risk: twice the AUC less one."""
    row = known["auroc"]
    ends = row["ends"]
    ends = type(ends)(2 * ends.se, 2 * ends.lower - 1, 2 * ends.upper - 1, ends.method)
    turned = {"apparent": 2 * row["apparent"] - 1, "corrected": 2 * row["corrected"] - 1}
    return row | turned | {"measure": "dxy", "ends": ends, "mcse": 2 * row["mcse"]}


def _emax(task, known):
    """Largest difference that the corrected recalibration makes to any risk."""
    both = known["calibration_intercept"], known["calibration_slope"]
    values = {
        key: float(emax_logistic(*(row[key] for row in both))) for key in ("apparent", "corrected")
    }
    ends, centre = both[1]["ends"], [row["corrected"] for row in both]
    se = np.array([row["ends"].se for row in both])
    interval = type(ends)(method=ends.method if ends.method.startswith("none") else "none")
    if np.isfinite([*centre, *se]).all() and all(row["moved"] is not None for row in both):
        moved = [by_patient(row["moved"], task.groups) for row in both]
        correlation = np.corrcoef(moved)[0, 1]
        lower, upper = largest_change(centre, se, correlation, task.confidence_level)
        method = "smallest and largest in the joint confidence region of intercept and slope"
        interval = type(ends)(np.nan, lower, upper, method)
    return both[1] | values | {"measure": "emax_logistic", "ends": interval, "mcse": np.nan}


_MOST = 50  # draws or repeats from which measures by site are averaged; more only cost time

_MEASURES = ("auroc", "brier", "calibration_slope", "oe_ratio")


def site_table(task, risk, out, folds, site):
    """Return the measures of each site, and remarks.

    Parameters
    ----------
    task : Task
        What is asked.
    risk : ndarray of shape (k, n_samples)
        Risks of refitted models.
    out : ndarray of bool, shape (k, n_samples)
        Where they are out of sample.
    folds : ndarray of int, shape (k, n_samples), or None
        Fold of each row: risks are ranked within one fold only.
    site : array-like of shape (n_samples,) or None
        Site of each row.
    """
    if site is None:
        return None, []
    codes = check_groups(site, task.n, name="site")
    labels = pd.unique(np.asarray(site))
    words = ["by_site is of sites that the procedure knows; another site may differ more."]
    if task.weight is not None:
        words.append("by_site is not weighted.")
    risk = np.where(out, risk, np.nan)[:_MOST]
    tables, small = [], 0
    for code, label in enumerate(labels):
        rows = codes == code
        if not 0 < task.y[rows].sum() < rows.sum():
            small += 1
            continue
        scored = paired_scores(
            task.y,
            {"site": risk},
            folds=None if folds is None else {"site": folds[:_MOST]},
            rows={"site": rows},
            groups=task.groups,
            measures=_MEASURES,
            confidence_level=task.confidence_level,
        )
        counts = {"n_samples": int(rows.sum()), "n_events": int(task.y[rows].sum())}
        tables.append(scored.table.drop(columns="model").assign(site=label, **counts))
    if small:
        words.append(f"{small} sites have one class only and are not in by_site.")
    if not tables:
        return None, words
    return pd.concat(tables, ignore_index=True), words
