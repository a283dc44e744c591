"""Out-of-sample measures of each site that the procedure knows."""

import numpy as np
import pandas as pd

from healthml._core._checks import check_groups
from healthml._core._paired import paired_scores

_MOST = 50
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
