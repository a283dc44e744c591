"""The instability plots: what one sees when the same patients meet other samples' models."""

import numpy as np
import pandas as pd

from healthml._core._displays import BLUE, GREY, VERMILION, new_axes
from healthml._core._inputs import check_threshold
from healthml.exceptions import InputError
from healthml.metrics._measures import FEWEST_RISKS, SMOOTHERS, fit_smooth

KINDS = ("risk", "instability", "classification", "calibration", "net_benefit")

_WINDOWS = 30  # one of so many parts of the rows lies on each side of a running median; looks only
_MOST_POINTS, _MOST_CURVES = 40_000, 100  # drawn at most; more are one black area


def draw(result, ax, kind, threshold, options):
    """Draw one kind of plot into `ax`, or into new axes; returns the axes."""
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; pass one of {', '.join(KINDS)}.")
    if kind == "classification":
        threshold = check_threshold(_threshold(result, threshold))
    ax = new_axes(ax, width=5.0, height=4.5)
    _DRAW[kind](result, ax, threshold, options)
    return ax


def _threshold(result, threshold):
    """Return the threshold asked for, or the first that the result was made with."""
    if threshold is not None:
        return threshold
    made_with = [name.split("@")[1] for name in result.overall["measure"] if "@" in name]
    if not made_with:
        raise InputError("kind='classification' needs a threshold; pass threshold.")
    return float(made_with[0])


def _risk(result, ax, _, options):
    """Every bootstrap risk as a dot, the range of each row as two lines of dots on top."""
    models, table = result.models, result.table
    shown = max(1, _MOST_POINTS // models.task.n)
    dots = {"color": GREY, "alpha": 0.10, "s": 5, "lw": 0, "rasterized": True, **options}
    some = models.risks[:shown]
    ax.scatter(np.tile(models.risk, len(some)), some.ravel(), **dots)
    ax.plot([0, 1], [0, 1], color="black", lw=0.8)
    order = np.argsort(table["risk"].to_numpy(), kind="stable")
    at, lower, upper = (table[name].to_numpy()[order] for name in ("risk", "lower", "upper"))
    words = f"{result.confidence_level:.0%} range, running median"
    for ends, label in ((lower, words), (upper, None)):
        ax.plot(at, _smoothed(ends), color=VERMILION, lw=1.4, ls=(0, (5, 2)), label=label)
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="Risk by the model",
        ylabel=f"Risk by {models.n_used} bootstrap models",
    )
    ax.set_aspect("equal")
    ax.legend(frameon=False, loc="upper left")


def _smoothed(values):
    """Return the running median over a fifteenth of the rows, fewer at the ends."""
    half = max(1, len(values) // _WINDOWS)
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return np.array([np.median(window) for window in windows])


def _instability(result, ax, _, options):
    table, mean = result.table, result.overall["estimate"].iloc[0]
    dots = {"color": BLUE, "alpha": 0.4, "s": 12, "label": "one row", **options}
    ax.scatter("risk", "instability", data=table, **dots)
    ax.axhline(mean, color=VERMILION, lw=1.2, ls=(0, (5, 2)), label=f"mean {mean:.3f}")
    ax.set(xlim=(0, 1), xlabel="Risk by the model", ylabel="Mean absolute difference of risks")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)


def _classification(result, ax, threshold, options):
    share = switching(result.models, threshold)
    dots = {"color": BLUE, "alpha": 0.4, "s": 12, **options}
    ax.scatter(result.table["risk"], share, **dots)
    ax.axvline(threshold, color=GREY, lw=0.8, ls=(0, (1, 1)), label=f"threshold {threshold:g}")
    mean = np.average(share, weights=result.models.weight)
    ax.axhline(mean, color=VERMILION, lw=1.2, ls=(0, (5, 2)), label=f"mean {mean:.3f}")
    ax.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel="Risk by the model",
        ylabel="Share of bootstrap models with the other class",
    )
    ax.legend(frameon=False)


def _calibration(result, ax, _, options):
    table = calibration_curves(_fewer(result.models), "loess", 50)
    ax.plot([0, 1], [0, 1], color=GREY, lw=0.8)
    _spaghetti(ax, table, "risk", options)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="Predicted risk", ylabel="Observed risk")
    ax.set_aspect("equal")
    ax.legend(frameon=False, loc="upper left")


def _net_benefit(result, ax, _, options):
    table = decision_curves(_fewer(result.models))
    everybody = table[table["model"] == TREAT_ALL]
    _spaghetti(ax, table[table["model"] != TREAT_ALL], "threshold", options)
    dashes = {"color": "black", "ls": (0, (6, 2)), "lw": 1}
    ax.plot(everybody["threshold"], everybody["estimate"], label=TREAT_ALL, **dashes)
    ax.axhline(0, color="black", lw=0.8, label="treat none")
    top = 1.1 * table["estimate"].max()
    ax.set(
        xlim=(0, 1),
        ylim=(-0.25 * top, top),
        xlabel="Decision threshold (risk)",
        ylabel="Net benefit on all rows",
    )
    ax.legend(frameon=False)


def _fewer(models):
    """Return the first bootstrap models, enough for a picture."""
    from dataclasses import replace

    kept = slice(_MOST_CURVES)
    return replace(models, risks=models.risks[kept], numbers=models.numbers[kept])


def _spaghetti(ax, table, x, options):
    label = "bootstrap models"
    for name, curve in table.groupby("model", sort=False):
        if name != ALL_ROWS:
            style = {"color": GREY, "alpha": 0.25, "lw": 0.7, "label": label, **options}
            ax.plot(curve[x], curve["estimate"], **style)
            label = None
    own = table[table["model"] == ALL_ROWS]
    ax.plot(own[x], own["estimate"], color=BLUE, lw=2, label="the model")


_DRAW = {
    "risk": _risk,
    "instability": _instability,
    "classification": _classification,
    "calibration": _calibration,
    "net_benefit": _net_benefit,
}

ALL_ROWS, TREAT_ALL = "all rows", "treat all"


def switching(models, threshold):
    """Return for each row the share of bootstrap models that put it into the other class."""
    return ((models.risks > threshold) != (models.risk > threshold)).mean(axis=0)


def calibration_curves(models, smooth, n_points):
    """Return one smooth calibration curve per model, each over its own range of risks."""
    if smooth not in SMOOTHERS:
        raise InputError(f"smooth is {smooth!r}; pass one of {', '.join(SMOOTHERS)}.")
    parts = [
        _calibration_curves(name, models.task.y, risk, models.weight, smooth, n_points)
        for name, risk in _named(models)
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def decision_curves(models, thresholds=None):
    """Return the net benefit of every model, and of treating all, at every threshold."""
    at = np.arange(1, 100) / 100 if thresholds is None else np.atleast_1d(thresholds).astype(float)
    for threshold in at:
        check_threshold(float(threshold), "thresholds")
    weight = models.weight / models.weight.sum()
    gain, harm = weight * models.task.y, weight * (1 - models.task.y)
    risks = np.vstack([models.risk, models.risks, np.ones(models.task.n)])
    values = [_net_benefit_curves(risks, gain, harm, t) for t in at]
    names = [*(name for name, _ in _named(models)), TREAT_ALL]
    return pd.DataFrame(
        {
            "model": np.repeat(np.array(names, dtype=object), len(at)),
            "threshold": np.tile(at, len(names)),
            "estimate": np.array(values).T.ravel(),
        }
    )


def _net_benefit_curves(risks, gain, harm, threshold):
    treated = (risks >= threshold).astype(float)
    return treated @ gain - treated @ harm * threshold / (1 - threshold)


def _named(models):
    yield ALL_ROWS, models.risk
    for number, risk in zip(models.numbers, models.risks, strict=True):
        yield str(number), risk


def _calibration_curves(name, y, risk, weight, smooth, n_points):
    """Return a curve, empty where the risks are too few to smooth."""
    used = weight > 0
    y, risk, weight = y[used].astype(float), risk[used], weight[used]
    if len(np.unique(risk)) < FEWEST_RISKS:
        return pd.DataFrame()
    at = np.linspace(risk.min(), risk.max(), n_points)
    height = np.clip(fit_smooth(y, risk, weight, smooth).estimate(at), 0, 1)
    return pd.DataFrame({"model": name, "risk": at, "estimate": height})
