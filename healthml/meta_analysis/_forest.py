"""Forest plots: one line per site, a diamond for the mean, a bar for a site to come."""

import numpy as np


def draw_forest(
    table,
    ax=None,
    *,
    confidence_level=0.95,
    ideal=None,
    log=False,
    label="Estimate",
    limits=None,
    **kwargs,
):
    """Draw the rows of a table of studies and return the matplotlib axes.

    Parameters
    ----------
    table : DataFrame
        study, kind ("study", "left out", "pooled", "prediction"), estimate, lower, upper, weight,
        reason; drawn from the top.
    ax : matplotlib.axes.Axes, default=None
        Axes to draw into, or new ones.
    confidence_level : float, default=0.95
        Level named on the axis.
    ideal : float, default=None
        Where to draw a line for the best value.
    log : bool, default=False
        Whether the axis is logarithmic.
    label : str, default="Estimate"
        Name of the measure.
    limits : tuple of float, default=None
        Range of the axis; by default that of the estimates, with room; intervals beyond it are cut
        and end in an arrow.
    **kwargs
        Options of the intervals' lines.
    """
    from healthml._core._displays import BLUE, GREY, VERMILION, new_axes, shorten

    rows = table.reset_index(drop=True)
    place = len(rows) - 1 - np.arange(len(rows))
    ax = new_axes(ax, width=6.4, height=1.1 + 0.27 * len(rows))
    low, high = limits or _range(rows, log, ideal)
    if ideal is not None:
        ax.axvline(ideal, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    pooled = rows.loc[rows["kind"] == "pooled", "estimate"]
    if len(pooled) and np.isfinite(pooled.iloc[0]):
        ax.axvline(pooled.iloc[0], color=VERMILION, linewidth=0.6, zorder=0)
    size = _sizes(rows["weight"].to_numpy(dtype=float))
    for y, row, area in zip(place, rows.itertuples(), size, strict=True):
        inside = (low, high)
        if row.kind == "pooled" and np.isfinite(row.lower):
            _diamond(ax, row, y, VERMILION, inside)
        elif row.kind == "prediction" and np.isfinite(row.lower):
            _bar(ax, row, y, VERMILION, inside, linewidth=3.5)
        elif np.isfinite(row.lower) and not row.reason:
            _bar(ax, row, y, BLUE, inside, **{"linewidth": 1.2, **kwargs})
            ax.scatter(np.clip(row.estimate, low, high), y, s=area, color=BLUE, marker="s")
        else:
            ax.annotate(
                shorten(row.reason, 48) or "no interval",
                (0.01, y),
                xycoords=ax.get_yaxis_transform(),
                color=GREY,
                fontsize=8,
                fontstyle="italic",
                va="center",
            )
    _numbers(ax, rows, place)
    ax.set_yticks(place, [shorten(str(name)) for name in rows["study"]])
    ax.set(xlim=(low, high), ylim=(-0.7, len(rows) - 0.3))
    if log:
        _log_ticks(ax, low, high)
    ax.set_xlabel(f"{label}, {confidence_level:.0%} interval", parse_math=False)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _range(rows, log, ideal):
    """Return a range that holds every estimate, and the intervals that are not out of all scale."""
    drawn = rows[np.isfinite(rows["lower"]) & (rows["reason"] == "")]
    values = drawn[["estimate", "lower", "upper"]].to_numpy(dtype=float, copy=True)
    if log:
        values = np.log(np.where(values > 0, values, np.nan))
    values[~np.isfinite(values)] = np.nan
    centre = values[:, 0]
    if not np.isfinite(centre).any():
        return (0.5, 2.0) if log else (0.0, 1.0)
    base = centre if ideal is None else np.append(centre, np.log(ideal) if log else ideal)
    width = np.nanmedian(values[:, 2] - values[:, 1])
    width = 1.5 * width if np.isfinite(width) else 0.1
    low = max(np.nanmin(base) - width, np.nanmin(np.append(values[:, 1], base)))
    high = min(np.nanmax(base) + width, np.nanmax(np.append(values[:, 2], base)))
    room = 0.04 * (high - low) + 1e-6
    low, high = low - room, high + room
    return (np.exp(low), np.exp(high)) if log else (low, high)


def _sizes(weight):
    """Return the areas of the squares, in points, by weight."""
    if not np.isfinite(weight).any():
        return np.full(len(weight), 26.0)
    return 8 + 55 * np.sqrt(np.nan_to_num(weight) / np.nanmax(weight))


def _bar(ax, row, y, colour, inside, linewidth=1.2, **kwargs):
    low, high = np.clip((row.lower, row.upper), *inside)
    ax.plot([low, high], [y, y], color=colour, linewidth=linewidth, solid_capstyle="butt", **kwargs)
    for end, beyond, marker in ((low, row.lower < low, "<"), (high, row.upper > high, ">")):
        if beyond:
            ax.scatter(end, y, marker=marker, s=22, color=colour, clip_on=False, zorder=3)


def _diamond(ax, row, y, colour, inside):
    low, middle, high = np.clip((row.lower, row.estimate, row.upper), *inside)
    ax.fill([low, middle, high, middle], [y, y + 0.32, y, y - 0.32], color=colour, linewidth=0)


def _numbers(ax, rows, place):
    """Write estimate and interval at the right of each line."""
    for y, row in zip(place, rows.itertuples(), strict=True):
        if not np.isfinite(row.estimate):
            continue
        ends = f" ({row.lower:.2f} to {row.upper:.2f})" if np.isfinite(row.lower) else ""
        value = f"{row.lower:.2f} to {row.upper:.2f}"
        text = value if row.kind == "prediction" else f"{row.estimate:.2f}{ends}"
        ax.annotate(
            text, (1.02, y), xycoords=ax.get_yaxis_transform(), fontsize=8, va="center", ha="left"
        )


def _log_ticks(ax, low, high):
    """Put a logarithmic axis with plain numbers, about six of them, 1 among them."""
    ax.set_xscale("log")
    powers = 10.0 ** np.arange(-5, 5)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)):
        ticks = np.outer(powers, steps).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= 4:
            break
    ticks = ticks[:: -(-len(ticks) // 9)] if len(ticks) else ticks
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.set_xticks([], minor=True)
    ax.set_xlim(low, high)
