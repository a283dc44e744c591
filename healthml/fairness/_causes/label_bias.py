"""Whether a gap is in the risks or in how the outcome is recorded."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from healthml._core._checks import as_numbers, check_alignment, check_event
from healthml._core._intervals import check_confidence_level, z_value
from healthml._core._numerics import cluster_variance
from healthml._core._results import Result, table_text
from healthml.exceptions import InputError
from healthml.fairness._attributes import find_partitions
from healthml.fairness._contrasts import gap_blocks, holm
from healthml.fairness._estimates import measure_groups
from healthml.fairness._performance import check_rows, refuse_labels
from healthml.fairness._sums import sums_of_rows
from healthml.metrics._smoothers import restricted_columns

UNKNOWN = "cannot be told from these data: declare how well events are recorded, or check some"
CHECKED = "not told by these labels alone: see `recording`, and declare the range that it shows"
NO_GAP = "no difference shown"
INDISTINGUISHABLE = "recording within the declared range can explain it: indistinguishable"
BEYOND = "a true difference: recording within the declared range cannot explain it"
_KNOTS = (0.05, 0.35, 0.65, 0.95)  # quantiles of the risk; Harrell's places for four knots
_FEWEST = 11  # patients of a group for a verdict, as everywhere


@dataclass(frozen=True, repr=False)
class LabelBiasResult(Result):
    """What recorded labels can and cannot tell of groups; made by `label_bias_audit`.

    Parameters
    ----------
    table : DataFrame
        One row per group: feature, group, estimate (O:E of the group over that of everybody else,
        by recorded labels), lower, upper, bound_lower, bound_upper (the same of true outcomes,
        over the declared range and the sampling interval), verdict, n_samples, n_events,
        n_patients.
    recording : DataFrame
        Where true outcomes are known for some: share of true events that are recorded, and of
        non-events recorded as events, by group with intervals: feature, group, measure
        ("recorded_events", "false_events"), estimate, lower, upper, gap, gap_lower, gap_upper,
        n_samples, n_events.
    need : DataFrame
        Another measure of need at the same risk: feature, group, estimate (mean beyond that of
        everybody else with the same predicted risk), lower, upper, p_value, p_holm, n_samples,
        n_events.
    notes : tuple of str
        What a reader has to know.
    confidence_level : float
        Of the intervals.
    """

    recording: pd.DataFrame = None
    need: pd.DataFrame = None
    notes: tuple = ()
    confidence_level: float = 0.95

    def summary(self):
        """Return the verdicts and the notes as plain text."""
        return "\n".join([table_text(self.table, na_rep=""), *self.notes])

    def plot(self, ax=None, **kwargs):
        """Draw recorded ratios and the bounds of true ones; returns the matplotlib axes."""
        from healthml._core._displays import BLUE, GREY, new_axes, shorten
        from healthml._core._release import release_table

        rows = release_table(self.table).dropna(subset=["estimate"]).iloc[::-1]
        ax, at = new_axes(ax, width=6.0, height=1.2 + 0.3 * len(rows)), np.arange(len(rows))
        ax.hlines(at, rows["bound_lower"], rows["bound_upper"], color=GREY, lw=5, alpha=0.5)
        spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
        options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
        ax.errorbar(rows["estimate"], at, xerr=spread.to_numpy().T, **options)
        names = rows["feature"].astype(str) + ": " + rows["group"].astype(str)
        ax.set_yticks(at, [shorten(name) for name in names], parse_math=False)
        ax.axvline(1, color=GREY, lw=1, zorder=0)
        ax.set(xlabel="O:E of the group / that of others; grey: of true outcomes")
        return ax


def label_bias_audit(
    y_true,
    y_proba,
    sensitive_features,
    *,
    recorded_share=None,
    true_outcome=None,
    need=None,
    groups=None,
    event=None,
    confidence_level=0.95,
) -> LabelBiasResult:
    """Ask whether risks are wrong for a group or its outcomes are recorded differently.

    A label such as a recorded diagnosis or a cost stands for what is meant. Where a group's events
    are recorded less often, a model fitted on labels is too low for it and looks calibrated, and a
    right model looks too high: labels alone cannot tell which [1]_. Three things can: a declared
    range of how many true events are recorded, true outcomes of some patients, and another measure
    of need at the same risk.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome as recorded: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,) or (n_samples, 2)
        Out-of-sample risks of the event.
    sensitive_features : DataFrame, Series, dict or array-like
        One or more features; bands and levels as in `group_performance`.
    recorded_share : (low, high) or dict of str to (low, high), optional
        Declared range of the share of true events that are recorded as such: for all groups, or by
        group (groups that are not named have (1, 1)). No event is taken to be recorded falsely.
    true_outcome : array-like of shape (n_samples,), optional
        The true outcome as 0/1 where somebody looked, missing elsewhere.
    need : array-like of shape (n_samples,), optional
        Another measure of need, such as the number of chronic conditions; higher is more.
    groups : array-like of shape (n_samples,), optional
        The patient of each row.
    event : scalar or str, optional
        The level of `y_true` that is the event.
    confidence_level : float, default=0.95
        Of the intervals.

    Returns
    -------
    LabelBiasResult

    Raises
    ------
    InputError
        If a range is no range of shares above 0, or an input does not fit.

    See Also
    --------
    group_performance : The gaps that may come from labels.
    healthml.cleaning.LabelAudit : Which single labels look wrong.

    Notes
    -----
    With a share s of events recorded, the true O:E is the recorded one over s. The bounds join the
    worst ends of both ranges and the sampling interval, so that they hold for every recording
    within what was declared.

    References
    ----------
    .. [1] Obermeyer Z, Powers B, Vogeli C, Mullainathan S. Dissecting racial bias in an algorithm
       used to manage the health of populations. Science. 2019;366:447-453.

    Examples
    --------
    >>> import numpy as np
    >>> from healthml.fairness import label_bias_audit
    >>> rng = np.random.default_rng(0)
    >>> risk, group = rng.uniform(0.1, 0.5, 4000), rng.choice(["a", "b"], 4000)
    >>> y = rng.uniform(size=4000) < risk * np.where(group == "b", 0.6, 1)
    >>> options = {"recorded_share": {"b": (0.5, 1.0)}}
    >>> label_bias_audit(y, risk, {"g": group}, **options).to_frame()["verdict"].iloc[1]
    'recording within the declared range can explain it: indistinguishable'
    """
    level = check_confidence_level(confidence_level)
    check_alignment(y_true=y_true, sensitive_features=sensitive_features)
    none = {"threshold": None, "thresholds": None}
    weights = {"fold": None, "sample_weight": None, "weight_type": None, "options": none}
    rows, _ = check_rows(y_true, y_proba, groups=groups, event=event, **weights)
    refuse_labels(rows.risk, {"oe_ratio": None})
    _refuse_lengths(len(rows.y), true_outcome=true_outcome, need=need)
    partitions = find_partitions(sensitive_features, len(rows.y), patient=rows.patient)
    known = {str(name) for part in partitions for name in part.names}
    ranges = _ranges(recorded_share, known)
    recording = _recording(partitions, rows, true_outcome, level)
    unknown = CHECKED if len(recording) else UNKNOWN
    lines = [
        line for part in partitions for line in _verdicts(part, rows, ranges, (unknown, level))
    ]
    needed = _needed(partitions, rows, need, level)
    notes = () if ranges or len(recording) else (UNKNOWN[0].upper() + UNKNOWN[1:] + ".",)
    return LabelBiasResult(pd.DataFrame(lines), recording, needed, notes, level)


def _refuse_lengths(n, **columns):
    for name, values in columns.items():
        if values is not None and len(values) != n:
            raise InputError(f"{name} has {len(values)} values for {n} rows; pass one for each.")


def _ranges(recorded_share, known):
    """Return {group: (low, high)}, or {} where nothing was declared."""
    if recorded_share is None:
        return {}
    by_group = recorded_share if isinstance(recorded_share, dict) else {}
    if not by_group:
        by_group = dict.fromkeys(known, recorded_share)
    unknown = [name for name in by_group if str(name) not in known]
    if unknown:
        raise InputError(
            f"recorded_share names {unknown[0]!r}, which is no group; name some of the groups of "
            "sensitive_features."
        )
    ranges = {}
    for name, ends in by_group.items():
        low, high = (float(end) for end in np.broadcast_to(ends, (2,)))
        if not 0 < low <= high <= 1:
            raise InputError(
                f"recorded_share has ({low:g}, {high:g}); pass (low, high) with shares above 0 "
                "and up to 1."
            )
        ranges[str(name)] = (low, high)
    return ranges


def _verdicts(part, rows, ranges, settings):
    unknown, level = settings
    sums = sums_of_rows(
        part.names, part.codes, rows.y, rows.columns(["oe_ratio"]), patient=rows.patient
    )
    measured = measure_groups("oe_ratio", rows, part.codes, sums)
    blocks = gap_blocks(measured, None)
    gaps = blocks[0].ends(z_value(level)) if blocks else np.full((3, len(part.names)), np.nan)
    for k, group in enumerate(map(str, part.names)):
        ratio, lower, upper = (float(end[k]) for end in gaps)
        low, high = _others(ranges, part.names, sums, k)
        own = ranges.get(group, (1.0, 1.0))
        bounds = (lower * low / own[1], upper * high / own[0]) if ranges else (np.nan, np.nan)
        few = sums.n_patients[k] < _FEWEST
        verdict = "too few patients" if few else _verdict(lower, upper, bounds, unknown, ranges)
        yield {
            "feature": part.feature,
            "group": group,
            "estimate": ratio,
            "lower": lower,
            "upper": upper,
            "bound_lower": bounds[0],
            "bound_upper": bounds[1],
            "verdict": verdict,
            "n_samples": int(sums.n_samples[k]),
            "n_events": int(sums.n_events[k]),
            "n_patients": int(sums.n_patients[k]),
        }


def _others(ranges, names, sums, k):
    """Return the range of the recorded share of everybody else, weighed by expected events."""
    expected = np.delete(sums.sums[:, 4], k)
    ends = np.array([ranges.get(str(name), (1.0, 1.0)) for name in np.delete(names, k)])
    if not expected.sum() > 0:
        return np.nan, np.nan
    return tuple((expected @ ends / expected.sum()).tolist())


def _verdict(lower, upper, bounds, unknown, declared):
    if not np.isfinite(lower):
        return "no events"
    if not declared:
        return unknown
    if not bounds[0] <= 1 <= bounds[1]:
        return BEYOND
    narrow = np.allclose(bounds, (lower, upper))
    return NO_GAP if narrow else INDISTINGUISHABLE


def _recording(partitions, rows, true_outcome, level):
    """Return how often true events and non-events are recorded as events, where that is known."""
    columns = ["feature", "group", "measure", "estimate", "lower", "upper", "gap", "gap_lower"]
    columns += ["gap_upper", "n_samples", "n_events"]
    if true_outcome is None:
        return pd.DataFrame(columns=columns)
    truth = as_numbers(true_outcome, "true_outcome")
    known = np.isfinite(truth)
    check_event(truth[known], name="true_outcome")
    lines = []
    for part in partitions:
        for kind, measure in ((1, "recorded_events"), (0, "false_events")):
            inside = known & (truth == kind)
            lines += _shares(part, rows, inside, measure, level)
    return pd.DataFrame(lines, columns=columns)


def _shares(part, rows, inside, measure, level):
    cell = np.where(rows.y[inside] == 1, 0, 3).astype(np.int8)
    patient = None if rows.patient is None else rows.patient[inside]
    sums = sums_of_rows(
        part.names, part.codes[inside], rows.y[inside], {"cell": cell}, patient=patient
    )
    measured = measure_groups("flagged_rate", None, None, sums)
    z = z_value(level)
    own = (measured.own.value, *measured.own.ends(z))
    blocks = gap_blocks(measured, None)
    gaps = blocks[0].ends(z) if blocks else np.full((3, len(part.names)), np.nan)
    return [
        (
            part.feature,
            str(name),
            measure,
            *(float(end[k]) for end in (*own, *gaps)),
            int(sums.n_samples[k]),
            int(sums.n_events[k]),
        )
        for k, name in enumerate(part.names)
    ]


def _needed(partitions, rows, need, level):
    """Return how much more need each group has than others with the same predicted risk."""
    columns = ["feature", "group", "estimate", "lower", "upper", "p_value", "p_holm"]
    columns += ["n_samples", "n_events"]
    if need is None:
        return pd.DataFrame(columns=columns)
    values = as_numbers(need, "need")
    check_alignment(y_true=rows.y, need=values)
    lines = [
        line
        for part in partitions
        for k in range(len(part.names))
        if (line := _more_need(part, k, rows, values, level)) is not None
    ]
    table = pd.DataFrame(lines, columns=columns)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    return table


def _more_need(part, k, rows, values, level):
    use = np.isfinite(values) & (part.codes >= 0)
    own, risk, y = (part.codes[use] == k), rows.risk[0, use], values[use]
    if own.all() or own.sum() < _FEWEST:
        return None
    knots = np.unique(np.quantile(risk, _KNOTS))
    smooth = restricted_columns(risk, knots) if len(knots) > 2 else risk[:, None]
    design = np.column_stack([own, np.ones(len(y)), smooth]).astype(float)
    bread = np.linalg.pinv(design.T @ design)
    coef = bread @ (design.T @ y)
    influence = (design * (y - design @ coef)[:, None]) @ bread[:, 0]
    patient = None if rows.patient is None else rows.patient[use]
    error = float(np.sqrt(cluster_variance(influence, patient)))
    z = z_value(level)
    return {
        "feature": part.feature,
        "group": str(part.names[k]),
        "estimate": float(coef[0]),
        "lower": float(coef[0] - z * error),
        "upper": float(coef[0] + z * error),
        "p_value": float(2 * norm.sf(abs(coef[0]) / error)) if error > 0 else np.nan,
        "n_samples": int(own.sum()),
        "n_events": int(rows.y[use][own].sum()),
    }
