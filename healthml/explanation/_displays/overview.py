"""All explained rows: mean sizes, every value, and values against a column."""

import numpy as np

from healthml._core._displays import BLUE, GREY, INK, VERMILION, new_axes, shorten
from healthml._core._knowledge import readable_unit
from healthml._core._tables import parse_numbers
from healthml.explanation._displays.words import SCALE_WORDS, is_uncertain_cell

_SPREAD = 0.36  # largest distance of a point from its line in a swarm; looks only
_APART = 0.09  # usual distance of two such points; looks only


def bars(result, ax=None, *, most=10, **kwargs):
    """Draw the mean size of the values by player, with the interval over refits where there is."""
    mean = np.abs(result.values).mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:most][::-1]
    ax = new_axes(ax, width=6.4, height=1.2 + 0.32 * len(order))
    ax.barh(range(len(order)), mean[order], **({"color": BLUE, "height": 0.62} | kwargs))
    if len(result.refit_values):
        edge = (1 - result.confidence_level) / 2
        sizes = np.abs(result.refit_values).mean(axis=1)[:, order]
        lower, upper = np.quantile(sizes, [edge, 1 - edge], axis=0)
        ax.hlines(range(len(order)), lower, upper, color=INK, lw=1.4)
    ax.set_yticks(range(len(order)), [shorten(result.features[k]) for k in order], parse_math=False)
    whiskers = " (line: interval over refits)" if len(result.refit_values) else ""
    ax.set_xlabel(f"Mean size of the values, {SCALE_WORDS[result.scale]}{whiskers}")
    _tidy(ax)
    return ax


def beeswarm(result, ax=None, *, most=10, **kwargs):
    """Draw every value by player; high cells are triangles up, low ones down, hollow if imputed."""
    mean = np.abs(result.values).mean(axis=0)
    order = np.argsort(-mean, kind="stable")[:most][::-1]
    ax = new_axes(ax, width=7.0, height=1.4 + 0.42 * len(order))
    status = result.table["status"].to_numpy().reshape(result.values.shape)
    cells = result.table["value"].to_numpy(dtype=object).reshape(result.values.shape)
    for place, k in enumerate(order):
        level = _levels(cells[:, k])
        y = place + _swarm(result.values[:, k], np.ptp(result.values) or 1.0)
        hollow = np.array([is_uncertain_cell(word) for word in status[:, k]])
        _points(ax, result.values[:, k], y, level, hollow, **kwargs)
    ax.axvline(0.0, color=GREY, lw=0.8, zorder=0)
    ax.set_yticks(range(len(order)), [shorten(result.features[k]) for k in order], parse_math=False)
    ax.set_xlabel(f"Value, {SCALE_WORDS[result.scale]}")
    _legend(ax)
    _tidy(ax)
    return ax


# Third of a column's cells -> marker, colour and word
_STYLES = {
    1: ("^", VERMILION, "high third of the cells"),
    0: ("o", GREY, "middle, or not a number"),
    -1: ("v", BLUE, "low third of the cells"),
}


def _levels(cells):
    """Return 1, 0 or -1 for the high, middle and low third of a column's numbers."""
    import pandas as pd

    numbers, is_text = parse_numbers(pd.Series(cells, dtype=object))
    if is_text.any() or numbers.notna().sum() < 3:
        return np.zeros(len(cells), dtype=int)
    low, high = numbers.quantile([1 / 3, 2 / 3])
    return np.where(numbers > high, 1, np.where(numbers < low, -1, 0))


def _points(ax, x, y, level, hollow, **kwargs):
    for code, (marker, colour, _) in _STYLES.items():
        for empty in (False, True):
            rows = (level == code) & (hollow == empty)
            face = "none" if empty else colour
            options = {"s": 16, "marker": marker, "facecolors": face, "edgecolors": colour}
            ax.scatter(x[rows], y[rows], **(options | {"linewidths": 0.8} | kwargs))


def _legend(ax):
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker=marker, color=colour, ls="", label=word)
        for marker, colour, word in _STYLES.values()
    ]
    empty = {"marker": "o", "color": GREY, "markerfacecolor": "none", "ls": ""}
    handles.append(Line2D([], [], label="hollow: imputed or missing", **empty))
    ax.legend(handles=handles, fontsize=8, frameon=False, loc="best")


def _swarm(values, width):
    """Return distances from the line so that points of nearly the same value stand apart."""
    bins = np.round((values - values.min()) / width * 80).astype(int)
    offset = np.zeros(len(values))
    crowd = np.bincount(bins).max()
    step = min(_APART, 2 * _SPREAD / max(crowd, 1))
    for code in np.unique(bins):
        rows = np.flatnonzero(bins == code)
        offset[rows] = (np.arange(len(rows)) - (len(rows) - 1) / 2) * step
    return offset


def dependence(result, feature, ax=None, **kwargs):
    """Draw the values of one player against its cells; imputed and missing cells stand apart."""
    import pandas as pd

    ax = new_axes(ax, width=6.0, height=4.2)
    part = result.table[result.table["feature"] == feature]
    hollow = part["status"].map(is_uncertain_cell).to_numpy(dtype=bool)
    numbers, is_text = parse_numbers(pd.Series(part["value"].to_numpy(dtype=object)))
    unit = readable_unit(part["unit"].iloc[0])
    unit = f" ({unit})" if unit else ""
    y = part["estimate"].to_numpy()
    if is_text.any():
        words = part["value"].map(lambda cell: "missing" if cell is None else str(cell))
        levels = sorted(words.unique())
        x = words.map(levels.index).to_numpy(dtype=float)
        ax.set_xticks(range(len(levels)), [shorten(word, 14) for word in levels], parse_math=False)
    else:
        x = numbers.to_numpy()
    gap = np.isnan(x)
    if gap.any():
        known = x[~gap]
        low, high = (known.min(), known.max()) if known.size else (0.0, 1.0)
        x = np.where(gap, low - 0.12 * ((high - low) or 1.0), x)
        ax.annotate(
            "missing", (x[gap][0], 0), xycoords=ax.get_xaxis_transform(), xytext=(0, 4),
            textcoords="offset points", ha="center", fontsize=8, color=GREY,
        )  # fmt: skip
    ax.scatter(x[~hollow], y[~hollow], **({"s": 18, "color": BLUE, "label": "measured"} | kwargs))
    if hollow.any():
        ax.scatter(
            x[hollow], y[hollow], s=22, facecolors="none", edgecolors=VERMILION, marker="s",
            label="imputed or missing",
        )  # fmt: skip
        ax.legend(fontsize=8, frameon=False)
    ax.axhline(0.0, color=GREY, lw=0.8, zorder=0)
    ax.xaxis.label.set_parse_math(False)
    ax.set(xlabel=f"{feature}{unit}", ylabel=f"Value, {SCALE_WORDS[result.scale]}")
    _tidy(ax)
    return ax


def _tidy(ax):
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
