"""Pictures by group: forest, calibration, net benefit; of what may leave."""

import numpy as np


def draw_forest(result, ax, measure, label, **kwargs):
    """Draw one measure by group with its intervals; returns the matplotlib axes."""
    from healthml._core._displays import BLUE, GREY, new_axes, shorten

    rows = _rows(result, measure)
    ax, at = new_axes(ax, width=6.0, height=1.2 + 0.3 * len(rows)), np.arange(len(rows))
    spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
    options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
    ax.errorbar(rows["estimate"], at, xerr=spread.to_numpy().T, **options)
    ax.set_yticks(at, [shorten(name) for name in _labels(rows)], parse_math=False)
    ideal = {"oe_ratio": 1.0, "calibration_slope": 1.0, "calibration_in_the_large": 0.0}
    if measure in ideal:
        ax.axvline(ideal[measure], color=GREY, lw=1, zorder=0)
    ax.set(xlabel=f"{label}, {result.confidence_level:.0%} CI")
    return ax


def draw_calibration(result, ax, **kwargs):
    """Draw observed against expected event rates by group; returns the matplotlib axes."""
    from healthml._core._displays import GREY, new_axes, point_style, shorten

    expected, observed = _rows(result, "mean_risk"), _rows(result, "event_rate")
    both = expected.merge(observed, on=["feature", "control", "group"], suffixes=("_risk", ""))
    ax = new_axes(ax, width=5.4)
    for number, row in enumerate(both.itertuples()):
        style = point_style(number) | kwargs
        error = np.abs(np.array([[row.lower], [row.upper]]) - row.estimate)
        label = shorten(str(row.group))
        ax.errorbar(row.estimate_risk, row.estimate, yerr=error, linestyle="", label=label, **style)
    most = float(np.nanmax(both[["upper", "estimate_risk"]].to_numpy(), initial=0.1))
    ax.plot([0, most], [0, most], color=GREY, lw=1, zorder=0)
    ax.set(xlabel="Mean predicted risk", ylabel="Event rate")
    for text in ax.legend(frameon=False, fontsize=8).get_texts():
        text.set_parse_math(False)
    return ax


def draw_net_benefit(result, ax, **kwargs):
    """Draw net benefit per 1,000 patients by group, beside flagging nobody (0)."""
    from healthml._core._displays import BLUE, GREY, new_axes, shorten

    rows = _rows(result, "net_benefit")
    ax, at = new_axes(ax, width=6.0, height=1.2 + 0.3 * len(rows)), np.arange(len(rows))
    spread = rows[["lower", "upper"]].sub(rows["estimate"], axis=0).abs().fillna(0)
    options = {"fmt": "o", "color": BLUE, "capsize": 2, **kwargs}
    ax.errorbar(1000 * rows["estimate"], at, xerr=1000 * spread.to_numpy().T, **options)
    ax.set_yticks(at, [shorten(name) for name in _labels(rows)], parse_math=False)
    ax.axvline(0, color=GREY, lw=1, zorder=0)
    ax.set(xlabel=f"Net benefit per 1,000, {result.confidence_level:.0%} CI; 0 flags nobody")
    return ax


def _rows(result, measure):
    rows = result.table[result.table["measure"] == measure]
    return rows.dropna(subset=["estimate"]).iloc[::-1]


def _labels(rows):
    names = rows["feature"].astype(str) + ": " + rows["group"].astype(str)
    return np.where(rows["control"] == "", names, names + " (" + rows["control"].astype(str) + ")")
