"""Performance by sensitive group, with intervals and nothing claimed where counts are small."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._checks import check_alignment, check_event, check_groups, check_proba
from healthml._core._inputs import check_weight
from healthml._core._intervals import check_confidence_level
from healthml._core._release import MIN_COUNT
from healthml._core._results import Result
from healthml._core._sample import check_weight_type
from healthml._core._tables import sensitive_frame
from healthml.exceptions import InputError
from healthml.fairness._bands import band_labels
from healthml.fairness._scores import GroupScorer


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
        table = self._drawn()
        rows = table[table["measure"] == measure].dropna(subset=["estimate"]).iloc[::-1]
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
    event=None,
    sample_weight=None,
    weight_type=None,
    thresholds=None,
    min_events=10,
    confidence_level=0.95,
):
    """Measure discrimination, calibration and net benefit in each sensitive group.

    Missing values of a sensitive feature are a group of their own, so that nobody vanishes.
    Groups below 11 patients, and those with fewer than `min_events` patients with, or without, the
    event, stand in the table with their counts and no estimate. What is printed, drawn or written
    hides counts of 1 to 10, and the name of a group of fewer than 11 patients.

    Where the risks of a group lie close together nobody could rank its patients well: that is case
    mix, not harm. A group's AUC is therefore compared with the model-based concordance [1]_, what
    its AUC would be if every risk, recalibrated (intercept and slope) on all patients, were right.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,), (n_samples, 2) or (n_repeats, n_samples)
        Out-of-sample risks of the event; of two columns, as `predict_proba` gives them, the second.
        With repeats NaN where a repeat has no risk for a row.
    sensitive_features : DataFrame, Series or array-like
        One or more features. Text (of digits, too) and numbers with 20 values or fewer are groups
        as they stand; ages of more than 10 values are cut at 18, 40, 65 and 80, other numbers at
        their quartiles.
    fold : ndarray, optional
        Fold of each row, shaped as `y_proba`; the AUC compares rows of one fold only.
    groups : array-like of shape (n_samples,), optional
        The patient of each row.
    event : scalar or str, optional
        The level of `y_true` that is the event.
    sample_weight : array-like of shape (n_samples,), optional
        Weights of the rows; rows of weight 0 are not used.
    weight_type : {"frequency", "sampling"}, optional
        What the weights are: so many equal rows, or inverse probabilities of being sampled.
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
        If the lengths do not fit, a risk is no probability, the event must be named, a patient is
        missing, or it is not said what the weights are.

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
        y_true=y_true,
        y_proba=y_proba,
        sensitive_features=sensitive_features,
        groups=groups,
        sample_weight=sample_weight,
    )
    y = check_event(y_true, event=event, name="y_true")[1]
    level = check_confidence_level(confidence_level)
    risk, fold = _repeats_of(y_proba, fold, len(y))
    groups = None if groups is None else check_groups(groups, len(y))
    features = sensitive_frame(sensitive_features, len(y))
    bands = {name: band_labels(features[name]) for name in features.columns}
    weight = _weights(sample_weight, weight_type, y, groups)
    if weight_type == "frequency":
        many, weight = np.repeat(np.arange(len(y)), weight.astype(np.int64)), None
        y, risk, fold = y[many], risk[:, many], None if fold is None else fold[:, many]
        bands = {name: band[many] for name, band in bands.items()}
    scorer = GroupScorer(y, risk, fold, groups, weight, thresholds)
    parts = {name: _rows_of_groups(band, scorer.used) for name, band in bands.items()}
    n_groups = sum(len(rows) for rows in parts.values())
    strict = 1 - (1 - level) / max(n_groups, 1)
    rows, gaps = [], []
    for name, members in parts.items():
        for group, own in members:
            lines, more = _lines_of(scorer, own, min_events, level, strict)
            rows += [(name, group, *line) for line in lines]
            gaps += [(name, group, *line) for line in more]
    columns = ["feature", "group", "measure", "estimate", "lower", "upper"]
    table = pd.DataFrame(rows, columns=[*columns, "n_samples", "n_events", "n_patients", "reason"])
    gap_table = pd.DataFrame(gaps, columns=[*columns, "n_samples", "n_events"])
    return GroupPerformanceResult(table, gap_table)


def _repeats_of(y_proba, fold, n):
    """Return risks, checked, and folds, both of shape (n_repeats, n_samples)."""
    shape = np.shape(y_proba)
    fold = None if fold is None else np.atleast_2d(fold)
    if len(shape) == 2 and shape[1] == n and shape[0] != n:
        risk = np.array([_checked_repeat(line, n) for line in np.asarray(y_proba)])
    else:
        columns = np.asarray(y_proba) if len(shape) == 2 and shape[1] == 2 else None
        risk = check_proba(y_proba if columns is None else columns[:, 1], n)[None, :]
    if fold is not None and fold.shape != risk.shape:
        raise InputError(
            f"fold has shape {fold.shape} for risks of shape {risk.shape}; pass the fold of each "
            "row in each repeat."
        )
    return risk, fold


def _checked_repeat(line, n):
    """Return the risks of one repeat; those that are missing stay so, the others are checked."""
    known = ~pd.isna(line)
    risk = np.full(n, np.nan)
    risk[known] = check_proba(line[known])
    return risk


def _weights(sample_weight, weight_type, y, groups):
    check_weight_type(sample_weight, weight_type)
    if sample_weight is None:
        return None
    if weight_type == "frequency" and groups is not None:
        raise InputError(
            "groups cannot be used with frequency weights, which stand for independent rows; "
            "repeat the rows instead, or declare weight_type='sampling'."
        )
    return check_weight(sample_weight, y.astype(float))


def _rows_of_groups(band, used):
    """Return (group, its rows that are used) in order of the names, sorted once."""
    names, codes = np.unique(band, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return [(name, rows[used[rows]]) for name, rows in zip(names, parts, strict=True)]


def _lines_of(scorer, rows, min_events, level, strict):
    """Return the lines of one group in the table, and in the table of gaps."""
    counts = scorer.counts(rows)
    reason = _why_not(scorer, rows, min_events)
    if reason:
        return [("all", *[np.nan] * 3, *counts, reason)], []
    scores = scorer.scores(rows)
    lines = [
        (measure, *scorer.interval(rows, measure, scored, level), *counts, "")
        for measure, scored in scores.items()
    ]
    gaps = (scorer.oe_gap(rows, scores.get("oe_ratio"), strict), scorer.auc_gap(rows, strict))
    return lines, [(*gap, *counts[:2]) for gap in gaps if gap is not None]


def _why_not(scorer, rows, min_events):
    """Return why nothing is estimated of a group; a patient of both kinds of rows counts twice."""
    if scorer.counts(rows)[2] < MIN_COUNT:
        return f"fewer than {MIN_COUNT} patients: nothing is estimated"
    if min(scorer.patients_of_each_kind(rows)) < min_events:
        return f"fewer than {min_events} patients with or without the event: not assessable"
    return ""
