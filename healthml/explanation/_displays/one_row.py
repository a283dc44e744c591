"""One row: from the base value to the prediction, player by player."""

from types import SimpleNamespace

import numpy as np

from healthml._core._displays import BLUE, GREY, INK, VERMILION, new_axes, shorten
from healthml.explanation._displays.words import (
    SCALE_WORDS,
    is_uncertain_cell,
    player_label,
    signed,
)

_LONGEST = 44  # characters of a label; longer ones leave the bars too little room; looks only


def waterfall(result, row, ax=None, *, most=10, **kwargs):
    """Draw how the values of one row add up from the base value to its prediction.

    Hollow bars are cells that were filled in or missing; whiskers are the refits' interval, or
    the background's where there are no refits.
    """
    part = result.table[result.table["row"] == row]
    order = part["estimate"].abs().sort_values(ascending=False, kind="stable").index
    shown = [*part.loc[order[:most]].itertuples()]
    rest = part.loc[order[most:]]
    if len(rest):
        shown.append(_rest(rest))
    ax = new_axes(ax, width=7.2, height=1.6 + 0.36 * len(shown))
    end = _bars(ax, shown, float(result.base_values[row]), **kwargs)
    has_refits = len(result.refit_values) > 0
    _frame(ax, result, row, end, len(shown), has_refits)
    return ax


def _rest(rest):
    nothing = dict.fromkeys(("lower", "upper"), np.nan)
    label = f"{len(rest)} other columns"
    return SimpleNamespace(
        label=label, estimate=float(rest["estimate"].sum()), status="measured", **nothing
    )


def _whisker(row):
    """Return the interval to draw: over refits where there is one, else over backgrounds."""
    if isinstance(row, SimpleNamespace):
        return np.nan, np.nan
    if np.isfinite(row.refit_lower):
        return row.refit_lower, row.refit_upper
    return row.background_lower, row.background_upper


def _bars(ax, shown, start, **kwargs):
    """Draw the bars from the base value on; return the prediction."""
    top = len(shown) - 1
    for k, row in enumerate(shown):
        draw_bar(ax, top - k, start, row.estimate, row.status, **kwargs)
        lower, upper = _whisker(row)
        if np.isfinite(lower):
            ax.plot([start + lower, start + upper], [top - k] * 2, color=INK, lw=1, zorder=3)
        end = start + row.estimate
        right = max(start, end, start + upper if np.isfinite(upper) else -np.inf)
        ax.annotate(
            signed(row.estimate), (right, top - k), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9, color=INK,
        )  # fmt: skip
        if k < top:
            ax.plot([end, end], [top - k, top - k - 1], color=GREY, lw=0.6, zorder=0)
        start = end
    labels = [getattr(row, "label", None) or player_label(row) for row in shown]
    ax.set_yticks(
        range(top, -1, -1), [shorten(text, _LONGEST) for text in labels], parse_math=False
    )
    return start


def draw_bar(ax, place, start, size, status, **kwargs):
    """Draw one bar: vermilion up, blue and hatched down, hollow where the cell was not measured."""
    colour = VERMILION if size >= 0 else BLUE
    hollow = is_uncertain_cell(status)
    options = {
        "color": "white" if hollow else colour,
        "edgecolor": colour,
        "hatch": "" if size >= 0 else "///",
        "linestyle": "--" if hollow else "-",
        "height": 0.62,
    }
    if size < 0 and not hollow:
        options |= {"edgecolor": "white"}
    ax.barh(place, size, left=start, **(options | kwargs))
    if size < 0 and not hollow:
        ax.barh(place, size, left=start, height=0.62, fill=False, edgecolor=colour)


def _frame(ax, result, row, end, n, has_refits):
    base = float(result.base_values[row])
    ax.axvline(base, color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
    ax.axvline(end, color=INK, lw=0.8, zorder=0)
    words = SCALE_WORDS[result.scale]
    whiskers = "refits" if has_refits else "choice of background rows; not refitted"
    title = f"{base:.2f} (background's mean, dashed) to {end:.2f}"
    if result.probabilities is not None and result.scale == "log_odds":
        title += f": risk {result.probabilities[row]:.1%}"
    ax.set_title(title.replace("-", "\u2212"), fontsize=9, loc="right")
    ax.set_xlabel(f"{words}; whiskers: {result.confidence_level:.0%} interval over {whiskers}")
    ax.set_ylim(-0.6, n - 0.4)
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.08 * (high - low))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def draw_reasons(rows, ax, labels, *, unit="points"):
    """Draw the reasons of a report: bars to the left and right of nothing, with their numbers."""
    top = len(rows) - 1
    for k, (size, status, lower, upper) in enumerate(rows):
        draw_bar(ax, top - k, 0.0, size, status)
        if np.isfinite(lower):
            ax.plot([lower, upper], [top - k] * 2, color=INK, lw=1, zorder=3)
        ends = [size, 0.0] + ([upper] if np.isfinite(upper) else [])
        ax.annotate(
            signed(size, 1), (max(ends), top - k), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=9, color=INK,
        )  # fmt: skip
    ax.axvline(0.0, color=INK, lw=0.8)
    ax.set_yticks(
        range(top, -1, -1), [shorten(text, _LONGEST) for text in labels], parse_math=False
    )
    ax.set_ylim(-0.6, top + 0.6)
    ax.set_xlabel(unit)
    low, high = ax.get_xlim()
    ax.set_xlim(low, high + 0.1 * (high - low))
    return ax
