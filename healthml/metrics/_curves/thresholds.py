"""What happens at each decision threshold: sensitivity, specificity, predictive values, alerts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._intervals import check_confidence_level, wilson
from healthml._core._results import Result
from healthml._core._sample import make_sample
from healthml.metrics._curves.decision import _check_thresholds, _thresholds_passed
from healthml.metrics._measures import check_prevalence, get_measure, ratio
from healthml.metrics._multiclass import one_vs_rest
from healthml.metrics._uncertainty import Means, direct_interval, of_share

__all__ = ["ThresholdResult", "threshold_table"]

_SHOWN = ("sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True, repr=False)
class ThresholdResult(Result):
    """Measures by decision threshold; made by `threshold_table`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per threshold and measure: threshold, measure (sensitivity, specificity, ppv, npv,
        alerts_per_1000), estimate, lower, upper, n_samples, n_events, method,
        reason (why there is no estimate or no interval).
    confidence_level : float
        Coverage of the intervals.
    """

    confidence_level: float = 0.95

    def plot(
        self, ax=None, *, measures=("sensitivity", "specificity", "alerts_per_1000"), **kwargs
    ):
        """Draw measures against the threshold; alerts as a share, their number on the right."""
        from healthml._core._displays import line_style, new_axes

        ax = new_axes(ax, width=5.8)
        for number, name in enumerate(measures):
            table = self._drawn()
            part = table[table["measure"] == name]
            scale = 1000 if name == "alerts_per_1000" else 1
            label = "alerts" if scale == 1000 else get_measure(name).label
            style = line_style(number)
            ends = part["lower"] / scale, part["upper"] / scale
            line = {**style, "label": label, **kwargs}
            ax.plot(part["threshold"], part["estimate"] / scale, **line)
            ax.fill_between(part["threshold"], *ends, color=style["color"], alpha=0.15, lw=0)
        ax.set(
            ylim=(0, 1),
            xlabel="Decision threshold (risk)",
            ylabel=f"Share, {self.confidence_level:.0%} CI",
        )
        if "alerts_per_1000" in measures:
            right = ax.secondary_yaxis("right", functions=(lambda y: 1000 * y, lambda y: y / 1000))
            right.set_ylabel("Alerts per 1,000 patients")
        ax.legend(frameon=False)
        return ax


@one_vs_rest
def threshold_table(
    y_true,
    y_proba,
    *,
    thresholds=None,
    prevalence=None,
    groups=None,
    sample_weight=None,
    weight_type=None,
    confidence_level=0.95,
    event=None,
    classes=None,
) -> ThresholdResult:
    """Tabulate sensitivity, specificity, predictive values and alerts over thresholds.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event.
    thresholds : array-like of float, default=None
        Risks between 0 and 1; 0.01 to 0.99 when None.
    prevalence : float, default=None
        Prevalence for PPV and NPV; the observed one when None.
    groups : array-like of shape (n_samples,), default=None
        Patient of each row; intervals are then for patients.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them.
    confidence_level : float, default=0.95
        Coverage of the intervals.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.

    Returns
    -------
    ThresholdResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or a threshold is not between 0 and 1.

    See Also
    --------
    decision_curve : Compute net benefit over a range of decision thresholds, with treat-all and
        treat-none.
    sensitivity : Share of patients with the event whose risk is at or above the threshold; also
        recall.
    ppv : Positive predictive value: share of events among those at or above the threshold.

    Examples
    --------
    >>> from healthml.metrics import threshold_table
    >>> y, risk = [0, 1, 0, 1, 0, 0], [0.1, 0.5, 0.3, 0.4, 0.2, 0.1]
    >>> table = threshold_table(y, risk, thresholds=[0.25]).to_frame()
    >>> table[["measure", "estimate"]].values.tolist()[-1]
    ['alerts_per_1000', 500.0]
    """
    level, at = check_confidence_level(confidence_level), _check_thresholds(thresholds)
    sample = make_sample(
        y_true,
        y_proba,
        sample_weight=sample_weight,
        weight_type=weight_type,
        groups=groups,
        event=event,
    )
    prevalence, rows = check_prevalence(prevalence), []
    if sample.independent and prevalence is None:
        return ThresholdResult(_binomial_table(sample, at, level), level)
    for threshold in at:
        options = {"threshold": threshold, "prevalence": prevalence}
        for name in _SHOWN:
            interval = direct_interval(sample, get_measure(name), options, level)
            rows.append(_row(threshold, name, interval, 1))
        rows.append(_row(threshold, "alerts_per_1000", _alerts(sample, threshold, level), 1000))
    counts = {"n_samples": sample.n_samples, "n_events": sample.n_events}
    return ThresholdResult(pd.DataFrame(rows).assign(**counts), level)


def _binomial_table(sample, at, level):
    """Return the table from counts alone, with Wilson intervals."""
    passed, weight, n = _thresholds_passed(sample.proba, at), sample.weight, len(at)
    above = [
        np.cumsum(np.bincount(passed, weight * part, n + 1)[::-1])[::-1][1:]
        for part in (sample.event, 1 - sample.event)
    ]
    tp, fp = above
    n_events, n_others = weight @ sample.event, weight @ (1 - sample.event)
    counted = {
        "sensitivity": (tp, np.full(n, n_events)),
        "specificity": (n_others - fp, np.full(n, n_others)),
        "ppv": (tp, tp + fp),
        "npv": (n_others - fp, n_others - fp + n_events - tp),
        "alerts_per_1000": (tp + fp, np.full(n, n_events + n_others)),
    }
    parts = [_binomial_rows(name, at, *counts, level) for name, counts in counted.items()]
    table = pd.concat(parts).sort_values("threshold", kind="stable", ignore_index=True)
    return table.assign(n_samples=sample.n_samples, n_events=sample.n_events)


def _binomial_rows(name, at, top, bottom, level):
    scale = 1000 if name == "alerts_per_1000" else 1
    lower, upper = wilson(top, bottom, level)
    defined = bottom > 0
    rows = {"threshold": at, "measure": name, "estimate": scale * ratio(top, bottom)}
    rows |= {"lower": scale * lower, "upper": scale * upper}
    reason = "undefined here: no row to divide by"
    rows |= {"method": np.where(defined, "Wilson", reason)}
    return pd.DataFrame(rows | {"reason": np.where(defined, "", reason)})


def _alerts(sample, threshold, level):
    positive = (sample.proba >= threshold).astype(float)
    spec = Means(lambda s, o: (positive,), lambda m, o: m[0], "logit")
    return of_share(sample, spec, (positive, np.ones(len(positive))), {}, level)


def _row(threshold, name, interval, scale):
    return {
        "threshold": threshold,
        "measure": name,
        "estimate": interval.estimate * scale,
        "lower": interval.lower * scale,
        "upper": interval.upper * scale,
        "method": interval.method or interval.reason,
        "reason": interval.reason,
    }
