"""How the risks are spread among patients with and without the event."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from healthml._core._inputs import weighted_quantile
from healthml._core._release import release_table
from healthml._core._results import Result
from healthml._core._sample import make_sample
from healthml.exceptions import InputError
from healthml.metrics._multiclass import one_vs_rest

__all__ = ["RiskDistributionResult", "risk_distribution"]

# What is printed of the distribution: the middle half and 5% on either side.
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, repr=False)
class RiskDistributionResult(Result):
    """Distribution of the risks by outcome; made by `risk_distribution`.

    Parameters
    ----------
    table : pandas.DataFrame
        Two rows, outcome "event" and "no event": n_samples, mean, sd, p05, p25, p50, p75, p95.
    histogram : pandas.DataFrame
        One row per outcome and class of risk: outcome, low, high, n_samples, share.
    """

    histogram: pd.DataFrame = None

    def plot(self, ax=None, **kwargs):
        """Draw one histogram up (events) and one down (no event); returns the axes."""
        from healthml._core._displays import BLUE, GREY, VERMILION, new_axes

        ax, histogram = new_axes(ax, width=5.5, height=4.0), release_table(self.histogram)
        widths = histogram["high"] - histogram["low"]  # a wider class is as high as its mean
        single = (self.histogram["high"] - self.histogram["low"]).min()
        histogram = histogram.assign(height=100 * histogram["share"] * single / widths)
        for outcome, sign, colour, hatch in (
            ("event", 1, VERMILION, "//"),
            ("no event", -1, BLUE, ""),
        ):
            part = histogram[histogram["outcome"] == outcome]
            style = {"color": colour, "alpha": 0.75, "edgecolor": "white", "hatch": hatch, **kwargs}
            width = part["high"] - part["low"]
            height = sign * part["height"]
            ax.bar(part["low"], height, width, align="edge", label=outcome, **style)
        middle = self._drawn().set_index("outcome")["p50"]
        top = histogram["height"].max() if len(histogram) else 1.0
        ax.plot([middle["event"]] * 2, [0, top], color=VERMILION, lw=1.2, ls="--")
        ax.plot([middle["no event"]] * 2, [-top, 0], color=BLUE, lw=1.2, ls="--")
        ax.axhline(0, color=GREY, lw=0.8)
        ax.yaxis.set_major_formatter(lambda value, place: f"{abs(value):g}")
        ax.set(
            xlabel="Predicted risk (dashed: median)",
            ylabel="% of patients with, without event",
            xlim=(0, self.histogram["high"].max()),
            ylim=(-1.08 * top, 1.08 * top),
        )
        ax.legend(frameon=False)
        return ax


@one_vs_rest
def risk_distribution(
    y_true,
    y_proba,
    *,
    n_bins=40,
    sample_weight=None,
    weight_type=None,
    event=None,
    classes=None,
) -> RiskDistributionResult:
    """Describe the risks of patients with and without the event.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Outcome: 0/1, boolean, or any labels when `event` names the event.
    y_proba : array-like of shape (n_samples,)
        Predicted probability of the event.
    n_bins : int, default=40
        Classes of risk in the histogram, from 0 to the highest risk.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.
    weight_type : {"frequency", "sampling"}, default=None
        What the weights are; required with them.
    event : scalar or str, default=None
        The level of `y_true` that is the event.
    classes : list, default=None
        Labels of the columns of a `y_proba` with three or more; the sorted labels when None.

    Returns
    -------
    RiskDistributionResult

    Raises
    ------
    InputError
        If inputs do not fit each other, or a risk is outside 0 to 1.

    See Also
    --------
    calibration_curve : Draw observed risk as a function of predicted risk.
    discrimination_slope : Mean risk of patients with the event minus mean risk of the others.

    Examples
    --------
    >>> from healthml.metrics import risk_distribution
    >>> table = risk_distribution([0, 1, 0, 1], [0.1, 0.5, 0.3, 0.7]).to_frame()
    >>> table[["outcome", "mean"]].round(2).values.tolist()
    [['event', 0.6], ['no event', 0.2]]
    """
    sample = make_sample(
        y_true, y_proba, sample_weight=sample_weight, weight_type=weight_type, event=event
    )
    if not sample.both_classes:
        raise InputError("y_true has one class only; a comparison needs events and non-events.")
    edges = np.linspace(0, max(sample.proba.max(), 1e-9), n_bins + 1)
    rows, histograms = [], []
    for outcome, part in (("event", sample.event), ("no event", 1 - sample.event)):
        weight = sample.weight * part
        mean = float(np.average(sample.proba, weights=weight))
        spread = float(np.sqrt(np.average((sample.proba - mean) ** 2, weights=weight)))
        quantiles = weighted_quantile(sample.proba, _QUANTILES, weight)
        counted = part * (sample.weight if sample.frequency else sample.weight > 0)
        row = {"outcome": outcome, "n_samples": int(counted.sum()), "mean": mean, "sd": spread}
        names = [f"p{round(100 * q):02d}" for q in _QUANTILES]
        rows.append({**row, **dict(zip(names, quantiles, strict=True))})
        count, share = (np.histogram(sample.proba, edges, weights=w)[0] for w in (counted, weight))
        columns = {"low": edges[:-1], "high": edges[1:], "n_samples": count.astype(int)}
        frame = pd.DataFrame({**columns, "share": share / weight.sum()})
        frame.insert(0, "outcome", outcome)
        histograms.append(frame)
    return RiskDistributionResult(pd.DataFrame(rows), pd.concat(histograms, ignore_index=True))
