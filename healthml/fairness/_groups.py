"""Performance by sensitive group, with intervals and nothing claimed where counts are small."""

import itertools
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._checks import check_alignment, check_event, check_groups
from healthml._core._knowledge import name_words
from healthml._core._numerics import cluster_variance
from healthml._core._paired import auroc_shortfall, paired_scores
from healthml._core._results import Result
from healthml._core._tables import sensitive_frame
from healthml.exceptions import InputError
from healthml.validation._reference_models import TableEncoder, numbers_of

SMALLEST_SHOWN = 11

_AGE_CUTS = (0, 18, 40, 65, 80, np.inf)

_AGE_WORD = re.compile(r"(patient|anchor|admission)?ages?(yrs?|years|inyears)?")


@dataclass(frozen=True, repr=False)
class GroupPerformanceResult(Result):
    """Performance by group; made by `group_performance`.

    Parameters
    ----------
    table : DataFrame
        feature, group, measure, estimate, lower, upper, n_samples, n_events, n_patients, reason
        (why there is no estimate).
    gaps : DataFrame
        feature, group, measure ("oe_ratio": of the group; "auroc": what the group's own spread of
        risk allows, minus its AUC), estimate, lower, upper (simultaneous over all groups),
        n_samples, n_events.
    """

    gaps: pd.DataFrame = None

    def plot(self, ax=None, *, measure="oe_ratio", **kwargs):
        """Draw one measure by group with its intervals."""
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        rows = self.table[self.table["measure"] == measure].dropna(subset=["estimate"]).iloc[::-1]
        names = rows["feature"].astype(str) + ": " + rows["group"].astype(str)
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().to_numpy().T
        ax.errorbar(rows["estimate"], names, xerr=spread, fmt="o", **kwargs)
        if measure == "oe_ratio":
            ax.axvline(1.0, color="0.6", lw=1)
        label = {"auroc": "AUC", "oe_ratio": "Observed / expected events"}.get(measure, measure)
        ax.set(xlabel=label)
        return ax


def group_performance(
    y_true,
    y_proba,
    sensitive_features,
    *,
    fold=None,
    groups=None,
    thresholds=None,
    min_events=10,
    confidence_level=0.95,
):
    """Measure discrimination, calibration and net benefit in each sensitive group.

    Missing values of a sensitive feature are a group of their own, so that nobody vanishes.
    Groups below 11 patients are suppressed; groups with fewer than `min_events` patients with, or
    without, the event are listed with their counts and no estimate.

    Where the risks of a group lie close together nobody could rank its patients well: that is case
    mix, not harm. A group's AUC is therefore compared with the model-based concordance [1]_, what
    its AUC would be if every risk, recalibrated (intercept and slope) on all patients, were right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome as 0/1.
    y_proba : array-like of shape (n_samples,) or (n_repeats, n_samples)
        Out-of-sample risks.
    sensitive_features : DataFrame, Series or array-like
        One or more features; numeric ones with more than 10 values are cut into bands (age at
        18, 40, 65, 80; others at their quartiles).
    fold : ndarray, optional
        Fold of each row, shaped as `y_proba`; the AUC compares rows of one fold only.
    groups : array-like of shape (n_samples,), optional
        The patient of each row.
    thresholds : ndarray, optional
        Decision thresholds for net benefit.
    min_events : int, default=10
        Fewest patients with and without the event for an estimate.
    confidence_level : float, default=0.95
        Level of the intervals of `table`; those of `gaps` hold for all groups together.

    Returns
    -------
    GroupPerformanceResult

    Raises
    ------
    InputError
        If the lengths do not fit, the outcome is not 0/1, or a patient is missing.

    See Also
    --------
    healthml.metrics.performance : The same measures over everybody.
    healthml.validation.internal_external : By site, each left out in turn.
    healthml.imputation.missingness_report : For which groups values are missing.

    References
    ----------
    .. [1] van Klaveren D, Gonen M, Steyerberg EW, Vergouwe Y. A new concordance measure for risk
       prediction models in external validation settings. Stat Med. 2016;35:4136-4152.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness import group_performance
    >>> rng = np.random.default_rng(0)
    >>> risk, sex = rng.uniform(0.1, 0.9, 400), np.tile(["f", "m"], 200)
    >>> y = (rng.uniform(size=400) < risk).astype(int)
    >>> found = group_performance(y, risk, {"sex": sex}).to_frame()
    >>> sorted(map(str, set(found["group"])))
    ['f', 'm']
    """
    check_alignment(
        y_true=y_true, y_proba=y_proba, sensitive_features=sensitive_features, groups=groups
    )
    y, risk = check_event(y_true, name="y_true")[1], np.asarray(y_proba, dtype=float)
    if risk.shape[-1:] != y.shape:
        raise InputError(
            f"y_proba has shape {risk.shape} for {len(y)} rows; pass one risk for each row."
        )
    groups = None if groups is None else check_groups(groups, len(y))
    features = sensitive_frame(sensitive_features, len(y))
    bands = {name: band_labels(features[name]) for name in features.columns}
    n_groups = sum(len(np.unique(b)) for b in bands.values())
    strict = 1 - (1 - confidence_level) / max(n_groups, 1)
    about = {"groups": groups, "confidence_level": confidence_level}
    rows, gaps = [], []
    for name, band in bands.items():
        for group in np.unique(band):
            mask = band == group
            counts, reason = _counts(y, mask, groups), _why_not(y, mask, groups, min_events)
            if reason:
                shown = counts if counts[2] >= SMALLEST_SHOWN else (np.nan, np.nan, np.nan)
                rows.append((name, _shown(group, counts), "all", *[np.nan] * 3, *shown, reason))
                continue
            options = {"folds": {"in": fold}, "rows": {"in": mask}, "thresholds": thresholds}
            scored = paired_scores(y, {"in": risk}, **options, **about)
            rows += [
                (name, group, r.measure, r.estimate, r.lower, r.upper, *counts, "")
                for r in scored.table.itertuples()
            ]
            oe = scored.values.get(("in", "oe_ratio"))
            gaps += [
                (name, group, *gap, *counts[:2])
                for gap in (
                    _oe_gap(oe, groups, strict),
                    _auc_gap(y, risk, mask, fold, groups, strict),
                )
                if gap is not None
            ]
    columns = ["feature", "group", "measure", "estimate", "lower", "upper"]
    table = pd.DataFrame(rows, columns=[*columns, "n_samples", "n_events", "n_patients", "reason"])
    gap_table = pd.DataFrame(gaps, columns=[*columns, "n_samples", "n_events"])
    return GroupPerformanceResult(table, gap_table)


def band_labels(column):
    """Return the group label of each row as text; missing is "missing"."""
    if column.nunique() > 10 and TableEncoder().is_number(column):
        values = numbers_of(column)
        is_age = any(_AGE_WORD.fullmatch(word) for word in name_words(column.name))
        cuts = _AGE_CUTS if is_age else np.unique(np.nanquantile(values, [0, 0.25, 0.5, 0.75, 1]))
        labels = np.array(_band_names(cuts, is_age), dtype=object)
        at = np.clip(np.searchsorted(cuts, values, side="right") - 1, 0, len(labels) - 1)
        return np.where(np.isnan(values), "missing", labels[at]).astype(str)
    text = column.astype("object").where(column.notna(), "missing")
    return np.array([_level_name(v) for v in text])


def _level_name(value):
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _band_names(cuts, is_age):
    if is_age:
        pairs = itertools.pairwise(cuts)
        return [f"{lo:g}-{hi - 1:g}" if np.isfinite(hi) else f"{lo:g}+" for lo, hi in pairs]
    return [f"quarter {k + 1}" for k in range(len(cuts) - 1)]


def _counts(y, mask, groups):
    patients = mask.sum() if groups is None else len(np.unique(np.asarray(groups)[mask]))
    return int(mask.sum()), int(y[mask].sum()), int(patients)


def _why_not(y, mask, groups, min_events):
    """Return why nothing is estimated of a group; a patient of both kinds of rows counts twice."""
    patient = np.arange(len(y)) if groups is None else np.asarray(groups)
    if len(np.unique(patient[mask])) < SMALLEST_SHOWN:
        return f"fewer than {SMALLEST_SHOWN} patients: suppressed"
    kinds = (len(np.unique(patient[mask & (y == k)])) for k in (0, 1))
    if min(kinds) < min_events:
        return f"fewer than {min_events} patients with or without the event: not assessable"
    return ""


def _shown(group, counts):
    return group if counts[2] >= SMALLEST_SHOWN else "(small group)"


def _oe_gap(oe, groups, level):
    """Return observed over expected events with the interval for all groups together."""
    if oe is None or not oe[0] > 0:
        return None
    ratio, influence = oe
    half = norm.ppf(0.5 + level / 2) * np.sqrt(cluster_variance(influence / ratio, groups))
    return "oe_ratio", ratio, ratio * np.exp(-half), ratio * np.exp(half)


def _auc_gap(y, risk, mask, fold, groups, level):
    """Return the AUC that the group's spread of risk allows minus its own, or None."""
    risk, parts = np.atleast_2d(risk), None if fold is None else np.atleast_2d(fold)
    if mask.all() or np.nanmin(risk) < 0 or np.nanmax(risk) > 1:
        return None
    found = []
    for r, line in enumerate(risk):
        seen = np.isfinite(line)
        part = None if parts is None else parts[r][seen]
        gap, influence = auroc_shortfall(y[seen], line[seen], mask[seen], part)
        full = np.zeros(len(y))
        full[seen] = influence
        found.append((gap, full))
    gap = float(np.mean([value for value, _ in found]))
    if not np.isfinite(gap):
        return None
    variance = cluster_variance(np.mean([full for _, full in found], axis=0), groups)
    half = norm.ppf(0.5 + level / 2) * np.sqrt(variance)
    return "auroc", gap, gap - half, gap + half
